"""Accept: what requests themselves freeze and unfreeze, saved before anything is planned."""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import TransientError
from lifeline.core.network.model import Vpc
from lifeline.reconciler.amend.amendments import AMENDMENTS
from lifeline.reconciler.facts import context_of, run_context
from lifeline.reconciler.steps.job import Job
from lifeline.reconciler.steps.leases import leased


def accept_requests(vpcs: Sequence[Vpc], job: Job) -> None:
    """Saves what the requests freeze and unfreeze in these VPCs. It takes their leases, as every run that freezes
    something does, so a person's word is never overwritten by a run that read before it.

    Raises TransientError while another run has the VPC, and what the ledger raises: then the requests come again.
    """
    run, nothing = run_context(job), VpcState()
    if any(request.claim for requests in job.targets.requests.values() for request in requests):
        run = replace(run, catalog=job.tools.network.catalog())
    for vpc in vpcs:
        context = context_of(vpc, job, run)
        if all(amendment.accept(context, nothing) == nothing for amendment in AMENDMENTS):
            continue  # what doesn't change an empty state changes none
        with leased(job.ref(vpc.id), job.tools.vpcs, job.run) as before:
            if before is None:
                words = f"another run works on {vpc.id}: nothing was frozen or unfrozen, ask again in a minute"
                raise TransientError(words, code="Busy")
            after = before
            for amendment in AMENDMENTS:
                after = amendment.accept(context, after)
            job.save(vpc.id, before, after)
