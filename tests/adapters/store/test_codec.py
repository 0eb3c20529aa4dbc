"""Values as items, and back."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from lifeline.adapters.store.codec import from_item, from_plain, to_item, to_plain, unpack
from lifeline.core.errors import UnreadableError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Kind(StrEnum):
    DRY = "as dry as dust"
    WET = "wet"


@dataclass(frozen=True, slots=True)
class Leaf:
    kind: Kind
    id: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    height: float | None
    planted_at: datetime
    price: Decimal = Decimal(0)
    count: int = 0
    is_old: bool = False
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    ids: frozenset[str] = frozenset()
    pairs: tuple[tuple[str, int], ...] = ()
    fallen: frozenset[Leaf] = frozenset()
    felled: date | None = None
    nests: Mapping[str, datetime | None] = field(default_factory=dict)


all_leaves = st.builds(Leaf, st.sampled_from(Kind), st.text(max_size=5))
numbers = st.integers(min_value=-(10**12), max_value=10**12)
times = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
all_trees = st.builds(
    Tree,
    name=st.text(max_size=5),
    height=st.none() | st.floats(min_value=-1e9, max_value=1e9).filter(lambda number: not 0 < abs(number) < 1e-9),
    planted_at=times,
    price=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    count=numbers,
    is_old=st.booleans(),
    leaf=st.none() | all_leaves,
    leaves=st.lists(all_leaves, max_size=3).map(tuple),
    ids=st.frozensets(st.text(max_size=3), max_size=3),
    pairs=st.lists(st.tuples(st.text(max_size=3), numbers), max_size=2).map(tuple),
    fallen=st.frozensets(all_leaves, max_size=2),
    felled=st.none() | st.dates(),
    nests=st.dictionaries(st.text(max_size=3), st.none() | times, max_size=2),
)


@given(all_trees)
def test_whatever_is_written_is_read_again(tree: Tree) -> None:
    assert from_plain(Tree, from_item(to_item(to_plain(tree)))) == tree


def test_none_is_left_out_missing_attributes_take_defaults_and_enums_go_by_their_names() -> None:
    assert {"height", "leaf", "felled"}.isdisjoint(to_plain(Tree("oak", None, NOW)))
    assert to_plain(Leaf(Kind.DRY, "7")) == {"kind": "dry", "id": "7"}
    assert from_plain(Tree, {"name": "oak", "planted_at": NOW.isoformat()}) == Tree("oak", None, NOW)


def test_an_attribute_that_a_newer_version_has_written_is_ignored() -> None:
    assert from_plain(Leaf, {"kind": "wet", "colour": "green"}) == Leaf(Kind.WET)


def test_an_items_attributes_have_dynamodbs_types() -> None:
    given = {
        "pk": "A",
        "n": 7,
        "f": 0.25,
        "b": b"x",
        "on": True,
        "s": {"b", "a"},
        "l": frozenset({"b", "a"}),
        "no": None,
    }
    item = to_item(given)
    assert sorted(item.pop("s")["SS"]) == ["a", "b"]
    assert item == {
        "pk": {"S": "A"},
        "n": {"N": "7"},
        "f": {"N": "0.25"},
        "b": {"B": b"x"},
        "on": {"BOOL": True},
        "l": {"L": [{"S": "a"}, {"S": "b"}]},
    }
    assert from_item(item) == {"pk": "A", "n": 7, "f": 0.25, "b": b"x", "on": True, "l": ["a", "b"]}
    assert from_item({"ids": {"SS": ["b", "a"]}, "parts": {"NS": ["2", "1"]}}) == {"ids": ["a", "b"], "parts": [1, 2]}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "oak",
        {},
        {"name": 7, "planted_at": NOW.isoformat()},
        {"name": "oak", "planted_at": "yesterday"},
        {"name": "oak", "planted_at": 7},
        {"name": "oak", "planted_at": None},
        {"name": "oak", "planted_at": "2026-11-29T12:00:00"},
        {"name": "oak", "planted_at": "2026-11-29"},
        {"name": "oak", "planted_at": "0001-01-01T00:00:00+00:00"},
        {"name": "oak", "planted_at": "9999-12-31T23:59:59+00:00"},
        {"name": "oak", "planted_at": NOW.isoformat(), "price": "much"},
        {"name": "oak", "planted_at": NOW.isoformat(), "height": 10**400},
        {"name": "oak", "planted_at": NOW.isoformat(), "count": "7"},
        {"name": "oak", "planted_at": NOW.isoformat(), "leaves": "DRY"},
        {"name": "oak", "planted_at": NOW.isoformat(), "leaf": {"kind": "burnt"}},
        {"name": "oak", "planted_at": NOW.isoformat(), "leaf": {"id": "7"}},
        {"name": "oak", "planted_at": NOW.isoformat(), "pairs": [["a"]]},
        {"name": "oak", "planted_at": NOW.isoformat(), "nests": []},
    ],
)
def test_what_cannot_be_understood_is_one_error(broken: Any) -> None:
    with pytest.raises(UnreadableError):
        from_plain(Tree, broken)


@pytest.mark.parametrize("packed", [b"", b"x", zlib.compress(b"{"), zlib.compress(b"[" * 100_000), "text"])
def test_what_cannot_be_unpacked_is_the_same_error(packed: Any) -> None:
    with pytest.raises(UnreadableError):
        unpack(packed)


# ---- boto3 says how DynamoDB's API writes values


plain_numbers = numbers | st.floats(min_value=-1e9, max_value=1e9).filter(lambda number: not 0 < abs(number) < 1e-9)
plain_values = st.recursive(
    st.none() | st.booleans() | plain_numbers | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=8,
)


def as_boto3_takes_it(value: Any) -> Any:
    match value:
        case float():
            return Decimal(repr(value))
        case bytes():
            return Binary(value)
        case list():
            return [as_boto3_takes_it(one) for one in value]
        case dict():
            return {name: as_boto3_takes_it(one) for name, one in value.items()}
    return value


@given(plain_values.filter(lambda value: value is not None))
def test_boto3_reads_what_is_written(value: Any) -> None:
    expected = TypeDeserializer().deserialize(TypeSerializer().serialize(as_boto3_takes_it(value)))
    written: Any = to_item({"one": value})["one"]
    assert TypeDeserializer().deserialize(written) == expected


@given(plain_values.filter(lambda value: value is not None))
def test_what_boto3_writes_is_read(value: Any) -> None:
    assert from_item({"one": TypeSerializer().serialize(as_boto3_takes_it(value))}) == {"one": value}


@pytest.mark.parametrize(
    ("values", "typed"),
    [
        ({"b", "a"}, {"SS": ["a", "b"]}),
        ({2, 10}, {"NS": ["2", "10"]}),
        ({1.5, 1}, {"NS": ["1", "1.5"]}),
    ],
)
def test_a_set_is_written_as_one_and_read_as_a_sorted_list(values: set[Any], typed: dict[str, Any]) -> None:
    assert to_item({"one": values}) == {"one": typed}
    assert from_item({"one": typed}) == {"one": sorted(values)}


@pytest.mark.parametrize("values", [set(), {"a", 1}, {True}, {None}])
def test_a_set_that_dynamodb_has_no_type_for_is_refused(values: set[Any]) -> None:
    with pytest.raises(TypeError, match="is no set of DynamoDB's"):
        to_item({"one": values})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**38, -(10**40)])
def test_a_number_that_dynamodb_refuses_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="is no number of DynamoDB's"):
        to_item({"one": number})


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("-7", -7), ("7.0", 7), ("1E+2", 100), ("0.25", 0.25), ("-0", 0)]
)
def test_a_whole_number_is_one_whatever_way_dynamodb_writes_it(text: str, number: float) -> None:
    found = from_item({"one": {"N": text}})["one"]
    assert (found, type(found)) == (number, type(number))


def test_a_type_that_dynamodb_doesnt_have_is_refused() -> None:
    with pytest.raises(TypeError, match="X is no type of DynamoDB's"):
        from_item({"one": {"X": "1"}})
