"""The ledger's VPC side: changes seen, actions taken, who works on which VPC, and the calls that are left."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.conflicts import conflict_item
from lifeline.adapters.store.history import filed_item
from lifeline.adapters.store.vpc_state import (
    VpcState,
    _canary_item,
    _freeze_item,
    _made_item,
    _vpc_state,
)
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.conflicts import Conflict
from lifeline.core.coexist.import_blocks import import_text
from lifeline.core.errors import TransientError
from lifeline.core.guards.call_rate import Bucket, reserve
from lifeline.core.guards.freeze import Freeze
from lifeline.core.history.change import Change
from lifeline.core.history.entries import LEDGER_KEEP, NO_VPC, EndpointOutcome, EntryKind, filed, key_of
from lifeline.core.plan.actions import Action
from lifeline.core.requests.request import Trigger
from lifeline.core.wording import read_time

REGION = "region"  # stands for every VPC: a look at all of them
_BATCH = 25  # DynamoDB API: BatchWriteItem
_TRIES = 8
_MOST_PAGES = 10
_CHANGE = "CHANGE#"
_TAGGING = frozenset({"CreateTags", "DeleteTags"})
_LATEST_KEY = {"pk": {"S": "CHANGES"}, "sk": {"S": "LATEST"}}
_RETIRING_KEY = {"pk": {"S": "RETIRING"}, "sk": {"S": "VPCS"}}
_FROZEN_KEY = {"pk": {"S": "FROZEN"}, "sk": {"S": "VPCS"}}
_CLAIMED_KEY = {"pk": {"S": "CLAIMED"}, "sk": {"S": "VPCS"}}
_BUCKET_KEY = {"pk": {"S": "BUDGET"}, "sk": {"S": "ENDPOINT_CALLS"}}


class Ledger:
    """The DynamoDB table. Keys: `VPC#<id>` with LOOK, CHANGE#<time>#<event id>, ACTION#<time>#<n>,
    OUTCOME#<time>#<endpoint id> and SEEN#<endpoint id>#<result>; `CHANGES` with LATEST;
    `RETIRING`, `FROZEN` and `CLAIMED` with VPCS; `BUDGET`. What is on record has its shelf and place too, for the
    index. Items are kept for `keep` after they were last written.
    """

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")
        self._keep = keep

    def load(self, vpc_id: str) -> VpcState:
        """What is remembered of the VPC."""
        with aws_errors(f"ledger: read {vpc_id}"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_state_key(vpc_id), ConsistentRead=True)
        return _vpc_state(answer.get("Item", {}))

    def take_lease(self, vpc_id: str, run_id: str, *, now: datetime, until: datetime) -> VpcState | None:
        """What is remembered, once the VPC is this run's alone until `until`; None while another run has it."""
        answer = conditional_write(
            f"ledger: lease {vpc_id}",
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_state_key(vpc_id),
            UpdateExpression="SET lease_run = :run, lease_until = :until",
            ConditionExpression="attribute_not_exists(lease_until) OR lease_until < :now OR lease_run = :run",
            ExpressionAttributeValues={
                ":run": {"S": run_id},
                ":until": {"N": str(int(until.timestamp()))},
                ":now": {"N": str(int(now.timestamp()))},
            },
            ReturnValues="ALL_NEW",
        )
        if answer is None:
            return None
        return _vpc_state(answer["Attributes"])

    def return_lease(self, vpc_id: str, run_id: str) -> None:
        """Ends this run's lease. One that has run out and passed to another run is left alone."""
        conditional_write(
            f"ledger: release {vpc_id}",
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_state_key(vpc_id),
            UpdateExpression="REMOVE lease_run, lease_until",
            ConditionExpression="lease_run = :run",
            ExpressionAttributeValues={":run": {"S": run_id}},
        )

    def save(self, vpc_id: str, state: VpcState, *, now: datetime) -> None:
        """Keeps when the VPC was looked at, what was made last for each service, and what was told."""
        looked = {":reconciled": {"S": state.reconciled_at.isoformat()}} if state.reconciled_at else {}
        with aws_errors(f"ledger: remember {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET made = :made, failures = :failures, notified = :notified, expires_at = :expires"
                + (", reconciled_at = :reconciled" if looked else ""),
                ExpressionAttributeValues={
                    ":made": {"M": {service: _made_item(made) for service, made in state.made.items()}},
                    ":failures": {"M": {service: {"N": str(count)} for service, count in state.failures.items()}},
                    ":notified": {"S": state.notified},
                    ":expires": self._expiry(now),
                    **looked,
                },
            )

    def retiring(self) -> frozenset[str]:
        """The VPCs in which something of Lifeline's isn't needed, so that a sweep reads of these alone since when."""
        return self._listed_vpcs(_RETIRING_KEY)

    def claimed(self) -> frozenset[str]:
        """The VPCs in which somebody claimed what Lifeline's own stood in the way of, so that a sweep finds them."""
        return self._listed_vpcs(_CLAIMED_KEY)

    def list_claimed(self, vpc_id: str, *, is_claimed: bool = True) -> None:
        """Puts the VPC on that list, or takes it off."""
        self._list_vpc(_CLAIMED_KEY, "ADD" if is_claimed else "DELETE", vpc_id)

    def save_unneeded(self, vpc_id: str, unneeded: Mapping[str, datetime], *, now: datetime) -> None:
        """Keeps since when what is Lifeline's own isn't needed. The VPC is on the list for as long as anything is."""
        since = {resource_id: {"S": moment.isoformat()} for resource_id, moment in unneeded.items()}
        if unneeded:  # the list first: an entry too many costs a read, one too few would keep an old date
            self._list_vpc(_RETIRING_KEY, "ADD", vpc_id)
        with aws_errors(f"ledger: remember what is not needed in {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET unneeded = :since, expires_at = :expires",
                ExpressionAttributeValues={":since": {"M": since}, ":expires": self._expiry(now)},
            )
        if not unneeded:
            self._list_vpc(_RETIRING_KEY, "DELETE", vpc_id)

    def delete_retiring(self, vpc_id: str) -> None:
        """Takes a VPC that is gone off the list."""
        self._list_vpc(_RETIRING_KEY, "DELETE", vpc_id)

    def save_release(self, vpc_id: str, released_at: datetime | None, *, now: datetime) -> None:
        """Keeps when a person gave up what is Lifeline's in the VPC; None once somebody wants it back."""
        moment = {"S": released_at.isoformat()} if released_at else {"NULL": True}
        with aws_errors(f"ledger: remember the release of {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET released_at = :moment, expires_at = :expires",
                ExpressionAttributeValues={":moment": moment, ":expires": self._expiry(now)},
            )

    def save_frozen(self, vpc_id: str, frozen: Mapping[str, Freeze], *, now: datetime) -> None:
        """Keeps what Lifeline keeps its hands off in the VPC, in place of what was kept before. Call it under the VPC's
        lease, or where only people write. The VPC is on the list for as long as anything is.
        """
        if frozen:
            self._list_vpc(_FROZEN_KEY, "ADD", vpc_id)
        with aws_errors(f"ledger: remember what is frozen in {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET frozen = :frozen, expires_at = :expires",
                ExpressionAttributeValues={
                    ":frozen": {"M": {service: _freeze_item(freeze) for service, freeze in sorted(frozen.items())}},
                    ":expires": self._expiry(now),
                },
            )
        if not frozen:
            self._list_vpc(_FROZEN_KEY, "DELETE", vpc_id)

    def save_unfrozen(self, vpc_id: str, unfrozen: Mapping[str, datetime], *, now: datetime) -> None:
        """Keeps when people ended freezes of the VPC, in place of what was kept before. Call it under its lease."""
        with aws_errors(f"ledger: remember what was unfrozen in {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET unfrozen = :unfrozen, expires_at = :expires",
                ExpressionAttributeValues={
                    ":unfrozen": {"M": {service: {"S": at.isoformat()} for service, at in sorted(unfrozen.items())}},
                    ":expires": self._expiry(now),
                },
            )

    def save_canaries(self, vpc_id: str, canaries: Mapping[str, Canary], *, now: datetime) -> None:
        """Keeps whose private DNS was switched on in the VPC, in place of what was kept before. Call it under the VPC's
        lease.
        """
        with aws_errors(f"ledger: remember the canaries of {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET canaries = :canaries, expires_at = :expires",
                ExpressionAttributeValues={
                    ":canaries": {"M": {service: _canary_item(canary) for service, canary in sorted(canaries.items())}},
                    ":expires": self._expiry(now),
                },
            )

    def save_teardowns(self, vpc_id: str, notified: Mapping[str, datetime | None], *, now: datetime) -> None:
        """Keeps when each of the VPC's teardowns was told, None for one that is still to be."""
        with aws_errors(f"ledger: remember the teardown of {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET teardowns = :told, expires_at = :expires",
                ExpressionAttributeValues={
                    ":notified": {
                        "M": {key: {"S": at.isoformat() if at else ""} for key, at in sorted(notified.items())}
                    },
                    ":expires": self._expiry(now),
                },
            )

    def delete(self, vpc_id: str, *, now: datetime) -> bool:
        """True once nothing is remembered any more of a VPC that is gone; what is on record stays.

        An empty item takes the place of what was there, and leaves with the next expiry. Where there was none, or
        another run still works on the VPC, nothing is written.
        """
        done = conditional_write(
            f"ledger: forget {vpc_id}",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={**_state_key(vpc_id), "expires_at": {"N": str(int(now.timestamp()))}},
            ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
        )
        if done is not None:
            self.delete_retiring(vpc_id)
            self.delete_frozen(vpc_id)
            self.list_claimed(vpc_id, is_claimed=False)
        return done is not None

    def frozen_vpcs(self) -> frozenset[str]:
        """The VPCs in which something is frozen, or was: a sweep reads of these alone what it is."""
        return self._listed_vpcs(_FROZEN_KEY)

    def delete_frozen(self, vpc_id: str) -> None:
        """Takes a VPC that is gone off the list."""
        self._list_vpc(_FROZEN_KEY, "DELETE", vpc_id)

    def save_conflicts(self, vpc_id: str, conflicts: Mapping[str, Conflict], *, now: datetime) -> None:
        """Keeps what Lifeline did in the VPC and others undid, in place of what was kept before, as `keep_frozen`."""
        with aws_errors(f"ledger: remember what was undone in {vpc_id}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_state_key(vpc_id),
                UpdateExpression="SET conflicts = :conflicts, expires_at = :expires",
                ExpressionAttributeValues={
                    ":conflicts": {"M": {key: conflict_item(conflict) for key, conflict in sorted(conflicts.items())}},
                    ":expires": self._expiry(now),
                },
            )

    def _list_retiring(self, verb: str, vpc_id: str) -> None:
        self._list_vpc(_RETIRING_KEY, verb, vpc_id)

    def _listed_vpcs(self, key: dict[str, dict[str, str]]) -> frozenset[str]:
        with aws_errors(f"ledger: read the list {key['pk']['S']}"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return frozenset(answer.get("Item", {}).get("vpc_ids", {}).get("SS", ()))

    def _list_vpc(self, key: dict[str, dict[str, str]], verb: str, vpc_id: str) -> None:
        """Adds to the set, or deletes from it, in one step: runs at the same time lose nothing of each other's."""
        with aws_errors(f"ledger: change the list {key['pk']['S']}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression=f"{verb} vpc_ids :one",
                ExpressionAttributeValues={":one": {"SS": [vpc_id]}},
            )

    def record_changes(self, changes: Iterable[tuple[str, Trigger]], *, now: datetime) -> None:
        """Keeps who changed what, by VPC, and that the network changed. The same event twice is one entry."""
        items: list[dict[str, Any]] = [
            {
                "pk": {"S": f"VPC#{vpc_id}"},
                "sk": {"S": (key := f"{_CHANGE}{trigger.time}#{trigger.event_id}")},
                **filed_item(filed(vpc_id, key)),
                "event_name": {"S": trigger.event_name},
                "actor": {"S": trigger.actor},
                **({"ids": {"SS": sorted(trigger.ids)}} if trigger.ids else {}),
                "expires_at": self._expiry(now),
            }
            for vpc_id, trigger in sorted(set(changes), key=lambda change: (change[0], change[1].time))
        ]
        if any(item["event_name"]["S"] not in _TAGGING for item in items):
            items.append({**_LATEST_KEY, "at": {"S": now.astimezone(UTC).isoformat()}})
        self._write(items)

    def latest_change(self) -> datetime | None:
        """When a network change was last written down, in whichever VPC; None if none ever was."""
        with aws_errors("ledger: read the latest change"):
            item = self._dynamodb.get_item(TableName=self._table, Key=_LATEST_KEY).get("Item")
        return datetime.fromisoformat(item["at"]["S"]) if item else None

    def changes_of(self, vpc_id: str, *, since: datetime, until: datetime, most: int = 200) -> tuple[Change, ...]:
        """The newest `most` changes of the VPC from `since` to `until`, to the second and both included, oldest first.

        Changes of tags are left out, and those whose time can't be understood. Of very many, the oldest aren't looked
        at: no more than _MOST_PAGES of `most` are read.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :until",
            "FilterExpression": "NOT event_name IN (:tag, :untag)",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"VPC#{vpc_id}"},
                ":since": {"S": f"{_CHANGE}{_second(since)}"},
                ":until": {"S": f"{_CHANGE}{_second(until)}~"},
                ":tag": {"S": "CreateTags"},
                ":untag": {"S": "DeleteTags"},
            },
            "ScanIndexForward": False,
        }
        found: list[Change] = []
        with aws_errors(f"ledger: read the changes of {vpc_id}"):
            for _ in range(_MOST_PAGES):
                answer = self._dynamodb.query(**request, Limit=most)
                found += [change for change in map(_change, answer["Items"]) if change is not None]
                if len(found) >= most or "LastEvaluatedKey" not in answer:
                    break
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return tuple(sorted(found[:most], key=lambda change: (change.at, change.event_id)))

    def untraced_changes(self, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        """As `changes_of`: the changes whose records tell nobody which VPC they were made in."""
        return tuple(replace(change, is_traced=False) for change in self.changes_of(NO_VPC, since=since, until=until))

    def record_actions(
        self, vpc_id: str, actions: Sequence[Action], triggers: Sequence[Trigger], now: datetime
    ) -> None:
        """Keeps what Lifeline decided and did, why, and what set it going."""
        because = [
            {"M": {name: {"S": getattr(t, name)} for name in ("kind", "event_id", "event_name", "actor")}}
            for t in triggers[:10]
        ]
        self._write(
            {
                "pk": {"S": f"VPC#{vpc_id}"},
                "sk": {"S": (key := key_of(EntryKind.ACTION, now, f"{place:02}"))},
                **filed_item(filed(vpc_id, key)),
                "action": {"S": action.kind},
                "service": {"S": action.service},
                "status": {"S": action.status},
                "reason": {"S": action.reason},
                "error": {"S": action.error},
                "endpoint_id": {"S": action.endpoint_id},
                "security_group_id": {"S": action.security_group_id},
                "because": {"L": because},
                **_handover_item(action, vpc_id),
                "expires_at": self._expiry(now),
            }
            for place, action in enumerate(actions)
        )

    def record_outcomes(self, vpc_id: str, outcomes: Iterable[EndpointOutcome], *, now: datetime) -> None:
        """Keeps what became of endpoints, at the time when that was first seen. The same outcome twice is one entry."""
        self._write([self._outcome_item(vpc_id, endpoint_outcome, now) for endpoint_outcome in outcomes])

    def _outcome_item(self, vpc_id: str, one: EndpointOutcome, now: datetime) -> dict[str, Any]:
        with aws_errors(f"ledger: claim the outcome of {one.endpoint_id}"):
            first = self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"VPC#{vpc_id}"}, "sk": {"S": f"SEEN#{one.endpoint_id}#{one.result}"}},
                UpdateExpression="SET first_seen = if_not_exists(first_seen, :now), expires_at = :expires",
                ExpressionAttributeValues={":now": {"S": now.isoformat()}, ":expires": self._expiry(now)},
                ReturnValues="ALL_NEW",
            )["Attributes"]["first_seen"]["S"]
        seen = datetime.fromisoformat(first)
        key = key_of(EntryKind.OUTCOME, seen, one.endpoint_id)
        return {
            "pk": {"S": f"VPC#{vpc_id}"},
            "sk": {"S": key},
            **filed_item(filed(vpc_id, key)),
            "endpoint_id": {"S": one.endpoint_id},
            "service": {"S": one.service},
            "result": {"S": one.result},
            "detail": {"S": one.detail},
            "seconds": {"N": str(max(0, int((one.age - (now - seen)).total_seconds())))},
            "expires_at": self._expiry(seen),
        }

    def reserve_endpoint_call(self, *, now: datetime, patience: timedelta) -> timedelta | None:
        """How long to wait before the next endpoint call, its turn now taken; None if longer than `patience`."""
        for _ in range(_TRIES):
            with aws_errors("ledger: read the budget"):
                item = self._dynamodb.get_item(TableName=self._table, Key=_BUCKET_KEY, ConsistentRead=True).get("Item")
            bucket = Bucket(float(item["tokens"]["N"]), datetime.fromisoformat(item["at"]["S"])) if item else None
            turn = reserve(bucket, now=now, patience=patience)
            if turn is None:
                return None
            if self._swap_bucket(item, turn[0]):
                return turn[1]
        raise TransientError("ledger: too many runs want endpoint calls at once", code="Contention")

    def _swap_bucket(self, item: dict[str, Any] | None, bucket: Bucket) -> bool:
        version = int(item["version"]["N"]) if item else 0
        done = conditional_write(
            "ledger: write the budget",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={
                **_BUCKET_KEY,
                "tokens": {"N": f"{bucket.tokens:.6f}"},
                "at": {"S": bucket.at.isoformat()},
                "version": {"N": str(version + 1)},
            },
            ConditionExpression="attribute_not_exists(pk) OR version = :version",
            ExpressionAttributeValues={":version": {"N": str(version)}},
        )
        return done is not None

    def _expiry(self, now: datetime) -> dict[str, str]:
        return {"N": str(int((now + self._keep).timestamp()))}

    def _write(self, items: Iterable[dict[str, Any]]) -> None:
        waiting = list(items)
        for start in range(0, len(waiting), _BATCH):
            batch = {self._table: [{"PutRequest": {"Item": item}} for item in waiting[start : start + _BATCH]]}
            for _ in range(_TRIES):
                with aws_errors("ledger: write"):
                    batch = self._dynamodb.batch_write_item(RequestItems=batch).get("UnprocessedItems", {})
                if not batch:
                    break
            else:
                raise TransientError("ledger: DynamoDB left items unprocessed", code="UnprocessedItems")


def _state_key(vpc_id: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"VPC#{vpc_id}"}, "sk": {"S": "LOOK"}}


def _handover_item(action: Action, vpc_id: str) -> dict[str, Any]:
    made = import_text(action, vpc_id)
    return {"handover": {"M": {name: {"S": text} for name, text in asdict(made).items()}}} if made else {}


def _second(time: datetime) -> str:
    """The time without its zone: in the order of keys, it comes before whatever CloudTrail writes of that second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _change(item: dict[str, Any]) -> Change | None:
    moment, _, event_id = item["sk"]["S"].removeprefix(_CHANGE).partition("#")
    at = read_time(moment)
    ids = frozenset(item.get("ids", {}).get("SS", ()))
    return Change(at, event_id, item["event_name"]["S"], item["actor"]["S"], ids) if at else None
