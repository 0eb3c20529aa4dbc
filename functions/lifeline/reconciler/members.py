"""A hub's accounts: a batch, a call or a sweep goes to each account that it is about, and one's failure is its own.

A stack that serves its own account alone goes through here, too: then nothing of this is read or written.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial, reduce
from threading import Semaphore
from typing import Any

from lifeline.adapters.aws.denials import DeniedReadError
from lifeline.adapters.aws.network import MUST_BE_READ
from lifeline.adapters.aws.organizations import Organizations
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.routed import RoutedStore
from lifeline.core.denial import EC2_DENIED, SESSION_CODES, Denial, read_denial
from lifeline.core.errors import InvalidInputError, LifelineError, TerminalError, TransientError
from lifeline.core.event_path.comparison import Comparisons
from lifeline.core.guards.all_accounts import of_accounts
from lifeline.core.notices.members import (
    MOST_COUNTED,
    denied_account_notice,
    lost_account_notice,
    read_account_notice,
    several_accounts_notice,
)
from lifeline.core.notices.notice import Notice
from lifeline.core.organization.accounts import unserved_words
from lifeline.core.organization.members import AccountStanding, MemberAccount, MemberAccounts
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.account import refuse, stated_account
from lifeline.core.requests.body import read_body
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger
from lifeline.reconciler.batch import keep_records, reconcile_batch, settle_records
from lifeline.reconciler.steps.denied_reads import may_pass
from lifeline.reconciler.steps.job import Tools
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

MOST_AT_ONCE = 8  # accounts; those that only wait for their own endpoint calls don't count
_WHO = re.compile(r"User: \S+")
LEAST = timedelta(seconds=60)  # with less time left, no further account is begun

type Served = tuple[tuple[VpcAnswer, ...], list[str]]
"""Each VPC's outcome, and the IDs of the messages that SQS must keep."""


@dataclass(slots=True)
class Hub:
    """The accounts of one run. `enter` assumes an account's role, `leave` forgets the session, `tools` are those of an
    account, and `name_of` reads its name.
    """

    settings: Settings
    run: Run
    store: MemberStore
    organizations: Organizations
    enter: Callable[[Settings], None]
    leave: Callable[[Settings], None]
    tools: Callable[[Settings], Tools]
    name_of: Callable[[Settings], str]
    _members: MemberAccounts | None = field(default=None, init=False)
    _working: Semaphore = field(default_factory=partial(Semaphore, MOST_AT_ONCE), init=False)

    # ---- a batch

    def reconcile_batch(self, records: Sequence[Any]) -> Served:
        """The batch, served account by account and side by side, as `batch.reconcile_batch` serves each."""
        if not self.settings.accounts:
            with self._working:
                return self._serve(self.settings, records)
        by_account: dict[str, list[Any]] = defaultdict(list)
        for record in records:
            account = self._member_in(record)
            if self._is_closed(account):  # should it be opened again, a sweep looks at everything
                logger.warning("message of a closed account left out", account=account)
            else:
                by_account[account].append(record)
        serve = [partial(self._serve_apart, member, theirs) for member, theirs in sorted(by_account.items())]
        with ThreadPoolExecutor(max_workers=len(serve) or 1) as pool:
            served = [future.result() for future in [pool.submit(call) for call in serve]]
        return tuple(answer for answers, _ in served for answer in answers), [id_ for _, ids in served for id_ in ids]

    def _member_in(self, record: Any) -> str:
        """The member account that the message is about, served or closed. One of an account that isn't served goes to
        the functions' own batch, which refuses it in words.
        """
        try:
            account = stated_account(read_body(record["body"]))
        except (InvalidInputError, KeyError, TypeError):
            return ""
        return account if self._is_served(account) or self._is_closed(account) else ""

    def _serve_apart(self, member: str, records: Sequence[Any]) -> Served:
        """The same as `_serve`, in its turn. Whatever goes wrong stays with this account's messages."""
        try:
            with self._working:
                return self._serve(self.settings.of(member), records)
        except Exception as error:  # noqa: BLE001 - logged, and kept to this account
            logger.exception("account not served", account=member or self.settings.own_account_id)
            return self._keep(records, TransientError(str(error), code=type(error).__name__))

    def _serve(self, settings: Settings, records: Sequence[Any]) -> Served:
        is_sweep, began = False, self.run.now()
        if settings.member:
            if self.run.remaining() < LEAST:
                return self._keep(records, TransientError("no time was left for this account", code="NoTime"))
            is_sweep = any(map(_is_sweep, records))
            try:
                self._enter(settings, is_urgent=is_sweep)
            except TransientError as error:
                return self._keep(records, error)
            except TerminalError as error:  # a sweep looks at everything once the role is back
                logger.warning("account not entered", account=settings.member, messages=len(records), why=str(error))
                known = self._known().by_account.get(settings.member)
                is_served = known is not None and known.standing.is_news
                tools = self._tools_outside(settings)
                return (), settle_records(
                    records, error, tools=tools, settings=settings, run=self.run, is_recorded=is_served
                )
        run = replace(self.run, sleep=self._sleep)
        turned_away, tools = list[LifelineError](), self.tools(settings)

        def is_settled(error: LifelineError, request: Request, *, is_all: bool) -> bool:
            """What a policy denied now, it denies until a sweep tries again."""
            if isinstance(error, TransientError) or (_is_denied(error, settings) and may_pass(error, request)):
                return False
            is_all = is_all or _concerns_all(error)
            if is_all and not turned_away and self._is_turned_away(settings, error):
                turned_away.append(error)
                if tools.denials:
                    tools.denials.take()  # people hear of the account instead
            return bool(turned_away) or (not is_all and _is_denied(error, settings))

        served = reconcile_batch(records, tools=tools, settings=settings, run=run, is_settled=is_settled)
        if is_sweep and not turned_away and not served[1] and self._was_swept(settings, began):
            self.was_read(settings)
        return served

    def _tools_outside(self, settings: Settings) -> Tools:
        """The functions' own tools, with what the ledger has of an account that can't be entered."""
        ledger = settings.ledger
        return replace(
            self.tools(self.settings),
            audit=AuditLog(ledger),
            routed=RoutedStore(ledger),
            event_path=EventPathStore(ledger),
        )

    def _was_swept(self, settings: Settings, began: datetime) -> bool:
        """True if the account couldn't be read, and since then a sweep looked at it: some are put off."""
        known = self._known().by_account.get(settings.member)
        if known is None or known.not_read_since is None:
            return False
        try:
            swept_at = self.tools(settings).vpcs.load(settings.home).reconciled_at
        except LifelineError as error:  # the next sweep finds the same
            logger.warning("not known whether the account was swept", account=settings.member, error=str(error))
            return False
        return swept_at is not None and swept_at >= began

    def _is_turned_away(self, settings: Settings, error: LifelineError) -> bool:
        """True if nothing can be done in the account before its next sweep: a policy denies what must be read, or a
        member account's role is gone. People are told.

        Sessions outlive a role in a container's memory, and their errors don't say that it is gone: so it is assumed
        again.
        """
        if not isinstance(error, TerminalError):
            return False
        is_denied = _is_denied(error, settings)
        if not settings.member:
            if is_denied:
                self._tell_of_own(error)
            return is_denied
        if not is_denied and error.code not in SESSION_CODES:
            return False
        self.leave(settings)
        try:
            self._enter(settings, is_urgent=True)
        except TransientError:
            return False
        except TerminalError:
            return True
        if is_denied:
            now = self.run.now()
            self._note(lambda members: members.denied(settings.member, str(error), now), settings.member)
        return is_denied

    def was_read(self, settings: Settings) -> None:
        """Ends the time in which the account couldn't be read, if it is in one: what must be read could be read. It
        would be news again. Who knows of it is told that it is over, and what changed meanwhile.
        """
        account, now = settings.member, self.run.now()
        if account:
            known = self._known().by_account.get(account)
            if not known or not known.not_read_since:
                return

            def read(members: MemberAccounts) -> tuple[MemberAccounts, MemberAccount | None]:
                self._members = members.read(account, now)
                return self._members, members.by_account.get(account)

            before = self._change(read)
            if before and before.not_read_since and before.is_unread_told:
                self._tell_of_return(before, before.not_read_since, settings)
            return
        try:
            store = self.tools(settings).denial_notices
            since = store.end((*MUST_BE_READ, EC2_DENIED)) if store else None
        except LifelineError as error:  # the next run that reads it does the same
            logger.error("end of the own account's denial not noted", error=str(error))
            return
        if since:
            self._tell_of_return(MemberAccount(settings.own_account_id), since, settings)

    def _tell_of_return(self, member: MemberAccount, since: datetime, settings: Settings) -> None:
        """Sends the notice of what changed since then. It is logged if that fails: all of it is on record."""
        audit, notices = self.tools(settings).audit, self.tools(self.settings).notices
        try:
            home, until = settings.home, self.run.now()
            found = [read(home, since=since, until=until) for read in (audit.changes_of, audit.taggings_of)]
            changes = sorted(change for some in found for change in some)[-MOST_COUNTED:]
            notice = read_account_notice(member, since, changes, is_own=not settings.member, stack=settings.stack_name)
            notices.publish(notice)
        except LifelineError as error:
            logger.error("account read again, but people were not told", account=member.account, error=str(error))

    def _sleep(self, wait: timedelta) -> None:
        """Waits for the account's own endpoint calls, while another account has the turn."""
        self._working.release()
        try:
            self.run.sleep(wait)
        finally:
            self._working.acquire()

    def _keep(self, records: Sequence[Any], error: LifelineError) -> Served:
        return (), keep_records(records, error, tools=self.tools(self.settings), settings=self.settings, run=self.run)

    # ---- a call

    def settings_for(self, event: Mapping[str, Any], *, is_past: bool = False) -> Settings:
        """The settings for the account that a call or an event is about: without one, for the functions' own.

        Raises InvalidInputError for an account that isn't served; of one that was, what `is_past` may be asked for.
        """
        account = stated_account(event)
        is_known = self._is_served(account) or (is_past and account in self._known().by_account)
        if account and not self._is_own(account) and not is_known:
            served = self._known().served(self.settings.accounts)
            raise refuse(unserved_words(account, [one.account for one in served]))
        return self.settings.of(account)

    def enter_for(self, settings: Settings) -> None:
        """Assumes the account's role for somebody who waits. Raises InvalidInputError where it is refused."""
        if settings.member:
            try:
                self._enter(settings, is_urgent=True)
            except TerminalError as error:
                raise refuse(f"{settings.member} can't be entered: {error}") from error

    @contextmanager
    def looking_again(self, settings: Settings, *, is_scheduled: bool = False) -> Iterator[None]:
        """Raises InvalidInputError in place of an error by which the account's role turns out to be denied what must be
        read, or a member account's to be gone. To the schedule, nobody listens: there the error stays what it is, so
        that Lambda counts it, and its alarm rings.
        """
        try:
            yield
        except TerminalError as error:
            if self._is_turned_away(settings, error) and not is_scheduled:
                why = self._known().by_account[settings.member].why if settings.member else error
                raise refuse(f"{settings.account_id} can't be looked at: {why}") from error
            raise

    # ---- a sweep

    def begin_sweep(self, trigger: Trigger, *, by_schedule: bool = False) -> None:
        """Lists the accounts, and sends each active one's sweep as a message of its own: once, however often Lambda
        tries the invocation because the functions' own account failed, and once a minute, however many schedules ask.

        Where they can't be listed, those that were listed last are swept. Raises TransientError where a message
        couldn't be sent: the sweep is tried again then.
        """
        if not self.settings.accounts or self._known().swept_by == self.run.id:
            return
        if by_schedule and self._change(lambda members: members.sweeping(self.run.id, self.run.now())) is False:
            logger.info("accounts' sweeps not sent: another sweep just did", run_id=self.run.id)
            return
        members = self._list()
        tools = self.tools(self.settings)
        sweeps = RepairRequests(self.settings.repair_queue_url)  # which the accounts' events can't fill
        sweeps.sweep_accounts([member.account for member in members.active], because=trigger)
        self._change(lambda members: (replace(members, swept_by=self.run.id), None))
        served = {self.settings.own_account_id, *(member.account for member in members.active)}
        self._give_back(tools, served)
        self._tell_untold()
        standings = Counter(member.standing.name.lower() for member in members.active)
        logger.info("accounts' sweeps sent", extra={"accounts": len(members.active), **standings})

    def _give_back(self, tools: Tools, served: Collection[str]) -> None:
        """Takes what other accounts have out of the limits that all share, and out of what they have in common. Where
        that fails, the next sweep does it.
        """
        try:
            if tools.causes:
                tools.causes.change(lambda causes: (causes.only(served), None))
            if tools.guards.usage_of_all:
                tools.guards.usage_of_all.change(lambda use: (of_accounts(use, served), None))
        except LifelineError as error:
            logger.error("what all accounts share not corrected", error=str(error))

    def _list(self) -> MemberAccounts:
        accounts, now = self.settings.accounts, self.run.now()
        if not accounts.is_organization:
            found = tuple(MemberAccount(account) for account in sorted(accounts.ids) if not self._is_own(account))
        else:
            try:
                listed = self.organizations.accounts()
            except LifelineError as error:
                logger.error("accounts not listed: those of the last list are swept", error=str(error))
                if denials := self.tools(self.settings).denials:
                    denials.note(error)
                why = str(error)
                self._change(lambda members: (replace(members, unlisted_why=why), None))
                return self._known()
            found = tuple(member for member in listed if not self._is_own(member.account))

        def relisted(members: MemberAccounts) -> tuple[MemberAccounts, tuple[MemberAccounts, tuple[str, ...]]]:
            after = members.listed(found, now)
            return after, (after, after.back_since(members))

        self._members, back = self.store.change(relisted)
        for account in back:
            self._compare_anew(account)
        return self._members

    def _compare_anew(self, account: str) -> None:
        """Of what changed in the account while it wasn't served, nothing was heard, and that is no fault."""
        try:
            EventPathStore(self.settings.of(account).ledger).save_comparisons(Comparisons())
        except LifelineError as error:
            logger.error("comparison not begun anew", account=account, error=str(error))

    # ---- how it stands with an account

    def _is_own(self, account: str) -> bool:
        return account == self.settings.own_account_id

    def _is_served(self, account: str) -> bool:
        """True for a member account. In an organization, a new one may send its first events before it is listed: its
        role decides, which none but the organization's accounts can have (`aws:ResourceOrgID`).
        """
        return bool(account) and not self._is_own(account) and self._known().serves(account, self.settings.accounts)

    def _is_closed(self, account: str) -> bool:
        """True for an account of the last list that is suspended, closed or about to be either."""
        known = self._known().by_account.get(account)
        return known is not None and not known.is_open and known.left_at is None

    def _is_listed(self, account: str) -> bool:
        return account in self._known().by_account or account in self.settings.accounts.ids

    def _known(self) -> MemberAccounts:
        if self._members is None:
            self._members = self.store.read()
        return self._members

    def _enter(self, settings: Settings, *, is_urgent: bool) -> None:
        """Assumes the account's role, and notes whether that went well.

        Raises TransientError or TerminalError where it is refused, or was just now and it isn't urgent.
        """
        account, now = settings.member, self.run.now()
        known = self._known().by_account.get(account, MemberAccount(account))
        if not is_urgent and not known.may_be_tried(now):
            raise TerminalError(known.why, code="Refused")
        try:
            self.enter(settings)
        except TerminalError as error:
            why = _WHO.sub("this stack's role", str(error))
            if self._is_listed(account):  # of any other, only a message says that it exists
                self._note(lambda members: members.refused(account, why, now), account)
            raise
        is_new = not known.standing.is_entered
        if is_new:
            self._note(lambda members: members.entered(account, now), account)
        if not known.name and (is_new or is_urgent):  # if that is denied, it isn't asked at each message
            self._name(settings)

    def _note(self, change: Callable[[MemberAccounts], MemberAccounts], account: str) -> None:
        """Saves how it stands with the account, and tells people if it is lost or denied: one run of several does."""
        now = self.run.now()

        def noted(members: MemberAccounts) -> tuple[MemberAccounts, MemberAccount | None]:
            self._members = after = change(members)
            lost = after.news_of(account, now)
            return after.announced([account], now) if lost else after, lost

        if lost := self._change(noted):
            self._tell([lost])

    def _tell_untold(self) -> None:
        """Tells people of the accounts of which an earlier run couldn't tell, or didn't because they were many."""
        now = self.run.now()

        def noted(standing: AccountStanding, members: MemberAccounts) -> tuple[MemberAccounts, list[MemberAccount]]:
            untold = [one for one in members.unannounced(now) if one.standing is standing]
            self._members = members.announced([one.account for one in untold], now)
            return self._members, untold

        for standing in {one.standing for one in self._known().unannounced(now)}:
            if untold := self._change(partial(noted, standing)):
                self._tell(untold)

    def _change[T](self, decide: Callable[[MemberAccounts], tuple[MemberAccounts, T]]) -> T | None:
        """Changes the list, which all accounts share. None where it can't be written: that costs no account its
        messages, and a later run notes the same.
        """
        try:
            return self.store.change(decide)
        except LifelineError as error:
            logger.error("not noted how it stands with an account", error=str(error))
            return None

    def _tell(self, untold: Sequence[MemberAccount]) -> None:
        """Sends the notice of the accounts, which are all lost or all denied. Where that fails, a later sweep does."""
        settings, notices = self.settings.of(untold[0].account), self.tools(self.settings).notices
        try:
            notices.publish(_notice_of(untold, settings.role_arn))
        except LifelineError as error:
            named = [one.account for one in untold]
            logger.error("accounts not served, but people were not told", accounts=named, error=str(error))

            def unannounced(members: MemberAccounts) -> tuple[MemberAccounts, None]:
                return reduce(MemberAccounts.unannounce, untold, members), None

            self._change(unannounced)

    def _tell_of_own(self, error: TerminalError) -> None:
        """Sends the notice that the functions' own account is denied, if that is news. What only a person's call reads,
        that person hears of.
        """
        tools, denial = self.tools(self.settings), read_denial(str(error), error.code) or Denial()
        if denial.action and denial.action not in MUST_BE_READ:
            return
        account = MemberAccount(self.settings.own_account_id, why=str(error))

        def publish(*_: object) -> bool:
            tools.notices.publish(denied_account_notice(account, is_own=True))
            return True

        store, call = tools.denial_notices, denial.action or error.code
        try:
            if store:
                store.announce({call: str(error)}, publish, now=self.run.now())
        except LifelineError as refused:
            logger.error("account not served, but people were not told", account=account.account, error=str(refused))

    def _name(self, settings: Settings) -> None:
        """Notes the account's name, which only its own role can read where Organizations isn't asked."""
        try:
            name = self.name_of(settings)
        except LifelineError as error:
            logger.info("account's name not read", account=settings.member, error=str(error))
            return
        self._change(lambda members: (members.named(settings.member, name), None))


def _notice_of(untold: Sequence[MemberAccount], role_arn: str) -> Notice:
    first = untold[0]
    if len(untold) > 1:
        return several_accounts_notice(untold)
    return (
        denied_account_notice(first)
        if first.standing is AccountStanding.DENIED
        else lost_account_notice(first, role_arn)
    )


def _is_denied(error: LifelineError, settings: Settings) -> bool:
    """True if a policy denied the account's role a call there: not one to the ledger, say, which the hub makes.

    EC2 may not say whose call it was; nothing else has its code, and none but the account's role calls it there.
    """
    if not isinstance(error, TerminalError):
        return False
    denial = read_denial(str(error), error.code)
    if denial is None or denial.callers_account not in {"", settings.account_id}:
        return False
    return isinstance(error.__cause__, DeniedReadError) or error.code == EC2_DENIED


def _concerns_all(error: LifelineError) -> bool:
    """True if nothing can be done in the account, whatever the error was the answer to."""
    if not isinstance(error, TerminalError):
        return False
    denial = read_denial(str(error), error.code)
    return error.code in SESSION_CODES or (denial is not None and denial.action in MUST_BE_READ)


def _is_sweep(record: Any) -> bool:
    """True for a message that asks for the whole account."""
    with suppress(InvalidInputError):
        body = read_body(record.get("body"))
        return isinstance(body, dict) and "sweep" in body
    return False
