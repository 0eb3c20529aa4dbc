"""What several of a hub's accounts have in common: one notice names them, where each would send its own otherwise.

The sweep of each account says what it found there. People hear of it some minutes after the first account, by when most
accounts of the same sweep have been looked at; of those that come later they hear by an update, and of the end once.
No account's silence depends on another's: each waits for as long, and is named or counted. Whoever administers an
account can withhold its events and let them through again, so an end is told once it has lasted for some hours, and
what comes back before that is no news: of each account, people hear three times a day at most.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.event_path.denial import DeniedBy
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import ENDED_FOR, EventPath

SILENT = "SILENT"  # dry runs aren't heard; the others are the names of DeniedBy, and the next one
NOT_SWEPT = "NOT_SWEPT"  # two sweeps in a row are missing, which the detector sees
COLLECTED_FOR = timedelta(minutes=10)


def causes_of(state: EventPath, now: datetime) -> frozenset[str]:
    """What people should hear of the account: that its dry runs aren't heard, and who denies them."""
    found = {SILENT} if state.is_broken(now) else set()
    if state.verdict is DryRunVerdict.DENIED and state.denial:
        found.add(state.denial.by.name)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class SharedCause:
    """The accounts with one cause: those of which people will hear, and since when they wait; those of which they heard
    and where it lasts; and those of which they heard and where it has ended, and since when.
    """

    waiting: Mapping[str, datetime] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    ended: Mapping[str, datetime] = field(default_factory=dict)

    def seen(self, account: str, now: datetime, *, is_there: bool) -> "SharedCause":
        """The same once it is known whether the account has it."""
        is_told, other = account in self.told, self.without([account])
        if is_there and account in self.ended and now - self.ended[account] < ENDED_FOR:
            return replace(other, told=tuple(sorted({*self.told, account})))
        if is_there and not is_told:
            return replace(other, waiting={account: now, **self.waiting})
        if not is_there and is_told:
            return replace(other, ended={**self.ended, account: now})
        return self if is_there or account in self.ended else other

    def without(self, accounts: Collection[str]) -> "SharedCause":
        """The same where nothing is known of these accounts."""
        return SharedCause(
            {account: since for account, since in self.waiting.items() if account not in accounts},
            tuple(account for account in self.told if account not in accounts),
            {account: since for account, since in self.ended.items() if account not in accounts},
        )

    def is_due(self, now: datetime) -> bool:
        """True if people are to hear of more accounts now."""
        return bool(self.waiting) and now - min(self.waiting.values()) >= COLLECTED_FOR

    def is_over(self, now: datetime) -> bool:
        """True if people are to hear of the end now."""
        lasts = bool(self.told or self.waiting)
        return bool(self.ended) and not lasts and now - max(self.ended.values()) >= ENDED_FOR


@dataclass(frozen=True, slots=True)
class CauseNews:
    """What people are to hear: the accounts that have the cause of this name, beside `told`, of which they heard; with
    `is_end`, those in which that has ended.
    """

    name: str
    accounts: tuple[str, ...]
    told: tuple[str, ...] = ()
    is_end: bool = False

    @property
    def denied_by(self) -> DeniedBy | None:
        """Who denies dry runs there; None for the other causes."""
        return DeniedBy.__members__.get(self.name)


@dataclass(frozen=True, slots=True)
class Causes:
    """All causes, by their names."""

    by_name: Mapping[str, SharedCause] = field(default_factory=dict)

    @property
    def untold(self) -> frozenset[str]:
        """The accounts of which people will hear: that they have a cause, or that it has ended."""
        return frozenset(account for cause in self.by_name.values() for account in (*cause.waiting, *cause.ended))

    def seen(self, account: str, names: Collection[str], now: datetime) -> "Causes":
        """The same once a sweep of the account knows which causes it has."""
        known = {*self.by_name, *names} - {NOT_SWEPT}
        return self._seen({name: {account: name in names} for name in sorted(known)}, now)

    def swept(self, is_swept: Mapping[str, bool], now: datetime) -> "Causes":
        """The same once it is known of these accounts whether they are swept."""
        return self._seen({NOT_SWEPT: {account: not swept for account, swept in is_swept.items()}}, now)

    def _seen(self, there: Mapping[str, Mapping[str, bool]], now: datetime) -> "Causes":
        after = dict(self.by_name)
        for name, accounts in there.items():
            for account, is_there in accounts.items():
                after[name] = after.get(name, SharedCause()).seen(account, now, is_there=is_there)
        return _with(after)

    def only(self, served: Collection[str]) -> "Causes":
        """The same without accounts that aren't served any more: what became of them isn't known."""
        gone = {account for cause in self.by_name.values() for account in (*cause.waiting, *cause.told, *cause.ended)}
        return _with({name: cause.without(gone - {*served}) for name, cause in self.by_name.items()})

    def is_news(self, now: datetime) -> bool:
        """True if people are to hear something now."""
        return any(cause.is_due(now) or cause.is_over(now) for cause in self.by_name.values())

    def announced(self, now: datetime) -> tuple["Causes", tuple[CauseNews, ...]]:
        """The same once people have heard what is news, and that."""
        after, news = dict(self.by_name), list[CauseNews]()
        for name, cause in self.by_name.items():
            if cause.is_over(now):
                news.append(CauseNews(name, tuple(sorted(cause.ended)), is_end=True))
                del after[name]
            elif cause.is_due(now):
                news.append(CauseNews(name, tuple(sorted(cause.waiting)), cause.told))
                after[name] = SharedCause(told=tuple(sorted({*cause.told, *cause.waiting})), ended=cause.ended)
        return Causes(after), tuple(news)

    def unannounced(self, news: CauseNews, now: datetime) -> "Causes":
        """The same where people couldn't be told of this after all: it is due at once."""
        cause = self.by_name.get(news.name, SharedCause()).without(news.accounts)
        if news.is_end:
            cause = replace(cause, ended={**cause.ended, **dict.fromkeys(news.accounts, now - ENDED_FOR)})
        else:
            cause = replace(cause, waiting={**cause.waiting, **dict.fromkeys(news.accounts, now - COLLECTED_FOR)})
        return Causes({**self.by_name, news.name: cause})


def _with(causes: Mapping[str, SharedCause]) -> Causes:
    return Causes({name: cause for name, cause in causes.items() if cause != SharedCause()})
