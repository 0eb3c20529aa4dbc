"""Follow: what became of endpoints that were made, kept and told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.history.entries import outcomes_of
from lifeline.core.network.model import Vpc
from lifeline.core.notices.endpoints import lost_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.endpoint_lifecycle import Followed, follow
from lifeline.reconciler.steps.requeue import Returning
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger, metrics


@dataclass(frozen=True, slots=True)
class Following:
    """One look's follow-ups. `publish` says whether a notice went out."""

    ledger: Ledger
    targets: Targets
    returning: Returning
    publish: Callable[[Notice], bool]
    run: Run

    def follow_up(self, vpcs: Sequence[Vpc]) -> dict[str, Followed]:
        """For VPCs in which endpoints were made lately: what is known of them now, kept, and followed on if need be."""
        known: dict[str, Followed] = {}
        for vpc in vpcs:
            if self.targets.is_followed(vpc.id):
                state = self.ledger.load(vpc.id)
                known[vpc.id] = found = self.follow(vpc, state)
                kept = replace(state, made=found.made, failures=found.failures)
                if kept != state:
                    self.ledger.save(vpc.id, kept, now=self.run.now())
        if waiting := [vpc_id for vpc_id, found in known.items() if found.is_waiting]:
            self.returning.follow(waiting)
        return known

    def follow(self, vpc: Vpc, state: VpcState) -> Followed:
        """What became of the VPC's new endpoints, on record and told. The caller keeps it."""
        now = self.run.now()
        followed = follow(state.made, state.failures, vpc, now=now)
        self.ledger.record_outcomes(vpc.id, outcomes_of(followed, state.failures, now), now=now)
        for endpoint_id, took in followed.ready:
            metrics.add_metric("EndpointReadySeconds", MetricUnit.Seconds, took.total_seconds())
            logger.info("endpoint available", vpc_id=vpc.id, endpoint_id=endpoint_id, seconds=took.total_seconds())
        for endpoint_id, words in followed.lost:
            metrics.add_metric("EndpointsLost", MetricUnit.Count, 1)
            logger.error("endpoint lost", vpc_id=vpc.id, endpoint_id=endpoint_id, reason=words)
        if followed.lost:
            self.publish(lost_notice(vpc.id, followed.lost, vpc.tag("Name") or ""))
        return followed
