"""Which tool made a change: what the tools really say of themselves in CloudTrail's records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.requests.iac_tools import tool_of
from tests.support.cloudtrail import AWS_CLI, record_call
from tests.support.repository import ROOT

EVENTS = ROOT / "events"
SDK = "aws-sdk-go/1.44.15 (go1.17.6; linux; amd64)"
_JSON = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["key", "value", "Tag", "x"]), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        (
            "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.82.0",
            "Terraform",
        ),
        (f"{SDK} APN/1.0 HashiCorp/1.0 Terraform/0.10.0", "Terraform"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.8.1 OpenTofu/1.8.1", "OpenTofu"),
        (f"APN/1.0 Pulumi/1.0 Pulumi-Aws/4.17.0 (+https://www.pulumi.com) {SDK}", "Pulumi"),
        ("APN/1.0 Pulumi/1.0 PulumiAwsNative/1.12", "Pulumi"),
        (f"APN/1.0 HashiCorp/1.0 Terraform/1.1.9 {SDK} crossplane-provider-aws-upbound/v0.0.0", "Crossplane"),
        ("aws-sdk-go-v2/1.11.2 os/linux api/ec2/1.9.0 crossplane-provider-aws/v0.26.0", "Crossplane"),
        ("APN/1.0 Ansible/2.15.0 amazon.aws/12.0.0", "Ansible"),
        ("cloudformation.amazonaws.com", "CloudFormation"),
        (AWS_CLI, ""),
        ("AWS Internal", ""),
        ("console.ec2.amazonaws.com", ""),
        ("Boto3/1.40 ua/2.1 cfg/retry-mode#legacy my-terraformer/1", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_tool_is_known_by_its_user_agent(agent: str | None, tool: str) -> None:
    assert tool_of({"userAgent": agent}) == tool


def test_cloudformation_is_known_by_whom_it_calls_for() -> None:
    identity = {"type": "AssumedRole", "invokedBy": "cloudformation.amazonaws.com"}
    assert tool_of({"userIdentity": identity, "userAgent": AWS_CLI}) == "CloudFormation"
    assert tool_of({"sourceIPAddress": "cloudformation.amazonaws.com", "userAgent": AWS_CLI}) == "CloudFormation"
    assert tool_of({"userIdentity": {"invokedBy": "autoscaling.amazonaws.com"}}) == ""


@pytest.mark.parametrize("operation", ["CreateSubnet", "CreateVpcEndpoint"])
@pytest.mark.parametrize(
    ("key", "value", "tool"),
    [
        ("aws:cloudformation:stack-name", "blue", "CloudFormation"),
        ("pulumi:project", "net", "Pulumi"),
        ("ManagedBy", "Terraform", "Terraform"),
        ("managed-by", "opentofu", "OpenTofu"),
        ("terraform", "true", "Terraform"),
        ("crossplane-name", "vpc", "Crossplane"),
        ("ManagedBy", "the network team", ""),
        ("Name", "terraform", ""),
        ("lifeline:managed-by", "lifeline", ""),
    ],
)
def test_a_tag_in_the_request_tells_in_both_of_the_records_styles(
    operation: str, key: str, value: str, tool: str
) -> None:
    tags = [{"ResourceType": "subnet", "Tags": [{"Key": "Team", "Value": "a"}, {"Key": key, "Value": value}]}]
    request = {"VpcId": "vpc-0123456789abcdef0", "TagSpecifications": tags}
    assert tool_of(record_call(operation, request)["detail"]) == tool


def test_every_sample_of_terraforms_is_known() -> None:
    for path in [*EVENTS.glob("attempts/*.json"), EVENTS / "change.json"]:
        assert tool_of(json.loads(path.read_text())["detail"]) == "Terraform", path.name


@given(_JSON, _JSON, _JSON)
def test_whatever_a_record_holds_it_is_read(agent: Any, identity: Any, request: Any) -> None:
    found = tool_of({"userAgent": agent, "userIdentity": identity, "requestParameters": request})
    assert isinstance(found, str)
