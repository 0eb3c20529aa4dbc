"""Leases: a VPC is one run's alone while it decides and changes, so that nothing that is saved is overwritten."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.core.network.model import VpcRef
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger


def take_leases(
    refs: Sequence[VpcRef], vpcs: VpcStore, run: Run, failed: dict[str, LifelineError] | None = None
) -> dict[str, VpcState]:
    """The state of each VPC that is this run's now, for as long as it may last, by ID; others' are left out.

    VPCs whose lease can't be written are added to `failed`, with the error, which is raised without `failed`.
    """
    now = run.now()
    until = now + run.remaining()
    errors = {} if failed is None else failed

    def take(ref: VpcRef) -> VpcState | None:
        try:
            return vpcs.take_lease(ref, run.id, now=now, until=until)
        except LifelineError as error:
            errors[ref.vpc_id] = error
            return None

    states = run_concurrently([partial(take, ref) for ref in refs])
    if errors and failed is None:
        raise next(iter(errors.values()))
    return {ref.vpc_id: state for ref, state in zip(refs, states, strict=True) if state is not None}


def return_lease(refs: Iterable[VpcRef], vpcs: VpcStore, run: Run) -> None:
    """Ends the leases. Where that fails it is logged: they run out by themselves."""
    run_concurrently([partial(_return_lease, ref, vpcs, run) for ref in refs])


@contextmanager
def leased(ref: VpcRef, vpcs: VpcStore, run: Run) -> Iterator[VpcState | None]:
    """The VPC's state, this run's alone inside; None while another run has it."""
    state = take_leases([ref], vpcs, run).get(ref.vpc_id)
    try:
        yield state
    finally:
        if state is not None:
            _return_lease(ref, vpcs, run)


def _return_lease(ref: VpcRef, vpcs: VpcStore, run: Run) -> None:
    try:
        vpcs.return_lease(ref, run.id)
    except LifelineError as error:
        logger.warning("lease not released", vpc_id=ref.vpc_id, error=str(error))
