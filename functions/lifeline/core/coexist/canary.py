"""A canary: private DNS that was just turned on, and is turned off again if agents fall silent right after."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.network.model import Endpoint, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status

WATCHED_FOR = timedelta(minutes=10)  # a silence that begins so soon after the switch is the canary's
_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Canary:
    """One service's private DNS: which endpoint's was turned on when, and when it was turned off again, if it was.

    It is saved before the switch, so that a run that dies between the two leaves no switch unwatched.
    """

    endpoint_id: str
    at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What the detector recorded: agents that a service's private DNS silenced. When that was last seen, the incident,
    the endpoint, and when the first datapoint was missing; None if that doesn't matter any more.
    """

    service: str
    seen_at: datetime
    incident: str = ""
    endpoint_id: str = ""
    began: datetime | None = None


def watch_switched(
    canaries: Mapping[str, Canary], actions: Iterable[Action], status: Status, *, now: datetime
) -> dict[str, Canary]:
    """The canaries with those that the actions of that status switch on now, and without what is long over."""
    over = now - _KEPT_FOR
    kept = {service: canary for service, canary in canaries.items() if (canary.withdrawn_at or canary.at) > over}
    switching = (action for action in actions if action.kind is ActionKind.ENABLE_PRIVATE_DNS)
    return kept | {action.service: Canary(action.endpoint_id, now) for action in switching if action.status is status}


def unwatch(canaries: Mapping[str, Canary], actions: Iterable[Action]) -> dict[str, Canary]:
    """The canaries without those whose switch certainly wasn't made: whatever fell silent then, it wasn't for them."""
    unmade = {
        action.endpoint_id
        for action in actions
        if action.kind is ActionKind.ENABLE_PRIVATE_DNS and (action.is_failed or action.blocked_by)
    }
    return {
        service: canary
        for service, canary in canaries.items()
        if canary.endpoint_id not in unmade or canary.withdrawn_at is not None
    }


def mark_withdrawn(canaries: Mapping[str, Canary], off: Collection[str], *, now: datetime) -> dict[str, Canary]:
    """The canaries with those withdrawn whose endpoint, by its id, has its private DNS off by now."""
    return {
        service: replace(canary, withdrawn_at=now)
        if canary.endpoint_id in off and canary.withdrawn_at is None
        else canary
        for service, canary in canaries.items()
    }


def switched_off(actions: Iterable[Action]) -> frozenset[str]:
    """The ids of the endpoints whose private DNS was turned off."""
    kind = ActionKind.DISABLE_PRIVATE_DNS
    return frozenset(action.endpoint_id for action in actions if action.kind is kind and action.is_done)


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


def gone_dark(canaries: Mapping[str, Canary], services: Iterable[str], vpc: Vpc, owner: str) -> frozenset[str]:
    """The ids of the services' canaries that answer no more, or aren't Lifeline's: others were faster."""
    return frozenset(canaries[service].endpoint_id for service in services) - _answering(vpc, owner).keys()


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

    So one that is old, or comes twice, doesn't switch off what was switched on again.
    """
    in_order = sorted(seen, key=lambda withdrawal: (withdrawal.seen_at, withdrawal.incident))
    counting = {withdrawal.service: withdrawal for withdrawal in in_order if _counts(withdrawal, canaries)}
    return dict(sorted(counting.items()))


def _counts(withdrawal: Withdrawal, canaries: Mapping[str, Canary]) -> bool:
    canary = canaries.get(withdrawal.service)
    return (
        canary is not None
        and canary.withdrawn_at is None
        and canary.at <= withdrawal.seen_at
        and withdrawal.endpoint_id in {"", canary.endpoint_id}
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
            f"agents fell silent right after private DNS for {canaries[service].endpoint_id} was turned on"
            + (f" ({withdrawal.incident})" if withdrawal.incident else ""),
            event_id=withdrawal.incident,
        )
        for service, withdrawal in new.items()
    }


def withdraw(plan: Plan, canaries: Mapping[str, Canary], services: Iterable[str], vpc: Vpc, owner: str) -> Plan:
    """The plan with private DNS of the services' canaries turned off. What is no longer Lifeline's is left alone."""
    own = _answering(vpc, owner)
    minutes = int(WATCHED_FOR.total_seconds() // 60)
    found = tuple(
        Action(
            ActionKind.DISABLE_PRIVATE_DNS,
            f"agents fell silent within {minutes} minutes after private DNS for {endpoint_id} was turned on (canary); "
            f"this makes the name of the {service} service resolve to public addresses again in the whole VPC",
            service=service,
            service_name=own[endpoint_id].service_name,
            endpoint_id=endpoint_id,
        )
        for service in sorted(services)
        if (endpoint_id := canaries[service].endpoint_id) in own
    )
    return replace(plan, actions=(*plan.actions, *found))


def _answering(vpc: Vpc, owner: str) -> dict[str, Endpoint]:
    """Lifeline's own endpoints with private DNS, by id."""
    return {endpoint.id: endpoint for endpoint in vpc.own_endpoints(owner) if endpoint.private_dns}


def _is_canarys(freeze: Freeze | None) -> bool:
    return freeze is not None and freeze.kind is FreezeKind.CANARY
