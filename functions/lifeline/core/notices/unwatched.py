"""The notice of agents whose silence isn't reported because of a tag of their instances, which anybody may have set."""

from collections.abc import Iterable, Sequence

from lifeline.core.agents.agent import BY_TAG, Agent, Suppression
from lifeline.core.agents.instances import AGENT_TAG, is_instance_id
from lifeline.core.agents.watches import Watch
from lifeline.core.notices.notice import Notice, subject_line
from lifeline.core.policy.policy import EXEMPT
from lifeline.core.severity import Severity
from lifeline.core.wording import few, quoted, write_count

_SHOWN = 10
_LOOK_UP = "aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue="


def unwatched_notice(watch: Watch, agents: Iterable[Agent]) -> Notice:
    """Write which agents are silent without an incident, by which tags, and how to find out who set these."""
    silent = sorted(agents, key=lambda agent: agent.entity)
    by = {reason: [agent.entity for agent in silent if agent.suppressed_by is reason] for reason in BY_TAG}
    exempt, untagged = by[Suppression.EXEMPT], by[Suppression.UNTAGGED]
    in_window = by[Suppression.TAGGED_MAINTENANCE]
    incidents = sorted({agent.incident for agent in silent if agent.incident})
    count = write_count(len(silent), "agent")
    ids = [agent.entity for agent in silent if is_instance_id(agent.entity)]
    return Notice(
        kind="unwatched",
        severity=Severity.WARNING,
        subject=subject_line(f"[lifeline] silence of {count} not reported because of a tag"),
        happened=(
            f"{count} of the watch {quoted(watch.name)} {'send' if len(silent) > 1 else 'sends'} no data.",
            "A tag that was set on the instance, or removed from it, keeps Lifeline from reporting that:",
            *((f"- has the tag {EXEMPT}: {_list(exempt)}",) if exempt else ()),
            *(
                (f"- has tags that a maintenance window in the policy selects: {_list(in_window)}",)
                if in_window
                else ()
            ),
            *((f"- lost the tag {AGENT_TAG}, and never sent any: {_list(untagged)}",) if untagged else ()),
        ),
        done=tuple(_done(exempt, in_window, untagged, incidents)),
        next=(
            "No action needed if this is intended. Otherwise, undo the change: Lifeline will then report the agent",
            "if it is still silent.",
            *(("To see who changed the tags:", f"    {_LOOK_UP}{ids[0]}") if ids else ()),
        ),
        incident=incidents[0] if len(incidents) == 1 else "",
        facts={
            "watch": watch.name,
            "exempt": exempt,
            "in_maintenance": in_window,
            "untagged": untagged,
            "incidents": incidents,
        },
    )


def _done(
    exempt: Sequence[str], in_window: Sequence[str], untagged: Sequence[str], incidents: Sequence[str]
) -> Iterable[str]:
    if exempt:
        yield f"Lifeline won't report the silence of instances that have the tag {EXEMPT} while the tag applies."
    if in_window:
        yield "Lifeline will report agents in a maintenance window if they are still silent after it."
    if exempt or in_window:
        yield "If a canary of Lifeline's silences one of them, Lifeline still reports that and withdraws the canary."
    if untagged:
        yield f"Lifeline no longer expects agents on instances that lost the tag {AGENT_TAG}, until they send data."
    if incidents:
        yield f"These incidents no longer wait for the agents: {few(incidents, _SHOWN)}."


def _list(names: Iterable[str]) -> str:
    return few(list(map(quoted, names)), _SHOWN)
