"""The notice of the kill switch: nothing is changed while it is on."""

from collections.abc import Sequence

from lifeline.core.guards.kill_switch import switch_command
from lifeline.core.notices.notice import Notice, changed_lines
from lifeline.core.severity import Severity
from lifeline.core.wording import write_count


def switch_notice(why: str, name: str, vpc_ids: Sequence[str], *, is_plan: bool = False) -> Notice:
    """Write why nothing is changed, which VPCs have changes waiting, and how to turn the switch off.

    `why` is one line without a full stop, `name` the switch's parameter. With `is_plan`, the stack's mode is plan.
    """
    vpcs = write_count(len(vpc_ids), "VPC")
    waiting = (
        f"Changes in {vpcs} are waiting. Once the switch is off, Lifeline will make them in its next sweep, except "
        "those that need your approval."
    )
    turn_off = (
        "The stack is in plan mode: Lifeline will change nothing with the switch off, either. To turn it off all the "
        "same:"
    )
    resume = "No action needed if this is intended. To let Lifeline make changes again:"
    return Notice(
        kind="kill_switch",
        severity=Severity.WARNING,
        subject=f"[lifeline] kill switch is on: {f'changes blocked in {vpcs}' if vpc_ids else 'no changes waiting'}",
        happened=(f"{why[0].upper()}{why[1:]}.",),
        done=(
            (
                "Lifeline won't change anything while the switch is on. It still checks the VPCs and reports what it "
                "would do."
            ),
            waiting if vpc_ids else "No changes are waiting.",
        ),
        next=(
            turn_off if is_plan else resume,
            f"    {switch_command(name, 'off')}",
            *changed_lines(name),
        ),
        resource_ids=tuple(vpc_ids),
        facts={"why": why, "parameter": name, "vpc_ids": list(vpc_ids)},
    )
