"""Reads that AWS's policies deny: the detector's runs make none of them again within the hour."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.store.denied_reads import DeniedReadStore
from lifeline.core.agents.denied_reads import DeniedReads
from lifeline.core.errors import LifelineError
from lifeline.runtime.observability import logger


@contextmanager
def without_denied_reads(denials: Denials, store: DeniedReadStore, now: datetime) -> Iterator[None]:
    """Knows in its block which reads are denied, by the ledger, and saves what is denied after it. Where the ledger
    can't be read or written, that is logged, and the reads are made once more.
    """
    before = _read(store)
    begun = (before or DeniedReads()).begun(now)
    denials.begin_run(begun.denied)
    is_done = False
    try:
        yield
        is_done = True
    finally:
        after = begun.ended(denials.denied, is_failed=not is_done)
        denials.end_run()
        if before is not None and after != before and (after.denied or before.denied):
            _save(store, after)


def _read(store: DeniedReadStore) -> DeniedReads | None:
    try:
        return store.read()
    except LifelineError as error:
        logger.warning("denied reads not read", error=str(error))
        return None


def _save(store: DeniedReadStore, reads: DeniedReads) -> None:
    try:
        store.save(reads)
    except LifelineError as error:
        logger.warning("denied reads not saved", error=str(error))
