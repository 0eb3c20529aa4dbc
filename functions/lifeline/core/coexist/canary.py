"""A canary: private DNS that was just turned on, or a hub's zone that was just associated with the VPC, and that is
taken back if agents fall silent right after.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.network.model import IN_PLACE_OF, Endpoint, EndpointState, Tier, Vpc, is_own, suffix_of
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.core.policy.central import is_profile
from lifeline.core.wording import listed

WATCHED_FOR = timedelta(minutes=10)  # a silence that begins so soon after the switch is the canary's
_KEPT_FOR = timedelta(days=1)
_ASSOCIATES = frozenset({ActionKind.ASSOCIATE_CENTRAL, ActionKind.SWAP_TO_CENTRAL})


@dataclass(frozen=True, slots=True)
class Canary:
    """One service's private DNS: which endpoint's was turned on when, and when it was turned off again, if it was. Or
    which of a hub's zones, or its Profile (`central_ids`), answers since then; `endpoint_id` gave up the name for it.

    It is saved before the switch, so that a run that dies between the two leaves no switch unwatched. `is_due` is True
    while agents are silent for it and something holds the withdrawal back, such as the kill switch.
    """

    endpoint_id: str
    at: datetime
    withdrawn_at: datetime | None = None
    central_ids: tuple[str, ...] = ()
    is_due: bool = False

    @property
    def subject(self) -> str:
        """What answers the name since the switch."""
        return ", ".join(self.answering_ids)

    @property
    def answering_ids(self) -> tuple[str, ...]:
        """The hub's zones or Profile, or the endpoint."""
        return self.central_ids or (self.endpoint_id,)

    @property
    def words(self) -> str:
        """What was done, as a clause."""
        if self.is_way_back:
            return f"the name was given back to {listed(self.central_ids)}"
        if self.central_ids:
            return f"the VPC was associated with {listed(self.central_ids)}"
        return f"private DNS for {self.endpoint_id} was turned on"

    @property
    def is_way_back(self) -> bool:
        """True where an endpoint stood in for the hub before."""
        return bool(self.central_ids and self.endpoint_id)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What the detector recorded: agents that a service's private DNS silenced. When that was last seen, the incident,
    the canary's subject, and when the first datapoint was missing; None if that doesn't matter any more.
    """

    service: str
    seen_at: datetime
    incident: str = ""
    subject: str = ""
    began: datetime | None = None


def watch_switched(
    canaries: Mapping[str, Canary], actions: Iterable[Action], status: Status, *, is_canary: bool, now: datetime
) -> dict[str, Canary]:
    """The canaries with those that the actions of that status switch on now, and without what is long over. An
    association always is one, private DNS only if the policy says so (`is_canary`).
    """
    kept = not_long_over(canaries, now)
    kinds = _ASSOCIATES | ({ActionKind.ENABLE_PRIVATE_DNS} if is_canary else set())
    switching = [action for action in actions if action.kind in kinds and action.status is status]
    return kept | {one.service: Canary(one.endpoint_id, now, central_ids=one.central_ids) for one in switching}


def not_long_over(canaries: Mapping[str, Canary], now: datetime) -> dict[str, Canary]:
    """The canaries that were switched within a day, and those whose withdrawal has been due since then. A silence that
    is recorded later counts for none: whoever writes the detector's records could otherwise end what answers a name for
    months.
    """
    over = now - _KEPT_FOR
    return {
        service: canary
        for service, canary in canaries.items()
        if (canary.withdrawn_at or canary.at) > over or canary.is_due
    }


def mark_due(canaries: Mapping[str, Canary], services: Collection[str]) -> dict[str, Canary]:
    """The canaries, of which those of the services are due to be withdrawn, and no others."""
    return {
        service: replace(canary, is_due=service in services and canary.withdrawn_at is None)
        for service, canary in canaries.items()
    }


def unwatch(canaries: Mapping[str, Canary], actions: Iterable[Action]) -> dict[str, Canary]:
    """The canaries without those whose switch certainly wasn't made: whatever fell silent then, it wasn't for them."""
    kinds = _ASSOCIATES | {ActionKind.ENABLE_PRIVATE_DNS}
    unmade = [action for action in actions if action.kind in kinds and (action.is_failed or action.blocked_by)]
    subjects = frozenset[str]().union(*map(_subjects, unmade))
    return {
        service: canary
        for service, canary in canaries.items()
        if canary.subject not in subjects or canary.withdrawn_at is not None
    }


def mark_withdrawn(
    canaries: Mapping[str, Canary], off: Collection[str], services: Collection[str] = (), *, now: datetime
) -> dict[str, Canary]:
    """The canaries with those withdrawn that answer no more, by their endpoint, by any of a hub's zones, or by their
    services.
    """
    return {
        service: replace(canary, withdrawn_at=now, is_due=False)
        if canary.withdrawn_at is None and (service in services or not set(canary.answering_ids).isdisjoint(off))
        else canary
        for service, canary in canaries.items()
    }


def switched_off(actions: Iterable[Action]) -> frozenset[str]:
    """The ids of the endpoints whose private DNS was turned off, and of the zones and Profiles that were let go."""
    kinds = {ActionKind.DISABLE_PRIVATE_DNS, ActionKind.DISASSOCIATE_CENTRAL}
    off = [action for action in actions if action.kind in kinds and action.is_done]
    return frozenset(id_ for action in off for id_ in (action.central_ids or (action.endpoint_id,)))


def swapped(actions: Iterable[Action]) -> frozenset[str]:
    """The services that an endpoint answers again in a hub's place."""
    kinds = {ActionKind.SWAP_TO_LOCAL, ActionKind.RESTORE_LOCAL}
    return frozenset(action.service for action in actions if action.kind in kinds and action.is_done)


def as_known(canaries: Mapping[str, Canary], frozen: Mapping[str, Freeze]) -> dict[str, Canary]:
    """The canaries, withdrawn since their freeze where a run stopped before it could write that down."""
    return {
        service: replace(canary, withdrawn_at=freeze.since)
        if canary.withdrawn_at is None
        and (freeze := frozen.get(service))
        and _is_canarys(freeze)
        and freeze.since >= canary.at
        else canary
        for service, canary in canaries.items()
    }


def gone_dark(
    canaries: Mapping[str, Canary],
    services: Iterable[str],
    vpc: Vpc,
    owner: str,
    associated: Collection[str] = frozenset(),
) -> frozenset[str]:
    """The ids of the services' canaries that answer no more, or aren't Lifeline's: others were faster. An endpoint that
    only lost its tag answers, and is turned off once it has it again.
    """
    chosen = [canaries[service] for service in services]
    ids = frozenset(id_ for one in chosen for id_ in one.answering_ids)
    stood_in = [canaries[service] for service in services if _stand_in(service, canaries[service], vpc, owner)]
    kept = {id_ for one in stood_in for id_ in one.central_ids if is_profile(id_)}
    answering = {endpoint.id for endpoint in vpc.live_endpoints if endpoint.on_record and endpoint.private_dns}
    return ids - answering - frozenset(associated) - kept


def is_watched(canaries: Mapping[str, Canary]) -> bool:
    """True if a silence that is on record could count for one of them."""
    return any(canary.withdrawn_at is None for canary in canaries.values())


def begun(frozen: Mapping[str, Freeze]) -> Iterator[Withdrawal]:
    """The withdrawals that an earlier run decided on, from what it froze for them: it may have stopped before the
    switch, and a later run continues whether or not anybody is still silent.
    """
    for service, freeze in frozen.items():
        if _is_canarys(freeze):
            yield Withdrawal(service, freeze.since, freeze.event_id)


def due(canaries: Mapping[str, Canary], seen: Iterable[Withdrawal]) -> dict[str, Withdrawal]:
    """The withdrawals that count, by service: those of a canary that was on by then and isn't withdrawn yet, for a
    silence that began while it was watched.

    So one that is old, or comes twice, doesn't switch off what was switched on again. All that a Profile answers goes
    with it, so that no run associates it again for another service.
    """
    in_order = sorted(seen, key=lambda withdrawal: (withdrawal.seen_at, withdrawal.incident))
    counting = {withdrawal.service: withdrawal for withdrawal in in_order if _counts(withdrawal, canaries)}
    ending = [service for service in counting if not canaries[service].is_way_back]
    shared = {id_: service for service in ending for id_ in canaries[service].central_ids}
    for service, canary in canaries.items():
        with_it = next((shared[id_] for id_ in canary.central_ids if id_ in shared), "")
        if with_it and canary.withdrawn_at is None:
            counting.setdefault(service, replace(counting[with_it], service=service))
    return dict(sorted(counting.items()))


def _counts(withdrawal: Withdrawal, canaries: Mapping[str, Canary]) -> bool:
    canary = canaries.get(withdrawal.service)
    return (
        canary is not None
        and canary.withdrawn_at is None
        and canary.at <= withdrawal.seen_at
        and withdrawal.subject in {"", canary.subject}
        and (withdrawal.began is None or withdrawal.began <= canary.at + WATCHED_FOR)
    )


def freeze_withdrawn(
    frozen: Mapping[str, Freeze], canaries: Mapping[str, Canary], asked: Mapping[str, Withdrawal], *, now: datetime
) -> dict[str, Freeze]:
    """The freezes with those of the services that are withdrawn, which hold until a person ends them."""
    new = {service: withdrawal for service, withdrawal in asked.items() if not _is_canarys(frozen.get(service))}
    return dict(frozen) | {
        service: Freeze(
            FreezeKind.CANARY,
            now,
            f"agents fell silent right after {canaries[service].words}"
            + (f" ({withdrawal.incident})" if withdrawal.incident else ""),
            event_id=withdrawal.incident,
        )
        for service, withdrawal in new.items()
    }


def withdraw(
    plan: Plan,
    canaries: Mapping[str, Canary],
    services: Iterable[str],
    vpc: Vpc,
    owner: str,
    associated: Collection[str] = frozenset(),
) -> Plan:
    """The plan with private DNS of the services' canaries turned off, or the association ended: an endpoint that stood
    in for the hub and is still there answers again. What is no longer Lifeline's is left alone: its own endpoints, and
    what it `associated` the VPC with. A Profile stays where an endpoint answers before it. Where no subnet has another
    way, and the endpoint that gave up the name is there without its tag, all stays until that is back: to end the
    association would only take the hub from those that reach it.
    """
    own = _answering(vpc, owner)
    going = {action.endpoint_id for action in plan.actions if action.kind is ActionKind.RETIRE_ENDPOINT}
    minutes = int(WATCHED_FOR.total_seconds() // 60)
    found = []
    for service in sorted(services):
        canary = canaries[service]
        instead = _stand_in(service, canary, vpc, owner, going) if canary.central_ids else None
        why = f"agents fell silent within {minutes} minutes after {canary.words} (canary); this makes the name of the "
        why += f"{service} service resolve to {instead.id if instead else 'public addresses'} again in the whole VPC"
        if not canary.central_ids and canary.endpoint_id in own:
            of_endpoint = Action(ActionKind.DISABLE_PRIVATE_DNS, why, service=service, endpoint_id=canary.endpoint_id)
            found.append(replace(of_endpoint, service_name=own[canary.endpoint_id].service_name))
        elif instead is None and _waits_for_tag(canary, vpc, owner):
            continue
        elif ids := tuple(id_ for id_ in canary.central_ids if id_ in associated or (instead and is_profile(id_))):
            kind = ActionKind.RESTORE_LOCAL if instead else ActionKind.DISASSOCIATE_CENTRAL
            let_go = Action(kind, why, service=service, central_ids=ids)
            found.append(replace(let_go, endpoint_id=instead.id if instead else ""))
    return replace(plan, actions=(*plan.actions, *found))


def keep_stand_ins(plan: Plan, canaries: Mapping[str, Canary], *, now: datetime) -> Plan:
    """The plan, which leaves endpoints that stood in for the hub as long as a silence may count for the way back."""
    watched = {
        service
        for service, canary in not_long_over(canaries, now).items()
        if canary.central_ids and canary.withdrawn_at is None
    }
    kept = tuple(
        action
        for action in plan.actions
        if not (action.kind is ActionKind.RETIRE_ENDPOINT and action.is_optional and action.service in watched)
    )
    return replace(plan, actions=kept)


def _stand_in(service: str, canary: Canary, vpc: Vpc, owner: str, going: Collection[str] = ()) -> Endpoint | None:
    """The endpoint that stood in for the hub, and can again, unless it is deleted anyway. The one that gave up the name
    for it did, whatever became of its tag.
    """
    found = (
        one
        for one in vpc.own_endpoints(owner)
        if (one.id == canary.endpoint_id or one.tag(IN_PLACE_OF)) and suffix_of(one.service_name) == service
    )
    there = (one for one in found if one.state is EndpointState.AVAILABLE and not one.private_dns)
    return next((one for one in there if one.id not in going), None)


def _waits_for_tag(canary: Canary, vpc: Vpc, owner: str) -> bool:
    """True if no subnet has another way, and the endpoint that gave up the name is Lifeline's, but lost its tag."""
    there = (one for one in vpc.live_endpoints if one.id == canary.endpoint_id)
    is_disowned = any(one.on_record and not is_own(one, owner) and not one.private_dns for one in there)
    return is_disowned and all(tier is Tier.ISOLATED for tier in usable_tiers(vpc).values())


def _answering(vpc: Vpc, owner: str) -> dict[str, Endpoint]:
    """Lifeline's own endpoints with private DNS, by id."""
    return {endpoint.id: endpoint for endpoint in vpc.own_endpoints(owner) if endpoint.private_dns}


def _subjects(action: Action) -> frozenset[str]:
    return frozenset({action.endpoint_id, ", ".join(action.central_ids)} - {""})


def _is_canarys(freeze: Freeze | None) -> bool:
    return freeze is not None and freeze.kind is FreezeKind.CANARY
