"""What the coverage page reads beside the network: gently, for what can't be read is said and the rest comes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.history import History
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.policy import Document, Known, PolicyStore, Refused
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.agents.watches import Watch
from lifeline.core.errors import LifelineError
from lifeline.core.guards.approval import Offer
from lifeline.core.guards.limits import Usage
from lifeline.core.history.entries import Entry, EntryKind
from lifeline.core.incidents.incident import Incident
from lifeline.core.policy.exemptions import with_exemptions
from lifeline.core.policy.policy import Exempted, Policy
from lifeline.core.wording import plain
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

_MOST_ENTRIES = 5  # of a VPC's record


@dataclass(frozen=True, slots=True)
class Sources:
    """Where it is read; tests bring their own."""

    ledger: Ledger
    history: History
    incidents: Incidents
    exemptions: Exemptions
    policies: PolicyStore
    kill_switch: KillSwitch
    grants: LimitUsage
    approvals: Approvals


@dataclass(frozen=True, slots=True)
class Examined:
    """What was read of one VPC: what Lifeline remembers, and the newest of its record."""

    state: VpcState = field(default_factory=VpcState)
    entries: tuple[Entry, ...] = ()


class Reads:
    """One page's reads. `notes` say in words what couldn't be read."""

    def __init__(self, sources: Sources, settings: Settings, now: datetime) -> None:
        self._ask = sources
        self._settings = settings
        self._now = now
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """What couldn't be read, each once."""
        return tuple(sorted(set(self._notes)))

    def policy(self) -> Policy | None:
        """The policy in force with what is exempt by hand, or None where there is no valid one. Nothing is written."""
        nobody: tuple[Exempted, ...] = ()
        by_hand = self.attempt(self._ask.exemptions.read, nobody, "what is exempt by hand")
        nothing = Known()
        named = self._settings.policy_parameter
        known = self.attempt(self._ask.policies.load, nothing, "the last valid policy") if named else nothing
        store = _ReadOnly(self._ask.policies, known)
        decision = current_policy(named, stacks_policy(self._settings), store, now=self._now)
        if decision.problem:
            then = "the last valid one holds" if decision.policy else "nothing is required or applied"
            problem = f"{decision.problem.field}: {decision.problem.message}"
            self._notes.append(plain(f"the policy is not valid, so {then}: {problem}"))
        return with_exemptions(decision.policy, by_hand) if decision.policy else None

    def open_incidents(self, policy: Policy | None) -> tuple[Incident, ...]:
        """The open incidents of every watch."""
        said = policy.watches if policy else None
        names = [watch.name for watch in said] if said is not None else [Watch().name]
        nothing: tuple[Incident, ...] = ()
        read = [
            partial(self.attempt, partial(self._ask.incidents.read_open, name), nothing, "open incidents")
            for name in names
        ]
        return tuple(incident for found in run_concurrently(read) for incident in found)

    def use(self) -> Usage:
        """How far the limits are used."""
        return self.attempt(self._ask.grants.read, Usage(), "how far the limits are used")

    def examine(self, vpc_ids: Sequence[str]) -> dict[str, Examined]:
        """What the ledger knows of each of these VPCs: about three calls each."""
        found = run_concurrently([partial(self._examine, vpc_id) for vpc_id in vpc_ids])
        return dict(zip(vpc_ids, found, strict=True))

    def _examine(self, vpc_id: str) -> Examined:
        kinds = (EntryKind.ACTION, EntryKind.OUTCOME)
        nothing: tuple[Entry, ...] = ()
        newest = partial(self._ask.history.newest, vpc_id, kinds, most=_MOST_ENTRIES)
        return Examined(
            self.attempt(partial(self._ask.ledger.load, vpc_id), VpcState(), "what Lifeline made, and who released it"),
            self.attempt(newest, nothing, "the last actions"),
        )

    def load_offers(self, plan_ids: Iterable[str]) -> dict[str, Offer]:
        """Those of the plans that were offered for approval, whatever became of them."""
        asked = sorted(set(plan_ids))
        words = "which plans wait for approval"
        found = run_concurrently([partial(self._load_offer, plan_id, words) for plan_id in asked])
        return {offer.plan_id: offer for offer in found if offer}

    def _load_offer(self, plan_id: str, words: str) -> Offer | None:
        return self.attempt(partial(self._ask.approvals.load, plan_id), None, words)

    def why_stopped(self) -> str:
        """Why the kill switch lets nothing be changed, or an empty text."""
        return self._ask.kill_switch.why_on()

    def attempt[T](self, read: Callable[[], T], otherwise: T, what: str) -> T:
        """What is read, or `otherwise` with a note of what is missing."""
        try:
            return read()
        except LifelineError as error:
            logger.warning("not on the page", what=what, error=str(error))
            self._notes.append(f"not shown, for it can't be read: {what}")
            return otherwise


@dataclass(frozen=True, slots=True)
class _ReadOnly:
    """The policy store without its writes, which are ReconcileEndpoints' own."""

    store: PolicyStore
    known: Known

    def read(self, parameter_name: str) -> Document:
        return self.store.read(parameter_name)

    def load(self) -> Known:
        return self.known

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        pass

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        pass

    def close(self, refused: Refused, *, now: datetime) -> None:
        pass
