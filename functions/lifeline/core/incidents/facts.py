"""Facts about one silent agent and its surroundings."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.instances import UNMANAGED, Health, Instance, Power
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.cuts import Cuts
from lifeline.core.guards.backlog import GapSurvey
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, EVERYTHING, SECURITY_GROUP, Freeze
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import LINGERING, ChangeScope, Field, Past, scope_of
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.incidents.other_names import ClosedEndpoint, closed_endpoints
from lifeline.core.network.dns import DnsView
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.iam_policy import RoleVerdict
from lifeline.core.network.model import (
    Catalog,
    EndpointType,
    NetworkInterface,
    SecurityGroup,
    Subnet,
    Tier,
    Vpc,
    named_lists,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import find_path
from lifeline.core.network.service_here import off_words
from lifeline.core.network.tiers import classify
from lifeline.core.plan.cost import Price, monthly_cost_usd
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.central import Central
from lifeline.core.policy.policy import Exempted
from lifeline.core.wording import listed, plain, write_time

METRICS = "monitoring"  # the service that takes the metrics (CloudWatch endpoints: monitoring.<region>)
WITHOUT_ENDPOINT = frozenset({Reach.UNREACHABLE, Reach.NO_ADDRESS, Reach.FILTERED, Reach.FAILED})
_STARTING = timedelta(seconds=1)  # no agent sends sooner, and CloudTrail's times are whole seconds
_NOT_FOR_METRICS = frozenset({"logs"})  # an agent that can't send logs still sends metrics (agent: separate pipelines)
_LONGEST_NAME = 40
_NOT_UNASKED = (
    "Lifeline will not fix this until you approve it, because the endpoint was missing before Lifeline had to act on "
    "it."
)
NOT_IN_PLAN_MODE = "The stack is in plan mode, so Lifeline will not fix this."


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one silent agent; None or empty if it couldn't be read or doesn't apply.

    `instance` is UNMANAGED for a host that EC2 doesn't know. `vpc` is one observation with its DNS attributes, `dns` is
    what else answers names there. `changes` are the VPC's network changes in the ledger, oldest first. `earlier` are
    the causes of the VPC's open incidents and when these began; `own` is the cause of the agent's own incident.
    `made` are the endpoints that Lifeline created last, `frozen` the VPC's freezes and `canaries` whose private DNS
    Lifeline turned on recently, each with its service.
    `known` are the paths that Lifeline saw in the VPC over time, `own_groups` the instance's security groups as far as
    they were read, and `own_lists` the entries of prefix lists that these name, by their ids. `mode` is the stack's,
    and `fixes_dns` whether Lifeline may turn on DNS attributes. `survey` says what waits for approval in the VPC, and
    `price` is the region's. `asked` are the services that are required in the instance's subnet, and `spared` those
    that would be but for an exemption. `cuts` are what ReconcileEndpoints read of the way to a hub's endpoint beyond
    the VPC, and `hub` is the one that the policy names, if VPCs may share its endpoints. `unreadable` describes what
    couldn't be read; `is_past_read` is False if the changes on record, or what Lifeline itself did there, are among
    that, so that something may have gone unseen.
    """

    agent: Agent
    watch: Watch
    instance: Instance = UNMANAGED
    health: Health = Health.UNKNOWN
    vpc: Vpc | None = None
    catalog: Catalog = field(default_factory=Catalog)
    dns: DnsView | None = None
    role: RoleVerdict | None = None
    changes: tuple[Change, ...] = ()
    made: tuple[tuple[str, Made], ...] = ()
    earlier: tuple[tuple[Cause, datetime], ...] = ()
    own: Cause | None = None
    frozen: tuple[tuple[str, Freeze], ...] = ()
    unreadable: tuple[str, ...] = ()
    is_past_read: bool = True
    canaries: tuple[tuple[str, Canary], ...] = ()
    known: KnownVpc | None = None
    own_groups: tuple[SecurityGroup, ...] = ()
    own_lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    mode: Mode = Mode.ENFORCE
    fixes_dns: bool = False
    survey: GapSurvey | None = None
    price: Price | None = None
    asked: frozenset[str] | None = None
    spared: tuple[tuple[str, Exempted], ...] = ()
    cuts: Cuts = field(default_factory=dict)
    hub: Central | None = None

    @property
    def is_managed(self) -> bool:
        """True if EC2 knows the instance, so that Lifeline can explain its silence."""
        return self.instance.power is Power.RUNNING and self.instance != UNMANAGED

    @property
    def two_periods(self) -> timedelta:
        """How far apart two silences may begin, or a fix and a silence be, and still belong together."""
        return 2 * self.watch.rules.period

    @property
    def needs(self) -> tuple[str, ...]:
        """The services that the agent needs besides `monitoring`, sorted."""
        return tuple(sorted((self.agent.needs | self.watch.needs) - {METRICS}))

    @property
    def has_started_anew(self) -> bool:
        """True if the instance started after the last datapoint, if any: its agent must then reach every service."""
        launched_at, seen_at = self.instance.launched_at, self.agent.seen_at
        return launched_at is not None and (seen_at is None or launched_at >= seen_at)

    @property
    def sure_needs(self) -> frozenset[str]:
        """The services without which no datapoint arrives; one that was reached isn't needed until the next start."""
        needs = set(self.needs) - _NOT_FOR_METRICS if self.has_started_anew else set()
        return frozenset({METRICS, *needs})

    @property
    def subnet(self) -> Subnet | None:
        """The instance's subnet, None if it wasn't found."""
        subnets = self.vpc.subnets if self.vpc else ()
        return next((subnet for subnet in subnets if subnet.id == self.instance.subnet_id), None)

    @property
    def has_public_address(self) -> bool:
        """True if the instance has a public address of the family in which its subnet reaches AWS's names (ADR 5)."""
        is_ipv6 = self.subnet is not None and self.subnet.is_ipv6_only
        return self.instance.has_ipv6_address if is_ipv6 else self.instance.has_public_address

    @property
    def vpc_id(self) -> str:
        """The VPC's id, even if nothing else about it is known."""
        return self.instance.vpc_id or (self.vpc.id if self.vpc else "")

    @property
    def vpc_name(self) -> str:
        """The VPC's Name tag, printable and shortened; empty if it has none."""
        return plain((self.vpc.tag("Name") if self.vpc else None) or "")[:_LONGEST_NAME]

    @property
    def interface(self) -> NetworkInterface | None:
        """The instance's interface, None if its address or its security groups aren't known."""
        instance = self.instance
        if not instance.address or instance.group_ids is None:
            return None
        return NetworkInterface(instance.address, instance.subnet_id, (instance.address,), instance.group_ids)

    @property
    def foreign_owner(self) -> str:
        """The account that owns the VPC, if the instance is known to belong to another: its subnet is shared.

        Instances and their profiles belong to one account (IAM guide: ARNs of instance profiles).
        """
        own = self.instance.profile_arn.split(":")[4:5]
        owner = self.vpc.owner_id if self.vpc else ""
        return owner if owner and own and own != [owner] else ""

    def freeze_of(self, service: str, reach: Reach) -> tuple[str, Freeze] | None:
        """Return the freeze that prevents a repair of the path to the service, and its key; None if there is none."""
        frozen = dict(self.frozen)
        shared = DNS_ATTRIBUTES if reach is Reach.DNS_OFF else SECURITY_GROUP
        return next(((key, frozen[key]) for key in (service, shared, EVERYTHING) if key in frozen), None)

    def is_asked(self, service: str) -> bool:
        """False if neither the policy nor a tag requires the service in the subnet: Lifeline makes nothing for it."""
        return self.asked is None or service in self.asked

    def why_left(self, service: str, reach: Reach) -> str:
        """Why Lifeline leaves the path to the service as it is, in a sentence or two; empty if it will repair it."""
        if not self.is_asked(service):
            if spared := dict(self.spared).get(service):
                return f"Lifeline will not fix this, because {spared.words}."
            return (
                f"Lifeline will not fix this, because neither the policy nor a tag requires the {service} service in "
                f"{self.instance.subnet_id}."
            )
        if self.mode is Mode.PLAN:
            return NOT_IN_PLAN_MODE
        if reach is Reach.DNS_OFF and not self.fixes_dns:
            return "Lifeline will not fix this, because FixDns and fix_dns in the policy don't both allow it."
        off = self.vpc.dns_off if self.vpc and not self.fixes_dns else ()
        if off and reach in WITHOUT_ENDPOINT and not self._may_be_gateway(service):
            return (
                f"Lifeline will not fix this while the VPC's {off_words(off)}, because FixDns and fix_dns in the "
                f"policy don't both allow it to turn {'that' if len(off) == 1 else 'them'} on."
            )
        is_lost = reach is Reach.UNREACHABLE  # so the way out that the subnet had is, which waits for nobody
        waits = self.survey and self.survey.waits(self.instance.subnet_id, service, is_lost=is_lost)
        return _NOT_UNASKED if waits else ""

    def awaits_approval(self, service: str, reach: Reach) -> bool:
        """True if Lifeline leaves the path as it is only until a person approves the VPC's backlog."""
        return self.why_left(service, reach) == _NOT_UNASKED

    def cost_words(self, endpoint_id: str) -> str:
        """What the endpoint costs: `about 14.60 USD per month, before data charges`; empty if that isn't known."""
        endpoints = self.vpc.endpoints if self.vpc else ()
        zones = sum(len(endpoint.subnet_ids) for endpoint in endpoints if endpoint.id == endpoint_id)
        if not zones or self.price is None:
            return ""
        return f"about {monthly_cost_usd(zones, self.price)} USD per month, before data charges"

    def zone_price_words(self, service: str) -> str:
        """What an interface endpoint would cost, in a sentence that follows one about it; in how many zones it will be
        is the plan's to say. Empty if a gateway may do, which is free, or the price isn't known.
        """
        if self._may_be_gateway(service) or self.price is None:
            return ""
        usd = monthly_cost_usd(1, self.price)
        return f"It costs about {usd} USD per zone per month, before data charges."

    def _may_be_gateway(self, service: str) -> bool:
        return any(found.type is EndpointType.GATEWAY for found in self.catalog.find(service))

    @property
    def standing_cuts(self) -> Cuts:
        """The cuts on the way to a hub since which the agent hasn't reported, but over a connection that was open."""
        seen_at = self.agent.seen_at
        return {service: cut for service, cut in self.cuts.items() if not seen_at or seen_at - LINGERING <= cut.at}

    def since(self, now: datetime) -> datetime:
        """Return when the gap began."""
        return self.agent.gap.since if self.agent.gap else now

    def harmless_before(self, service: str, *, is_outlived: bool) -> datetime | None:
        """Return the time before which no change can be the cause, because the agent published after it; or None.

        Since its instance started, the agent has reached every service once, and `monitoring` with each datapoint,
        except over a connection that outlives its route, or `is_outlived`, see there.
        """
        seen_at, launched_at = self.agent.seen_at, self.instance.launched_at
        if seen_at is None:
            return None
        met = [seen_at - LINGERING] if service == METRICS and not is_outlived else []
        met += [launched_at + _STARTING] if launched_at and launched_at < seen_at else []
        return max(met, default=None)


def is_outlived(kind: CauseKind, path: NetworkPath | None) -> bool:
    """True if connections that were open before such a cause closed the path work on for as long as they are used: past
    a closed security group, and without their DNS name (EC2 guide: security group connection tracking). Network ACLs
    and routes let none live on.
    """
    by = {obstacle.kind for obstacle in path.obstacles} if path else set()
    if kind is CauseKind.WAY_OUT_SHUT or (kind is CauseKind.ENDPOINT_CLOSED and by):
        return ObstacleKind.SECURITY_GROUP in by
    return kind in {CauseKind.ENDPOINT_CLOSED, CauseKind.DNS_OFF, CauseKind.OWN_GROUP}


def _may_differ(path: NetworkPath) -> bool:
    """True if a part of the subnet is kept from the service, or may be, and not all of it."""
    return path.reach is Reach.UNKNOWN or (bool(path.shut) and path.reach.is_open_in_part)


class Around:
    """The paths from one subnet and what they depend on, computed once for all agents there with the same needs; or
    from one interface (`asking`), where these differ. `partial` are the services that only a part of the subnet may be
    kept from: what Lifeline saw of the subnet before says nothing of that part.
    """

    def __init__(
        self, facts: Facts, asking: NetworkInterface | None = None, partial: frozenset[str] | None = None
    ) -> None:
        self._facts = facts
        self._subnet = facts.subnet
        self._asking = asking
        self._pasts: dict[str, Past] = {}
        self._wider_pasts: dict[str, Past] = {}
        self._scopes: dict[str, ChangeScope] = {}
        self._closed: dict[tuple[str, NetworkInterface | None], tuple[ClosedEndpoint, ...]] = {}
        self.paths: Mapping[str, NetworkPath] = self._find_paths()
        self.tier = classify(self._subnet, facts.vpc) if self._subnet and facts.vpc else None
        found = (service for service, path in self.paths.items() if _may_differ(path))
        self.partial = frozenset(found) if partial is None else partial

    @property
    def has_no_way_out(self) -> bool:
        """True if the subnet's own routes don't lead out: without an endpoint, the agents reach nothing."""
        is_without_address = self.tier is Tier.PUBLIC and not self._facts.has_public_address
        return self.tier is Tier.ISOLATED or is_without_address

    def interface_of(self, facts: Facts) -> NetworkInterface | None:
        """The agent's interface, where the paths differ within the subnet, by address or by security group."""
        is_one = any(path.shut or path.reach is Reach.UNKNOWN for path in self.paths.values())
        return facts.interface if is_one else None

    @staticmethod
    def key(facts: Facts) -> Hashable:
        """Return a key that is the same for agents with the same paths and the same history."""
        seen = (id(facts.vpc), id(facts.dns), id(facts.catalog), id(facts.changes))
        own = (facts.instance.subnet_id, facts.has_public_address, facts.foreign_owner)
        return (*seen, *own, facts.needs, tuple(sorted(facts.standing_cuts.items())))

    def change_behind(self, facts: Facts, kind: CauseKind, service: str, now: datetime) -> Change | None:
        """Return the recorded change that began a cause of this kind for one of these agents, if any."""
        found = self.change_on_the_path(facts, kind, service, now)
        return found or self._change_of_names(facts, kind, service, now)

    def change_on_the_path(self, facts: Facts, kind: CauseKind, service: str, now: datetime) -> Change | None:
        """The same, but none of the VPC's DNS by which the service's name leads elsewhere."""
        past, outlived = self.past(service), is_outlived(kind, self.paths.get(service))
        if past is None:
            return None
        harmless_before = facts.harmless_before(service, is_outlived=outlived)
        closed_by = self._closed_by(facts, service, harmless_before)
        return past.change_behind(kind, facts.since(now), harmless_before=harmless_before, closed_by=closed_by)

    def _closed_by(self, facts: Facts, service: str, harmless_before: datetime | None) -> datetime | None:
        """When Lifeline first saw the path closed, unless the agent used it, or another one, later."""
        closed_at = facts.known.closed_since(facts.instance.subnet_id, service) if facts.known else None
        return closed_at if closed_at and (harmless_before is None or closed_at >= harmless_before) else None

    def change_of_groups(self, facts: Facts, service: str, group_ids: frozenset[str], now: datetime) -> Change | None:
        """Return the recorded change of the instance's own security groups that began the silence, if any, or of an
        endpoint, by which others answer the service's name now than those to whom the groups let requests out.
        """
        if self._subnet is None or facts.vpc is None or not facts.changes:
            return None
        lists = named_lists(rule for group in facts.own_groups for rule in group.egress)
        scope = replace(self._scope(service, self._subnet, facts.vpc), filter_ids=group_ids | lists)
        changes = (
            change
            for change in facts.changes
            if not Field.ENDPOINTS.holds(change.event_name) or self._moved_name(change, service, scope, facts)
        )
        kind = CauseKind.OWN_GROUP
        harmless_before = facts.harmless_before(service, is_outlived=True)
        found = Past(changes, scope).change_behind(kind, facts.since(now), harmless_before=harmless_before)
        return found or self._change_of_names(facts, kind, service, now)

    def _change_of_names(self, facts: Facts, kind: CauseKind, service: str, now: datetime) -> Change | None:
        """Return the recorded change just before the silence of the VPC's DNS by which what answers the service's name
        now may have taken it from public addresses, which a way out led to, or given it back to these, which narrow
        groups keep from the agent (VPC guide: DNS attributes), if any.
        """
        path, past, vpc = self.paths.get(service), self.past(service), facts.vpc
        if past is None or path is None or vpc is None or kind is CauseKind.DNS_OFF:
            return None
        is_taken = bool(path.endpoint_id or path.central_id) and not self.has_no_way_out
        if not is_taken and (kind is not CauseKind.OWN_GROUP or (vpc.dns_support and vpc.dns_hostnames)):
            return None
        harmless_before = facts.harmless_before(METRICS, is_outlived=False)
        return past.change_behind(CauseKind.DNS_OFF, facts.since(now), harmless_before=harmless_before)

    def _moved_name(self, change: Change, service: str, scope: ChangeScope, facts: Facts) -> bool:
        """True if the change came just before the agent's last datapoint or later, and is of an endpoint that serves
        the service, or of one that is gone where one did until then. Where no way leads out, a new one took the name
        from nobody.
        """
        known, seen_at = facts.known, facts.agent.seen_at
        if seen_at is not None and change.at < seen_at - LINGERING:
            return False
        if change.ids & scope.endpoint_ids:
            return change.event_name != "CreateVpcEndpoint" or not self.has_no_way_out
        served_until = known.served_until(service) if known else None
        return bool(change.ids) and known is not None and (served_until is None or change.at <= served_until)

    def change_elsewhere(self, facts: Facts, service: str, now: datetime) -> Change | None:
        """Return the recorded change just before the silence of a route to other private networks, if any: the path
        doesn't depend on it, but an agent with a proxy there does.
        """
        if self._subnet is None or facts.vpc is None or not facts.changes:
            return None
        if service not in self._wider_pasts:
            self._wider_pasts[service] = Past(facts.changes, self._scope(service, self._subnet, facts.vpc))
        past, kind = self._wider_pasts[service], CauseKind.CUT_OFF
        harmless_before = facts.harmless_before(METRICS, is_outlived=False)
        return past.change_behind(kind, facts.since(now), harmless_before=harmless_before)

    def changes_of_other_names(
        self, facts: Facts, service: str, now: datetime
    ) -> tuple[tuple[ClosedEndpoint, Change], ...]:
        """Return the endpoints of the service that are closed to the agent and don't answer its usual name, each with
        the recorded change that began that before the silence: an agent that is told to use one is cut off by it.
        """
        subnet, vpc, path = self._subnet, facts.vpc, self.paths.get(service)
        if subnet is None or vpc is None or path is None or not facts.changes:
            return ()
        key = service, facts.interface
        if key not in self._closed:
            catalog, serving_id = facts.catalog, path.endpoint_id
            self._closed[key] = tuple(
                closed_endpoints(*key, vpc, subnet, facts.changes, catalog=catalog, serving_id=serving_id)
            )
        found: list[tuple[ClosedEndpoint, Change]] = []
        for closed in self._closed[key]:
            harmless_before = facts.harmless_before(service, is_outlived=closed.is_outlived)
            change = closed.past.change_behind(closed.kind, facts.since(now), harmless_before=harmless_before)
            found += [(closed, change)] if change else []
        return tuple(found)

    def change_in_doubt(self, facts: Facts, now: datetime) -> Change | None:
        """Return the recorded change just before the silence that may have closed the path to the metrics, though it is
        open as far as it was read, if any.
        """
        past, harmless_before = self.past(METRICS), facts.harmless_before(METRICS, is_outlived=False)
        kind, since = CauseKind.PATH_UNKNOWN, facts.since(now)
        return past.change_behind(kind, since, harmless_before=harmless_before) if past and harmless_before else None

    def _scope(self, service: str, subnet: Subnet, vpc: Vpc) -> ChangeScope:
        """What the path depends on wherever the service's name leads."""
        if service not in self._scopes:
            self._scopes[service] = scope_of(subnet, vpc, service)
        return self._scopes[service]

    def past(self, service: str) -> Past | None:
        """Return the recorded changes to the path to the service; None if there are none or the subnet wasn't found."""
        if self._subnet is None or self._facts.vpc is None or not self._facts.changes:
            return None
        if service not in self._pasts:
            path = self.paths.get(service)
            is_within = path is not None and path.reach in {Reach.CLOSED, Reach.PARTLY} and bool(path.endpoint_id)
            scope = scope_of(
                self._subnet, self._facts.vpc, service, is_public=self.is_public(service), is_within=is_within
            )
            known = self._facts.known
            if known:
                looked_since = (known.asked or {}).get(service)
                scope = replace(scope, served_until=known.served_until(service), looked_since=looked_since)
            self._pasts[service] = Past(self._facts.changes, scope)
        return self._pasts[service]

    def is_public(self, service: str) -> bool:
        """True if the service's name is known to lead to public addresses where no endpoint of the VPC answers it."""
        dns, path = self._facts.dns, self.paths.get(service)
        if dns is None or path is None or path.central_id:
            return False
        return not (dns.unreadable or dns.unread or dns.throttled or dns.custom_dns_servers)

    def _find_paths(self) -> dict[str, NetworkPath]:
        """The path to each service that the agent needs, `monitoring` first; empty if its subnet wasn't found."""
        subnet, facts = self._subnet, self._facts
        if subnet is None or facts.vpc is None:
            return {}
        has_address = facts.has_public_address
        found = {
            service: find_path(
                subnet,
                facts.vpc,
                service,
                facts.catalog,
                facts.dns,
                has_public_address=has_address,
                asking=self._asking,
            )
            for service in (METRICS, *facts.needs)
        }
        seen = {service: _of_another(path, facts.foreign_owner) for service, path in found.items()}
        return {service: _with_cut(path, service, facts) for service, path in seen.items()}


def _with_cut(path: NetworkPath, service: str, facts: Facts) -> NetworkPath:
    """The path with what is on record of the way to the hub beyond the VPC, which isn't read here: that is likely still
    so. Where something is on record, the hub answers the service's name.
    """
    cut, id_ = facts.standing_cuts.get(service), facts.instance.subnet_id
    is_by_hub = path.reach is Reach.CENTRAL or (facts.dns is None and path.reach.is_open and not path.endpoint_id)
    if cut is None or not is_by_hub:
        return path
    by_whom = f"as ReconcileEndpoints read it first at {write_time(cut.at)}"
    if id_ in cut.subnet_ids:
        return path.cut_beyond(service, cut.words, id_, by_whom)
    doubt = f"the way to the hub's endpoint is cut from {listed(cut.subnet_ids)}: {cut.words}, {by_whom}"
    return replace(path, doubts=(*path.doubts, doubt))


def _of_another(path: NetworkPath, owner: str) -> NetworkPath:
    """The path as far as it is visible in a shared VPC: endpoints belong to its owner (VPC guide: share a subnet)."""
    if not owner:
        return path
    doubt = f"the VPC belongs to account {owner}: only that account can see and create its endpoints"
    return replace(path, doubts=(*path.doubts, doubt), is_repairable=False)


def cause_of(facts: Facts, cause: Cause) -> Cause:
    """Complete a cause for this agent: add its VPC and what couldn't be read, and make it printable.

    While something couldn't be read, a cause is likely at most, unless the machine is down.
    """
    is_doubted = bool(facts.unreadable) and cause.kind is not CauseKind.MACHINE
    confidence = Confidence.MEDIUM if is_doubted and cause.confidence is Confidence.HIGH else cause.confidence
    evidence = (*cause.evidence, *facts.unreadable)
    return replace(
        cause,
        confidence=confidence,
        words=plain(cause.words),
        evidence=tuple(dict.fromkeys(plain(line) for line in evidence if line and line != cause.words)),
        vpc_id=facts.vpc_id,
        vpc_name=facts.vpc_name,
    )
