"""The audit log as values: its order, its pages, what may be requested, and its words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.errors import InvalidInputError
from lifeline.core.history.entries import (
    EndpointOutcome,
    Entry,
    EntryKind,
    Page,
    filed,
    is_part_of,
    key_of,
    merge,
    outcomes_of,
    ranges,
    read_entry,
)
from lifeline.core.history.text import line_of, page_json
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.endpoint_lifecycle import Followed, Made
from lifeline.core.requests.history import DEFAULT_SPAN, HistoryRequest, read_history
from tests.support.home import HOME

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"
REF = HOME.vpc(VPC)


def second(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def record(kind: EntryKind = EntryKind.CHANGE, at: datetime = NOW, *more: str, **facts: Any) -> dict[str, Any]:
    return {"pk": "any", "sk": key_of(kind, at, *(more or ("1",))), **facts}


def entry(kind: EntryKind = EntryKind.CHANGE, at: datetime = NOW, *more: str, **facts: Any) -> Entry:
    found = read_entry(REF, record(kind, at, *more, **facts))
    assert found is not None
    return found


# ---- order and pages


def test_within_a_second_a_cause_stands_before_what_it_led_to() -> None:
    mixed = [entry(kind, second(0.9 - kind.rank / 10)) for kind in reversed(EntryKind)]
    assert [one.kind for one in merge(mixed).entries] == ["change", "incident", "action", "outcome"]


def test_the_last_page_says_that_there_is_no_more() -> None:
    three = [entry(at=second(number)) for number in (2, 0, 1)]
    assert merge(three, most=3) == Page(tuple(sorted(three, key=lambda one: one.at)))
    page = merge(three, most=2)
    assert (len(page.entries), page.next) == (2, page.entries[-1].sort_key)
    assert merge([]) == Page()


kinds = st.sampled_from(EntryKind)
moments = st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 250_000, 999_999])).map(
    lambda one: second(one[0]) + timedelta(microseconds=one[1])
)
tails = st.text("#~ a0", min_size=1, max_size=3)
entries = st.lists(st.builds(entry, kinds, moments, tails), max_size=30, unique_by=lambda one: one.sort_key)


def key(one: Entry) -> str:
    return one.sort_key.split("#", 3)[3]


def paged(kept: list[Entry], since: datetime, until: datetime, most: int) -> list[Entry]:
    """Page by page, as the ledger is read: of each kind, `most` and one more of its keys in their order."""
    found: list[Entry] = []
    after = ""
    while True:
        seen: list[Entry] = []
        for kind, low, high in ranges(since, until, after):
            fitting = sorted((one for one in kept if one.kind is kind and low <= key(one) <= high), key=key)
            seen += fitting[: most + 1]
        page = merge(seen, most=most)
        found += page.entries
        assert len(found) <= len(kept), "an entry came twice"
        if not page.next:
            return found
        after = read_history({"history": {"vpc_id": VPC, "next": page.next}}, NOW).after


@given(entries, st.integers(1, 4), st.integers(-1, 6), st.integers(0, 6))
def test_however_small_the_pages_each_entry_of_the_time_comes_once_in_one_order(
    kept: list[Entry], most: int, first: int, length: int
) -> None:
    since, until = second(first), second(first + length)
    wanted = [one for one in kept if since <= one.at < until + timedelta(seconds=1)]
    assert paged(kept, since, until, most) == sorted(wanted, key=lambda one: one.sort_key)


@given(entries)
def test_an_entry_stands_on_its_days_shelf_at_the_place_that_it_is_read_with(kept: list[Entry]) -> None:
    for one in kept:
        assert filed(REF, key(one)) == {"index_pk": "DAY#2026-11-22", "index_sk": one.sort_key}


def test_a_moment_of_another_zone_is_filed_by_its_day_in_utc() -> None:
    at = datetime.fromisoformat("2026-11-23T01:30:00+02:00")
    assert filed(REF, key_of(EntryKind.ACTION, at, "00"))["index_pk"] == "DAY#2026-11-22"


@pytest.mark.parametrize("time", ["", "yesterday", "2026-11-22", "20261122T120000Z", "2026-13-22T12:00:00Z"])
def test_what_has_no_time_is_on_no_shelf_and_is_no_entry(time: str) -> None:
    assert filed(REF, f"CHANGE#{time}#e-1") == {}
    assert read_entry(REF, {"sk": f"CHANGE#{time}#e-1"}) is None


@pytest.mark.parametrize("sort_key", ["STATE", "SEEN#vpce-1#lost", "LATEST", "OPEN#inc-1"])
def test_what_else_the_ledger_holds_is_no_entry(sort_key: str) -> None:
    assert read_entry(REF, {"sk": sort_key}) is None


def test_entries_of_two_accounts_or_regions_never_share_a_sort_key() -> None:
    refs = [home.vpc_or_self(id_) for home in (HOME, RegionRef("210987654321", "eu-west-1")) for id_ in (VPC, "")]
    assert len({filed(ref, key_of(EntryKind.CHANGE, NOW, "e-1"))["index_sk"] for ref in refs}) == 4


@pytest.mark.parametrize("vpc_id", [VPC, ""])
def test_the_sort_key_of_an_entry_is_a_next_that_a_caller_may_send(vpc_id: str) -> None:
    next_ = filed(HOME.vpc_or_self(vpc_id), key_of(EntryKind.CHANGE, NOW, "e-1"))["index_sk"]
    assert read_history({"history": {"vpc_id": VPC, "next": next_}}, NOW).after == next_


def test_an_incidents_story_holds_no_other_incident() -> None:
    assert is_part_of(entry(EntryKind.INCIDENT, NOW, incident="inc-1"), "inc-1")
    assert not is_part_of(entry(EntryKind.INCIDENT, NOW, incident="inc-2"), "inc-1")
    assert is_part_of(entry(EntryKind.ACTION), "inc-1")


# ---- what is asked


def request(**asked: object) -> HistoryRequest:
    return read_history({"history": asked}, NOW)


def test_a_vpc_is_asked_for_in_a_time_which_has_defaults() -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    assert request(vpc_id=VPC, since="2026-11-20T00:00:00Z") == HistoryRequest(vpc_id=VPC, since=since, until=NOW)
    assert request(vpc_id=VPC) == HistoryRequest(vpc_id=VPC, since=NOW - DEFAULT_SPAN, until=NOW)
    later = request(vpc_id="vpc-01234567", since="2026-11-20T02:00:00+02:00", until="2026-11-21T00:00:00.5Z")
    assert (later.since, later.until) == (since, datetime(2026, 11, 21, 0, 0, 0, 500_000, tzinfo=UTC))
    assert request(vpc_id=VPC, until="0001-01-02T00:00:00Z").since == datetime(1, 1, 1, tzinfo=UTC)


def test_a_day_and_an_incident_have_their_own_time() -> None:
    assert request(day="2026-11-20") == HistoryRequest(day=date(2026, 11, 20))
    assert request(incident="inc-20261120-0907-a1b2c3") == HistoryRequest(incident="inc-20261120-0907-a1b2c3")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (None, "history"),
        ("vpc-0123456789abcdef0", "history"),
        ([], "history"),
        ({}, "history.vpc_id"),
        ({"since": "2026-11-20T00:00:00Z"}, "history.vpc_id"),
        ({"vpc_id": "vpc-1"}, "history.vpc_id"),
        ({"vpc_id": [VPC]}, "history.vpc_id"),
        ({"vpc_id": VPC, "day": "2026-11-20"}, "history.day"),
        ({"vpc_id": VPC, "incident": "inc-1"}, "history.incident"),
        ({"vpc_id": VPC, "from": "2026-11-20"}, "history.from"),
        ({"vpc_id": VPC, "since": "2026-11-20"}, "history.since"),
        ({"vpc_id": VPC, "since": "2026-11-20T00:00:00"}, "history.since"),
        ({"vpc_id": VPC, "since": "0001-01-01T00:00:00+05:00"}, "history.since"),
        ({"vpc_id": VPC, "since": 1_763_596_800}, "history.since"),
        ({"vpc_id": VPC, "since": "2026-12-01T00:00:00Z"}, "history.since"),
        ({"vpc_id": VPC, "until": "soon"}, "history.until"),
        ({"day": "2026-11-31"}, "history.day"),
        ({"day": "20261120"}, "history.day"),
        ({"day": 20}, "history.day"),
        ({"day": "2026-11-20", "since": "2026-11-20T00:00:00Z"}, "history.since"),
        ({"incident": "inc-1", "until": "2026-11-20T00:00:00Z"}, "history.until"),
        ({"incident": "INC-1"}, "history.incident"),
        ({"vpc_id": VPC, "next": ""}, "history.next"),
        ({"vpc_id": VPC, "next": 2}, "history.next"),
        ({"vpc_id": VPC, "next": "2026-11-20T00:00:00#1#vpc-1"}, "history.next"),
    ],
)
def test_a_bad_ask_is_refused_with_its_field(asked: object, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_history({"history": asked}, NOW)
    assert refused.value.field == field


@pytest.mark.parametrize("other", ["vpc_ids", "mode", "sweep"])
def test_nothing_else_is_asked_for_together_with_history(other: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_history({"history": {"vpc_id": VPC}, other: True}, NOW)
    assert refused.value.field == other


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["vpc_id", "since", "until", "day", "incident", "next", "x"])
times = st.sampled_from([VPC, "2026-11-20T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-11-20", "inc-1"])


@given(st.dictionaries(names, junk | times, max_size=4) | junk)
def test_whatever_is_asked_is_understood_or_refused_with_a_field_of_history(asked: object) -> None:
    try:
        found = read_history({"history": asked}, NOW)
    except InvalidInputError as refused:
        assert refused.field.startswith("history")  # noqa: PT017
    else:
        assert [bool(found.vpc_id), bool(found.day), bool(found.incident)].count(True) == 1


# ---- what came of endpoints


def test_an_outcome_says_whether_the_endpoint_came_up_failed_or_was_lost_and_how_old_it_was() -> None:
    made = {name: Made(f"vpce-{name}", NOW, is_settled=True) for name in ("monitoring", "logs", "ssm")}
    followed = Followed(
        made,
        {"logs": 2},
        ready=(("vpce-monitoring", timedelta(seconds=95)),),
        lost=(("vpce-logs", "it has failed: no capacity"), ("vpce-ssm", "someone deleted it")),
    )
    minutes = timedelta(minutes=11)
    assert outcomes_of(followed, {"logs": 1}, NOW + minutes) == (
        EndpointOutcome("vpce-monitoring", "monitoring", "available", timedelta(seconds=95)),
        EndpointOutcome("vpce-logs", "logs", "failed", minutes, "it has failed: no capacity"),
        EndpointOutcome("vpce-ssm", "ssm", "lost", minutes, "someone deleted it"),
    )
    assert outcomes_of(Followed(made, {}), {}, NOW) == ()


# ---- words

BY_ALICE = {"kind": "change", "event_id": "e-1", "event_name": "DeleteRoute", "actor": "alice"}


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        (
            EntryKind.CHANGE,
            {"event_name": "DeleteRoute", "actor": "alice", "ids": ["igw-1", "rtb-1"]},
            "DeleteRoute by alice (igw-1, rtb-1)",
        ),
        (EntryKind.CHANGE, {"event_name": "DeleteRoute", "actor": ""}, "DeleteRoute by an unknown actor"),
        (
            EntryKind.CHANGE,
            {"event_name": "CreateTags", "actor": "bob", "ids": [f"sg-{n}" for n in range(7)]},
            "CreateTags by bob (sg-0, sg-1, sg-2, sg-3, sg-4 and 2 more)",
        ),
        (
            EntryKind.ACTION,
            {
                "action": "create_interface_endpoint",
                "service": "monitoring",
                "status": "done",
                "endpoint_id": "vpce-1",
                "security_group_id": "sg-1",
                "reason": "subnet-a can't reach it.",
                "because": [BY_ALICE, BY_ALICE],
            },
            (
                "create interface endpoint for monitoring: done (vpce-1, sg-1). Why: subnet-a can't reach it. "
                "Triggered by: DeleteRoute by alice."
            ),
        ),
        (
            EntryKind.ACTION,
            {
                "action": "fix_dns",
                "status": "blocked",
                "reason": "private DNS needs it",
                "error": "turn it on",
                "because": [{"kind": "silence", "event_id": "inc-1", "event_name": "", "actor": ""}],
            },
            (
                "fix dns: blocked, not done. Why: private DNS needs it. Details: turn it on. "
                "Triggered by: silent agents (inc-1)."
            ),
        ),
        (
            EntryKind.ACTION,
            {"action": "add_subnets", "status": "planned", "reason": "r", "because": [{"kind": "sweep"}]},
            "add subnets: planned, not done. Why: r. Triggered by: the scheduled sweep.",
        ),
        (
            EntryKind.ACTION,
            {"action": "add_subnets", "status": "done", "reason": "r", "because": [{"kind": "message"}]},
            "add subnets: done. Why: r. Triggered by: a message on a queue.",
        ),
        (  # as it was written before the trigger's kind was kept
            EntryKind.ACTION,
            {"action": "add_subnets", "status": "failed", "reason": "r", "because": [{"event_id": ""}]},
            "add subnets: failed. Why: r.",
        ),
        (
            EntryKind.OUTCOME,
            {"endpoint_id": "vpce-1", "service": "monitoring", "result": "available", "seconds": 95},
            "vpce-1 for monitoring was available within 1 min 35 s of its creation",
        ),
        (
            EntryKind.OUTCOME,
            {"endpoint_id": "vpce-1", "result": "lost", "seconds": 660, "detail": "someone deleted it"},
            "vpce-1 was not available 11 min after it was created: someone deleted it",
        ),
        (
            EntryKind.INCIDENT,
            {"incident": "inc-1", "event": "opened", "words": "no way to monitoring", "begun_by": BY_ALICE},
            "incident inc-1 opened: no way to monitoring. Cause: DeleteRoute by alice",
        ),
        (
            EntryKind.INCIDENT,
            {
                "incident": "inc-1",
                "event": "closed",
                "words": "no way to monitoring",
                "began": "2026-11-22T11:35:00+00:00",
                "agents": 2,
                "fix": "vpce-1 is up",
            },
            "incident inc-1 closed after 25 min, 2 agents: no way to monitoring. Fix: vpce-1 is up",
        ),
        (EntryKind.INCIDENT, {"incident": "inc-1", "event": "closed", "words": "w"}, "incident inc-1 closed: w"),
    ],
)
def test_an_entry_is_a_line_that_a_person_can_read(kind: EntryKind, facts: dict[str, Any], text: str) -> None:
    assert line_of(entry(kind, NOW, "1", **facts)) == text


def test_a_line_is_plain_ascii_whatever_was_recorded() -> None:
    assert line_of(entry(event_name="DeleteRoute", actor="al\nice\u2026")) == "DeleteRoute by al?ice?"


def test_an_entry_is_told_with_what_the_ledger_keeps_of_it_but_not_with_its_keys() -> None:
    [notified] = page_json(
        Page((entry(EntryKind.CHANGE, NOW, "e-1", actor="", event_name="X", expires_at=1, index_pk="s"),))
    )["entries"]
    assert notified == {
        "at": "2026-11-22T12:00:00+00:00",
        "kind": "change",
        "vpc_id": VPC,
        "event_id": "e-1",
        "event_name": "X",
        "text": "X by an unknown actor",
    }


def test_that_there_is_more_is_said_with_how_to_ask_for_it() -> None:
    assert page_json(Page())["more"] is None
    assert page_json(Page((entry(),), next="index_sk"))["more"]["next"] == "index_sk"
