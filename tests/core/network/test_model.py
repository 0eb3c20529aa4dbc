"""Values of the network that check themselves."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.core.network.model import (
    MANAGED_BY,
    Catalog,
    Endpoint,
    EndpointState,
    EndpointType,
    Interface,
    NetworkInterface,
    Part,
    RegionRef,
    Service,
    Subnet,
    Unread,
    Vpc,
    VpcRef,
    is_own,
    region_of,
    suffix_of,
    version_of,
)

VPC_ID = "vpc-0123456789abcdef0"


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "us-iso-east-1", "ap-southeast-3", "eusc-de-east-1"])
def test_a_vpc_is_named_by_account_region_and_id(region: str) -> None:
    ref = VpcRef("123456789012", region, VPC_ID)
    assert (ref.account, ref.region, ref.vpc_id) == ("123456789012", region, VPC_ID)
    assert ref == VpcRef("123456789012", region, VPC_ID)
    assert VpcRef("210987654321", region, VPC_ID) != ref


@pytest.mark.parametrize(
    ("account", "region", "vpc_id", "field"),
    [
        ("12345678901", "us-east-1", VPC_ID, "account"),
        ("١٢٣٤٥٦٧٨٩٠١٢", "us-east-1", VPC_ID, "account"),
        ("", "us-east-1", VPC_ID, "account"),
        ("123456789012", "us-east-1a", VPC_ID, "region"),
        ("123456789012", "useast1", VPC_ID, "region"),
        ("123456789012", "us-east-1\n", VPC_ID, "region"),
        ("123456789012", "us-east-1", "vpc-123", "vpc_id"),
        ("123456789012", "us-east-1", "subnet-0123456789abcdef0", "vpc_id"),
    ],
)
def test_a_part_of_another_form_is_refused_by_name(account: str, region: str, vpc_id: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        VpcRef(account, region, vpc_id)


def test_a_vpc_is_read_back_from_its_text() -> None:
    ref = VpcRef("123456789012", "us-east-1", VPC_ID)
    assert str(ref) == f"123456789012/us-east-1/{VPC_ID}"
    assert VpcRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text", ["", VPC_ID, "123456789012/us-east-1", f"123456789012/us-east-1/{VPC_ID}/", f"12/us-east-1/{VPC_ID}"]
)
def test_a_text_of_another_form_is_no_vpc(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        VpcRef.parse(text)


def test_a_region_names_its_vpcs_and_itself_where_the_vpc_is_unknown() -> None:
    home = RegionRef("123456789012", "us-east-1")
    assert home.vpc_or_self(VPC_ID) == home.vpc(VPC_ID) == VpcRef("123456789012", "us-east-1", VPC_ID)
    assert home.vpc_or_self("") == home.vpc(VPC_ID).home == home
    assert str(home) == "123456789012/us-east-1"
    with pytest.raises(ValueError, match=r"^account: "):
        RegionRef("", "us-east-1")


@pytest.mark.parametrize(
    ("name", "region", "suffix"),
    [
        ("com.amazonaws.us-east-1.ecr.api", "us-east-1", "ecr.api"),
        ("com.amazonaws.us-gov-west-1.monitoring", "us-gov-west-1", "monitoring"),
        ("com.amazonaws.s3-global.accesspoint", "", "accesspoint"),
        ("com.example.team-a2-1.api", "", "api"),
    ],
)
def test_a_services_name_holds_its_region_between_words_of_letters(name: str, region: str, suffix: str) -> None:
    assert (region_of(name), suffix_of(name)) == (region, suffix)


@pytest.mark.parametrize(
    ("kind", "description", "may_call"),
    [
        ("interface", "", True),
        ("interface", "what talks to ELB app/web", True),
        ("lambda", "", True),
        ("what AWS adds next", "", True),
        ("interface", "ELB app/web/0123456789abcdef", False),
        ("gateway_load_balancer", "", False),
        ("gateway_load_balancer_endpoint", "", False),
        ("global_accelerator_managed", "", False),
        ("load_balancer", "", False),
        ("natGateway", "", False),
        ("nat_gateway", "", False),
        ("network_load_balancer", "", False),
        ("transit_gateway", "", False),
        ("vpc_endpoint", "", False),
    ],
)
def test_what_may_call_services_is_a_client_and_needs_a_private_path_unless_it_has_a_public_address(
    kind: str, description: str, *, may_call: bool
) -> None:
    found = Interface("eni-1", "subnet-a", kind, description, is_attached=True, is_requester_managed=True)
    assert found.needs_a_private_path is may_call
    assert not replace(found, sends_publicly=True).needs_a_private_path
    assert not Interface("eni-1", "subnet-a", kind, description).needs_a_private_path  # it is attached to nothing
    same = NetworkInterface("eni-1", "subnet-a", kind=kind, description=description, is_requester_managed=True)
    assert same.is_client is may_call
    assert not replace(same, is_attached=False).is_client


def test_a_description_that_anybody_may_have_written_makes_no_load_balancer() -> None:
    assert Interface("eni-1", "subnet-a", description="ELB app/web/0123", is_attached=True).needs_a_private_path


def test_when_a_vpc_was_read_makes_it_no_other_and_two_catalogs_of_the_same_services_are_one() -> None:
    seen = Vpc("vpc-1", ("10.0.0.0/16",))
    assert seen == replace(seen, read_at=datetime(2026, 11, 29, tzinfo=UTC))
    service = Service("com.amazonaws.us-east-1.logs", EndpointType.INTERFACE)
    assert len({Catalog((service,)), Catalog((service,)), Catalog()}) == 2


def test_a_vpc_is_partly_seen_if_a_later_run_can_read_anything_that_is_missing() -> None:
    denied, throttled = Unread(Part.INTERFACES, "denied"), Unread(Part.CLIENTS, "throttled", is_passing=True)
    seen = Vpc("vpc-1", ("10.0.0.0/16",))
    assert [replace(seen, unread=unread).is_partly_seen for unread in ((), (denied,), (denied, throttled))] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("zone_ids", "zones", "zone_id", "is_in_zone"),
    [
        ({"use1-az1"}, {"us-east-1b"}, "use1-az1", True),
        ({"use1-az2"}, {"us-east-1a"}, "use1-az1", False),
        (set(), {"us-east-1a"}, "use1-az1", True),
        (set(), {"us-east-1b"}, "use1-az1", False),
        ({"use1-az1"}, {"us-east-1b"}, "", False),
        ({"use1-az2"}, {"us-east-1a"}, "", True),
    ],
)
def test_a_service_is_in_a_subnets_zone_by_the_zones_id_where_both_have_one_else_by_its_name(
    zone_ids: set[str], zones: set[str], zone_id: str, is_in_zone: bool
) -> None:
    service = Service("s", EndpointType.INTERFACE, frozenset(zone_ids), frozenset(zones))
    assert service.is_in_zone_of(Subnet("subnet-a", "us-east-1a", zone_id)) is is_in_zone


@pytest.mark.parametrize(
    ("changed", "own"),
    [
        ({}, True),
        ({"on_record": False}, False),
        ({"tags": ()}, False),
        ({"tags": ((MANAGED_BY, "another-stack"),)}, False),
        ({"requester_managed": True}, False),
    ],
)
def test_an_endpoint_is_lifelines_own_by_its_record_and_its_tag_together(changed: dict[str, Any], own: bool) -> None:
    known = Endpoint(
        "vpce-1",
        "com.amazonaws.us-east-1.logs",
        EndpointType.INTERFACE,
        EndpointState.AVAILABLE,
        tags=((MANAGED_BY, "lifeline"),),
        on_record=True,
    )
    assert is_own(replace(known, **changed), "lifeline") is own


def test_an_address_is_of_the_ip_version_that_it_is_written_in() -> None:
    texts = ("0.0.0.0/0", "10.0.0.1", "::/0", "2001:db8::1", "64:ff9b::/96", "::ffff:10.0.0.1/128")
    assert [version_of(text) for text in texts] == [4, 4, 6, 6, 6, 6]
