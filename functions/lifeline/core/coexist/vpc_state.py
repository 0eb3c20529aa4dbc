"""The state of one VPC: everything that Lifeline saves about it between its runs, as one value."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.coexist.associated import Association, is_left, refused_lately
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.conflicts import Conflict
from lifeline.core.coexist.cuts import HubCut
from lifeline.core.coexist.teardown import Attempt
from lifeline.core.guards.backlog import GapSurvey
from lifeline.core.guards.freeze import Freeze, FreezeKind, standing
from lifeline.core.network.model import Vpc
from lifeline.core.organization.look import AccountLook
from lifeline.core.plan.endpoint_lifecycle import Followed, Made, follow
from lifeline.core.plan.placement import full_lately

MOST_TOLD = 6  # in an hour: as often as of one incident
_AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class VpcState:
    """The state of a VPC in the ledger. A VPC that nobody has worked on yet has an empty one.

    - `reconciled_at`: when it was last reconciled. What was sent before that is answered.
    - `made`, `failures`: by service, the endpoint that was made last, and how often it failed in a row.
    - `notified`: a fingerprint of the open issues that people know of.
    - `lacking`: which subnets lack what by these, or by a freeze, each as a fingerprint of both.
    - `told_at`: when people were told of these lately, the last MOST_TOLD times.
    - `awaited`: by service, since when an endpoint of others' has been coming up at each look, whichever it was.
    - `awaited_told`: by service, the same time once people were told of it.
    - `unneeded`: by id, since when nothing has required what is Lifeline's own.
    - `warned`: by the id of an endpoint, or by what a tag says of it or of a subnet, when people were warned that the
      service isn't required any more because of what somebody said.
    - `warned_before`: by the same keys, the warnings of the last day whose reason is gone.
    - `released_at`: when a person released everything of Lifeline's there.
    - `releasing`: when a person asked for that, while something is left to delete.
    - `frozen`: by service (or `*`, a subnet, the VPC), what Lifeline doesn't touch, and why.
    - `attempts`: by the id of what was to be deleted, refused deletions that no run has judged yet.
    - `teardowns`: when people were notified of each teardown; None for one of which they are still to be.
    - `conflicts`: by service, what should still stand of Lifeline's changes, and what others reverted.
    - `canaries`: by service, whose private DNS was turned on lately, or which of a hub's zones answer it lately.
    - `associated`: by zone or Profile, what Lifeline associated the VPC with.
    - `cuts`: by service, what cuts the way to a hub's endpoint beyond the VPC.
    - `unfrozen`: by service, when a person last ended its freeze, or theirs answered a claim; of routes by table.
    - `unmet`: by service, when a claim's time ended without the endpoint that it was for.
    - `survey`: which of the gaps there wait for approval, and what was judged before.
    - `approved`: by service (or `*`), when a person last approved what waited there.
    - `denied`: by action, in which words AWS's policies denied it since the last sweep.
    - `let_in`: by endpoint that Lifeline made, with or without its tag, the fingerprint of a policy that let callers in
      when it was first seen, as far as that hangs on the network; `let_in_at`: when that was, and of one that
      names a time, when it last let callers in.
    - `full_subnets`: by subnet, when EC2 last refused it an interface for want of addresses, within three days.
    - `seen_at`: when a run last saw it, to the week.

    Of a region:

    - `enforced_since`: when Lifeline began to enforce there.
    - `swept_at`: when a sweep had judged all its VPCs since then.
    - `backlog_notified_at`: when people were last notified of what waits there.
    - `denied`: by call that reads, with which code and words AWS's policies denied it since the last sweep.
    - `look`: of a hub, what the last sweep saw there.

    `unread` are those of these attributes that the ledger has and that can't be understood: somebody else, or another
    version, wrote them. Nothing is changed in a VPC of which anything is unread, and they stay as they are.
    """

    reconciled_at: datetime | None = None
    made: Mapping[str, Made] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    notified: str = ""
    lacking: frozenset[str] = frozenset()
    told_at: tuple[datetime, ...] = ()
    awaited: Mapping[str, datetime] = field(default_factory=dict)
    awaited_told: Mapping[str, datetime] = field(default_factory=dict)
    unneeded: Mapping[str, datetime] = field(default_factory=dict)
    warned: Mapping[str, datetime] = field(default_factory=dict)
    warned_before: Mapping[str, datetime] = field(default_factory=dict)
    released_at: datetime | None = None
    releasing: datetime | None = None
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    frozen: Mapping[str, Freeze] = field(default_factory=dict)
    teardowns: Mapping[str, datetime | None] = field(default_factory=dict)
    conflicts: Mapping[str, Conflict] = field(default_factory=dict)
    canaries: Mapping[str, Canary] = field(default_factory=dict)
    associated: Mapping[str, Association] = field(default_factory=dict)
    cuts: Mapping[str, HubCut] = field(default_factory=dict)
    unfrozen: Mapping[str, datetime] = field(default_factory=dict)
    unmet: Mapping[str, datetime] = field(default_factory=dict)
    survey: GapSurvey | None = None
    approved: Mapping[str, datetime] = field(default_factory=dict)
    denied: Mapping[str, str] = field(default_factory=dict)
    let_in: Mapping[str, str] = field(default_factory=dict)
    let_in_at: Mapping[str, datetime] = field(default_factory=dict)
    full_subnets: Mapping[str, datetime] = field(default_factory=dict)
    seen_at: datetime | None = None
    enforced_since: datetime | None = None
    swept_at: datetime | None = None
    backlog_notified_at: datetime | None = None
    look: AccountLook | None = None
    unread: frozenset[str] = frozenset()

    def followed(self, vpc: Vpc, *, now: datetime) -> Followed:
        """What became of the VPC's newest endpoints, and what else of the state a plan must know."""
        found = follow(self.made, self.failures, vpc, now=now)
        frozen = frozenset(standing(self.frozen, now))
        full = full_lately(self.full_subnets, now=now)
        return replace(found, refused=refused_lately(self.associated, now=now), frozen=frozen, full=full)

    def with_full(self, refused: Collection[str], vpc: Vpc, now: datetime) -> "VpcState":
        """The state once EC2 refused these subnets for want of addresses; without what isn't in the VPC."""
        full = {**self.full_subnets, **dict.fromkeys(refused, now)}
        there = {subnet.id for subnet in vpc.subnets}
        return replace(self, full_subnets={id_: full[id_] for id_ in full_lately(full, now=now) if id_ in there})

    def may_tell(self, now: datetime) -> bool:
        """False where people heard of open issues there so often in the last hour that what is new waits."""
        return len(self.told_at) < MOST_TOLD or self.told_at[-MOST_TOLD] <= now - _AN_HOUR

    def told(self, now: datetime, awaited: Collection[str] = ()) -> "VpcState":
        """The state once people were told of open issues, and that these services wait for others' endpoints."""
        known = {
            service: since
            for service, since in self.awaited.items()
            if service in awaited or self.awaited_told.get(service) == since
        }
        return replace(self, told_at=(*self.told_at, now)[-MOST_TOLD:], awaited_told=known)

    def with_entries(self, entries: "VpcState") -> "VpcState":
        """The state with what people know by `entries` in the place of its own of the same key."""
        return replace(
            self,
            warned={**self.warned, **entries.warned},
            frozen={**self.frozen, **entries.frozen},
            teardowns={**self.teardowns, **entries.teardowns},
            conflicts={**self.conflicts, **entries.conflicts},
        )


class VpcList(StrEnum):
    """A list of the VPCs in whose state there is something, so that a sweep reads these alone."""

    RETIRING = "RETIRING"  # something isn't needed, or wasn't when people were warned, or a canary is to be withdrawn
    FROZEN = "FROZEN"
    AUTHORIZED = "AUTHORIZED"  # an authorization may be left in another account
    CLAIMED = "CLAIMED"  # something is frozen because others claim it
    RELEASING = "RELEASING"  # a person released it, and something is left to delete
    WAITING = "WAITING"  # gaps there wait for approval

    def holds(self, state: VpcState) -> bool:
        """True if a VPC of this state belongs on the list."""
        match self:
            case VpcList.RETIRING:
                is_due = any(canary.is_due for canary in state.canaries.values())
                return bool(state.unneeded or state.warned or state.warned_before or is_due)
            case VpcList.FROZEN:
                return bool(state.frozen)
            case VpcList.AUTHORIZED:
                return is_left(state.associated)
            case VpcList.RELEASING:
                return state.releasing is not None
            case VpcList.WAITING:
                return bool(state.survey and state.survey.services)
            case VpcList.CLAIMED:
                return any(freeze.kind is FreezeKind.CLAIM for freeze in state.frozen.values())
