"""An examination: what each check needs is read, and judged by `core.doctor`. What can't be read stops nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from itertools import batched
from time import monotonic

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.cloudwatch import CloudWatch, ListingCutError
from lifeline.adapters.aws.delivery import Delivery
from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.memory import memory_of
from lifeline.adapters.aws.organizations import Organizations
from lifeline.adapters.aws.quotas import QuotaReader
from lifeline.adapters.aws.regions import Regions
from lifeline.adapters.aws.subscriptions import subscriptions_of
from lifeline.adapters.aws.trails import Trails
from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.policy import PolicyStore, ReadOnlyPolicy
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.doctor.account import check_agents, check_organization, check_policy, check_switch
from lifeline.core.doctor.delivery import (
    OF_HUBS,
    RULES,
    EventRule,
    check_bus,
    check_queue_policy,
    check_rules,
)
from lifeline.core.doctor.event_path import check_comparison, check_event_path
from lifeline.core.doctor.finding import CheckVerdict, Finding, NotRead
from lifeline.core.doctor.networks import (
    Site,
    check_dns_attributes,
    check_dns_servers,
    check_regions,
    check_services,
    check_shared,
    gateway_use,
    group_use,
    interface_uses,
    network_interface_use,
    sites_in,
)
from lifeline.core.doctor.people import CHAT_CHECK, check_subscriptions
from lifeline.core.doctor.permission import check_dry_run
from lifeline.core.doctor.quotas import (
    ENDPOINTS,
    GATEWAYS,
    GROUPS,
    INTERFACES,
    QUOTAS,
    RUNS,
    Quota,
    QuotaUse,
    Reserved,
    check_concurrency,
    check_quota,
)
from lifeline.core.doctor.report import DoctorReport, Section
from lifeline.core.doctor.sweeps import check_sweeps, check_trigger
from lifeline.core.doctor.trails import check_trails
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.candidate import Candidate
from lifeline.core.event_path.denial import read_dry_run_denial
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.schedule import longest_pause
from lifeline.core.guards.kill_switch import switch_command
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Catalog, Vpc
from lifeline.core.network.ownership import recognize
from lifeline.core.organization.accounts import unserved_words
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Policy
from lifeline.core.policy.service_names import known_names
from lifeline.reconciler.steps.endpoint_policies import read_endpoint_policies
from lifeline.reconciler.steps.event_path import candidate_among
from lifeline.reconciler.steps.planning import Planning
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_VPCS_AT_ONCE = 50  # whose DNS attributes are read: two calls each
_NO_TIME = "There was no time left to read it."
_QUEUE = "the queue of changes"
_LISTING_S = 30.0  # of agents' series, at the most


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Examines the account and region that the settings are for.

    `is_deployed` says that there is a stack: without one, what belongs to it is left out. `examined_as` is whose
    credentials the calls are made with, and with `as_role` they are those of the stack's own role: only then does a dry
    run say what the role may do. `agent_usd` is what watching an agent costs a month, where that is known.
    Once `patience` is over, nothing more is read.
    """

    settings: Settings
    at: datetime
    examined_as: str
    is_deployed: bool = True
    as_role: bool = True
    agent_usd: Decimal | None = None
    patience: Callable[[], timedelta] = lambda: timedelta.max

    def report(self, more: Sequence[Section] = (), more_findings: Sequence[Finding] = ()) -> DoctorReport:
        """All sections, and those that the caller has; `more_findings` are about what Lifeline may do."""
        _ = self._known  # which several sections need: read once, not by each of them at the same time
        parts = [self._events, self._permissions, self._room, self._networks, self._people]
        events, permissions, room, networks, people = run_concurrently(parts)
        sections = (
            Section("events", "Changes reach Lifeline", events),
            Section("permissions", "Lifeline may act", (*permissions, *more_findings)),
            Section("room", "There is room", room),
            Section("networks", "The networks", networks),
            Section("people", "Who is watched, and who hears", people),
            *more,
        )
        return DoctorReport(
            self.settings.region,
            self.settings.account_id,
            self.at,
            sections,
            stack=self.settings.stack_name if self.is_deployed else "",
            examined_as=self.examined_as,
            left_out=self._left_out,
        )

    @property
    def _left_out(self) -> tuple[str, ...]:
        if not self.is_deployed:
            words = "rules, queue policy, event path, dry run and subscriptions, because no stack"
            return (f"{words} {self.settings.stack_name} is deployed in {self.settings.region}.",)
        if self.settings.member:
            return (f"the hub's own queue, topics and concurrency, because account {self.settings.member} has none.",)
        return ()

    # ---- what several checks need

    @cached_property
    def _known(self) -> "_Known":
        """The networks and what is required of them."""
        kept, settings = memory_of(self.settings), self.settings
        catalog = self._read(kept.network.catalog)
        policy, problem = self._policy(Catalog() if isinstance(catalog, NotRead) else catalog)
        vpcs = self._read(lambda: kept.network.observe(None))
        own = vpcs if isinstance(vpcs, NotRead) else [vpc for vpc in vpcs if vpc.owner_id in {"", settings.account_id}]
        sites = own if isinstance(own, NotRead) else sites_in(own, policy, today=self.at.date())
        return _Known(catalog, policy, problem, vpcs, sites)

    def _policy(self, catalog: Catalog) -> tuple[Policy | None, str]:
        """The policy in force, and what is wrong with the parameter's; without a stack, what one would require."""
        stacks = stacks_policy(self.settings)
        if not self.is_deployed:
            return stacks, ""
        store = ReadOnlyPolicy(PolicyStore(self.settings.table_name))
        try:
            found = current_policy(self.settings.policy_parameter, stacks, store, lambda: catalog, now=self.at)
            manual = Exemptions(self.settings.ledger).read()
        except LifelineError as error:
            return None, str(error)
        problem = f"{found.problem.field}: {found.problem.message}" if found.problem else ""
        return with_exemptions(found.policy, manual) if found.policy else None, problem

    # ---- sections

    def _events(self) -> tuple[Finding, ...]:
        client_of, region = memory_of(self.settings).client, self.settings.region
        trails, delivery = self._read(Trails(client_of).read), Delivery(client_of)
        if not self.is_deployed:
            return (check_trails(trails, region), check_bus(self._read(delivery.count_rules)))
        path, pause = EventPathStore(self.settings.ledger), longest_pause(self.settings.sweep_schedule)
        heard = check_event_path(self._read(path.read), self.at, pause)
        compared = check_comparison(self._read(path.read_comparisons), self.at)
        trail = check_trails(trails, region, is_proven=heard.verdict is CheckVerdict.OK)
        return (trail, *self._delivery(delivery), heard, *((compared,) if compared else ()))

    def _delivery(self, delivery: Delivery) -> tuple[Finding, ...]:
        settings = self.settings
        if settings.member:
            return (check_rules(self._read(partial(delivery.rules_to, self._hub_bus)), RULES, "the hub's bus"),)
        queue = self._read(partial(delivery.queue, settings.queue_url))
        expected = (*RULES, OF_HUBS) if settings.accounts else RULES
        if isinstance(queue, NotRead):
            rules_found = check_rules(queue, expected, _QUEUE)
            return rules_found, check_queue_policy(queue, "", queue), check_trigger(queue), self._sweeps(delivery)
        arn, policy = queue
        rules = self._rules(delivery, arn)
        return (
            check_rules(rules, expected, _QUEUE),
            check_queue_policy(policy, arn, rules),
            self._triggers(delivery, arn),
            self._sweeps(delivery),
        )

    def _triggers(self, delivery: Delivery, changes_arn: str) -> Finding:
        """Of the queues from which the functions receive, the first at fault; of Changes where none is."""
        settings, place = self.settings, changes_arn.rpartition(":")[0]
        queues = (
            ("Changes", settings.queue_url, settings.function_name),
            ("RepairRequests", settings.repair_queue_url, settings.function_name),
            ("Checks", settings.detect_queue_url, settings.detector_name),
        )
        found = [
            check_trigger(self._read(partial(delivery.triggers, f"{place}:{url.rpartition('/')[2]}")), function, queue)
            for queue, url, function in queues
            if url
        ]
        return next((one for one in found if one.verdict is not CheckVerdict.OK), found[0])

    def _sweeps(self, delivery: Delivery) -> Finding:
        settings = self.settings
        name, pause = settings.sweep_name, longest_pause(settings.sweep_schedule)
        state = self._read(partial(delivery.schedule, name)) if name else _unnamed("the schedule's name")
        swept = self._read(lambda: VpcStore(settings.ledger).load(settings.home).reconciled_at)
        return check_sweeps(state, name, swept, self.at, pause)

    def _rules(self, delivery: Delivery, queue_arn: str) -> tuple[EventRule, ...] | NotRead:
        """Those of the default bus, and of a hub's own."""
        buses = ["default", *([self.settings.stack_name] if self.settings.accounts else [])]
        return self._read(lambda: tuple(rule for bus in buses for rule in delivery.rules_to(queue_arn, bus=bus)))

    @property
    def _hub_bus(self) -> str:
        """The bus to which a spoke's rules send, which has the stack's name."""
        partition, home = self.settings.own_role_arn.split(":")[1], self.settings.own_account_id
        return f"arn:{partition}:events:{self.settings.region}:{home}:event-bus/{self.settings.stack_name}"

    def _permissions(self) -> tuple[Finding, ...]:
        known, settings = self._known, self.settings
        sites = () if isinstance(known.sites, NotRead) else known.sites
        creatable = frozenset(settings.creatable_services or settings.required_services)
        found = [check_services(known.policy, sites, creatable, known.catalog)]
        if self.is_deployed:
            unserved = self._read(partial(self._unserved, known.policy)) if known.policy else ""
            found.append(check_policy(known.problem, has_policy=known.policy is not None, unserved=unserved))
            if settings.mode is not Mode.PLAN:
                found.append(self._switch())
        if self.as_role and self.is_deployed:
            found.insert(0, self._dry_run())
        organization = self._read(Organizations(memory_of(settings).client).organization)
        is_hub = bool(settings.accounts)
        return (*found, check_organization(organization, settings.account_id, is_hub=is_hub))

    def _unserved(self, policy: Policy) -> str:
        """Which of the accounts that the policy leaves out of the dry runs this hub doesn't serve. Stacks of single
        accounts may have one policy, which then names others, and nobody knows an organization's before a sweep.
        """
        settings = self.settings
        if not (policy.unproven_accounts and settings.accounts):
            return ""
        members = MemberStore(settings.table_name).read()
        if members.listed_at is None and settings.accounts.is_organization:
            return ""
        served = {settings.own_account_id, *(member.account for member in members.served(settings.accounts))}
        return "; ".join(unserved_words(account, served) for account in sorted(policy.unproven_accounts - served))

    def _switch(self) -> Finding:
        settings = self.settings
        switch = KillSwitch(settings.kill_switch_parameter, settings.table_name, account=settings.switch_account)
        return check_switch(switch.why_on(), switch_command(switch.name, "off") if switch.name else "")

    def _dry_run(self) -> Finding:
        known, settings = self._known, self.settings
        if isinstance(known.sites, NotRead) or isinstance(known.catalog, NotRead):
            unread = known.sites if isinstance(known.sites, NotRead) else known.catalog
            return check_dry_run(None, unread if isinstance(unread, NotRead) else None)
        probe = self._candidate(known.policy, [site.vpc for site in known.sites], known.catalog)
        if probe is None:
            return check_dry_run(None, None)
        dry_runs = DryRuns(settings.stack_name, memory_of(settings).client)
        where = {"vpc_id": probe.vpc_id, "security_group_id": probe.security_group_id}
        answer = self._read(lambda: dry_runs.of_creating(probe.action, **where))
        if isinstance(answer, NotRead) or answer.verdict is not DryRunVerdict.DENIED:
            return check_dry_run(probe, answer)
        decoded = self._read(partial(dry_runs.decode, answer.encoded)) if answer.encoded else ""
        return check_dry_run(probe, answer, read_dry_run_denial(answer, decoded if isinstance(decoded, str) else ""))

    def _candidate(self, policy: Policy | None, vpcs: Sequence[Vpc], catalog: Catalog) -> Candidate | None:
        """The call that a sweep's dry run would make, with the same parameters."""
        if policy is None:
            return None
        kept, settings = memory_of(self.settings), self.settings
        records = self._read(partial(Ownership(settings.ledger).read, settings.home))
        seen = recognize(vpcs, None if isinstance(records, NotRead) else records)
        policy = replace(policy, known_names=known_names(catalog))
        named = read_endpoint_policies(policy, EndpointPolicyStore(settings.endpoint_policies_prefix), settings)
        planning = Planning(
            policy,
            kept.network,
            kept.central,
            settings,
            self.at,
            replace(catalog, ports=policy.ports),
            endpoint_policies=named,
        )
        return candidate_among(seen, planning, settings.stack_name)

    def _room(self) -> tuple[Finding, ...]:
        quotas = QuotaReader(memory_of(self.settings).client)
        values = run_concurrently([partial(self._read, partial(quotas.value, quota.code)) for quota in QUOTAS])
        uses = self._uses(quotas)
        found = [check_quota(quota, value, uses[quota]) for quota, value in zip(QUOTAS, values, strict=True)]
        if not self.settings.member:
            found.append(check_concurrency(self._read(quotas.concurrency), self._reserved(quotas)))
        return tuple(found)

    def _reserved(self, quotas: QuotaReader) -> Reserved:
        names = dict(zip(RUNS, (self.settings.function_name, self.settings.detector_name), strict=True))
        return {
            function: self._read(partial(quotas.reserved, name)) if name else _unnamed("their own names")
            for function, name in names.items()
            if self.is_deployed
        }

    def _uses(self, quotas: QuotaReader) -> Mapping[Quota, Mapping[str, QuotaUse] | NotRead]:
        sites, catalog = self._known.sites, self._known.catalog
        if isinstance(sites, NotRead):
            return dict.fromkeys(QUOTAS, sites)
        if isinstance(catalog, NotRead):
            return dict.fromkeys(QUOTAS, catalog)

        def regional(count: Callable[[], int], use: Callable[[int], QuotaUse]) -> Mapping[str, QuotaUse] | NotRead:
            there = self._read(count)
            return there if isinstance(there, NotRead) else {self.settings.region: use(there)}

        gateways = memory_of(self.settings).network.count_gateway_endpoints
        interfaces = quotas.count_network_interfaces
        return {
            ENDPOINTS: interface_uses(sites, catalog),
            GATEWAYS: regional(gateways, partial(gateway_use, sites, catalog)),
            INTERFACES: regional(interfaces, partial(network_interface_use, sites, catalog)),
            GROUPS: regional(quotas.count_security_groups, partial(group_use, sites)),
        }

    def _networks(self) -> tuple[Finding, ...]:
        known, kept, settings = self._known, memory_of(self.settings), self.settings
        regions = Regions(kept.client, client)
        others = self._read(partial(regions.others, settings.region, settings.stack_name))
        return (
            *self._dns(known.sites),
            check_shared(known.vpcs, settings.account_id),
            check_regions(others, stack=settings.stack_name, is_deployed=self.is_deployed),
        )

    def _dns(self, sites: Sequence[Site] | NotRead) -> tuple[Finding, ...]:
        kept, policy = memory_of(self.settings), self._known.policy
        turns_on = self.settings.may_fix_dns and policy is not None and policy.fix_dns
        if isinstance(sites, NotRead):
            return (check_dns_attributes(sites, left_out=0, turns_on=turns_on),)
        asked = [site for site in sites if site.services or policy is None]
        with_dns, left_out = list[Site](), len(asked)
        for part in batched(asked, _VPCS_AT_ONCE, strict=False):
            if self._is_late:
                break
            vpcs = {vpc.id: vpc for vpc in kept.network.with_dns([site.vpc for site in part])}
            with_dns += [replace(site, vpc=vpcs[site.vpc.id]) for site in part if site.vpc.id in vpcs]
            left_out -= len(part)
        return (
            check_dns_attributes(with_dns, left_out=left_out, turns_on=turns_on),
            check_dns_servers(asked, self._read(kept.central.dns_servers)),
        )

    def _people(self) -> tuple[Finding, ...]:
        settings = self.settings
        watches = self._known.policy.watches if self._known.policy else (Watch(),)
        read = self._read(partial(self._agents, watches))
        agents, cut = (read, ()) if isinstance(read, NotRead) else read
        found = [check_agents(agents, self.agent_usd, cut)]
        if not self.is_deployed or settings.member:
            return tuple(found)
        topics = [("the topic for notices", settings.topic_arn, "subscriptions")]
        topics += [("the topic for chat", settings.chat_topic_arn, CHAT_CHECK)] if settings.chat_topic_arn else []
        found += [
            check_subscriptions(self._read(partial(subscriptions_of, arn)), topic=words, check=check)
            for words, arn, check in topics
        ]
        return tuple(found)

    def _agents(self, watches: Sequence[Watch]) -> tuple[Mapping[str, int], Sequence[str]]:
        """How many agents published to each namespace, and those of which there was no time to list all."""
        time = min(_LISTING_S, self.patience().total_seconds())
        cloudwatch, until = memory_of(self.settings).client("cloudwatch"), monotonic() + time
        counts, not_all = dict[str, int](), list[str]()
        for watch in watches:
            try:
                listed = CloudWatch(watch, cloudwatch, until=until).list_series()
            except ListingCutError as cut:
                listed = dict(cut.listed)
                not_all.append(watch.namespace)
            counts[watch.namespace] = counts.get(watch.namespace, 0) + len(listed)
        return counts, not_all

    @property
    def _is_late(self) -> bool:
        return self.patience() <= timedelta(0)

    def _read[T](self, read: Callable[[], T]) -> T | NotRead:
        """What is read, or why it can't be. An answer of AWS's without what it should have is nothing read, too."""
        if self._is_late:
            return NotRead(_NO_TIME)
        try:
            return read()
        except LifelineError as error:
            return NotRead.because(error)
        except (LookupError, TypeError, ValueError) as error:
            logger.warning("answer not understood", error=repr(error))
            return NotRead(f"AWS's answer wasn't as its API says: {error!r}")


def _unnamed(what: str) -> NotRead:
    return NotRead(f"The stack was deployed from a template that doesn't tell its functions {what}.")


@dataclass(frozen=True, slots=True)
class _Known:
    """The region's networks, and what is required there, as far as it could be read."""

    catalog: Catalog | NotRead
    policy: Policy | None
    problem: str
    vpcs: Sequence[Vpc] | NotRead
    sites: Sequence[Site] | NotRead
