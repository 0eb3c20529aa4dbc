"""Which tags a record says were set or removed, and which of them are kept."""

from typing import Any

import pytest

from lifeline.core.requests.request import Request
from lifeline.core.requests.tags import ALL_TAGS, keep_known_tags, tags_changed
from lifeline.core.requests.trigger import Trigger
from tests.support.cloudtrail import record_call

IDS = {"Resources": ["vpc-0123456789abcdef0"]}


def parameters(operation: str, *keys: str) -> Any:
    call = IDS | ({"Tags": [{"Key": key, "Value": "lifeline:exempt"} for key in keys]} if keys else {})
    return record_call(operation, call, {})["detail"]["requestParameters"]


@pytest.mark.parametrize("operation", ["CreateTags", "DeleteTags"])
def test_keys_count_and_no_value(operation: str) -> None:
    assert tags_changed(operation, parameters(operation, "Name", "env")) == {"Name", "env"}


def test_who_deletes_all_tags_may_have_deleted_any() -> None:
    assert tags_changed("DeleteTags", parameters("DeleteTags")) == {ALL_TAGS}
    assert tags_changed("CreateTags", {"tagSet": {}}) == frozenset()


def test_other_calls_set_none() -> None:
    said = {"tagSet": {"items": [{"key": "lifeline:exempt"}]}}
    assert tags_changed("CreateSubnet", said) == frozenset()


@pytest.mark.parametrize(
    "said",
    [None, [], "x", {"tagSet": []}, {"tagSet": {"items": [None, 1, {"key": ["lifeline:exempt"]}, {"key": {}}, {}]}}],
    ids=str,
)
def test_whatever_shape_it_has_it_is_read(said: Any) -> None:
    assert tags_changed("CreateTags", said) == frozenset()


def test_only_known_keys_are_kept() -> None:
    request = Request(Trigger("change", tags=frozenset({"Name", "env"})), because=(Trigger("change"),))
    assert keep_known_tags(request, {"env", "lifeline:exempt"}).trigger.tags == {"env"}


def test_of_all_tags_all_known_keys_are_kept() -> None:
    known = {"env", "lifeline:exempt"}
    assert keep_known_tags(Request(Trigger("change", tags=frozenset({ALL_TAGS}))), known).trigger.tags == known
