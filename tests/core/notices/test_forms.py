"""One notice in its forms: mail, JSON for machines, chat, and the attributes that subscriptions filter on."""

import json
import urllib.parse
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.notices.chat import chat_form
from lifeline.core.notices.forms import MOST_BYTES, attributes_of, email_text, machine_form, machine_text
from lifeline.core.notices.members import denied_account_notice, lost_account_notice, read_account_notice
from lifeline.core.notices.notice import LEFT_OUT, Notice, Sender
from lifeline.core.organization.members import MemberAccount
from lifeline.core.owner import Owner
from lifeline.core.policy.runbook import RUNBOOK
from lifeline.core.severity import Severity
from tests.support.agents import minute
from tests.support.repository import ROOT

NOW = minute(14)
SENDER = Sender("123456789012", "us-east-1", "lifeline")
WIKI = "https://wiki.example.com/x/Lifeline?page=7&view=1#what-now"
VPC = "vpc-0123456789abcdef0"
SCHEMA = json.loads((ROOT / "docs/schemas/notice.schema.json").read_text("utf-8"))
is_valid = fastjsonschema.compile(SCHEMA)
NASTY = st.text(max_size=80) | st.sampled_from(
    [
        "```",
        "`x`",
        "<!channel>",
        "<http://evil.example|ok>",
        "[ok](http://evil.example)",
        "@here",
        "*b*",
        '"' * 80,
        "\\",
    ]
)
LINES = st.lists(NASTY, min_size=1, max_size=8).map(tuple)
NOTICE = Notice(
    "endpoints", Severity.WARNING, "[lifeline] a subject", ("It happened.",), next=("Nothing.",), vpc_id=VPC, facts={}
)


def notice(**changes: Any) -> Notice:
    return replace(NOTICE, **changes)


def nasty() -> st.SearchStrategy[Notice]:
    subjects = NASTY.map(lambda text: f"[lifeline] {text}")
    return st.builds(
        notice, subject=subjects, happened=LINES, why=LINES, done=LINES, next=LINES, agents=LINES, vpc_name=NASTY
    )


# ---- for machines


@given(nasty(), st.sampled_from(Severity))
def test_whatever_is_in_it_the_machine_form_fits_its_schema(notified: Notice, severity: Severity) -> None:
    is_valid(json.loads(machine_text(replace(notified, severity=severity), SENDER, NOW)))


def test_the_machine_form_has_the_mails_text_and_the_notices_facts() -> None:
    form = machine_form(notice(facts={"a": [1]}), SENDER, NOW)
    assert form["text"] == email_text(NOTICE, SENDER)
    assert form["facts"] == {"a": [1]}
    assert form["time"] == "2026-03-02T09:14:00+00:00"


@pytest.mark.parametrize(
    "other",
    [
        notice(kind="policy"),
        notice(subject="[lifeline] another"),
        notice(incident="inc-1"),
    ],
)
def test_two_notices_have_two_ids_and_one_that_comes_twice_has_one(other: Notice) -> None:
    (first, again, next_) = (machine_form(one, SENDER, NOW)["id"] for one in (NOTICE, NOTICE, other))
    assert first == again != next_
    assert machine_form(NOTICE, SENDER, NOW + timedelta(minutes=1))["id"] != first
    assert machine_form(NOTICE, replace(SENDER, account_id="210987654321"), NOW)["id"] != first


def size_in_a_message(text: str) -> int:
    return len(json.dumps(text))


@pytest.mark.parametrize("letter", ["x", '"', "\\", "\x00"])
def test_facts_that_are_too_many_are_left_out_as_a_whole_and_that_is_said(letter: str) -> None:
    text = machine_text(notice(facts={"many": letter * MOST_BYTES}), SENDER, NOW)
    assert size_in_a_message(text) <= MOST_BYTES
    facts = json.loads(text)["facts"]
    assert list(facts) == ["left_out"]
    assert facts["left_out"].endswith("bytes exceed the limit: see the audit log")


def test_facts_that_just_fit_stay() -> None:
    empty = size_in_a_message(machine_text(notice(facts={"many": ""}), SENDER, NOW))
    kept = machine_text(notice(facts={"many": "x" * (MOST_BYTES - empty)}), SENDER, NOW)
    assert size_in_a_message(kept) == MOST_BYTES
    assert "many" in json.loads(kept)["facts"]
    cut = machine_text(notice(facts={"many": "x" * (MOST_BYTES - empty + 1)}), SENDER, NOW)
    assert "left_out" in json.loads(cut)["facts"]


def test_what_is_attached_goes_before_any_line_and_the_mail_keeps_it() -> None:
    notified = notice(attached=tuple('resource "aws_vpc_endpoint" "one" {' for _ in range(900)))
    text = machine_text(notified, SENDER, NOW)
    form = json.loads(text)
    is_valid(form)
    assert size_in_a_message(text) <= MOST_BYTES
    assert (form["attached"], form["happened"]) == ([], ["It happened."])
    assert form["text"] == email_text(NOTICE, SENDER)
    assert email_text(notified, SENDER).count("aws_vpc_endpoint") == 900


def test_lines_that_are_too_many_are_left_out_by_count() -> None:
    lines = tuple(f"  {'quote: ' + chr(34) * 60} {number}" for number in range(2000))
    text = machine_text(notice(done=lines), SENDER, NOW)
    form = json.loads(text)
    is_valid(form)
    assert size_in_a_message(text) <= MOST_BYTES
    assert form["done"][0] == lines[0]
    assert form["done"][-1] == LEFT_OUT
    assert set(form["done"][:-1]) <= set(lines)


@pytest.mark.parametrize(
    ("changes", "sender", "names"),
    [
        ({}, SENDER, {"kind", "severity", "vpc_id", "account"}),
        ({"vpc_id": ""}, SENDER, {"kind", "severity", "account"}),
        ({"vpc_id": ""}, replace(SENDER, account_id=""), {"kind", "severity"}),
    ],
)
def test_attributes_are_left_out_rather_than_empty(changes: dict[str, Any], sender: Sender, names: set[str]) -> None:
    found = attributes_of(notice(**changes), sender)
    assert found.keys() == names
    assert all(found.values())


@pytest.mark.parametrize(
    "about",
    [
        lost_account_notice(MemberAccount("222222222222", why="no"), "arn:aws:iam::222222222222:role/x"),
        denied_account_notice(MemberAccount("222222222222", why="no")),
        read_account_notice(MemberAccount("222222222222"), NOW, (), stack="lifeline"),
    ],
)
def test_whoever_only_hears_of_an_account_hears_that_it_is_lost_denied_or_read_again(about: Notice) -> None:
    assert attributes_of(about, SENDER)["account"] == [SENDER.account_id, "222222222222"]


# ---- links


def titles(notified: Notice, sender: Sender = SENDER) -> list[str]:
    return [one["title"] for one in machine_form(notified, sender, NOW)["links"]]


def test_every_form_leads_to_the_runbooks_section_on_its_kind_and_to_a_companys_own_page_as_it_is() -> None:
    for sender, url in ((SENDER, f"{RUNBOOK}#endpoints"), (replace(SENDER, runbook_url=WIKI), WIKI)):
        form, notified = machine_form(NOTICE, sender, NOW), email_text(NOTICE, sender)
        assert form["links"][0] == {"title": "Runbook", "url": url}
        assert f"  Runbook: {url}\n" in notified
        assert f"Runbook: {url}\n" in chat_form(NOTICE, sender, NOW)["content"]["description"]
        is_valid(form)


def test_what_chat_or_mail_would_take_for_more_than_an_address_is_percent_encoded() -> None:
    said = "https://wiki.example.com/@here/a_(b)?as='x'&for=*c*"
    shown = "https://wiki.example.com/%40here/a_%28b%29?as=%27x%27&for=%2Ac%2A"
    sender = replace(SENDER, runbook_url=said)
    form = machine_form(NOTICE, sender, NOW)
    assert form["links"][0]["url"] == shown
    assert urllib.parse.unquote(shown) == said
    is_valid(form)
    for text in (email_text(NOTICE, sender), chat_form(NOTICE, sender, NOW)["content"]["description"]):
        assert f"Runbook: {shown}\n" in text
        assert said not in text


def test_links_lead_to_the_vpc_its_first_endpoint_and_the_coverage_page() -> None:
    endpoint_ids = tuple(f"vpce-0123456789abcde{number:02x}" for number in range(20))
    notified = notice(resource_ids=("subnet-0123456789abcdef0", *endpoint_ids))
    assert titles(notified) == ["Runbook", "VPC", "Endpoint"]
    form = machine_form(notified, replace(SENDER, dashboard="lifeline-coverage"), NOW)
    assert [one["title"] for one in form["links"]] == ["Runbook", "VPC", "Endpoint", "Coverage"]
    assert form["links"][2]["url"].endswith(endpoint_ids[0])


def test_the_audit_log_of_an_incident_or_of_a_vpc_is_one_command_away() -> None:
    assert """  --event '{"history": {"incident": "inc-1"}}'""" in email_text(notice(incident="inc-1"), SENDER)
    assert f"""  --event '{{"history": {{"vpc_id": "{VPC}"}}}}'""" in email_text(NOTICE, SENDER)
    assert "Audit log" not in email_text(notice(vpc_id=""), SENDER)


def test_the_ids_stand_in_one_order_whichever_way_they_were_given() -> None:
    notified = notice(
        resource_ids=("sg-1", "vpce-1", "rtb-1", "subnet-2", "subnet-1", VPC, "vpce-1"),
        vpc_name="app-prod",
        incident="inc-1",
        event_ids=("e-1", ""),
        agents=("  Agents:", "   i-1: silent"),
    )
    assert machine_form(notified, SENDER, NOW)["ids"] == [
        "  Account: 123456789012, us-east-1, stack lifeline",
        f"  VPC: {VPC} (app-prod)",
        "  Subnets: subnet-2, subnet-1",
        "  Route table: rtb-1",
        "  Endpoint: vpce-1",
        "  Security group: sg-1",
        "  Incident: inc-1",
        "  CloudTrail event: e-1",
        "  Agents:",
        "   i-1: silent",
    ]


@pytest.mark.parametrize(
    "text", ["xvpce-0123456789abcdef1", "vpce-0123456789abcdef1x", "vpce-012345678", "my-vpce-01234567"]
)
def test_what_only_looks_like_an_id_has_no_link(text: str) -> None:
    assert titles(notice(resource_ids=(text,))) == ["Runbook", "VPC"]


def test_a_wrong_vpc_or_region_has_no_link() -> None:
    assert titles(notice(vpc_id="vpc-1")) == ["Runbook"]
    assert titles(NOTICE, replace(SENDER, region="nowhere", dashboard="page")) == ["Runbook"]
    notified = email_text(notice(vpc_id=""), replace(SENDER, region="nowhere"))
    assert f"Next: Nothing.\n\nIDs:\n  Account: {SENDER.account_id}, nowhere, stack lifeline\n" in notified
    assert notified.endswith(f"\n\nLinks:\n  Runbook: {RUNBOOK}#endpoints\n")


@pytest.mark.parametrize(
    ("region", "host"), [("cn-north-1", "console.amazonaws.cn"), ("us-gov-east-1", "console.amazonaws-us-gov.com")]
)
def test_links_lead_to_the_partitions_console(region: str, host: str) -> None:
    assert f"VPC: https://{region}.{host}/vpcconsole/" in email_text(NOTICE, replace(SENDER, region=region))


# ---- chat


def blocks_and_rest(text: str) -> tuple[list[str], str]:
    parts = text.split("```")
    return parts[1::2], "".join(parts[::2])


@given(nasty())
def test_nothing_breaks_out_of_chats_code_blocks_and_nothing_outside_is_markup(notified: Notice) -> None:
    form = chat_form(notified, SENDER, NOW)
    content = form["content"]
    blocks, rest = blocks_and_rest(content["description"])
    assert len(blocks) == 4
    (step,), nothing = blocks_and_rest(content["nextSteps"][0])
    assert nothing == ""
    assert not set("".join([*blocks, step])) & set("`<>")
    allowed = {
        "",
        "*Why*",
        "*IDs*",
        *(f"{one['title']}: {one['url']}" for one in machine_form(notified, SENDER, NOW)["links"]),
    }
    assert set(rest.split("\n")) <= allowed
    for text in (content["title"], form["metadata"]["summary"]):
        assert not set(text) & set("*_~`<>[]&@")
        assert "://" not in text


@pytest.mark.parametrize(
    ("changes", "thread"),
    [({"incident": "inc-1"}, "inc-1"), ({}, VPC), ({"vpc_id": "", "kind": "policy"}, "policy")],
)
def test_an_incident_is_one_thread_and_so_is_a_vpc(changes: dict[str, Any], thread: str) -> None:
    assert chat_form(notice(**changes), SENDER, NOW)["metadata"]["threadId"] == thread


def test_chat_gets_version_1_0_of_the_custom_schema_with_strings_only() -> None:
    form = chat_form(notice(incident="inc-1"), SENDER, NOW)
    assert (form["version"], form["source"], form["content"]["textType"]) == ("1.0", "custom", "client-markdown")
    assert form["content"]["title"] == "a subject"
    assert form["metadata"]["relatedResources"] == [VPC, "inc-1"]
    context = form["metadata"]["additionalContext"]
    assert context.keys() == {"account", "region", "stack", "severity", "time"}
    assert all(isinstance(value, str) for value in context.values())


def test_chat_without_anything_to_do_has_no_steps_and_no_empty_words() -> None:
    form = chat_form(notice(next=(), vpc_id=""), SENDER, NOW)
    assert form["content"]["nextSteps"] == []
    assert "" not in form["content"]["keywords"]
    assert form["metadata"]["relatedResources"] == []


def test_chat_is_a_screen_too() -> None:
    form = chat_form(notice(done=tuple(f"  row {number}" for number in range(999))), SENDER, NOW)
    assert len(form["content"]["description"].splitlines()) < 60


def test_an_owner_is_in_the_json_and_in_the_attributes_where_it_is_known() -> None:
    sender = Sender("123456789012", "us-east-1", "lifeline")
    notice = Notice("kind", Severity.INFO, "[lifeline] subject", ("Something.",), owner=Owner("payments", ""))
    form = machine_form(notice, sender, datetime(2026, 11, 20, tzinfo=UTC))
    assert (form["team"], form["env"]) == ("payments", "")
    attributes = attributes_of(notice, sender)
    assert attributes["team"] == "payments"
    assert "env" not in attributes
    hostile = attributes_of(replace(notice, owner=Owner("<!channel> https://evil.example\n" * 99, "x")), sender)
    assert len(hostile["team"]) == 256
    assert "<" not in hostile["team"]
    assert "\n" not in hostile["team"]
    assert "://" not in hostile["team"]
