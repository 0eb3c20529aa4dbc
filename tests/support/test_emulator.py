"""The emulated AWS answers as moto does by itself: it only takes less time."""

from typing import Any

import boto3
import pytest
import xmltodict  # type: ignore[import-untyped]
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from moto.core import serialize
from moto.core.request import normalize_request
from moto.core.responses import BaseResponse

from lifeline.adapters.aws import clients
from tests.support.agents import TABLE
from tests.support.emulator import emulated_aws
from tests.support.emulator_calls import as_moto_has_it
from tests.support.world import World, emulated_world

FORM = "application/x-www-form-urlencoded; charset=utf-8"
KEY = {"pk": {"S": "one"}, "sk": {"S": "item"}}
NESTED = {
    "M": {
        "list": {"L": [{"S": "ü"}, {"N": "7"}, {"BOOL": False}, {"B": b"\x00\xff"}, {"L": []}]},
        "sets": {"M": {"text": {"SS": ["a"]}, "binary": {"BS": [b"\x01"]}}},
        "nothing": {"NULL": True},
    }
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    with emulated_world(monkeypatch) as world:
        yield world


@pytest.mark.parametrize(
    ("method", "url", "body", "headers"),
    [
        ("POST", "https://dynamodb.us-east-1.amazonaws.com/", b'{"a": "\xc3\xbc"}', {"X-Amz-Target": "D.GetItem"}),
        ("POST", "https://ec2.eu-west-1.amazonaws.com/", "Action=A&Filter.1=b%20%C3%BC&Empty=", {"Content-Type": FORM}),
        ("GET", "https://route53.amazonaws.com/2013-04-01/hostedzonesbyvpc?vpcid=vpc-1&n=a%2Fb", None, {}),
        ("DELETE", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Aa%2Fb", b"", {}),
        (
            "POST",
            "http://localhost:4566/",
            b"\x00",
            {"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
        ),
    ],
)
def test_moto_gets_the_request_that_it_would_make(
    method: str, url: str, body: str | bytes | None, headers: dict[str, str]
) -> None:
    sent = HTTPHeaders()
    given: dict[str, Any] = {"User-Agent": b"agent", "X-Amz-Date": "20261120T090630Z", **headers}
    for name, value in given.items():
        sent[name] = value
    if body:
        sent["Content-Length"] = str(len(body))
    request = AWSPreparedRequest(method, url, sent, body, stream_output=False)
    quick, usual = BaseResponse("ec2"), BaseResponse("ec2")
    quick.setup_class(as_moto_has_it(request), request.url)
    usual.setup_class(normalize_request(request))
    names = ("body", "raw_body", "form_data", "region", "access_key", "method", "path", "raw_path")
    assert {name: getattr(quick, name) for name in names} == {name: getattr(usual, name) for name in names}
    assert dict(quick.querystring) == dict(usual.querystring)
    assert dict(quick.headers) == dict(usual.headers)
    environs = [one.normalized_request.environ for one in (quick, usual)]
    variables = [{name: value for name, value in one.items() if name.isupper()} for one in environs]
    assert variables[0] == variables[1]


def test_an_answer_is_the_xml_that_it_would_be() -> None:
    tree = {
        "Answer": {
            "@xmlns": 'https://example.com/?a&"b"',
            "text": "<&>\"'ü",
            "number": 7,
            "yes": True,
            "nothing": None,
            "empty": "",
            "list": {"item": [{"a": 1}, "b", {}]},
            "none": [],
            "words": {"#text": "a < b"},
        }
    }
    for full in (True, False):
        text = serialize.xmltodict.unparse(tree, full_document=full, pretty=False, short_empty_elements=True)
        assert text.startswith("<?xml") == full
        assert xmltodict.parse(text) == xmltodict.parse(xmltodict.unparse(tree, full_document=full))


def test_an_item_comes_back_as_it_was_written(world: World) -> None:
    item = {**KEY, "value": NESTED, "binary": {"B": b"\x02"}, "amount": {"N": "1.50"}}
    world.dynamodb.put_item(TableName=TABLE, Item=item)
    assert world.dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"] == item
    answer = world.dynamodb.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="SET copied = :nested, amount = amount + :one REMOVE #binary ADD words :words",
        ExpressionAttributeNames={"#binary": "binary"},
        ExpressionAttributeValues={":nested": NESTED, ":one": {"N": "1"}, ":words": {"SS": ["b"]}},
        ReturnValues="ALL_NEW",
    )
    changed = {**KEY, "value": NESTED, "copied": NESTED, "amount": {"N": "2.50"}, "words": {"SS": ["b"]}}
    assert answer["Attributes"] == changed
    found = world.dynamodb.query(
        TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": KEY["pk"]}
    )
    assert found["Items"] == [changed]


@pytest.mark.parametrize(
    ("expression", "values", "said"),
    [
        ("SET a = :a, a = :b", {":a": "1", ":b": "2"}, "Two document paths overlap"),
        ("SET a = :a SET b = :b", {":a": "1", ":b": "2"}, 'The "SET" section can only be used once'),
        ("SET pk = :a", {":a": "1"}, "This attribute is part of the key"),
        ("SET a = :a", {":a": "1", ":b": "2"}, "unused in expressions"),
        ("SET status = :a", {":a": "1"}, "reserved keyword"),
        ("SET a = :a", {":a": "x" * 405_000}, "exceeded the maximum allowed size"),
        ("SET a = b.c", {}, "does not exist in the item"),
    ],
)
def test_what_dynamodb_refuses_is_refused(world: World, expression: str, values: dict[str, str], said: str) -> None:
    given = {"ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()}} if values else {}
    for _ in range(2):  # a tree that was made before is as it was
        with pytest.raises(ClientError, match=said):
            world.dynamodb.update_item(TableName=TABLE, Key=KEY, UpdateExpression=expression, **given)
        world.dynamodb.put_item(TableName=TABLE, Item=KEY)


def test_an_item_that_is_too_large_is_refused(world: World) -> None:
    parts = {f"part{number}": {"S": "x" * 100_000} for number in range(4)}
    world.dynamodb.put_item(TableName=TABLE, Item={**KEY, **parts})
    with pytest.raises(ClientError, match="Item size has exceeded"):
        world.dynamodb.put_item(TableName=TABLE, Item={**KEY, **parts, "more": {"S": "x" * 10_000}})


def test_a_condition_is_judged_with_the_values_of_each_call(world: World) -> None:
    world.dynamodb.put_item(TableName=TABLE, Item={**KEY, "amount": {"N": "2"}})

    def update(most: str, condition: str = "amount <= :most") -> None:
        given = {"ConditionExpression": condition, "ExpressionAttributeValues": {":most": {"N": most}}}
        world.dynamodb.update_item(TableName=TABLE, Key=KEY, UpdateExpression="SET amount = :most", **given)

    for _ in range(2):
        update("2")
        with pytest.raises(ClientError, match="The conditional request failed"):
            update("1")
        with pytest.raises(ValueError, match="Bad comparison"):  # not as DynamoDB says it, but each time
            update("2", "amount <= ")


def test_a_call_goes_to_the_bucket_that_it_names(world: World) -> None:
    s3 = boto3.client("s3")
    for bucket in ("one", "other"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="key", Body=bucket.encode())
    assert [s3.get_object(Bucket=bucket, Key="key")["Body"].read() for bucket in ("one", "other")] == [b"one", b"other"]


def test_nothing_is_left_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for _ in range(2):
        with emulated_aws():
            assert [one["IsDefault"] for one in boto3.client("ec2").describe_vpcs()["Vpcs"]] == [True]
            assert "QueueUrls" not in boto3.client("sqs").list_queues()
            boto3.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
            boto3.client("sqs").create_queue(QueueName="changes")


def test_a_call_says_whose_it_is(world: World) -> None:
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    role = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::222222222222:role/a", RoleSessionName="session")
    theirs = boto3.client(
        "sts",
        aws_access_key_id=role["Credentials"]["AccessKeyId"],
        aws_secret_access_key=role["Credentials"]["SecretAccessKey"],
    )
    assert theirs.get_caller_identity()["Account"] == "222222222222"


def test_lifelines_clients_are_the_ones_that_all_tests_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with emulated_aws():
        assert clients.client("ec2") is boto3.client("ec2", config=clients._CONFIG)
