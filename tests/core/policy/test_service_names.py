"""Which names of services are right, and the nearest right one to a wrong one."""

import pytest

from lifeline.core.network.model import Catalog
from lifeline.core.policy.service_names import known_names, suggestion, unknown_words
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
        ("cloudwatch", "; did you mean monitoring?"),
        ("com.amazonaws.us-east-1.monitorng", "; did you mean monitoring?"),
        ("monitoring.us-east-1.amazonaws.com", "; did you mean monitoring?"),
        ("zzzzzz", "; is the name misspelled?"),
    ],
)
def test_a_wrong_name_is_named_with_what_would_be_right(name: str, words: str) -> None:
    assert unknown_words(name, known_names(CATALOG) or ()) == f"{NONE_NAMED} {name}{words}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Monitoring", "monitoring"), ("ecr", "ecr.api"), ("ECR.API", "ecr.api"), ("ecr_dkr", "ecr.dkr"), (" s3", "s3")],
)
def test_a_name_in_another_form_is_recognized(written: str, meant: str) -> None:
    assert suggestion(written) == f"; did you mean {meant}?"


def test_where_nothing_comes_near_nothing_is_suggested() -> None:
    assert suggestion("zzzzzz") == ""
