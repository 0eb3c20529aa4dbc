"""Fingerprints of several parts."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.wording import fingerprint

parts = st.lists(st.text() | st.lists(st.text(), max_size=3), max_size=4)


@given(parts, parts)
def test_only_the_same_parts_have_the_same_fingerprint(
    some: list[str | list[str]], others: list[str | list[str]]
) -> None:
    assert (fingerprint(*some, length=32) == fingerprint(*others, length=32)) == (some == others)


def test_no_separator_in_a_part_makes_two_look_alike() -> None:
    alike = [
        ("a|b", "c"),
        ("a", "b|c"),
        ("a", "b", "c"),
        ("a", ["b", "c"]),
        (["a", "b"], "c"),
        ('a", "b', "c"),
        ("a,b,c",),
    ]
    assert len({fingerprint(*one, length=16) for one in alike}) == len(alike)


def test_it_has_as_many_hex_digits_as_are_asked_for() -> None:
    assert re.fullmatch(r"[0-9a-f]{48}", fingerprint("a", length=48))
