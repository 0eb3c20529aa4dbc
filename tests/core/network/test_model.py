"""Values of the network that check themselves."""

import pytest

from lifeline.core.network.model import VpcRef

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
