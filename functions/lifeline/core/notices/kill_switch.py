"""Kill switch: split out of another room."""

from collections.abc import Sequence

from lifeline.core.notices.notice import Notice, Severity
from lifeline.core.wording import write_count


def switch_notice(why: str, name: str, vpc_ids: Sequence[str]) -> Notice:
    """That nothing is changed, what is held back, and how to lift it."""
    waiting = f"Held back in {_vpcs(vpc_ids)}: {', '.join(vpc_ids[:10])}." if vpc_ids else "Nothing is held back."
    more = f" And {len(vpc_ids) - 10} more; the log names them all." if len(vpc_ids) > 10 else ""
    return Notice(
        kind="kill_switch",
        severity=Severity.WARNING,
        subject=f"[lifeline] the kill switch is on: {_vpcs(vpc_ids) if vpc_ids else 'nothing'} held back",
        happened=(f"{why[0].upper()}{why[1:]}.",),
        done=(
            "Lifeline changes nothing. It goes on watching, and telling what it would do.",
            f"{waiting}{more} The first sweep after the switch is off does it." if vpc_ids else waiting,
        ),
        next=("Nothing, if it was meant. Once Lifeline should act again:", f"    {_lift(name)}"),
        facts={"why": why, "parameter": name, "vpc_ids": list(vpc_ids)},
    )


def _vpcs(vpc_ids: Sequence[str]) -> str:
    return write_count(len(vpc_ids), "VPC")


def _lift(name: str) -> str:
    return f"aws ssm put-parameter --name {name} --type String --value off --overwrite"
