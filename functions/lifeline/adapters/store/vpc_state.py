"""Vpc state: split out of another room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lifeline.adapters.store.conflicts import read_conflict
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.conflicts import Conflict
from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.plan.endpoint_lifecycle import Made


@dataclass(frozen=True, slots=True)
class VpcState:
    """What is remembered of a VPC: its last look, the endpoint last made for each service, and what was told.

    `failures` is how often a service's endpoint failed in a row. `unneeded` is since when nothing requires what is
    Lifeline's own, by id; `released_at` is when a person gave all of it up; `frozen` is what Lifeline keeps its hands
    off, by service; `teardowns` is when each teardown was told, None while it is still to be; `canaries` is whose
    private DNS was switched on of late, by service; `unfrozen` is when people ended freezes of late, by service.
    `remember` leaves these as they are.
    """

    reconciled_at: datetime | None = None
    made: Mapping[str, Made] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    notified: str = ""
    unneeded: Mapping[str, datetime] = field(default_factory=dict)
    released_at: datetime | None = None
    frozen: Mapping[str, Freeze] = field(default_factory=dict)
    teardowns: Mapping[str, datetime | None] = field(default_factory=dict)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    canaries: Mapping[str, Canary] = field(default_factory=dict)
    unfrozen: Mapping[str, datetime] = field(default_factory=dict)


def _vpc_state(item: dict[str, Any]) -> VpcState:
    return VpcState(
        reconciled_at=datetime.fromisoformat(item["reconciled_at"]["S"]) if "reconciled_at" in item else None,
        made={service: _made(made["M"]) for service, made in item.get("made", {}).get("M", {}).items()},
        failures={service: int(count["N"]) for service, count in item.get("failures", {}).get("M", {}).items()},
        notified=item.get("notified", {}).get("S", ""),
        unneeded={
            resource_id: datetime.fromisoformat(at["S"])
            for resource_id, at in item.get("unneeded", {}).get("M", {}).items()
        },
        released_at=datetime.fromisoformat(item["released_at"]["S"]) if "S" in item.get("released_at", {}) else None,
        frozen={service: _freeze(freeze["M"]) for service, freeze in item.get("frozen", {}).get("M", {}).items()},
        teardowns={key: _moment(at["S"]) for key, at in item.get("teardowns", {}).get("M", {}).items()},
        conflicts={
            key: read_conflict(conflict["M"]) for key, conflict in item.get("conflicts", {}).get("M", {}).items()
        },
        canaries={service: _canary(canary["M"]) for service, canary in item.get("canaries", {}).get("M", {}).items()},
        unfrozen={
            service: datetime.fromisoformat(at["S"]) for service, at in item.get("unfrozen", {}).get("M", {}).items()
        },
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _canary_item(canary: Canary) -> dict[str, Any]:
    withdrawn = {"withdrawn_at": {"S": canary.withdrawn_at.isoformat()}} if canary.withdrawn_at else {}
    return {"M": {"endpoint_id": {"S": canary.endpoint_id}, "at": {"S": canary.at.isoformat()}, **withdrawn}}


def _canary(item: dict[str, Any]) -> Canary:
    withdrawn_at = datetime.fromisoformat(item["withdrawn_at"]["S"]) if "withdrawn_at" in item else None
    return Canary(item["endpoint_id"]["S"], datetime.fromisoformat(item["at"]["S"]), withdrawn_at)


def _freeze_item(freeze: Freeze) -> dict[str, Any]:
    texts = {"kind": freeze.kind, "why": freeze.why, "actor": freeze.actor, "event_id": freeze.event_id}
    times = {"since": freeze.since} | ({"until": freeze.until} if freeze.until else {})
    return {
        "M": {name: {"S": str(text)} for name, text in texts.items()}
        | {name: {"S": time.isoformat()} for name, time in times.items()}
        | {
            "ids": {"L": [{"S": resource_id} for resource_id in freeze.ids]},
            "is_notified": {"BOOL": freeze.is_notified},
        }
    }


def _freeze(item: dict[str, Any]) -> Freeze:
    return Freeze(
        kind=FreezeKind(item["kind"]["S"]),
        since=datetime.fromisoformat(item["since"]["S"]),
        why=item["why"]["S"],
        actor=item["actor"]["S"],
        event_id=item["event_id"]["S"],
        until=datetime.fromisoformat(item["until"]["S"]) if "until" in item else None,
        ids=tuple(resource_id["S"] for resource_id in item.get("ids", {}).get("L", ())),
        is_notified=item.get("is_notified", {}).get("BOOL", False),
    )


def _made_item(made: Made) -> dict[str, Any]:
    return {
        "M": {
            "endpoint_id": {"S": made.endpoint_id},
            "at": {"S": made.at.isoformat()},
            "is_settled": {"BOOL": made.is_settled},
            **({"ready_at": {"S": made.ready_at.isoformat()}} if made.ready_at else {}),
        }
    }


def _made(item: dict[str, Any]) -> Made:
    return Made(
        endpoint_id=item["endpoint_id"]["S"],
        at=datetime.fromisoformat(item["at"]["S"]),
        is_settled=item["is_settled"]["BOOL"],
        ready_at=datetime.fromisoformat(item["ready_at"]["S"]) if "ready_at" in item else None,
    )
