"""Freezes that people ask for, and those that they end."""

from collections.abc import Collection, Iterable
from datetime import datetime

from lifeline.adapters.store.vpc_state import Memory
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import forget
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, with_unfrozen
from lifeline.reconciler.steps.leases import leased
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger


def keep_asked(targets: Targets, vpc_ids: Iterable[str], ledger: Ledger, run: Run) -> None:
    """Keeps what the asks freeze and unfreeze in the VPCs that are there. Looks keep freezes under the lease, so this
    takes it: a person's word is never overwritten by a run that read before it.

    Raises TransientError while another run has the VPC, and what the ledger raises: then it is to be asked again.
    """
    for vpc_id in vpc_ids:
        asks = targets.asks.get(vpc_id, [])
        freeze = {service for ask in asks for service in ask.freeze}
        unfreeze = {service for ask in asks for service in ask.unfreeze}
        if freeze | unfreeze:
            with leased(vpc_id, ledger, run) as memory:
                if memory is None:
                    words = f"another run works on {vpc_id}: nothing was frozen or unfrozen, ask again in a minute"
                    raise TransientError(words, code="Busy")
                _keep(vpc_id, memory, freeze, unfreeze, ledger, run.now())


def _keep(
    vpc_id: str, memory: Memory, freeze: Collection[str], unfreeze: Collection[str], ledger: Ledger, now: datetime
) -> None:
    before, fights = memory.frozen, forget(memory.fights, unfreeze)
    if fights != memory.fights:
        ledger.keep_fights(vpc_id, fights, now=now)
    if unfreeze:
        ledger.keep_unfrozen(vpc_id, with_unfrozen(memory.unfrozen, unfreeze, now), now=now)
    kept = {} if EVERYTHING in unfreeze else {one: it for one, it in before.items() if one not in unfreeze}
    kept |= {service: Freeze(FreezeKind.HAND, now, "a person asked for it") for service in freeze}
    ledger.keep_frozen(vpc_id, kept, now=now)
    logger.info("frozen by hand", vpc_id=vpc_id, frozen=sorted(kept), unfrozen=sorted(before.keys() - kept.keys()))
