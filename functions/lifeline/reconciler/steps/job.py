"""A run's job: what it is to reconcile, in which mode, and with what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.calls import begin
from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.own_metrics import OwnMetrics
from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.causes import CauseStore
from lifeline.adapters.store.denial_notices import DenialNotices
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.failed_runs import FailedRunStore
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.policy import PolicyStore
from lifeline.adapters.store.requiring_tags import TagStore
from lifeline.adapters.store.routed import RoutedStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.guards.backlog import Epoch
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Part, RegionRef, Vpc, VpcRef
from lifeline.core.network.ownership import Owned, gone, left, recognize, unseen_groups
from lifeline.core.notices.notice import Notice
from lifeline.core.owner import NOBODY, USUAL_TAGS, Owner, OwnerTags, common_owner, owner_of
from lifeline.core.plan.endpoint_lifecycle import FRESH_FOR
from lifeline.core.policy.policy import Policy
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Guards:
    """What is asked before anything is changed. Without `paths` no VPC is known to have lost one. Only a hub's accounts
    share limits, and have a `usage_of_all`. Without `places`, nobody was promised a place at a policy's hub.
    """

    kill_switch: KillSwitch
    limit_usage: LimitUsage
    approvals: Approvals
    paths: PathStore | None = None
    usage_of_all: UsageOfAll | None = None
    places: HubPlaceStore | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs of the world; tests bring their own. Without `exemptions` nobody is exempt manually, without
    `tags` nobody knows what a tag required before, without `incidents` no agent is known to be silent, without `routed`
    no route is known to lead to an instance, without `denials` and `denial_notices` nobody hears of denied reads, and
    without `attributes` nobody knows DNS attributes before. Without `event_path` and `dry_runs` nobody asks whether
    events are heard, without `metrics` no metric says so, and without `hubs` no hub is seen. `causes` are what a
    hub's accounts have in common, and `failed_runs` the detector's in an account of a hub.
    """

    network: Network
    lookup: Lookup
    history: EventHistory
    central: CentralDns
    endpoints: Endpoints
    ownership: Ownership
    vpcs: VpcStore
    audit: AuditLog
    calls: CallRate
    queue: Queue
    notices: Topic
    bus: Bus
    policies: PolicyStore
    guards: Guards
    exemptions: Exemptions | None = None
    tags: TagStore | None = None
    incidents: Incidents | None = None
    routed: RoutedStore | None = None
    denials: Denials | None = None
    denial_notices: DenialNotices | None = None
    attributes: AttributeStore | None = None
    endpoint_policies: EndpointPolicyStore | None = None
    event_path: EventPathStore | None = None
    dry_runs: DryRuns | None = None
    causes: CauseStore | None = None
    metrics: OwnMetrics | None = None
    failed_runs: FailedRunStore | None = None
    hubs: HubReader | None = None

    def under(self, policy: Policy) -> Self:
        """The same tools, which keep and send what the policy in force says."""
        keep = policy.ledger_keep
        return replace(
            self,
            vpcs=self.vpcs.keeping(keep),
            audit=self.audit.keeping(keep),
            notices=self.notices.under(policy),
            bus=self.bus.under(policy),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One run's job. `is_manual` says that the caller only wants to see a plan: nothing is saved, sent or queued.

    `epoch` says since when the stack enforces; None if it doesn't. `owner_tags` are the keys of the tags by which
    `owners` of the VPCs that the run has observed are known.
    """

    mode: Mode
    targets: Targets
    tools: Tools
    settings: Settings
    run: Run
    is_manual: bool = False
    epoch: Epoch | None = None
    owner_tags: OwnerTags = USUAL_TAGS
    owners: dict[str, Owner] = field(default_factory=dict)

    @property
    def is_plan(self) -> bool:
        """True if nothing is applied."""
        return self.mode is Mode.PLAN

    @property
    def home(self) -> RegionRef:
        """The account and the region of all VPCs of the run."""
        return self.settings.home

    def ref(self, vpc_id: str) -> VpcRef:
        """The VPC of this ID, as the ledger knows it."""
        return self.home.vpc(vpc_id)

    def owner(self, vpc_ids: Iterable[str]) -> Owner:
        """The owner that the VPCs have in common, as far as the run has seen them."""
        return common_owner(self.owners.get(vpc_id, NOBODY) for vpc_id in vpc_ids)

    def observe(self, vpc_ids: Iterable[str] | None) -> tuple[Vpc, ...]:
        """The VPCs as they are now, or all of the region for None, with what is Lifeline's own there.

        A plan that a caller wants to see must work where there is no ledger: the tag alone counts then.
        """
        observe = begin(partial(self.tools.network.observe, vpc_ids))
        records: dict[str, Owned] | None = None
        try:
            records = self.tools.ownership.read(self.home)
        except LifelineError as error:
            if not self.is_manual:
                raise
            logger.warning("ownership not read", error=str(error))
        seen = observe()
        seen = self.tools.network.with_groups(seen, unseen_groups(records or {}, seen))
        vpcs = recognize(seen, records)
        if any(endpoint.added_subnet_ids for vpc in vpcs for endpoint in vpc.endpoints):
            records = self.tools.ownership.read(self.home)  # another run may have asked for them since
            vpcs = recognize(seen, records)
        self.tools.ownership.see(vpcs)
        self.owners.update({vpc.id: owner_of(vpc.tags, self.owner_tags) for vpc in vpcs})
        if records and not self.is_manual:
            self._clean_up(records, vpcs, is_region=vpc_ids is None)
        return vpcs

    def _clean_up(self, records: Mapping[str, Owned], vpcs: Sequence[Vpc], *, is_region: bool) -> None:
        """Takes off the record what EC2 doesn't show any more. Until then, nothing counts less for it, so what can't be
        taken off waits for a later run.
        """
        before, ownership = self.run.now() - FRESH_FOR, self.tools.ownership
        try:
            ownership.forget_zones(self.home, left(records, vpcs, before=before))
            if is_region and not any(vpc.unread_words(Part.SECURITY_GROUPS) for vpc in vpcs):
                ownership.delete(self.home, gone(records, vpcs, before=before))
        except LifelineError as error:
            logger.error("what is gone not taken off the record", error=str(error), run_id=self.run.id)

    def save(self, vpc_id: str, before: VpcState, after: VpcState) -> None:
        """Saves what differs between two states of the VPC, and logs what is frozen now. Raises the ledger's errors."""
        self.tools.vpcs.save(self.ref(vpc_id), before, after, now=self.run.now())
        about: dict[str, Any] = {"vpc_id": vpc_id, "run_id": self.run.id}
        for service, freeze in sorted(after.frozen.items()):
            if service not in before.frozen or before.frozen[service].kind is not freeze.kind:
                kind = str(freeze.kind)
                logger.warning("frozen", endpoint_service=service, kind=kind, reason=freeze.why, **about)
        for service in sorted(before.frozen.keys() - after.frozen.keys()):
            logger.info("unfrozen", endpoint_service=service, **about)

    def publish(self, notice: Notice) -> bool:
        """True once the notice is out. A failure is logged: a later run says what the notice was to say.

        It is for the owner of the VPCs that it is about, where they have one in common.
        """
        try:
            self.tools.notices.publish(replace(notice, owner=self.owner(notice.vpc_ids)))
        except LifelineError as error:
            logger.error("notice not sent", subject=notice.subject, error=str(error))
            return False
        return True
