"""The network as values: what EC2 says about one VPC, without EC2's dicts.

Everything is frozen and ordered, so that two observations of the same network are equal however AWS ordered its answer.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self

type Network = IPv4Network | IPv6Network
type Ranges = tuple[tuple[int, int], ...]
"""Addresses or ports as numbers: sorted ranges that neither overlap nor touch, both ends included."""

MANAGED_BY = "lifeline:managed-by"
IN_PLACE_OF = "lifeline:in-place-of"  # of an endpoint that stands in for a hub's zone, whose path was cut
ENDPOINTS_INTERFACE = "vpc_endpoint"  # EC2's type of an endpoint's network interfaces
RULE_WORDS = "From the VPC to its endpoints"  # describe each rule that Lifeline adds to its security groups
SECURITY_GROUP_NAME = "lifeline-endpoints"  # of the first group in a VPC; the others end in a number
DEFAULT_ROUTES = frozenset({"0.0.0.0/0", "::/0"})  # the destinations of what takes all that nothing narrower does
VPC_ID = re.compile(r"vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})")  # to be matched in full
# Kinds of interfaces from which nobody's workload calls a service (EC2 API: NetworkInterface.InterfaceType).
_ONLY_ANSWERING = frozenset(
    {
        ENDPOINTS_INTERFACE,
        "gateway_load_balancer",
        "gateway_load_balancer_endpoint",
        "global_accelerator_managed",
        "load_balancer",
        "natGateway",  # as EC2's model writes it, and
        "nat_gateway",  # as EC2 answers
        "network_load_balancer",
        "transit_gateway",
    }
)
_LOAD_BALANCER = "ELB "  # how its interfaces' descriptions begin (ELB guide: find the addresses of a load balancer)
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_OWN_NAME = re.compile(rf"{SECURITY_GROUP_NAME}(-[0-9]+)?")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")


@lru_cache(maxsize=16_384)
def block(text: str) -> Network:
    """The address block that a CIDR writes. Cached, because a region writes the same few blocks thousands of times."""
    return ip_network(text)


def version_of(cidr: str) -> int:
    """The IP version of a block or an address: 4 or 6."""
    return 6 if ":" in cidr else 4


@dataclass(frozen=True, slots=True, order=True)
class VpcRef:
    """One VPC of all accounts and regions: a VPC's id alone says neither. Raises ValueError that names a bad field."""

    account: str
    region: str
    vpc_id: str

    def __post_init__(self) -> None:
        """Check the form of each part, not whether AWS has it."""
        _check("account", self.account, _ACCOUNT_ID)
        _check("region", self.region, _REGION)
        _check("vpc_id", self.vpc_id, VPC_ID)

    def __str__(self) -> str:
        """Its text, `<account>/<region>/<VPC ID>`."""
        return f"{self.account}/{self.region}/{self.vpc_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The VPC of such a text. Raises ValueError if it is of another form."""
        account, region, vpc_id = text.split("/")
        return cls(account, region, vpc_id)

    @property
    def home(self) -> "RegionRef":
        """The account and the region that it is in."""
        return RegionRef(self.account, self.region)


@dataclass(frozen=True, slots=True, order=True)
class RegionRef:
    """One region of one account, in which a run works. Raises ValueError that names a bad field."""

    account: str
    region: str

    def __post_init__(self) -> None:
        """Check the form of each part, not whether AWS has it."""
        _check("account", self.account, _ACCOUNT_ID)
        _check("region", self.region, _REGION)

    def __str__(self) -> str:
        """Its text, `<account>/<region>`."""
        return f"{self.account}/{self.region}"

    def vpc(self, vpc_id: str) -> VpcRef:
        """A VPC there."""
        return VpcRef(self.account, self.region, vpc_id)

    def vpc_or_self(self, vpc_id: str) -> "AnyRef":
        """A VPC there; the region where the ID is empty, because the VPC is unknown."""
        return self.vpc(vpc_id) if vpc_id else self


type AnyRef = VpcRef | RegionRef


def _check(field_name: str, value: str, form: re.Pattern[str]) -> None:
    if not form.fullmatch(value):
        raise ValueError(f"{field_name}: {value!r} is not of the form {form.pattern}")


class Tier(StrEnum):
    """What a subnet's routes make it."""

    PUBLIC = "public"
    EGRESS = "egress"
    ISOLATED = "isolated"

    @property
    def possible(self) -> "frozenset[Tier]":
        """The tier alone: it is known."""
        return frozenset({self})


class UnsureTier(StrEnum):
    """What stands in for a subnet's tier where something that could not be read decides."""

    UNKNOWN = "unknown"
    NOT_PUBLIC = "isolated or egress"

    @property
    def possible(self) -> frozenset[Tier]:
        """The tiers that it may be."""
        return frozenset(Tier) - ({Tier.PUBLIC} if self is UnsureTier.NOT_PUBLIC else frozenset())


type SeenTier = Tier | UnsureTier


class Part(StrEnum):
    """A part of a VPC's observation that may be missing, where the rest is there."""

    PREFIX_LIST = "prefix list"
    SECURITY_GROUPS = "security groups"
    NETWORK_ACLS = "network ACLs"
    NAT_GATEWAYS = "NAT gateways"
    ZONE_TYPES = "types of the Availability Zones"
    DNS_ATTRIBUTES = "DNS attributes"
    INTERFACES = "network interfaces"
    CLIENTS = "security groups of the clients' network interfaces"


NO_CAPACITY = "AWS had no capacity for the calls that this takes, so Lifeline will try again in a minute"


@dataclass(frozen=True, slots=True, order=True)
class Unread:
    """What of a VPC could not be read: which part, of which resource if it isn't the VPC's own, and AWS's reason.

    `is_passing` says that a later run can read it, as after throttling: what depends on it waits for that run.
    """

    part: Part
    why: str
    id: str = ""
    is_passing: bool = False

    @property
    def words(self) -> str:
        """What wasn't read, as a clause, and whether it will be read later."""
        return f"{self._what}: {NO_CAPACITY}" if self.is_passing else self._what

    @property
    def note(self) -> str:
        """What wasn't read, with AWS's reason."""
        return f"{self._what}: {self.why}"

    @property
    def _what(self) -> str:
        if self.id:
            return f"the entries of the {self.part} {self.id} could not be read"
        return f"the {self.part} could not be read"


class TargetKind(StrEnum):
    """What a route points at."""

    LOCAL = "local"
    INTERNET_GATEWAY = "internet gateway"
    EGRESS_ONLY_GATEWAY = "egress-only internet gateway"
    NAT_GATEWAY = "NAT gateway"
    NETWORK_INTERFACE = "network interface"
    TRANSIT_GATEWAY = "transit gateway"
    VIRTUAL_PRIVATE_GATEWAY = "virtual private gateway"
    PEERING = "peering connection"
    GATEWAY_ENDPOINT = "gateway endpoint"
    GATEWAY_LOAD_BALANCER_ENDPOINT = "Gateway Load Balancer endpoint"
    CORE_NETWORK = "Cloud WAN core network"
    LOCAL_GATEWAY = "local gateway"
    CARRIER_GATEWAY = "carrier gateway"
    UNDECIDED = "target of AWS's choice"
    OTHER = "other"


class BlockMode(StrEnum):
    """VPC Block Public Access as it takes effect on one subnet (EC2 API: Subnet.BlockPublicAccessStates)."""

    OFF = "off"
    INGRESS = "block-ingress"
    BIDIRECTIONAL = "block-bidirectional"


class EndpointType(StrEnum):
    """The types that Lifeline can tell apart; whatever AWS adds is `other` and left alone."""

    INTERFACE = "Interface"
    GATEWAY = "Gateway"
    OTHER = "other"


class EndpointState(StrEnum):
    """Endpoint states, lower-cased: AWS's model says `Available`, its wire says `available` (EC2 API: VpcEndpoint)."""

    PENDING_ACCEPTANCE = "pendingacceptance"
    PENDING = "pending"
    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"
    PARTIAL = "partial"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """The state with its verb: `is pending`, `was rejected`."""
        return _STATE_WORDS.get(self, f"is {self}")

    @property
    def is_gone(self) -> bool:
        """True once it no longer serves anyone. While `deleting`, it may still hold its private DNS name."""
        return self in {EndpointState.DELETING, EndpointState.DELETED}

    @property
    def is_coming(self) -> bool:
        """True while AWS or its owner may still bring it up: to be waited for, not replaced."""
        return self in {EndpointState.PENDING, EndpointState.PENDING_ACCEPTANCE, EndpointState.UNKNOWN}


FAILED_STATES = frozenset({EndpointState.FAILED, EndpointState.REJECTED, EndpointState.EXPIRED, EndpointState.PARTIAL})
_STATE_WORDS = {
    EndpointState.PENDING_ACCEPTANCE: "is waiting for the service's owner to accept it",
    EndpointState.FAILED: "has failed",
    EndpointState.REJECTED: "was rejected",
    EndpointState.EXPIRED: "has expired",
    EndpointState.PARTIAL: "is only partly available",
}


class Tagged:
    """What bears tags."""

    __slots__ = ()
    tags: tuple[tuple[str, str], ...]

    def tag(self, key: str) -> str | None:
        """The tag's value, or None where it isn't set."""
        return dict(self.tags).get(key)


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One route. `destinations` are its CIDRs: one, or those of the prefix list it names.

    There are none where the list wasn't read: the VPC's `unread` then says so. `candidates` are the routes, without
    their destinations, of which AWS takes one for these blocks and doesn't say which; else none.
    """

    destinations: tuple[str, ...]
    target: TargetKind
    target_id: str
    is_active: bool
    prefix_list_id: str = ""
    candidates: tuple["Route", ...] = ()


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table with the subnets that name it; those that name none follow the VPC's main table.

    Of two routes for the same block, the first one counts. Only a gateway endpoint's may be such a second one.
    """

    id: str
    is_main: bool
    subnet_ids: frozenset[str]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class Subnet(Tagged):
    """A subnet. `zone_type` is AWS's: `availability-zone`, `local-zone` or `wavelength-zone`.

    `is_stranded` is True if a route leads it to an internet gateway, and the network interfaces from which calls are
    made there were read: there are some, and none has a public IPv4 address. `has_private_ipv6` is True if it has IPv6
    addresses, and none that AWS advertises on the internet.
    """

    id: str
    zone: str
    zone_id: str
    cidr: str = ""
    ipv6_cidrs: tuple[str, ...] = ()
    zone_type: str = "availability-zone"
    free_addresses: int = 0
    owner_id: str = ""
    state: str = "available"
    outpost_arn: str = ""
    block_mode: BlockMode = BlockMode.OFF
    dns64: bool = False
    is_stranded: bool = False
    has_private_ipv6: bool = False
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_ipv6_only(self) -> bool:
        """True if IPv4 can't reach it."""
        return not self.cidr

    @property
    def ip_version(self) -> int:
        """In which its clients reach names that have both: IPv4, or IPv6 where it has nothing else (ADR 5)."""
        return 6 if self.is_ipv6_only else 4


@dataclass(frozen=True, slots=True)
class Rule:
    """What one permission of a security group lets pass. Ports are inclusive; the other side is CIDRs, groups, prefix
    lists. `added` are those of the CIDRs that Lifeline let in, by their description.
    """

    protocol: str
    from_port: int
    to_port: int
    cidrs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    prefix_lists: tuple[str, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def ports(self) -> Ranges:
        """The TCP ports that it lets pass."""
        if self.protocol == "-1":
            return ((0, 65535),)
        return ((self.from_port, self.to_port),) if self.protocol == "tcp" else ()


def named_lists(rules: Iterable[Rule]) -> frozenset[str]:
    """The prefix lists that the rules name."""
    return frozenset(name for rule in rules for name in rule.prefix_lists)


@dataclass(frozen=True, slots=True)
class SecurityGroup(Tagged):
    """A security group's name, rules and tags. `on_record` is as for an endpoint.

    `is_handed_over` is True if the ledger has that Lifeline made it and that it is its users' now. `is_record_unread`
    is as for an endpoint.
    """

    id: str
    name: str
    ingress: tuple[Rule, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    on_record: bool = False
    is_handed_over: bool = False
    is_record_unread: bool = False
    egress: tuple[Rule, ...] = ()

    @property
    def has_own_name(self) -> bool:
        """True if its name is one that Lifeline gives its groups, whoever made it."""
        return _OWN_NAME.fullmatch(self.name) is not None


class Attached:
    """What a network interface says of who uses it: `kind` is EC2's interface type. A description only counts where AWS
    wrote it: with `is_requester_managed` (EC2 guide: requester-managed network interfaces).
    """

    __slots__ = ()
    kind: str
    description: str
    is_requester_managed: bool

    @property
    def only_answers(self) -> bool:
        """True if nothing calls services from it. What isn't known to answer only may call."""
        is_balancers = self.is_requester_managed and self.description.startswith(_LOAD_BALANCER)
        return self.kind in _ONLY_ANSWERING or is_balancers


@dataclass(frozen=True, slots=True)
class NetworkInterface(Attached):
    """A network interface, as far as it decides what may pass. `addresses` are its private ones, of both IP versions,
    and the blocks of such that are delegated to it, from which a node's pods call (EKS guide: prefixes).

    One that isn't attached, or whose instance `is_stopped`, forwards nothing. With `checks_source` it drops what isn't
    its own, so that it can't be a NAT (EC2 API: SourceDestCheck). `owner_id` is the account whose interface it is.
    """

    id: str
    subnet_id: str
    addresses: tuple[str, ...] = ()
    group_ids: frozenset[str] = frozenset()
    kind: str = "interface"
    checks_source: bool = True
    is_attached: bool = True
    is_stopped: bool = False
    owner_id: str = ""
    description: str = ""
    is_requester_managed: bool = False

    @property
    def is_client(self) -> bool:
        """True if a workload may call services from it. Nobody calls from one that is attached to nothing: whoever may
        create one in a subnet would otherwise speak for its clients.
        """
        return self.is_attached and not self.only_answers


@dataclass(frozen=True, slots=True, order=True)
class Interface(Attached):
    """A network interface of a VPC, whoever's.

    `has_public_address` is True if any of its private addresses has a public IPv4 address, and `sends_publicly` if its
    primary one has, from which an instance sends unless its system is told otherwise. `calls` is True if it is known
    that whoever has it calls services by it: a running instance by its first interface (the others may only answer: EC2
    guide, multiple network interfaces), or a Lambda function.
    """

    id: str
    subnet_id: str
    kind: str = "interface"
    description: str = ""
    is_attached: bool = False
    has_public_address: bool = False
    sends_publicly: bool = False
    calls: bool = False
    is_requester_managed: bool = False

    @property
    def needs_a_private_path(self) -> bool:
        """True if something that may call services uses it, and has no public IPv4 address to call from: then a route
        to an internet gateway leads it nowhere (VPC guide: internet access with internet gateways).
        """
        return self.is_attached and not self.sends_publicly and not self.only_answers


@dataclass(frozen=True, slots=True, order=True)
class AclEntry:
    """One rule of a network ACL. `protocol` is a number as text, -1 for all; ports are inclusive."""

    number: int
    egress: bool
    allow: bool
    protocol: str
    cidr: str
    from_port: int = 0
    to_port: int = 65535


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A network ACL with the subnets that it guards."""

    id: str
    subnet_ids: frozenset[str]
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True, slots=True)
class Endpoint(Tagged):
    """A VPC endpoint, whoever made it. `policy` is its policy document as JSON text, empty where it has none.

    `interface_ids` are its network interfaces, one in each of its subnets. `inbound_dns_only` is True if its private
    DNS answers the inbound resolver alone, an option of services that have a gateway endpoint too; None where EC2
    doesn't say (EC2 API: DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint).

    `on_record` is True if the ledger has it as Lifeline's own. An observation leaves it False: see `recognize`.
    `added_subnet_ids` are those of its subnets in zones for which Lifeline didn't ask, as far as the ledger says so.
    `is_record_unread` is True if the ledger has a record that can't be understood: whose it is then isn't known.
    `record_family` is of which IP version its DNS records are, whatever addresses it has: `ipv4` or `ipv6`, for its
    private names also `service-defined` (ipv4), and anything else for both (EC2 API: DnsOptions.DnsRecordIpType; its
    values in words: CDK API, VpcEndpointDnsRecordIpType). `is_adopted` is True if the ledger says that people made it.
    """

    id: str
    service_name: str
    type: EndpointType
    state: EndpointState
    private_dns: bool = False
    ip_address_type: str = "ipv4"
    subnet_ids: frozenset[str] = frozenset()
    route_table_ids: frozenset[str] = frozenset()
    security_group_ids: frozenset[str] = frozenset()
    requester_managed: bool = False
    failure: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    policy: str = ""
    interface_ids: frozenset[str] = frozenset()
    inbound_dns_only: bool | None = None
    on_record: bool = False
    is_record_unread: bool = False
    record_family: str = ""
    added_subnet_ids: frozenset[str] = frozenset()
    is_adopted: bool = False

    @property
    def families(self) -> frozenset[int]:
        """The IP versions in which its names lead to it: those of its addresses for which there are DNS records."""
        here = {"ipv6": frozenset({6}), "dualstack": frozenset({4, 6})}.get(self.ip_address_type, frozenset({4}))
        ipv4 = frozenset({4})
        return here & {"ipv4": ipv4, "service-defined": ipv4, "ipv6": frozenset({6})}.get(self.record_family, here)

    @property
    def hides_addresses(self) -> bool:
        """True if it has addresses of an IP version that its names don't lead to."""
        is_interface = self.type is EndpointType.INTERFACE
        return is_interface and self.ip_address_type == "dualstack" and len(self.families) == 1


@dataclass(frozen=True, slots=True)
class Service:
    """One endpoint service of the region, as DescribeVpcEndpointServices gives it.

    s3 and dynamodb come twice, as Gateway and as Interface, under one name: a service is its name and its type.
    `takes_policy` is False if its endpoints take no policies: they give full access (PrivateLink guide: endpoint
    policies).
    """

    name: str
    type: EndpointType
    zone_ids: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    private_dns_names: tuple[str, ...] = ()
    ip_address_types: frozenset[str] = frozenset({"ipv4"})
    takes_policy: bool = True

    def is_in_zone_of(self, subnet: Subnet) -> bool:
        """True if the service can have an interface in the subnet's zone: by zone id where both have one, else by name.

        Zone ids mean the same in every account, names don't (EC2 API: DescribeVpcEndpointServices).
        """
        if self.zone_ids and subnet.zone_id:
            return subnet.zone_id in self.zone_ids
        return subnet.zone in self.zones


@dataclass(frozen=True, slots=True)
class NatGateway:
    """A NAT gateway. A regional one has no subnet (VPC guide: regional NAT gateways)."""

    id: str
    is_public: bool
    is_available: bool
    subnet_id: str = ""


@dataclass(frozen=True, slots=True)
class Vpc(Tagged):
    """One VPC and everything in it that Lifeline reads, as one observation.

    `shared_groups` are other VPCs' security groups on its endpoints and interfaces (VPC guide: share security groups).
    `interfaces` are read only where something depends on them: a rule that names a group, a route to an interface, an
    ACL that denies, an endpoint policy that names accounts, private DNS that is about to be turned on; else None.
    `client_groups` are the security groups of clients' interfaces, None where they weren't read. `prefix_lists` are the
    lists that rules and routes name, as far as they could be read.
    `unread` is what could not be read. It is neither there nor absent, neither open nor closed: who judges by it has to
    say that it isn't known. `read_at` is when it was observed.
    """

    id: str
    cidrs: tuple[str, ...]
    ipv6_cidrs: tuple[str, ...] = ()
    owner_id: str = ""
    dns_support: bool = True
    dns_hostnames: bool = True
    subnets: tuple[Subnet, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    security_groups: tuple[SecurityGroup, ...] = ()
    network_acls: tuple[NetworkAcl, ...] = ()
    nat_gateways: tuple[NatGateway, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    shared_groups: tuple[SecurityGroup, ...] = ()
    interfaces: tuple[NetworkInterface, ...] | None = None
    prefix_lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    client_groups: tuple[SecurityGroup, ...] | None = None

    def groups(self, ids: Collection[str]) -> list[SecurityGroup]:
        """The security groups of these ids that were read, the VPC's own and others'."""
        found = (*self.security_groups, *self.shared_groups, *(self.client_groups or ()))
        return [group for group in {group.id: group for group in found}.values() if group.id in ids]

    unread: tuple[Unread, ...] = ()
    read_at: datetime | None = field(default=None, compare=False)

    def clients_in(self, subnet: Subnet) -> list[NetworkInterface]:
        """The subnet's interfaces from which a workload may call services; none where interfaces weren't read."""
        return [one for one in self.interfaces or () if one.subnet_id == subnet.id and one.is_client]

    def unread_words(self, *parts: Part) -> tuple[str, ...]:
        """Which of these parts could not be read, each as a clause; none if all were."""
        if not self.unread:
            return ()
        return tuple(unread.words for unread in self.unread if unread.part in parts)

    @property
    def is_partly_seen(self) -> bool:
        """True if a later run can read what this observation lacks."""
        return any(unread.is_passing for unread in self.unread)

    @property
    def ownable(self) -> tuple[Endpoint | SecurityGroup, ...]:
        """What may be Lifeline's own: the endpoints and the security groups."""
        return (*self.endpoints, *self.security_groups)

    @property
    def dns_off(self) -> tuple[str, ...]:
        """Its DNS attributes that are off: without both, no private name is answered (VPC guide: DNS attributes)."""
        flags = {"enableDnsSupport": self.dns_support, "enableDnsHostnames": self.dns_hostnames}
        return tuple(name for name, is_on in flags.items() if not is_on)

    @property
    def all_cidrs(self) -> tuple[str, ...]:
        """Every address block of the VPC, IPv4 first."""
        return (*self.cidrs, *self.ipv6_cidrs)

    @property
    def live_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints that aren't gone, by id."""
        live = (endpoint for endpoint in self.endpoints if not endpoint.state.is_gone)
        return tuple(sorted(live, key=lambda endpoint: endpoint.id))

    def own_endpoints(self, owner: str) -> tuple[Endpoint, ...]:
        """Lifeline's own endpoints that aren't gone, by id."""
        return tuple(endpoint for endpoint in self.live_endpoints if is_own(endpoint, owner))


@dataclass(frozen=True, slots=True)
class Catalog:
    """The endpoint services that the region offers. Every region offers some: without any, they were not read.

    `why_unread` is AWS's reason then. `ports` are those that the policy says of services, by suffix.
    """

    services: tuple[Service, ...] = field(default=())
    why_unread: str = ""
    ports: tuple[tuple[str, Ranges], ...] = ()
    _by_suffix: Mapping[str, tuple[Service, ...]] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Find each suffix's services once: they are asked for thousands of times."""
        found: dict[str, list[Service]] = {}
        for service in sorted(self.services, key=lambda service: (service.type != EndpointType.GATEWAY, service.name)):
            found.setdefault(suffix_of(service.name), []).append(service)
        object.__setattr__(self, "_by_suffix", {suffix: tuple(services) for suffix, services in found.items()})

    @property
    def is_read(self) -> bool:
        """True if it is known what the region offers."""
        return bool(self.services)

    def find(self, suffix: str) -> tuple[Service, ...]:
        """The services that Amazon offers under a suffix, gateway before interface; empty where the region has none.

        A suffix is what follows the region in the full name: `ecr.api` finds `com.amazonaws.eu-west-1.ecr.api`, and
        `s3` doesn't find `…s3-outposts`. Prefixes differ by service and partition (`cn.com.amazonaws.…`,
        `aws.api.…`), which is why the name is looked up and never built.
        """
        return self._by_suffix.get(suffix, ())

    def asked_by(self, services: Iterable[Service], names: tuple[str, ...]) -> "Catalog":
        """The region as if it offered these services alone, and clients asked for these of their names only."""
        return replace(self, services=tuple(replace(service, private_dns_names=names) for service in services))

    def named(self, name: str, kind: EndpointType) -> Service | None:
        """The service of a full name and type, or None where the region has none."""
        return next((service for service in self.services if (service.name, service.type) == (name, kind)), None)


@lru_cache(maxsize=4096)
def suffix_of(name: str) -> str:
    """What a service is called here, from its full name: `com.amazonaws.us-east-1.ecr.api` gives `ecr.api`."""
    labels = name.split(".")
    regions = [place for place, label in enumerate(labels) if _is_region(label)]
    return ".".join(labels[regions[0] + 1 :]) if regions else labels[-1]


@lru_cache(maxsize=4096)
def region_of(name: str) -> str:
    """The region in a service's full name: `com.amazonaws.us-east-1.ecr.api` gives `us-east-1`; empty without one."""
    return next((label for label in name.split(".") if _is_region(label)), "")


def _is_region(label: str) -> bool:
    parts = label.split("-")
    return len(parts) >= 3 and parts[-1].isdigit() and all(part.isalpha() for part in parts[:-1])


def without_fips(suffix: str) -> str:
    """The service whose FIPS name a suffix is, which says so in its last label, or in the service's: `monitoring-fips`,
    `airflow-fips.api`.
    """
    return ".".join(label.removesuffix("-fips") for label in suffix.split("."))


def is_own(endpoint: Endpoint, owner: str) -> bool:
    """True if Lifeline created it, by its record, and its tag is still on it.

    Neither is enough: anyone who may tag can set the tag, and removing it is how people tell Lifeline to leave the
    endpoint alone. AWS's services manage some endpoints for their users: these are nobody's own.
    """
    return endpoint.on_record and endpoint.tag(MANAGED_BY) == owner and not endpoint.requester_managed
