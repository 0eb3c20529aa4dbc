"""Follow up: what became of endpoints that were made, in the audit log and in a notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.history.entries import outcomes_of
from lifeline.core.network.model import Vpc
from lifeline.core.notices.endpoints import lost_notice
from lifeline.core.plan.endpoint_lifecycle import Followed, is_overdue
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.requeue import Requeuing
from lifeline.runtime.observability import logger


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One run's follow-ups. What can't be saved of a VPC is added to `unsaved`."""

    job: Job
    requeuing: Requeuing
    unsaved: dict[str, LifelineError]

    def follow_up(
        self, vpcs: Sequence[Vpc], swept: Mapping[str, VpcState]
    ) -> tuple[dict[str, VpcState], dict[str, Followed]]:
        """For VPCs in which endpoints were made lately: their state, saved as it is now, and what is known of the
        endpoints. Where one is still coming up, the VPC is requeued if it was put back for that. Of those that a sweep
        looks at, by these states, where nobody has looked for long: no message may be left that asks for it. A VPC
        whose state can't be saved is left out.
        """
        states: dict[str, VpcState] = {}
        known: dict[str, Followed] = {}
        overdue = {vpc_id for vpc_id, state in swept.items() if is_overdue(state.made, self.job.run.now())}
        for vpc in vpcs:
            if self.job.targets.is_followed(vpc.id) or vpc.id in overdue:
                try:
                    state = self.job.tools.vpcs.load(self.job.ref(vpc.id))
                    followed = self.follow(vpc, state)
                    after = replace(state, made=followed.made, failures=followed.failures)
                    self.job.save(vpc.id, state, after)
                except LifelineError as error:
                    logger.error("what became of endpoints not saved", vpc_id=vpc.id, error=str(error))
                    self.unsaved[vpc.id] = error
                    continue
                states[vpc.id], known[vpc.id] = after, followed
        waiting = [vpc_id for vpc_id, followed in known.items() if followed.is_waiting]
        if asked := [vpc_id for vpc_id in waiting if self.job.targets.is_followed(vpc_id)]:
            self.requeuing.follow(asked)
        return states, known

    def follow_leased(
        self, vpcs: Sequence[Vpc], states: Mapping[str, VpcState], failed: dict[str, LifelineError]
    ) -> dict[str, Followed]:
        """What became of new endpoints in VPCs that this run has leased. The caller saves it. VPCs of which it can't be
        recorded are added to `failed`, with the error.
        """
        followed: dict[str, Followed] = {}
        for vpc in vpcs:
            try:
                followed[vpc.id] = self.follow(vpc, states[vpc.id])
            except LifelineError as error:
                failed[vpc.id] = error
        return followed

    def follow(self, vpc: Vpc, state: VpcState) -> Followed:
        """What became of the VPC's new endpoints, in the audit log and, where one was lost, in a notice."""
        now = self.job.run.now()
        followed = state.followed(vpc, now=now)
        self.job.tools.audit.record_outcomes(self.job.ref(vpc.id), outcomes_of(followed, state.failures, now), now=now)
        for endpoint_id, took in followed.ready:
            logger.info("endpoint available", vpc_id=vpc.id, endpoint_id=endpoint_id, seconds=took.total_seconds())
        for endpoint_id, words in followed.lost:
            logger.error("endpoint lost", vpc_id=vpc.id, endpoint_id=endpoint_id, reason=words)
        if followed.lost:
            self.job.publish(lost_notice(vpc.id, followed.lost, vpc.tag("Name") or ""))
        return followed
