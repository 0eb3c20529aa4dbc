"""Freezes that people ask for, and those that they end."""

from collections.abc import Collection, Iterable
from datetime import datetime

from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import delete
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, with_unfrozen
from lifeline.reconciler.steps.leases import leased
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger


def save_requested(targets: Targets, vpc_ids: Iterable[str], ledger: Ledger, run: Run) -> None:
    """Keeps what the asks freeze and unfreeze in the VPCs that are there. Looks keep freezes under the lease, so this
    takes it: a person's word is never overwritten by a run that read before it.

    Raises TransientError while another run has the VPC, and what the ledger raises: then it is to be asked again.
    """
    for vpc_id in vpc_ids:
        requests = targets.requests.get(vpc_id, [])
        freeze = {service for request in requests for service in request.freeze}
        unfreeze = {service for request in requests for service in request.unfreeze}
        if freeze | unfreeze:
            with leased(vpc_id, ledger, run) as state:
                if state is None:
                    words = f"another run works on {vpc_id}: nothing was frozen or unfrozen, ask again in a minute"
                    raise TransientError(words, code="Busy")
                _keep(vpc_id, state, freeze, unfreeze, ledger, run.now())


def _keep(
    vpc_id: str, state: VpcState, freeze: Collection[str], unfreeze: Collection[str], ledger: Ledger, now: datetime
) -> None:
    before, conflicts = state.frozen, delete(state.conflicts, unfreeze)
    if conflicts != state.conflicts:
        ledger.save_conflicts(vpc_id, conflicts, now=now)
    if unfreeze:
        ledger.save_unfrozen(vpc_id, with_unfrozen(state.unfrozen, unfreeze, now), now=now)
    kept = (
        {}
        if EVERYTHING in unfreeze
        else {service: freeze for service, freeze in before.items() if service not in unfreeze}
    )
    kept |= {service: Freeze(FreezeKind.MANUAL, now, "a person asked for it") for service in freeze}
    ledger.save_frozen(vpc_id, kept, now=now)
    logger.info("frozen by hand", vpc_id=vpc_id, frozen=sorted(kept), unfrozen=sorted(before.keys() - kept.keys()))
