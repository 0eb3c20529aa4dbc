"""The backlog: gaps that were there when Lifeline began to enforce, or that a policy asked for since. They wait.

A gap is a subnet and a service that it must reach, for which there is something to make. Lifeline acts at once on what
breaks: a path that is lost, a subnet or a VPC that is made. What was missing all along breaks nothing today, so it is
made only once a person approved it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lifeline.core.guards.freeze import EVERYTHING, idle_supports
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.network.model import Tier, Vpc
from lifeline.core.network.network_path import Reach
from lifeline.core.network.tiers import effective_route_table
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan
from lifeline.core.plan.cost import Price, with_blocked
from lifeline.core.policy.policy import Desired
from lifeline.core.wording import read_time

BACKLOG = "backlog"  # what an action is blocked by
WAITS = (
    "in the backlog: it was missing before Lifeline had to act on it, and will be made once you approve it "
    '(the call {"approve": "backlog"})'
)
_SERVED = frozenset({Reach.SERVED, Reach.CENTRAL})
_PLACES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS})
_SHARED = frozenset({ActionKind.FIX_DNS, ActionKind.CREATE_SECURITY_GROUP, ActionKind.OPEN_SECURITY_GROUP})
_MAKES_VPC = frozenset({"CreateVpc", "CreateDefaultVpc"})
_MAKES_SUBNET = frozenset({"CreateSubnet", "CreateDefaultSubnet"})
_REROUTES = frozenset(
    {
        "DeleteRoute",
        "ReplaceRoute",
        "AssociateRouteTable",
        "ReplaceRouteTableAssociation",
        "DisableVgwRoutePropagation",
    }
)
# The target of a route, which EC2 keeps as a blackhole (VPC guide: route tables). The records of DetachNetworkInterface
# name the attachment alone, so they tell nothing.
_TAKES_TARGET = frozenset(
    {
        "DeleteNatGateway",
        "DetachInternetGateway",
        "DetachVpnGateway",
        "DeleteTransitGatewayVpcAttachment",
        "DeleteVpcPeeringConnection",
        "DeleteNetworkInterface",
    }
)
_ROUTES = frozenset({ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.ADD_ROUTE_TABLES})

type Called = tuple[str, frozenset[str], str]
"""A change: its event's name, the ids that it names, and when it was made, as CloudTrail writes it."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """Since when the stack has enforced in the region, and when a sweep had judged all its VPCs, None if none has."""

    began: datetime
    swept_at: datetime | None = None

    def is_new(self, known: KnownVpc | None) -> bool:
        """True of a VPC that nobody has judged, if it was made since that sweep: one that was seen before it has lost
        what was judged of it.
        """
        return self.swept_at is not None and not (known and known.since <= self.swept_at)


@dataclass(frozen=True, slots=True)
class Alike:
    """Subnets of a VPC of which the same is known: `asked` are the services that were judged there, and `waiting` those
    of them that wait for approval. `has_way_out` is None while it was never read.
    """

    subnet_ids: frozenset[str]
    has_way_out: bool | None = None
    asked: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GapSurvey:
    """What was judged of a VPC's gaps: when first, when something last began to wait, and how its subnets stand.

    Subnets of which the same is known are kept together, so that a VPC of thousands fits into one item of the ledger.
    """

    at: datetime
    asked_at: datetime | None = None
    subnets: tuple[Alike, ...] = ()

    @property
    def waiting(self) -> frozenset[tuple[str, str]]:
        """The subnets, by id, and services that wait for approval."""
        return frozenset(
            (subnet_id, service)
            for alike in self.subnets
            for subnet_id in alike.subnet_ids
            for service in alike.waiting
        )

    def waits(self, subnet_id: str, service: str, *, is_lost: bool) -> bool:
        """True if the service waits for approval in the subnet. With `is_lost`, it doesn't wait any longer where the
        subnet had a way out when it was judged.
        """
        return any(
            service in alike.waiting and subnet_id in alike.subnet_ids and not (is_lost and alike.has_way_out)
            for alike in self.subnets
        )

    @property
    def services(self) -> frozenset[str]:
        """The services that wait for approval somewhere in the VPC."""
        return frozenset[str]().union(*(alike.waiting for alike in self.subnets))


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a plan shows of a VPC: by subnet, the services that are missing, those that are served, and all that are
    asked. What is in neither of the first two isn't known, so it isn't judged. `ways_out` leaves out what wasn't read.
    `muted` are those that the subnet would have to reach but for an exemption or a tag, None where that isn't known.
    `unjudged` are subnets of which nothing can be judged: they are about to be deleted, or not available.
    """

    missing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    served: Mapping[str, frozenset[str]] = field(default_factory=dict)
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ways_out: Mapping[str, bool] = field(default_factory=dict)
    muted: Mapping[str, frozenset[str]] | None = field(default_factory=dict)
    unjudged: frozenset[str] = frozenset()

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The gaps: each a subnet, by id, and a service."""
        return frozenset((subnet_id, service) for subnet_id, services in self.missing.items() for service in services)


def find_gaps(plan: Plan, vpc: Vpc, want: Desired) -> Gaps:
    """The gaps for which the plan would make something, whether that is blocked or not. An interface in a subnet's zone
    is for that subnet, even where it reaches the service from another zone.
    """
    available = {subnet.id for subnet in vpc.subnets if subnet.state == "available"}
    judged = [subnet_id for subnet_id, _ in plan.tiers if subnet_id in available]
    missing, served, asked = (dict.fromkeys(judged, frozenset[str]()) for _ in range(3))
    zones = {subnet.id: subnet.zone for subnet in vpc.subnets}
    reports = {report.service: dict(report.paths) for report in plan.services}
    for requirement in (*want.requirements, *want.unsure):
        for subnet_id in requirement.subnet_ids & asked.keys():
            asked[subnet_id] |= {requirement.service}
    for requirement in want.requirements:
        service, paths = requirement.service, reports.get(requirement.service, {})
        making = [action for action in plan.actions if action.service in {service, ""} and _is_to_make(action)]
        placed = {zones.get(id_) for action in making if action.kind in _PLACES for id_ in action.subnet_ids}
        for subnet_id in requirement.subnet_ids & paths.keys() & asked.keys():
            is_served = paths[subnet_id].reach in _SERVED
            if making and (not is_served or zones.get(subnet_id) in placed):
                missing[subnet_id] |= {service}
            elif is_served:
                served[subnet_id] |= {service}
    ways_out = {id_: tier is not Tier.ISOLATED for id_, tier in plan.tiers if _is_way_out_known(tier.possible)}
    return Gaps(
        missing, served, asked, ways_out, unjudged=frozenset(subnet.id for subnet in vpc.subnets) - asked.keys()
    )


def judge(
    survey: GapSurvey | None,
    gaps: Gaps,
    epoch: Epoch,
    *,
    now: datetime,
    known: KnownVpc | None = None,
    approved: Mapping[str, datetime] | None = None,
    at_once: frozenset[str] = frozenset(),
    changed: frozenset[str] = frozenset(),
) -> GapSurvey:
    """The survey after an observation.

    The first time, every gap waits, unless the VPC was made since a sweep judged the whole region. Later,
    a gap waits where it waited, or where the network is as it was and more is asked of it. A path that was lost since
    never waits, nor does a subnet that was made since. `approved` says, by service, when people approved what waited
    then; `at_once` are the services for which nothing waits, or begins to. `known` are the paths that Lifeline has
    seen, and `changed` the subnets that a change since then made, or took a path from: both count the first time alone,
    for later the survey itself says what was lost.

    Of what is muted, nothing is judged: once it is asked for again, what waited before waits, and what was lost in the
    meantime doesn't. Nor does what wasn't read when its subnet was new or had just lost its way out. Subnets of which
    nothing can be judged stand as they did; one that was there from the beginning is judged later as any other.

    Where what is muted isn't known, what passed before goes on to pass, and what is new or lost is so at the next
    judgement, too: only that can say what else it concerns.
    """
    is_first = survey is None or survey.at < epoch.began
    was_there = is_first and not (survey is None and epoch.is_new(known))
    before = survey if survey and not is_first else GapSurvey(now)
    had = _had_since(epoch.began, known) if was_there else frozenset[str]()
    of_subnet = {subnet_id: alike for alike in before.subnets for subnet_id in alike.subnet_ids}
    lost = _lost_since(epoch.began, known) | changed if was_there else frozenset[str]()
    said = approved or {}
    waited_passes = _Approved(said, since=before.asked_at)
    new_passes = _Approved(said if was_there else {}, since=epoch.began)
    none_waits = _Approved(dict.fromkeys(at_once, now), since=now)
    judged: dict[str, Alike] = {}
    has_grown = False
    for subnet_id, asked in gaps.asked.items():
        seen = of_subnet.get(subnet_id)
        alike = seen or Alike(frozenset())
        missing, served, way_out = gaps.missing[subnet_id], gaps.served[subnet_id], gaps.ways_out.get(subnet_id)
        is_lost = (bool(alike.has_way_out) and way_out is False) or subnet_id in lost
        is_made_since = seen is None and not was_there
        waited = none_waits.without(waited_passes.without((alike.waiting & asked) - served))
        new = none_waits.without(new_passes.without(missing - alike.asked - lost))
        if is_lost:
            waited = new = frozenset()
        if is_made_since:
            new = frozenset()
        has_grown = has_grown or bool(new)
        earlier = (alike.asked - alike.waiting) | had
        unasked = earlier if gaps.muted is None else gaps.muted.get(subnet_id, frozenset()) - asked
        passed = asked | unasked if is_lost or is_made_since else unasked & earlier
        if gaps.muted is None and is_made_since:
            continue
        judged[subnet_id] = Alike(
            frozenset(),
            alike.has_way_out if way_out is None else way_out or (is_lost and gaps.muted is None),
            (alike.asked & asked) | missing | served | passed,
            waited | new,
        )
    kept = {id_: of_subnet.get(id_, Alike(frozenset())) for id_ in gaps.unjudged if was_there or id_ in of_subnet}
    judged |= {subnet_id: replace(alike, subnet_ids=frozenset()) for subnet_id, alike in kept.items()}
    return GapSurvey(before.at, now if has_grown else before.asked_at, _together(judged))


def changed_subnets(changes: Iterable[Called], vpc: Vpc, gaps: Gaps, epoch: Epoch) -> frozenset[str]:
    """The VPC's subnets that these changes made, or took the way out from, since the epoch began.

    Where Lifeline hasn't seen the network before, nothing else tells a path that was just lost from one that never was.
    A message that names a change may be forged, so of what takes a way out only that counts which the network bears
    out: the subnet has none, and either the change was on it or its route table, or a route there leads nowhere to what
    the change took. What is made counts whatever its routes are. A change whose time or ids aren't known opens nothing.
    """
    found: set[str] = set()
    for name, ids, time in changes:
        at = read_time(time)
        if at is None or at < epoch.began:
            continue
        for subnet in vpc.subnets:
            table = effective_route_table(subnet, vpc)
            dead = {route.target_id for route in table.routes if not route.is_active} if table else set[str]()
            is_made = (name in _MAKES_VPC and vpc.id in ids) or (name in _MAKES_SUBNET and subnet.id in ids)
            is_rerouted = name in _REROUTES and bool({subnet.id, table.id if table else ""} & ids)
            is_cut = is_rerouted or (name in _TAKES_TARGET and bool(dead & ids))
            if is_made or (is_cut and gaps.ways_out.get(subnet.id) is False):
                found.add(subnet.id)
    return frozenset(found)


def hold_backlog(plan: Plan, vpc: Vpc, gaps: Gaps, survey: GapSurvey, price: Price) -> Plan:
    """The plan with whatever only the backlog needs blocked. What a lost path needs too is made for that path alone, as
    far as it can be: the zones and route tables of subnets that wait are left out.
    """
    waiting = survey.waiting
    actions = tuple(_hold(action, vpc, gaps, waiting) for action in plan.actions)
    if actions == plan.actions:
        return plan
    idle = set(idle_supports(actions))
    actions = tuple(action.held(BACKLOG, WAITS) if action in idle else action for action in actions)
    held = {action.service: WAITS for action in actions if action.blocked_by == BACKLOG}
    working = {action.service for action in actions if action.is_planned}
    return with_blocked(plan, actions, {name: why for name, why in held.items() if name not in working}, price)


def backlog_of(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Those of the actions that wait for approval of the backlog."""
    return tuple(action for action in actions if action.blocked_by == BACKLOG)


# ---- parts


def _is_to_make(action: Action) -> bool:
    """True if it would bring a subnet its service, or what the VPC's endpoints share."""
    is_for_all = not action.service and action.kind not in _SHARED
    return action.kind not in REMOVALS and not action.is_done and not is_for_all


def _is_way_out_known(possible: frozenset[Tier]) -> bool:
    return possible == {Tier.ISOLATED} or Tier.ISOLATED not in possible


def _had_since(began: datetime, known: KnownVpc | None) -> frozenset[str]:
    """The subnets and services whose path Lifeline saw, and didn't see gone before then."""
    paths = known.paths.items() if known else ()
    return frozenset(key for key, path in paths if path.lost_at is None or path.lost_at >= began)


def _lost_since(began: datetime, known: KnownVpc | None) -> frozenset[str]:
    """The subnets and services whose path Lifeline saw, and saw gone since then."""
    paths = known.paths.items() if known else ()
    return frozenset(key for key, path in paths if path.lost_at and path.lost_at >= began)


@dataclass(frozen=True, slots=True)
class _Approved:
    """What people approved, by service, of what has waited since a time; any approval counts where nothing waited yet.
    An approval is for what could be seen then.
    """

    said: Mapping[str, datetime]
    since: datetime | None

    def without(self, services: frozenset[str]) -> frozenset[str]:
        """Those of the services that nobody approved."""
        passed = {name for name, at in self.said.items() if self.since is None or at >= self.since}
        return frozenset() if EVERYTHING in passed else services - passed


def _together(judged: Mapping[str, Alike]) -> tuple[Alike, ...]:
    groups: dict[Alike, set[str]] = {}
    for subnet_id, alike in judged.items():
        groups.setdefault(alike, set()).add(subnet_id)
    found = (replace(alike, subnet_ids=frozenset(ids)) for alike, ids in groups.items())
    return tuple(sorted(found, key=lambda alike: sorted(alike.subnet_ids)))


def _hold(action: Action, vpc: Vpc, gaps: Gaps, waiting: frozenset[tuple[str, str]]) -> Action:
    if not action.is_planned or action.kind in REMOVALS or action.asks:  # a person approves that by itself
        return action
    lacking = {pair for pair in gaps.pairs if action.service in {pair[1], ""}}
    if not lacking & waiting:
        return action
    if not lacking - waiting:
        return action.held(BACKLOG, WAITS)
    return _only_for({subnet_id for subnet_id, _ in lacking - waiting}, action, vpc)


def _only_for(subnet_ids: Iterable[str], action: Action, vpc: Vpc) -> Action:
    """The action for these subnets alone, where that leaves something of it."""
    chosen = [subnet for subnet in vpc.subnets if subnet.id in set(subnet_ids)]
    zone_of = {subnet.id: subnet.zone for subnet in vpc.subnets}
    zones = {subnet.zone for subnet in chosen}
    tables = {table.id for subnet in chosen if (table := effective_route_table(subnet, vpc))}
    places, routes = action.subnet_ids, action.route_table_ids
    if action.kind in _PLACES:
        places = tuple(id_ for id_ in places if zone_of.get(id_) in zones) or places
    if action.kind in _ROUTES:
        routes = tuple(id_ for id_ in routes if id_ in tables) or routes
    if (places, routes) == (action.subnet_ids, action.route_table_ids):
        return action
    return action.only_for(places, routes)
