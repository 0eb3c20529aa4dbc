"""The field table in docs/policy.md agrees with the schema; other tests check the examples."""

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.reading import read_policy
from tests.docs.pages import blocks, codes, rows
from tests.support.repository import ROOT
from tools import policy_fields

PAGE = ROOT / "docs/policy.md"
EVERY_FIELD = set(policy_fields.fields(policy_fields.SCHEMA))


def test_the_table_is_the_schemas() -> None:
    assert PAGE.read_text("utf-8") == policy_fields.page(), "run make docs"


def test_the_table_has_every_field_of_the_schema_once_and_what_it_means() -> None:
    listed = [codes(cells[0])[0] for cells in rows(PAGE, "Fields")]
    assert sorted(listed) == sorted(EVERY_FIELD)
    assert all(len(cells) == 4 and all(cells) for cells in rows(PAGE, "Fields"))


def test_a_row_that_somebody_added_by_hand_gets_what_the_schema_says() -> None:
    row = policy_fields._row("| `limits.gateway_endpoints_per_region` | 7 | the same |")
    assert row == "| `limits.gateway_endpoints_per_region` | `20` | a whole number from 1 to 1000 | the same |"


def test_the_words_are_those_of_the_readers_errors() -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_policy('{"version": 1, "rules": [], "watches": [{"name": "a", "recover_after": 11}]}')
    listed = {codes(cells[0])[0]: cells[2] for cells in rows(PAGE, "Fields")}
    assert refused.value.message.startswith(f"must be {listed['watches[].recover_after']}")


def test_there_are_five_complete_examples_at_least_and_each_says_something_new() -> None:
    found = [read_policy(text) for text in blocks(PAGE, "json") if '"Statement"' not in text]
    assert len(found) >= 5
    assert len(set(map(repr, found))) == len(found)
