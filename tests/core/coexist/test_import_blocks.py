"""What Lifeline made, as Terraform and CloudFormation take it over: read back by their own parsers."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cfnlint import lint_all  # type: ignore[import-untyped]
from hcl2.api import loads
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.import_blocks import MOST_WRITTEN, handover_lines, import_text
from lifeline.core.notices.endpoints import endpoint_notice
from lifeline.core.notices.forms import email_text
from lifeline.core.notices.notice import Sender
from lifeline.core.notices.trigger_text import Because
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.answer import VpcAnswer
from tests.support.builders import MONITORING, S3, VPC_ID

INTERFACE = Action(
    ActionKind.CREATE_INTERFACE_ENDPOINT,
    "why",
    service="monitoring",
    service_name=MONITORING,
    subnet_ids=("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
    endpoint_id="vpce-0123456789abcdef0",
    security_group_id="sg-0123456789abcdef0",
    status=Status.DONE,
)
GATEWAY = Action(
    ActionKind.CREATE_GATEWAY_ENDPOINT,
    "why",
    service="s3",
    service_name=S3,
    route_table_ids=("rtb-0123456789abcdef0",),
    endpoint_id="vpce-0123456789abcdef1",
    status=Status.DONE,
)
GROUP = Action(
    ActionKind.CREATE_SECURITY_GROUP,
    "why",
    cidrs=("10.0.0.0/16", "2600:1f18::/56"),
    security_group_id="sg-0123456789abcdef0",
    status=Status.DONE,
)


def terraform(action: Action) -> tuple[str, str, dict[str, Any]]:
    """What is imported by which id, and the resource's arguments."""
    found = import_text(action, VPC_ID)
    assert found
    read = plain(loads(found.terraform))
    (block,), (resource,) = read["import"], read["resource"]
    ((kind, named),) = resource.items()
    ((label, arguments),) = named.items()
    assert block["to"].strip("${}") == f"{kind}.{label}"
    return kind, block["id"], arguments


def plain(part: Any) -> Any:
    """What hcl2 reads, without the quotes that it keeps around texts and names, and its own remarks."""
    if isinstance(part, dict):
        return {plain(name): plain(value) for name, value in part.items() if not name.startswith("__")}
    if isinstance(part, list):
        return [plain(one) for one in part]
    return json.loads(part) if isinstance(part, str) and part.startswith('"') else part


def test_an_interface_endpoint_is_imported_with_all_that_it_was_made_with() -> None:
    kind, endpoint_id, arguments = terraform(INTERFACE)
    assert (kind, endpoint_id) == ("aws_vpc_endpoint", "vpce-0123456789abcdef0")
    assert arguments == {
        "vpc_id": VPC_ID,
        "service_name": MONITORING,
        "vpc_endpoint_type": "Interface",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "security_group_ids": ["sg-0123456789abcdef0"],
        "private_dns_enabled": True,
        "ip_address_type": "ipv4",
        "tags": {"Name": "lifeline-monitoring"},
    }


def test_a_gateway_endpoint_is_imported_with_its_route_tables() -> None:
    _, _, arguments = terraform(GATEWAY)
    assert arguments == {
        "vpc_id": VPC_ID,
        "service_name": S3,
        "vpc_endpoint_type": "Gateway",
        "route_table_ids": ["rtb-0123456789abcdef0"],
        "tags": {"Name": "lifeline-s3"},
    }


def test_the_group_is_imported_with_its_rule_for_both_address_families() -> None:
    kind, security_group_id, arguments = terraform(GROUP)
    (rule,) = arguments["ingress"]
    assert (kind, security_group_id, arguments["name"]) == (
        "aws_security_group",
        "sg-0123456789abcdef0",
        "lifeline-endpoints",
    )
    assert (rule["from_port"], rule["to_port"], rule["protocol"]) == (443, 443, "tcp")
    assert (rule["cidr_blocks"], rule["ipv6_cidr_blocks"]) == (["10.0.0.0/16"], ["2600:1f18::/56"])
    assert "egress" not in arguments


def test_a_group_is_imported_with_the_ports_of_its_services() -> None:
    group = replace(GROUP, ports=((25, 25), (1024, 1064)))
    rules = terraform(group)[2]["ingress"]
    assert [(rule["from_port"], rule["to_port"]) for rule in rules] == [(25, 25), (1024, 1064)]
    found = import_text(group, VPC_ID)
    assert found
    (resource,) = json.loads(found.cloudformation).values()
    ingress = resource["Properties"]["SecurityGroupIngress"]
    assert {(rule["FromPort"], rule["ToPort"]) for rule in ingress} == {(25, 25), (1024, 1064)}
    assert len(ingress) == 4


def test_nothing_that_lifeline_did_otherwise_is_handed_over() -> None:
    assert import_text(Action(ActionKind.ADD_SUBNETS, "why", status=Status.DONE), VPC_ID) is None
    assert import_text(Action(ActionKind.CREATE_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",)), VPC_ID) is None


@given(st.text(max_size=30))
def test_no_text_gets_out_of_its_quotes(text: str) -> None:
    action = Action(**{**as_fields(INTERFACE), "service_name": text, "service": text})
    found = import_text(action, VPC_ID)
    assert found
    body = found.terraform
    assert body.isascii()
    assert body.count("\n") == import_text(INTERFACE, VPC_ID).terraform.count("\n")  # type: ignore[union-attr]
    assert "${" not in body.replace("$${", "")
    assert json.loads(found.cloudformation)
    assert json.loads(found.resources_to_import)[0]["ResourceIdentifier"] == {"Id": INTERFACE.endpoint_id}


def as_fields(action: Action) -> dict[str, Any]:
    return {name: getattr(action, name) for name in Action.__slots__}


@pytest.mark.parametrize("action", [INTERFACE, GATEWAY, GROUP])
def test_cloudformations_linter_finds_nothing_wrong_with_the_resource(action: Action) -> None:
    found = import_text(action, VPC_ID)
    assert found
    resources = json.loads(found.cloudformation)
    found_wrong = lint_all(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    assert [one for one in found_wrong if one.rule.severity != "informational"] == []
    ((name, body),) = resources.items()
    (asked,) = json.loads(found.resources_to_import)
    assert (asked["LogicalResourceId"], asked["ResourceType"]) == (name, body["Type"])
    assert body["DeletionPolicy"] == "Retain"


def test_a_notice_of_a_new_endpoint_carries_the_blocks_of_all_that_was_made() -> None:
    notice = endpoint_notice([VpcAnswer(VPC_ID, actions=(GROUP, INTERFACE))], because=Because("x"), is_plan=False)
    assert notice
    below = "\n".join(notice.attached)
    assert email_text(notice, Sender("123456789012", "us-east-1", "lifeline")).endswith(f"{below}\n")
    read = plain(loads(below[below.index("import {") :]))
    assert read.keys() == {"import"}
    assert [(one["to"].strip("${}").partition(".")[0], one["id"]) for one in read["import"]] == [
        ("aws_security_group", GROUP.security_group_id),
        ("aws_vpc_endpoint", INTERFACE.endpoint_id),
    ]
    for action in (GROUP, INTERFACE):
        one = import_text(action, VPC_ID)
        assert one
        assert one.terraform.partition("\n\n")[0] in below
    assert "terraform plan -generate-config-out=" in below


def test_of_many_new_endpoints_the_first_are_written_out_and_the_others_are_counted() -> None:
    for more in (1, 2):
        lines = handover_lines([(VPC_ID, INTERFACE)] * (MOST_WRITTEN + more))
        assert lines.count("import {") == MOST_WRITTEN
        assert lines[-1] == f"... and {more} more: see the audit log"
    assert "see the audit log" not in handover_lines([(VPC_ID, INTERFACE)] * MOST_WRITTEN)[-1]


def test_nothing_is_attached_where_nothing_was_made() -> None:
    assert handover_lines([(VPC_ID, Action(ActionKind.RETIRE_ENDPOINT, "why", status=Status.DONE))]) == ()
    assert handover_lines([(VPC_ID, GROUP)]) == ()


def test_a_canary_is_handed_over_as_it_was_made() -> None:
    one = import_text(replace(INTERFACE, private_dns=False), VPC_ID)
    assert one
    assert "private_dns_enabled = false" in one.terraform
    assert '"PrivateDnsEnabled": false' in one.cloudformation


@pytest.mark.parametrize(
    "id_", ["", "vpce-1", 'vpce-0123456789abcdef0"\n}\nresource "x" "y" {', "${file(1)}", "vpce-$(id)"]
)
def test_only_ids_of_aws_are_written_into_code_to_be_pasted(id_: str) -> None:
    forged = replace(INTERFACE, endpoint_id=id_)
    assert import_text(forged, VPC_ID) is None
    assert handover_lines([(VPC_ID, forged)]) == ()
    assert import_text(INTERFACE, id_) is None


def test_an_endpoint_is_imported_with_its_name_and_the_tags_that_are_plain_text() -> None:
    named = replace(INTERFACE, name="1st app", tags=(("team", "web"), ("note", "${file(1)}")))
    found = import_text(named, VPC_ID)
    assert found
    assert f'resource "aws_vpc_endpoint" "lifeline_1st_app_{VPC_ID.removeprefix("vpc-")}" {{' in found.terraform
    assert terraform(named)[2]["tags"] == {"Name": "1st app", "team": "web"}
    ((logical_id, body),) = json.loads(found.cloudformation).items()
    assert found.cloudformation.startswith(f'{{\n  "{logical_id}": {{\n    "Type": ')
    assert body["Properties"]["Tags"] == [{"Key": "Name", "Value": "1st app"}, {"Key": "team", "Value": "web"}]
    assert (
        f'resource "aws_vpc_endpoint" "app_{VPC_ID.removeprefix("vpc-")}" {{'
        in (import_text(replace(INTERFACE, name="app"), VPC_ID) or found).terraform
    )


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        (ActionKind.CREATE_INTERFACE_ENDPOINT, "aws_vpc_endpoint"),
        (ActionKind.REPLACE_ENDPOINT, "aws_vpc_endpoint"),
        (ActionKind.CREATE_GATEWAY_ENDPOINT, "aws_vpc_endpoint"),
        (ActionKind.CREATE_SECURITY_GROUP, "aws_security_group"),
        (ActionKind.ADD_SUBNETS, ""),
    ],
)
def test_what_is_made_can_be_imported_once_it_is_done(kind: ActionKind, resource: str) -> None:
    made = replace(INTERFACE, kind=kind)
    assert (terraform(made)[0] if resource else import_text(made, VPC_ID)) == (resource or None)
    assert import_text(replace(made, status=Status.FAILED), VPC_ID) is None
