"""Which VPCs go first where a limit is short: those that had a path and lost it, and those with silent agents.

Whoever asks for something decides nothing here, because tags and messages are cheap. What counts is what Lifeline has
seen in the network over time, and the agents that were there: a VPC that was only made for it has neither.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lifeline.core.network.model import SeenTier, Tier, Vpc, suffix_of
from lifeline.core.network.network_path import Reach
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan, ServiceReport, Urgency
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.policy import Policy, Shares, asked_by_rules

PROVEN = timedelta(hours=24)  # so long at least a path must have been known to be worth the whole reserve …
LONG_PROVEN = timedelta(days=30)  # … and so long at most, see `proven_after`
NOTED = timedelta(hours=2)  # so long to be worth a part of the reserve
BACKLOG = timedelta(days=7)  # after so long, what was lost is a backlog like any other, and forgotten
MOST_SHUT = 200  # subnets and services, by VPC: its quota of subnets (VPC quotas), for what is shut for all of one
ONCE = timedelta(hours=24)  # so long after an endpoint was made, another for its service is no more urgent than others

_NEVER = datetime.min.replace(tzinfo=UTC)
_MAKES = frozenset(
    {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.REPLACE_ENDPOINT}
)
_SHARED = frozenset(
    {
        ActionKind.FIX_DNS,
        ActionKind.CREATE_SECURITY_GROUP,
        ActionKind.OPEN_SECURITY_GROUP,
        ActionKind.ATTACH_SECURITY_GROUP,
    }
)
_SHUT = frozenset({Reach.UNREACHABLE, Reach.FILTERED, Reach.FAILED, Reach.DNS_OFF})


@dataclass(frozen=True, slots=True)
class KnownPath:
    """A path that Lifeline saw: since when it has known it, and when it first saw it gone, None while it is there."""

    since: datetime
    lost_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownVpc:
    """What Lifeline has seen of a VPC: since when, and the paths that it has or had.

    A path's key is a subnet's id for its way out of the VPC, and a service's name where an endpoint, or central DNS,
    served the service anywhere in the VPC. `shut` are the subnets that were kept from a service though such a path is
    known, by service, and since when Lifeline has seen each of them so; those MOST_SHUT that were so for longest.
    `asked` are the services of which it reads in every observation what serves them, and since when it has: those that
    something requires there. None is from an earlier version, which didn't keep that.
    """

    since: datetime
    paths: Mapping[str, KnownPath] = field(default_factory=dict)
    shut: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    asked: Mapping[str, datetime] | None = None

    def shut_since(self, subnet_id: str, service: str) -> datetime | None:
        """Since when Lifeline has seen the subnet kept from the service, None if it isn't, or that isn't known."""
        return self.shut.get(service, {}).get(subnet_id)

    def paths_of(self, subnet_id: str, service: str) -> tuple[KnownPath, ...]:
        """The paths that the subnet has or had to the service, as far as Lifeline saw them."""
        return tuple(self.paths[key] for key in (subnet_id, service) if key in self.paths)

    def closed_since(self, subnet_id: str, service: str) -> datetime | None:
        """When Lifeline first saw the subnet kept from the service, None if it had a path when that was last seen."""
        paths = self.paths_of(subnet_id, service)
        lost = [path.lost_at for path in paths if path.lost_at]
        return self.shut_since(subnet_id, service) or (max(lost, default=None) if len(lost) == len(paths) else None)

    def served_until(self, service: str) -> datetime | None:
        """When Lifeline first saw that neither an endpoint nor central DNS serves the service any more, None if they
        did when that was last seen; before any time if they were never seen to.
        """
        path = self.paths.get(service)
        return path.lost_at if path else _NEVER

    def looked_since(self, service: str) -> datetime | None:
        """Since when Lifeline has looked for what serves the service, None if it doesn't."""
        return self.since if self.asked is None else self.asked.get(service)

    def may_have_had_path(self, subnet_id: str, service: str, at: datetime) -> bool:
        """True if Lifeline saw a path from the subnet to the service, and hadn't seen it gone by that time."""
        shut_since = self.shut_since(subnet_id, service)
        is_shut = shut_since is not None and shut_since < at
        paths = self.paths_of(subnet_id, service)
        return not is_shut and any(path.lost_at is None or path.lost_at >= at for path in paths)


def note_paths(
    known: Mapping[str, KnownVpc], plans: Iterable[Plan], *, now: datetime, there: Collection[str] | None = None
) -> Mapping[str, KnownVpc]:
    """What is known after an observation. `there` are all VPCs of the region, None where only some were observed."""
    seen = {plan.vpc_id: _noted(known.get(plan.vpc_id, KnownVpc(now)), plan, now) for plan in plans}
    return {vpc_id: vpc for vpc_id, vpc in (dict(known) | seen).items() if there is None or vpc_id in there}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What Lifeline has seen of a VPC, None if nothing, and how long it must have known a path to call it proven.

    `made` are the endpoints that it made there last, by service.
    """

    vpc: KnownVpc | None = None
    proven_after: timedelta = PROVEN
    made: Mapping[str, Made] = field(default_factory=dict)


def proven_after(known: Mapping[str, KnownVpc], now: datetime) -> timedelta:
    """How long a path must have been known to be worth the whole reserve: a quarter of the longest-known path's time.

    A day's patience with VPCs of one's own is cheap. So the bar grows with what Lifeline knows, from PROVEN to
    LONG_PROVEN.
    """
    longest = max((_age(path, now) for vpc in known.values() for path in vpc.paths.values()), default=PROVEN)
    return min(max(PROVEN, longest / 4), LONG_PROVEN)


def shares_among(known: Mapping[str, KnownVpc], shares: Shares, *, now: datetime) -> Shares:
    """The shares; where no path has been known for long, nothing is kept for VPCs that have had such a path."""
    paths = (path for vpc in known.values() for path in vpc.paths.values())
    is_any_proven = any(_age(path, now) >= PROVEN for path in paths)
    return shares if is_any_proven else replace(shares, proven_percent=0)


def with_urgency(
    plan: Plan, vpc: Vpc, policy: Policy, known: Knowledge, silent_for: Collection[str], *, now: datetime
) -> Plan:
    """The plan, and how urgent each of its actions is. `silent_for` are the services that agents there lack.

    What the policy's rules ask for is urgent where a subnet, or the VPC, lost its path to it, or where agents are
    silent. What only a tag asks for is urgent where agents are silent for the lack of just that, and comes last while
    the VPC has no endpoint yet of something that the rules ask for. What endpoints share, such as their security group,
    is as urgent as the most urgent of them. An endpoint that is made a second time within ONCE isn't urgent: whoever
    deletes them, or takes their names and gives them back, must not use up the reserve.
    """
    judge = _Judge(plan, vpc, policy, known, frozenset(silent_for), now)
    found = {action.service: judge.of_service(action.service) for action in plan.actions if action.service}
    most = max([*found.values(), judge.of_vpc()])
    again = {service for service, made in known.made.items() if now - made.at < ONCE}

    def of_action(action: Action) -> Urgency:
        if action.kind in REMOVALS:
            return action.urgency
        urgency = most if action.kind in _SHARED else found.get(action.service, most)
        return min(urgency, Urgency.OTHER) if action.kind in _MAKES and action.service in again else urgency

    return replace(plan, actions=tuple(replace(action, urgency=of_action(action)) for action in plan.actions))


class _Judge:
    """One VPC's urgency."""

    def __init__(
        self, plan: Plan, vpc: Vpc, policy: Policy, known: Knowledge, silent_for: frozenset[str], now: datetime
    ) -> None:
        self._now = now
        self._proven_after = known.proven_after
        self._silent_for = silent_for
        seen = known.vpc or KnownVpc(now)
        self._silent = max(Urgency.RECENT, self._by_age(now - seen.since)) if silent_for else Urgency.OTHER
        self._lost = {key: path for key, path in _noted(seen, plan, now).paths.items() if path.lost_at}
        self._asked_in = asked_by_rules(policy, vpc, classify_subnets(vpc))
        self._asked = frozenset[str]().union(*self._asked_in.values())
        live = (endpoint for endpoint in vpc.endpoints if not endpoint.state.is_gone)
        self._to_come = self._asked - {suffix_of(endpoint.service_name) for endpoint in live}

    def of_service(self, service: str) -> Urgency:
        """How urgent what is to be done for the service is."""
        if service in self._asked:
            keys = {service, *(subnet_id for subnet_id, asked in self._asked_in.items() if service in asked)}
            return max(self._silent, self._of_lost(keys))
        if service in self._silent_for:
            return self._silent
        return Urgency.TAGGED if self._to_come else Urgency.OTHER

    def of_vpc(self) -> Urgency:
        """How urgent what belongs to no service is."""
        return max(self._silent, self._of_lost(self._lost.keys()))

    def _of_lost(self, keys: Collection[str]) -> Urgency:
        paths = [path for key, path in self._lost.items() if key in keys]
        return max((self._by_age(_age(path, self._now)) for path in paths), default=Urgency.OTHER)

    def _by_age(self, age: timedelta) -> Urgency:
        if age >= self._proven_after:
            return Urgency.URGENT
        return Urgency.RECENT if age >= NOTED else Urgency.OTHER


def _age(path: KnownPath, now: datetime) -> timedelta:
    """How long Lifeline has known the path, or knew it before it was lost."""
    return (path.lost_at or now) - path.since


def _noted(known: KnownVpc, plan: Plan, now: datetime) -> KnownVpc:
    """What is known of the VPC now. A path that was not read, or that is still coming up, stays as it was, and so does
    that of a service that nothing requires just now: a tag that comes and goes must not make a path younger.
    """
    tiers = dict(plan.tiers)
    there: dict[str, bool | None] = {
        subnet_id: None if len(tier.possible) > 1 and Tier.ISOLATED in tier.possible else tier is not Tier.ISOLATED
        for subnet_id, tier in tiers.items()
    }
    there |= {report.service: _is_served(report, tiers) for report in plan.services}
    services = {key for key in known.paths if not key.startswith("subnet-")}
    there |= dict.fromkeys(services - there.keys())
    found = {key: _path(known.paths.get(key), now, is_there=is_there) for key, is_there in there.items()}
    paths = {key: path for key, path in found.items() if path}
    read = [
        report.service for report in plan.services if all(path.reach is not Reach.UNKNOWN for _, path in report.paths)
    ]
    asked = {service: (known.asked or {}).get(service, now) for service in sorted(read)}
    return replace(known, paths=paths, shut=_shut(replace(known, paths=paths), plan, now), asked=asked)


def _shut(known: KnownVpc, plan: Plan, now: datetime) -> Mapping[str, Mapping[str, datetime]]:
    """The subnets that are kept from a service though a path is known. Whoever wasn't seen so any more is left out."""
    tiers = dict(plan.tiers)
    found = [
        (known.shut_since(subnet_id, report.service) or now, report.service, subnet_id)
        for report in plan.services
        for subnet_id, path in report.paths
        if _is_shut(path.reach, tiers.get(subnet_id)) and known.paths_of(subnet_id, report.service)
    ]
    kept = sorted(found)[:MOST_SHUT]
    services = sorted({service for _, service, _ in kept})
    return {name: {subnet_id: since for since, service, subnet_id in kept if service == name} for name in services}


def _is_shut(reach: Reach, tier: SeenTier | None) -> bool:
    """True if nothing of the service is reached, be it by the way out: an endpoint that takes the name goes first."""
    return reach is Reach.CLOSED or (reach in _SHUT and tier is Tier.ISOLATED)


def _path(known: KnownPath | None, now: datetime, *, is_there: bool | None) -> KnownPath | None:
    if is_there:
        return KnownPath(known.since if known else now)
    if known is None or (is_there is None and known.lost_at is None):
        return known
    lost_at = known.lost_at or now
    return replace(known, lost_at=lost_at) if now - lost_at < BACKLOG else None


def _is_served(report: ServiceReport, tiers: Mapping[str, SeenTier]) -> bool | None:
    """True if an endpoint or central DNS serves it; None if that isn't known yet, or every subnet has a way out."""
    found = {path.reach for _, path in report.paths}
    in_part = (path for _, path in report.paths if path.reach is Reach.PARTLY)
    if found & {Reach.SERVED, Reach.CENTRAL} or any(path.endpoint_id or path.central_id for path in in_part):
        return True
    if found & {Reach.PENDING, Reach.UNKNOWN}:
        return None
    return False if any(tiers.get(subnet_id) is Tier.ISOLATED for subnet_id, _ in report.paths) else None
