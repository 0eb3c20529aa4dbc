"""Policy: split out of another room."""

from dataclasses import dataclass

from lifeline.core.notices.notice import Notice, Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the parameter, and what holds meanwhile.

    `version` is the one that was refused, 0 where none could be read; `in_force` the last valid one, 0 where there is
    none. `is_news` until `mark_told`, and not for a passing failure that a valid policy bridges.
    """

    field: str
    message: str
    version: int
    in_force: int
    is_news: bool


def policy_notice(problem: Problem) -> Notice:
    """What is wrong with the policy, in which field, and what holds until it is right."""
    what = f"version {problem.version} refused: {problem.field}" if problem.version else "it can't be read"
    meanwhile = (
        f"Version {problem.in_force}, the last valid one, stays in force."
        if problem.in_force
        else "There is no valid version to fall back on: nothing is applied until it is right."
    )
    return Notice(
        kind="policy",
        severity=Severity.WARNING if problem.in_force else Severity.CRITICAL,
        subject=f"[lifeline] policy: {what}",
        happened=(
            f"Version {problem.version} of the policy is refused:" if problem.version else "The policy can't be read:",
            f"  {problem.field}: {problem.message}",
        ),
        done=(meanwhile,),
        next=("Put that field right and write the document again: the next look reads it, and you hear no more.",),
        facts={
            "field": problem.field,
            "message": problem.message,
            "version": problem.version,
            "in_force": problem.in_force,
        },
    )
