"""Since when the stack enforces in its region, and whether a sweep has judged every VPC there since: in the ledger."""

from collections.abc import Iterable
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, UnreadableError
from lifeline.core.guards.backlog import Epoch
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Vpc
from lifeline.reconciler.steps.job import Job
from lifeline.runtime.observability import logger


def read_region(job: Job) -> VpcState | None:
    """The region's state. A plan that a caller wants to see must work where there is no ledger: None then.

    Raises UnreadableError where it isn't understood since when the stack enforces: what was missing all along would be
    taken for lost, or the other way round.
    """
    try:
        return _understood(job.tools.vpcs.load(job.home), job)
    except LifelineError as error:
        if not job.is_manual:
            raise
        logger.warning("not read since when the stack enforces", error=str(error))
        return None


def _understood(region: VpcState, job: Job) -> VpcState:
    if region.unread:
        raise UnreadableError(f"the state of {job.home} can't be read: {', '.join(sorted(region.unread))}")
    return region


def current_epoch(job: Job, region: VpcState | None) -> Epoch | None:
    """The epoch by the region's state, which the stack's first run in enforce mode begins; None in plan mode. Where the
    state couldn't be read, nothing waits.
    """
    if job.settings.mode is Mode.PLAN or region is None:
        return None
    now = job.run.now()
    if region.enforced_since is None and not job.is_manual:
        job.tools.vpcs.save(job.home, region, replace(region, enforced_since=now), now=now)
    return Epoch(region.enforced_since or now, region.swept_at)


def end_epoch(job: Job) -> None:
    """Ends the epoch: call it after a sweep in plan mode. What is missing when the stack enforces again, waits."""
    state = job.tools.vpcs.load(job.home)
    ended = replace(state, enforced_since=None, swept_at=None, backlog_notified_at=None)
    job.tools.vpcs.save(job.home, state, ended, now=job.run.now())


def mark_swept(job: Job, vpcs: Iterable[Vpc]) -> None:
    """Keeps that every VPC was judged, once each was: call it after a sweep, with all that are still there. From then
    on, a VPC that nobody has judged was made since. One that had to wait for its turn was not, so a later sweep ends
    what this one began. A state that can't be read holds up no other VPC.
    """
    if job.epoch is None or job.epoch.swept_at:
        return
    now, began = job.run.now(), job.epoch.began
    states = job.tools.vpcs.load_all(job.ref(vpc.id) for vpc in vpcs)
    if all(state.unread or (state.survey and state.survey.at >= began) for state in states.values()):
        state = job.tools.vpcs.load(job.home)
        job.tools.vpcs.save(job.home, state, replace(state, swept_at=now), now=now)
