"""A fight as an attribute of a ledger item, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind

_BETWEEN = "|"  # no id, address block or attribute has it


def conflict_item(conflict: Conflict) -> dict[str, Any]:
    """The fight as DynamoDB takes it. A set must not be empty there, so it is left out then."""
    effects = sorted(_BETWEEN.join((effect.kind.name, effect.id, effect.part)) for effect in conflict.effects)
    return {
        "M": {
            **({"effects": {"SS": effects}} if effects else {}),
            **({"done_at": {"S": conflict.done_at.isoformat()}} if conflict.done_at else {}),
            "reversals": {"L": [_reversal_item(reversal) for reversal in conflict.reversals]},
            "is_notified": {"BOOL": conflict.is_notified},
        }
    }


def read_conflict(item: Mapping[str, Any]) -> Conflict:
    """The fight of such an item."""
    return Conflict(
        effects=frozenset(map(_effect, item.get("effects", {}).get("SS", ()))),
        done_at=_time(item.get("done_at")),
        reversals=tuple(_reversal(reversal["M"]) for reversal in item["reversals"]["L"]),
        is_notified=item["is_notified"]["BOOL"],
    )


def _effect(text: str) -> Effect:
    kind, resource_id, part = text.split(_BETWEEN)
    return Effect(EffectKind[kind], resource_id, part)


def _reversal_item(one: Reversal) -> dict[str, Any]:
    texts = {"kind": one.kind.name, "id": one.id, "part": one.part, "at": one.at.isoformat()}
    texts |= {"actor": one.actor, "event_id": one.event_id, "event_name": one.event_name}
    texts |= {"since": one.since.isoformat()} if one.since else {}
    return {"M": {name: {"S": text} for name, text in texts.items()}}


def _reversal(item: Mapping[str, Any]) -> Reversal:
    return Reversal(
        at=datetime.fromisoformat(item["at"]["S"]),
        kind=EffectKind[item["kind"]["S"]],
        id=item["id"]["S"],
        part=item["part"]["S"],
        since=_time(item.get("since")),
        actor=item["actor"]["S"],
        event_id=item["event_id"]["S"],
        event_name=item["event_name"]["S"],
    )


def _time(value: Mapping[str, str] | None) -> datetime | None:
    return datetime.fromisoformat(value["S"]) if value else None
