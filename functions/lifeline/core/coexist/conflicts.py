"""Fights: what Lifeline did and others undid, how often, and whose hand it was.

What was done is remembered as claims, each one thing that should still stand. A claim that no longer stands while the
plan would do it again counts as undone, whatever the events said: once a look for each service, however much is gone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.coexist.effects import (
    RANK,
    Claim,
    Fate,
    Loss,
    Sight,
    claims_of,
    find_fate,
    is_given_up,
    is_open,
    is_redone,
    key_of,
)
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.history.change import Change
from lifeline.core.plan.actions import GIVES_UP, Action, Status

WINDOW = timedelta(hours=24)
MOST = 3  # so often others may undo something within WINDOW before Lifeline leaves it to people
SHOWN_WITHIN = timedelta(seconds=5)  # EC2 may show a change so late (EC2 guide: eventual consistency)
_WORDS = {
    Loss.ENDPOINT: "{id} was deleted",
    Loss.PRIVATE_DNS: "private DNS of {id} was switched off",
    Loss.GROUP_OFF: "security group {part} was taken off {id}",
    Loss.SUBNET: "{part} was taken off {id}",
    Loss.ROUTE_TABLE: "{part} was taken off {id}",
    Loss.GROUP: "security group {id} was deleted",
    Loss.RULE: "443 from {part} was revoked in security group {id}",
    Loss.ATTRIBUTE: "{part} of {id} was turned off",
}


@dataclass(frozen=True, slots=True)
class Undoing:
    """Once that others undid something: when, what, and whose CloudTrail record says so, if any does.

    `since` is when it had been done last.
    """

    at: datetime
    loss: Loss
    id: str
    part: str = ""
    since: datetime | None = None
    actor: str = ""
    event_id: str = ""
    event_name: str = ""


@dataclass(frozen=True, slots=True)
class Fight:
    """What stands of a service in a VPC by Lifeline's doing, and what others undid of it within WINDOW.

    `is_told` once people have read of the freeze that it led to.
    """

    claims: frozenset[Claim] = frozenset()
    done_at: datetime | None = None
    undoings: tuple[Undoing, ...] = ()
    is_told: bool = False


def count(fights: Mapping[str, Fight], sight: Sight) -> dict[str, Fight]:
    """The fights with what was undone since the last look, by service or by what all of a VPC's endpoints share.

    What others took over, what AWS failed, and what Lifeline itself gives up isn't counted; its claims end. What the
    plan wouldn't do again isn't missed. The same look twice counts once. Pure.
    """
    known = {key: _count_one(key, fight, sight) for key, fight in sorted(fights.items())}
    return {key: fight for key, fight in known.items() if fight.claims or fight.undoings}


def to_freeze(fights: Mapping[str, Fight], frozen: Mapping[str, Freeze]) -> tuple[str, ...]:
    """What was undone so often that it must freeze, and isn't frozen."""
    return tuple(key for key, fight in sorted(fights.items()) if len(fight.undoings) >= MOST and key not in frozen)


def freeze_for(fight: Fight, now: datetime) -> Freeze:
    """The freeze that ends a fight, until somebody unfreezes it."""
    named = [one for one in fight.undoings if one.actor]
    last = named[-1] if named else fight.undoings[-1]
    why = f"others undid it {len(fight.undoings)} times within {int(WINDOW.total_seconds() // 3600)} hours, last "
    why += f"{last.actor} by {last.event_name}" if last.actor else undoing_words(last)
    return Freeze(FreezeKind.FIGHT, now, why, last.actor, last.event_id)


def attribute(undoings: Sequence[Undoing], changes: Iterable[Change]) -> tuple[Undoing, ...]:
    """The undoings, each with the latest change on record that did it and that no other stands for."""
    by_time = sorted(changes, key=lambda change: (change.at, change.event_id), reverse=True)
    used = {one.event_id for one in undoings if one.event_id}
    found: list[Undoing] = []
    for one in undoings:
        change = None if one.event_id else next((each for each in by_time if _did(each, one, used)), None)
        if change:
            used.add(change.event_id)
            named = replace(one, actor=change.actor, event_id=change.event_id, event_name=change.event_name)
            found.append(replace(named, at=min(change.at, one.at)))
        else:
            found.append(one)
    return tuple(found)


def with_done(fights: Mapping[str, Fight], vpc_id: str, actions: Iterable[Action], now: datetime) -> dict[str, Fight]:
    """The fights with the claims to what was just done, and without those to what was given up."""
    done = [one for one in actions if one.status is Status.DONE]
    ended = [one for one in done if one.kind in GIVES_UP]
    known = {key: _without_ended(fight, ended) for key, fight in fights.items()}
    for action in done:
        claims = frozenset(claims_of(action, vpc_id))
        if claims:
            key = key_of(action)
            before = known.get(key, Fight())
            known[key] = replace(before, claims=before.claims | claims, done_at=now)
    return {key: fight for key, fight in known.items() if fight.claims or fight.undoings}


def _without_ended(fight: Fight, ended: Sequence[Action]) -> Fight:
    kept = frozenset(claim for claim in fight.claims if not any(is_given_up(claim, one) for one in ended))
    return replace(fight, claims=kept)


def forget(fights: Mapping[str, Fight], keys: Collection[str]) -> dict[str, Fight]:
    """The fights without what was undone of these, all for EVERYTHING. What is done still stands.

    Keep it before a freeze is lifted: the count would bring the freeze back.
    """
    kept = {
        key: replace(one, undoings=(), is_told=False) if key in keys or EVERYTHING in keys else one
        for key, one in fights.items()
    }
    return {key: one for key, one in kept.items() if one.claims or one.undoings}


def undoing_words(one: Undoing) -> str:
    """What was undone, in words."""
    return _WORDS[one.loss].format(id=one.id, part=one.part)


# ---- what became of it


def _count_one(key: str, fight: Fight, sight: Sight) -> Fight:
    frozen = sight.frozen.get(key)
    if frozen is None or frozen.kind is not FreezeKind.FIGHT:  # what led to a freeze stays for as long as it holds
        fight = replace(fight, undoings=tuple(one for one in fight.undoings if sight.now - one.at < WINDOW))
    if fight.done_at and sight.now - fight.done_at < SHOWN_WITHIN:
        return fight
    fates = {one: find_fate(key, one, sight) for one in fight.claims}
    stands = frozenset(one for one, fate in fates.items() if fate is Fate.STANDS)
    gone = {one.id for one, fate in fates.items() if fate is Fate.LOST and one.loss is Loss.ENDPOINT}
    lost = [one for one, fate in fates.items() if fate is Fate.LOST]
    lost = [one for one in lost if one.loss is Loss.ENDPOINT or one.id not in gone]  # its parts went with it
    undone = [one for one in lost if is_redone(one, key, sight.plan)]
    open_ = [one for one in lost if one not in undone and is_open(key, sight.plan)]
    fight = replace(fight, claims=stands | frozenset(open_))
    if not undone or frozen or EVERYTHING in sight.frozen:
        return fight
    return replace(fight, undoings=(*fight.undoings, _undoing(undone, fight, sight.now)), is_told=False)


def _undoing(undone: Sequence[Claim], fight: Fight, now: datetime) -> Undoing:
    first = min(undone, key=lambda one: (RANK[one.loss], one.id, one.part))
    parts = sorted(one.part for one in undone if (one.loss, one.id) == (first.loss, first.id))
    return Undoing(now, first.loss, first.id, ", ".join(filter(None, parts)), fight.done_at)


def _did(change: Change, one: Undoing, used: Iterable[str]) -> bool:
    since = one.since.replace(microsecond=0) if one.since else change.at
    return (
        change.event_name in one.loss.calls
        and one.id in change.ids
        and change.event_id not in used
        and since <= change.at
        and change.at <= one.at + SHOWN_WITHIN
    )
