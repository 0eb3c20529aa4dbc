"""The coverage page on the deployed chain: it answers what a dashboard asks, and its role can change nothing."""

import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.emulators.account import ROOT, Account
from tests.e2e.machine import build_site
from tests.e2e.steps import (
    assumed,
    available_endpoint,
    delete_default_route,
    reconcile,
    rules_disabled,
    wait_until_quiet,
)

pytestmark = pytest.mark.chain

CONTEXT = json.loads((ROOT / "events/coverage-page.json").read_text(encoding="utf-8"))["widgetContext"]


def show(account: Account, **event: object) -> str:
    answer = account.invoke("CoveragePageFunction", {**event, "widgetContext": CONTEXT})
    assert not answer.error, answer.payload
    assert isinstance(answer.payload, str)
    return answer.payload


def test_it_answers_describe_with_its_documentation(account: Account) -> None:
    answer = account.invoke("CoveragePageFunction", {"describe": True})
    assert answer.payload.startswith("## Lifeline: coverage")


def test_it_shows_a_vpc_from_its_plan_to_its_endpoint_and_exempts_it_by_its_button(account: Account, ec2: Any) -> None:
    with rules_disabled(account):  # it would be given its endpoint before anybody looks
        quiet = build_site(ec2, cidr="10.150", name="quiet", public=False)
    plan = unescape(show(account, plan=quiet.vpc_id))
    assert f"Plan for {quiet.vpc_id}" in plan
    assert "+ monitoring: create an interface endpoint" in plan

    site = build_site(ec2, cidr="10.151", name="paged")
    wait_until_quiet(account)
    delete_default_route(ec2, site)
    ours = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="an endpoint")
    wait_until_quiet(account)
    page = unescape(show(account, vpc_ids=[site.vpc_id]))
    for expected in (site.vpc_id, site.subnet_id, "paged-a", ours["VpcEndpointId"], ">7.30 USD<", "DeleteRoute"):
        assert expected in page, expected
    assert "page is unavailable" not in page
    assert "could not be read" not in page

    call = {"exempt": [quiet.vpc_id], "days": 7, "reason": "from the coverage page", "button": True}
    assert json.dumps(call, separators=(",", ":")) in unescape(show(account, vpc_ids=[quiet.vpc_id]))
    pressed = {**call, "widgetContext": CONTEXT}
    answer = reconcile(account, pressed)
    assert quiet.vpc_id in answer["markdown"], answer
    assert "from the coverage page" in unescape(show(account, vpc_ids=[quiet.vpc_id]))


def test_its_role_reads_the_ledger_and_changes_nothing(account: Account) -> None:
    page_role = assumed(account, "CoverageRole")
    outputs, key = account.outputs, {"pk": {"S": "EXEMPTIONS"}, "sk": {"S": "LIST"}}
    table, function = outputs["LedgerTable"], outputs["ReconcileEndpointsFunction"]

    def client(service: str) -> Any:
        return page_role.client(service, endpoint_url=account.endpoint_url)  # type: ignore[call-overload]

    client("dynamodb").get_item(TableName=table, Key=key)
    refused: dict[str, Callable[[], object]] = {
        "put": lambda: client("dynamodb").put_item(TableName=table, Item=key),
        "update": lambda: client("dynamodb").update_item(TableName=table, Key=key),
        "delete": lambda: client("dynamodb").delete_item(TableName=table, Key=key),
        "send": lambda: client("sqs").send_message(QueueUrl=outputs["ChangesQueue"], MessageBody="{}"),
        "invoke": lambda: client("lambda").invoke(FunctionName=function, Payload=b'{"release": true}'),
    }
    codes = {name: _code(call) for name, call in refused.items()}
    assert codes == {name: "AccessDenied" if name == "send" else "AccessDeniedException" for name in refused}


def test_the_detectors_role_asks_for_repairs_and_has_no_power_of_its_neighbours(account: Account) -> None:
    detector = assumed(account, "DetectRole")
    outputs, states = account.outputs, {"pk": {"S": "VPC#1#us-east-1#vpc-0123456789abcdef0"}, "sk": {"S": "STATE"}}
    table, function = outputs["LedgerTable"], outputs["ReconcileEndpointsFunction"]

    def client(service: str) -> Any:
        return detector.client(service, endpoint_url=account.endpoint_url)  # type: ignore[call-overload]

    client("dynamodb").get_item(TableName=table, Key=states)
    refused: dict[str, Callable[[], object]] = {
        "put": lambda: client("dynamodb").put_item(TableName=table, Item=states),
        "transact": lambda: client("dynamodb").transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": states}}]
        ),
        "send": lambda: client("sqs").send_message(QueueUrl=outputs["ChangesQueue"], MessageBody="{}"),
        "invoke": lambda: client("lambda").invoke(FunctionName=function, Payload=b'{"release": true}'),
    }
    codes = {name: _code(call) for name, call in refused.items()}
    assert codes == {name: "AccessDenied" if name == "send" else "AccessDeniedException" for name in refused}


def _code(call: Callable[[], object]) -> str:
    """The error's code, empty where the call is let through."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""
