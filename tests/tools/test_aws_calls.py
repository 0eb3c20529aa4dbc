"""Which calls an adapter makes is read from its source, whichever way it names them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.aws_calls import UnreadableCallError

from tools import aws_calls

OPERATIONS = {
    "ec2": ["DescribeVpcs", "DescribeSubnets", "RunInstances"],
    "dynamodb": ["GetItem", "Query", "TransactWriteItems"],
    "sns": ["Publish"],
    "sqs": ["SendMessage"],
}
TABLE = 'class Table:\n    def __init__(self):\n        self.dynamodb = client("dynamodb")\n'

type Adapters = Callable[[str], aws_calls.Calls]


@pytest.fixture
def calls_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapters:
    adapters = tmp_path / "adapters"
    monkeypatch.setattr(aws_calls, "ADAPTERS", adapters)
    (adapters / "store").mkdir(parents=True)
    (adapters / "aws").mkdir()
    (adapters / "store/table.py").write_text(TABLE)

    def calls(source: str) -> aws_calls.Calls:
        (adapters / "aws/one.py").write_text(source)
        return aws_calls.calls_of("aws/one", OPERATIONS)

    return calls


@pytest.mark.parametrize(
    "call",
    [
        'client("ec2").describe_vpcs()',
        'self._ec2 = ec2 or client("ec2")\nself._ec2.describe_vpcs(VpcIds=[])',
        'made = client("ec2")\nmade.get_paginator("describe_vpcs")',
        'made = LateClient("ec2", client)\nmade.describe_vpcs()',
        'made = client("ec2")\nrun(made.describe_vpcs)',
        'KINDS = {"vpc": ("describe_vpcs", "Vpcs")}\nmade = client("ec2")',
        'made = client("ec2")\ngetattr(made, "describe_vpcs")()',
        'there.client("ec2").describe_vpcs()',
        'client_of("ec2").describe_vpcs()',
        'in_region(self._client, region)("ec2").describe_vpcs()',
        'there = client_in(account)\nreturn there("ec2").describe_vpcs()',
        'session().create_client("ec2", config=CONFIG).describe_vpcs()',
    ],
)
def test_a_call_is_found_however_it_is_written(calls_in: Adapters, call: str) -> None:
    assert calls_in(call) == {"ec2": {"DescribeVpcs"}}


def test_a_method_of_one_word_is_found_too(calls_in: Adapters) -> None:
    assert calls_in('client("sns").publish(Message="x")') == {"sns": {"Publish"}}


def test_the_client_of_an_imported_adapter_counts(calls_in: Adapters) -> None:
    source = "from lifeline.adapters.store.table import Table\nTable().dynamodb.transact_write_items()\n"
    assert calls_in(source) == {"dynamodb": {"TransactWriteItems"}}
    assert aws_calls.all_calls(OPERATIONS) == {"dynamodb": {"TransactWriteItems"}}


def test_the_apis_own_name_in_a_text_is_no_call(calls_in: Adapters) -> None:
    assert calls_in('made = client("ec2")\nraise Oops("DescribeVpcs", "describe_vpcs failed")') == {"ec2": set()}


def test_a_method_of_ours_that_only_begins_like_a_call_is_none(calls_in: Adapters) -> None:
    assert calls_in('made = client("ec2")\nself._describe_vpcs()') == {"ec2": set()}


# ---- what can't be read is an error that says where


@pytest.mark.parametrize(
    "made",
    [
        "client(name)",
        "self._client(name)",
        "there.client(name)",
        "client_of(service=name)",
        "client()",
        "in_region(client, region)(name)",
        "LateClient(name, client)",
        "session.create_client(service_name=name)",
        'client("ec3")',
    ],
)
def test_a_service_that_cant_be_read_is_an_error(calls_in: Adapters, made: str) -> None:
    called = re.escape(made[: made.rindex("(")])
    with pytest.raises(UnreadableCallError, match=rf"^adapters/aws/one\.py, line 2: {called}\(…\) must name its serv"):
        calls_in(f"name = 'ec2'\n{made}.describe_vpcs()")


@pytest.mark.parametrize("call", ["found.transact_write_items()", "run(found.query)", 'pages(found, "get_item")'])
def test_a_call_without_a_client_is_an_error(calls_in: Adapters, call: str) -> None:
    calls_in(f'client("ec2").describe_vpcs()\n{call}')
    name = next(name for name in ("transact_write_items", "query", "get_item") if name in call)
    said = rf"^adapters/aws/one\.py, line 2: {name} is an operation of dynamodb, but the module makes no client of it"
    with pytest.raises(UnreadableCallError, match=said):
        aws_calls.all_calls(OPERATIONS)


@pytest.mark.parametrize("place", ["handlers/two.py", "adapters/aws/deeper/two.py"])
@pytest.mark.parametrize(
    ("source", "what"),
    [
        ('kept.client("ec2").describe_vpcs()', "describe_vpcs is an operation of ec2, which only adapters may call"),
        ('Queue(kept.client("sqs"))', "no adapter makes a client of sqs"),
    ],
)
def test_a_call_anywhere_else_is_an_error(calls_in: Adapters, place: str, source: str, what: str) -> None:
    calls_in('client("ec2").describe_vpcs()')
    path = aws_calls.ADAPTERS.parent / place
    path.parent.mkdir()
    path.write_text(source)
    with pytest.raises(UnreadableCallError, match=f"^{place}, line 1: {what}"):
        aws_calls.all_calls(OPERATIONS)


def test_elsewhere_a_client_may_be_handed_on_and_a_method_may_be_called_as_one_is(calls_in: Adapters) -> None:
    calls_in('client("ec2").describe_vpcs()\nclient("sns").publish()')
    path = aws_calls.ADAPTERS.parent / "two.py"
    path.write_text('Network(kept.client("ec2"))\nnotices.publish()\nsaid = "describe_vpcs"')
    assert set(aws_calls.all_calls(OPERATIONS)) == {"dynamodb", "ec2", "sns"}
