"""Teardowns: what Lifeline removes because someone deletes a network, and what it doesn't touch then."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from lifeline.core.coexist.moves import reached_by
from lifeline.core.coexist.retirement import removable
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, standing
from lifeline.core.network.model import ENDPOINTS_INTERFACE, Endpoint, EndpointState, Interface, Vpc, is_own
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.security_group import own_security_groups
from lifeline.core.wording import write_actor

DEPENDENCY = "DependencyViolation"  # EC2's code for what can't be deleted because of what is in it
VPC_HANDS_OFF = timedelta(hours=1)
SUBNET_HANDS_OFF = timedelta(minutes=30)
IN_USE = "network interfaces that aren't Lifeline's"
NEEDED = "others still need the endpoint"
NO_PLACE = "no subnet in another Availability Zone can take its interface where they would reach it"
_DESCRIBED = "VPC Endpoint Interface "  # and the endpoint's id: how EC2 describes the interfaces of an endpoint


@dataclass(frozen=True, slots=True)
class Attempt:
    """A deletion that EC2 refused because of what is in there: of which VPC or subnet, when, and whose."""

    resource_id: str
    at: datetime
    actor: str = ""
    event_id: str = ""

    @property
    def is_of_vpc(self) -> bool:
        """True if the whole VPC was to be deleted."""
        return self.resource_id.startswith("vpc-")

    @property
    def until(self) -> datetime:
        """Until when Lifeline makes nothing there, longer than tools try the same deletion again."""
        return self.at + (VPC_HANDS_OFF if self.is_of_vpc else SUBNET_HANDS_OFF)


@dataclass(frozen=True, slots=True)
class Teardown:
    """What someone tries to delete in one VPC: where nobody else is in the way, and where others are.

    `in_use` has their ids beside each attempt: network interfaces and, for a VPC, what connects other networks to it.
    `is_idle` says that there are none in all of the VPC, and `occupied` are the subnets with others' interfaces.
    `moves` has the endpoints that others need in cleared subnets, each with the subnets to add first: none where it has
    to stay.
    """

    vpc_id: str
    cleared: tuple[Attempt, ...] = ()
    in_use: tuple[tuple[Attempt, tuple[str, ...]], ...] = ()
    is_idle: bool = True
    occupied: frozenset[str] = frozenset()
    moves: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """True if all that is Lifeline's in the VPC goes."""
        return any(attempt.is_of_vpc for attempt in self.cleared)

    @property
    def doomed(self) -> frozenset[str]:
        """The subnets that are about to go: nothing is placed there, and nobody there is served any more."""
        return frozenset(attempt.resource_id for attempt in self.cleared if not attempt.is_of_vpc)

    @property
    def until(self) -> datetime | None:
        """Until when nothing is made, None where nothing is cleared."""
        return max((attempt.until for attempt in self.cleared), default=None)


def judge(
    vpc: Vpc,
    attempts: Iterable[Attempt],
    interfaces: Iterable[Interface],
    owner: str,
    *,
    now: datetime,
    known: Iterable[Attempt] = (),
) -> Teardown:
    """What may be cleared, by who else is in there now. The last attempt at each resource counts, for as long as it is
    news: one that comes too late, or is of a subnet that is gone, counts for nothing. Pure.

    `known` are attempts that were cleared before. Where others have come since, they count no more, without a word.
    """
    asked = _latest(vpc, attempts, now)
    latest = _latest(vpc, (*known, *asked.values()), now)
    others = others_interfaces(vpc, interfaces, owner)
    ways_in = reached_by(vpc)
    cleared: list[Attempt] = []
    in_use: list[tuple[Attempt, tuple[str, ...]]] = []
    for resource_id, last in sorted(latest.items()):
        found = tuple(other.id for other in others if last.is_of_vpc or other.subnet_id == resource_id)
        found += ways_in if last.is_of_vpc else ()
        if not found:
            cleared.append(last)
        elif resource_id in asked:
            in_use.append((last, found))
    occupied = frozenset(other.subnet_id for other in others)
    return Teardown(vpc.id, tuple(cleared), tuple(in_use), is_idle=not (others or ways_in), occupied=occupied)


def _latest(vpc: Vpc, attempts: Iterable[Attempt], now: datetime) -> dict[str, Attempt]:
    there = {vpc.id, *(subnet.id for subnet in vpc.subnets)}
    news = (attempt for attempt in attempts if attempt.resource_id in there and now < attempt.until)
    return {attempt.resource_id: attempt for attempt in sorted(news, key=lambda attempt: attempt.at)}


def others_interfaces(vpc: Vpc, interfaces: Iterable[Interface], owner: str) -> tuple[Interface, ...]:
    """The interfaces that aren't of Lifeline's endpoints, in their ids' order, attached or not.

    An endpoint's are listed with it, and their descriptions name it, also while it is on its way out (EC2 API:
    VpcEndpoint, NetworkInterface).
    """
    own = [endpoint for endpoint in vpc.endpoints if is_own(endpoint, owner)]
    ours = {interface_id for endpoint in own for interface_id in endpoint.interface_ids}
    named = {f"{_DESCRIBED}{endpoint.id}" for endpoint in own}
    return tuple(
        interface
        for interface in sorted(interfaces)
        if interface.id not in ours and not (interface.kind == ENDPOINTS_INTERFACE and interface.description in named)
    )


# ---- what goes


def clear(vpc: Vpc, teardown: Teardown, owner: str) -> tuple[Action, ...]:
    """What to take out of the way, and as blocked what stays because others are there.

    Of a VPC all that is Lifeline's; of subnets the interfaces there, or the endpoint that would be left with none. One
    that others need is added to another subnet first, and leaves once it is there.
    """
    going = tuple(_clear(vpc, teardown.cleared, owner, teardown.moves))
    settled = {action.target for action in going}
    stay = {
        action.target: action.blocked(in_use_words(attempt.resource_id))
        for attempt, _ in teardown.in_use
        for action in _clear(vpc, [attempt], owner)
        if action.target not in settled
    }
    order = list(ActionKind)
    return tuple(sorted((*going, *stay.values()), key=lambda action: (order.index(action.kind), action.endpoint_id)))


def in_use_words(resource_id: str) -> str:
    """Why nothing is removed. The same words as long as it stays so, whoever is there."""
    if resource_id.startswith("vpc-"):
        return f"{resource_id} is in use by others: Lifeline won't remove anything while it is"
    return f"{IN_USE} are in {resource_id}: Lifeline won't remove anything while they are there"


def _clear(
    vpc: Vpc, attempts: Sequence[Attempt], owner: str, moves: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[Action]:
    whole = next((attempt for attempt in attempts if attempt.is_of_vpc), None)
    doomed = frozenset(attempt.resource_id for attempt in attempts)
    for endpoint in removable(vpc, owner):
        if whole:
            yield Action.on(ActionKind.RETIRE_ENDPOINT, endpoint, _reason(whole))
        elif gone := endpoint.subnet_ids & doomed:
            first = next(attempt for attempt in attempts if attempt.resource_id in gone)
            yield _leave(endpoint, gone, _reason(first), (moves or {}).get(endpoint.id))
    if whole:
        for group in own_security_groups(vpc, owner):
            yield Action(ActionKind.DELETE_SECURITY_GROUP, _reason(whole), security_group_id=group.id)


def _leave(endpoint: Endpoint, gone: frozenset[str], reason: str, to: tuple[str, ...] | None) -> Action:
    """The endpoint out of these subnets. That EC2 takes the last one from it is nowhere promised, so it goes then.
    Where others need it there, `to` is where it goes first.
    """
    leaving = replace(Action.on(ActionKind.REMOVE_SUBNETS, endpoint, reason), subnet_ids=tuple(sorted(gone)))
    if to is None and endpoint.subnet_ids - gone:
        return leaving
    if to is None:
        return Action.on(ActionKind.RETIRE_ENDPOINT, endpoint, f"{reason}, and it has no other subnet")
    if not to:
        return leaving.blocked(f"{NEEDED}, and {NO_PLACE}: Lifeline won't remove it")
    why = f"{reason}, and others in the VPC need {endpoint.id}: it will leave once it has an interface elsewhere"
    return replace(leaving, kind=ActionKind.ADD_SUBNETS, subnet_ids=to, reason=why)


def _reason(attempt: Attempt) -> str:
    return f"{write_actor(attempt.actor) or 'someone'} is deleting {attempt.resource_id}"


def held_subnets(vpc: Vpc, teardown: Teardown) -> frozenset[str]:
    """The cleared subnets that keep an endpoint of Lifeline's: others need it there, and it has no place elsewhere."""
    held = (
        endpoint.subnet_ids & teardown.doomed for endpoint in vpc.endpoints if teardown.moves.get(endpoint.id) == ()
    )
    return frozenset[str]().union(*held)


# ---- what is frozen


def without(vpc: Vpc, doomed: Collection[str], owner: str, staying: Collection[str] = ()) -> Vpc:
    """The VPC as if these subnets, and what Lifeline has in them, were gone: what the others need is planned by that.

    An endpoint of Lifeline's that has no other subnet counts as being deleted, unless it is `staying`.
    """
    if not doomed:
        return vpc

    def rest(endpoint: Endpoint) -> Endpoint:
        left = endpoint.subnet_ids.difference(doomed)
        if not is_own(endpoint, owner) or left == endpoint.subnet_ids or endpoint.id in staying:
            return endpoint
        return replace(endpoint, subnet_ids=left, state=endpoint.state if left else EndpointState.DELETING)

    subnets = tuple(subnet for subnet in vpc.subnets if subnet.id not in doomed)
    return replace(vpc, subnets=subnets, endpoints=tuple(map(rest, vpc.endpoints)))


def freeze_for(teardown: Teardown, frozen: Mapping[str, Freeze], *, now: datetime) -> dict[str, Freeze]:
    """What is frozen from now on: each resource that is cleared, under its id, so that later runs know; and everything
    in the VPC, while all of it goes or nobody is in it. Teardowns in whose way others came since are frozen no more;
    freezes of other kinds stay.
    """
    holding = standing(frozen, now)
    kept = {key: freeze for key, freeze in frozen.items() if freeze.kind is not FreezeKind.TEARDOWN}
    kept |= {attempt.resource_id: _freeze(attempt, holding.get(attempt.resource_id)) for attempt in teardown.cleared}
    if EVERYTHING in kept or not (teardown.is_whole or teardown.is_idle):
        return kept
    before = holding.get(EVERYTHING)
    after = [_freeze(attempt, before) for attempt in teardown.cleared]
    longest = max([*after, *([before] if before else [])], key=lambda freeze: freeze.until or now, default=None)
    return kept | ({EVERYTHING: longest} if longest else {})


def remembered(frozen: Mapping[str, Freeze], *, now: datetime) -> Iterator[Attempt]:
    """The attempts that still count, from what was frozen for them: a run needs no event to continue."""
    for key, freeze in standing(frozen, now).items():
        if freeze.kind is FreezeKind.TEARDOWN and key != EVERYTHING and freeze.until:
            attempt = Attempt(key, freeze.until, freeze.actor, freeze.event_id)
            yield replace(attempt, at=freeze.until - (attempt.until - attempt.at))


def _freeze(attempt: Attempt, before: Freeze | None) -> Freeze:
    since = before.since if before and before.kind is FreezeKind.TEARDOWN else attempt.at
    return Freeze(FreezeKind.TEARDOWN, since, _reason(attempt), attempt.actor, attempt.event_id, attempt.until)


# ---- what people are notified of


def notified_keys(teardown: Teardown, actions: Iterable[Action] = ()) -> tuple[str, ...]:
    """What there is to say once, each as a text: which resource, whether it is cleared or in use, and a failure."""
    cleared = (f"{attempt.resource_id} cleared" for attempt in teardown.cleared)
    in_use = (f"{attempt.resource_id} in use" for attempt, _ in teardown.in_use)
    failed = ("failed" for action in actions if action.is_failed)
    return tuple(dict.fromkeys(chain(cleared, in_use, failed)))


def is_news(
    teardown: Teardown,
    actions: Iterable[Action],
    notified: Mapping[str, datetime | None],
    now: datetime,
    *,
    is_plan: bool,
) -> bool:
    """True if something was done, or came to light of which people weren't notified within the last hour.

    What has None for a time is still to be said. Nothing is said where nothing is Lifeline's, nor, unless it is only a
    plan, while all of it is yet to be tried.
    """
    found = list(actions)
    if any(action.is_done for action in found):
        return True
    keys = notified_keys(teardown, found)
    if not found:
        return any(key in notified and notified[key] is None for key in keys)
    is_tried = is_plan or any(not action.is_planned for action in found)
    return is_tried and any(is_old(notified.get(key), now) for key in keys)


def is_old(notified_at: datetime | None, now: datetime) -> bool:
    """True if people weren't notified of it, or so long ago that it is news again."""
    return notified_at is None or now - notified_at >= VPC_HANDS_OFF
