"""Changing an item begins with what this process saw of it last; only the write says whether that is still there."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.codec import from_plain, to_item
from lifeline.adapters.store.table import Table
from lifeline.core.errors import UnreadableError
from tests.support.agents import create_table
from tests.support.counting import counted_calls
from tests.support.emulator import emulated_aws

KEY = ("COUNT", "ONE")


@pytest.fixture
def table() -> Iterator[Table]:
    with emulated_aws():
        create_table()
        yield Table("ledger", boto3.client("dynamodb", region_name="us-east-1"))


def one_more(item: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    count = int(item.get("count", 0)) + 1
    return {"count": count}, count


def leave(item: Mapping[str, Any]) -> tuple[None, int]:
    return None, int(item.get("count", 0))


def test_a_change_after_another_needs_no_read(table: Table) -> None:
    table.change(KEY, one_more, "count")
    with counted_calls() as calls:
        assert table.change(KEY, one_more, "count") == 2
    assert calls == {"dynamodb:PutItem": 1}


def test_what_another_process_wrote_meanwhile_is_read_and_built_upon(table: Table) -> None:
    table.change(KEY, one_more, "count")
    table.put(KEY, {"count": 7, "revision": 2}, "another process")
    assert table.change(KEY, one_more, "count") == 8
    assert table.get(KEY, "look")["count"] == 8


def test_where_nothing_is_written_the_item_is_read(table: Table) -> None:
    table.change(KEY, one_more, "count")
    table.put(KEY, {"count": 7, "revision": 2}, "another process")
    assert table.change(KEY, leave, "look") == 7


def test_what_cannot_be_understood_is_read_again_until_somebody_mends_it(table: Table) -> None:
    def whole(item: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        return {"count": from_plain(int, item.get("count", 0)) + 1}, 0

    table.change(KEY, whole, "count")
    table.put(KEY, {"count": "?", "revision": 1}, "another version")
    table.see(KEY, "look")
    with pytest.raises(UnreadableError):
        table.change(KEY, whole, "count")
    table.see(KEY, "look")
    table.put(KEY, {"count": 1, "revision": 1}, "a person")
    table.change(KEY, whole, "count")
    assert table.get(KEY, "look")["count"] == 2


def test_an_item_that_was_deleted_meanwhile_begins_anew(table: Table) -> None:
    table.change(KEY, one_more, "count")
    table.delete(KEY, "delete")
    assert table.change(KEY, one_more, "count") == 1


@pytest.mark.parametrize("revision", ["x", True, None, ["x"], {"x": 1}, b"x", 1.5])
def test_a_revision_of_any_type_is_replaced_once(table: Table, revision: object) -> None:
    table.put(KEY, {"count": 7}, "another process")
    strange = to_item({"pk": KEY[0], "sk": KEY[1], "count": 7}) | {"revision": to_item({"a": [revision]})["a"]["L"][0]}
    table.dynamodb.put_item(TableName=table.name, Item=strange)
    assert table.change(KEY, one_more, "count") == 8
    assert table.change(KEY, one_more, "count") == 9
