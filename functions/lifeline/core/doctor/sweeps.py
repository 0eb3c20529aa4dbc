"""Does Lifeline run? Its schedule must begin the sweeps, and Lambda must receive from its queues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.event_path.schedule import sweep_overdue
from lifeline.core.wording import quoted, write_length

SWEEPS_CHECK, TRIGGER_CHECK = "sweeps", "trigger"
_ENABLED = "ENABLED"  # EventBridge Scheduler API: GetSchedule, State
REPORTS = "ReportBatchItemFailures"  # a trigger's only response type (Lambda guide: errors for an SQS event source)
_OFF = frozenset({"Disabling", "Disabled", "Deleting"})  # Lambda API: EventSourceMappingConfiguration, State


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """What has Lambda receive from a queue: an event source mapping, by its ID, its state, the ARN of the function that
    gets the messages, whether a filter has Lambda delete some of them, and whether it also deletes what the function
    says that it couldn't do (Lambda guide: event filtering with SQS; errors for an SQS event source).
    """

    id: str
    state: str
    function_arn: str = ""
    is_filtered: bool = False
    drops_failures: bool = False

    @property
    def function(self) -> str:
        """The function's name, with the version or alias that the trigger names; empty where the ARN isn't known."""
        return self.function_arn.partition(":function:")[2]

    @property
    def is_on(self) -> bool:
        """Whether it receives, or will soon."""
        return self.state not in _OFF


def check_sweeps(
    state: str | NotRead | None, name: str, swept: datetime | NotRead | None, now: datetime, pause: timedelta
) -> Finding:
    """Whether the schedule `name` begins sweeps, by its `state`, which is None where there is no such schedule; and
    whether the last sweep, which began at `swept`, isn't too long ago. `pause` is the longest time between two.
    """
    if isinstance(state, NotRead):
        return unknown(SWEEPS_CHECK, "Whether the sweeps' schedule is enabled couldn't be read.", state.why)
    if state is None:
        remedy = (
            "A deployment doesn't make it again: create a schedule of this name that invokes ReconcileEndpoints' alias"
            ' schedule with {"sweep": true}, or delete the stack and deploy it again.'
        )
        return bad(SWEEPS_CHECK, f"There is no schedule {name}, so nothing begins a sweep.", remedy)
    if state != _ENABLED:
        remedy = "Enable it in EventBridge Scheduler, or deploy with another SweepSchedule, which enables it."
        return bad(SWEEPS_CHECK, f"The schedule {name} is {quoted(state)}, so nothing begins a sweep.", remedy)
    return _judge_last(f"The schedule {name} is enabled", swept, now, pause)


def _judge_last(enabled: str, swept: datetime | NotRead | None, now: datetime, pause: timedelta) -> Finding:
    if isinstance(swept, NotRead):
        return unknown(SWEEPS_CHECK, f"{enabled}, but when the last sweep was couldn't be read.", swept.why)
    if swept is None:
        return ok(SWEEPS_CHECK, f"{enabled}. No sweep has ended yet.")
    last = f"the last sweep that ended began {write_length(max(now - swept, timedelta(0)))} ago"
    if sweep_overdue(swept, now, pause):
        remedy = "Look at the log and the concurrency of ReconcileEndpoints, or call a sweep and see what it answers."
        return bad(SWEEPS_CHECK, f"{enabled}, but {last}.", remedy)
    return ok(SWEEPS_CHECK, f"{enabled}, and {last}.")


def check_trigger(triggers: Sequence[QueueTrigger] | NotRead, function: str = "", queue: str = "Changes") -> Finding:
    """Whether Lambda receives from the queue, all of it, for `function` alone; for any, where that is empty: its name
    isn't known.
    """
    is_of_checks = queue == "Checks"
    receiver = "DetectMetricGaps" if is_of_checks else "ReconcileEndpoints"
    if isinstance(triggers, NotRead):
        return unknown(TRIGGER_CHECK, f"What receives from the queue {queue} couldn't be read.", triggers.why)
    own = [trigger for trigger in triggers if not function or trigger.function == function]
    receiving = [trigger for trigger in own if trigger.is_on]
    update = "aws lambda update-event-source-mapping --uuid"
    if others := [trigger for trigger in triggers if trigger not in own and trigger.is_on]:
        says = f"The messages of the queue {queue} go to {quoted(others[0].function)}, too."
        if not receiving:
            says = f"The messages of the queue {queue} go to {quoted(others[0].function)} instead."
        remedy = f"Delete that trigger, or give it back: {update} {others[0].id} --function-name {function}"
        return bad(TRIGGER_CHECK, says, remedy)
    for trigger in receiving:
        drops = remedy = ""
        if trigger.is_filtered:
            drops, remedy = "has a filter: Lambda deletes what it doesn't let through", "--filter-criteria '{}'"
        elif trigger.drops_failures and not is_of_checks:  # the detector reports none: it fails as a whole
            drops = f"has Lambda delete messages that {receiver} reports as failed"
            remedy = f"--function-response-types {REPORTS}"
        if drops:
            says = f"The trigger of {receiver} on {queue} {drops}."
            return bad(TRIGGER_CHECK, says, f"Mend it: {update} {trigger.id} {remedy}")
    if receiving:
        return ok(TRIGGER_CHECK, f"Lambda receives from the queue {queue}.")
    if own:
        says = f"The trigger of {receiver} on {queue} is {quoted(own[0].state)}."
        return bad(TRIGGER_CHECK, says, f"Enable it: {update} {own[0].id} --enabled")
    remedy = f"Add the queue as a trigger of {receiver}, or delete the stack and deploy it again."
    return bad(TRIGGER_CHECK, f"Nothing receives from the queue {queue}.", remedy)
