"""Accept: what requests themselves freeze, unfreeze, release and try to delete, saved before anything is planned.

From then on it is in the ledger: a run that continues the work needs nothing but the VPC's ID.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import TransientError
from lifeline.core.network.model import Vpc, VpcRef
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.amendments import AMENDMENTS
from lifeline.reconciler.amend.retirement import is_released
from lifeline.reconciler.facts import context_of, run_context
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.leases import leased


class BusyError(TransientError):
    """Another run works on VPCs, so what was asked of them couldn't be saved. `answers` are those of all others, which
    were served; `requests` have to come again.
    """

    def __init__(self, vpc_ids: Sequence[str], requests: Sequence[Request], answers: tuple[VpcAnswer, ...]) -> None:
        words = (
            f"another run works on {', '.join(vpc_ids)}: nothing was frozen or unfrozen there, ask again in a minute"
        )
        super().__init__(words, code="Busy")
        self.requests = tuple(requests)
        self.answers = answers


def accept_requests(vpcs: Sequence[Vpc], job: Job) -> tuple[str, ...]:
    """Saves what the requests freeze and unfreeze in these VPCs. It takes their leases, as every run
    that freezes something does, so a person's word is never overwritten by a run that read before it.

    Returns the VPCs that another run has, where nothing was saved: their requests must come again.
    """
    run, nothing, busy = run_context(job), VpcState(), list[str]()
    if any(request.claim for requests in job.targets.requests.values() for request in requests):
        catalog = job.tools.network.catalog()
        if not catalog.is_read:
            raise TransientError(f"whose name is claimed isn't known: {catalog.why_unread}", code="Unread")
        run = replace(run, catalog=catalog)
    for vpc in vpcs:
        context = context_of(vpc, job, run)
        if all(amendment.accept(context, nothing) == nothing for amendment in AMENDMENTS):
            continue  # what doesn't change an empty state changes none
        with leased(job.ref(vpc.id), job.tools.vpcs, job.run) as before:
            if before is None:
                busy.append(vpc.id)
                continue
            after = before
            for amendment in AMENDMENTS:
                after = amendment.accept(context, after)
            job.save(vpc.id, before, after)
    return tuple(busy)


def record_calls(vpcs: Sequence[Vpc], job: Job) -> None:
    """Keeps in the audit log what people asked for by a call, and who they said they are."""
    now = job.run.now()
    for vpc in vpcs:
        requests = (*job.targets.requests.get(vpc.id, ()), *job.targets.sweep)
        asked = dict.fromkeys(asked for request in requests if _is_call(request) for asked in request.asked_for)
        for name, words in asked:
            if name != "release" or not job.is_plan:  # in plan mode, a release deletes nothing
                job.tools.audit.record_call(job.ref(vpc.id), name, words, now=now)


def _is_call(request: Request) -> bool:
    return request.trigger.kind in {"call", "approval"}


def note_requests(vpcs: Sequence[Vpc], job: Job, listed: Collection[VpcRef]) -> None:
    """Saves what people release and what others try to delete in these VPCs, and finds what was released before:
    `listed` are the VPCs of which something is left.

    It takes no lease, so that nobody waits for whoever has the VPC: only requests, and the run that answers them, write
    these attributes.
    """
    run, nothing, now = run_context(job), VpcState(), job.run.now()
    for vpc in vpcs:
        context = context_of(vpc, job, run)
        is_noted = any(amendment.note(context, nothing) != nothing for amendment in AMENDMENTS)
        if not is_noted and job.ref(vpc.id) not in listed:
            continue
        after = before = job.tools.vpcs.load(job.ref(vpc.id))
        for amendment in AMENDMENTS:
            after = amendment.note(context, after)
        job.save(vpc.id, before, after)
        if is_released(after.releasing, now) and not job.is_plan:
            job.targets.releasing.add(vpc.id)
