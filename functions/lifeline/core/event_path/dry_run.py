"""Dry runs: what EC2 says of a call that it checks, but doesn't carry out."""

from dataclasses import dataclass
from enum import Enum

_ALLOWED = "DryRunOperation"
_DENIED = "UnauthorizedOperation"
OF_ENDPOINT, OF_GROUP = "CreateVpcEndpoint", "CreateSecurityGroup"
CHANGED_NOTHING = frozenset({_ALLOWED, _DENIED})
# AttemptRule lets the records with these codes through: of any other answer none comes.
RECORDED = {
    OF_ENDPOINT: CHANGED_NOTHING | {"DependencyViolation", "InvalidParameter", "RouteAlreadyExists"},
    OF_GROUP: CHANGED_NOTHING,
}


class DryRunVerdict(Enum):
    """Whether the role may create an endpoint today, as a dry run says."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DryRun:
    """EC2's answer to a dry run: always an error, with its `code` and `message` (EC2 API: DryRun).

    CloudTrail's record of the call has the same `request_id` (CloudTrail guide: record contents, requestID).
    `encoded` is what EC2 says of a denial to those who may decode it (STS API: DecodeAuthorizationMessage). `call` is
    what the dry run was of.
    """

    code: str
    message: str
    request_id: str = ""
    encoded: str = ""
    call: str = OF_ENDPOINT

    @property
    def is_recorded(self) -> bool:
        """True if the record of it comes to the queue."""
        return bool(self.request_id) and self.code in RECORDED[self.call]

    @property
    def verdict(self) -> DryRunVerdict:
        """Any other code is about the parameters, and says nothing of the role."""
        return {_ALLOWED: DryRunVerdict.ALLOWED, _DENIED: DryRunVerdict.DENIED}.get(self.code, DryRunVerdict.UNKNOWN)
