"""A fight as an attribute of a ledger item, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeline.core.coexist.conflicts import Fight, Undoing
from lifeline.core.coexist.effects import Claim, Loss

_BETWEEN = "|"  # no id, address block or attribute has it


def fight_item(fight: Fight) -> dict[str, Any]:
    """The fight as DynamoDB takes it. A set must not be empty there, so it is left out then."""
    claims = sorted(_BETWEEN.join((one.loss.name, one.id, one.part)) for one in fight.claims)
    return {
        "M": {
            **({"claims": {"SS": claims}} if claims else {}),
            **({"done_at": {"S": fight.done_at.isoformat()}} if fight.done_at else {}),
            "undoings": {"L": [_undoing_item(one) for one in fight.undoings]},
            "is_told": {"BOOL": fight.is_told},
        }
    }


def read_fight(item: Mapping[str, Any]) -> Fight:
    """The fight of such an item."""
    return Fight(
        claims=frozenset(map(_claim, item.get("claims", {}).get("SS", ()))),
        done_at=_time(item.get("done_at")),
        undoings=tuple(_undoing(one["M"]) for one in item["undoings"]["L"]),
        is_told=item["is_told"]["BOOL"],
    )


def _claim(text: str) -> Claim:
    loss, resource_id, part = text.split(_BETWEEN)
    return Claim(Loss[loss], resource_id, part)


def _undoing_item(one: Undoing) -> dict[str, Any]:
    texts = {"loss": one.loss.name, "id": one.id, "part": one.part, "at": one.at.isoformat()}
    texts |= {"actor": one.actor, "event_id": one.event_id, "event_name": one.event_name}
    texts |= {"since": one.since.isoformat()} if one.since else {}
    return {"M": {name: {"S": text} for name, text in texts.items()}}


def _undoing(item: Mapping[str, Any]) -> Undoing:
    return Undoing(
        at=datetime.fromisoformat(item["at"]["S"]),
        loss=Loss[item["loss"]["S"]],
        id=item["id"]["S"],
        part=item["part"]["S"],
        since=_time(item.get("since")),
        actor=item["actor"]["S"],
        event_id=item["event_id"]["S"],
        event_name=item["event_name"]["S"],
    )


def _time(value: Mapping[str, str] | None) -> datetime | None:
    return datetime.fromisoformat(value["S"]) if value else None
