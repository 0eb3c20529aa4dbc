"""The notice of the kill switch: nothing is changed while it is on."""

from collections.abc import Sequence

from lifeline.core.guards.kill_switch import switch_command
from lifeline.core.notices.notice import Notice
from lifeline.core.severity import Severity
from lifeline.core.wording import write_count


def switch_notice(why: str, name: str, vpc_ids: Sequence[str]) -> Notice:
    """Write why nothing is changed, which VPCs have changes waiting, and how to turn the switch off.

    `why` is one line without a full stop, `name` the switch's parameter.
    """
    vpcs = write_count(len(vpc_ids), "VPC")
    waiting = f"Changes in {vpcs} are waiting. Lifeline will make them in its next sweep once the switch is off."
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
            "No action needed if this is intended. To let Lifeline make changes again:",
            f"    {switch_command(name, 'off')}",
        ),
        resource_ids=tuple(vpc_ids),
        facts={"why": why, "parameter": name, "vpc_ids": list(vpc_ids)},
    )
