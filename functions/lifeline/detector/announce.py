"""Notices between two writes: an incident is claimed, its notice sent, saved as notified, and closed if it is over.

What writes a notice is imported where there is something to say: most runs have nothing.
"""

# ruff: noqa: PLC0415 - late, as said above

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.full_watches import FullWatch
from lifeline.adapters.store.incidents import Incidents
from lifeline.core.agents.agent import Agent
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.incident import Incident
from lifeline.core.incidents.lifecycle import IncidentUpdate, News, NewsKind, cap, notified
from lifeline.core.notices.notice import Notice
from lifeline.core.requests.trigger import Trigger
from lifeline.detector.attempts import Attempts
from lifeline.detector.decision_log import log_incidents


@dataclass(frozen=True, slots=True)
class Announced:
    """The kinds of the notices sent, and the agents that are freed because their incidents are closed."""

    kinds: tuple[NewsKind, ...]
    freed: dict[str, Agent]


@dataclass(frozen=True, slots=True)
class Announcer:
    """Sends one run's notices on one watch's incidents."""

    watch: Watch
    incidents: Incidents
    notices: Topic
    repairs: RepairRequests
    bus: Bus
    now: datetime
    attempt: Attempts
    stack: str
    run_id: str = ""

    def notify(self, update: IncidentUpdate) -> Announced:
        """Claim each incident by saving it, send the notices on those claimed, and save that it was done."""
        claimed = self._claim(update)
        over = {incident.id for incident in update.closed}
        self._request_repair(incident for incident in claimed.values() if incident.id not in over)
        ours = (news_item for news_item in update.news if news_item.incident.id in claimed)
        news = [replace(news_item, incident=claimed[news_item.incident.id]) for news_item in ours]
        done = self._publish_all(news)
        log_incidents(news, done, run_id=self.run_id)
        for news_item in done:
            if news_item.kind is not NewsKind.RESOLVED:
                self.attempt(partial(self.incidents.save, notified(news_item.incident, news_item, self.now)))
        pending = {news_item.incident.id for news_item in news} - {news_item.incident.id for news_item in done}
        closing = [claimed[id_] for id_ in sorted(over & claimed.keys() - pending)]
        return Announced(tuple(news_item.kind for news_item in done), self._close(closing, update))

    def notify_of_tags(self, agents: Iterable[Agent]) -> frozenset[str]:
        """Say of which agents a tag keeps the silence from being reported, if people don't know. Returns those."""
        news = [agent for agent in agents if agent.is_unwatched]
        if not news:
            return frozenset()
        from lifeline.core.notices.unwatched import unwatched_notice

        is_said = self._publish(unwatched_notice(self.watch, news))
        return frozenset(agent.entity for agent in news if is_said)

    def notify_of_full(self, names: Sequence[str], full: FullWatch) -> None:
        """Say once which names have no room in the watch."""
        from lifeline.core.notices.watch_full import watch_full_notice

        if self.attempt(partial(full.reserve, self.now)) and not self._publish(watch_full_notice(self.watch, names)):
            self.attempt(full.return_reservation)

    def _claim(self, update: IncidentUpdate) -> dict[str, Incident]:
        """The incidents as saved, by id; without those that another run saved first, and those that failed."""
        pending = [news_item.incident for news_item in update.news]
        waiting = {incident.id: incident for incident in (*pending, *update.incidents, *update.closed)}
        saved = [self.attempt(partial(self.incidents.save, incident)) for incident in waiting.values()]
        return {incident.id: incident for incident in saved if incident is not None}

    def _publish_all(self, news: Sequence[News]) -> list[News]:
        """Send the most severe news one by one and the rest in one notice. Returns what was sent."""
        if not news:
            return []
        from lifeline.core.notices.bus_events import incident_event
        from lifeline.core.notices.incident import incident_notice, summary_notice

        shown, rest = cap(news)
        notices = ((news_item, incident_notice(news_item, self.watch, self.now, self.stack)) for news_item in shown)
        done = [news_item for news_item, notice in notices if self._publish(notice)]
        if rest and self._publish(summary_notice(rest, self.watch, self.now)):
            done += rest
        events = (incident_event(news_item, self.watch.namespace, self.now) for news_item in done)
        self.bus.send(event for event in events if event)
        return done

    def _publish(self, notice: Notice) -> bool:
        def publish() -> bool:
            self.notices.publish(notice)
            return True

        return self.attempt(publish) is not None

    def _close(self, closing: Iterable[Incident], update: IncidentUpdate) -> dict[str, Agent]:
        """Close the incidents. Returns their agents, freed."""
        freed: dict[str, Agent] = {}
        for incident in closing:
            if self.attempt(partial(self.incidents.close, incident, now=self.now)):
                freed |= {agent.entity: agent for agent in update.freed.get(incident.id, ())}
        return freed

    def _request_repair(self, incidents: Iterable[Incident]) -> None:
        """Request a reconciliation of each VPC whose agents lack an endpoint, because the change's event may be lost,
        or fell silent of a canary. What is to be done there, ReconcileEndpoints finds in the network and in the ledger.

        This message may be lost as well: each run that still finds the endpoint missing requests it again.
        """
        for incident in incidents:
            cause = incident.cause
            if cause.is_repairable and cause.vpc_id and not cause.fixed_at and incident.checked_at == self.now:
                because = [Trigger("silence", event_id=incident.id, time=self.now.isoformat())]
                self.attempt(partial(self.repairs.send, [cause.vpc_id], because))
