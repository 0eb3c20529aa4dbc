"""The notice of a policy that can't be used."""

from dataclasses import dataclass

from lifeline.core.notices.notice import Notice, changed_lines
from lifeline.core.severity import Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the policy parameter, and which version is in effect meanwhile.

    `version` is the rejected one, 0 if none could be read; `in_force` is the last valid one, 0 if there is none.
    `is_news` until it has been reported; a transient failure that a valid policy bridges is never news.
    """

    field: str
    message: str
    version: int
    in_force: int
    is_news: bool


def policy_notice(problem: Problem, name: str) -> Notice:
    """Write which field of the policy is wrong, what is in effect, and how to fix it. `name` is its SSM parameter."""
    is_read = bool(problem.version)
    rejected = f"policy version {problem.version} rejected: {problem.field}"
    meanwhile = (
        f"Version {problem.in_force}, the last valid one, stays in effect."
        if problem.in_force
        else "There is no earlier valid version, so Lifeline won't change anything until this is fixed."
    )
    return Notice(
        kind="policy",
        severity=Severity.WARNING if problem.in_force else Severity.CRITICAL,
        subject=f"[lifeline] {rejected if is_read else 'policy parameter cannot be read'}",
        happened=(
            f"Lifeline rejected version {problem.version} of the policy in the SSM parameter {name}:"
            if is_read
            else f"Lifeline can't read the policy in the SSM parameter {name}:",
            f"  {problem.field}: {problem.message}",
        ),
        done=(meanwhile,),
        next=(
            f"Fix this field and update {name}. The new version will take effect on the next run."
            if is_read
            else "Fix the error shown above. Lifeline will read the parameter again on its next run.",
            *(changed_lines(name) if is_read else ()),
        ),
        facts={
            "field": problem.field,
            "message": problem.message,
            "version": problem.version,
            "in_force": problem.in_force,
            "parameter": name,
        },
    )
