"""Suggest: gather evidence from every source that can be read, and say what each VPC's private subnets need.

It changes nothing. A source that can't be read is said, and the others are used. Imported only for
this call: its sources have clients of their own, for which no cold start should pay.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.clients import ClientOf
from lifeline.adapters.aws.described import any_interface_of
from lifeline.adapters.evidence.access_advisor import AccessAdvisor
from lifeline.adapters.evidence.agent_configurations import AgentConfigurations
from lifeline.adapters.evidence.containers import Containers
from lifeline.adapters.evidence.functions import Functions
from lifeline.adapters.evidence.publishers import Publishers
from lifeline.adapters.evidence.query_logs import QueryLogs
from lifeline.adapters.evidence.roles import InstanceRoles
from lifeline.adapters.store.policy import ReadOnlyPolicy
from lifeline.core.agents.watches import Watch
from lifeline.core.errors import InvalidInputError, LifelineError, TerminalError
from lifeline.core.network.model import Catalog, SeenTier, Tier, Vpc, is_own
from lifeline.core.network.ownership import recognize
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Policy, PolicyRule, without_require
from lifeline.core.requests.suggest import SuggestRequest
from lifeline.core.suggest.answer import LOG_DAYS, SuggestAnswer
from lifeline.core.suggest.evidence import (
    Asked,
    Configuration,
    Kind,
    Published,
    Resident,
    Source,
    UsageEvidence,
    Witness,
)
from lifeline.core.suggest.suggestion import Inhabitants, Now, suggest
from lifeline.core.suggest.witnesses import Places, witnesses
from lifeline.core.wording import write_count
from lifeline.reconciler.steps.job import Tools
from lifeline.reconciler.steps.planning import Planning
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime.invocation import MARGIN, Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_PATIENCE = timedelta(minutes=10)  # with reports and searches, where no function's time ends
_SHARE_OF_LISTS = 1 / 3  # of the time: there may be 100,000s of metrics, and access advisor is asked later
_LOGS_BACK = timedelta(days=LOG_DAYS)


def suggest_needs(
    request: SuggestRequest, *, tools: Tools, client: ClientOf, settings: Settings, run: Run
) -> SuggestAnswer:
    """What the VPCs' private subnets need, beside what is required and served now.

    Raises InvalidInputError for a VPC that isn't there, and TransientError or TerminalError where the networks
    themselves, or what the region offers, can't be read.
    """
    return _Suggest(request, tools, client, settings, run).answer()


@dataclass(frozen=True, slots=True)
class _Suggest:
    request: SuggestRequest
    tools: Tools
    client: ClientOf
    settings: Settings
    run: Run
    unread: dict[Source, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def answer(self) -> SuggestAnswer:
        catalog = self.tools.network.catalog()
        if not catalog.is_read:
            raise TerminalError(f"the region's endpoint services can't be read: {catalog.why_unread}")
        vpcs = self._observe()
        tiers = {vpc.id: usable_tiers(vpc) for vpc in vpcs}
        if not self.request.vpc_ids:
            vpcs = tuple(vpc for vpc in vpcs if set(tiers[vpc.id].values()) - {Tier.PUBLIC})
        interfaces = self._interfaces(vpcs)
        policy, places, region = self._policy(catalog), Places.of(vpcs, tiers), self.settings.region
        evidence = self._gather(vpcs, interfaces, places, policy.watches)
        said = witnesses(evidence, places, catalog, region, now=self.run.now(), window=self.request.window)
        planned = self._plan(vpcs, {vpc.id: _names(vpc.id, said) for vpc in vpcs}, policy, catalog)
        found = []
        for vpc in vpcs:
            if vpc.id in planned:
                suggestion = suggest(
                    vpc,
                    [witness for witness in said if witness.vpc_id == vpc.id],
                    planned[vpc.id],
                    catalog,
                    unread=self.unread,
                    inhabitants=Inhabitants(
                        tuple(resident for resident in evidence.residents if vpc.id in places.private(resident)),
                        self._strangers(interfaces.get(vpc.id, ()), tiers[vpc.id]),
                        vpc.id in (evidence.logged or ()),
                    ),
                    price=price_in(region),
                    creatable=self.settings.creatable_services or self.settings.required_services,
                )
                found.append(suggestion)
        unlogged = tuple(vpc.id for vpc in vpcs if evidence.logged is not None and vpc.id not in evidence.logged)
        return SuggestAnswer(tuple(found), self.unread, unlogged, self.request.window.days, tuple(self.notes))

    # ---- the networks

    def _observe(self) -> tuple[Vpc, ...]:
        asked = self.request.vpc_ids
        vpcs = self.tools.network.observe(asked or None)
        there = {vpc.id for vpc in vpcs}
        for place, vpc_id in enumerate(asked):
            if vpc_id not in there:
                field_name = f"suggest.vpc_ids[{place}]"
                raise InvalidInputError(field_name, f"{vpc_id} does not exist in this account and region")
        try:
            return recognize(vpcs, self.tools.ownership.read(self.settings.home))
        except LifelineError as error:
            logger.warning("ownership not read", error=str(error))
            return recognize(vpcs, None)

    def _interfaces(self, vpcs: tuple[Vpc, ...]) -> Mapping[str, list[dict[str, Any]]]:
        found = self.tools.network.interfaces_of([vpc.id for vpc in vpcs])
        if isinstance(found, LifelineError):
            self.unread[Source.INTERFACES] = str(found)
            return {}
        return found

    # ---- the evidence

    def _gather(
        self,
        vpcs: tuple[Vpc, ...],
        interfaces: Mapping[str, list[dict[str, Any]]],
        places: Places,
        watches: Sequence[Watch],
    ) -> UsageEvidence:
        left = min(max(self.run.remaining() - MARGIN, timedelta(0)), _PATIENCE)
        until = monotonic() + left.total_seconds()
        vpc_ids, now = [vpc.id for vpc in vpcs], self.run.now()
        subnets_of = _subnets_of_instances(interfaces)
        no_roles: dict[str, str] = {}
        nobody: tuple[Resident, ...] = ()
        no_tasks: tuple[tuple[Resident, ...], dict[str, dict[str, Any]]] = (), {}
        no_configurations: tuple[Configuration, ...] = ()
        no_metrics: tuple[tuple[Published, ...], str] = (), ""
        no_logs: tuple[tuple[Asked, ...], frozenset[str] | None, str] = (), None, ""
        account = self.settings.account_id
        logs = partial(QueryLogs(self.client).read, vpc_ids, account, now=now, back=_LOGS_BACK, until=until)
        tasks_in = Containers(self.client, until=until)
        configured = partial(AgentConfigurations(self.client).read, until=until)
        private = {id_ for id_, subnet_ids in subnets_of.items() if subnet_ids - places.public}
        listed_by = monotonic() + _SHARE_OF_LISTS * left.total_seconds()
        published_in = partial(Publishers(self.client).read, watches, private, now=now, until=listed_by)
        reads: list[Callable[[], Any]] = [
            partial(self._attempt, Source.INSTANCES, partial(InstanceRoles(self.client).read, subnets_of), no_roles),
            partial(self._attempt, Source.TASKS, partial(tasks_in.read, subnets_of), no_tasks),
            partial(self._attempt, Source.FUNCTIONS, partial(Functions(self.client).read, until=until), nobody),
            partial(self._attempt, Source.CONFIGS, configured, no_configurations),
            partial(self._attempt, Source.QUERY_LOGS, logs, no_logs),
            partial(self._attempt, Source.METRICS, published_in, no_metrics),
        ]
        read = run_concurrently(reads)
        roles, (tasks, definitions), functions, configurations, (asked, logged, why), (published, cut) = read
        self.unread.update({Source.QUERY_LOGS: why} if why else {})
        self.unread.update({Source.METRICS: cut} if cut else {})
        instances = (
            Resident(Kind.INSTANCE, id_, frozenset(subnet_ids), (roles[id_],) if roles.get(id_) else ())
            for id_, subnet_ids in sorted(subnets_of.items())
        )
        residents = (*instances, *tasks, *functions)
        here = {role for resident in residents if places.private(resident) for role in resident.roles}
        uses = self._uses(here, until)
        return UsageEvidence(residents, uses, definitions, configurations, asked, published, logged)

    def _uses(self, roles: set[str], until: float) -> Mapping[str, Any]:
        if not roles:
            return {}
        uses, failed = AccessAdvisor(self.client).read(roles, until=until)
        if failed:
            role, why = min(failed.items())
            of = f"{len(failed)} of {write_count(len(roles), 'role')}, such as {role.rpartition('/')[2]}: "
            self.unread[Source.ADVISOR] = f"{of}{why}"
        return uses

    def _attempt[T](self, source: Source, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except LifelineError as error:
            logger.warning("evidence not read", source=str(source), error=str(error))
            self.unread[source] = str(error)
            return otherwise

    # ---- what is required, and what a rule would do

    def _policy(self, catalog: Catalog) -> Policy:
        """The policy in force, with manual exemptions: what of it can't be read is said."""
        stacks, store = stacks_policy(self.settings), ReadOnlyPolicy(self.tools.policies)
        named, now = self.settings.policy_parameter, self.run.now()
        try:
            policy = current_policy(named, stacks, store, lambda: catalog, now=now).policy
        except LifelineError as error:
            logger.warning("policy not read", error=str(error))
            policy = None
        if policy is None:
            self.notes.append("there is no valid policy that could be read, so nothing counts as required")
            return replace(stacks, rules=())
        try:
            return with_exemptions(policy, self.tools.exemptions.read() if self.tools.exemptions else ())
        except LifelineError as error:
            logger.warning("exemptions not read", error=str(error))
            self.notes.append("manual exemptions can't be read, so none count")
            return policy

    def _plan(
        self, vpcs: tuple[Vpc, ...], needed: Mapping[str, frozenset[str]], policy: Policy, catalog: Catalog
    ) -> dict[str, Now]:
        """Each VPC as a rule for everything that is needed or required there would plan it, tags aside."""
        settings, catalog = replace(self.settings, creatable_services=()), replace(catalog, ports=policy.ports)

        def planning(under: Policy) -> Planning:
            tools = self.tools
            return Planning(under, tools.network, tools.central, settings, self.run.now(), catalog)

        required = {vpc.id: planning(policy).desired(vpc).services for vpc in vpcs}
        rules = tuple(
            PolicyRule(needed[vpc.id] | required[vpc.id], policy.per_zone, vpc_ids=frozenset({vpc.id})) for vpc in vpcs
        )
        plans, waiting = planning(replace(policy, rules=rules)).plan([without_require(vpc) for vpc in vpcs], {})
        self.notes.extend(sorted(f"{vpc_id}: {why}" for vpc_id, why in waiting.items()))
        owner = settings.stack_name
        return {
            vpc.id: Now(
                required[vpc.id],
                plans[vpc.id],
                dict(plans[vpc.id].tiers),
                {endpoint.id: is_own(endpoint, owner) for endpoint in vpc.endpoints},
            )
            for vpc in vpcs
            if vpc.id in plans
        }

    def _strangers(self, interfaces: Iterable[dict[str, Any]], tiers: Mapping[str, SeenTier]) -> int:
        """How many live in private subnets and can't be asked."""
        private = {id_ for id_, tier in tiers.items() if tier is not Tier.PUBLIC}
        return sum(one.get("SubnetId") in private and self._is_stranger(one) for one in interfaces)

    def _is_stranger(self, described: dict[str, Any]) -> bool:
        """True for an interface that may call services and is of no instance, function or ECS task of this account."""
        text, owner = str(described.get("Description", "")), described.get("OwnerId")
        is_known = (
            bool(described.get("Attachment", {}).get("InstanceId"))
            or described.get("InterfaceType") == "lambda"
            or text.startswith("AWS Lambda VPC ENI")
            or (text.startswith("arn:") and ":ecs:" in text)
        ) and owner in {None, self.settings.account_id}
        return not is_known and described.get("Status") == "in-use" and not any_interface_of(described).only_answers


def _names(vpc_id: str, said: Iterable[Witness]) -> frozenset[str]:
    """The endpoint services that witnesses of the VPC name."""
    return frozenset(one.name for one in said if one.vpc_id == vpc_id and not one.why_no_endpoint)


def _subnets_of_instances(interfaces: Mapping[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in (one for of_vpc in interfaces.values() for one in of_vpc):
        if id_ := one.get("Attachment", {}).get("InstanceId"):
            found.setdefault(id_, set()).add(one["SubnetId"])
    return found
