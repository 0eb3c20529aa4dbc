"""May the role create an endpoint: what a dry run tells, and what the simulator hints at."""

from datetime import date

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.networks import Site, sites_in
from lifeline.core.doctor.permission import check_dry_run, check_simulation, probe_of
from lifeline.core.event_path.denial import read_dry_run_denial
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.network.model import Catalog
from lifeline.core.plan.actions import ActionKind
from lifeline.core.policy.policy import simple_policy
from tests.support.builders import CATALOG, LOCAL, OWNER, own_security_group, subnet, table, vpc

ROLE = "arn:aws:iam::123456789012:role/lifeline-ReconcileRole-1A"
ALLOWED = DryRun("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
DENIED = DryRun("UnauthorizedOperation", "You are not authorized to perform this operation.")


def sites(*services: str, group: bool = True) -> tuple[Site, ...]:
    parts = [own_security_group()] if group else []
    found = vpc(subnet("a"), table("main", LOCAL), *parts)
    return sites_in([found], simple_policy(services), today=date(2026, 11, 29))


def test_the_call_to_try_is_for_what_is_required_with_lifelines_own_group() -> None:
    probe = probe_of(sites("monitoring"), CATALOG, OWNER)
    assert probe is not None
    _, action = probe
    assert (action.kind, action.service_name) == (
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        "com.amazonaws.us-east-1.monitoring",
    )
    assert action.security_group_id
    assert len(action.subnet_ids) == 1


def test_a_service_with_a_gateway_is_tried_as_one() -> None:
    probe = probe_of(sites("s3"), CATALOG, OWNER)
    assert probe is not None
    assert probe[1].kind is ActionKind.CREATE_GATEWAY_ENDPOINT
    assert len(probe[1].route_table_ids) == 1


def test_where_nothing_is_required_or_offered_there_is_nothing_to_try() -> None:
    assert probe_of((), CATALOG, OWNER) is None
    assert probe_of(sites("monitoring"), Catalog(), OWNER) is None
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
    assert check_dry_run(probe_of(sites("monitoring"), CATALOG, OWNER), answer).verdict is verdict


def test_a_denial_says_who_denies_where_that_is_known() -> None:
    probe = probe_of(sites("monitoring"), CATALOG, OWNER)
    assert "the permissions boundary" in check_dry_run(probe, DENIED).says
    boundary = read_dry_run_denial("because no permissions boundary allows the ec2:CreateVpcEndpoint action")
    assert "by the role's permissions boundary. It said" in check_dry_run(probe, DENIED, boundary).says
    decoded = '{"explicitDeny": true, "matchedStatements": {"items": [{"statementId": "KeepOut"}]}}'
    assert "Its statement is KeepOut." in check_dry_run(probe, DENIED, read_dry_run_denial("", decoded)).says


def test_a_denial_without_a_group_of_lifelines_proves_nothing() -> None:
    found = check_dry_run(probe_of(sites("monitoring", group=False), CATALOG, OWNER), DENIED)
    assert found.verdict is CheckVerdict.UNKNOWN
    assert "security group isn't there yet" in found.why
    on_endpoint = read_dry_run_denial("on resource: arn:aws:ec2:us-east-1:123456789012:vpc-endpoint/*")
    probe = probe_of(sites("monitoring", group=False), CATALOG, OWNER)
    assert check_dry_run(probe, DENIED, on_endpoint).verdict is CheckVerdict.BAD


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
