"""What a caller may send."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.mode import Mode
from lifeline.core.requests.calls import read_request
from tests.support.cloudtrail import example_event, record_call

VPC = "vpc-0123456789abcdef0"
ROLE = "arn:aws:iam::123456789012:role/lifeline-ReconcileRole"


def change(
    name: str = "DeleteRoute", request: object = None, response: object = None, **detail: object
) -> dict[str, Any]:
    return {
        "id": "f6c00f02-bf83-11c3-6476-188a4462be21",
        "source": "aws.ec2",
        "detail-type": "AWS API Call via CloudTrail",
        "time": "2026-11-22T12:00:00Z",
        "detail": {
            "eventSource": "ec2.amazonaws.com",
            "eventName": name,
            "eventID": "10fe783b-14ea-4f67-8dbc-b1596716e57c",
            "eventTime": "2026-11-22T12:00:00Z",
            "requestParameters": request,
            "responseElements": response,
            **detail,
        },
    }


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "event"),
        ([], "event"),
        ("x", "event"),
        (7, "event"),
        ({}, "vpc_ids"),
        ({"vpc_ids": []}, "vpc_ids"),
        ({"vpc_ids": "vpc-1"}, "vpc_ids"),
        ({"vpc_ids": [VPC] * 1001}, "vpc_ids"),
        ({"vpc_ids": [VPC], "mode": "force"}, "mode"),
        ({"vpc_ids": [VPC], "mode": ["plan"]}, "mode"),
        ({"vpc_ids": [VPC], "sweep": True}, "sweep"),
        ({"vpc_ids": [], "sweep": True}, "sweep"),
        ({"vpc_ids": [VPC], "attempt": -1}, "attempt"),
        ({"vpc_ids": [VPC], "attempt": True}, "attempt"),
        ({"sweep": "yes"}, "sweep"),
        ({"release": False}, "release"),
        ({"release": "true", "vpc_ids": [VPC]}, "release"),
        ({"release": True, "sweep": True}, "release"),
        ({"release": True, "vpc_ids": [VPC], "follow": True}, "release"),
        ({"release": True, "vpc_ids": []}, "vpc_ids"),
        ({"banana": 1}, "banana"),
        ({"approve": "yes"}, "approve"),
        ({"approve": ["plan-0123456789abcdef"]}, "approve"),
        ({"approve": "plan-0123456789abcdef\n"}, "approve"),
        ({"approve": "plan-0123456789abcdef", "mode": "enforce"}, "mode"),
        ({"approve": "plan-0123456789abcdef", "vpc_ids": [VPC]}, "vpc_ids"),
        ({"approve": "plan-0123456789abcdef", "format": "html"}, "format"),
        ({"vpc_ids": [VPC], "format": "yaml"}, "format"),
        ({"sweep": True, "format": ["text"]}, "format"),
        ({"vpc_ids": [VPC], "format": None}, "format"),
        ({**change(), "detail-type": "AWS Service Event via CloudTrail"}, "detail-type"),
        ({**change(), "source": "aws.s3"}, "source"),
        ({**change(), "detail": None}, "detail"),
        (change(eventSource="es.amazonaws.com"), "detail.eventSource"),  # OpenSearch has a CreateVpcEndpoint, too
        (change(eventSource=None), "detail.eventSource"),
        (change(name="<script>"), "detail.eventName"),
        (change(name="Cre\u0430teRoute"), "detail.eventName"),  # a letter that isn't Latin
        (change(name="A" * 129), "detail.eventName"),
        ({"detail": {}}, "detail-type"),
    ],
)
def test_bad_input_gets_an_error_that_names_the_field(event: object, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_request(event)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "call",
    [
        {"vpc_ids": [VPC]},
        {"sweep": True},
        {"release": True},
        {"approve": "plan-0123456789abcdef"},
        {"vpc_ids": [VPC], "mode": "plan"},
    ],
)
def test_every_call_by_hand_may_ask_for_its_answer_as_text(call: dict[str, Any]) -> None:
    assert read_request({**call, "format": "text"}) == replace(read_request(call), is_text=True)
    assert read_request({**call, "format": "json"}) == read_request(call)


def test_an_id_of_the_wrong_form_is_refused_by_its_place_and_stops_no_other() -> None:
    request = read_request({"vpc_ids": [VPC, "subnet-0123456789abcdef0", None, "vpc-XYZ", "vpc-0123456789abcdef0\n"]})
    assert request.vpc_ids == (VPC,)
    assert [one.field for one in request.refusals] == ["vpc_ids[1]", "vpc_ids[2]", "vpc_ids[3]", "vpc_ids[4]"]


def test_a_call_by_hand_names_vpcs_or_asks_for_a_sweep_and_may_weaken_the_mode() -> None:
    assert read_request({"vpc_ids": [VPC, VPC], "mode": "plan"}).vpc_ids == (VPC,)
    assert read_request({"vpc_ids": [VPC], "mode": "plan"}).mode is Mode.PLAN
    assert read_request({"sweep": True}).is_sweep
    assert Mode.PLAN.weakened_by(Mode.ENFORCE) is Mode.PLAN
    assert Mode.ENFORCE.weakened_by(Mode.PLAN) is Mode.PLAN
    assert Mode.ENFORCE.weakened_by(None) is Mode.ENFORCE


def test_a_release_is_for_the_named_vpcs_or_for_all_and_may_be_a_plan() -> None:
    everywhere = read_request({"release": True})
    assert (everywhere.is_release, everywhere.is_sweep, everywhere.vpc_ids) == (True, True, ())
    some = read_request({"release": True, "vpc_ids": [VPC], "mode": "plan"})
    assert (some.is_release, some.is_sweep, some.vpc_ids, some.mode) == (True, False, (VPC,), Mode.PLAN)
    assert not read_request({"vpc_ids": [VPC]}).is_release


def test_ids_are_found_in_both_of_cloudtrails_styles() -> None:
    old = read_request(change(request={"routeTableId": "rtb-01a1e48796093c514", "destinationCidrBlock": "0.0.0.0/0"}))
    assert old.changed_ids == {"rtb-01a1e48796093c514"}
    new = change(
        "CreateVpcEndpoint",
        request={"CreateVpcEndpointRequest": {"SubnetId": [{"tag": 1, "content": "subnet-0463a1b2c3d4e5f60"}]}},
        response={
            "CreateVpcEndpointResponse": {"vpcEndpoint": {"ownerId": 999999999999, "vpcId": VPC, "groupSet": ""}}
        },
    )
    assert read_request(new).changed_ids == {VPC}
    assert read_request(new).vpc_ids == (VPC,)


def test_a_change_keeps_what_its_record_names_and_is_the_same_change_without() -> None:
    request = read_request(change(request={"routeTableId": "rtb-01a1e48796093c514"}))
    assert request.trigger.ids == {"rtb-01a1e48796093c514"}
    assert replace(request.trigger, ids=frozenset()) == request.trigger


def test_a_cidr_association_is_not_a_vpc() -> None:
    assert (
        read_request(change(response={"associationId": "vpc-cidr-assoc-04a19e1d5bc3f9b99"})).changed_ids == frozenset()
    )


@pytest.mark.parametrize(
    ("where", "name", "value", "field"),
    [
        ("", "account", "999999999999", "account"),
        ("", "account", 123456789012, "account"),
        ("", "account", None, "account"),
        ("", "region", "eu-west-1", "region"),
        ("detail", "recipientAccountId", "999999999999", "detail.recipientAccountId"),
        ("detail", "awsRegion", "us-east-1a", "detail.awsRegion"),
        ("detail", "awsRegion", ["us-east-1"], "detail.awsRegion"),
    ],
)
def test_a_record_of_another_account_or_region_is_refused(where: str, name: str, value: object, field: str) -> None:
    event = example_event("DeleteRoute")
    assert read_request(event, own_role_arn=ROLE, region="us-east-1").changed_ids
    (event[where] if where else event)[name] = value
    with pytest.raises(InvalidInputError) as refused:
        read_request(event, own_role_arn=ROLE, region="us-east-1")
    assert refused.value.field == field


def test_an_organizations_accounts_may_count_all_and_the_recipient_is_one_of_them_whoever_called() -> None:
    event = record_call("DeleteVpc", {"VpcId": VPC}, account="210987654321")
    event["detail"]["userIdentity"]["accountId"] = "999999999999"
    both = {"123456789012", "210987654321"}
    assert read_request(event, own_role_arn=ROLE, accounts=both).vpc_ids == (VPC,)
    with pytest.raises(InvalidInputError, match="only records of 123456789012 count"):
        read_request(event, own_role_arn=ROLE)


SSO = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
CFN = "cloudformation.amazonaws.com"
ISSUED = {"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/team/network-admin"}}}


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/deploy-role/ci"}, "deploy-role/ci"),
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/alice"}, "user/alice"),
        ({"accountId": "1", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com"),
        ({"arn": "arn:aws:iam::1:user/<b>\n"}, "user/<b>?"),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "root"),
        ({"type": "Root"}, "root"),
        ({"type": "Root", "arn": "arn:aws:iam::1:root", "invokedBy": "rds.amazonaws.com"}, "rds.amazonaws.com"),
        ({"type": "IAMUser", "arn": "arn:aws:iam::1:user/ops/eu/dana@example.com"}, "user/ops/eu/dana@example.com"),
        ({"type": "IAMUser", "arn": f"arn:aws:iam::1:user/{'p' * 510}/dana"}, "user/dana"),
        ({"type": "IAMUser", "userName": "dana"}, "user/dana"),
        ({"arn": f"arn:aws:sts::1:assumed-role/{SSO}/dana@example.com"}, f"{SSO}/dana@example.com"),
        ({"arn": "arn:aws-cn:sts::1:assumed-role/ops/dana"}, "ops/dana"),
        ({"arn": "arn:aws:sts::1:assumed-role/ops/dana", "invokedBy": CFN}, "ops/dana via CloudFormation"),
        ({"arn": "arn:aws:iam::1:user/dana", "invokedBy": "rds.amazonaws.com"}, "user/dana via rds.amazonaws.com"),
        ({"type": "AssumedRole", "principalId": "AROA1:dana", **ISSUED}, "network-admin/dana"),
        ({"type": "Role", "arn": "arn:aws:iam::1:role/ops"}, "role/ops"),
        ({"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/dana"}, "federated-user/dana"),
        ({"type": "SAMLUser", "principalId": "x:dana", "userName": "dana@example.com"}, "saml-user/dana@example.com"),
        ({"type": "SAMLUser", "principalId": "x:dana"}, "saml-user/dana"),
        ({"type": "WebIdentityUser", "principalId": "accounts.google.com:app:117"}, "web-identity-user/117"),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "1-2"}}, "identity-center-user/1-2"),
        ({"type": "IdentityCenterUser", "onBehalfOf": "1-2"}, ""),
        ({"type": "AWSAccount", "accountId": "999988887777", "principalId": "AIDA1"}, "account 999988887777"),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
        ({"type": "Unknown"}, ""),
        ("root", ""),
        (None, ""),
        ({"sessionContext": None}, ""),
    ],
)
def test_the_actor_is_named_as_a_person_would(identity: object, actor: str) -> None:
    assert read_request(change(userIdentity=identity)).trigger.actor == actor


def test_our_own_calls_are_known_by_their_role() -> None:
    own = {"sessionContext": {"sessionIssuer": {"arn": ROLE}}}
    assert read_request(change(userIdentity=own), own_role_arn=ROLE).is_own
    assert not read_request(change(userIdentity=own), own_role_arn="").is_own
    assert not read_request(change(userIdentity={"type": "Root"}), own_role_arn=ROLE).is_own


def lambdas_identity(role_arn: str) -> dict[str, object]:
    """What CloudTrail says of a function's call: the session's own ARN leaves the role's path out."""
    name = role_arn.rpartition("/")[2]
    function = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints"
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::123456789012:assumed-role/{name}/lifeline-ReconcileEndpoints",
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role_arn, "userName": name}},
        "inScopeOf": {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": function},
    }


def test_a_role_with_a_path_is_known_and_its_namesake_elsewhere_is_somebody_else() -> None:
    role = "arn:aws:iam::123456789012:role/platform/network/lifeline-ReconcileRole"
    assert read_request(change(userIdentity=lambdas_identity(role)), own_role_arn=role).is_own
    for other in (role.replace("/platform", ""), role.replace("123456789012", "210987654321"), f"{role}2"):
        assert not read_request(change(userIdentity=lambdas_identity(other)), own_role_arn=role).is_own


def test_a_session_or_a_user_that_somebody_named_like_our_role_is_somebody_else() -> None:
    name = ROLE.rpartition("/")[2]
    session = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::123456789012:assumed-role/team-b-dev/{name}",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::123456789012:role/team-b-dev", "userName": name}},
    }
    user = {"type": "IAMUser", "arn": f"arn:aws:iam::123456789012:user/{name}", "userName": name}
    for identity in (session, user):
        assert not read_request(change(userIdentity=identity), own_role_arn=ROLE).is_own


def test_our_own_calls_that_failed_are_no_attempts_of_others() -> None:
    failed = change(userIdentity=lambdas_identity(ROLE), errorCode="Client.InvalidParameter", errorMessage="no")
    found = read_request(failed, own_role_arn=ROLE)
    assert (found.trigger.kind, found.is_own) == ("attempt", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_whatever_is_sent_is_read_or_refused_in_words(value: object) -> None:
    for event in (value, change(request=value, response=value, userIdentity=value), {"vpc_ids": value}):
        refusal = refusal_of(event)
        assert refusal is None or (refusal.field and refusal.message.isprintable())


def refusal_of(event: object) -> InvalidInputError | None:
    try:
        read_request(event, own_role_arn=ROLE)
    except InvalidInputError as error:
        return error
    return None
