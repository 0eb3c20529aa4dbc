"""Denials: what AWS says where a policy denied a call, and whose policy that was.

AWS says `User: <caller> is not authorized to perform: <action> on resource: <ARN>` and then either `with an explicit
deny in a <kind of policy>` or `because no <kind of policy> allows the <action> action`; of several kinds, it names one
(IAM guide: troubleshoot access denied error messages). Since 2025, the denying policy's ARN may follow (AWS security
blog: enhanced access denied error messages with policy ARNs). Some services say less, and EC2 may say nothing at all.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

# EC2 says UnauthorizedOperation; the other services have the common errors' name, with or without its ending.
EC2_DENIED = "UnauthorizedOperation"  # no other service has this code
DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", EC2_DENIED})

TRIED_AGAIN = "Lifeline will try it again in its next sweep"

# Sessions of a role that is gone, or whose hour is over: EC2 has its own names (EC2 API: error codes; common errors).
SESSION_CODES = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    }
)

_CALLER = re.compile(r"\bUser:\s*(?P<caller>arn:\S+)")
_CALL = re.compile(r"not authorized to perform:\s*(?P<action>[A-Za-z0-9-]+:[A-Za-z0-9]+)")
_RESOURCE = re.compile(r"\bon (?:this )?resource:\s*\"?(?P<resource>\S*[^\s\".,])")
_POLICY = r"(?P<kind>[A-Za-z -]*?(?:policy|boundary))"
_EXPLICIT = re.compile(
    rf"\bwith an explicit deny in (?:an?|the) {_POLICY}\b(?:, with policy ARN)?:?\s*(?P<arn>arn:\S+)?"
)
_DENY = re.compile(r"\bwith an explicit deny\b")
_MISSING = re.compile(rf"\bbecause no {_POLICY} allows\b")


class Denier(StrEnum):
    """The kind of policy that denied a call, as AWS calls it. UNSAID is where AWS didn't say."""

    SERVICE_CONTROL_POLICY = "service control policy"
    RESOURCE_CONTROL_POLICY = "resource control policy"
    PERMISSIONS_BOUNDARY = "permissions boundary"
    IDENTITY_POLICY = "identity-based policy"
    RESOURCE_POLICY = "resource-based policy"
    SESSION_POLICY = "session policy"
    ENDPOINT_POLICY = "VPC endpoint policy"
    TRUST_POLICY = "role trust policy"
    UNSAID = ""

    @property
    def is_organizations(self) -> bool:
        """True if nothing in the account can allow the call: the policy is the organization's."""
        return self in {Denier.SERVICE_CONTROL_POLICY, Denier.RESOURCE_CONTROL_POLICY}


@dataclass(frozen=True, slots=True)
class Denial:
    """A denied call: `action` as in `ec2:CreateVpcEndpoint`, on the resource with the ARN `resource`, by the role's
    session with the ARN `caller`.

    `is_explicit` says that a statement denies it; otherwise none allows it. `policy_arn` is the policy's, where AWS
    names one. What AWS didn't say is empty.
    """

    denier: Denier = Denier.UNSAID
    action: str = ""
    resource: str = ""
    policy_arn: str = ""
    is_explicit: bool = False
    caller: str = ""

    @property
    def account(self) -> str:
        """The account of the resource that the call was on; empty where AWS didn't say."""
        return _account_in(self.resource)

    @property
    def callers_account(self) -> str:
        """The account whose role made the call; empty where AWS didn't say."""
        return _account_in(self.caller)


def _account_in(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdecimal() else ""


@lru_cache(maxsize=64)  # one error may be the answer to each message of a batch
def read_denial(message: str, code: str = "") -> Denial | None:
    """What AWS's error message says of a denial; None for any other error. `code` is the error's code, if known."""
    call = _CALL.search(message)
    explicit, missing = _EXPLICIT.search(message), _MISSING.search(message)
    policy = explicit or missing
    if not (call or policy or code in DENIED_CODES):
        return None
    caller, resource = _CALLER.search(message), _RESOURCE.search(message)
    return Denial(
        denier=_denier(policy["kind"]) if policy else Denier.UNSAID,
        action=call["action"] if call else "",
        caller=caller["caller"] if caller else "",
        resource=resource["resource"] if resource else "",
        policy_arn=(explicit["arn"] or "").rstrip(".,;\"'") if explicit else "",
        is_explicit=_DENY.search(message) is not None,
    )


def by_organizations(denied: Mapping[str, str]) -> dict[str, str]:
    """Of denied calls, with AWS's words for each, those that a policy of the organization denies."""
    found = {call: read_denial(words) for call, words in denied.items()}
    return {call: denied[call] for call, denial in found.items() if denial and denial.denier.is_organizations}


def denied_words(denial: Denial, account: str) -> str:
    """Whose policy denies what in which account, in a clause."""
    action = denial.action or "the call"
    where = f" in account {account}" if account else ""
    policy = f" ({denial.policy_arn})" if denial.policy_arn else ""
    match denial.denier:
        case Denier.UNSAID:
            return f"AWS denies {action}{where}"
        case Denier.SERVICE_CONTROL_POLICY | Denier.RESOURCE_CONTROL_POLICY:
            kind = f"a {denial.denier} of the organization"
        case Denier.IDENTITY_POLICY:
            kind = "the role's own policy" if denial.is_explicit else "the role's own policies"
        case Denier.PERMISSIONS_BOUNDARY:
            kind = "the role's permissions boundary"
        case other:
            kind = f"a {other}"
    if denial.is_explicit:
        return f"{kind}{policy} denies {action}{where}"
    verb = "don't" if kind.endswith("policies") else "doesn't"
    return f"{kind} {verb} allow {action}{where}"


def _denier(kind: str) -> Denier:
    """The kind by AWS's words, in their singular and plural forms: AWS writes both `session` and `sessions policy`."""
    words = kind.strip().casefold().replace("sessions ", "session ")
    return next((denier for denier in Denier if denier and denier.casefold() == words), Denier.UNSAID)
