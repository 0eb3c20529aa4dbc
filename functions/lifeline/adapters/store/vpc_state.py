"""The state of a VPC as attributes of a ledger item, and back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.plan.endpoint_lifecycle import Made

_BETWEEN = "|"  # no id, address block or attribute has it


def changed_attributes(before: VpcState, after: VpcState) -> dict[str, Any]:
    """The attributes that differ between two states, as DynamoDB takes them."""
    known = _attributes(before)
    return {name: value for name, value in _attributes(after).items() if value != known[name]}


def read_state(item: Mapping[str, Any]) -> VpcState:
    """The state of such an item. What the item doesn't have is empty."""
    return VpcState(
        reconciled_at=_time(item.get("reconciled_at")),
        made=_read_map(item, "made", lambda value: _made(value["M"])),
        failures=_read_map(item, "failures", lambda value: int(value["N"])),
        notified=item.get("notified", {}).get("S", ""),
        unneeded=_read_map(item, "unneeded", _at),
        warned=_read_map(item, "warned", _at),
        released_at=_time(item.get("released_at")),
        frozen=_read_map(item, "frozen", lambda value: _freeze(value["M"])),
        teardowns=_read_map(item, "teardowns", _time),
        conflicts=_read_map(item, "conflicts", lambda value: _conflict(value["M"])),
        canaries=_read_map(item, "canaries", lambda value: _canary(value["M"])),
        unfrozen=_read_map(item, "unfrozen", _at),
    )


def _attributes(state: VpcState) -> dict[str, Any]:
    return {
        "reconciled_at": _time_item(state.reconciled_at),
        "made": _map_item(state.made, _made_item),
        "failures": _map_item(state.failures, lambda count: {"N": str(count)}),
        "notified": {"S": state.notified},
        "unneeded": _map_item(state.unneeded, _time_item),
        "warned": _map_item(state.warned, _time_item),
        "released_at": _time_item(state.released_at),
        "frozen": _map_item(state.frozen, _freeze_item),
        "teardowns": _map_item(state.teardowns, _time_item),
        "conflicts": _map_item(state.conflicts, _conflict_item),
        "canaries": _map_item(state.canaries, _canary_item),
        "unfrozen": _map_item(state.unfrozen, _time_item),
    }


def _map_item[T](entries: Mapping[str, T], write: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {"M": {key: write(value) for key, value in sorted(entries.items())}}


def _read_map[T](item: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> dict[str, T]:
    return {key: read(value) for key, value in item.get(name, {}).get("M", {}).items()}


def _time_item(at: datetime | None) -> dict[str, Any]:
    return {"S": at.isoformat()} if at else {"NULL": True}


def _time(value: Mapping[str, Any] | None) -> datetime | None:
    return _at(value) if value and "S" in value else None


def _at(value: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(value["S"])


def _text_items(**texts: str) -> dict[str, Any]:
    return {name: {"S": text} for name, text in texts.items()}


def _time_items(**times: datetime | None) -> dict[str, Any]:
    """Without those that are None."""
    return {name: _time_item(at) for name, at in times.items() if at}


def _made_item(made: Made) -> dict[str, Any]:
    texts = _text_items(endpoint_id=made.endpoint_id)
    return {"M": texts | {"is_settled": {"BOOL": made.is_settled}} | _time_items(at=made.at, ready_at=made.ready_at)}


def _made(item: Mapping[str, Any]) -> Made:
    return Made(item["endpoint_id"]["S"], _at(item["at"]), item["is_settled"]["BOOL"], _time(item.get("ready_at")))


def _canary_item(canary: Canary) -> dict[str, Any]:
    times = _time_items(at=canary.at, withdrawn_at=canary.withdrawn_at)
    return {"M": _text_items(endpoint_id=canary.endpoint_id) | times}


def _canary(item: Mapping[str, Any]) -> Canary:
    return Canary(item["endpoint_id"]["S"], _at(item["at"]), _time(item.get("withdrawn_at")))


def _freeze_item(freeze: Freeze) -> dict[str, Any]:
    return {
        "M": _text_items(kind=str(freeze.kind), why=freeze.why, actor=freeze.actor, event_id=freeze.event_id)
        | _time_items(since=freeze.since, until=freeze.until)
        | {
            "ids": {"L": [{"S": resource_id} for resource_id in freeze.ids]},
            "is_notified": {"BOOL": freeze.is_notified},
        }
    }


def _freeze(item: Mapping[str, Any]) -> Freeze:
    return Freeze(
        kind=FreezeKind(item["kind"]["S"]),
        since=_at(item["since"]),
        why=item["why"]["S"],
        actor=item["actor"]["S"],
        event_id=item["event_id"]["S"],
        until=_time(item.get("until")),
        ids=tuple(resource_id["S"] for resource_id in item["ids"]["L"]),
        is_notified=item["is_notified"]["BOOL"],
    )


def _conflict_item(conflict: Conflict) -> dict[str, Any]:
    """A set must not be empty in DynamoDB, so it is left out then."""
    effects = sorted(_BETWEEN.join((effect.kind.name, effect.id, effect.part)) for effect in conflict.effects)
    return {
        "M": {
            **({"effects": {"SS": effects}} if effects else {}),
            **_time_items(done_at=conflict.done_at),
            "reversals": {"L": [_reversal_item(reversal) for reversal in conflict.reversals]},
            "is_notified": {"BOOL": conflict.is_notified},
        }
    }


def _conflict(item: Mapping[str, Any]) -> Conflict:
    return Conflict(
        effects=frozenset(map(_effect, item.get("effects", {}).get("SS", ()))),
        done_at=_time(item.get("done_at")),
        reversals=tuple(_reversal(reversal["M"]) for reversal in item["reversals"]["L"]),
        is_notified=item["is_notified"]["BOOL"],
    )


def _effect(text: str) -> Effect:
    kind, resource_id, part = text.split(_BETWEEN)
    return Effect(EffectKind[kind], resource_id, part)


def _reversal_item(reversal: Reversal) -> dict[str, Any]:
    texts = _text_items(
        kind=reversal.kind.name,
        id=reversal.id,
        part=reversal.part,
        actor=reversal.actor,
        event_id=reversal.event_id,
        event_name=reversal.event_name,
    )
    return {"M": texts | _time_items(at=reversal.at, since=reversal.since)}


def _reversal(item: Mapping[str, Any]) -> Reversal:
    texts = {name: item[name]["S"] for name in ("id", "part", "actor", "event_id", "event_name")}
    return Reversal(at=_at(item["at"]), kind=EffectKind[item["kind"]["S"]], since=_time(item.get("since")), **texts)
