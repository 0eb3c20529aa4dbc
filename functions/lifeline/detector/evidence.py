"""The evidence for a diagnosis: read as little of the agents' surroundings as it needs, and diagnose."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.agent import Agent, State
from lifeline.core.agents.instances import UNMANAGED, Health, Instance
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.canary import Canary, as_known
from lifeline.core.coexist.cuts import Cuts
from lifeline.core.errors import LifelineError
from lifeline.core.guards.backlog import GapSurvey
from lifeline.core.guards.freeze import Freeze, standing
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import LINGERING
from lifeline.core.incidents.diagnose import diagnose
from lifeline.core.incidents.facts import METRICS, Facts
from lifeline.core.incidents.incident import Cause, CauseKind, Incident
from lifeline.core.incidents.late import Others
from lifeline.core.incidents.rating import NOT_KNOWN, Surroundings
from lifeline.core.incidents.zones import FEWEST, is_undecided
from lifeline.core.network.dns import DnsView
from lifeline.core.network.egress import OwnGroups, egress_to_public
from lifeline.core.network.model import Catalog, Part, Ranges, RegionRef, SecurityGroup, Subnet, Tier, Vpc, named_lists
from lifeline.core.network.ports import ports_of
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.network.way_out import usable_tiers, way_out
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.central import Central
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Exempted, Policy, asked_in, spared_in
from lifeline.detector.survey import Quiet, QuietAmong, nobody_quiet
from lifeline.runtime.observability import logger

_BEFORE = timedelta(hours=24)
_MOST_VPCS = 20
_MOST_CENTRAL = 10  # VPCs a run: Route 53 allows an account five calls a second (Route 53 guide: quotas)
_MOST_CHECKED = 1000  # instances a run whose status checks are read: ten calls
_MOST_ROLES = 10
_MOST_GROUPS = 200  # security groups a run: one call
_MOST_LISTS = 20  # prefix lists a run, beside those that the VPCs name: one call each


@dataclass(frozen=True, slots=True)
class EvidenceSources:
    """The adapters that evidence is read from. All agents are in the account and region `home`. `ports` are those that
    the policy says of services, `mode` is the stack's, `fixes_dns` whether Lifeline may turn on DNS attributes, and
    `hub` the one that the policy names, if VPCs may share its endpoints. `policy` says what is required, but for what
    people exempted by a call.
    """

    instances: Instances
    network: Network
    central: CentralDns
    vpcs: VpcStore
    audit: AuditLog
    roles: Roles
    home: RegionRef
    paths: PathStore | None = None
    ports: tuple[tuple[str, Ranges], ...] = ()
    mode: Mode = Mode.ENFORCE
    fixes_dns: bool = False
    hub: Central | None = None
    policy: Policy | None = None
    exemptions: Exemptions | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be diagnosed: the watch's agents by entity, the instances known so far, and the open incidents.

    `quiet_among` is the survey's: who still counts as reporting, but not for certain. `left_out` counts the
    agents that report and weren't given, because nobody near them on the roster is silent.
    """

    watch: Watch
    agents: Mapping[str, Agent]
    instances: Mapping[str, Instance]
    open_incidents: Sequence[Incident]
    now: datetime
    quiet_among: QuietAmong = nobody_quiet
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Vicinity:
    """What was read about one VPC; `unreadable` is what couldn't be read, in words; `is_past_read` is as of Facts."""

    vpc: Vpc | None = None
    dns: DnsView | None = None
    changes: tuple[Change, ...] = ()
    made: tuple[tuple[str, Made], ...] = ()
    frozen: tuple[tuple[str, Freeze], ...] = ()
    unreadable: tuple[str, ...] = ()
    is_past_read: bool = True
    canaries: tuple[tuple[str, Canary], ...] = ()
    known: KnownVpc | None = None
    survey: GapSurvey | None = None
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    spared: Mapping[str, Mapping[str, Exempted]] = field(default_factory=dict)
    cuts: Cuts = field(default_factory=dict)


class EvidenceCollector:
    """Finds causes. What can't be read makes a cause less certain; it never fails the run. Nor does what fails
    unexpectedly in a VPC, which is among the `faults`, in words: there, nothing counts as known then.
    """

    def __init__(self, sources: EvidenceSources, case: Case) -> None:
        self._sources = sources
        self._case = case
        self._unreadable: dict[str, list[str]] = defaultdict(list)  # by VPC; "" is for all
        self._seen_instances: Mapping[str, Instance] = {}
        self._seen_vpcs: Mapping[str, Vpc] = {}
        self.faults: dict[str, str] = {}  # by VPC

    def find_causes(self, entities: Iterable[str]) -> dict[str, Cause]:
        """Find the cause of each agent's silence, as far as it can be determined from outside."""
        wanted = sorted(set(entities) & self._case.agents.keys())
        if not wanted:
            return {}
        try:
            return self._find(wanted)
        except LifelineError:
            raise
        except Exception:  # noqa: BLE001 - logged, and traced to its VPC
            logger.exception("diagnosis failed unexpectedly", agents=len(wanted))
        self._trace(wanted)
        return self._find(wanted)

    def _trace(self, wanted: Sequence[str]) -> None:
        """Finds the VPCs whose agents' causes can't be found, among those that a run looks at."""
        for vpc_id, entities in _by_vpc(wanted, self._seen_instances)[:_MOST_VPCS]:
            try:
                self._find(entities)
            except LifelineError:
                raise
            except Exception as error:  # noqa: BLE001 - logged above, and among the faults
                self.faults[vpc_id] = f"judging {vpc_id} failed unexpectedly: {type(error).__name__}"

    def _find(self, wanted: Sequence[str]) -> dict[str, Cause]:
        instances = self._seen_instances = self._instances(wanted)
        checked = [entity for entity in wanted if instances[entity].vpc_id][:_MOST_CHECKED]
        nothing: dict[str, Health] = {}
        health = self._attempt(lambda: self._sources.instances.health(checked), nothing, "status checks")
        catalog = self._attempt(self._sources.network.catalog, Catalog(), "the region's endpoint services")
        catalog = replace(catalog, ports=self._sources.ports)
        if catalog.why_unread:
            self._unreadable[""].append("the region's endpoint services could not be read")
        groups = self._groups(instances.values())
        vicinities = self._vicinities(wanted, instances, groups)
        lists = self._lists(groups)
        facts = {
            entity: self._facts(entity, instances[entity], health, vicinities, catalog, groups, lists)
            for entity in wanted
            if self._case.agents[entity].gap
        }
        causes = diagnose(facts, self._case.now, reporting_by_zone={})
        open_ = {entity: candidate for entity, candidate in facts.items() if is_undecided(candidate, causes[entity])}
        if not open_:
            return causes
        reporting, quiet, others = self._others(open_)
        known = facts | self._with_roles(open_)
        return diagnose(known, self._case.now, reporting_by_zone=reporting, quiet_by_zone=quiet, others=others)

    def surroundings(self) -> Surroundings:
        """What is known of the places of the agents whose causes were found, so that these can be rated."""
        if not self._seen_instances:
            return NOT_KNOWN
        vpc_ids = sorted(self._seen_vpcs)
        read = run_concurrently([partial(self._sources.instances.running_in, vpc_id) for vpc_id in vpc_ids])
        running = {vpc_id: found for vpc_id, found in zip(vpc_ids, read, strict=True) if found is not None}
        everyone = {entity: instance for found in running.values() for entity, instance in found.items()}
        return Surroundings(
            instances={**everyone, **self._seen_instances},
            vpc_tags={vpc_id: dict(vpc.tags) for vpc_id, vpc in self._seen_vpcs.items()},
            reporting={
                vpc_id: tuple(instance for entity, instance in found.items() if self._may_report(entity))
                for vpc_id, found in running.items()
            },
        )

    def _may_report(self, entity: str) -> bool:
        """True if the agent reports. Of those that were left out because they report, nobody says which they are."""
        agent = self._case.agents.get(entity)
        return self._case.left_out > 0 if agent is None else agent.state is State.REPORTING

    def _instances(self, wanted: Sequence[str]) -> dict[str, Instance]:
        missing = [entity for entity in wanted if entity not in self._case.instances]
        known = {**self._case.instances, **self._sources.instances.look_up(missing)}
        return {entity: known.get(entity, UNMANAGED) for entity in wanted}

    def _groups(self, instances: Iterable[Instance]) -> tuple[SecurityGroup, ...]:
        """The instances' own security groups, as many as one run may read."""
        ids = sorted({id_ for instance in instances for id_ in instance.group_ids or ()})[:_MOST_GROUPS]
        none: tuple[SecurityGroup, ...] = ()
        if not ids:
            return none
        return self._attempt(lambda: self._sources.network.groups(ids), none, "the instances' security groups")

    def _lists(self, groups: Iterable[SecurityGroup]) -> Mapping[str, tuple[str, ...]]:
        """The prefix lists that the groups' outbound rules name, from the VPCs that were observed, or else as many as
        one run may read.
        """
        known = {list_id: cidrs for vpc in self._seen_vpcs.values() for list_id, cidrs in vpc.prefix_lists}
        named = named_lists(rule for group in groups for rule in group.egress)
        return {**known, **self._sources.network.prefix_lists(sorted(named - known.keys())[:_MOST_LISTS])}

    def _vicinities(
        self, wanted: Sequence[str], instances: Mapping[str, Instance], groups: Sequence[SecurityGroup]
    ) -> dict[str, _Vicinity]:
        """Read the surroundings of each VPC, those with most silent agents first, as far as one run can."""
        order = [vpc_id for vpc_id, _ in _by_vpc(wanted, instances)]
        seen = [vpc_id for vpc_id in order if vpc_id not in self.faults][:_MOST_VPCS]
        none: tuple[Vpc, ...] = ()
        vpcs = {vpc.id: vpc for vpc in self._attempt(lambda: self._observe(seen), none, "the network")}
        self._seen_vpcs = vpcs
        silent = [instances[entity] for entity in wanted]
        known = self._known() if seen else {}
        shut_in = [vpc_id for vpc_id, vpc in vpcs.items() if _is_any_shut_in(vpc, silent, groups)]
        # A way out is of no use to a name that leads elsewhere: what was seen to answer it may be a hub, cut off now.
        served = [vpc_id for vpc_id in vpcs if vpc_id in known and METRICS in known[vpc_id].paths]
        asking = list(dict.fromkeys((*shut_in, *served)))[:_MOST_CENTRAL]
        views = run_concurrently([partial(self._view, vpc_id) for vpc_id in asking])
        dns = dict(zip(asking, views, strict=True))
        for vpc_id in shut_in[_MOST_CENTRAL:]:
            self._unreadable[vpc_id].append(f"the DNS answers in {vpc_id} are read in a later run")
        read = run_concurrently([partial(self._loaded, vpc_id, wanted, instances) for vpc_id in seen])
        untraced = self._untraced(wanted) if seen else ()
        is_past_read = untraced is not None
        required = self._required(vpcs.values())
        found = {
            vpc_id: replace(
                loaded,
                **required.get(vpc_id, {}),
                vpc=vpcs.get(vpc_id),
                dns=dns.get(vpc_id),
                changes=(*loaded.changes, *(untraced or ())),
                known=known.get(vpc_id),
                is_past_read=loaded.is_past_read and is_past_read,
                unreadable=self._unreadable_in(vpc_id),
            )
            for vpc_id, loaded in zip(seen, read, strict=True)
        }
        crowded = _Vicinity(
            unreadable=(f"more than {_MOST_VPCS} VPCs have silent agents: this one is examined in a later run",),
            is_past_read=False,
        )
        unjudged = {id_: _Vicinity(unreadable=(words,), is_past_read=False) for id_, words in self.faults.items()}
        return {**dict.fromkeys(order, crowded), **found, **unjudged}

    def _required(self, vpcs: Collection[Vpc]) -> Mapping[str, Mapping[str, Any]]:
        """What is required in each VPC's subnets, and what would be but for an exemption; nothing without a policy."""
        policy, exemptions, today = self._sources.policy, self._sources.exemptions, self._case.now.date()
        if policy is None or not vpcs:
            return {}
        nobody: tuple[Exempted, ...] = ()
        manual = self._attempt(exemptions.read, nobody, "the manual exemptions") if exemptions else nobody
        policy = with_exemptions(policy, manual)
        tiers = {vpc.id: usable_tiers(vpc) for vpc in vpcs}
        return {
            vpc.id: {
                "asked": asked_in(policy, vpc, tiers[vpc.id], today=today),
                "spared": spared_in(policy, vpc, tiers[vpc.id], today=today),
            }
            for vpc in vpcs
        }

    def _observe(self, vpc_ids: Sequence[str]) -> tuple[Vpc, ...]:
        """The VPCs. If one's DNS attributes can't be read, such as another account's, they count as enabled."""
        vpcs = self._sources.network.observe(vpc_ids)
        return tuple(vpc for found in run_concurrently([partial(self._with_dns, vpc) for vpc in vpcs]) for vpc in found)

    def _with_dns(self, vpc: Vpc) -> tuple[Vpc, ...]:
        what = f"the DNS attributes of {vpc.id}"
        unread: tuple[Vpc, ...] = (vpc,)
        found = self._attempt(partial(self._sources.network.with_dns, [vpc]), unread, what, vpc.id)
        if not any(seen.unread_words(Part.DNS_ATTRIBUTES) for seen in found):
            return found
        self._unreadable[vpc.id].append(f"{what} could not be read")
        return unread

    def _known(self) -> Mapping[str, KnownVpc]:
        """The paths that Lifeline saw over time, by VPC."""
        none: Mapping[str, KnownVpc] = {}
        paths = self._sources.paths
        return self._attempt(paths.read, none, "the paths that Lifeline saw before") if paths else none

    def _untraced(self, wanted: Sequence[str]) -> tuple[Change, ...] | None:
        """The changes without a known VPC, since shortly before the first gap; None if they couldn't be read."""
        gaps = [gap.since for entity in wanted if (gap := self._case.agents[entity].gap)]
        since = min(gaps, default=self._case.now) - LINGERING
        read = partial(self._sources.audit.untraced_changes, self._sources.home, since=since, until=self._case.now)
        return self._attempt(read, None, "the changes of unknown VPCs")

    def _view(self, vpc_id: str) -> DnsView | None:
        read = partial(self._sources.central.view, vpc_id, region=self._sources.home.region)
        return self._attempt(read, None, f"the DNS answers in {vpc_id}", vpc_id)

    def _loaded(self, vpc_id: str, wanted: Sequence[str], instances: Mapping[str, Instance]) -> _Vicinity:
        """The network changes since a day before the first gap there, the endpoints created there, the freezes and the
        canaries.
        """
        gaps = [self._case.agents[entity].gap for entity in wanted if instances[entity].vpc_id == vpc_id]
        since = min((gap.since for gap in gaps if gap), default=self._case.now) - _BEFORE
        ref = self._sources.home.vpc(vpc_id)
        read = partial(self._sources.audit.changes_of, ref, since=since, until=self._case.now)
        found = self._attempt(read, None, f"the changes of {vpc_id}", vpc_id)
        changes = found or ()
        load = partial(self._sources.vpcs.load, ref)
        state = self._attempt(load, None, f"the endpoints created in {vpc_id}", vpc_id)
        if state is None:
            return _Vicinity(changes=changes, is_past_read=False)
        return _Vicinity(
            changes=changes,
            is_past_read=found is not None,
            made=tuple(sorted(state.made.items())),
            frozen=tuple(sorted(standing(state.frozen, self._case.now).items())),
            canaries=tuple(sorted(as_known(state.canaries, state.frozen).items())),
            survey=state.survey,
            cuts=state.cuts,
        )

    def _facts(
        self,
        entity: str,
        instance: Instance,
        health: Mapping[str, Health],
        vicinities: Mapping[str, _Vicinity],
        catalog: Catalog,
        groups: Sequence[SecurityGroup],
        lists: Mapping[str, tuple[str, ...]],
    ) -> Facts:
        around = vicinities.get(instance.vpc_id, _Vicinity())
        agent = self._case.agents[entity]
        causes = ((incident.cause, incident.began) for incident in self._case.open_incidents)
        return Facts(
            agent=agent,
            watch=self._case.watch,
            instance=instance,
            health=health.get(entity, Health.UNKNOWN),
            vpc=around.vpc,
            catalog=catalog,
            dns=around.dns,
            changes=around.changes,
            canaries=around.canaries,
            made=around.made,
            earlier=tuple((cause, began) for cause, began in causes if _concerns(cause, instance)),
            frozen=around.frozen,
            own=next((incident.cause for incident in self._case.open_incidents if incident.id == agent.incident), None),
            unreadable=around.unreadable,
            is_past_read=around.is_past_read,
            known=around.known,
            mode=self._sources.mode,
            fixes_dns=self._sources.fixes_dns,
            survey=around.survey,
            asked=around.asked.get(instance.subnet_id),
            spared=tuple(around.spared.get(instance.subnet_id, {}).items()),
            cuts=around.cuts,
            hub=self._sources.hub,
            price=price_in(self._sources.home.region),
            own_groups=tuple(group for group in groups if group.id in (instance.group_ids or ())),
            own_lists=tuple(lists.items()),
        )

    def _with_roles(self, facts: Mapping[str, Facts]) -> dict[str, Facts]:
        """The facts, with their roles' permissions."""
        asking = {candidate.instance.profile_arn for candidate in facts.values()} - {""}
        profiles = sorted(asking)[:_MOST_ROLES]
        judge = self._sources.roles.may_publish
        verdicts = run_concurrently([partial(judge, profile, self._case.watch.namespace) for profile in profiles])
        roles = dict(zip(profiles, verdicts, strict=True))
        return {entity: replace(known, role=roles.get(known.instance.profile_arn)) for entity, known in facts.items()}

    def _others(self, facts: Mapping[str, Facts]) -> tuple[Counter[str], Counter[str], Others]:
        """How many agents still report, and how many are quiet, in each zone that may have failed as a whole, and in
        all. Who publishes so seldom that nothing was due since the silence began counts as neither.

        Who is quiet is read only if a silence is new or a zone may have failed, and EC2 is called only if there may be
        enough of them.
        """
        silent = Counter(candidate.instance.zone for candidate in facts.values() if candidate.instance.zone)
        most = max(silent.values(), default=0)
        new = [candidate.since(self._case.now) for candidate in facts.values() if candidate.own is None]
        since = min(new or (candidate.since(self._case.now) for candidate in facts.values()))
        up = [agent.entity for agent in self._case.agents.values() if agent.state is State.REPORTING]
        scale = max(1, len(up) // _MOST_CHECKED)
        sample = up[::scale]
        quiet_ones = self._case.quiet_among(sample, since) if new or most >= FEWEST else Quiet()
        quiet_in_all = scale * len(quiet_ones.agents)
        not_reporting = quiet_in_all + scale * len(quiet_ones.not_due)
        others = Others(max(0, len(up) - not_reporting) + self._case.left_out, quiet_in_all)
        if not most or most + quiet_in_all < FEWEST:
            return Counter(), Counter(), others
        found = self._sources.instances.look_up(sample)
        quiet = Counter({instance.zone: 0 for instance in found.values() if instance.zone})
        reporting = Counter(quiet)
        for entity, instance in found.items():
            if instance.zone and entity not in quiet_ones.not_due:
                (quiet if entity in quiet_ones.agents else reporting)[instance.zone] += scale
        return reporting, quiet, others

    def _unreadable_in(self, vpc_id: str) -> tuple[str, ...]:
        return (*self._unreadable[""], *self._unreadable[vpc_id])

    def _attempt[T](self, read: Callable[[], T], otherwise: T, what: str, vpc_id: str = "") -> T:
        try:
            return read()
        except LifelineError as error:
            logger.warning("evidence not read", what=what, error=str(error))
            self._unreadable[vpc_id].append(f"{what} could not be read")
            return otherwise


def _by_vpc(entities: Iterable[str], instances: Mapping[str, Instance]) -> list[tuple[str, list[str]]]:
    """The agents of each VPC, the one with most of them first."""
    found: dict[str, list[str]] = defaultdict(list)
    for entity in entities:
        if (instance := instances.get(entity)) and instance.vpc_id:
            found[instance.vpc_id].append(entity)
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def _concerns(cause: Cause, instance: Instance) -> bool:
    if cause.kind is CauseKind.CLOUDWATCH:
        return True
    if cause.kind is CauseKind.ZONE:
        return cause.zone == instance.zone
    return cause.vpc_id == instance.vpc_id


def _is_any_shut_in(vpc: Vpc, instances: Collection[Instance], groups: Sequence[SecurityGroup]) -> bool:
    """True if one of the instances has no way out, by its routes, by filters or by its own groups, or may have none:
    then what answers the names decides.
    """
    tiers = classify_subnets(vpc)
    ipv6_only = {subnet.id for subnet in vpc.subnets if subnet.is_ipv6_only}
    found = (
        (
            tiers.get(instance.subnet_id),
            instance.has_ipv6_address if instance.subnet_id in ipv6_only else instance.has_public_address,
        )
        for instance in instances
    )
    if any(
        tier is not None and (Tier.ISOLATED in tier.possible or (Tier.PUBLIC in tier.possible and not has_address))
        for tier, has_address in found
    ):
        return True
    homes = {subnet.id: subnet for subnet in vpc.subnets}
    here = [instance for instance in instances if instance.subnet_id in homes]
    if any(
        way_out(homes[id_], vpc, METRICS, ports_of(METRICS, {})).obstacles
        for id_ in {instance.subnet_id for instance in here}
    ):
        return True
    ends = {(instance.group_ids, instance.subnet_id) for instance in here if instance.group_ids}
    return not all(_let_out(ids or frozenset(), homes[id_], vpc, groups) for ids, id_ in ends)


def _let_out(group_ids: frozenset[str], home: Subnet, vpc: Vpc, groups: Iterable[SecurityGroup]) -> bool:
    own = OwnGroups(group_ids, tuple(group for group in groups if group.id in group_ids))
    return egress_to_public(own, METRICS, home, vpc, ports_of(METRICS, {})).is_open is True
