"""Denied reads: what the detector's runs were denied, and when they ask again.

The detector has no sweeps, so an hour takes their place: as long as sweeps are apart by default (template.yaml).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.denial import by_organizations

_ASKED_AGAIN = timedelta(hours=1)
_TRIES = 3  # of runs that can't do without what AWS denies, before it is believed


@dataclass(frozen=True, slots=True)
class DeniedReads:
    """Each read that AWS `denied` since `asked_at`, by call, with its words. `failures` are the runs since then that
    failed.
    """

    asked_at: datetime | None = None
    denied: Mapping[str, str] = field(default_factory=dict)
    failures: int = 0

    def begun(self, now: datetime) -> "DeniedReads":
        """As a run begins, which makes none of these reads: after an hour, it makes each once more."""
        is_over = self.asked_at is None or now - self.asked_at >= _ASKED_AGAIN
        return DeniedReads(asked_at=now) if is_over else self

    def ended(self, denied: Mapping[str, str], *, is_failed: bool) -> "DeniedReads":
        """As it ends. Roles and their policies take a while to be everywhere (IAM guide: eventual consistency): after a
        failure, the next run asks again for what no organization denies, up to three runs in all.
        """
        failures = self.failures + is_failed
        is_passing = is_failed and failures < _TRIES
        return replace(self, denied=by_organizations(denied) if is_passing else dict(denied), failures=failures)
