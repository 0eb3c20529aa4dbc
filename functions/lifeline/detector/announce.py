"""Notices between two writes: an incident is claimed, its notice sent, saved as notified, and closed if it is over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.incidents import Incidents
from lifeline.core.agents.gaps import Agent
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.incident import Incident
from lifeline.core.incidents.lifecycle import IncidentUpdate, News, NewsKind, cap, notified
from lifeline.core.notices.bus_events import incident_event
from lifeline.core.notices.incident import incident_notice, summary_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.requests.request import Trigger
from lifeline.detector.attempts import Attempts
from lifeline.detector.decision_log import log_incidents


@dataclass(frozen=True, slots=True)
class Announced:
    """The kinds of the notices sent, and the agents that are freed because their incidents are closed."""

    kinds: tuple[NewsKind, ...]
    freed: Mapping[str, Agent]


class Announcer:
    """Sends one run's notices on one watch's incidents."""

    def __init__(
        self,
        watch: Watch,
        incidents: Incidents,
        notices: Publishes,
        repairs: RepairRequests,
        bus: Bus,
        *,
        now: datetime,
        attempt: Attempts,
        run_id: str = "",
    ) -> None:
        self._watch = watch
        self._incidents = incidents
        self._notices = notices
        self._repairs = repairs
        self._bus = bus
        self._now = now
        self._attempt = attempt
        self._run_id = run_id

    def notify(self, update: IncidentUpdate) -> Announced:
        """Claim each incident by saving it, send the notices on those claimed, and save that it was done."""
        claimed = self._claim(update)
        over = {incident.id for incident in update.closed}
        self._request_repair(incident for incident in claimed.values() if incident.id not in over)
        news = [
            replace(news_item, incident=claimed[news_item.incident.id])
            for news_item in update.news
            if news_item.incident.id in claimed
        ]
        done = self._publish_all(news)
        log_incidents(news, done, run_id=self._run_id)
        for news_item in done:
            if news_item.kind is not NewsKind.RESOLVED:
                self._attempt(partial(self._incidents.save, notified(news_item.incident, news_item, self._now)))
        pending = {news_item.incident.id for news_item in news} - {news_item.incident.id for news_item in done}
        closing = [claimed[id_] for id_ in sorted(over & claimed.keys() - pending)]
        return Announced(tuple(news_item.kind for news_item in done), self._close(closing, update))

    def _claim(self, update: IncidentUpdate) -> dict[str, Incident]:
        """The incidents as saved, by id; without those that another run saved first, and those that failed."""
        pending = [news_item.incident for news_item in update.news]
        waiting = {incident.id: incident for incident in (*pending, *update.incidents, *update.closed)}
        saved = [self._attempt(partial(self._incidents.save, incident)) for incident in waiting.values()]
        return {incident.id: incident for incident in saved if incident is not None}

    def _publish_all(self, news: Sequence[News]) -> list[News]:
        """Send the most severe news one by one and the rest in one notice. Returns what was sent."""
        shown, rest = cap(news)
        done = [news_item for news_item in shown if self._publish(incident_notice(news_item, self._watch, self._now))]
        if rest and self._publish(summary_notice(rest, self._watch, self._now)):
            done += rest
        events = (incident_event(news_item, self._watch.namespace, self._now) for news_item in done)
        self._bus.send(event for event in events if event)
        return done

    def _publish(self, notice: Notice) -> bool:
        def publish() -> bool:
            self._notices.publish(notice)
            return True

        return self._attempt(publish) is not None

    def _close(self, closing: Iterable[Incident], update: IncidentUpdate) -> dict[str, Agent]:
        """Close the incidents. Returns their agents, freed."""
        freed: dict[str, Agent] = {}
        for incident in closing:
            if self._attempt(partial(self._incidents.close, incident, now=self._now)):
                freed |= {agent.entity: agent for agent in update.freed.get(incident.id, ())}
        return freed

    def _request_repair(self, incidents: Iterable[Incident]) -> None:
        """Request a reconciliation of each VPC whose agents lack an endpoint, because the change's event may be lost,
        or fell silent of a canary. What is to be done there, ReconcileEndpoints finds in the network and in the ledger.

        This message may be lost as well: each run that still finds the endpoint missing requests it again.
        """
        for incident in incidents:
            cause = incident.cause
            if cause.is_repairable and cause.vpc_id and not cause.fixed_at and incident.checked_at == self._now:
                because = [Trigger("silence", event_id=incident.id, time=self._now.isoformat())]
                self._attempt(partial(self._repairs.send, [cause.vpc_id], because))
