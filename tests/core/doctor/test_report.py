"""The report: for people, for machines, and as an exit status."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from lifeline.core.doctor.finding import Finding, bad, ok, unknown
from lifeline.core.doctor.report import DoctorReport, ExitStatus, Section, report_json, report_text
from tests.support.repository import ROOT

SCHEMA = json.loads((ROOT / "docs/schemas/doctor.schema.json").read_text("utf-8"))
AT = datetime(2026, 11, 29, 13, 40, tzinfo=UTC)
OK = ok("trail", "EC2's write events in us-east-1 are logged by main.")
BAD = bad("subscriptions", "Nobody is subscribed to the topic for notices.", "Deploy with AlertEmail.")
UNKNOWN = unknown("DNS servers", "DHCP options send clients to 10.0.0.9.", "Nobody sees whether it forwards.")


def report(*findings: Finding, **more: Any) -> DoctorReport:
    sections = (Section("events", "Changes reach Lifeline", findings),)
    given = {"stack": "lifeline", "examined_as": "arn:aws:iam::123456789012:user/dana", "sections": sections} | more
    return DoctorReport("us-east-1", "123456789012", AT, **given)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], 0),
        ([OK], 0),
        ([OK, BAD], 1),
        ([OK, UNKNOWN], 2),
        ([UNKNOWN, BAD, OK], 1),  # a fault is worse than what isn't known
    ],
)
def test_the_worst_finding_is_the_exit_status(findings: list[Finding], status: int) -> None:
    assert report(*findings).status == ExitStatus(status)


def test_people_read_each_finding_with_its_remedy_or_why_and_the_sum() -> None:
    text = report_text(report(OK, BAD, UNKNOWN, left_out=("the event path, because there is no stack.",)))
    assert text == (
        "Lifeline's doctor: stack lifeline in us-east-1, account 123456789012, 2026-11-29\n"
        "13:40:00 UTC.\n"
        "Examined as arn:aws:iam::123456789012:user/dana.\n"
        "\n"
        "Changes reach Lifeline\n"
        "  ok       trail: EC2's write events in us-east-1 are logged by main.\n"
        "  bad      subscriptions: Nobody is subscribed to the topic for notices.\n"
        "           remedy: Deploy with AlertEmail.\n"
        "  unknown  DNS servers: DHCP options send clients to 10.0.0.9.\n"
        "           why: Nobody sees whether it forwards.\n"
        "\n"
        "Not examined: the event path, because there is no stack.\n"
        "\n"
        "1 bad, 1 unknown and 1 ok.\n"
    )


def test_without_a_stack_that_is_said() -> None:
    assert report_text(report(stack="")).startswith("Lifeline's doctor: no deployed stack in us-east-1")


def test_machines_read_what_the_schema_says() -> None:
    found = report_json(report(OK, BAD, UNKNOWN))
    jsonschema.validate(found, SCHEMA)
    assert found["status"] == 1
    assert [one["verdict"] for one in found["sections"][0]["findings"]] == ["ok", "bad", "unknown"]
    assert found["sections"][0]["findings"][1]["remedy"] == "Deploy with AlertEmail."


def test_a_section_may_show_more_than_findings() -> None:
    more = Section("look_back", "The last 90 days", text="  12 changes a week\n", values={"changes": [12]})
    whole = report(OK, sections=(more,))
    assert "\nThe last 90 days\n  12 changes a week\n" in report_text(whole)
    found = report_json(whole)
    jsonschema.validate(found, SCHEMA)
    assert found["sections"][0]["changes"] == [12]


def test_a_finding_without_its_remedy_or_why_would_break_the_schema() -> None:
    found = report_json(report(BAD))
    del found["sections"][0]["findings"][0]["remedy"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_what_others_wrote_passes_for_nothing_else() -> None:
    hostile = bad("subscriptions", "of https://evil.example <!channel>", "see https://evil.example")
    assert "https://evil.example" not in report_text(report(hostile))
    assert "<!channel>" not in json.dumps(report_json(report(hostile)))
