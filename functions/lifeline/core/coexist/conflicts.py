"""Conflicts: what Lifeline did and others reverted, how often, and who.

What was done is kept as effects, each one thing that should still stand. An effect that no longer stands while the plan
would bring it back was reverted, whatever the events said: once a run for each service, however much is gone.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from lifeline.core.coexist.effects import (
    ON_PORT,
    RANK,
    Effect,
    EffectKind,
    EffectState,
    VpcSnapshot,
    effects_of,
    find_effect_state,
    is_open,
    is_redone,
    is_removed,
    key_of,
    rules_of,
)
from lifeline.core.guards.freeze import EVERYTHING, SECURITY_GROUP, Freeze, FreezeKind
from lifeline.core.history.change import Change
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan
from lifeline.core.plan.security_group import close_words
from lifeline.core.wording import write_actor

WINDOW = timedelta(hours=24)
MOST = 3  # so often others may revert something within WINDOW before Lifeline leaves it to people
SHOWN_WITHIN = timedelta(seconds=5)  # EC2 may show a change so late (EC2 guide: eventual consistency)
_WORDS = {
    EffectKind.ENDPOINT: "{id} was deleted",
    EffectKind.PRIVATE_DNS: "private DNS for {id} was turned off",
    EffectKind.GROUP_OFF: "security group {part} was removed from {id}",
    EffectKind.SUBNET: "{part} was removed from {id}",
    EffectKind.ROUTE_TABLE: "{part} was removed from {id}",
    EffectKind.GROUP: "security group {id} was deleted",
    EffectKind.RULE: "the rule for port 443 from {part} was revoked in security group {id}",
    EffectKind.ATTRIBUTE: "{part} of {id} was turned off",
    EffectKind.POLICY: "the policy of {id} was changed so that it no longer allows the service",
    EffectKind.DNS_RECORDS: "the DNS records of {id} were changed to one IP version",
}
_POLICY_CHANGED = "the policy of {id} was changed"
_RULE_ON_PORT = "the rule from {part} was revoked in security group {id}"


@dataclass(frozen=True, slots=True)
class Reversal:
    """One time that others reverted something: when, what, and whose CloudTrail event says so, if any does.

    `since` is when it had been done last.
    """

    at: datetime
    kind: EffectKind
    id: str
    part: str = ""
    since: datetime | None = None
    actor: str = ""
    event_id: str = ""
    event_name: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What Lifeline did for a service in a VPC and should stand, and what others reverted of it within WINDOW.

    `is_notified` once people know of the freeze that it led to.
    """

    effects: frozenset[Effect] = frozenset()
    done_at: datetime | None = None
    reversals: tuple[Reversal, ...] = ()
    is_notified: bool = False


def count(conflicts: Mapping[str, Conflict], snapshot: VpcSnapshot) -> dict[str, Conflict]:
    """The conflicts with what was reverted since the last run, by service or by what all of a VPC's endpoints share.

    What others took over, what AWS failed, and what Lifeline itself removes isn't counted; its effects end. What the
    plan wouldn't do again isn't missed. The same run twice counts once. Pure.
    """
    return _without_empty({key: _count_one(key, conflict, snapshot) for key, conflict in sorted(conflicts.items())})


def to_freeze(conflicts: Mapping[str, Conflict], frozen: Mapping[str, Freeze]) -> tuple[str, ...]:
    """What was reverted so often that it must freeze, and isn't frozen."""
    often = [key for key, conflict in sorted(conflicts.items()) if len(conflict.reversals) >= MOST]
    return tuple(key for key in often if key not in frozen)


def freeze_for(conflict: Conflict, now: datetime) -> Freeze:
    """The freeze that follows a conflict, until someone ends it."""
    named = [reversal for reversal in conflict.reversals if reversal.actor]
    last = named[-1] if named else conflict.reversals[-1]
    hours = int(WINDOW.total_seconds() // 3600)
    why = f"Lifeline's changes were reverted {len(conflict.reversals)} times within {hours} hours, most recently "
    why += f"by {write_actor(last.actor)} ({last.event_name})" if last.actor else f"when {reversal_words(last)}"
    return Freeze(FreezeKind.CONFLICT, now, why, last.actor, last.event_id)


def attribute(reversals: Sequence[Reversal], changes: Iterable[Change]) -> tuple[Reversal, ...]:
    """The reversals, each with the latest change that did it and that no other reversal has."""
    by_time = sorted(changes, key=lambda change: (change.at, change.event_id), reverse=True)
    used = {reversal.event_id for reversal in reversals if reversal.event_id}
    found: list[Reversal] = []
    for reversal in reversals:
        possible = (change for change in by_time if not reversal.event_id and _did(change, reversal, used))
        if change := next(possible, None):
            used.add(change.event_id)
            named = replace(reversal, actor=change.actor, event_id=change.event_id, event_name=change.event_name)
            found.append(replace(named, at=min(change.at, reversal.at)))
        else:
            found.append(reversal)
    return tuple(found)


def with_done(
    conflicts: Mapping[str, Conflict], vpc_id: str, actions: Iterable[Action], now: datetime
) -> dict[str, Conflict]:
    """The conflicts with the effects of what was just done, and without those of what was removed."""
    done = [action for action in actions if action.is_done]
    ended = [action for action in done if action.kind in REMOVALS]
    known = {key: _without_ended(conflict, ended) for key, conflict in conflicts.items()}
    for action in done:
        effects = frozenset(effects_of(action, vpc_id))
        if effects:
            key = key_of(action)
            before = known.get(key, Conflict())
            kept = _without_earlier_policies(before.effects, action)
            known[key] = replace(before, effects=kept | effects, done_at=now)
    return _without_empty(known)


def _without_earlier_policies(effects: frozenset[Effect], action: Action) -> frozenset[Effect]:
    """An endpoint has one policy: the one that it got last."""
    if action.kind is not ActionKind.RESET_POLICY:
        return effects
    return frozenset(one for one in effects if (one.kind, one.id) != (EffectKind.POLICY, action.endpoint_id))


def _without_ended(conflict: Conflict, ended: Sequence[Action]) -> Conflict:
    closed = {rule for one in ended for rule in rules_of(one)}
    kept = {effect for effect in conflict.effects if not any(is_removed(effect, one) for one in ended)}
    return replace(conflict, effects=frozenset(kept - closed))


def leave_others_rules(plan: Plan, conflicts: Mapping[str, Conflict]) -> Plan:
    """The plan without removing rules of a security group that Lifeline isn't on record to have added: anybody may
    have given them its description.
    """
    effects = conflicts.get(SECURITY_GROUP, Conflict()).effects
    return replace(plan, actions=tuple(chain.from_iterable(_without_others(one, effects) for one in plan.actions)))


def _without_others(action: Action, effects: Set[Effect]) -> Iterator[Action]:
    if action.kind is not ActionKind.CLOSE_SECURITY_GROUP or not action.is_planned:
        yield action
        return
    own = tuple(cidr for cidr in action.cidrs if effects >= set(rules_of(replace(action, cidrs=(cidr,)))))
    others = tuple(cidr for cidr in action.cidrs if cidr not in own)
    if own:
        yield replace(action, cidrs=own)
    if others:
        yield replace(action, cidrs=others).blocked(close_words(action.security_group_id, others))


def delete(conflicts: Mapping[str, Conflict], keys: Collection[str]) -> dict[str, Conflict]:
    """The conflicts without the reversals of these, all for EVERYTHING. What is done still stands.

    Save that no later than the end of the freeze: the count would bring it back.
    """
    kept = {
        key: replace(conflict, reversals=(), is_notified=False) if key in keys or EVERYTHING in keys else conflict
        for key, conflict in conflicts.items()
    }
    return _without_empty(kept)


def _without_empty(conflicts: Mapping[str, Conflict]) -> dict[str, Conflict]:
    return {key: conflict for key, conflict in conflicts.items() if conflict.effects or conflict.reversals}


def reversal_words(reversal: Reversal) -> str:
    """What was reverted, in words."""
    words = _RULE_ON_PORT if ON_PORT in reversal.part else _WORDS[reversal.kind]
    if reversal.kind is EffectKind.POLICY and reversal.part:
        words = _POLICY_CHANGED
    return words.format(id=reversal.id, part=reversal.part)


# ---- what became of it


def _count_one(key: str, conflict: Conflict, snapshot: VpcSnapshot) -> Conflict:
    frozen = snapshot.frozen.get(key)
    if frozen is None or frozen.kind is not FreezeKind.CONFLICT:  # what led to a freeze stays for as long as it holds
        lately = tuple(reversal for reversal in conflict.reversals if snapshot.now - reversal.at < WINDOW)
        conflict = replace(conflict, reversals=lately)
    if conflict.done_at and snapshot.now - conflict.done_at < SHOWN_WITHIN:
        return conflict
    states = {effect: find_effect_state(key, effect, snapshot) for effect in conflict.effects}
    stands = frozenset(effect for effect, state in states.items() if state is EffectState.STANDS)
    lost = [effect for effect, state in states.items() if state is EffectState.LOST]
    gone = {effect.id for effect in lost if effect.kind is EffectKind.ENDPOINT}  # and its parts went with it
    lost = [effect for effect in lost if effect.kind is EffectKind.ENDPOINT or effect.id not in gone]
    undone = [effect for effect in lost if is_redone(effect, key, snapshot.plan)]
    open_ = [effect for effect in lost if effect not in undone and is_open(key, snapshot.plan)]
    conflict = replace(conflict, effects=stands | frozenset(open_))
    if not undone or frozen or EVERYTHING in snapshot.frozen:
        return conflict
    reversals = (*conflict.reversals, _reversal(undone, conflict, snapshot.now))
    return replace(conflict, reversals=reversals, is_notified=False)


def _reversal(undone: Sequence[Effect], conflict: Conflict, now: datetime) -> Reversal:
    first = min(undone, key=lambda effect: (RANK[effect.kind], effect.id, effect.part))
    parts = sorted(effect.part for effect in undone if (effect.kind, effect.id) == (first.kind, first.id))
    return Reversal(now, first.kind, first.id, ", ".join(filter(None, parts)), conflict.done_at)


def _did(change: Change, reversal: Reversal, used: Iterable[str]) -> bool:
    since = reversal.since.replace(microsecond=0) if reversal.since else change.at
    return (
        change.event_name in reversal.kind.calls
        and reversal.id in change.ids
        and change.event_id not in used
        and since <= change.at
        and change.at <= reversal.at + SHOWN_WITHIN
    )
