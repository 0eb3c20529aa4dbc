"""AWS's words for a denial are read: which call, on what, and whose policy."""

import pytest

from lifeline.core.denial import Denial, Denier, denied_words, read_denial

ROLE = "arn:aws:sts::222222222222:assumed-role/lifeline-reconcile-us-east-1/lifeline"
VPC = "arn:aws:ec2:us-east-1:222222222222:vpc/*"
SCP_ARN = "arn:aws:organizations::987654321098:policy/o-qv5af4abcd/service_control_policy/p-2kgnabcd"
WHO = f"User: {ROLE} is not authorized to perform: ec2:CreateVpcEndpoint on resource: {VPC}"


@pytest.mark.parametrize(
    ("words", "denier", "is_explicit"),
    [
        ("with an explicit deny in a service control policy", Denier.SERVICE_CONTROL_POLICY, True),
        ("because no service control policy allows the ec2:X action", Denier.SERVICE_CONTROL_POLICY, False),
        ("with an explicit deny in a resource control policy", Denier.RESOURCE_CONTROL_POLICY, True),
        ("because no resource control policy allows the ec2:X action", Denier.RESOURCE_CONTROL_POLICY, False),
        ("with an explicit deny in a permissions boundary", Denier.PERMISSIONS_BOUNDARY, True),
        ("because no permissions boundary allows the ec2:X action", Denier.PERMISSIONS_BOUNDARY, False),
        ("with an explicit deny in an identity-based policy", Denier.IDENTITY_POLICY, True),
        ("because no identity-based policy allows the ec2:X action", Denier.IDENTITY_POLICY, False),
        ("with an explicit deny in a resource-based policy", Denier.RESOURCE_POLICY, True),
        ("because no resource-based policy allows the ec2:X action", Denier.RESOURCE_POLICY, False),
        ("with an explicit deny in a session policy", Denier.SESSION_POLICY, True),
        ("with an explicit deny in a sessions policy", Denier.SESSION_POLICY, True),
        ("because no session policy allows the ec2:X action", Denier.SESSION_POLICY, False),
        ("with an explicit deny in a VPC endpoint policy", Denier.ENDPOINT_POLICY, True),
        ("because no VPC endpoint policy allows the ec2:X action", Denier.ENDPOINT_POLICY, False),
        ("with an explicit deny in the role trust policy", Denier.TRUST_POLICY, True),
        ("because no role trust policy allows the sts:AssumeRole action", Denier.TRUST_POLICY, False),
        ("with an explicit deny in a moon policy", Denier.UNSAID, True),
        ("", Denier.UNSAID, False),
    ],
)
def test_each_kind_of_policy_is_told_apart(words: str, denier: Denier, *, is_explicit: bool) -> None:
    denial = read_denial(f"{WHO} {words}")
    assert denial == Denial(denier, "ec2:CreateVpcEndpoint", VPC, is_explicit=is_explicit, caller=ROLE)
    assert denial.account == denial.callers_account == "222222222222"


@pytest.mark.parametrize("between", [": ", ", with policy ARN: ", ":\n"])
def test_the_policys_arn_is_read_where_aws_names_it(between: str) -> None:
    denial = read_denial(f"{WHO} with an explicit deny in a service control policy{between}{SCP_ARN}.")
    assert denial
    assert (denial.denier, denial.policy_arn) == (Denier.SERVICE_CONTROL_POLICY, SCP_ARN)


def test_what_ec2_wraps_around_it_is_no_matter() -> None:
    message = (
        f"You are not authorized to perform this operation. {WHO} with an explicit deny in a service control policy. "
        "Encoded authorization failure message: XQ_jqde5rHje6j9P-qke7"
    )
    assert read_denial(message, "UnauthorizedOperation") == Denial(
        Denier.SERVICE_CONTROL_POLICY, "ec2:CreateVpcEndpoint", VPC, is_explicit=True, caller=ROLE
    )


def test_a_denial_that_says_nothing_more_is_one_by_its_code() -> None:
    denial = read_denial("You are not authorized to perform this operation.", "UnauthorizedOperation")
    assert denial == Denial()
    assert denial.account == denial.callers_account == ""


def test_an_explicit_deny_counts_as_one_although_aws_names_no_policy() -> None:
    denial = read_denial("User: x is not authorized to perform: ec2:CreateVpcEndpoint with an explicit deny")
    assert denial == Denial(action="ec2:CreateVpcEndpoint", is_explicit=True)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("The vpc ID 'vpc-1' does not exist", "InvalidVpcID.NotFound"),
        ("Request limit exceeded.", "RequestLimitExceeded"),
        ("the policy document allows nothing", "InvalidParameter"),
        ("", ""),
    ],
)
def test_any_other_error_is_no_denial(message: str, code: str) -> None:
    assert read_denial(message, code) is None


@pytest.mark.parametrize(
    ("denier", "is_theirs"),
    [
        (Denier.SERVICE_CONTROL_POLICY, True),
        (Denier.RESOURCE_CONTROL_POLICY, True),
        (Denier.PERMISSIONS_BOUNDARY, False),
        (Denier.IDENTITY_POLICY, False),
        (Denier.UNSAID, False),
    ],
)
def test_only_an_organizations_policies_are_out_of_the_accounts_hands(denier: Denier, *, is_theirs: bool) -> None:
    assert denier.is_organizations is is_theirs


@pytest.mark.parametrize(
    ("denier", "is_explicit", "words"),
    [
        (Denier.SERVICE_CONTROL_POLICY, True, "a service control policy of the organization denies ec2:X in account 1"),
        (
            Denier.RESOURCE_CONTROL_POLICY,
            False,
            "a resource control policy of the organization doesn't allow ec2:X in account 1",
        ),
        (Denier.PERMISSIONS_BOUNDARY, False, "the role's permissions boundary doesn't allow ec2:X in account 1"),
        (Denier.IDENTITY_POLICY, False, "the role's own policies don't allow ec2:X in account 1"),
        (Denier.IDENTITY_POLICY, True, "the role's own policy denies ec2:X in account 1"),
        (Denier.ENDPOINT_POLICY, True, "a VPC endpoint policy denies ec2:X in account 1"),
        (Denier.UNSAID, False, "AWS denies ec2:X in account 1"),
    ],
)
def test_it_is_said_whose_policy_it_is(denier: Denier, words: str, *, is_explicit: bool) -> None:
    assert denied_words(Denial(denier, "ec2:X", is_explicit=is_explicit), "1") == words


def test_what_aws_did_not_say_is_not_said() -> None:
    assert denied_words(Denial(), "") == "AWS denies the call"
    named = Denial(Denier.SERVICE_CONTROL_POLICY, "ec2:X", policy_arn=SCP_ARN, is_explicit=True)
    assert denied_words(named, "") == f"a service control policy of the organization ({SCP_ARN}) denies ec2:X"
