"""Recovered paths: one was closed and is open again, but agents that it silenced may still be silent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import LAG, LINGERING, Field, change_evidence, change_words, clock_words
from lifeline.core.incidents.facts import Around, Facts, cause_of
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence
from lifeline.core.network.network_path import Reach

_SPREAD = timedelta(minutes=10)  # the agents that one outage silences don't all fall silent at once
_MADE_BEFORE = timedelta(minutes=15)  # an endpoint made so shortly before a gap may repair what began the gap
_NOTHING_SERVED = frozenset(
    {CauseKind.CUT_OFF, CauseKind.WAY_OUT_SHUT, CauseKind.ENDPOINT_PENDING, CauseKind.ENDPOINT_FAILED}
)


@dataclass(frozen=True, slots=True)
class _Fix:
    """What opened the path, in words, and the latest time since when it is open."""

    at: datetime
    words: str


def recovered_cause(facts: Facts, around: Around, services: Iterable[str], now: datetime) -> Cause | None:
    """Find the cause of a silence whose path to one of the services is open again, with its fix; None if unknown.

    First an open incident's cause of this VPC and service, so that the agent joins it; then what endpoints that were
    made lately and the recorded changes show.
    """
    checks = [_Check(facts, around, service, now) for service in services if around.paths[service].reach.is_open]
    earlier = (check.earlier_cause() for check in checks)
    shown = (cause for check in checks for cause in (check.made_cause(), check.changed_cause()))
    return next((cause for cause in chain(earlier, shown) if cause), None)


class _Check:
    """One service, whose path is open now."""

    def __init__(self, facts: Facts, around: Around, service: str, now: datetime) -> None:
        self.facts, self.around, self.service, self.now = facts, around, service, now
        self.path = around.paths[service]
        self.since = facts.since(now)

    def earlier_cause(self) -> Cause | None:
        """The latest open incident's cause that the gap fits to, with its fix."""
        of_this = [
            (began, cause)
            for cause, began in self.facts.earlier
            if cause.key == f"network|{self.facts.vpc_id}|{self.service}" and began - _SPREAD <= self.since
            if cause.kind is not CauseKind.PATH_UNKNOWN  # whether it was ever closed isn't known
        ]
        for began, cause in sorted(of_this, key=lambda pair: pair[0], reverse=True):
            fix = self._fix_of(cause, began)
            if fix is None or (cause.fixed_at and self.since > cause.fixed_at + self.facts.two_periods):
                continue
            if cause.fixed_at:
                return cause
            return replace(cause, fixed_at=fix.at, fix=fix.words, advice=_advice(fix.at), is_repairable=False)
        return None

    def made_cause(self) -> Cause | None:
        """An outage that Lifeline's endpoint repaired, where the subnet has no other path."""
        fix = self._by_made(self.since - _MADE_BEFORE) if self.around.has_no_way_out else None
        if fix is None or self.since > fix.at + self.facts.two_periods:
            return None
        cut = self._cut(CauseKind.CUT_OFF)
        is_sure = cut is not None and self.service in self.facts.sure_needs
        return self._cause(CauseKind.CUT_OFF, Confidence.HIGH if is_sure else Confidence.MEDIUM, cut, fix)

    def changed_cause(self) -> Cause | None:
        """An outage that one recorded change caused and a later one ended; the path of that time wasn't observed."""
        for kind in self._kinds():
            cut = self._cut(kind)
            fix = self._by_change(kind, cut, self.since - LAG) if cut and cut.at >= self.since - LINGERING else None
            if fix:
                return self._cause(kind, Confidence.MEDIUM, cut, fix)
        return None

    def _kinds(self) -> Iterator[CauseKind]:
        """An endpoint that was created ends an outage, before it may be what closed the path."""
        if self.path.reach is not Reach.SERVED or self.around.has_no_way_out:
            yield CauseKind.CUT_OFF
        yield CauseKind.ENDPOINT_CLOSED if self.path.reach is Reach.SERVED else CauseKind.WAY_OUT_SHUT
        yield CauseKind.DNS_OFF

    # ---- what opened the path

    def _fix_of(self, cause: Cause, began: datetime) -> _Fix | None:
        """None where this subnet may never have been affected: others of the VPC may still be."""
        served = self.path.reach is Reach.SERVED and cause.kind in _NOTHING_SERVED
        is_whole = self.around.has_no_way_out and (served or cause.kind is CauseKind.DNS_OFF)
        is_member = self.facts.own is not None and self.facts.own.key == cause.key
        is_early = is_member and abs(self.since - began) <= _SPREAD
        if served and (is_whole or is_early):
            made = self._by_made(began - _MADE_BEFORE)
            return made or _Fix(self.now, f"endpoint {self.path.endpoint_id} is available")
        fix = self._by_change(cause.kind, cause.change, began - _SPREAD)
        return fix or (_Fix(self.now, "the path is open again") if is_whole or is_early else None)

    def _by_made(self, not_before: datetime) -> _Fix | None:
        for service, made in self.facts.made:
            if service == self.service and made.endpoint_id == self.path.endpoint_id and made.at >= not_before:
                seen = f"first observed at {clock_words(made.ready_at)}" if made.ready_at else ""
                cost = self.facts.cost_words(made.endpoint_id)
                known = "; ".join(filter(None, (seen, cost and f"costs {cost}")))
                state = "became available" if made.ready_at else "is available"
                words = f"Lifeline's endpoint {made.endpoint_id} {state}{known and f' ({known})'}"
                return _Fix(made.ready_at or self.now, words)
        return None

    def _by_change(self, kind: CauseKind, cut: Change | None, not_before: datetime) -> _Fix | None:
        field, past = self._field(kind), self.around.past(self.service)
        back = past.cure(field, after=cut, not_before=not_before, until=self.now) if past else None
        if back is None:
            return None
        words = {
            Field.ROUTES: "the route came back",
            Field.ENDPOINTS: f"endpoint {self.path.endpoint_id} is available",
            Field.INBOUND: "the endpoint lets it in again",
            Field.FILTERS: "the way out is open again",
            Field.DNS: "the VPC's DNS is on again",
        }[field]
        at = self.now if field is Field.ENDPOINTS else back.at  # an endpoint needs minutes after the call
        return _Fix(at, f"{words} ({change_words(back)} at {clock_words(back.at)})")

    def _field(self, kind: CauseKind) -> Field:
        if kind is CauseKind.DNS_OFF:
            return Field.DNS
        if self.path.reach is not Reach.SERVED:
            return Field.FILTERS if kind is CauseKind.WAY_OUT_SHUT else Field.ROUTES
        return Field.INBOUND if kind is CauseKind.ENDPOINT_CLOSED else Field.ENDPOINTS

    # ---- what closed it

    def _cut(self, kind: CauseKind) -> Change | None:
        return self.around.change_behind(self.facts, kind, self.service, self.now)

    def _cause(self, kind: CauseKind, confidence: Confidence, cut: Change | None, fix: _Fix) -> Cause:
        was = {
            CauseKind.ENDPOINT_CLOSED: f"closed the path to the {self.service} service",
            CauseKind.WAY_OUT_SHUT: f"shut the way out to the {self.service} service",
            CauseKind.DNS_OFF: "kept DNS names from being resolved",
        }.get(kind, f"left no path to the {self.service} service")
        words = f"{change_words(cut)} {was}" if cut else f"there was no path to the {self.service} service"
        cause = Cause(
            kind,
            confidence,
            words,
            evidence=(change_evidence(cut) if cut else "", fix.words, *self.path.notes, self.path.words),
            advice=_advice(fix.at),
            service=self.service,
            subject=self.path.endpoint_id,
            change=cut,
            fixed_at=fix.at,
            fix=fix.words,
        )
        return cause_of(self.facts, cause)


def _advice(fixed_at: datetime) -> str:
    until = clock_words(fixed_at + RECOVERY_TIME)
    return f"Agents might need until {until} to come back. If an instance is still silent then, restart its agent."
