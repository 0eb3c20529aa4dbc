"""Incidents out of the audit log: its entries say when one was opened and closed, and what it was about."""

from collections.abc import Iterable, Mapping
from typing import Any

Incident = dict[str, Any]


def incidents_in(entries: Iterable[Mapping[str, Any]], *, only_open: bool = False) -> list[Incident]:
    """Each incident once, open ones first, and of both the latest first.

    `opened` is None where that was before the entries begin, `closed` while the incident is open.
    """
    found: dict[str, Incident] = {}
    for entry in entries:
        if entry["kind"] == "incident":
            known = found.setdefault(entry["incident"], {"incident": entry["incident"], "opened": None, "closed": None})
            known |= {entry["event"]: entry["at"], "vpc_id": entry["vpc_id"], "text": entry["text"]}
            known |= {name: entry[name] for name in ("cause", "agents", "fix", "begun_by") if name in entry}
    latest = sorted(found.values(), key=_last_time, reverse=True)
    is_open = [one for one in latest if one["closed"] is None]
    return is_open if only_open else is_open + [one for one in latest if one["closed"] is not None]


def _last_time(incident: Incident) -> str:
    return str(incident["closed"] or incident["opened"])
