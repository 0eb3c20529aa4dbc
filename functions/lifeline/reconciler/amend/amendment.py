"""One shape for every reason to change a plan, and what such a reason knows and answers.

An amendment is pure. It is given what was read as values, says which facts it lacks, and returns what should happen.
The loop reads, saves, applies, publishes and requeues; no amendment does, and none knows another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from lifeline.core.coexist.canary import Withdrawal
from lifeline.core.coexist.lapsed import Lapsed, judge_lapsed
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.backlog import Epoch
from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.guards.urgency import Knowledge
from lifeline.core.history.change import Change
from lifeline.core.network.dns import DnsView
from lifeline.core.network.hub import HubView
from lifeline.core.network.model import Catalog, Interface, Vpc
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.actions import REMOVALS, Action, Plan
from lifeline.core.plan.cost import Price
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.core.policy.endpoint_policies import NO_POLICIES, EndpointPolicies
from lifeline.core.policy.policy import Desired, Policy, desired
from lifeline.core.policy.requiring_tags import RequiringTags
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import read_time

SWITCH_DELAY = timedelta(minutes=15)


class Fact(StrEnum):
    """What costs calls for each VPC, so it is read only where an amendment needs it: by the context's field."""

    STATE = "state"  # beside the context
    INTERFACES = "interfaces"
    CLIENTS = "with_clients"
    WITHDRAWALS = "withdrawals"
    CENTRAL_DNS = "dns"
    HUB = "hub"
    CHANGES = "changes"
    TAGGINGS = "taggings"
    SECURITY_GROUP_USERS = "security_group_users"
    KNOWN = "known"
    SILENCE = "silent_for"
    ADMISSION = "admitted"


@dataclass(frozen=True, slots=True)
class RunContext:
    """What is the same for all VPCs of a run.

    `owner` is the stack's name. `is_region` says that the run reconciles all VPCs of the region, `is_plan` that nothing
    is applied. `epoch` says since when the stack enforces; None if it doesn't, or if the ledger that would say so can't
    be read: nothing waits in the backlog then. `endpoint_policies` are those that the policy names.
    """

    now: datetime
    owner: str
    price: Price
    policy: Policy = field(default_factory=lambda: Policy(rules=()))
    catalog: Catalog = field(default_factory=Catalog)
    endpoint_policies: EndpointPolicies = NO_POLICIES
    is_region: bool = False
    is_plan: bool = False
    epoch: Epoch | None = None


@dataclass(frozen=True, slots=True)
class VpcContext:
    """All that an amendment may know of a VPC beside its plan and its state.

    `requests` name the VPC, `triggers` are what set the run going for it. `followed` is what became of its newest
    endpoints. `lists` are those that the VPC is on, in a run of the whole region. `is_leased` says that the VPC is this
    run's alone and was observed since; otherwise another run may be changing it. `withdrawals` are silences that the
    detector recorded, `known` is what Lifeline has seen of the VPC, `silent_for` are the services that silent agents
    there lack. `known_tags` are the tags by which something is or was required there, None where that couldn't be read.
    `with_clients` is the VPC with its clients' security groups, `hub` what it sees of the policy's hub. `read` are the
    facts that are there: without it, an empty field says nothing.
    """

    run: RunContext
    vpc: Vpc
    requests: tuple[Request, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    is_release: bool = False
    is_requested_by_a_person: bool = False
    followed: Followed = field(default_factory=lambda: Followed({}, {}))
    lists: frozenset[VpcList] = frozenset()
    is_leased: bool = False
    read: frozenset[Fact] = frozenset()
    interfaces: tuple[Interface, ...] = ()
    with_clients: Vpc | None = None
    dns: DnsView | None = None
    hub: HubView | None = None
    changes: tuple[Change, ...] = ()
    taggings: tuple[Change, ...] = ()
    security_group_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Knowledge = field(default_factory=Knowledge)
    known_tags: RequiringTags | None = field(default_factory=dict)
    silent_for: frozenset[str] = frozenset()
    admitted: Plan | None = None

    @property
    def causes(self) -> tuple[Change, ...]:
        """The changes that set this run going: they aren't in the audit log yet."""
        return tuple(
            Change(at, trigger.event_id, trigger.event_name, trigger.actor, trigger.ids)
            for trigger in self.triggers
            if trigger.kind == "change" and trigger.ids and (at := read_time(trigger.time))
        )

    @property
    def desired(self) -> Desired:
        """What the policy requires of the VPC today."""
        return desired(self.run.policy, self.vpc, usable_tiers(self.vpc), today=self.run.now.date())

    @property
    def lapsed(self) -> Lapsed:
        """What was required there by the policy or by tags, and isn't any more, as far as that is known."""
        run = self.run
        return judge_lapsed(self.vpc, run.policy, self.known_tags or {}, run.catalog, today=run.now.date())


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notice of an amendment's own. Once it is published, `entries` are saved: they say that people know.

    `covers` are the actions that it reports. One that can't be published is sent by a later run, because nothing was
    saved.
    """

    notice: Notice
    entries: VpcState
    covers: frozenset[Action] = frozenset()


@dataclass(frozen=True, slots=True)
class Requeue:
    """Reconcile the VPC again, `after` a while. If `is_attempt`, only as often as anything is attempted."""

    after: timedelta
    is_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the loop does next, in this order: save the state, apply the plan, publish the notices, requeue.

    A requeue says whether it counts as an attempt: what waits for someone else's endpoint is abandoned in the end, what
    waits for the kill switch isn't. `covered` are actions that the run's own notice leaves out, because people read of
    them in a notice of the amendment's, and `known` those that are no news by themselves.
    """

    plan: Plan
    state: VpcState
    announcements: tuple[Announcement, ...] = ()
    requeue: Requeue | None = None
    covered: frozenset[Action] = frozenset()
    known: frozenset[Action] = frozenset()


class Amendment(Protocol):
    """One reason to change a plan. What an amendment doesn't do, it inherits: nothing is changed then.

    The loop calls these in the order in which they stand here. `preview`, `decide` and `after` are the heart; the four
    before them exist because some reasons count before there is a plan to change.
    """

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The facts that it can't do without here. There is no plan yet where `see` is about to be called."""
        return frozenset()

    def accept(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what the requests themselves freeze or unfreeze, whatever the mode. It is saved before
        anything is planned, so that it counts whatever becomes of the run.
        """
        return state

    def note(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what the requests ask for and a later run may have to continue. It is saved without the VPC's
        lease: in attributes that only requests, and the run that answers them, write.
        """
        return state

    def see(self, context: VpcContext, vpc: Vpc, state: VpcState) -> Vpc | None:
        """The VPC as it is to be planned for; None where nothing is to be planned at all."""
        return vpc

    def preview(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """What it would decide, for plan mode, the page, and to see which VPCs have work at all. Nothing of it is
        saved; the amendments after it see it, as they would in the run.
        """
        return self.decide(context, plan, state)

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan to apply and the state to save before that, under the VPC's lease."""
        return Decision(plan, state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """What to save, publish and requeue now that it is done.

        `done` are the plan's actions as they became. It is empty where nothing was applied: the plan had no work, or
        the run is in plan mode or stopped. Called for every VPC whose state was read.
        """
        return Decision(plan, state)


def retry_after_switch(actions: Iterable[Action]) -> Requeue | None:
    """Where the kill switch blocks a removal, it is tried again: no sweep would find it."""
    is_stopped = any(action.kind in REMOVALS and action.blocked_by == KILL_SWITCH for action in actions)
    return Requeue(SWITCH_DELAY) if is_stopped else None


def as_they_stand(plan: Plan, done: Sequence[Action]) -> tuple[Action, ...]:
    """The plan's actions as they became, or as they are planned where nothing was applied."""
    return tuple(done) or plan.actions


def is_blocked_or_planned(plan: Plan) -> bool:
    """True if there is work: planned, or held back by nothing but the kill switch or a limit."""
    return any(action.is_planned or action.blocked_by for action in plan.actions)
