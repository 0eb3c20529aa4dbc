"""The golden files are what the code sends today, and what docs/schemas promises."""

import json
import re
from typing import Any

import fastjsonschema
import pytest

from lifeline.core.notices.bus_event import DetailType
from lifeline.core.notices.notice import MOST_LINES
from tests.docs.test_operate import every_kind
from tests.golden.stories import EVENTS, NOTICES, as_delivered, files
from tests.golden.write import FOLDER, PAGE, README, embedded, there
from tests.support.repository import ROOT

SCHEMAS = ROOT / "docs/schemas"
TEXTS = dict(files())


def validator(name: str) -> Any:
    return fastjsonschema.compile(json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")))


NOTICE, EVENT = validator("notice"), validator("event")


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_each_file_is_what_is_sent(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == TEXTS[name], "read it, then: python -m tests.golden.write"


def test_the_page_shows_what_is_sent() -> None:
    page = PAGE.read_text("utf-8")
    assert page.count("<!-- golden: ") == page.count("<!-- end -->") >= 6
    assert embedded(page, TEXTS) == page, "python -m tests.golden.write"


def test_the_readme_shows_one_mail_as_it_is_sent_without_its_ids() -> None:
    readme = README.read_text("utf-8")
    assert readme.count("<!-- golden: ") == 1
    assert embedded(readme, TEXTS) == readme, "python -m tests.golden.write"
    assert "Subject: [lifeline] " in readme
    assert "IDs:" not in readme


def test_no_file_is_left_over() -> None:
    assert there() == TEXTS.keys()


def test_each_kind_of_notice_and_event_has_its_file() -> None:
    kinds = {json.loads(TEXTS[f"{name}.json"])["kind"] for name in NOTICES}
    assert kinds >= set(every_kind())
    assert {as_delivered(event())["detail-type"] for event in EVENTS.values()} == set(DetailType)


@pytest.mark.parametrize("name", sorted(NOTICES))
def test_each_notice_fits_its_schema(name: str) -> None:
    NOTICE(json.loads(TEXTS[f"{name}.json"]))


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_each_event_fits_its_schema(name: str) -> None:
    EVENT(json.loads(TEXTS[f"{name}.event.json"])["detail"])


@pytest.mark.parametrize("name", sorted(NOTICES))
def test_each_mail_says_what_to_do_and_fits_a_screen(name: str) -> None:
    subject, _, text = TEXTS[f"{name}.txt"].partition("\n\n")
    assert len(subject.removeprefix("Subject: ")) <= 100
    text, _, _ = text.partition("\n---- To manage")
    body = [line for line in text.splitlines() if "https://" not in line]
    assert sum(line.startswith("Next: ") for line in body) == 1
    assert len(body) <= MOST_LINES + 1
    assert [line for line in body if len(line) > 80 and not line.startswith("    ")] == []
    assert len(re.findall("https://", text)) <= 5


def test_a_schema_refuses_what_is_not_promised() -> None:
    form = json.loads(TEXTS["incident-opened.json"])
    changes: list[dict[str, Any]] = [
        {"severity": "grave"},
        {"next": []},
        {"subject": "x" * 101},
        {"id": "1"},
        {"time": "yesterday"},
    ]
    for wrong in changes:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            NOTICE(form | wrong)
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        EVENT({"schema": "lifeline.event/1", "id": "0" * 32, "stack": "lifeline"})
