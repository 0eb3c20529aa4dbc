"""What whoever administers one account can make of the hub's messages: nothing that changes anything in another.

EventBridge writes the account into each event itself, so that a forger's events say theirs (docs/organization.md). What
is inside an event they can't write either; here they can, and still reach nothing. Another account's VPC, with its
endpoint, security group, subnets and instances, has the very same IDs in the forger's own account.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, ROLE, A, B, Hub, begin, network
from tests.support.world import REGION

SERVICE = f"com.amazonaws.{REGION}.monitoring"
HOME_B = RegionRef(B, REGION)


@dataclass(frozen=True)
class Victim:
    """What B has, and what Lifeline made there."""

    hub: Hub
    vpc_id: str
    endpoint_id: str
    group_id: str

    def state(self) -> VpcState:
        return VpcStore("ledger").load(HOME_B.vpc(self.vpc_id))

    def owned(self) -> Any:
        return Ownership(MemberLedger("ledger", HOME_B)).read(HOME_B)

    def as_it_is(self) -> Any:
        """All that a forgery might change, and how many calls were made in the account."""
        counts = self.hub.organization.place(B).call_counts
        return self.hub.b.endpoints(self.vpc_id), self.state(), self.owned(), dict(counts)

    def record(self, operation: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A record as A's EventBridge would send it."""
        at = self.hub.days.clock()
        return record_call(operation, request, **{"response": {"Return": True}, "at": at, "account": A, **more})


@pytest.fixture
def victim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Victim]:
    for hub in begin(monkeypatch, f"{A},{B}"):
        _, vpc_b = alike(network, hub.a, hub.b)
        hub.sweep()
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        (endpoint,) = hub.b.endpoints(vpc_b)
        hub.days.clock.advance(HOUR)
        hub.sweep()
        (group,) = endpoint["Groups"]
        yield Victim(hub, vpc_b, endpoint["VpcEndpointId"], group["GroupId"])


def dead_route(at: Victim) -> dict[str, Any]:
    table_id = at.hub.b.main_table(at.vpc_id)
    return at.record("DeleteRoute", {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"})


def refused(at: Victim, operation: str, request: dict[str, Any], code: str, words: str) -> dict[str, Any]:
    return at.record(operation, request, response=None, failure=Failure(code, words))


def claim(at: Victim) -> dict[str, Any]:
    wanted = {"VpcId": at.vpc_id, "ServiceName": SERVICE, "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
    words = f"there is already a conflicting DNS domain for monitoring.{REGION}.amazonaws.com in the VPC {at.vpc_id}"
    return refused(at, "CreateVpcEndpoint", wanted, "InvalidParameter", f"private-dns-enabled cannot be set: {words}")


def teardown(at: Victim) -> dict[str, Any]:
    words = f"The vpc '{at.vpc_id}' has dependencies and cannot be deleted."
    return refused(at, "DeleteVpc", {"VpcId": at.vpc_id}, "DependencyViolation", words)


def by_the_hubs_own_role(at: Victim) -> dict[str, Any]:
    identity = Identity(ROLE, session="lifeline")
    return at.record("DeleteVpcEndpoints", {"VpcEndpointIds": [at.endpoint_id]}, identity=identity)


def tagged(at: Victim) -> dict[str, Any]:
    tags = [{"Key": "lifeline:services", "Value": "none"}, {"Key": "lifeline:managed-by", "Value": "mallory"}]
    return at.record("CreateTags", {"Resources": [at.vpc_id, at.endpoint_id], "Tags": tags})


def instance(at: Victim) -> dict[str, Any]:
    detail = {"instance-id": "i-0123456789abcdef0", "state": "terminated"}
    envelope = {"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "region": REGION}
    return {**envelope, "account": A, "time": at.hub.days.clock().isoformat(), "detail": detail}


def inside_out(at: Victim) -> dict[str, Any]:
    """The record says B, the envelope A."""
    record = dead_route(at)
    record["detail"]["recipientAccountId"] = record["detail"]["userIdentity"]["accountId"] = B
    return record


def abroad(at: Victim) -> dict[str, Any]:
    record = dead_route(at)
    record["region"] = record["detail"]["awsRegion"] = "eu-west-1"
    return record


def with_a_call_beside(at: Victim) -> dict[str, Any]:
    return {**dead_route(at), "vpc_ids": [at.vpc_id], "release": True, "freeze": True, "sweep": True}


def caused_in_b(at: Victim) -> dict[str, Any]:
    cause = {"kind": "attempt", "event_name": "DeleteVpc", "ids": [at.vpc_id], "account": B, "event_id": "forged"}
    return {"vpc_ids": [at.vpc_id], "because": [cause | {"time": at.hub.days.clock().isoformat()}], "account": A}


FORGERIES: dict[str, Callable[[Victim], dict[str, Any]]] = {
    "a deleted route, with B's route table": dead_route,
    "a refused endpoint, which would claim the name in B's VPC": claim,
    "a refused deletion of B's VPC, for which Lifeline would make way": teardown,
    "a deleted endpoint with B's ID, by the hub's own role": by_the_hubs_own_role,
    "tags on B's VPC and endpoint, which exempt and disown them": tagged,
    "attributes of B's VPC": lambda at: at.record(
        "ModifyVpcAttribute", {"VpcId": at.vpc_id, "EnableDnsSupport": {"Value": False}}
    ),
    "a security group of B's that is opened": lambda at: at.record(
        "AuthorizeSecurityGroupIngress", {"GroupId": at.group_id, "CidrIp": "0.0.0.0/0"}
    ),
    "an instance of B's that ends": instance,
    "a record of B in an envelope of A": inside_out,
    "a record of another region": abroad,
    "a record with a call beside it": with_a_call_beside,
    "work that was put back, with a cause in B": caused_in_b,
    "a release, as if a person called": lambda at: {"vpc_ids": [at.vpc_id], "release": True, "account": A},
    "a sweep that lists both accounts": lambda _: {"sweep": True, "account": [A, B]},
    "an account that is B only if read as a pattern": lambda _: {"sweep": True, "account": f"{B[:-1]}*"},
    "an account with a partition of the ledger behind it": lambda at: {"vpc_ids": [at.vpc_id], "account": f"{A}#{B}"},
}


@pytest.mark.parametrize("what", FORGERIES)
def test_nothing_that_one_account_sends_changes_or_even_reads_anything_in_another(victim: Victim, what: str) -> None:
    before = victim.as_it_is()
    for _ in range(2):
        victim.hub.days.deliver(json.loads(json.dumps(FORGERIES[what](victim))))
        victim.hub.days.clock.advance(HOUR / 6)
    assert victim.as_it_is() == before


def test_however_often_a_message_of_b_itself_is_replayed_there_is_one_endpoint(victim: Victim) -> None:
    replayed = {**dead_route(victim), "account": B}
    replayed["detail"]["recipientAccountId"] = B
    before = victim.as_it_is()
    for _ in range(3):
        victim.hub.days.deliver(replayed, {"sweep": True, "account": B}, {"vpc_ids": [victim.vpc_id], "account": B})
        victim.hub.days.clock.advance(HOUR / 6)
    assert victim.as_it_is() != before, "B's own messages are listened to"
    (endpoint,) = victim.hub.b.endpoints(victim.vpc_id)
    assert endpoint["VpcEndpointId"] == victim.endpoint_id
    assert not victim.hub.organization.place(B).mutations_of(victim.endpoint_id)
