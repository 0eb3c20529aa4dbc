"""Links into the console: per partition, and only to what is an id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.notices.links import console_host, dashboard_link, resource_link

VPC = "vpc-0123456789abcdef0"


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("ap-southeast-10", "ap-southeast-10.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("us-iso-east-1", ""),
        ("us-isob-east-1", ""),
        ("eu-isoe-west-1", ""),
        ("", ""),
        ("evil.example/us-east-1", ""),
        ("us-east-1\n", ""),
    ],
)
def test_each_partition_has_its_console_or_none(region: str, host: str) -> None:
    assert console_host(region) == host


@pytest.mark.parametrize(
    ("resource_id", "page"),
    [
        (VPC, f"VpcDetails:VpcId={VPC}"),
        ("vpc-01234567", "VpcDetails:VpcId=vpc-01234567"),
        ("vpce-0123456789abcdef0", "EndpointDetails:vpcEndpointId=vpce-0123456789abcdef0"),
        ("subnet-0123456789abcdef0", "SubnetDetails:subnetId=subnet-0123456789abcdef0"),
        ("rtb-0123456789abcdef0", "RouteTableDetails:RouteTableId=rtb-0123456789abcdef0"),
        ("sg-0123456789abcdef0", "SecurityGroup:groupId=sg-0123456789abcdef0"),
    ],
)
def test_each_kind_has_its_page(resource_id: str, page: str) -> None:
    url = resource_link(resource_id, "eu-west-1")
    assert url == f"https://eu-west-1.console.aws.amazon.com/vpcconsole/home?region=eu-west-1#{page}"


@pytest.mark.parametrize("wrong", ["", "i-0123456789abcdef0", "vpc-0123456789", f"{VPC}\n", f"x{VPC}", "vpc-0123456z"])
def test_what_is_no_id_has_no_link(wrong: str) -> None:
    assert resource_link(wrong, "us-east-1") == ""


@given(st.text())
def test_a_dashboards_name_can_not_leave_its_place(name: str) -> None:
    url = dashboard_link(name, "us-east-1")
    start = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/"
    assert url.startswith(start)
    assert not set(url.removeprefix(start)) & set("/?#<>\" '\n")


def test_no_region_no_dashboard() -> None:
    assert dashboard_link("lifeline", "nowhere") == ""
