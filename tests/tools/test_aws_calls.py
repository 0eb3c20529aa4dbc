"""Which calls an adapter makes is read from its source, whichever way it names them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import aws_calls

OPERATIONS = {
    "ec2": ["DescribeVpcs", "DescribeSubnets", "RunInstances"],
    "dynamodb": ["GetItem", "Query", "TransactWriteItems"],
    "sns": ["Publish"],
}
TABLE = 'class Table:\n    def __init__(self):\n        self.dynamodb = client("dynamodb")\n'

type Adapters = Callable[[str], aws_calls.Calls]


@pytest.fixture
def calls_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adapters:
    monkeypatch.setattr(aws_calls, "ADAPTERS", tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "aws").mkdir()
    (tmp_path / "store/table.py").write_text(TABLE)

    def calls(source: str) -> aws_calls.Calls:
        (tmp_path / "aws/one.py").write_text(source)
        return aws_calls.calls_of("aws/one", OPERATIONS.__getitem__)

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
    ],
)
def test_a_call_is_found_however_it_is_written(calls_in: Adapters, call: str) -> None:
    assert calls_in(call) == {"ec2": {"DescribeVpcs"}}


def test_a_method_of_one_word_is_found_too(calls_in: Adapters) -> None:
    assert calls_in('client("sns").publish(Message="x")') == {"sns": {"Publish"}}


def test_the_client_of_an_imported_adapter_counts(calls_in: Adapters) -> None:
    source = "from lifeline.adapters.store.table import Table\nTable().dynamodb.transact_write_items()\n"
    assert calls_in(source) == {"dynamodb": {"TransactWriteItems"}}
    assert aws_calls.all_calls(OPERATIONS.__getitem__) == {"dynamodb": {"TransactWriteItems"}}


def test_the_apis_own_name_in_a_text_is_no_call(calls_in: Adapters) -> None:
    assert calls_in('made = client("ec2")\nraise Oops("DescribeVpcs", "describe_vpcs failed")') == {"ec2": set()}


def test_a_service_that_cant_be_read_is_an_error_that_says_where(calls_in: Adapters) -> None:
    with pytest.raises(ValueError, match=r"aws/one\.py, line 2: client\(…\) must name its service as text"):
        calls_in("name = 'ec2'\nclient(name).describe_vpcs()")
