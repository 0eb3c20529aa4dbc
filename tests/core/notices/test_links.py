"""Links into the console: per partition, and only to what is an id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.notices.links import console_host, dashboard_link, event_link, log_link, resource_link

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


EVENT = "4976d0e5-a65d-5a42-8b1c-d00a50dc4ff4"


def test_an_event_has_its_page_in_event_history() -> None:
    assert event_link(EVENT, "eu-west-1") == (
        f"https://eu-west-1.console.aws.amazon.com/cloudtrailv2/home?region=eu-west-1#/events/{EVENT}"
    )


@pytest.mark.parametrize("wrong", ["", EVENT[:-1], EVENT.upper(), f"{EVENT}#x", "javascript:alert(1)"])
def test_what_is_no_event_has_no_link(wrong: str) -> None:
    assert event_link(wrong, "eu-west-1") == ""
    assert event_link(EVENT, "us-iso-east-1") == ""


def test_a_query_of_the_log_is_written_as_the_console_writes_it() -> None:
    link = log_link("/aws/lambda/one", "vpc-0a1b2c3d4e5f60718", "us-east-1")
    address, detail = link.split("$3FqueryDetail$3D")
    assert address == "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:logs-insights"
    assert detail.startswith(
        "~(end~0~start~-86400~timeType~'RELATIVE~unit~'seconds~editorString~'fields*20*40timestamp"
    )
    assert detail.endswith("~source~(~'*2faws*2flambda*2fone))")
    assert "*22vpc-0a1b2c3d4e5f60718*22" in detail


def test_only_an_id_is_put_into_a_query() -> None:
    assert log_link("/aws/lambda/one", 'x" | stats count()', "us-east-1") == ""
    assert log_link("", "vpc-0a1b2c3d4e5f60718", "us-east-1") == ""
