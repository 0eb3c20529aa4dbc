"""Who denied a dry run, as far as EC2's message and its decoded part tell."""

import json

import pytest

from lifeline.core.event_path.denial import DeniedBy, DryRunDenial, read_dry_run_denial
from lifeline.core.event_path.dry_run import DryRun

HEAD = (
    "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/r/s is not "
    "authorized to perform: ec2:CreateVpcEndpoint on resource: arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/* "
)


def denial_of(message: str, decoded: str = "") -> DryRunDenial:
    return read_dry_run_denial(DryRun("UnauthorizedOperation", message), decoded)


@pytest.mark.parametrize(
    ("words", "by"),
    [
        ("with an explicit deny in a service control policy", DeniedBy.SERVICE_CONTROL_POLICY),
        (
            "because no service control policy allows the ec2:CreateVpcEndpoint action",
            DeniedBy.SERVICE_CONTROL_POLICY,
        ),
        ("with an explicit deny in a resource control policy", DeniedBy.RESOURCE_CONTROL_POLICY),
        ("because no permissions boundary allows the ec2:CreateVpcEndpoint action", DeniedBy.PERMISSIONS_BOUNDARY),
        ("with an explicit deny in a permissions boundary", DeniedBy.PERMISSIONS_BOUNDARY),
        ("because no session policy allows the ec2:CreateVpcEndpoint action", DeniedBy.SESSION_POLICY),
        ("because no identity-based policy allows the ec2:CreateVpcEndpoint action", DeniedBy.IDENTITY_BASED_POLICY),
        ("with an explicit deny in an identity-based policy", DeniedBy.IDENTITY_BASED_POLICY),
        ("because no VPC endpoint policy allows the ec2:CreateVpcEndpoint action", DeniedBy.VPC_ENDPOINT_POLICY),
    ],
)
def test_the_message_names_the_kind_of_policy(words: str, by: DeniedBy) -> None:
    denial = denial_of(f"{HEAD}{words}.")
    assert denial.by is by
    assert denial.resource == "arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/*"


def test_a_message_that_names_none_is_told_by_its_decoded_part() -> None:
    decoded = {
        "allowed": False,
        "explicitDeny": True,
        "matchedStatements": {"items": [{"statementId": "NoEndpoints", "effect": "DENY"}]},
        "context": {"resource": "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"},
    }
    denial = denial_of("You are not authorized to perform this operation.", json.dumps(decoded))
    assert denial.by is DeniedBy.A_STATEMENT
    assert denial.statement == "NoEndpoints"
    assert denial.resource.endswith(":vpc/vpc-1")


def test_what_denies_by_not_allowing_has_no_statement() -> None:
    decoded = {"explicitDeny": False, "matchedStatements": {"items": [{"statementId": "Other"}]}}
    denial = denial_of("You are not authorized to perform this operation.", json.dumps(decoded))
    assert denial.by is DeniedBy.NOT_SAID
    assert denial.statement == ""


@pytest.mark.parametrize(
    "decoded", ["", "no JSON", "[]", '{"explicitDeny": true, "matchedStatements": []}', '{"context": 1}']
)
def test_whatever_is_decoded_is_no_error(decoded: str) -> None:
    assert denial_of("You are not authorized to perform this operation.", decoded).statement == ""


def test_it_is_known_which_call_was_denied() -> None:
    assert denial_of("no").call == "CreateVpcEndpoint"
    group = DryRun("UnauthorizedOperation", "no", call="CreateSecurityGroup")
    assert read_dry_run_denial(group).call == "CreateSecurityGroup"
