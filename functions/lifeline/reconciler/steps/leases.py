"""Leases: a VPC is one run's alone while it decides and changes, so that nothing that is kept is overwritten."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger


def take_leases(vpc_ids: Sequence[str], vpcs: VpcStore, run: Run) -> dict[str, VpcState]:
    """What is remembered of each VPC that is this run's now, for as long as it may last; others' are left out."""
    now = run.now()
    until = now + run.remaining()
    states = run_concurrently([partial(vpcs.take_lease, vpc_id, run.id, now=now, until=until) for vpc_id in vpc_ids])
    return {vpc_id: state for vpc_id, state in zip(vpc_ids, states, strict=True) if state is not None}


def return_lease(vpc_ids: Iterable[str], vpcs: VpcStore, run: Run) -> None:
    """Ends the leases. Where that fails it is logged: they run out by themselves."""
    run_concurrently([partial(_return_lease, vpc_id, vpcs, run) for vpc_id in vpc_ids])


@contextmanager
def leased(vpc_id: str, vpcs: VpcStore, run: Run) -> Iterator[VpcState | None]:
    """What is remembered of the VPC, this run's alone inside; None while another run has it."""
    state = take_leases([vpc_id], vpcs, run).get(vpc_id)
    try:
        yield state
    finally:
        if state is not None:
            _return_lease(vpc_id, vpcs, run)


def _return_lease(vpc_id: str, vpcs: VpcStore, run: Run) -> None:
    try:
        vpcs.return_lease(vpc_id, run.id)
    except LifelineError as error:
        logger.warning("lease not released", vpc_id=vpc_id, error=str(error))
