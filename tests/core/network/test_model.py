"""Values of the network that check themselves."""

from dataclasses import replace

import pytest

from lifeline.core.network.model import Interface, NetworkInterface, RegionRef, VpcRef, region_of, suffix_of

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
    ("kind", "is_client"),
    [
        ("interface", True),
        ("lambda", True),
        ("efa", True),
        ("what AWS adds next", True),
        ("gateway_load_balancer", False),
        ("gateway_load_balancer_endpoint", False),
        ("global_accelerator_managed", False),
        ("load_balancer", False),
        ("nat_gateway", False),
        ("network_load_balancer", False),
        ("transit_gateway", False),
        ("vpc_endpoint", False),
    ],
)
def test_what_only_passes_packets_on_is_no_client(kind: str, *, is_client: bool) -> None:
    assert NetworkInterface("eni-1", "subnet-a", kind=kind).is_client is is_client


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
        ("load_balancer", "", False),
        ("natGateway", "", False),
        ("nat_gateway", "", False),
        ("network_load_balancer", "", False),
        ("transit_gateway", "", False),
        ("vpc_endpoint", "", False),
    ],
)
def test_what_may_call_services_needs_a_private_path_unless_it_has_a_public_address(
    kind: str, description: str, *, may_call: bool
) -> None:
    found = Interface("eni-1", "subnet-a", kind, description, is_attached=True, is_requester_managed=True)
    assert found.needs_a_private_path is may_call
    assert not replace(found, sends_publicly=True).needs_a_private_path
    assert not replace(found, is_attached=False).needs_a_private_path


def test_a_description_that_anybody_may_have_written_makes_no_load_balancer() -> None:
    assert Interface("eni-1", "subnet-a", description="ELB app/web/0123", is_attached=True).needs_a_private_path
