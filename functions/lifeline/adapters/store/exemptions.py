"""The exemptions that people made by a call, kept where every run sees them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.store.audit import log_call
from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Table, expiry
from lifeline.core.history.entries import EntryKind, key_of
from lifeline.core.network.model import VpcRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.exemptions import ExemptRequest, changed, exempt_words
from lifeline.core.policy.policy import LEDGER_KEEP, Exempted

_KEY = ("EXEMPTIONS", "LIST")


class Exemptions:
    """The ledger's item `EXEMPTIONS` with `LIST`. One item, so that a sweep reads it once; it has a revision, so that
    concurrent calls don't overwrite each other. Expired exemptions are removed by the next call.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(ledger, dynamodb)
        self._keep = keep

    def read(self) -> tuple[Exempted, ...]:
        """What is exempt by a call, and what has expired since the last one."""
        return _exempted(self._table.get(_KEY, "ledger: read the exemptions"))

    def exempt(self, request: ExemptRequest, refs: Iterable[VpcRef], *, now: datetime) -> None:
        """Save the exemptions, then write them to the audit log of `refs`, the VPCs that the request names.

        If that fails, the same call again completes it.

        Raises InvalidInputError where there would be too many, TransientError or TerminalError where the ledger fails.
        """
        today = now.astimezone(UTC).date()

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, None]:
            before = _exempted(item)
            after = changed(before, request, today)
            return ({"exempted": after} if after != before else None), None

        self._table.change(_KEY, step, "ledger: write the exemptions")
        run_concurrently([partial(self._log, ref, exempt_words(request, ref.vpc_id, today), now) for ref in refs])

    def _log(self, ref: VpcRef, reason: str, now: datetime) -> None:
        key = partition(ref), key_of(EntryKind.ACTION, now, "exempt")
        log_call(self._table, ref, "exempt", reason, key=key, expires_at=expiry(now, self._keep))


def _exempted(item: Mapping[str, Any]) -> tuple[Exempted, ...]:
    return from_plain(tuple[Exempted, ...], item.get("exempted", []))
