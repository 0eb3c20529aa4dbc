"""How much Lifeline may do without approval: endpoints, VPCs and money, in a run, in a day, and a month's bill.

A part of the day's limits and of the budgets is reserved for what is urgent, whatever else is asked for and however
often. So whoever may set tags or make VPCs can't use up what others need once they lose their path.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.network.model import Endpoint, EndpointType, Vpc
from lifeline.core.plan.actions import NAMING, REMOVALS, Action, ActionKind, Plan, Urgency
from lifeline.core.plan.cost import HOURS_A_MONTH, Price, monthly_cost_usd, with_blocked
from lifeline.core.plan.order import Step, order_steps
from lifeline.core.policy.policy import Limits, Shares
from lifeline.core.wording import listed, write_count

DAY = timedelta(days=1)
UNSEEN = timedelta(minutes=15)  # a run's life, and the time that EC2 may take to show what the run made
_KEPT = DAY + timedelta(hours=1)  # clocks of two runs differ

_MAKES = frozenset(
    {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.REPLACE_ENDPOINT}
)
CENTRAL = "central"  # what an association with a hub's zones or Profile is blocked by until somebody approves it
_MADE = "endpoints"
_TOUCHED = "VPCs"
_RUN = "in this run; a later run will continue"
_DAY = "in the last 24 hours"
_FOR_WHOM = {
    Urgency.TAGGED: "VPCs that lost their path or have silent agents",
    Urgency.OTHER: "VPCs that lost their path or have silent agents",
    Urgency.RECENT: "VPCs whose path Lifeline had known for longer",
}
_FOR_RULES = "what the policy's rules ask for"
_MOST_NAMED = 3
_DEFAULT = Shares()
FOR_WHAT_WAITS = "only needed for an endpoint that needs approval"
_BILLED = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS, ActionKind.REPLACE_ENDPOINT})


@dataclass(frozen=True, slots=True)
class Grant:
    """One change that a run was let make. `token` is the new endpoint's ClientToken, empty where it makes none.

    `interfaces` are those that it adds, each as `service subnet`. The same token again is the same endpoint.
    """

    vpc_id: str
    at: datetime
    token: str = ""
    interfaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose limits they are, in their names and in words."""

    prefix: str = ""
    words: str = ""


_OWN = Scope()


@dataclass(frozen=True, slots=True)
class Usage:
    """How far the limits are used: the last day's grants, and how many interfaces Lifeline has in each VPC."""

    grants: tuple[Grant, ...] = ()
    interfaces: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admission:
    """The plans with what must wait `blocked`, each passing step's grant, and the use with these grants in it."""

    plans: Mapping[str, Plan]
    granted: tuple[tuple[Step, Grant], ...]
    use: Usage

    @property
    def passing(self) -> frozenset[Step]:
        """The steps that passed."""
        return frozenset(step for step, _ in self.granted)

    def held(self, vpc_id: str) -> tuple[Action, ...]:
        """The VPC's actions that a limit blocks, in the plan's order. What waits in the backlog is approved as such."""
        return tuple(action for action in self.plans[vpc_id].actions if action.blocked_by not in {"", BACKLOG})


def own_interfaces(vpc: Vpc) -> frozenset[str]:
    """The interfaces of the endpoints that Lifeline created in the VPC, each as `service subnet`: what it costs."""
    return _named((endpoint, endpoint.subnet_ids) for endpoint in vpc.live_endpoints)


def counted_interfaces(vpc: Vpc) -> frozenset[str]:
    """Those of them that count toward the limits: all but those in zones that others added to Lifeline's endpoints.
    Whoever may change these could use up the limits otherwise.

    An endpoint whose tag someone removed counts, too: otherwise removing tags would let Lifeline create without end.
    """
    return _named((endpoint, endpoint.subnet_ids - endpoint.added_subnet_ids) for endpoint in vpc.live_endpoints)


def _named(endpoints: Iterable[tuple[Endpoint, frozenset[str]]]) -> frozenset[str]:
    return frozenset(
        f"{endpoint.service_name} {subnet_id}"
        for endpoint, subnet_ids in endpoints
        if endpoint.type is EndpointType.INTERFACE and endpoint.on_record
        for subnet_id in subnet_ids
    )


def see(use: Usage, owned: Mapping[str, frozenset[str]], *, now: datetime, is_region: bool = False) -> Usage:
    """The use after an observation of what Lifeline owns in some VPCs, or in all if `is_region`; old grants are gone.

    An interface that was granted less than `UNSEEN` ago counts although the observation doesn't show it.
    """
    in_order = sorted(use.grants, key=lambda grant: grant.at)
    latest = {_what(grant): grant for grant in in_order}
    grants = tuple(grant for grant in use.grants if grant.at > now - _KEPT and grant == latest[_what(grant)])
    counts = {} if is_region else dict(use.interfaces)
    counts |= {vpc_id: len(seen | _unseen(grants, vpc_id, now)) for vpc_id, seen in owned.items()}
    return Usage(grants, {vpc_id: count for vpc_id, count in sorted(counts.items()) if count})


def _what(grant: Grant) -> tuple[str, str, frozenset[str]]:
    return grant.vpc_id, grant.token, grant.interfaces


def delete(use: Usage, vpc_ids: Collection[str]) -> Usage:
    """The use without what Lifeline had in VPCs that are gone. Their grants count on: the day is what it was."""
    return replace(use, interfaces={vpc_id: count for vpc_id, count in use.interfaces.items() if vpc_id not in vpc_ids})


def admit(  # noqa: PLR0913 - what decides, by name
    plans: Mapping[str, Plan],
    use: Usage,
    owned: Mapping[str, frozenset[str]],
    limits: Limits,
    price: Price,
    *,
    now: datetime,
    shares: Shares = _DEFAULT,
    waived: frozenset[Step] = frozenset(),
    scope: Scope = _OWN,
) -> Admission:
    """Which planned actions pass; the rest is blocked with the limit, its value and the use so far.

    The `waived` ones pass whatever the limits say, and count. Then the order is `order_steps`'s, the urgent ones first,
    and whatever fits passes, also behind something that doesn't. What isn't urgent must leave what is reserved, and
    take no more than one VPC's share. What is urgent but RECENT must leave a part of what is reserved. What
    only prepares others, a security group or DNS attributes, passes with them and is
    blocked with them. What removes something is limited by nothing. `owned` says what Lifeline has in each of the
    plans' VPCs, and `scope` how the limits are called.
    """
    tally = _Tally(see(use, owned, now=now), owned, limits, shares, price, now, scope)
    why: dict[Step, tuple[str, str]] = {}
    steps = [step for step in order_steps(plans) if plans[step.vpc_id].actions[step.index].kind not in REMOVALS]
    supports = _supports(plans)
    for step in sorted((step for step in steps if step not in supports), key=lambda step: step not in waived):
        action = plans[step.vpc_id].actions[step.index]
        refusal = None if step in waived else tally.refusal(step.vpc_id, action)
        if refusal:
            why[step] = refusal
        else:
            tally.take(step, action)
    for step in sorted(supports, key=lambda step: (step.vpc_id, step.index)):
        reason = _why_support_waits(step, plans[step.vpc_id], why)
        if reason:
            why[step] = reason
        else:
            tally.take(step, plans[step.vpc_id].actions[step.index])
    held = {vpc_id: _hold(plan, why, price) for vpc_id, plan in plans.items()}
    return Admission(held, tuple(tally.granted), tally.after())


def heaviest(name: str, use: Usage, price: Price, *, now: datetime) -> str:
    """Which VPCs use most of a limit, in words; empty where none does, or where the limit is of one VPC or run."""
    match name:
        case "monthly_usd":
            counts = dict(use.interfaces)
            amounts = {
                vpc_id: f"{monthly_cost_usd(count, price):.2f} USD per month" for vpc_id, count in counts.items()
            }
        case "endpoints_per_day" | "vpcs_per_day":
            counts = {vpc_id: len(tokens) for vpc_id, tokens in _tokens_by_vpc(use.grants, now).items() if tokens}
            amounts = {vpc_id: f"{write_count(count, 'endpoint')} {_DAY}" for vpc_id, count in counts.items()}
        case _:
            return ""
    most = sorted(counts, key=lambda vpc_id: (-counts[vpc_id], vpc_id))[:_MOST_NAMED]
    words = listed([f"{vpc_id} ({amounts[vpc_id]})" for vpc_id in most])
    return f"biggest users of {name}: {words}" if words else ""


def refund(use: Usage, unused: Iterable[Grant], owned: Mapping[str, frozenset[str]], *, now: datetime) -> Usage:
    """The use without grants that came to nothing."""
    gone = set(unused)
    rest = replace(use, grants=tuple(grant for grant in use.grants if grant not in gone))
    return see(rest, {grant.vpc_id: owned[grant.vpc_id] for grant in gone}, now=now) if gone else use


def block_all(plan: Plan, blocked_by: str, words: str) -> Plan:
    """The plan with nothing left to apply: each planned action is blocked, and says by what."""
    why = {Step(plan.vpc_id, place): (blocked_by, words) for place in range(len(plan.actions))}
    return _hold(plan, why, None)


class _Tally:
    """The use while a run's actions are gone through."""

    def __init__(
        self,
        use: Usage,
        owned: Mapping[str, frozenset[str]],
        limits: Limits,
        shares: Shares,
        price: Price,
        now: datetime,
        scope: Scope,
    ) -> None:
        self._use = use
        self._scope = scope
        self._limits = limits
        self._shares = shares
        self._price = price
        self._now = now
        day = [grant for grant in use.grants if grant.at > now - DAY]
        self._tokens = {grant.token for grant in day if grant.token}
        self._tokens_by_vpc = _tokens_by_vpc(day, now)
        self._vpcs = {grant.vpc_id for grant in day}
        self._run_tokens: set[str] = set()
        self._run_vpcs: set[str] = set()
        self._interfaces = {vpc_id: seen | _unseen(use.grants, vpc_id, now) for vpc_id, seen in owned.items()}
        self._elsewhere = sum(count for vpc_id, count in use.interfaces.items() if vpc_id not in owned)
        self.granted: list[tuple[Step, Grant]] = []

    def refusal(self, vpc_id: str, action: Action) -> tuple[str, str] | None:
        """The first limit that the action would pass, those that last longest before others, and the words. What asks
        for approval by itself comes before all limits.
        """
        limits, token = self._limits, token_of(action)
        return (
            ((CENTRAL, action.asks) if action.asks else None)
            or self._over_budget(vpc_id, action)
            or self._over_day("endpoints_per_day", limits.endpoints_per_day, self._tokens, token, _MADE, action)
            or self._over_day("vpcs_per_day", limits.vpcs_per_day, self._vpcs, vpc_id, _TOUCHED, action)
            or self._over_share(vpc_id, token, action)
            or _over("endpoints_per_run", limits.endpoints_per_run, self._run_tokens, token, _MADE, _RUN)
            or _over("vpcs_per_run", limits.vpcs_per_run, self._run_vpcs, vpc_id, _TOUCHED, _RUN)
        )

    def take(self, step: Step, action: Action) -> None:
        """Counts the action as made."""
        token, added = token_of(action), _interfaces(action)
        self.granted.append((step, Grant(step.vpc_id, self._now, token, added)))
        self._tokens |= {token} - {""}
        self._tokens_by_vpc[step.vpc_id] |= {token} - {""}
        self._run_tokens |= {token} - {""}
        self._vpcs.add(step.vpc_id)
        self._run_vpcs.add(step.vpc_id)
        self._interfaces[step.vpc_id] |= added

    def after(self) -> Usage:
        """The use with what was taken."""
        new = tuple(dict.fromkeys(grant for _, grant in self.granted))
        counts = dict(self._use.interfaces) | {vpc_id: len(seen) for vpc_id, seen in self._interfaces.items()}
        return Usage(
            (*self._use.grants, *new),
            {vpc_id: count for vpc_id, count in sorted(counts.items()) if count},
        )

    def _over_day(
        self, name: str, most: int, used: set[str], one: str, what: str, action: Action
    ) -> tuple[str, str] | None:
        """The refusal where the day's limit has no room that is for such an action."""
        reserved = self._reserved(most, action.urgency)
        if not one or one in used or len(used) < most - reserved:
            return None
        whose = f"; the last {reserved} are reserved for {_FOR_WHOM[action.urgency]}" if reserved else ""
        name, by_whom = f"{self._scope.prefix}{name}", self._scope.words
        return name, f"needs approval: {len(used)} of {most} {what} ({name}) used{by_whom} {_DAY}{whose}"

    def _over_share(self, vpc_id: str, token: str, action: Action) -> tuple[str, str] | None:
        """The refusal where the VPC has had its share of the day's endpoints, and asks for more that isn't urgent."""
        most, used = self._limits.endpoints_per_day, self._tokens_by_vpc[vpc_id]
        share = max(1, most * self._shares.vpc_percent // 100)
        if not token or token in used or len(used) < share or action.urgency > Urgency.OTHER:
            return None
        name = f"{self._scope.prefix}endpoints_per_day"
        return name, (
            f"needs approval: {len(used)} of the {share} endpoints that one VPC may use of {most} ({name}) used {_DAY}"
        )

    def _over_budget(self, vpc_id: str, action: Action) -> tuple[str, str] | None:
        here, limits = self._interfaces[vpc_id], self._limits
        added = len(_interfaces(action) - here)
        if not added:
            return None
        everywhere = self._elsewhere + sum(map(len, self._interfaces.values()))
        # In a VPC, only what tags ask for must leave something: to what the rules ask for there.
        in_vpc = self._reserved_usd(limits.monthly_usd_per_vpc, action.urgency) * (action.urgency is Urgency.TAGGED)
        in_all = self._reserved_usd(limits.monthly_usd, action.urgency)
        return self._over_usd(
            "monthly_usd_per_vpc", limits.monthly_usd_per_vpc, len(here), added, in_vpc, _FOR_RULES, " in this VPC"
        ) or self._over_usd(
            "monthly_usd", limits.monthly_usd, everywhere, added, in_all, _FOR_WHOM.get(action.urgency, "")
        )

    def _over_usd(
        self, name: str, budget: Decimal, count: int, added: int, reserved: Decimal, whose: str, where: str = ""
    ) -> tuple[str, str] | None:
        if monthly_cost_usd(count + added, self._price) <= budget - reserved:
            return None
        cost, used = monthly_cost_usd(added, self._price), monthly_cost_usd(count, self._price)
        rest = f"; the last {reserved:.2f} USD are reserved for {whose}" if reserved else ""
        name, by_whom = f"{self._scope.prefix}{name}", self._scope.words
        return name, (
            f"needs approval: {cost:.2f} USD more per month would exceed {name} "
            f"({used:.2f} of {budget:.2f} USD in use{by_whom}{where}{rest})"
        )

    def _reserved(self, most: int, urgency: Urgency) -> int:
        """How much of a limit such an action must leave: all that is reserved, a part of it, or nothing."""
        reserved = most * self._shares.reserved_percent // 100
        for_proven = reserved * self._shares.proven_percent // 100
        return {Urgency.URGENT: 0, Urgency.RECENT: for_proven}.get(urgency, reserved)

    def _reserved_usd(self, budget: Decimal, urgency: Urgency) -> Decimal:
        """The same of a budget, by the whole interfaces that it pays for."""
        interfaces = int(budget / (self._price.per_zone_hour_usd * HOURS_A_MONTH))
        return monthly_cost_usd(self._reserved(interfaces, urgency), self._price)


def _over(name: str, most: int, used: set[str], one: str, what: str, when: str) -> tuple[str, str] | None:
    if not one or one in used or len(used) < most:
        return None
    return name, f"needs approval: {len(used)} of {most} {what} ({name}) used {when}"


def token_of(action: Action) -> str:
    """What tells the endpoint that the action makes from others; empty where it makes none."""
    if action.kind not in _MAKES:
        return ""
    return action.client_token or "|".join((action.service_name, *action.subnet_ids, *action.route_table_ids))


def _tokens_by_vpc(grants: Iterable[Grant], now: datetime) -> defaultdict[str, set[str]]:
    """The endpoints that were granted in the last day, by VPC."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for grant in grants:
        if grant.at > now - DAY:
            found[grant.vpc_id] |= {grant.token} - {""}
    return found


def _interfaces(action: Action) -> frozenset[str]:
    if action.kind not in _BILLED:
        return frozenset()
    return frozenset(f"{action.service_name} {subnet_id}" for subnet_id in action.subnet_ids)


def _unseen(grants: Iterable[Grant], vpc_id: str, now: datetime) -> frozenset[str]:
    """The VPC's interfaces that were granted so lately that an observation may miss them."""
    lately = (grant.interfaces for grant in grants if grant.vpc_id == vpc_id and grant.at > now - UNSEEN)
    return frozenset[str]().union(*lately)


def _supports(plans: Mapping[str, Plan]) -> frozenset[Step]:
    """The planned steps that only prepare others of their plan. Attributes that an endpoint misses now aren't such."""
    found: set[Step] = set()
    for vpc_id, plan in plans.items():
        planned = [(place, action) for place, action in enumerate(plan.actions) if action.is_planned]
        preparing = {place for place, action in planned if _prepares(action)}
        if len(preparing) < len(planned):
            found |= {Step(vpc_id, place) for place in preparing}
    return frozenset(found)


def _prepares(action: Action) -> bool:
    if action.kind is ActionKind.FIX_DNS:
        return not action.endpoint_id
    return action.kind is ActionKind.CREATE_SECURITY_GROUP


def _why_support_waits(step: Step, plan: Plan, why: Mapping[Step, tuple[str, str]]) -> tuple[str, str] | None:
    """What blocks all that the step prepares; None if something of it passes, or nothing is blocked."""
    support = plan.actions[step.index]
    is_group = support.kind is ActionKind.CREATE_SECURITY_GROUP
    needing = [
        Step(plan.vpc_id, place)
        for place, action in enumerate(plan.actions)
        if action.is_planned and (action.needs_security_group if is_group else action.kind in NAMING)
    ]
    if not any(step in why for step in needing) or any(step not in why for step in needing):
        return None
    return why[needing[0]][0], FOR_WHAT_WAITS


def _hold(plan: Plan, why: Mapping[Step, tuple[str, str]], price: Price | None) -> Plan:
    """The plan with the steps of `why` blocked, and its services and its cost as that leaves them."""
    actions = tuple(
        action.held(*why[step]) if action.is_planned and (step := Step(plan.vpc_id, place)) in why else action
        for place, action in enumerate(plan.actions)
    )
    if actions == plan.actions:
        return plan
    held = {action.service: action.error for action in reversed(actions) if action.blocked_by}
    return with_blocked(plan, actions, held, price)
