"""What the coverage page reads besides the network. What can't be read becomes a note, and the rest is shown."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.history import History
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.policy import Known, PolicyStore, ReadOnlyPolicy
from lifeline.adapters.store.roster import Roster
from lifeline.adapters.store.suggestions import Suggestions
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.agent import State
from lifeline.core.agents.roster import RosterState
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.event_path.schedule import longest_pause
from lifeline.core.guards.approval import Offer
from lifeline.core.guards.backlog import Epoch
from lifeline.core.guards.kill_switch import switch_command
from lifeline.core.guards.limits import Usage
from lifeline.core.guards.mode import Mode
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.history.entries import Entry, EntryKind
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.model import Catalog, Vpc, VpcRef
from lifeline.core.network.ownership import Owned, recognize, unseen_groups
from lifeline.core.policy.endpoint_policies import EndpointPolicies
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Exempted, Policy
from lifeline.core.suggest.summary import Summary
from lifeline.core.wording import plain
from lifeline.dashboard.coverage import AgentCount, ClosedIncident, Freshness
from lifeline.dashboard.story import closed_row
from lifeline.reconciler.steps.endpoint_policies import read_endpoint_policies
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_MOST_ENTRIES = 5  # of a VPC's audit log
_MOST_CLOSED = 20
_LATELY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Sources:
    """The stores that are read; tests bring their own. `roster` is that of a watch, by its name."""

    ownership: Ownership
    vpcs: VpcStore
    history: History
    incidents: Incidents
    exemptions: Exemptions
    policies: PolicyStore
    kill_switch: KillSwitch
    limit_usage: LimitUsage
    approvals: Approvals
    paths: PathStore | None = None
    times: LatestTimes | None = None
    roster: Callable[[str], Roster] | None = None
    endpoint_policies: EndpointPolicyStore | None = None
    suggestions: Suggestions | None = None
    event_path: EventPathStore | None = None
    usage_of_all: UsageOfAll | None = None
    places: HubPlaceStore | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """What was read of one VPC: its state, its newest audit log entries, and the last suggestion, if there is one."""

    state: VpcState = field(default_factory=VpcState)
    entries: tuple[Entry, ...] = ()
    suggestion: Summary | None = None


class Reads:
    """One page's reads."""

    def __init__(self, sources: Sources, settings: Settings, now: datetime) -> None:
        self._sources = sources
        self._settings = settings
        self._now = now
        self._notes: list[str] = []
        self._lists: dict[VpcList, frozenset[VpcRef]] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What couldn't be read, in words, each once."""
        return tuple(sorted(set(self._notes)))

    def policy(self, catalog: Callable[[], Catalog] = Catalog) -> Policy | None:
        """The policy in force with manual exemptions, or None where there is no valid one. Nothing is written."""
        nobody: tuple[Exempted, ...] = ()
        manual = self.attempt(self._sources.exemptions.read, nobody, "manual exemptions")
        nothing = Known()
        named = self._settings.policy_parameter
        known = self.attempt(self._sources.policies.load, nothing, "the last valid policy") if named else nothing
        store = ReadOnlyPolicy(self._sources.policies, known)
        decision = current_policy(named, stacks_policy(self._settings), store, catalog, now=self._now)
        if decision.problem:
            then = "the last valid one stays in force" if decision.policy else "nothing is required or applied"
            problem = f"{decision.problem.field}: {decision.problem.message}"
            self._notes.append(plain(f"the policy is invalid, so {then}: {problem}"))
        return with_exemptions(decision.policy, manual) if decision.policy else None

    def endpoint_policies(self, policy: Policy) -> EndpointPolicies:
        """The policies of endpoints that the policy names; which of them couldn't be read, plans say."""
        return read_endpoint_policies(policy, self._sources.endpoint_policies, self._settings)

    def open_incidents(self, policy: Policy | None) -> tuple[Incident, ...]:
        """The open incidents of every watch."""
        nothing: tuple[Incident, ...] = ()
        reads = [
            partial(self.attempt, partial(self._sources.incidents.read_open, name), nothing, "open incidents")
            for name in _watches(policy)
        ]
        return tuple(incident for incidents in run_concurrently(reads) for incident in incidents)

    def closed_incidents(self, policy: Policy | None) -> tuple[ClosedIncident, ...]:
        """The incidents of every watch that were closed within a day, the newest first."""
        since, nothing = self._now - _LATELY, ()
        found: list[tuple[Incident, datetime]] = []
        for name in _watches(policy):
            read = partial(self._sources.incidents.read_closed, name, since, most=_MOST_CLOSED)
            found += self.attempt(read, nothing, "closed incidents")
        newest = sorted(found, key=lambda pair: pair[1], reverse=True)[:_MOST_CLOSED]
        return tuple(closed_row(incident, closed) for incident, closed in newest)

    def agents(self, policy: Policy | None) -> tuple[AgentCount | None, Freshness]:
        """How many agents report, are silent or aren't known, and when Lifeline last listed and checked them."""
        nothing = Freshness()
        if not self._sources.roster:
            return None, nothing
        rosters = [self._sources.roster(name) for name in _watches(policy)]
        unread: tuple[AgentCount, RosterState] | None = None
        counts = [self.attempt(partial(_count, roster), unread, "the agents") for roster in rosters]
        known = [count for count in counts if count is not None]
        if len(known) < len(counts):
            return None, nothing
        total = AgentCount(*(sum(values) for values in zip(*(astuple(count) for count, _ in known), strict=True)))
        listed = min((state.discovered_at for _, state in known if state.discovered_at), default=None)
        checked = min((state.checked_at for _, state in known if state.checked_at), default=None)
        return total, Freshness(listed=listed, checked=checked)

    def freshness(self, agents: Freshness) -> Freshness:
        """How old what Lifeline knows is; `agents` says it of these."""
        unread = Freshness(is_read=False)
        times, home = self._sources.times, self._settings.home
        if times is None:
            return unread

        def read() -> Freshness:
            events = self._sources.event_path
            known = replace(agents, heard=times.change(), swept=times.reconciled(home))
            if events is None:
                return known
            path, comparisons = events.read_both()
            pause = longest_pause(self._settings.sweep_schedule)
            return replace(known, path=path, compared=comparisons.last, pause=pause)

        return self.attempt(read, unread, "when Lifeline last heard of a change, and last swept")

    def observe(self, network: Network, vpc_ids: Iterable[str] | None) -> tuple[Vpc, ...]:
        """The VPCs with what is Lifeline's own there; by the tag alone where the ledger can't be read."""
        vpcs = network.observe(vpc_ids)
        read = partial(self._sources.ownership.read, self._settings.home)
        nothing: dict[str, Owned] | None = None
        records = self.attempt(read, nothing, "the record of what Lifeline created (tags were used)")
        return recognize(network.with_groups(vpcs, unseen_groups(records or {}, vpcs)), records)

    def epoch(self) -> Epoch | None:
        """Since when the stack enforces; None if it doesn't."""
        if self._settings.mode is Mode.PLAN:
            return None
        unread: VpcState | None = None
        load = partial(self._sources.vpcs.load, self._settings.home)
        region = self.attempt(load, unread, "since when Lifeline makes changes")
        if region is None:
            return None
        return Epoch(region.enforced_since or self._now, region.swept_at)

    def waiting(self, vpc_ids: Iterable[str]) -> dict[str, VpcState]:
        """The states of those of these VPCs in whose backlog something waits."""
        home, nothing = self._settings.home, VpcState()
        ids = sorted({ref.vpc_id for ref in self._listed(VpcList.WAITING)} & set(vpc_ids))
        load = self._sources.vpcs.load
        reads = [partial(self.attempt, partial(load, home.vpc(id_)), nothing, "the backlog") for id_ in ids]
        return dict(zip(ids, run_concurrently(reads), strict=True))

    def use(self) -> Usage:
        """How much of the limits is used."""
        return self.attempt(self._sources.limit_usage.read, Usage(), "limit usage")

    def use_of_all(self) -> Usage | None:
        """How much of the limits that a hub's accounts share is used; None where none are shared."""
        store = self._sources.usage_of_all
        return self.attempt(store.read, Usage(), "limit usage of all accounts") if store else None

    def listed(self) -> frozenset[str]:
        """The VPCs in whose state there is something."""
        return frozenset(ref.vpc_id for vpc_list in VpcList for ref in self._listed(vpc_list))

    def _listed(self, vpc_list: VpcList) -> frozenset[VpcRef]:
        """The VPCs on the list, read once."""
        if vpc_list not in self._lists:
            read = partial(self._sources.vpcs.listed, vpc_list, self._settings.home)
            self._lists[vpc_list] = self.attempt(
                read, frozenset[VpcRef](), "which VPCs are frozen or wait for approval"
            )
        return self._lists[vpc_list]

    def known(self) -> Mapping[str, KnownVpc]:
        """What Lifeline has seen of each VPC, by id."""
        nothing: Mapping[str, KnownVpc] = {}
        paths = self._sources.paths
        return self.attempt(paths.read, nothing, "limit usage") if paths else nothing

    def examine(self, vpc_ids: Sequence[str]) -> dict[str, Examined]:
        """What the ledger has on each of these VPCs: about three calls each, and one more for suggestions."""
        examined = run_concurrently([partial(self._examine, vpc_id) for vpc_id in vpc_ids])
        return dict(zip(vpc_ids, examined, strict=True))

    def _examine(self, vpc_id: str) -> Examined:
        kinds = (EntryKind.ACTION, EntryKind.OUTCOME)
        nothing: tuple[Entry, ...] = ()
        ref = self._settings.home.vpc(vpc_id)
        newest = partial(self._sources.history.newest, ref, kinds, most=_MOST_ENTRIES)
        return Examined(
            self.attempt(partial(self._sources.vpcs.load, ref), VpcState(), "what Lifeline created, and releases"),
            self.attempt(newest, nothing, "recent actions"),
            self._suggestion(ref),
        )

    def _suggestion(self, ref: VpcRef) -> Summary | None:
        kept, nothing = self._sources.suggestions, None
        if kept is None or not self._settings.may_read_evidence:
            return nothing
        return self.attempt(partial(kept.load, ref), nothing, "the last suggestions")

    def load_offers(self, plan_ids: Iterable[str]) -> dict[str, Offer]:
        """The plans that were offered for approval, whatever became of them."""
        offers = run_concurrently([partial(self._load_offer, plan_id) for plan_id in sorted(set(plan_ids))])
        return {offer.plan_id: offer for offer in offers if offer}

    def _load_offer(self, plan_id: str) -> Offer | None:
        return self.attempt(partial(self._sources.approvals.load, plan_id), None, "plans waiting for approval")

    def why_stopped(self) -> str:
        """Why the kill switch is on, empty if it is off."""
        return self._sources.kill_switch.why_on()

    def switch_command(self, value: str) -> str:
        """The command that turns the kill switch on or off, empty if there is none."""
        name = self._sources.kill_switch.name
        return switch_command(name, value) if name else ""

    def attempt[T](self, read: Callable[[], T], otherwise: T, what: str) -> T:
        """Read, or note what is missing and return `otherwise`."""
        try:
            return read()
        except LifelineError as error:
            logger.warning("not shown on the page", what=what, error=str(error))
            self._notes.append(f"not shown because it could not be read: {what}")
            return otherwise


def _watches(policy: Policy | None) -> tuple[str, ...]:
    return tuple(policy.watch_names) if policy else (Watch().name,)


def _count(roster: Roster) -> tuple[AgentCount, RosterState]:
    """One watch's agents. Which ones aren't known is only kept as a number, and by runs that were split. Where all
    report, their number is enough: to understand 10,000 agents takes long.
    """
    state, sizes = roster.state(), roster.plain_sizes().values()
    states = Counter({State.REPORTING: sum(size or 0 for size in sizes)})
    if None in sizes:
        states = Counter(agent.state for chunk in roster.read() for agent in chunk.agents.values())
    unknown = min(state.unknown, states[State.REPORTING])
    return AgentCount(states[State.REPORTING] - unknown, states[State.SILENT], unknown), state
