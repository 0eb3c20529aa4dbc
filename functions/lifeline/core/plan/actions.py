"""What Lifeline can do to a VPC, and what it says of each service there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Self

from lifeline.core.network.hub import CheckAnswer
from lifeline.core.network.model import SECURITY_GROUP_NAME, Endpoint, Ranges, SeenTier, suffix_of
from lifeline.core.network.network_path import NetworkPath
from lifeline.core.network.ports import HTTPS
from lifeline.core.plan.ways import HubComparison
from lifeline.core.policy.central import is_profile
from lifeline.core.policy.labels import Tagging
from lifeline.core.wording import fingerprint


class ActionKind(StrEnum):
    """One change each, in the order in which they are made: an endpoint needs its group, and private DNS the VPC's."""

    FIX_DNS = "fix_dns"
    CREATE_SECURITY_GROUP = "create_security_group"
    OPEN_SECURITY_GROUP = "open_security_group"
    ATTACH_SECURITY_GROUP = "attach_security_group"
    RESET_POLICY = "reset_policy"  # of an endpoint, to the one that it should have; by default that allows everything
    RESET_DNS_RECORDS = "reset_dns_records"  # of an endpoint, to those of all addresses that it has
    CREATE_INTERFACE_ENDPOINT = "create_interface_endpoint"
    ADD_SUBNETS = "add_subnets"
    CREATE_GATEWAY_ENDPOINT = "create_gateway_endpoint"
    ADD_ROUTE_TABLES = "add_route_tables"
    ENABLE_PRIVATE_DNS = "enable_private_dns"
    ASSOCIATE_CENTRAL = "associate_central"  # the VPC with a hub's zones or Profile
    REPLACE_ENDPOINT = "replace_endpoint"
    SWAP_TO_LOCAL = "swap_to_local"  # an endpoint takes the name in the place of a hub's zones or Profile
    SWAP_TO_CENTRAL = "swap_to_central"  # and back
    DISABLE_PRIVATE_DNS = "disable_private_dns"
    DISASSOCIATE_CENTRAL = "disassociate_central"
    RESTORE_LOCAL = "restore_local"  # the way back did harm: the endpoint that stood in takes the name again
    DELETE_AUTHORIZATION = "delete_authorization"  # of an association across accounts, which needs it no more
    REMOVE_SUBNETS = "remove_subnets"
    REMOVE_ROUTE_TABLES = "remove_route_tables"
    MEND_ROUTE = "mend_route"  # always a person's: routes are the network owner's
    AWAIT_ENDPOINT = "await_endpoint"  # always a person's: others' endpoints, of which none ever comes up
    MEND_POLICY = "mend_policy"  # always a person's: the parameter of a named endpoint policy that can't be used
    OPEN_NETWORK_ACL = "open_network_acl"  # always a person's: ACLs are the network owner's own guard
    RETIRE_ENDPOINT = "retire_endpoint"
    DELETE_SECURITY_GROUP = "delete_security_group"
    CLOSE_SECURITY_GROUP = "close_security_group"  # to other networks. What others let in is a person's to close
    CONFIRM_OWNERSHIP = "confirm_ownership"  # always a person's: only they know whose it is
    CORRECT_TAG = "correct_tag"  # always a person's: only they know what they meant


# What hands something over, or takes it away: no limit is meant for it, and no freeze.
REMOVALS = frozenset(
    {
        ActionKind.DISABLE_PRIVATE_DNS,
        ActionKind.DISASSOCIATE_CENTRAL,
        ActionKind.RESTORE_LOCAL,
        ActionKind.DELETE_AUTHORIZATION,
        ActionKind.REMOVE_SUBNETS,
        ActionKind.REMOVE_ROUTE_TABLES,
        ActionKind.RETIRE_ENDPOINT,
        ActionKind.DELETE_SECURITY_GROUP,
        ActionKind.CLOSE_SECURITY_GROUP,
    }
)
# What gives an endpoint, of the VPC or of a hub, a service's name in the VPC.
NAMING = frozenset(
    {
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        ActionKind.ENABLE_PRIVATE_DNS,
        ActionKind.REPLACE_ENDPOINT,
        ActionKind.ASSOCIATE_CENTRAL,
        ActionKind.SWAP_TO_LOCAL,
        ActionKind.SWAP_TO_CENTRAL,
    }
)
# What a swap asks for whose beginning only its endpoint shows, by its tag and the record of what it was made for.
# `with_doubts` answers it if the ledger has the beginning.
HALFWAY = (
    "needs approval: by what Lifeline's endpoint stands in for, a swap stopped halfway, "
    "but no unfinished one is known that began in the last 24 hours"
)
UNANSWERED = "as far as Lifeline knows, nothing answers the name of"  # in the error of a swap that couldn't be undone
SWAPS = frozenset({ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL, ActionKind.RESTORE_LOCAL})
ASSOCIATES = frozenset({ActionKind.ASSOCIATE_CENTRAL, ActionKind.SWAP_TO_CENTRAL})
DELETES = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP})


class Status(StrEnum):
    """What became of an action. `blocked` says that Lifeline may not, or can't, and a person should act."""

    PLANNED = "planned"
    DONE = "done"
    BLOCKED = "blocked"
    FAILED = "failed"


class Urgency(IntEnum):
    """How urgent an action is where a limit is short: the higher, the earlier, and the more of the limit it may use.

    - `TAGGED`: only a tag asks for it, and something that the policy's rules ask for has no endpoint in the VPC yet.
    - `OTHER`: everything that isn't urgent, such as a new VPC or an old backlog.
    - `RECENT`: its subnets lost their path or its agents are silent, but Lifeline hasn't known that path for a day.
    - `URGENT`: the same, and Lifeline had known the path for a day.
    """

    TAGGED = 0
    OTHER = 1
    RECENT = 2
    URGENT = 3


@dataclass(frozen=True, slots=True)
class Action:
    """One change with its reason; if `blocked`, `error` says why it will not be made and what would help.

    `blocked_by` names the limit, or the kill switch, that blocks it where nothing else would. `private_dns` is False
    for an interface endpoint that is to be made without private DNS. `is_optional` says that nobody asked for it: it is
    left out, rather than blocked, where it can't be done. `urgency` decides where a limit is short. `ports` are those
    of the service, or those that a security group lets in. `security_group_name` is that of a group that is to be made.

    `name` is that of an endpoint that is to be made, `tags` are those of what is to be made besides Lifeline's own, and
    `missing_tags` the keys of those that the VPC should have had to copy. `spare_tags` take the place of `tags` if AWS
    refuses what was copied from the VPC; None where nothing was. `policy` is the document that an endpoint
    gets, empty for full access; `policy_words` say which one it is. `is_denied`
    says that it failed because a policy denies it, whoever's that is.

    `central_ids` are the hub's zones or its Profile, `central_account` is their account if that is another than the
    VPC's, and `checks` say what was checked before. `profile_usd` is what an association with a Profile adds in a
    month, or may add if `is_at_most`. In a swap, `endpoint_id` is the endpoint that answers in their
    place, or did. `others` are whom a security group lets in besides the VPC. `asks` says why a person has to approve
    it whatever the limits are.
    """

    kind: ActionKind
    reason: str
    service: str = ""
    service_name: str = ""
    subnet_ids: tuple[str, ...] = ()
    route_table_ids: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    endpoint_id: str = ""
    security_group_id: str = ""
    security_group_name: str = SECURITY_GROUP_NAME
    ip_address_type: str = "ipv4"
    attributes: tuple[str, ...] = ()
    ports: Ranges = HTTPS
    client_token: str = ""
    status: Status = Status.PLANNED
    error: str = ""
    blocked_by: str = ""
    private_dns: bool = True
    is_optional: bool = False
    urgency: Urgency = Urgency.OTHER
    name: str = ""
    tags: Tagging = ()
    missing_tags: tuple[str, ...] = ()
    spare_tags: Tagging | None = None
    policy: str = ""
    policy_words: str = ""
    is_denied: bool = False
    central_ids: tuple[str, ...] = ()
    central_account: str = ""
    checks: tuple[str, ...] = ()
    asks: str = ""
    profile_usd: Decimal = Decimal(0)
    is_at_most: bool = False

    @classmethod
    def on(cls, kind: ActionKind, endpoint: Endpoint, reason: str) -> Self:
        """The change of an endpoint, all of it: with its subnets and route tables."""
        return cls(
            kind,
            reason,
            service=suffix_of(endpoint.service_name),
            service_name=endpoint.service_name,
            subnet_ids=tuple(sorted(endpoint.subnet_ids)),
            route_table_ids=tuple(sorted(endpoint.route_table_ids)),
            endpoint_id=endpoint.id,
        )

    def only_for(self, subnet_ids: tuple[str, ...], route_table_ids: tuple[str, ...]) -> "Action":
        """The same action for these of its subnets and route tables alone. A token says what is asked for."""
        token = self.client_token
        token = token and f"lifeline-{fingerprint(token, subnet_ids, route_table_ids, length=48)}"
        return replace(self, subnet_ids=subnet_ids, route_table_ids=route_table_ids, client_token=token)

    def blocked(self, why: str) -> "Action":
        """The same action, not to be made, and why."""
        return replace(self, status=Status.BLOCKED, error=why)

    def held(self, by: str, why: str) -> "Action":
        """The same action, blocked for no other reason than a limit or the kill switch."""
        return replace(self, status=Status.BLOCKED, error=why, blocked_by=by)

    def denied(self, why: str) -> "Action":
        """The same action, failed because a policy denies it."""
        return replace(self, status=Status.FAILED, error=why, is_denied=True)

    @property
    def is_planned(self) -> bool:
        """True if it is still to be made."""
        return self.status is Status.PLANNED

    @property
    def is_done(self) -> bool:
        """True if it was made."""
        return self.status is Status.DONE

    @property
    def is_blocked(self) -> bool:
        """True if Lifeline may not or can't make it."""
        return self.status is Status.BLOCKED

    @property
    def is_failed(self) -> bool:
        """True if AWS refused it for good."""
        return self.status is Status.FAILED

    @property
    def target(self) -> str:
        """The endpoint or security group that it changes."""
        return self.endpoint_id or self.security_group_id

    @property
    def moving_ids(self) -> tuple[str, ...]:
        """Which of `central_ids` are associated, or let go. A swap leaves the Profile where it is: what the VPC has
        itself goes before what a Profile brings (Route 53 guide: how Profile settings are prioritized).
        """
        return tuple(id_ for id_ in self.central_ids if not (self.kind in SWAPS and is_profile(id_)))

    @property
    def unread_checks(self) -> frozenset[str]:
        """What of `checks` couldn't be read: the names of these alone, because the reasons change."""
        found = (check.partition(": ") for check in self.checks)
        return frozenset(what for what, _, answer in found if answer.startswith(CheckAnswer.UNREAD))

    @property
    def needs_security_group(self) -> bool:
        """True if it is to be made and takes Lifeline's security group."""
        return self.is_planned and self.kind in {
            ActionKind.ATTACH_SECURITY_GROUP,
            ActionKind.CREATE_INTERFACE_ENDPOINT,
            ActionKind.REPLACE_ENDPOINT,
        }


def in_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions in the order in which they are made."""
    order = list(ActionKind)
    return tuple(sorted(actions, key=lambda action: (order.index(action.kind), action.service, action.endpoint_id)))


class ServiceState(StrEnum):
    """How a required service stands in a VPC: as for the subnet that is worst off, the best first.

    `unknown` is neither served nor missing: what was not read decides.
    """

    SERVED = "served"
    CENTRAL = "served centrally"
    PENDING = "pending"
    UNKNOWN = "unknown"
    MISSING = "missing"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One required service in one VPC: how it stands, by which endpoint or zone, and what a person should know.

    `paths` are those of the subnets that require it, by their ids: some may be better off than the VPC. `interfaces`
    are those of an endpoint of the VPC's own, as it is or would be; 0 where no hub shares the service.
    """

    service: str
    state: ServiceState
    by: str = ""
    detail: str = ""
    paths: tuple[tuple[str, NetworkPath], ...] = ()
    interfaces: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer for one VPC: each subnet's tier, each service's state, and the actions in their order. `comparison` is
    that of the ways to reach what a hub shares, None where the policy names none.
    """

    vpc_id: str
    tiers: tuple[tuple[str, SeenTier], ...]
    actions: tuple[Action, ...]
    services: tuple[ServiceReport, ...] = ()
    monthly_cost_usd: Decimal = Decimal(0)
    notes: tuple[str, ...] = ()
    comparison: HubComparison | None = None

    @property
    def planned(self) -> tuple[Action, ...]:
        """The actions that are to be made."""
        return tuple(action for action in self.actions if action.is_planned)

    @property
    def has_work(self) -> bool:
        """True if there is something to apply."""
        return bool(self.planned)
