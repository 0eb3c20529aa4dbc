"""Members: how it stands with each account that a hub serves, from one sweep to the next.

A member account is served through its spoke's role. One whose role can't be assumed was never set up, or is lost: only
the second is news. So is one that is denied: its role is there, but a policy keeps it from reading. Organizations says
which accounts are closed; those are left alone without a word.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from lifeline.core.denial import read_denial
from lifeline.core.organization.accounts import ServedAccounts

ACTIVE = "ACTIVE"
_TRIED_AGAIN = timedelta(minutes=10)
MOST_TOLD = 3  # notices of one account in _DAY that it is lost or denied: whoever administers it can end and begin that
MOST_ALONE = 3  # accounts in _HOUR of which people hear one by one: what all have in common would be a notice each
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SWEEPS_APART = timedelta(seconds=50)  # less than the minute of the most frequent schedule


class AccountStanding(Enum):
    """Whether the spoke's role could be assumed, and could read there, in the page's words."""

    UNTRIED = "not looked at yet"
    SERVED = "served"
    NOT_SET_UP = "not set up"
    LOST = "lost"
    DENIED = "denied"

    @property
    def is_news(self) -> bool:
        """True if people are told of it."""
        return self in {AccountStanding.LOST, AccountStanding.DENIED}

    @property
    def is_entered(self) -> bool:
        """True if the role could be assumed, also where a policy denies it to read the network."""
        return self in {AccountStanding.SERVED, AccountStanding.DENIED}


@dataclass(frozen=True, slots=True)
class MemberAccount:
    """A member account. `state` is what Organizations says of it; empty where it wasn't asked (Organizations API:
    Account, State). `since` is when its standing began, or the account was listed again, `tried_at` when its role was
    last refused or denied, `why` with which error, and `notified_at` when people were told of that. `left_at` is when
    it was no longer among the accounts that the hub serves.

    `told_at` are the last times when people were told that it is lost or denied, and `turns` how often it became either
    since the last of them. `unread_since` is since when it was lost or denied, until it is read again, and
    `is_unread_told` whether people hear of that, too.
    """

    account: str
    name: str = ""
    state: str = ""
    standing: AccountStanding = AccountStanding.UNTRIED
    since: datetime | None = None
    tried_at: datetime | None = None
    why: str = ""
    notified_at: datetime | None = None
    left_at: datetime | None = None
    told_at: tuple[datetime, ...] = ()
    turns: int = 0
    unread_since: datetime | None = None
    is_unread_told: bool = False

    @property
    def is_open(self) -> bool:
        """True unless it is suspended, closed or about to be either."""
        return self.state in {"", ACTIVE}

    @property
    def is_active(self) -> bool:
        """True if it is open and hasn't left."""
        return self.left_at is None and self.is_open

    @property
    def not_read_since(self) -> datetime | None:
        """Since when nothing of it was read; None if it is read, or never was."""
        return self.unread_since or (self.since if self.standing.is_news else None)  # it may be on record without

    def may_be_tried(self, now: datetime) -> bool:
        """False if its role was refused just now: a message for a lost account isn't worth a call each. Where a policy
        keeps the role from reading, or an organization's policy keeps the hub out, only a sweep tries again.
        """
        if self.tried_at is None:
            return True
        denial = read_denial(self.why)
        waits = self.standing is AccountStanding.DENIED or (denial and denial.denier.is_organizations)
        return not waits and now - self.tried_at >= _TRIED_AGAIN


@dataclass(frozen=True, slots=True)
class MemberAccounts:
    """All members by their account ID. `listed_at` is when the accounts were last listed, `unlisted_why` the error
    where that failed since, and `swept_by` the ID of the invocation that last sent their sweeps. `sweeping_by` is that
    of a schedule's that last began to, at `sweeping_at`. Where Lambda tries one again, its ID is the same (AWS
    knowledge center: duplicate invocations of a function).
    """

    by_account: Mapping[str, MemberAccount] = field(default_factory=dict)
    listed_at: datetime | None = None
    swept_by: str = ""
    sweeping_by: str = ""
    sweeping_at: datetime | None = None
    unlisted_why: str = ""

    @property
    def active(self) -> tuple[MemberAccount, ...]:
        """Those to be served, in the order of their IDs."""
        return tuple(member for _, member in sorted(self.by_account.items()) if member.is_active)

    def served(self, accounts: ServedAccounts) -> tuple[MemberAccount, ...]:
        """Those to be served, in the order of their IDs."""
        served = sorted(one for one in {*self.by_account, *accounts.ids} if self.serves(one, accounts))
        return tuple(map(self._of, served))

    def serves(self, account: str, accounts: ServedAccounts) -> bool:
        """True if the account is to be served. The stack's list says so before the next sweep reads it, of one that it
        has again, too. In an organization, so does an event of a new account: who is in it, no list here knows before.
        """
        known = self._of(account)
        return accounts.has(account) and (known.is_active or (account in accounts.ids and known.is_open))

    def back_since(self, before: "MemberAccounts") -> tuple[str, ...]:
        """Those that are active again, and weren't then: what happened there meanwhile, nobody heard."""
        away = {account for account, member in before.by_account.items() if not member.is_active}
        return tuple(one.account for one in self.active if one.account in away)

    def unannounced(self, now: datetime) -> tuple[MemberAccount, ...]:
        """Those that are lost or denied and of which people have not been told, but may be: MOST_TOLD times a day."""
        news = (one for one in self.active if one.standing.is_news and one.notified_at is None)
        return tuple(one for one in news if sum(now - at < _DAY for at in one.told_at) < MOST_TOLD)

    def news_of(self, account: str, now: datetime) -> MemberAccount | None:
        """The account, if people are to hear now that it is lost or denied. Where they just heard of MOST_ALONE others,
        it waits for the next sweep, which tells of all such accounts together.
        """
        others = (one for one in self.by_account.values() if one.account != account)
        told = sum(bool(one.told_at) and now - one.told_at[-1] < _HOUR for one in others)
        news = (one for one in self.unannounced(now) if one.account == account)
        return next(news, None) if told < MOST_ALONE else None

    def sweeping(self, invocation: str, now: datetime) -> tuple["MemberAccounts", bool]:
        """The members once this invocation of a schedule's begins to send the sweeps, and whether it may: one a minute
        does. Whoever has schedules start them would otherwise fill the queue by which those of all accounts come.
        """
        is_other = self.sweeping_by != invocation
        if is_other and self.sweeping_at and timedelta(0) <= now - self.sweeping_at < _SWEEPS_APART:
            return self, False
        return replace(self, sweeping_by=invocation, sweeping_at=now), True

    def listed(self, accounts: Iterable[MemberAccount], now: datetime) -> "MemberAccounts":
        """The members once these accounts were listed. Who isn't among them has left, and stays on record."""
        found = {one.account: replace(one, since=now) for one in accounts}
        known = {account: _relisted(member, found.get(account), now) for account, member in self.by_account.items()}
        return replace(self, by_account={**found, **known}, listed_at=now, unlisted_why="")

    def entered(self, account: str, now: datetime) -> "MemberAccounts":
        """The members once the account's role was assumed."""
        before = self._of(account)
        if before.standing is AccountStanding.SERVED:
            return self
        return self._with(
            replace(before, standing=AccountStanding.SERVED, since=now, tried_at=None, why="", notified_at=None)
        )

    def read(self, account: str, now: datetime) -> "MemberAccounts":
        """The members once the role could read there, too."""
        before = self.entered(account, now).by_account.get(account, MemberAccount(account))
        return self._with(replace(before, unread_since=None, is_unread_told=False))

    def refused(self, account: str, why: str, now: datetime) -> "MemberAccounts":
        """The members once the account's role was refused: lost, if it was ever served."""
        before = self._of(account)
        was_served = before.standing not in {AccountStanding.UNTRIED, AccountStanding.NOT_SET_UP}
        return self._turned_away(before, AccountStanding.LOST if was_served else AccountStanding.NOT_SET_UP, why, now)

    def denied(self, account: str, why: str, now: datetime) -> "MemberAccounts":
        """The members once a policy denied the account's role what Lifeline must read."""
        return self._turned_away(self._of(account), AccountStanding.DENIED, why, now)

    def _turned_away(
        self, before: MemberAccount, standing: AccountStanding, why: str, now: datetime
    ) -> "MemberAccounts":
        """The members with the account as it stands now; that it stands so is news if it didn't before."""
        after = replace(before, standing=standing, tried_at=now, why=why)
        if standing is not before.standing:
            after = replace(after, since=now, notified_at=None)
            if standing.is_news:
                after = replace(after, turns=before.turns + 1, unread_since=before.unread_since or now)
        return self._with(after)

    def announced(self, accounts: Collection[str], now: datetime) -> "MemberAccounts":
        """The members once people were told of these. Of several, they aren't told one by one that each is back."""
        members = self
        for account in accounts:
            before = members._of(account)
            told_at = (*before.told_at, now)[-MOST_TOLD:]
            is_told = before.is_unread_told or len(accounts) == 1
            members = members._with(replace(before, notified_at=now, told_at=told_at, turns=0, is_unread_told=is_told))
        return members

    def unannounce(self, untold: MemberAccount) -> "MemberAccounts":
        """The members where people could not be told of this one after all."""
        now = self._of(untold.account)
        told_at, is_told, turns = untold.told_at, untold.is_unread_told, untold.turns + now.turns
        return self._with(replace(now, notified_at=None, told_at=told_at, turns=turns, is_unread_told=is_told))

    def named(self, account: str, name: str) -> "MemberAccounts":
        """The members once the account's name was read."""
        return self._with(replace(self._of(account), name=name))

    def _of(self, account: str) -> MemberAccount:
        return self.by_account.get(account, MemberAccount(account))

    def _with(self, member: MemberAccount) -> "MemberAccounts":
        return replace(self, by_account={**self.by_account, member.account: member})


def _relisted(member: MemberAccount, found: MemberAccount | None, now: datetime) -> MemberAccount:
    if found is None:
        return replace(member, left_at=member.left_at or now)
    since = member.since if member.is_active else now
    return replace(member, name=found.name or member.name, state=found.state, since=since, left_at=None)
