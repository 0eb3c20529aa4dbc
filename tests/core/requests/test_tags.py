"""Which of Lifeline's own tags a record says were set or removed."""

from typing import Any

import pytest

from lifeline.core.requests.tags import tags_of_lifeline
from tests.support.cloudtrail import record_call

BOTH = {"lifeline:exempt", "lifeline:require"}
IDS = {"Resources": ["vpc-0123456789abcdef0"]}


def parameters(operation: str, *keys: str) -> Any:
    call = IDS | ({"Tags": [{"Key": key, "Value": "lifeline:exempt"} for key in keys]} if keys else {})
    return record_call(operation, call, {})["detail"]["requestParameters"]


@pytest.mark.parametrize("operation", ["CreateTags", "DeleteTags"])
def test_only_keys_of_lifelines_own_tags_count_and_no_value(operation: str) -> None:
    said = parameters(operation, "Name", "lifeline:exempt", "lifeline:managed-by")
    assert tags_of_lifeline(operation, said) == {"lifeline:exempt"}
    assert tags_of_lifeline(operation, parameters(operation, "Name")) == frozenset()


def test_who_deletes_all_tags_may_have_deleted_lifelines() -> None:
    assert tags_of_lifeline("DeleteTags", parameters("DeleteTags")) == BOTH
    assert tags_of_lifeline("CreateTags", {"tagSet": {}}) == frozenset()


def test_other_calls_set_none() -> None:
    said = {"tagSet": {"items": [{"key": "lifeline:exempt"}]}}
    assert tags_of_lifeline("CreateSubnet", said) == frozenset()


@pytest.mark.parametrize(
    "said",
    [None, [], "x", {"tagSet": []}, {"tagSet": {"items": [None, 1, {"key": ["lifeline:exempt"]}, {"key": {}}, {}]}}],
    ids=str,
)
def test_whatever_shape_it_has_it_is_read(said: Any) -> None:
    assert tags_of_lifeline("CreateTags", said) == frozenset()
