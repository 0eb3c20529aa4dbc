"""The notices of what the event paths of a hub's accounts have in common."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.causes import CauseStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.latest import LatestTimes
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.causes import NOT_SWEPT, CauseNews, Causes, causes_of
from lifeline.core.event_path.proof import EventPath
from lifeline.core.network.model import RegionRef
from lifeline.core.notices.accounts import SHOWN
from lifeline.core.notices.event_path import account_notice, accounts_notice, ended_notice, unswept_notice
from lifeline.core.policy.policy import Policy
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import DetectorSettings


def tell_causes(settings: DetectorSettings, policy: Policy, now: datetime) -> None:
    """Has people hear what a hub's accounts have in common, once it was collected. What can't be sent or read is
    logged, and the next run does it.
    """
    try:
        store = CauseStore(settings.table_name)
        causes = store.read()
        if not causes.is_news(now):
            return
        homes = [RegionRef(account, settings.region) for account in causes.untold]
        read = EventPathStore(settings.table_name).read_all(homes, settings.home)
        states = {home.account: path for home, (path, _) in read.items()}

        def step(causes: Causes) -> tuple[Causes, tuple[CauseNews, ...]]:
            for account in states.keys() & causes.untold:  # some may have ended since
                causes = causes.seen(account, causes_of(states[account], now), now)
            return causes.announced(now)

        for news in store.change(step):
            if not _publish(news, states, settings, policy, now):
                store.change(partial(_unannounced, news, now))
    except LifelineError as error:
        logger.error("what accounts have in common isn't told", error=str(error))


def note_swept(settings: DetectorSettings, is_swept: Mapping[str, bool], now: datetime) -> None:
    """Keeps of a hub's accounts whether they are swept, of which `tell_causes` has people hear."""
    CauseStore(settings.table_name).change(lambda causes: (causes.swept(is_swept, now), None))


def _last_swept(accounts: Iterable[str], settings: DetectorSettings) -> dict[str, datetime]:
    """When the last sweep of each account that ended began. What can't be read is left out: no notice waits for it."""
    found = dict[str, datetime]()
    for there in map(settings.of, accounts):
        try:
            swept = LatestTimes(there.ledger).reconciled(there.home)
        except LifelineError as error:
            logger.warning("last sweep not read", account=there.account_id, error=str(error))
            continue
        found |= {there.account_id: swept} if swept else {}
    return found


def _unannounced(news: CauseNews, now: datetime, causes: Causes) -> tuple[Causes, None]:
    return causes.unannounced(news, now), None


def _publish(
    news: CauseNews, states: Mapping[str, EventPath], settings: DetectorSettings, policy: Policy, now: datetime
) -> bool:
    named = {account: states[account] for account in news.accounts if account in states}
    sender = settings.sender
    if news.is_end:
        notice = ended_notice(news, named)
    elif news.name == NOT_SWEPT:
        notice = unswept_notice(news, _last_swept(news.accounts[:SHOWN], settings))
    elif len(news.accounts) == len(named) == 1 and not news.told:
        ((account, state),) = named.items()
        there = settings.of(account)
        sender = there.sender
        notice = account_notice(news, state, now, is_member=bool(there.member))
    else:
        notice = accounts_notice(news, named, now)
    try:
        Topic(settings.topic_arn, sender, chat_topic_arn=settings.chat_topic_arn).under(policy).publish(notice)
    except LifelineError as error:
        logger.error("notice not sent", subject=notice.subject, error=str(error))
        return False
    return True
