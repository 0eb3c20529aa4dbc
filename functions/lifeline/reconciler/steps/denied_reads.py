"""Reads that AWS's policies deny: a run doesn't repeat what was denied since the last sweep. A sweep does, and so does
a person's call.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lifeline.adapters.aws.denials import KnownDenialError
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.denial import by_organizations, read_denial
from lifeline.core.errors import LifelineError, TerminalError
from lifeline.core.requests.request import Request
from lifeline.reconciler.steps.job import Job
from lifeline.runtime.observability import logger

TRIES = 3  # of a message that AWS denies, before it is believed


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
    tries = max((request.tries for request in requests), default=0)
    if 1 < tries <= TRIES:
        known = by_organizations(known)
    denials.begin_run(known)
    is_done = False
    try:
        yield
        is_done = True
    finally:
        denied = denials.denied
        denials.end_run()
        if region is not None and not job.is_manual:
            is_kept = is_done or tries >= TRIES  # otherwise, it is asked anew
            _save(job, region, denied if is_kept else {**by_organizations(denied), **known})


def may_pass(error: LifelineError, request: Request) -> bool:
    """True if the denial may be over when the message comes again: roles and their policies take a while to be
    everywhere (IAM guide: eventual consistency). What the organization denies doesn't pass, nor what earlier runs knew.
    """
    if not isinstance(error, TerminalError) or isinstance(error.__cause__, KnownDenialError):
        return False
    if not 0 < request.tries < TRIES:
        return False
    denial = read_denial(str(error), error.code)
    return denial is not None and not denial.denier.is_organizations


def _asks_anew(job: Job, requests: Sequence[Request]) -> bool:
    return job.is_manual or any(request.is_sweep or _is_of_a_person(request) for request in requests)


def _save(job: Job, region: VpcState, denied: Mapping[str, str]) -> None:
    try:
        job.tools.vpcs.save(job.home, region, replace(region, denied=denied), now=job.run.now())
    except LifelineError as error:
        logger.warning("denied reads not saved", error=str(error), run_id=job.run.id)


def _is_of_a_person(request: Request) -> bool:
    return request.trigger.kind == "call" and request.sent_at is None
