"""Does an endpoint's policy let its service through? Judged only as far as it is certain: by the policy, the endpoint,
its VPC, the accounts whose clients are there, and the time.

An endpoint's policy limits what goes through it, whatever the caller's own policies allow (PrivateLink guide: endpoint
policies).
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from lifeline.core.network.conditions import ANY_CALL, Call, call_through
from lifeline.core.network.iam_policy import ANYTHING, Permission, allows, is_readable
from lifeline.core.network.model import Endpoint, Part, Vpc, region_of, suffix_of, without_fips
from lifeline.core.wording import listed

PUBLISHING = "cloudwatch:PutMetricData"
# How a service's actions begin, where a policy may name them (Service Authorization Reference: service prefixes).
_PREFIXES = {
    "autoscaling": "autoscaling",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ec2messages": "ec2messages",
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "events": "events",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "ssmmessages": "ssmmessages",
    "sts": "sts",
    "xray": "xray",
}


class Opening(StrEnum):
    """What a policy lets through.

    `narrow` is what isn't certain: it hangs on which of the account's principals calls, on what is asked, or on a
    condition that may hold or not.
    """

    OPEN = "open"
    NARROW = "narrow"
    SHUT = "shut"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What the policy of an endpoint lets through of its service, and that as a clause, empty where it is open."""

    opening: Opening
    words: str = ""


_OPEN = PolicyVerdict(Opening.OPEN)


def judge_policy(endpoint: Endpoint, vpc: Vpc, asking: Vpc | None = None) -> PolicyVerdict:
    """What the endpoint's policy lets through: of `monitoring` the publishing of metrics, of others anything at all.

    Clients in `asking` call, another VPC if it isn't the endpoint's own. Accounts with which a VPC is shared have
    network interfaces in it (VPC guide: share your VPC subnets), and a caller is of the account whose interface it
    uses: what isn't so for all of them is `narrow`.
    """
    service = suffix_of(endpoint.service_name)
    opening = _judge(endpoint.policy, service, ANY_CALL)
    if opening is Opening.OPEN:  # as most are, whoever calls from where
        return _OPEN
    shut: list[str] = []
    if opening is Opening.NARROW:
        by_account = {
            account: _judged_for(account, endpoint, vpc, asking or vpc) for account in _callers(asking or vpc)
        }
        found = set(by_account.values())
        opening = found.pop() if len(found) == 1 else Opening.NARROW
        shut = [account for account, judged in by_account.items() if judged is Opening.SHUT and account]
    whose = f"the policy of {endpoint.id}"
    unclear = f"whether {whose} allows {_asked_words(service)} isn't clear from the policy alone"
    lost = f"{whose} doesn't allow {_asked_words(service)} to callers of account {listed(shut)}"
    words = {
        Opening.OPEN: "",
        Opening.NARROW: lost if shut else unclear,
        Opening.SHUT: f"{whose} doesn't allow {_asked_words(service)}",
        Opening.UNREADABLE: f"{whose} could not be understood",
    }[opening]
    return PolicyVerdict(opening, words)


def _judged_for(account: str, endpoint: Endpoint, vpc: Vpc, asking: Vpc) -> Opening:
    region = region_of(endpoint.service_name)
    call = call_through(endpoint.id, vpc.id, region, asking.all_cidrs, asking.read_at, account)
    return _judge(endpoint.policy, suffix_of(endpoint.service_name), call)


def _callers(vpc: Vpc) -> list[str]:
    """The accounts whose clients are in the VPC, its owner's with them; an empty one where not all could be read. An
    interface counts that is attached to nothing as well: nobody may have an endpoint opened by detaching one.
    """
    seen = {one.owner_id for one in vpc.interfaces or () if one.owner_id and not one.only_answers}
    return sorted({vpc.owner_id, *seen} | ({""} if vpc.unread_words(Part.INTERFACES) else set()))


def hangs_on_network(endpoint: Endpoint, vpc: Vpc) -> bool:
    """True if whom the policy lets in isn't certain without the VPC's blocks, or the accounts that are there."""
    call = call_through(endpoint.id, vpc.id, region_of(endpoint.service_name), (), vpc.read_at)
    return _judge(endpoint.policy, suffix_of(endpoint.service_name), call) is Opening.NARROW


def hangs_on_account(endpoint: Endpoint, vpc: Vpc) -> bool:
    """True if the policy's verdict isn't the same for callers of all accounts, so that who has network interfaces in
    the VPC has to be read.
    """
    if _judge(endpoint.policy, suffix_of(endpoint.service_name), ANY_CALL) is not Opening.NARROW:
        return False
    return _judged_for(vpc.owner_id, endpoint, vpc, vpc) is not _judged_for("", endpoint, vpc, vpc)


def lets_any_caller_through(endpoint: Endpoint, vpc: Vpc) -> bool:
    """True if the policy lets everything through that clients in the VPC send, whichever account's credentials they
    use.
    """
    return _judged_for("", endpoint, vpc, vpc) is Opening.OPEN


def is_shut(endpoint: Endpoint, vpc: Vpc) -> bool:
    """True if the endpoint's policy lets nothing through that counts."""
    return judge_policy(endpoint, vpc).opening is Opening.SHUT


@lru_cache(maxsize=4096)
def _judge(document: str, service: str, call: Call) -> Opening:
    if not is_readable(document):
        return Opening.UNREADABLE
    return {
        Permission.ALLOWED: Opening.OPEN,
        Permission.DENIED: Opening.SHUT,
        Permission.UNSURE: Opening.NARROW,
    }[allows(document, _asked(service), call)]


def asked_words(service_name: str) -> str:
    """What must pass through an endpoint of the service."""
    return _asked_words(suffix_of(service_name))


def _asked(service: str) -> str:
    service = without_fips(service)
    if service == "monitoring":
        return PUBLISHING
    return f"{_PREFIXES[service]}:*" if service in _PREFIXES else ANYTHING


def _asked_words(service: str) -> str:
    asked = _asked(service)
    return asked if asked == PUBLISHING else f"the {service} service"
