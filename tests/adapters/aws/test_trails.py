"""Trails as CloudTrail lists them: of this region, of another, and the organization's."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.cloudtrail.models import CloudTrailBackend

from lifeline.adapters.aws.clients import client, in_region
from lifeline.adapters.aws.trails import Trails
from lifeline.core.doctor.finding import NotRead
from lifeline.core.errors import TerminalError
from tests.support.emulator import emulated_aws

REGION = "us-east-1"


@pytest.fixture
def cloudtrail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        boto3.client("s3").create_bucket(Bucket="trail-bucket")
        yield boto3.client("cloudtrail")


def make_trail(cloudtrail: Any, *, multi: bool = True) -> None:
    cloudtrail.create_trail(Name="main", S3BucketName="trail-bucket", IsMultiRegionTrail=multi)


def test_without_a_trail_there_is_none(cloudtrail: Any) -> None:
    assert Trails().read() == ()


def test_a_trail_has_its_state_and_its_selectors(cloudtrail: Any) -> None:
    make_trail(cloudtrail)
    (stopped,) = Trails().read()
    assert (stopped.name, stopped.is_logging, stopped.records_changes) == ("main", False, True)
    cloudtrail.start_logging(Name="main")
    cloudtrail.put_event_selectors(
        TrailName="main", EventSelectors=[{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]
    )
    (started,) = Trails().read()
    assert (started.is_logging, started.records_changes) == (True, False)


def test_a_trail_of_another_region_is_asked_for_its_selectors_there(cloudtrail: Any) -> None:
    make_trail(cloudtrail)
    cloudtrail.start_logging(Name="main")
    (seen,) = Trails(in_region(client, "eu-west-1")).read()
    assert (seen.is_logging, seen.records_changes) == (True, True)
    assert seen.arn.split(":")[3] == REGION


def test_a_trail_that_covers_another_region_alone_is_not_seen_here(cloudtrail: Any) -> None:
    make_trail(cloudtrail, multi=False)
    assert Trails(in_region(client, "eu-west-1")).read() == ()


def test_what_a_member_account_is_refused_leaves_the_rest(cloudtrail: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_trail(cloudtrail)
    cloudtrail.start_logging(Name="main")

    def refuse(*_: Any, **__: Any) -> Any:
        said: Any = {"Code": "CloudTrailARNInvalidException", "Message": "You can only access your own"}
        raise ClientError({"Error": said}, "GetEventSelectors")

    monkeypatch.setattr(CloudTrailBackend, "get_event_selectors", refuse)
    (seen,) = Trails().read()
    assert seen.is_logging is True
    assert isinstance(seen.selectors, NotRead)
    assert "CloudTrailARNInvalidException" in seen.selectors.why


def test_a_refused_list_is_raised(cloudtrail: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeTrails")

    monkeypatch.setattr(CloudTrailBackend, "describe_trails", refuse)
    with pytest.raises(TerminalError, match="AccessDeniedException"):
        Trails().read()
