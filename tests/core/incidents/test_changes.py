"""Which recorded change is named as the beginning of an outage."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import (
    ChangeScope,
    Field,
    Past,
    brings,
    change_evidence,
    change_words,
    scope_of,
    takes,
)
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.network.model import EndpointState, NatGateway, NetworkAcl, TargetKind, Vpc
from tests.support.agents import minute
from tests.support.builders import (
    MONITORING,
    VPC_ID,
    default_route,
    endpoint,
    own_security_group,
    subnet,
    table,
    vpc,
)

SINCE = minute(0)
ANY_FIELD = tuple(Field)
EVENTS = sorted(path.stem for path in Path("events/cloudtrail").glob("*.json"))

# Those that say nothing of how a subnet of this VPC reaches a service.
BESIDE = {
    "AcceptVpcEndpointConnections",
    "CreateDefaultSubnet",
    "CreateDefaultVpc",
    "CreateTags",
    "CreateVpc",
    "CreateVpcEncryptionControl",
    "DeleteTags",
    "DeleteVpc",
    "DeleteVpcEncryptionControl",
    "DeleteVpcEndpointServiceConfigurations",
    "DisassociateVpcCidrBlock",
    "AssociateVpcCidrBlock",
    "ModifySubnetAttribute",
    "ModifyVpcEncryptionControl",
    "ModifyVpcEndpointServiceConfiguration",
    "ModifyVpcEndpointServicePermissions",
    "RejectVpcEndpointConnections",
}


def network() -> Vpc:
    """Subnet a leads to the internet by a NAT gateway in subnet n; subnet b and its table are others'."""
    return vpc(
        subnet("a"),
        subnet("b", cidr="10.0.2.0/24"),
        subnet("n", cidr="10.0.3.0/24"),
        table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1", active=False)),
        table("other", default_route(TargetKind.NAT_GATEWAY, "nat-2"), subnets=("b",)),
        table("edge", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"), subnets=("n",)),
        endpoint(MONITORING, "a"),
        endpoint("com.amazonaws.us-east-1.logs", "a", id="vpce-logs", security_group_ids=frozenset({"sg-logs"})),
        own_security_group(),
        nat_gateways=(NatGateway("nat-1", is_public=True, is_available=True, subnet_id="subnet-n"),),
        network_acls=(
            NetworkAcl("acl-a", frozenset({"subnet-a"}), ()),
            NetworkAcl("acl-b", frozenset({"subnet-b"}), ()),
        ),
    )


def scope() -> ChangeScope:
    seen = network()
    return scope_of(seen.subnets[0], seen, "monitoring")


def change(name: str, *ids: str, at: datetime = SINCE, event_id: str = "e-1", actor: str = "alice") -> Change:
    return Change(at, event_id, name, actor, frozenset(ids))


def behind(kind: CauseKind, *changes: Change) -> str:
    found = Past(changes, scope()).change_behind(kind, SINCE)
    return found.event_id if found else ""


@pytest.mark.parametrize(
    ("name", "ids", "concerns"),
    [
        ("DeleteRoute", ("rtb-main",), True),
        ("DeleteRoute", ("rtb-edge",), True),
        ("DeleteRoute", ("rtb-other",), False),
        ("DeleteRoute", (), True),
        ("ReplaceRoute", ("rtb-other", "nat-1"), False),
        ("DeleteRouteTable", ("rtb-gone",), True),
        ("DisassociateRouteTable", ("rtbassoc-1",), True),
        ("AssociateRouteTable", ("subnet-a", "rtb-other", "rtbassoc-1"), True),
        ("AssociateRouteTable", ("subnet-b", "rtb-main", "rtbassoc-1"), False),
        ("ReplaceRouteTableAssociation", ("rtbassoc-1", "rtb-main"), True),
        ("DeleteNatGateway", ("nat-1",), True),
        ("DeleteNatGateway", ("nat-2",), False),
        ("DeleteNatGateway", ("nat-gone",), True),
        ("DetachInternetGateway", ("igw-1", VPC_ID), True),
        ("ModifyVpcBlockPublicAccessOptions", (), True),
        ("ModifyNetworkInterfaceAttribute", ("eni-1",), False),
        ("DeleteVpcEndpoints", ("vpce-1",), True),
        ("DeleteVpcEndpoints", ("vpce-gone",), True),
        ("DeleteVpcEndpoints", ("vpce-logs",), False),
        ("RevokeSecurityGroupIngress", ("sg-own",), False),
        ("ModifyVpcAttribute", (VPC_ID,), False),
        ("CreateRoute", ("rtb-main",), False),
        ("CreateVpcEndpoint", ("vpce-1", VPC_ID), False),
        ("CreateTags", ("subnet-a",), False),
        ("DeleteTags", ("subnet-a",), False),
    ],
)
def test_a_subnet_is_cut_off_by_what_its_own_way_hangs_on(name: str, ids: tuple[str, ...], concerns: bool) -> None:
    assert (behind(CauseKind.CUT_OFF, change(name, *ids)) == "e-1") is concerns


@pytest.mark.parametrize(("service_name", "concerns"), [(MONITORING, True), ("com.amazonaws.us-east-1.logs", False)])
def test_so_it_is_by_what_deleted_the_services_endpoint_while_ec2_still_shows_it(
    service_name: str, concerns: bool
) -> None:
    gone = endpoint(service_name, "a", id="vpce-9", state=EndpointState.DELETING)
    seen = replace(network(), endpoints=(gone,))
    found = Past([change("DeleteVpcEndpoints", "vpce-9")], scope_of(seen.subnets[0], seen, "monitoring"))
    assert (found.change_behind(CauseKind.CUT_OFF, SINCE) is not None) is concerns
    far = replace(seen, endpoints=(replace(gone, service_name="com.amazonaws.eu-west-1.monitoring"),))
    found = Past([change("DeleteVpcEndpoints", "vpce-9")], scope_of(far.subnets[0], far, "monitoring"))
    assert found.change_behind(CauseKind.CUT_OFF, SINCE) is None


@pytest.mark.parametrize(
    ("name", "ids", "target", "concerns"),
    [
        ("instance stopped", "i-1", "eni-1", True),
        ("instance terminated", "i-1", "i-1", True),
        ("instance running", "i-1", "eni-1", False),
        ("instance stopped", "i-1", "nat-1", False),
        ("DetachNetworkInterface", "eni-attach-1", "eni-1", True),
        ("DeleteNetworkInterface", "eni-1", "eni-1", True),
        ("DeleteNetworkInterface", "eni-2", "eni-1", False),
        ("ModifyInstanceAttribute", "i-1", "eni-1", True),
    ],
)
def test_behind_a_nat_instance_it_is_the_instance_that_may_have_taken_the_way(
    name: str, ids: str, target: str, concerns: bool
) -> None:
    behind_it = replace(scope(), target_ids=frozenset({target}))
    found = Past([change(name, ids)], behind_it).change_behind(CauseKind.CUT_OFF, SINCE)
    assert bool(found) is concerns


def test_what_ec2_reports_without_a_call_is_nobodys() -> None:
    stopped = change("instance stopped", "i-1", actor="")
    assert change_words(stopped) == "instance stopped"
    assert change_evidence(stopped).startswith("instance stopped at 2026-03-02 09:00:00 UTC")


@pytest.mark.parametrize(
    ("kind", "name", "ids", "concerns"),
    [
        (CauseKind.ENDPOINT_CLOSED, "RevokeSecurityGroupIngress", ("sg-own",), True),
        (CauseKind.ENDPOINT_CLOSED, "RevokeSecurityGroupIngress", ("sg-logs",), False),
        (CauseKind.ENDPOINT_CLOSED, "AuthorizeSecurityGroupIngress", ("sg-own",), False),
        (CauseKind.ENDPOINT_CLOSED, "CreateNetworkAclEntry", ("acl-a",), True),
        (CauseKind.ENDPOINT_CLOSED, "DeleteNetworkAclEntry", ("acl-a",), True),
        (CauseKind.ENDPOINT_CLOSED, "DeleteNetworkAclEntry", ("acl-b",), False),
        (CauseKind.ENDPOINT_CLOSED, "ReplaceNetworkAclAssociation", ("acl-a",), True),
        (CauseKind.ENDPOINT_CLOSED, "ModifyVpcEndpoint", ("vpce-1", "sg-app"), True),
        (CauseKind.ENDPOINT_CLOSED, "CreateVpcEndpoint", ("vpce-1", VPC_ID), True),
        (CauseKind.ENDPOINT_CLOSED, "DeleteRoute", ("rtb-main",), False),
        (CauseKind.DNS_OFF, "ModifyVpcAttribute", (VPC_ID,), True),
        (CauseKind.DNS_OFF, "AssociateDhcpOptions", ("dopt-1", VPC_ID), True),
        (CauseKind.DNS_OFF, "DeleteRoute", ("rtb-main",), False),
        (CauseKind.ENDPOINT_POLICY, "ModifyVpcEndpoint", ("vpce-1",), True),
        (CauseKind.ENDPOINT_POLICY, "ModifyVpcEndpoint", ("vpce-logs",), False),
        (CauseKind.ROLE, "DeleteRoute", ("rtb-main",), False),
    ],
)
def test_each_kind_of_cause_is_begun_by_its_own_changes(
    kind: CauseKind, name: str, ids: tuple[str, ...], concerns: bool
) -> None:
    assert (behind(kind, change(name, *ids)) == "e-1") is concerns


def test_the_last_change_before_the_gap_is_named() -> None:
    early, late = change("DeleteRoute", at=minute(-9)), change("DeleteNatGateway", at=minute(-3), event_id="e-2")
    assert behind(CauseKind.CUT_OFF, late, early) == "e-2"
    assert behind(CauseKind.CUT_OFF, early, late, change("CreateRoute", at=minute(-1))) == "e-2"


@pytest.mark.parametrize(
    "beside",
    [
        ("DetachInternetGateway", "igw-gone", VPC_ID),
        ("DeleteVpcEndpoints", "vpce-gone"),
        ("DisassociateRouteTable", "rtbassoc-1"),
        ("ReplaceRoute", "rtb-main"),
        ("ModifySubnetAttribute", "subnet-a"),
    ],
)
@pytest.mark.parametrize("later", [0, 1])
def test_of_changes_made_at_once_the_one_that_is_sure_to_take_its_own_is_named(
    beside: tuple[str, ...], later: float
) -> None:
    """Terraform makes many within seconds, in whatever order; event ids have none."""
    deleted = change("DeleteRoute", "rtb-main", at=minute(-3), event_id="e-1")
    assert behind(CauseKind.CUT_OFF, deleted, change(*beside, at=minute(-3 + later), event_id="e-2")) == "e-1"


def test_of_changes_made_apart_the_last_is_named_however_little_its_record_says() -> None:
    deleted = change("DeleteRoute", "rtb-main", at=minute(-30))
    assert behind(CauseKind.CUT_OFF, deleted, change("DisassociateRouteTable", "rtbassoc-1", event_id="e-2")) == "e-2"


@pytest.mark.parametrize("name", ["CreateTags", "DeleteTags", "ModifySubnetAttribute"])
def test_what_says_nothing_of_the_way_neither_takes_nor_brings(name: str) -> None:
    one = change(name, "subnet-a")
    assert not takes(one, ANY_FIELD, scope())
    assert not brings(one, ANY_FIELD, scope())


@pytest.mark.parametrize(("at", "is_named"), [(2, True), (2.1, False), (-1440, True), (-1441, False)])
def test_a_change_is_named_from_a_day_before_the_gap_to_two_minutes_after_it_began(at: float, is_named: bool) -> None:
    assert bool(behind(CauseKind.CUT_OFF, change("DeleteRoute", at=minute(at)))) is is_named


@pytest.mark.parametrize("name", EVENTS)
def test_every_call_that_lifeline_hears_of_has_its_field_or_says_nothing_of_the_way(name: str) -> None:
    assert any(field.holds(name) for field in Field) is (name not in BESIDE)


@pytest.mark.parametrize("name", sorted(set(EVENTS) - BESIDE))
def test_every_call_takes_or_brings_something(name: str) -> None:
    of_both = replace(scope(), versions=frozenset({4, 6}), filter_ids=frozenset({"pl-1"}))
    assert takes(change(name), ANY_FIELD, of_both) or brings(change(name), ANY_FIELD, of_both)


@pytest.mark.parametrize("name", ["DeleteIpamPrefixListResolver", "ModifyIpamPrefixListResolver"])
def test_where_no_list_is_on_the_way_a_resolver_of_lists_closes_nothing(name: str) -> None:
    assert not takes(change(name), ANY_FIELD, scope())
    assert takes(change(name), ANY_FIELD, replace(scope(), target_ids=frozenset({"pl-1"})))


def test_an_egress_only_gateway_concerns_no_subnet_that_has_ipv4() -> None:
    gone = change("DeleteEgressOnlyInternetGateway")
    assert not takes(gone, ANY_FIELD, scope())
    assert takes(gone, ANY_FIELD, replace(scope(), versions=frozenset({6})))


@pytest.mark.parametrize(
    ("name", "can_take", "can_bring"),
    [
        ("DeleteRoute", True, False),
        ("CreateRoute", False, True),
        ("ReplaceRoute", True, True),
        ("DisassociateRouteTable", True, True),
        ("DisassociateNatGatewayAddress", True, False),
        ("DetachInternetGateway", True, False),
        ("AttachInternetGateway", False, True),
        ("RevokeSecurityGroupIngress", True, False),
        ("AuthorizeSecurityGroupIngress", False, True),
        ("DeleteNetworkAclEntry", True, True),
        ("CreateNetworkAclEntry", True, True),
        ("DeleteVpcEndpoints", True, False),
        ("CreateSubnet", True, True),
    ],
)
def test_a_call_takes_or_brings_by_what_it_does(name: str, can_take: bool, can_bring: bool) -> None:
    one = change(name)
    assert (takes(one, ANY_FIELD, scope()), brings(one, ANY_FIELD, scope())) == (can_take, can_bring)


@pytest.mark.parametrize(("action", "can_take", "can_bring"), [("allow", False, True), ("deny", True, False)])
def test_a_new_entry_of_an_acl_takes_or_brings_by_its_action(action: str, can_take: bool, can_bring: bool) -> None:
    one = replace(change("CreateNetworkAclEntry"), rule_action=action)
    assert (takes(one, ANY_FIELD, scope()), brings(one, ANY_FIELD, scope())) == (can_take, can_bring)


def test_who_did_what_is_short_in_a_subject_and_whole_in_the_evidence() -> None:
    assert change_words(change("DeleteRoute", actor="deploy-role")) == "DeleteRoute by deploy-role"
    assert change_words(change("DeleteRoute", actor="")) == "DeleteRoute"
    long = change("DeleteRoute", actor="AWSReservedSSO_Network-Admins_0123456789/alice@example.com")
    assert change_words(long) == "DeleteRoute by alice@example[.]com"
    through = change("DeleteRoute", actor=f"{long.actor} via CloudFormation")
    assert change_words(through) == "DeleteRoute by alice@example[.]com via CloudFormation"
    assert change_evidence(long) == (
        "DeleteRoute by AWSReservedSSO_Network-Admins_0123456789/alice@example[.]com at 2026-03-02 09:00:00 UTC "
        "(CloudTrail event e-1)"
    )
    assert change_evidence(change("DeleteRoute", actor="", event_id="")) == "DeleteRoute at 2026-03-02 09:00:00 UTC"


def test_a_change_that_can_not_be_traced_to_a_vpc_counts_only_just_before_the_gap() -> None:
    def untraced(at: datetime) -> Change:
        return replace(change("DisassociateRouteTable", "rtbassoc-1", at=at), is_traced=False)

    near, far = untraced(minute(-9)), untraced(minute(-11))
    assert Past([near], scope()).change_behind(CauseKind.CUT_OFF, SINCE) == near
    assert Past([far], scope()).change_behind(CauseKind.CUT_OFF, SINCE) is None
    cure = replace(near, event_name="AssociateRouteTable")
    assert Past([cure], scope()).cure(Field.ROUTES, after=None, not_before=minute(-60), until=SINCE) is None
