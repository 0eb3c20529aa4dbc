"""What an EventBridge event for automation is; `bus_events` builds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SOURCE = "lifeline"


class DetailType(StrEnum):
    """The detail types that rules match on, besides the source."""

    CHANGE_SEEN = "Lifeline Change Seen"
    PLAN = "Lifeline Plan"
    ACTION = "Lifeline Action"
    REFUSAL = "Lifeline Refusal"
    INCIDENT_OPENED = "Lifeline Incident Opened"
    INCIDENT_UPDATED = "Lifeline Incident Updated"
    INCIDENT_RESOLVED = "Lifeline Incident Resolved"

    @property
    def section(self) -> str:
        """The runbook's section on what such an event reports."""
        match self:
            case DetailType.CHANGE_SEEN:
                return "automate-with-events"
            case DetailType.PLAN | DetailType.ACTION | DetailType.REFUSAL:
                return "endpoints"
            case DetailType.INCIDENT_OPENED:
                return "incident_opened"
            case DetailType.INCIDENT_UPDATED:
                return "incident_updated"
            case DetailType.INCIDENT_RESOLVED:
                return "incident_resolved"


@dataclass(frozen=True, slots=True)
class BusEvent:
    """One event. Its detail has an `id` that stays the same for the same fact, however often it is sent."""

    type: DetailType
    at: datetime
    detail: Mapping[str, Any] = field(hash=False)
