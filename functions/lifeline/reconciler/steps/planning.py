"""Plan: reads what a plan needs beyond the observation, and only where it needs it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.network import Network
from lifeline.core.network.dns import DnsView, custom_dns_finding
from lifeline.core.network.model import Catalog, EndpointState, EndpointType, Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import NAMING, ActionKind, Plan
from lifeline.core.plan.cost import Price, nat_comparison, price_in
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.plan.uncertain import UNREAD_CATALOG
from lifeline.core.policy.policy import Desired, Exempted, Policy, desired, exempted_subnets
from lifeline.runtime.settings import Settings

MOST_NAMED = 40  # VPCs a run: Route 53 grants an account five calls a second (Route 53 guide: quotas)
CROWDED = "too many VPCs at once: this one's turn comes with a later run, or ask for it by its id"
THROTTLED = "AWS had no capacity for the calls that this takes, so Lifeline will try again in a minute"
NOTHING = Followed(made={}, failures={})


@dataclass(frozen=True, slots=True)
class Planning:
    """One run's planning, under one policy. What it reads beyond the observation, it reads only where that counts."""

    policy: Policy
    network: Network
    central: CentralDns
    settings: Settings
    now: datetime
    catalog: Catalog

    def plan(
        self,
        vpcs: Sequence[Vpc],
        known: Mapping[str, Followed],
        *,
        check_dns: Collection[str] = (),
        is_region: bool = False,
        fresh: bool = False,
        tried_often: Collection[str] = (),
    ) -> tuple[dict[str, Plan], dict[str, str]]:
        """Each VPC's plan by id, and the VPCs whose plan must wait for a later run, with the reason: there are too many
        at once, or AWS throttled what decides. A VPC that is gone by now has no plan.

        DNS attributes and central endpoints cost calls for each VPC, so they are read where an endpoint would be made,
        and for the VPCs in `check_dns`. `is_region` says that `vpcs` are all of the region, `fresh` that nothing read
        earlier will do. The VPCs in `tried_often` don't wait for calls that AWS throttles: what these would have said
        isn't known then.
        """
        seen = {vpc.id: vpc for vpc in vpcs}
        plans = {vpc.id: self._plan_one(vpc, known, None, 0) for vpc in vpcs}
        wanting = [vpc.id for vpc in vpcs if any(action.kind in NAMING for action in plans[vpc.id].planned)]
        naming, waiting = wanting[:MOST_NAMED], dict.fromkeys(wanting[MOST_NAMED:], CROWDED)
        ours = {vpc.id for vpc in vpcs if self._is_ours(vpc)}  # another account's attributes can't be read
        checked = sorted(ours & {*naming, *check_dns})
        with_dns = {vpc.id: vpc for vpc in self.network.with_dns([seen[vpc_id] for vpc_id in checked])}
        seen |= with_dns
        for vpc_id in set(checked) - with_dns.keys():
            del plans[vpc_id]
        checked, naming = [vpc_id for vpc_id in checked if vpc_id in plans], [id_ for id_ in naming if id_ in plans]
        region = self.settings.region
        read = [partial(self.central.view, vpc_id, region=region, fresh=fresh) for vpc_id in naming]
        views: dict[str, DnsView] = dict(zip(naming, run_concurrently(read), strict=True))
        waiting |= {id_: THROTTLED for id_, view in views.items() if view.throttled and id_ not in tried_often}
        making = [vpc_id for vpc_id, plan in plans.items() if _count_new_gateways(plan)]
        gateways = self._count_gateways(vpcs, is_region=is_region) if making else 0
        for vpc_id in sorted({*checked, *making} - waiting.keys()):
            plans[vpc_id] = self._plan_one(seen[vpc_id], known, views.get(vpc_id), gateways)
            gateways += _count_new_gateways(plans[vpc_id])
        return plans, waiting

    def plan_unread(self, vpcs: Sequence[Vpc]) -> dict[str, Plan]:
        """Each VPC's plan by what was observed alone: for telling, where the rest can't be read, never for applying."""
        return {vpc.id: self._plan_one(vpc, {}, None, 0) for vpc in vpcs}

    def desired(self, vpc: Vpc) -> Desired:
        """What the policy wants of the VPC today."""
        return desired(self.policy, vpc, classify_subnets(vpc), today=self.now.date())

    def _plan_one(self, vpc: Vpc, known: Mapping[str, Followed], dns: DnsView | None, gateways: int) -> Plan:
        followed = known.get(vpc.id, NOTHING)
        want = self.desired(vpc)
        plan_input = PlanInput(
            requirements=want.requirements,
            owner=self.settings.stack_name,
            account_id=self.settings.account_id,
            made=tuple(sorted((service, made.endpoint_id) for service, made in followed.made.items())),
            fresh=followed.fresh(self.now),
            failures=tuple(sorted(followed.failures.items())),
            creatable=frozenset(self.settings.creatable_services) or None,
            limits=self.policy.limits,
            gateway_endpoints_in_region=gateways,
            fix_dns=self.policy.fix_dns and self.settings.may_fix_dns,
            dns=dns,
            price=self._price(),
            exempt=exempted_subnets(self.policy, vpc, today=self.now.date()),
            canary=self.policy.is_canary,
            unsure=want.unsure,
            held=want.held,
            problems=want.problems,
            known_names=self.policy.known_names,
        )
        plan = plan_endpoints(vpc, self.catalog, plan_input)
        notes = [f"{unread.words}: {unread.why}" for unread in vpc.unread]
        if not self.catalog.is_read:
            notes.append(f"{UNREAD_CATALOG}: {self.catalog.why_unread}")
        notes += [*want.problems, *map(_exempt_words, want.exempted)]
        if dns and dns.custom_dns_servers:
            notes.append(custom_dns_finding(dns))
        if plan.monthly_cost_usd and vpc.nat_gateways:
            notes.append(nat_comparison(self._price()))
        return replace(plan, notes=tuple(notes))

    def _is_ours(self, vpc: Vpc) -> bool:
        return not (self.settings.account_id and vpc.owner_id) or vpc.owner_id == self.settings.account_id

    def _price(self) -> Price:
        return price_in(self.settings.region)

    def _count_gateways(self, vpcs: Sequence[Vpc], *, is_region: bool) -> int:
        if not is_region:
            return self.network.count_gateway_endpoints()
        return sum(
            endpoint.type is EndpointType.GATEWAY and endpoint.state is not EndpointState.DELETED
            for vpc in vpcs
            for endpoint in vpc.endpoints
        )


def _exempt_words(exempted: Exempted) -> str:
    until = f" until {exempted.until}" if exempted.until else ""
    return f"{exempted.subject} is exempt from {', '.join(exempted.services) or 'everything'}{until}: {exempted.reason}"


def _count_new_gateways(plan: Plan) -> int:
    return sum(action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT for action in plan.planned)
