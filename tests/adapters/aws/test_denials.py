"""Which permissions AWS denied, from its errors."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.denials import Denials
from lifeline.core.errors import LifelineError

ROUTE53 = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: route53:GetHostedZone on z"


def noted(error: Exception) -> dict[str, str]:
    denials = Denials()
    with pytest.raises(LifelineError) as raised, aws_errors("reading"):
        raise error
    denials.note(raised.value)
    return denials.take()


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeNetworkAcls")


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_denial_is_noted_by_the_calls_name(code: str) -> None:
    assert noted(refused(code)) == {"DescribeNetworkAcls": f"reading: {code}: no"}


def test_the_permission_that_aws_names_is_noted() -> None:
    assert list(noted(refused("AccessDenied", ROUTE53))) == ["route53:GetHostedZone"]


@pytest.mark.parametrize(
    "error", [refused("Throttling"), refused("InvalidVpcID.NotFound"), EndpointConnectionError(endpoint_url="x")]
)
def test_nothing_else_is_a_denial(error: Exception) -> None:
    assert noted(error) == {}


def test_what_was_taken_is_not_taken_again() -> None:
    denials = Denials()
    with pytest.raises(LifelineError) as raised, aws_errors("reading"):
        raise refused("AccessDenied")
    denials.note(raised.value)
    assert denials.take()
    assert denials.take() == {}


def test_a_denial_about_one_resource_says_nothing_of_others() -> None:
    denials = Denials()
    words = (
        f"{ROUTE53[:-2]} resource: arn:aws:route53:::hostedzone/Z1 with an explicit deny in a service control policy"
    )
    denials.remember(refused("AccessDenied", words), "route53:GetHostedZone", {"Id": "Z1"})
    denials.begin_run(denials.denied)
    denials.check("route53:GetHostedZone", {"Id": "Z2"})
    with pytest.raises(ClientError, match="hostedzone/Z1"):
        denials.check("route53:GetHostedZone", {"Id": "Z1"})


class Counting:
    """A client that is denied all reads, and counts them."""

    def __init__(self) -> None:
        methods = {"describe_vpcs": "DescribeVpcs", "create_vpc_endpoint": "CreateVpcEndpoint"}
        model = SimpleNamespace(service_name="ec2")
        self.meta = SimpleNamespace(method_to_api_mapping=methods, service_model=model)
        self.made: list[str] = []

    def describe_vpcs(self, **_: object) -> None:
        self.made.append("DescribeVpcs")
        raise refused("UnauthorizedOperation")

    def create_vpc_endpoint(self, **_: object) -> None:
        self.made.append("CreateVpcEndpoint")
        raise refused("UnauthorizedOperation")


@pytest.mark.parametrize(("service", "reads"), [("ec2", 1), ("cloudwatch", 3)])
def test_what_agents_report_and_all_that_changes_something_is_asked_each_time(service: str, reads: int) -> None:
    denials, counting = Denials(), Counting()
    made = denials.over(lambda _: counting)(service)
    for _ in range(3):
        for call in (made.describe_vpcs, made.create_vpc_endpoint):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                call(Ids=["x"])
        denials.begin_run(denials.denied)
    assert counting.made.count("DescribeVpcs") == reads
    assert counting.made.count("CreateVpcEndpoint") == 3


FOREIGN = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to access this resource"
LISTS = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: route53:ListHostedZonesByVPC"


@pytest.mark.parametrize(
    ("code", "words", "request_", "is_all"),
    [
        ("AccessDenied", FOREIGN, {"HostedZoneId": "Z1"}, False),
        ("AccessDenied", FOREIGN, {}, False),
        ("AccessDenied", f"{LISTS} with an explicit deny in a service control policy", {"VPCId": "vpc-1"}, False),
        (
            "AccessDenied",
            f"{LISTS} on resource: * with an explicit deny in a service control policy",
            {"Id": "1"},
            True,
        ),
        ("AccessDenied", f"{LISTS} because no identity-based policy allows the action", {"MaxItems": "1"}, True),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", {"VpcIds": ["vpc-1"]}, True),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", {"VpcId": "vpc-1"}, False),
    ],
)
def test_only_a_denial_of_the_call_itself_is_known_of_other_requests(
    code: str, words: str, request_: dict[str, object], is_all: bool
) -> None:
    denials = Denials()
    denials.remember(refused(code, words), "x:Get", request_)
    denials.begin_run(denials.denied)
    with pytest.raises(ClientError):
        denials.check("x:Get", request_)
    others = {"HostedZoneId": "other"}
    if is_all:
        with pytest.raises(ClientError):
            denials.check("x:Get", others)
    else:
        denials.check("x:Get", others)


def test_what_a_run_is_denied_of_single_resources_is_bounded_however_many_runs_add_to_it() -> None:
    denials = Denials()
    for number in range(300):
        words = f"{FOREIGN} {'x' * 10_000}"
        denials.remember(refused("AccessDenied", words), "x:Get", {"Ids": [f"{number}-{one}" for one in range(500)]})
        denials.begin_run(denials.denied)
    assert len(denials.denied) == 100
    size = sum(len(call) + len(words) for call, words in denials.denied.items())
    assert size < 150_000, "of the 400 KB that DynamoDB takes"
    denials.remember(refused("UnauthorizedOperation"), "ec2:DescribeVpcs", {})
    denials.begin_run(denials.denied)
    with pytest.raises(ClientError):
        denials.check("ec2:DescribeVpcs", {"Filters": []})


def test_a_run_that_makes_every_read_makes_a_denied_one_once() -> None:
    denials, counting = Denials(), Counting()
    made = denials.over(lambda _: counting)("ec2")
    for _ in range(2):
        denials.begin_run()
        for _ in range(3):
            with pytest.raises(ClientError, match="UnauthorizedOperation"):
                made.describe_vpcs(VpcIds=["vpc-1"])
    assert len(counting.made) == 2


def test_outside_of_runs_every_read_is_made() -> None:
    denials, counting = Denials(), Counting()
    made = denials.over(lambda _: counting)("ec2")
    denials.begin_run()
    for _ in range(3):
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            made.describe_vpcs()
        denials.end_run()
    assert len(counting.made) == 3
