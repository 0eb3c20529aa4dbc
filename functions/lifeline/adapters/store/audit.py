"""The audit log: changes that were seen, actions that were taken, and what became of endpoints."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Self

from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Key, Table, expiry
from lifeline.core.coexist.import_blocks import import_text
from lifeline.core.history.change import Change
from lifeline.core.history.entries import EndpointOutcome, EntryKind, filed, key_of
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.plan.actions import Action
from lifeline.core.policy.policy import LEDGER_KEEP
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import read_time

_MOST_PAGES = 10
_CHANGE = "CHANGE#"
_TAGGING = frozenset({"CreateTags", "DeleteTags"})
_WRITING = "ledger: write"
_LATEST_KEY = ("CHANGES", "LATEST")

type _Item = tuple[Key, Mapping[str, Any]]


class AuditLog:
    """The ledger's items of VPCs with CHANGE#<time>#<event id>, ACTION#<time>#<n>, OUTCOME#<time>#<endpoint id> and
    SEEN#<endpoint id>#<result>, and `CHANGES` with LATEST. Entries are in the index, too, and are kept for `keep`.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(ledger, dynamodb)
        self._keep = keep

    def keeping(self, keep: timedelta) -> Self:
        """The same store, which keeps for so long what it writes."""
        return type(self)(self._table.ledger, self._table.dynamodb, keep=keep)

    def record_changes(self, changes: Iterable[tuple[AnyRef, Trigger]], *, now: datetime) -> None:
        """Keeps who changed what, by VPC or, where that is unknown, by region, and that the network changed.

        The same event twice is one entry.
        """
        found = sorted(set(changes), key=lambda change: (str(change[0]), change[1].time))
        items: list[_Item] = [
            self._entry(
                ref,
                f"{_CHANGE}{trigger.time}#{trigger.event_id}",
                now,
                event_name=trigger.event_name,
                actor=trigger.actor,
                ids=trigger.ids,
                blocks=trigger.blocks or None,
                rule_action=trigger.rule_action or None,
                tags=trigger.tags or None,
            )
            for ref, trigger in found
        ]
        if any(trigger.event_name not in _TAGGING for _, trigger in found):
            items.append((_LATEST_KEY, {"at": now.astimezone(UTC)}))
        self._table.put_all(items, _WRITING)

    def changes_of(self, ref: AnyRef, *, since: datetime, until: datetime, most: int = 200) -> tuple[Change, ...]:
        """The newest `most` changes of the VPC from `since` to `until`, to the second and both included, oldest first.

        Changes of tags are left out, and those whose time can't be understood. Of very many, the oldest aren't read:
        no more than _MOST_PAGES of `most` are read.
        """
        return self._changes(ref, lambda item: item["event_name"] not in _TAGGING, since, until, most)

    def taggings_of(self, ref: AnyRef, *, since: datetime, until: datetime, most: int = 200) -> tuple[Change, ...]:
        """As `changes_of`: the changes of the tags that decide what is required of the VPC and what is in it."""
        return self._changes(ref, lambda item: bool(item.get("tags")), since, until, most)

    def _changes(
        self, ref: AnyRef, counts: Callable[[Mapping[str, Any]], bool], since: datetime, until: datetime, most: int
    ) -> tuple[Change, ...]:
        items = self._table.query(
            "pk = :pk AND sk BETWEEN :since AND :until",
            {":pk": partition(ref), ":since": f"{_CHANGE}{_second(since)}", ":until": f"{_CHANGE}{_second(until)}~"},
            f"ledger: read the changes of {ref}",
            ScanIndexForward=False,
            Limit=most,
        )
        changes = (_change(item) for item in islice(items, _MOST_PAGES * most) if counts(item))
        newest = islice((change for change in changes if change), most)
        return tuple(sorted(newest, key=lambda change: (change.at, change.event_id)))

    def untraced_changes(self, home: RegionRef, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        """As `changes_of`: the region's changes whose records tell nobody which VPC they were made in."""
        return tuple(replace(change, is_traced=False) for change in self.changes_of(home, since=since, until=until))

    def record_actions(
        self, ref: VpcRef, actions: Sequence[Action], triggers: Sequence[Trigger], now: datetime
    ) -> None:
        """Keeps what Lifeline decided and did, why, and what set it going."""
        names = ("kind", "event_id", "event_name", "actor")
        because = [
            {name: getattr(trigger, name) for name in names} | ({"stated_by": trigger.by} if trigger.by else {})
            for trigger in triggers[:10]
        ]
        entries = (
            self._entry(
                ref,
                key_of(EntryKind.ACTION, now, f"{place:02}"),
                now,
                action=action.kind,
                service=action.service,
                status=action.status,
                reason=action.reason,
                error=action.error,
                endpoint_id=action.endpoint_id,
                security_group_id=action.security_group_id,
                because=because,
                handover=import_text(action, ref.vpc_id),
            )
            for place, action in enumerate(actions)
        )
        self._table.put_all(entries, _WRITING)

    def record_call(self, ref: VpcRef, call: str, words: str, *, now: datetime) -> None:
        """Keeps what a person did by a call, in words."""
        key = partition(ref), key_of(EntryKind.ACTION, now, call)
        log_call(self._table, ref, call, words, key=key, expires_at=expiry(now, self._keep))

    def record_outcomes(self, ref: VpcRef, outcomes: Iterable[EndpointOutcome], *, now: datetime) -> None:
        """Keeps what became of endpoints, at the time when that was first seen. The same outcome twice is one entry."""
        entries = [self._outcome_entry(ref, outcome, now) for outcome in outcomes]
        self._table.put_all(entries, _WRITING)

    def _outcome_entry(self, ref: VpcRef, outcome: EndpointOutcome, now: datetime) -> _Item:
        item = self._table.update(
            (partition(ref), f"SEEN#{outcome.endpoint_id}#{outcome.result}"),
            "SET first_seen = if_not_exists(first_seen, :now), expires_at = :expires",
            {":now": now, ":expires": expiry(now, self._keep)},
            f"ledger: claim the outcome of {outcome.endpoint_id}",
        )
        seen = datetime.fromisoformat(item["first_seen"]) if item else now
        return self._entry(
            ref,
            key_of(EntryKind.OUTCOME, seen, outcome.endpoint_id),
            seen,
            endpoint_id=outcome.endpoint_id,
            service=outcome.service,
            result=outcome.result,
            detail=outcome.detail,
            seconds=max(0, int((outcome.age - (now - seen)).total_seconds())),
        )

    def _entry(self, ref: AnyRef, key: str, at: datetime, **facts: Any) -> _Item:
        """An entry of the audit log, with its place in the index."""
        return (partition(ref), key), {**filed(ref, key), **facts, "expires_at": expiry(at, self._keep)}


def log_call(table: Table, ref: VpcRef, action: str, reason: str, *, key: Key, expires_at: int) -> None:
    """Write what a person did by a call to the audit log of the VPC, under this key."""
    entry = {
        **filed(ref, key[1]),
        "action": action,
        "status": "done",
        "reason": reason,
        "because": [{"kind": "call"}],
        "expires_at": expires_at,
    }
    table.put(key, entry, f"ledger: write {action} of {ref} to the audit log")


def _second(time: datetime) -> str:
    """The time without its zone: in the order of keys, it comes before whatever CloudTrail writes of that second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _change(item: Mapping[str, Any]) -> Change | None:
    moment, _, event_id = item["sk"].removeprefix(_CHANGE).partition("#")
    at = read_time(moment)
    ids, tags, blocks = (frozenset(item.get(name, ())) for name in ("ids", "tags", "blocks"))
    if at is None:
        return None
    of_rule = item.get("rule_action", "")
    return Change(at, event_id, item["event_name"], item["actor"], ids, tags=tags, blocks=blocks, rule_action=of_rule)
