"""What is missing in one VPC, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from lifeline.core.classify import classify_subnets, covers, effective_route_table
from lifeline.core.model import (
    MANAGED_BY,
    SECURITY_GROUP_NAME,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    SecurityGroup,
    Service,
    Subnet,
    Tier,
    Vpc,
)

HTTPS = 443
FEWEST_FREE_ADDRESSES = 4  # an interface takes one; a subnet this full is about to fail its own workload


class ActionKind(StrEnum):
    """What Lifeline can do, in the order in which it does it."""

    CREATE_SECURITY_GROUP = "create_security_group"
    OPEN_SECURITY_GROUP = "open_security_group"
    CREATE_INTERFACE_ENDPOINT = "create_interface_endpoint"
    ADD_SUBNETS = "add_subnets"
    CREATE_GATEWAY_ENDPOINT = "create_gateway_endpoint"
    ADD_ROUTE_TABLES = "add_route_tables"


class Status(StrEnum):
    """What became of an action. `blocked` says that Lifeline may not, or can't, and a person should act."""

    PLANNED = "planned"
    DONE = "done"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Action:
    """One change with its reason; if `blocked`, `error` says why it will not be made and what would help."""

    kind: ActionKind
    reason: str
    service: str = ""
    service_name: str = ""
    subnet_ids: tuple[str, ...] = ()
    route_table_ids: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    endpoint_id: str = ""
    group_id: str = ""
    client_token: str = ""
    status: Status = Status.PLANNED
    error: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one VPC's subnets must reach, and whose endpoints Lifeline may touch.

    `services` are suffixes; `tiers` those that they are required in; `owner` the value of Lifeline's tag on what is
    its own; `per_zone` asks for an interface in each zone that has subnets in scope. `history` is the endpoint that
    Lifeline made last for a service, as far as it remembers: it keeps a re-creation apart from a repeated creation.
    """

    services: tuple[str, ...]
    tiers: frozenset[Tier]
    owner: str
    per_zone: bool = True
    account_id: str = ""
    history: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer for one VPC: each subnet's tier, and the actions in their order."""

    vpc_id: str
    tiers: tuple[tuple[str, Tier], ...]
    actions: tuple[Action, ...]


def plan_endpoints(vpc: Vpc, catalog: Catalog, requirement: Requirement) -> Plan:
    """What to do so that each subnet in scope reaches each required service privately.

    Applying it leaves nothing to plan but what is blocked. The order of AWS's answers makes no difference.
    """
    tiers = classify_subnets(vpc)
    planner = _Planner(vpc, catalog, requirement, tiers)
    return Plan(vpc_id=vpc.id, tiers=tuple(tiers.items()), actions=planner.actions())


class _Planner:
    """One VPC's planning: what the steps share, so that each step reads as its rule."""

    def __init__(self, vpc: Vpc, catalog: Catalog, requirement: Requirement, tiers: dict[str, Tier]) -> None:
        self._vpc = vpc
        self._catalog = catalog
        self._requirement = requirement
        self._tiers = tiers
        self._in_scope = tuple(
            subnet
            for subnet in sorted(vpc.subnets, key=lambda subnet: subnet.id)
            if tiers[subnet.id] in requirement.tiers and subnet.state == "available"
        )

    def actions(self) -> tuple[Action, ...]:
        if not self._in_scope:
            return ()
        found = [action for suffix in self._requirement.services for action in self._for_service(suffix)]
        group = list(self._for_security_group(found))
        refusal = next((action.error for action in group if action.status is Status.BLOCKED), "")
        found = [self._with_group(action, refusal) if _needs_group(action) else action for action in found]
        order = list(ActionKind)
        return tuple(sorted([*group, *found], key=lambda action: (order.index(action.kind), action.service)))

    def _for_service(self, suffix: str) -> Iterator[Action]:
        services = self._catalog.find(suffix)
        if not services:
            yield Action(
                kind=ActionKind.CREATE_INTERFACE_ENDPOINT,
                service=suffix,
                reason=f"{suffix} is required, and nothing serves it",
                status=Status.BLOCKED,
                error=f"the region offers no endpoint service named {suffix}; check RequiredServices for a typo",
            )
        elif services[0].type is EndpointType.GATEWAY:
            yield from self._gateway(suffix, services[0])
        else:
            yield from self._interface(suffix, services[0])

    # ---- gateway endpoints: served is who shares the route table

    def _gateway(self, suffix: str, service: Service) -> Iterator[Action]:
        live = self._live(service)
        served = {table for endpoint in live for table in endpoint.route_table_ids}
        wanted = {table.id for subnet in self._in_scope if (table := effective_route_table(subnet, self._vpc))}
        missing = tuple(sorted(wanted - served))
        if not missing:
            return
        own = next((endpoint for endpoint in live if self._is_own(endpoint)), None)
        reason = f"{_count(missing, 'route table')} of {self._scope_words()} subnets lack a route to {suffix}"
        if own:
            yield Action(
                kind=ActionKind.ADD_ROUTE_TABLES,
                reason=reason,
                service=suffix,
                service_name=service.name,
                route_table_ids=missing,
                endpoint_id=own.id,
            )
            return
        yield self._with_token(
            Action(
                kind=ActionKind.CREATE_GATEWAY_ENDPOINT,
                reason=reason,
                service=suffix,
                service_name=service.name,
                route_table_ids=missing,
            )
        )

    # ---- interface endpoints: served is the whole VPC, through private DNS

    def _interface(self, suffix: str, service: Service) -> Iterator[Action]:
        live = self._live(service)
        serving = [endpoint for endpoint in live if endpoint.private_dns and not _has_failed(endpoint)]
        failed = [endpoint for endpoint in live if _has_failed(endpoint)]
        if serving:
            yield from self._spread(suffix, service, serving)
        else:
            yield self._create_interface(suffix, service, failed)

    def _create_interface(self, suffix: str, service: Service, failed: list[Endpoint]) -> Action:
        subnets = self._choose_subnets(service)
        action = Action(
            kind=ActionKind.CREATE_INTERFACE_ENDPOINT,
            reason=f"{self._who()} can't reach {suffix} privately: no endpoint in the VPC answers its name",
            service=suffix,
            service_name=service.name,
            subnet_ids=tuple(sorted(subnet.id for subnet in subnets)),
        )
        if not service.private_dns_names:
            return _blocked(action, f"{service.name} has no private DNS name; name its endpoint in the agents instead")
        if failed:
            ids = ", ".join(f"{endpoint.id} ({endpoint.state})" for endpoint in failed)
            return _blocked(action, f"{ids} is in the way: delete it, and the next look creates a new one")
        if not (self._vpc.dns_support and self._vpc.dns_hostnames):
            return _blocked(action, self._dns_remedy())
        if not subnets:
            return _blocked(action, self._no_subnet_words(service))
        return self._with_token(action)

    def _spread(self, suffix: str, service: Service, serving: list[Endpoint]) -> Iterator[Action]:
        """With per-zone coverage: the zones in scope in which no serving endpoint has an interface yet.

        An interface endpoint answers for the whole VPC from any zone; an interface in its own zone keeps an agent
        working when another zone fails (VPC guide: interface endpoints). AWS takes one subnet a zone
        (EC2 API errors: DuplicateSubnetsInSameZone).
        """
        if not self._requirement.per_zone:
            return
        homes = {subnet.id: subnet.zone for subnet in self._vpc.subnets}
        covered = {homes.get(subnet_id) for endpoint in serving for subnet_id in endpoint.subnet_ids}
        missing = [subnet for subnet in self._choose_subnets(service) if subnet.zone not in covered]
        if not missing:
            return
        own = next((endpoint for endpoint in serving if self._is_own(endpoint)), None)
        action = Action(
            kind=ActionKind.ADD_SUBNETS,
            reason=f"{suffix} has no interface in {', '.join(subnet.zone for subnet in missing)}, "
            f"where {self._scope_words()} subnets are",
            service=suffix,
            service_name=service.name,
            subnet_ids=tuple(sorted(subnet.id for subnet in missing)),
            endpoint_id=(own or serving[0]).id,
        )
        if own is None:
            yield _blocked(action, f"{serving[0].id} isn't Lifeline's: its owner should add a subnet in each zone")
        elif own.state is EndpointState.AVAILABLE:
            yield action

    # ---- where an interface goes

    def _choose_subnets(self, service: Service) -> tuple[Subnet, ...]:
        """One subnet in each zone that has subnets in scope, or in the best one; in the zones' order.

        Where no zone in scope can take an interface (Local Zones, Outposts, zones that the service lacks, full
        subnets), the VPC's other zones do: private DNS answers for the whole VPC (VPC guide: interface endpoints).
        """
        open_subnets = [subnet for subnet in self._vpc.subnets if self._can_hold_interface(subnet, service)]
        best: dict[str, Subnet] = {}
        for subnet in sorted(open_subnets, key=self._preference, reverse=True):
            best[subnet.zone] = subnet
        zones_in_scope = {subnet.zone for subnet in self._in_scope}
        chosen = [subnet for zone, subnet in sorted(best.items()) if zone in zones_in_scope]
        if not chosen:
            chosen = sorted(best.values(), key=self._preference)[:1]
        return tuple(chosen if self._requirement.per_zone else sorted(chosen, key=self._preference)[:1])

    def _can_hold_interface(self, subnet: Subnet, service: Service) -> bool:
        """Not in Local or Wavelength Zones, Outposts, others' subnets (VPC guide: create an interface endpoint)."""
        return (
            subnet.zone_type == "availability-zone"
            and not subnet.outpost_arn
            and subnet.state == "available"
            and bool(subnet.cidr)
            and subnet.free_addresses >= FEWEST_FREE_ADDRESSES
            and not self._is_others(subnet)
            and service.is_in_zone_of(subnet)
        )

    def _preference(self, subnet: Subnet) -> tuple[int, int, str]:
        """Smaller is better: isolated before egress before public, then the most free addresses, then the id."""
        tiers = (Tier.ISOLATED, Tier.EGRESS, Tier.PUBLIC)
        return tiers.index(self._tiers[subnet.id]), -subnet.free_addresses, subnet.id

    # ---- the one security group

    def _for_security_group(self, actions: list[Action]) -> Iterator[Action]:
        """Let 443 in from every block of the VPC: private DNS moves public subnets' traffic to the endpoint, too."""
        own = self._own_group()
        needed = any(map(_needs_group, actions))
        if own:
            in_use = needed or any(own.id in endpoint.group_ids for endpoint in self._vpc.endpoints)
            missing = tuple(cidr for cidr in self._vpc.all_cidrs if not _lets_in(own, cidr))
            if missing and in_use:
                yield Action(
                    kind=ActionKind.OPEN_SECURITY_GROUP,
                    reason=f"{own.id} doesn't let 443 in from {', '.join(missing)}",
                    cidrs=missing,
                    group_id=own.id,
                )
        elif needed:
            action = Action(
                kind=ActionKind.CREATE_SECURITY_GROUP,
                reason=f"endpoints need a security group that lets 443 in from {', '.join(self._vpc.all_cidrs)}",
                cidrs=self._vpc.all_cidrs,
            )
            namesake = next((group for group in self._vpc.security_groups if group.name == SECURITY_GROUP_NAME), None)
            yield _blocked(action, self._namesake_words(namesake)) if namesake else action

    def _with_group(self, action: Action, refusal: str) -> Action:
        if refusal:
            return _blocked(action, refusal)
        own = self._own_group()
        return replace(action, group_id=own.id) if own else action

    def _own_group(self) -> SecurityGroup | None:
        return next(
            (
                group
                for group in sorted(self._vpc.security_groups, key=lambda group: group.id)
                if group.name == SECURITY_GROUP_NAME and group.tag(MANAGED_BY) == self._requirement.owner
            ),
            None,
        )

    # ---- facts and words

    def _live(self, service: Service) -> list[Endpoint]:
        return sorted(
            (
                endpoint
                for endpoint in self._vpc.endpoints
                if endpoint.service_name == service.name
                and endpoint.type is service.type
                and not endpoint.state.is_gone
            ),
            key=lambda endpoint: endpoint.id,
        )

    def _is_own(self, endpoint: Endpoint) -> bool:
        return endpoint.tag(MANAGED_BY) == self._requirement.owner and not endpoint.requester_managed

    def _is_others(self, subnet: Subnet) -> bool:
        account = self._requirement.account_id
        return bool(account and subnet.owner_id and subnet.owner_id != account)

    def _with_token(self, action: Action) -> Action:
        """The action with its ClientToken: the same for the same wish in the same situation.

        So a retry, or a second run at the same time, creates nothing twice, and a wish that comes back after an earlier
        endpoint is gone gets a new one (EC2 API: idempotency; up to 64 ASCII characters).
        """
        before = sorted(endpoint.id for endpoint in self._vpc.endpoints if endpoint.service_name == action.service_name)
        remembered = dict(self._requirement.history).get(action.service, "")
        wish = "|".join(
            [
                self._vpc.id,
                action.kind,
                action.service_name,
                *action.subnet_ids,
                *action.route_table_ids,
                self._requirement.owner,
                remembered,
                *before,
            ]
        )
        return replace(action, client_token=f"lifeline-{sha256(wish.encode()).hexdigest()[:48]}")

    def _scope_words(self) -> str:
        return "isolated" if self._requirement.tiers == {Tier.ISOLATED} else "private"

    def _who(self) -> str:
        count = len(self._in_scope)
        named = ", ".join(f"{subnet.id} ({self._tiers[subnet.id]})" for subnet in self._in_scope[:3])
        return named if count <= 3 else f"{named} and {count - 3} more subnets"

    def _dns_remedy(self) -> str:
        off = [
            name
            for name, is_on in (
                ("enableDnsSupport", self._vpc.dns_support),
                ("enableDnsHostnames", self._vpc.dns_hostnames),
            )
            if not is_on
        ]
        return (
            f"private DNS needs the VPC's {' and '.join(off)} on: "
            f"aws ec2 modify-vpc-attribute --vpc-id {self._vpc.id} --enable-dns-{off[0][9:].lower()}"
        )

    def _no_subnet_words(self, service: Service) -> str:
        zones = ", ".join(sorted({subnet.zone for subnet in self._vpc.subnets}))
        return (
            f"no subnet can hold its interface: it needs one of this account, in a zone that {service.name} supports, "
            f"with {FEWEST_FREE_ADDRESSES} free IPv4 addresses (the VPC has subnets in {zones})"
        )

    def _namesake_words(self, namesake: SecurityGroup) -> str:
        return (
            f"{namesake.id} is named {SECURITY_GROUP_NAME} but isn't Lifeline's: rename it, or tag it "
            f"{MANAGED_BY}={self._requirement.owner} to hand it over"
        )


def _lets_in(group: SecurityGroup, cidr: str) -> bool:
    return any(rule.lets_in(HTTPS) and any(covers(block, cidr) for block in rule.cidrs) for rule in group.ingress)


def _needs_group(action: Action) -> bool:
    return action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and action.status is Status.PLANNED


def _has_failed(endpoint: Endpoint) -> bool:
    return endpoint.state in {
        EndpointState.FAILED,
        EndpointState.REJECTED,
        EndpointState.EXPIRED,
        EndpointState.PARTIAL,
    }


def _blocked(action: Action, why: str) -> Action:
    return replace(action, status=Status.BLOCKED, error=why)


def _count(things: tuple[str, ...], noun: str) -> str:
    return f"{len(things)} {noun}{'s' if len(things) != 1 else ''}"
