"""Which permissions AWS denied, from its errors."""

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
