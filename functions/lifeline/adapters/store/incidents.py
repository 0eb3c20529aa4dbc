"""Incidents in the ledger: the open ones, which a run reads all at once, and the closed ones, by when they were closed.

    pk = INCIDENTS#<watch>   sk = OPEN#<id>             incident (JSON), vpc_id, kind, opened_at, revision
                             sk = CLOSED#<time>#<id>    the same, and closed_at, expires_at
    pk = INCIDENT_LOG#<a VPC's or the region's>  sk = INCIDENT#<time>#<id>#opened, …#closed    the audit log's entries

An entry is written in one transaction with the incident that it is about. Every write names the revision that it
changes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws.calls import ours
from lifeline.adapters.store.codec import from_plain, read_json, to_plain
from lifeline.adapters.store.keys import incident_log
from lifeline.adapters.store.table import Key, Table, expiry, expressions
from lifeline.core.errors import TransientError, UnreadableError
from lifeline.core.history.entries import EntryKind, filed, incident_partition, key_of
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.policy import LEDGER_KEEP
from lifeline.runtime.observability import logger

_INCIDENTS = "INCIDENTS#"
_OPEN = "OPEN#"
_CLOSED = "CLOSED#"
_MOST_READ = 8 * 2**20  # thousands of incidents, each with the evidence of its cause
_BEGUN_BY = ("event_id", "event_name", "actor")
# Why DynamoDB cancels a transaction that may succeed a moment later (DynamoDB API: TransactWriteItems).
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class Incidents:
    """The incidents of every watch. Their VPCs are in the account and region `home`.

    Of a watch's open ones, at most about `most_read` characters are read, None for all: only the detector writes them,
    and whoever acts as its role must not keep the readers of other roles busy.
    """

    def __init__(
        self,
        ledger: Ledger,
        home: RegionRef,
        dynamodb: Any = None,
        *,
        keep: timedelta = LEDGER_KEEP,
        most_read: int | None = _MOST_READ,
    ) -> None:
        self._table = Table(ledger, dynamodb)
        self._home = home
        self._keep = keep
        self._most_read = most_read

    def read_open(self, watch_name: str) -> tuple[Incident, ...]:
        """The watch's open incidents, the oldest first, as last written.

        One that can't be understood is left out, with an error in the log; it stays in the ledger.
        """
        items = self._table.query(
            "pk = :pk AND begins_with(sk, :open)",
            {":pk": _partition(watch_name), ":open": _OPEN},
            f"the open incidents of {watch_name} could not be read",
            ConsistentRead=True,
        )
        incidents = [incident for incident in map(_incident, self._as_far_as_read(items)) if incident is not None]
        return tuple(sorted(incidents, key=lambda incident: (incident.opened_at, incident.id)))

    def _as_far_as_read(self, items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        left = self._most_read
        for item in items:
            if left is not None and (left := left - len(str(item))) < 0:
                logger.error("open incidents left out: they are too many, or too long", extra={"sk": item["sk"]})
                return
            yield item

    def closed_since(self, watch_name: str, since: datetime) -> frozenset[str]:
        """The IDs of the watch's incidents that were closed from then on."""
        items = self._table.query(
            "pk = :pk AND sk BETWEEN :low AND :high",
            _closed(watch_name, since),
            f"the closed incidents of {watch_name} could not be read",
            ProjectionExpression="sk",
            ConsistentRead=True,
        )
        return frozenset(item["sk"].rpartition("#")[2] for item in items)

    def read_closed(self, watch_name: str, since: datetime, *, most: int) -> tuple[tuple[Incident, datetime], ...]:
        """The watch's newest `most` incidents that were closed from then on, with when: the newest first."""
        items = self._table.query(
            "pk = :pk AND sk BETWEEN :low AND :high",
            _closed(watch_name, since),
            f"the closed incidents of {watch_name} could not be read",
            ScanIndexForward=False,
            Limit=most,
        )
        pairs = ((_incident(item), _closed_at(item)) for item in islice(items, most))
        return tuple((incident, closed) for incident, closed in pairs if incident and closed)

    def save(self, incident: Incident) -> Incident | None:
        """The incident with its next revision; None, with nothing written, where another run was first or closed it."""
        saved = replace(incident, revision=incident.revision + 1)
        doing = f"incident {incident.id} could not be written"
        if incident.revision:
            is_saved = self._table.put(_open_key(incident), _attributes(saved), doing, **_unchanged(incident))
        else:
            put = self._put(_open_key(incident), _attributes(saved), condition="attribute_not_exists(pk)")
            is_saved = self._write_all([put, self._entry(incident, "opened", incident.opened_at)], doing)
        return saved if is_saved else None

    def close(self, incident: Incident, *, now: datetime) -> bool:
        """Whether the incident went from the open ones to the closed ones; False where another run was first."""
        closed_at = now.astimezone(UTC).isoformat()
        key = _partition(incident.watch), f"{_CLOSED}{closed_at}#{incident.id}"
        attributes = _attributes(incident) | {"closed_at": closed_at, "expires_at": expiry(now, self._keep)}
        writes = [
            {
                "Delete": self._request(
                    Key=self._table.key_item(_open_key(incident)), **expressions(**_unchanged(incident))
                )
            },
            self._put(key, attributes),
            self._entry(incident, "closed", now),
        ]
        return self._write_all(writes, f"incident {incident.id} could not be closed")

    def _entry(self, incident: Incident, event: str, at: datetime) -> dict[str, Any]:
        """The audit log's entry of the opening or closing, below the VPC that the cause names, if any."""
        ref, change = self._home.vpc_or_self(incident.cause.vpc_id), incident.cause.change
        key = key_of(EntryKind.INCIDENT, at, incident.id, event)
        attributes = {
            **filed(ref, key),
            "incident": incident.id,
            "event": event,
            "cause": incident.cause.kind.name,
            "words": incident.cause.words,
            "began": incident.began,
            "fix": incident.cause.fix,
            "begun_by": {name: getattr(change, name) for name in _BEGUN_BY} if change else {},
            "agents": incident.notified_agents or None,
            "expires_at": expiry(at, self._keep),
        }
        return self._put((incident_log(ref), key), attributes)

    def _put(self, key: Key, attributes: Mapping[str, Any], *, condition: str = "") -> dict[str, Any]:
        return {"Put": self._request(Item=self._table.whole_item(key, attributes), **expressions(condition))}

    def _request(self, **request: Any) -> dict[str, Any]:
        return {"TableName": self._table.name, **request}

    def _write_all(self, writes: list[dict[str, Any]], doing: str) -> bool:
        """Whether all was written, or, because another run was first, nothing."""
        try:
            self._table.dynamodb.transact_write_items(TransactItems=writes)
        except (ClientError, BotoCoreError) as error:
            reasons = _cancelled_by(error)
            if "ConditionalCheckFailed" in reasons:
                return False
            problem = ours(error, doing)
            if reasons & _PASSING:
                raise TransientError(str(problem), code=problem.code) from error
            raise problem from error
        return True


def is_incident(item: Mapping[str, Any]) -> bool:
    """True if the item is an open or closed incident, by its key."""
    return str(item["pk"]).startswith(_INCIDENTS) and str(item["sk"]).startswith((_OPEN, _CLOSED))


def _partition(watch_name: str) -> str:
    return f"{_INCIDENTS}{watch_name}"


def _closed(watch_name: str, since: datetime) -> dict[str, str]:
    low = f"{_CLOSED}{since.astimezone(UTC).isoformat()}"
    return {":pk": _partition(watch_name), ":low": low, ":high": f"{_CLOSED}~"}


def _open_key(incident: Incident) -> Key:
    return _partition(incident.watch), f"{_OPEN}{incident.id}"


def _unchanged(incident: Incident) -> dict[str, Any]:
    return {"condition": "revision = :revision", "values": {":revision": incident.revision}}


def _cancelled_by(error: ClientError | BotoCoreError) -> frozenset[str]:
    """Why DynamoDB cancelled a transaction, a code for each write; "None" stands for one that wasn't the reason."""
    response: Mapping[str, Any] = error.response if isinstance(error, ClientError) else {}
    return frozenset(str(reason.get("Code", "")) for reason in response.get("CancellationReasons", []))


# ---- items


def _attributes(incident: Incident) -> dict[str, Any]:
    """What an operator may want to search for stands beside the JSON; `since` is when its story begins."""
    change = incident.cause.change
    return {
        "since": min(incident.began, incident.opened_at, *([change.at] if change else [])),
        "index_pk": incident_partition(incident.id),
        "index_sk": incident.opened_at,
        "incident": json.dumps(to_plain(incident), separators=(",", ":")),
        "vpc_id": incident.cause.vpc_id,
        "kind": incident.cause.kind.name,
        "opened_at": incident.opened_at,
        "revision": incident.revision,
    }


def _closed_at(item: Mapping[str, Any]) -> datetime | None:
    """When it was closed, as its key says, by which it was found."""
    try:
        return from_plain(datetime, item["sk"].split("#")[1])
    except UnreadableError as error:
        logger.error("closed incident unreadable", extra={"sk": item["sk"], "reason": repr(error)[:200]})
        return None


def _incident(item: Mapping[str, Any]) -> Incident | None:
    try:
        return replace(from_plain(Incident, read_json(item["incident"])), revision=item["revision"])
    except (KeyError, TypeError, ValueError) as error:
        logger.error("incident unreadable", extra={"sk": item["sk"], "reason": repr(error)[:200]})
        return None
