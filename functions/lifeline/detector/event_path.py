"""The event path between sweeps: its alarm's metric, each minute."""

from datetime import datetime

from lifeline.adapters.aws.own_metrics import EVENT_PATH_SECONDS
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.latest import LatestTimes
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.schedule import longest_pause, sweep_overdue
from lifeline.core.organization.members import MemberAccount
from lifeline.runtime.metrics import publish_metrics
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import DetectorSettings


def watch_event_path(settings: DetectorSettings, now: datetime, member: MemberAccount | None = None) -> bool | None:
    """Has the alarm of the event path ring between sweeps, and once there are none, of which each makes a dry run.
    False once there are none, None where that isn't known, as of a `member` whose role was refused.

    The hub's schedule is that of all its accounts, and each of its sweeps tries a `member` at least: if its role can't
    be assumed, no dry run is made, and people hear by a notice. What can't be read is logged: a later run reads it.
    """
    try:
        seconds = EventPathStore(settings.ledger).read().unheard_seconds(now) or 0.0
        swept = LatestTimes(settings.ledger).reconciled(settings.home)
    except LifelineError as error:
        logger.warning("event path not watched", account=settings.account_id, error=str(error))
        return None
    if member and not member.standing.is_entered:
        seconds = 0.0
    tried = (swept, member.since, member.tried_at) if member else (swept,)
    last = max((at for at in tried if at), default=None)
    if overdue := sweep_overdue(last, now, longest_pause(settings.sweep_schedule)):
        logger.error("no sweep ended lately", account=settings.account_id, seconds=overdue.total_seconds())
        seconds = max(seconds, overdue.total_seconds())
    if seconds:
        publish_metrics({EVENT_PATH_SECONDS: seconds}, unit="Seconds", stack=settings.stack_name, now=now)
    if overdue:
        return False
    return None if member and not member.standing.is_entered else True
