"""Proof that events reach ReconcileEndpoints: each dry run is a probe, whose record has to come back.

CloudTrail records a dry run like any other call, and AttemptRule sends the record of Lifeline's own to the queue. A
record is the probe's if it has the probe's request ID and time. Delivery is best effort (EventBridge reference: events
via CloudTrail), so a single probe that isn't heard says nothing, and two in a row do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from lifeline.core.event_path.denial import DryRunDenial
from lifeline.core.event_path.dry_run import OF_GROUP, DryRun, DryRunVerdict

EVERY_SWEEP = timedelta(hours=1)  # by default
PATIENCE = timedelta(minutes=15)  # CloudTrail promises no time: on average, an event takes seconds to a few minutes
MOST_UNHEARD = 2
ENDED_FOR = timedelta(hours=8)  # whoever withholds events may let them through again, which is no end before that
AFTER_DENIAL = timedelta(days=1)  # security teams count denied calls (CIS AWS Foundations Benchmark)
_SAME_CALL = timedelta(minutes=2)  # by which EC2's clock, in whole seconds, and ours may differ, with the call's time
_LATE = timedelta(hours=1)  # that a sweep may be, or its record
_KEPT = 4
_LONGEST = 300
LEFT_OUT = "the policy leaves this account out (prove_event_path.except)"


@dataclass(frozen=True, slots=True)
class Probe:
    """One dry run. `heard_at` is when its record got to the queue, `seconds` how long that took after the call."""

    request_id: str
    asked_at: datetime
    heard_at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class EventPath:
    """What the probes of one account and region say.

    `probes` are the latest, the newest first. `proven_at` is when the newest one that was heard was made, and `seconds`
    how long its record took. `verdict` is that of the last dry run on the role, `denial` who denied it. `why` is why no
    dry run was made of which a record comes. `unheard_since` is when the first was made of the latest
    probes in a row that weren't heard; it may have gone from `probes`. `notified_at` is since when people know that
    probes aren't heard, and `denial_notified_at` when they were told of the denial. `mended_at` is when a sweep found
    that probes were heard again of whose silence people knew; or since when they knew, if no more could be made.
    """

    probes: tuple[Probe, ...] = ()
    proven_at: datetime | None = None
    seconds: float | None = None
    verdict: DryRunVerdict = DryRunVerdict.UNKNOWN
    asked_at: datetime | None = None
    denial: DryRunDenial | None = None
    why: str = ""
    notified_at: datetime | None = None
    denial_notified_at: datetime | None = None
    unheard_since: datetime | None = None
    mended_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """True if the next dry run may be made: each is given its time, and after a denial a day."""
        if self.asked_at is None:
            return True
        return now - self.asked_at >= (AFTER_DENIAL if self.denial else PATIENCE)

    def unasked(self, why: str) -> "EventPath":
        """The same, where no dry run can be made. Those that were made say nothing from then on: whoever mends the path
        meanwhile can't show it, and the first that is made again isn't the second in a row.
        """
        return replace(
            self,
            why=why,
            verdict=DryRunVerdict.UNKNOWN,
            probes=(),
            unheard_since=None,
            notified_at=None,
            mended_at=self.notified_at or self.mended_at,
        )

    def put_off(self, why: str) -> "EventPath":
        """The same, where only this sweep makes no dry run."""
        return replace(self, why=why)

    def asked(self, said: DryRun, now: datetime, denial: DryRunDenial | None = None, why: str = "") -> "EventPath":
        """The same after a dry run. `denial` is who denied it, `why` why its answer says nothing of the role. Where no
        record of it will come, that is why there is none, and the earlier ones say nothing from then on, as where no
        dry run can be made.
        """
        is_probe = said.is_recorded
        before = self if is_probe else self.unasked(why)
        probes = (Probe(said.request_id, now), *before.probes) if is_probe else ()
        is_told = denial is not None and self.denial is not None and denial.by is self.denial.by
        return replace(
            before,
            probes=probes[:_KEPT],
            unheard_since=before.unheard_since or _first_unheard(probes),
            asked_at=now,
            verdict=DryRunVerdict.UNKNOWN if why else said.verdict,
            denial=denial,
            why="" if is_probe else why,
            denial_notified_at=self.denial_notified_at if is_told else None,
        )

    def heard(self, request_id: str, called_at: datetime, sent_at: datetime) -> "EventPath":
        """The same after a record that may be a probe's: `called_at` is its time, `sent_at` when the queue got it.

        A record of another request, or of another time, is none.
        """
        for place, probe in enumerate(self.probes):
            if probe.request_id != request_id or probe.heard_at or abs(called_at - probe.asked_at) > _SAME_CALL:
                continue
            seconds = max(0.0, (sent_at - called_at).total_seconds())
            probes = [*self.probes]
            probes[place] = replace(probe, heard_at=sent_at, seconds=seconds)
            after = replace(self, probes=tuple(probes), unheard_since=_first_unheard(probes))
            if self.proven_at is None or probe.asked_at > self.proven_at:
                after = replace(after, proven_at=probe.asked_at, seconds=seconds)
            return after
        return self

    def newly_heard(self, before: "EventPath") -> tuple[Probe, ...]:
        """The probes that were heard since `before`."""
        known = {probe.request_id for probe in before.probes if probe.heard_at}
        return tuple(probe for probe in self.probes if probe.heard_at and probe.request_id not in known)

    def unheard(self, now: datetime) -> tuple[Probe, ...]:
        """The probes in a row that weren't heard in time, the newest first. One that may still come isn't counted."""
        due = [probe for probe in self.probes if probe.heard_at or now - probe.asked_at >= PATIENCE]
        place = next((place for place, probe in enumerate(due) if probe.heard_at), len(due))
        return tuple(due[:place])

    def is_broken(self, now: datetime) -> bool:
        """True once two probes in a row weren't heard."""
        return len(self.unheard(now)) >= MOST_UNHEARD

    def unheard_seconds(self, now: datetime) -> float | None:
        """For how long probes haven't been heard; None unless two in a row weren't. It is half an hour at least."""
        since = self.silent_since(now)
        return (now - since).total_seconds() if since else None

    def silent_since(self, now: datetime) -> datetime | None:
        """When the first was made of the probes in a row that weren't heard; None unless there are two."""
        unheard = self.unheard(now)
        return (self.unheard_since or unheard[-1].asked_at) if len(unheard) >= MOST_UNHEARD else None

    def is_proven(self, now: datetime, pause: timedelta) -> bool:
        """True if the last proof is recent, for an old one says nothing of today: one of the last two dry runs, where
        `pause` is the longest time between two sweeps.
        """
        each = max(pause, AFTER_DENIAL if self.denial else EVERY_SWEEP)
        return self.proven_at is not None and now - self.proven_at <= 2 * each + _LATE

    def is_news(self, now: datetime) -> bool:
        """True if people are to be told that probes aren't heard: they don't know, and what they knew of has ended for
        some hours. So they hear three times a day at most.
        """
        return self.notified_at is None and (self.mended_at is None or now - self.mended_at >= ENDED_FOR)

    def announced(self, now: datetime) -> "EventPath":
        """The same once people know that probes aren't heard."""
        return replace(self, notified_at=now)

    def is_mended(self, now: datetime) -> bool:
        """True if people know of probes that weren't heard, and they are heard again."""
        return self.notified_at is not None and not self.unheard(now)

    def mended(self, now: datetime) -> "EventPath":
        """The same, so that it will be news should probes cease to be heard again."""
        return replace(self, notified_at=None, mended_at=now)

    def was_silent(self, since: datetime, now: datetime) -> bool:
        """True if people were told of probes that weren't heard, and it lasted until now or ended after `since`: what
        was lost meanwhile says nothing more.
        """
        return self.notified_at is not None or self.is_broken(now) or bool(self.mended_at and self.mended_at > since)


def _first_unheard(probes: Sequence[Probe]) -> datetime | None:
    row = [*takewhile(lambda probe: not probe.heard_at, probes)]
    return row[-1].asked_at if row else None


UNPROVEN = EventPath()
ALARM_SECONDS = (MOST_UNHEARD * PATIENCE).total_seconds()


def figure(seconds: float) -> float | None:
    """What the alarm's metric gets of one probe; None for one that was so late that the alarm would take it for two
    that weren't heard at all.
    """
    return seconds if seconds < ALARM_SECONDS else None


def why_unknown(said: DryRun) -> str:
    """Why the answer says nothing of whether the role may create endpoints; empty if it does."""
    if said.verdict is DryRunVerdict.ALLOWED and said.call == OF_GROUP:
        return "Lifeline's security group isn't there yet: it may create that, and what comes after can't be tried"
    if said.verdict is DryRunVerdict.UNKNOWN:
        return f"EC2 refused the dry run for another reason: {said.code}: {said.message}"[:_LONGEST]
    return ""
