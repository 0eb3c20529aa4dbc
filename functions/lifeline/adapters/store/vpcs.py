"""The state of each VPC, whose run it is just now, and the lists of VPCs that a sweep must read."""

from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.vpc_state import changed_attributes, read_state
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.history.entries import LEDGER_KEEP
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef


class VpcStore:
    """The ledger's items of VPCs with LOOK, and RETIRING, FROZEN and CLAIMED with VPCS. An item is kept for `keep`
    after it was last written. A region has a state, too, which only says when all of its VPCs were reconciled, so that
    it is on no list.
    """

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")
        self._keep = keep

    def load(self, ref: AnyRef) -> VpcState:
        """The VPC's state."""
        with aws_errors(f"ledger: read {ref}"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(ref), ConsistentRead=True)
        return read_state(answer.get("Item", {}))

    def take_lease(self, ref: VpcRef, run_id: str, *, now: datetime, until: datetime) -> VpcState | None:
        """The VPC's state, once the VPC is this run's alone until `until`; None while another run has it."""
        answer = conditional_write(
            f"ledger: lease {ref}",
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_key(ref),
            UpdateExpression="SET lease_run = :run, lease_until = :until",
            ConditionExpression="attribute_not_exists(lease_until) OR lease_until < :now OR lease_run = :run",
            ExpressionAttributeValues={":run": {"S": run_id}, ":until": _seconds(until), ":now": _seconds(now)},
            ReturnValues="ALL_NEW",
        )
        return None if answer is None else read_state(answer["Attributes"])

    def return_lease(self, ref: VpcRef, run_id: str) -> None:
        """Ends this run's lease. One that has run out and passed to another run is left alone."""
        conditional_write(
            f"ledger: release {ref}",
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_key(ref),
            UpdateExpression="REMOVE lease_run, lease_until",
            ConditionExpression="lease_run = :run",
            ExpressionAttributeValues={":run": {"S": run_id}},
        )

    def save(self, ref: AnyRef, before: VpcState, after: VpcState, *, now: datetime) -> None:
        """Writes what differs between two states of the VPC, at once; nothing where they are the same.

        Other attributes stay as they are, so whoever has the lease and whoever only marks what people know don't
        overwrite each other. What isn't of one run alone, such as freezes, is to be saved under the VPC's lease.

        The lists are right at any moment: a VPC is listed before its state is written, and taken off afterwards. An
        entry too many costs a read; one too few would hide the VPC from sweeps.
        """
        if before == after:
            return
        changed = changed_attributes(before, after)
        lists = [vpc_list for vpc_list in VpcList if vpc_list.holds(before) != vpc_list.holds(after)]
        for vpc_list in lists:
            if vpc_list.holds(after):
                self._list(vpc_list, "ADD", ref)
        with aws_errors(f"ledger: save {', '.join(sorted(changed))} of {ref}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(ref),
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in (*changed, "expires_at")),
                ExpressionAttributeValues={
                    **{f":{name}": value for name, value in changed.items()},
                    ":expires_at": _seconds(now + self._keep),
                },
            )
        for vpc_list in lists:
            if not vpc_list.holds(after):
                self.unlist(vpc_list, ref)

    def delete(self, ref: VpcRef, *, now: datetime) -> bool:
        """True once the state of a VPC that is gone is deleted. Its audit log stays.

        An empty item takes its place, and goes with the next expiry. Where there was none, or while another run works
        on the VPC, nothing is written.
        """
        done = conditional_write(
            f"ledger: delete the state of {ref}",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={**_key(ref), "expires_at": _seconds(now)},
            ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            ExpressionAttributeValues={":now": _seconds(now)},
        )
        if done is not None:
            for vpc_list in VpcList:
                self.unlist(vpc_list, ref)
        return done is not None

    # ---- the lists

    def listed(self, vpc_list: VpcList, home: RegionRef) -> frozenset[VpcRef]:
        """The VPCs on the list that are in this account and region."""
        with aws_errors(f"ledger: read the list {vpc_list}"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_list_key(vpc_list), ConsistentRead=True)
        refs = map(VpcRef.parse, answer.get("Item", {}).get("vpcs", {}).get("SS", ()))
        return frozenset(ref for ref in refs if ref.home == home)

    def unlist(self, vpc_list: VpcList, ref: AnyRef) -> None:
        """Takes the VPC off the list."""
        self._list(vpc_list, "DELETE", ref)

    def _list(self, vpc_list: VpcList, verb: str, ref: AnyRef) -> None:
        """Adds to the set, or deletes from it, in one step: runs at the same time lose nothing of each other's."""
        with aws_errors(f"ledger: change the list {vpc_list}"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_list_key(vpc_list),
                UpdateExpression=f"{verb} vpcs :one",
                ExpressionAttributeValues={":one": {"SS": [str(ref)]}},
            )


def _key(ref: AnyRef) -> dict[str, dict[str, str]]:
    return {"pk": {"S": partition(ref)}, "sk": {"S": "LOOK"}}


def _list_key(vpc_list: VpcList) -> dict[str, dict[str, str]]:
    return {"pk": {"S": vpc_list}, "sk": {"S": "VPCS"}}


def _seconds(at: datetime) -> dict[str, str]:
    return {"N": str(int(at.timestamp()))}
