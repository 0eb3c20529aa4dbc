"""What Lifeline calls is seen, however it calls it; what tests call isn't."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.session import Session
from moto import mock_aws

from tests.support.calls_made import calls_made, not_derived
from tests.support.repository import ROOT

MODULE = str(ROOT / "functions/lifeline/adapters/aws/one.py")


def in_a_thread(call: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@pytest.mark.parametrize(
    "call",
    [
        "ec2.describe_vpcs()",
        'getattr(ec2, "describe" + "_vpcs")()',
        'list(ec2.get_paginator("describe_vpcs").paginate())',
        "in_a_thread(ec2.describe_vpcs)",
    ],
)
@pytest.mark.parametrize(("module", "seen_there"), [(MODULE, {("ec2", "DescribeVpcs")}), (__file__, set())])
def test_lifelines_calls_are_seen(call: str, module: str, seen_there: set[tuple[str, str]]) -> None:
    if "in_a_thread" in call and module != MODULE:
        pytest.skip("a thread of a test that calls a client itself counts as one of Lifeline's")
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    with mock_aws(), calls_made() as seen:
        ec2 = Session().create_client("ec2", "us-east-1", **keys)
        eval(compile(call, module, "eval"), {"ec2": ec2, "in_a_thread": in_a_thread})  # noqa: S307
    assert set(seen) == seen_there


def test_what_isnt_derived_is_said_with_its_test() -> None:
    seen = {("ec2", "DescribeVpcs"): "test_a", ("ec2", "RunInstances"): "test_b", ("sns", "Publish"): "test_c"}
    assert not_derived(seen, {"ec2": {"DescribeVpcs"}}) == [
        "ec2:RunInstances, made by test_b",
        "sns:Publish, made by test_c",
    ]
