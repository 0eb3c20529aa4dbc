"""Freezes that people ask for, and those that they end."""

from collections.abc import Iterable
from datetime import datetime

from lifeline.adapters.ledger import Ledger
from lifeline.core.fights import forget
from lifeline.core.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.observability import logger
from lifeline.targeting import Targets


def keep_asked(targets: Targets, vpc_ids: Iterable[str], ledger: Ledger, *, now: datetime) -> None:
    """Keeps what the asks freeze and unfreeze in the VPCs that are there. Raises what the ledger raises."""
    for vpc_id in vpc_ids:
        asks = targets.asks.get(vpc_id, [])
        freeze = {service for ask in asks for service in ask.freeze}
        unfreeze = {service for ask in asks for service in ask.unfreeze}
        if not freeze | unfreeze:
            continue
        memory = ledger.recall(vpc_id)
        before, fights = memory.frozen, forget(memory.fights, unfreeze)
        if fights != memory.fights:
            ledger.keep_fights(vpc_id, fights, now=now)
        kept = {} if EVERYTHING in unfreeze else {one: it for one, it in before.items() if one not in unfreeze}
        kept |= {service: Freeze(FreezeKind.HAND, now, "a person asked for it") for service in freeze}
        ledger.keep_frozen(vpc_id, kept, now=now)
        logger.info("frozen by hand", vpc_id=vpc_id, frozen=sorted(kept), unfrozen=sorted(set(before) - set(kept)))
