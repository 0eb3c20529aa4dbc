"""The backlog: what was missing before Lifeline had to act on it waits until a person approves it.

Surveys judges which gaps these are, in every VPC, so that what is lost later is known to have been there. Backlogs
blocks what only they need.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.backlog import changed_subnets, find_gaps, hold_backlog, judge
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.plan.actions import Action, Plan
from lifeline.core.policy.policy import Desired
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Surveys(Amendment):
    """Keeps which gaps wait, and which services were judged before."""

    def note(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what people approve: a call that names the VPC asks Lifeline to act there."""
        approved = _approved_by(context) if context.run.epoch else {}
        return replace(state, approved={**state.approved, **approved}) if approved else state

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of every VPC, because what was missing in it can't be seen later, and the paths that it had. Where
        something is to be done, that is judged under the lease.
        """
        is_judged = plan and context.run.epoch and (context.is_leased or context.run.is_plan or not plan.has_work)
        return frozenset({Fact.STATE, Fact.KNOWN}) if is_judged else frozenset()

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan as it is, and the state with what waits by now."""
        epoch = context.run.epoch
        if epoch is None or Fact.STATE not in context.read:
            return Decision(plan, state)
        want = context.desired
        gaps = replace(find_gaps(plan, context.vpc, want), muted=_muted(context, want))
        changes = [trigger for trigger in context.triggers if trigger.kind == "change"]
        called = [(change.event_name, change.ids, change.time) for change in changes]
        survey = judge(
            state.survey,
            gaps,
            epoch,
            now=context.run.now,
            known=context.known.vpc,
            changed=changed_subnets(called, context.vpc, gaps, epoch),
            approved={**state.approved, **_approved_by(context)},
            at_once=_at_once(context),
        )
        return Decision(plan, replace(state, survey=survey))

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """The same where nothing was to be applied."""
        return Decision(plan, state) if done or context.run.is_plan else self.decide(context, plan, state)


class Backlogs(Amendment):
    """Blocks what waits for approval."""

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what only the backlog needs blocked."""
        if context.run.epoch is None or state.survey is None or not plan.has_work:
            return Decision(plan, state)
        gaps = find_gaps(plan, context.vpc, context.desired)
        return Decision(hold_backlog(plan, context.vpc, gaps, state.survey, context.run.price), state)


def _muted(context: VpcContext, want: Desired) -> Mapping[str, frozenset[str]] | None:
    """By subnet, the services that it would have to reach but for an exemption or a tag; None where the tags of before
    couldn't be read.
    """
    if context.known_tags is None:
        return None
    found = defaultdict[str, set[str]](set)
    spared = ((subnet_id, service) for subnet_id, service, _ in want.spared)
    for subnet_id, service in (*context.lapsed.waivers, *spared):
        found[subnet_id].add(service)
    return {subnet_id: frozenset(services) for subnet_id, services in found.items()}


def _approved_by(context: VpcContext) -> Mapping[str, datetime]:
    """What the requests approve, by service. Who freezes something, or gives it up, asks for nothing else."""
    services = [service for call in _calls(context) for service in call.approves]
    return dict.fromkeys(services, context.run.now)


def _at_once(context: VpcContext) -> frozenset[str]:
    """The services for which nothing waits: all if the policy says so, or those for which a call names the VPC. Who
    approves the backlog has seen only what waited before.
    """
    if context.run.policy.acts_on_backlog:
        return frozenset({EVERYTHING})
    return frozenset(service for call in _calls(context) if not call.backlog for service in call.approves)


def _calls(context: VpcContext) -> list[Request]:
    return [request for request in context.requests if _is_asking(request)]


def _is_asking(request: Request) -> bool:
    return request.sent_at is None and not (request.is_release or request.freeze)
