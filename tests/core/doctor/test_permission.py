"""May the role create an endpoint: what a dry run tells, and what the simulator hints at."""

from dataclasses import replace

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.permission import check_dry_run, check_simulation
from lifeline.core.event_path.candidate import Candidate, best, candidates, cut_off
from lifeline.core.event_path.denial import DryRunDenial, read_dry_run_denial
from lifeline.core.event_path.dry_run import DryRun
from tests.support.builders import LOCAL, OWNER, own_security_group, plan, subnet, table, vpc

ROLE = "arn:aws:iam::123456789012:role/lifeline-ReconcileRole-1A"
ALLOWED = DryRun("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
DENIED = DryRun("UnauthorizedOperation", "You are not authorized to perform this operation.")


def denial_of(message: str, decoded: str = "") -> DryRunDenial:
    return read_dry_run_denial(replace(DENIED, message=message), decoded)


def probe(*, group: bool = True) -> Candidate:
    """The creation of an endpoint that is tried."""
    seen = vpc(subnet("a"), table("main", LOCAL), *([own_security_group()] if group else []))
    found = best(candidates(seen, plan(cut_off(seen), "monitoring"), OWNER))
    assert found is not None
    return found


def test_where_nothing_could_be_created_there_is_nothing_to_try() -> None:
    assert check_dry_run(None, None).verdict is CheckVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ALLOWED, CheckVerdict.OK),
        (DENIED, CheckVerdict.BAD),
        (DryRun("InvalidSubnetID.NotFound", "It does not exist"), CheckVerdict.UNKNOWN),
        (NotRead("RequestLimitExceeded: slow down"), CheckVerdict.UNKNOWN),
    ],
)
def test_only_a_denial_is_a_fault(answer: DryRun | NotRead, verdict: CheckVerdict) -> None:
    assert check_dry_run(probe(), answer).verdict is verdict


def test_a_denial_says_who_denies_where_that_is_known() -> None:
    tried = probe()
    assert "the permissions boundary" in check_dry_run(tried, DENIED).says
    boundary = denial_of("because no permissions boundary allows the ec2:CreateVpcEndpoint action")
    assert "by the role's permissions boundary. It said" in check_dry_run(tried, DENIED, boundary).says
    decoded = '{"explicitDeny": true, "matchedStatements": {"items": [{"statementId": "KeepOut"}]}}'
    assert "Its statement is KeepOut." in check_dry_run(tried, DENIED, denial_of("", decoded)).says


def test_without_a_group_of_lifelines_the_dry_run_is_of_that() -> None:
    tried = probe(group=False)
    found = check_dry_run(tried, replace(ALLOWED, call="CreateSecurityGroup"))
    assert (found.verdict, "CreateSecurityGroup in vpc-" in found.says) == (CheckVerdict.UNKNOWN, True)
    assert "security group isn't there yet" in found.why
    assert check_dry_run(tried, replace(DENIED, call="CreateSecurityGroup")).verdict is CheckVerdict.BAD


@pytest.mark.parametrize(
    ("result", "verdict", "said"),
    [
        ({"EvalDecision": "allowed"}, CheckVerdict.OK, "Only the stack's own dry run is certain"),
        (
            {
                "EvalDecision": "implicitDeny",
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            },
            CheckVerdict.BAD,
            "The permissions boundary denies",
        ),
        (
            {"EvalDecision": "explicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            CheckVerdict.UNKNOWN,
            "says that a service control policy denies",
        ),
        ({"EvalDecision": "explicitDeny"}, CheckVerdict.BAD, "The role's own policy denies"),
        ({"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:X"]}, CheckVerdict.UNKNOWN, "can't tell"),
        (NotRead("AccessDenied: no"), CheckVerdict.UNKNOWN, "couldn't be simulated"),
        ({}, CheckVerdict.UNKNOWN, "couldn't be simulated"),
    ],
)
def test_the_simulator_tells_who_denies(result: dict[str, object] | NotRead, verdict: CheckVerdict, said: str) -> None:
    found = check_simulation(result, ROLE)
    assert found.verdict is verdict
    assert said in found.says
