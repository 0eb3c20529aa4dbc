"""Accept: what requests themselves freeze, unfreeze, release and try to delete, saved before anything is planned.

From then on it is in the ledger: a run that continues the work needs nothing but the VPC's ID.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.network.model import Catalog, Vpc, VpcRef
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.amendments import AMENDMENTS
from lifeline.reconciler.amend.retirement import is_released
from lifeline.reconciler.facts import context_of, run_context
from lifeline.reconciler.steps.faults import judging
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.leases import leased
from lifeline.runtime.invocation import MARGIN, Run

_LEAST_TIME = 2 * MARGIN


class BusyError(TransientError):
    """Another run works on these VPCs, so what was asked of them couldn't be saved: it has to be asked again."""

    def __init__(self, *vpc_ids: str) -> None:
        words = (
            f"another run works on {', '.join(vpc_ids)}: nothing was frozen or unfrozen there, ask again in a minute"
        )
        super().__init__(words, code="Busy")


def accept_requests(vpcs: Sequence[Vpc], job: Job) -> dict[str, LifelineError]:
    """Saves what the requests freeze and unfreeze in these VPCs. It takes their leases, as every run
    that freezes something does, so a person's word is never overwritten by a run that read before it.

    Returns, by VPC, why nothing was saved: BusyError where another run has it. What was asked there must come again.
    """
    run, nothing, whose = run_context(job), VpcState(), Catalog()
    if any(request.claim for requests in job.targets.requests.values() for request in requests):
        whose = job.tools.network.catalog()
        run = replace(run, catalog=whose)

    failed: dict[str, LifelineError] = {}

    def accept(vpc: Vpc) -> None:
        context = context_of(vpc, job, run)
        if not whose.is_read and any(request.claim for request in context.requests):
            raise TransientError(f"whose name is claimed isn't known: {whose.why_unread}", code="Unread")
        if all(amendment.accept(context, nothing) == nothing for amendment in AMENDMENTS):
            return  # what doesn't change an empty state changes none
        _check_time(job.run, failed)
        with leased(job.ref(vpc.id), job.tools.vpcs, job.run) as before:
            if before is None:
                raise BusyError(vpc.id)
            after = before
            for amendment in AMENDMENTS:
                after = amendment.accept(context, after)
            job.save(vpc.id, before, after)

    _each_alone(accept, vpcs, failed)
    busy = [vpc_id for vpc_id, error in failed.items() if isinstance(error, BusyError)]
    return failed | dict.fromkeys(busy, BusyError(*busy))


def note_requests(vpcs: Sequence[Vpc], job: Job, listed: Collection[VpcRef]) -> dict[str, LifelineError]:
    """Saves what people release and what others try to delete in these VPCs, and finds what was released before:
    `listed` are the VPCs of which something is left. Keeps in the audit log what people asked for by a call.

    It takes no lease, so that nobody waits for whoever has the VPC: only requests, and the run that answers them, write
    these attributes. Returns, by VPC, why that couldn't be saved: what was asked there must come again.
    """
    run, nothing, now = run_context(job), VpcState(), job.run.now()
    failed: dict[str, LifelineError] = {}

    def note(vpc: Vpc) -> None:
        context = context_of(vpc, job, run)
        is_noted = any(amendment.note(context, nothing) != nothing for amendment in AMENDMENTS)
        if is_noted or job.ref(vpc.id) in listed:
            _check_time(job.run, failed)
            after = before = job.tools.vpcs.load(job.ref(vpc.id))
            for amendment in AMENDMENTS:
                after = amendment.note(context, after)
            job.save(vpc.id, before, after)
            if is_released(after.releasing, now) and not job.is_plan:
                job.targets.releasing.add(vpc.id)
        _record_calls(vpc, job, now)

    _each_alone(note, vpcs, failed)
    return failed


def _record_calls(vpc: Vpc, job: Job, now: datetime) -> None:
    """Keeps in the audit log what people asked for by a call, and who they said they are."""
    requests = job.targets.requests_for(vpc.id)
    asked = dict.fromkeys(asked for request in requests if _is_call(request) for asked in request.asked_for)
    for name, words in asked:
        if name != "release" or not job.is_plan:  # in plan mode, a release deletes nothing
            job.tools.audit.record_call(job.ref(vpc.id), name, words, now=now)


def _is_call(request: Request) -> bool:
    return request.trigger.kind in {"call", "approval"}


def _check_time(run: Run, failed: Collection[str]) -> None:
    """Raises TransientError where writes fail, and one more, which may take a minute, leaves the run no time to end."""
    if failed and run.remaining() < _LEAST_TIME:
        raise TransientError("the run had no time left to save what was asked for", code="Late")


def _each_alone(save: Callable[[Vpc], None], vpcs: Sequence[Vpc], failed: dict[str, LifelineError]) -> None:
    """Adds to `failed`, by VPC, why it couldn't be saved: the matter of whoever asked there, and of nobody else."""
    for vpc in vpcs:
        try:
            with judging(vpc.id):
                save(vpc)
        except LifelineError as error:
            failed[vpc.id] = error
