"""Reads that AWS's policies deny: a run doesn't repeat what was denied since the last sweep. A sweep does, and so does
a person's call.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.requests.request import Request
from lifeline.reconciler.steps.job import Job
from lifeline.runtime.observability import logger


@contextmanager
def without_denied_reads(job: Job, requests: Sequence[Request], region: VpcState | None) -> Iterator[None]:
    """Knows in its block which reads are denied, by the region's state, and saves what is denied after it. A failure to
    save is logged: the next run makes these reads once more.
    """
    denials = job.tools.denials
    if denials is None:
        yield
        return
    known = {} if region is None or _asks_anew(job, requests) else region.denied
    denials.begin_run(known)
    try:
        yield
    finally:
        denied = denials.denied
        denials.end_run()
        if region is not None and not job.is_manual:
            _save(job, region, denied)


def _asks_anew(job: Job, requests: Sequence[Request]) -> bool:
    return job.is_manual or any(request.is_sweep or _is_of_a_person(request) for request in requests)


def _save(job: Job, region: VpcState, denied: Mapping[str, str]) -> None:
    try:
        job.tools.vpcs.save(job.home, region, replace(region, denied=denied), now=job.run.now())
    except LifelineError as error:
        logger.warning("denied reads not saved", error=str(error), run_id=job.run.id)


def _is_of_a_person(request: Request) -> bool:
    return request.trigger.kind == "call" and request.sent_at is None
