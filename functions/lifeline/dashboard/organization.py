"""The organization as a hub's page shows it first: each account by what its last sweep left in the ledger.

Nothing here asks another account: 200 of them would take a role and a dozen calls each. An account that is opened is
read live, by `collect`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.calls import begin, run_concurrently
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.comparison import Comparisons
from lifeline.core.event_path.denial import dry_run_denied_words
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import UNPROVEN, EventPath
from lifeline.core.guards.freeze import standing
from lifeline.core.guards.kill_switch import switch_command
from lifeline.core.network.model import RegionRef, VpcRef
from lifeline.core.organization.accounts import unserved_words
from lifeline.core.organization.look import AccountLook
from lifeline.core.organization.members import AccountStanding, MemberAccount, MemberAccounts
from lifeline.core.requests.account import refuse
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account. `looked` is when its last sweep began, None if there was none, and `look` what that saw, None where
    it isn't known; `is_read` is False where neither could be read. `waiting`, `frozen` and `releasing` count VPCs, by
    the ledger as it is now; None where that couldn't be read. `stopped` says why the kill switch is on for this account
    and not for all. `path` is what the dry runs there say, None where that couldn't be read; `is_deaf`
    is True if two in a row weren't heard. `lost` says through which rules hardly any change was heard.
    """

    member: MemberAccount
    is_own: bool = False
    is_read: bool = True
    looked: datetime | None = None
    look: AccountLook | None = None
    waiting: int | None = 0
    frozen: int | None = 0
    releasing: int | None = 0
    stopped: str = ""
    path: EventPath | None = UNPROVEN
    is_deaf: bool = False
    lost: str = ""

    @property
    def denied(self) -> str:
        """Who denies that Lifeline creates endpoints there; empty if nobody is known to."""
        known = self.path
        return (
            dry_run_denied_words(known.denial)
            if known and known.denial and known.verdict is DryRunVerdict.DENIED
            else ""
        )

    @property
    def not_served(self) -> int:
        """How many VPCs lacked something at the last look."""
        return self.look.missing + self.look.blocked if self.look else 0

    @property
    def needs_attention(self) -> bool:
        """True where something is to be reviewed. An account without a spoke isn't: it may be meant to have none."""
        return any(self._troubles)

    @property
    def rank(self) -> tuple[object, ...]:
        """By which the worst come first: the lost, then by silent agents, gaps, and what waits for people."""
        is_absent = self.member.standing is not AccountStanding.SERVED
        return (*(-trouble for trouble in self._troubles), not is_absent, not self.is_own, self.member.account)

    @property
    def _troubles(self) -> tuple[int, ...]:
        """How much of each trouble there is, the worst first."""
        look = self.look
        return (
            int(self.member.standing.is_news),
            (look.silent or 0) if look else 0,
            (look.incidents or 0) if look else 0,
            self.not_served,
            int(self.is_deaf) + int(bool(self.lost)) + int(bool(self.denied)),
            self.waiting or 0,
            (self.frozen or 0) + (self.releasing or 0),
            look.unknown if look else 0,
            int(bool(self.stopped)),
        )


@dataclass(frozen=True, slots=True)
class OrganizationCoverage:
    """The whole page: a hub's accounts, the worst first. `listed_at` is when they were last listed."""

    region: str
    stack_name: str
    mode: str
    at: datetime
    accounts: tuple[AccountRow, ...]
    listed_at: datetime | None = None
    kill_switch: str = ""
    switch_command: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrganizationTools:
    """Whom the page asks; tests bring their own. `vpcs` are those of the hub's whole table."""

    members: MemberStore
    vpcs: VpcStore
    event_path: EventPathStore
    kill_switch: KillSwitch


def account_in(account: str, settings: Settings, read: Callable[[], MemberAccounts]) -> MemberAccount:
    """The account that is to be opened. Raises InvalidInputError, with the nearest, for one that isn't served."""
    own = MemberAccount(settings.own_account_id, standing=AccountStanding.SERVED)
    members = read().served(settings.accounts) if settings.accounts else ()
    served = {member.account: member for member in (*members, own)}
    if account not in served:
        raise refuse(unserved_words(account, served))
    return served[account]


def survey(tools: OrganizationTools, settings: Settings, now: datetime) -> OrganizationCoverage:
    """The organization, by the ledger. What of it can't be read becomes a note.

    Raises TransientError or TerminalError where it can't be read which accounts there are.
    """
    known = tools.members.read()
    own = MemberAccount(settings.own_account_id, "the hub's own", standing=AccountStanding.SERVED)
    members = (own, *known.served(settings.accounts))
    homes = {member.account: RegionRef(member.account, settings.region) for member in members}
    notes: list[str] = []
    vpcs, places = tools.vpcs, _Places(homes.values(), settings.home, now)
    counts = (
        (partial(places.listed, vpcs, VpcList.WAITING), "what waits in the backlogs"),
        (partial(places.frozen, vpcs), "freezes"),
        (partial(places.listed, vpcs, VpcList.RELEASING), "releases"),
    )
    states = begin(partial(vpcs.load_all, homes.values()))
    paths = begin(partial(tools.event_path.read_all, homes.values(), settings.home))
    stopped = begin(partial(tools.kill_switch.why_on_in, [*homes]))
    waiting, frozen, releasing = run_concurrently([partial(_attempt, count, what, notes) for count, what in counts])
    seen, why = _attempt(states, "when Lifeline last looked at the accounts", notes), stopped()
    heard = _attempt(paths, "whether events arrive", notes)
    everywhere = why[own.account] if all(why.values()) else ""
    rows = []
    for member, home in zip(members, homes.values(), strict=True):
        state = seen[home] if seen else VpcState()
        path, compared = heard[home] if heard else (None, Comparisons())
        row = AccountRow(
            member,
            is_own=member is own,
            is_read=seen is not None,
            looked=state.reconciled_at,
            look=state.look,
            waiting=waiting[home] if waiting else None,
            frozen=frozen[home] if frozen else None,
            releasing=releasing[home] if releasing else None,
            stopped="" if everywhere else why[member.account],
            path=path,
            is_deaf=path is not None and path.is_broken(now),
            lost=compared.lost_words(now),
        )
        rows.append(row)
    if known.unlisted_why:
        notes.append(f"The accounts could not be listed: {known.unlisted_why}. Those of the last list are served.")
    elif not known.listed_at:
        notes.append("The accounts have not been listed yet: the next sweep lists them.")
    name = tools.kill_switch.name
    return OrganizationCoverage(
        region=settings.region,
        stack_name=settings.stack_name,
        mode=str(settings.mode),
        at=now,
        accounts=tuple(sorted(rows, key=lambda row: row.rank)),
        listed_at=known.listed_at,
        kill_switch=everywhere,
        switch_command=switch_command(name, "off" if everywhere else "on") if name else "",
        notes=tuple(notes),
    )


def _attempt[T](read: Callable[[], T], what: str, notes: list[str]) -> T | None:
    try:
        return read()
    except LifelineError as error:
        logger.warning("not shown on the page", what=what, error=str(error))
        notes.append(f"not shown because it could not be read: {what}")
        return None


@dataclass(frozen=True, slots=True)
class _Places:
    """The accounts whose VPCs are counted by the ledger's lists; `own` is the hub's."""

    homes: Collection[RegionRef]
    own: RegionRef
    now: datetime

    def listed(self, vpcs: VpcStore, vpc_list: VpcList) -> Mapping[RegionRef, int]:
        return {home: len(refs) for home, refs in vpcs.listed_in(self.homes, vpc_list, self.own).items()}

    def frozen(self, vpcs: VpcStore) -> Mapping[RegionRef, int]:
        """The VPCs in which something is frozen now: those on the list may only have been."""
        listed = vpcs.listed_in(self.homes, VpcList.FROZEN, self.own)
        states = vpcs.load_all(frozenset[VpcRef]().union(*listed.values()))
        return {
            home: sum(bool(standing(states[ref].frozen, self.now)) for ref in refs) for home, refs in listed.items()
        }
