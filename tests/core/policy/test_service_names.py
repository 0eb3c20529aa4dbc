"""Which names of services are right, and the nearest right one to a wrong one."""

import pytest

from lifeline.core.network.model import Catalog
from lifeline.core.policy.service_names import known_names, unknown_words
from lifeline.core.policy.service_sets import NAMED_SETS
from tests.support.builders import CATALOG

NONE_NAMED = "the region offers no endpoint service named"


def test_known_are_the_regions_services_and_the_named_sets() -> None:
    assert known_names(CATALOG) == frozenset({"six", "monitoring", "logs", "ec2messages", "ec2", "s3", *NAMED_SETS})


def test_nothing_is_known_while_the_catalog_isnt_read() -> None:
    assert known_names(Catalog(why_unread="throttled")) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("monitorng", "; did you mean monitoring?"),
        ("cloudwatch-agnt", "; did you mean cloudwatch-agent?"),
        ("com.amazonaws.us-east-1.monitoring", "; did you mean monitoring?"),
        ("kms", ", although other regions do"),
        ("zzzzzz", "; is the name misspelled?"),
    ],
)
def test_a_wrong_name_is_named_with_what_would_be_right(name: str, words: str) -> None:
    assert unknown_words(name, known_names(CATALOG) or ()) == f"{NONE_NAMED} {name}{words}"
