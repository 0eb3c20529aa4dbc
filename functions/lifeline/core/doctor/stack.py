"""Is there a stack at all, and is it what its last deployment was to make of it?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lifeline.core.doctor.finding import Finding, bad, unknown
from lifeline.core.wording import quoted

STACK_CHECK = "stack"
# CloudFormation lists stacks of which nothing works, or nothing is sure to (CloudFormation guide: stack status codes).
# A failed update leaves the stack as it was before, unless that fails, too.
_UNDER_WAY = frozenset({"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"})
_FAILED = frozenset({"CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "DELETE_FAILED"})
_REVIEWED = "REVIEW_IN_PROGRESS"
_HALF_UPDATED = {
    "UPDATE_FAILED": "deploy it again",
    # Until its rollback is over, it can't be updated (CloudFormation guide: continue rolling back an update).
    "UPDATE_ROLLBACK_FAILED": "end its rollback: aws cloudformation continue-update-rollback {}",
}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class StackSeen:
    """A stack as CloudFormation describes it: its status, the reason that it gives for it, and its outputs."""

    name: str
    status: str
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_deployed(self) -> bool:
        """False while it is made for the first time or deleted, and where that failed."""
        return self.status not in _UNDER_WAY | _FAILED | {_REVIEWED}


def check_stack(seen: StackSeen | None, name: str, region: str, *, is_asked_for: bool) -> Finding | None:
    """What is wrong with the stack; None where nothing is, or where there is none yet and nobody named it."""
    if seen is None:
        says = f"There is no stack {quoted(name)} in {region}."
        remedy = "Check its name and Region, or deploy it. Without STACK, the account is examined before a deployment."
        return bad(STACK_CHECK, says, remedy) if is_asked_for else None
    why = f": {quoted(seen.reason, _LONGEST)}" if seen.reason else ""
    says = f"The stack {quoted(name)} is in the state {seen.status}{why}."
    here = f"--stack-name {name} --region {region}"
    events = f"Its events say why: aws cloudformation describe-stack-events {here}."
    if seen.status in _UNDER_WAY:
        return unknown(STACK_CHECK, says, "Nothing is sure to work until that has ended: ask the doctor again then.")
    if seen.status == _REVIEWED:
        return bad(STACK_CHECK, says, "Its first change set was never executed: deploy it, or delete the stack.")
    if seen.status in _FAILED:
        remedy = f"It doesn't work. {events} Correct that, delete the stack, and deploy it again."
        return bad(STACK_CHECK, says, remedy)
    if then := _HALF_UPDATED.get(seen.status):
        remedy = f"Parts of it may be old or missing. {events} Correct that, and {then.format(here)}."
        return bad(STACK_CHECK, says, remedy)
    return None
