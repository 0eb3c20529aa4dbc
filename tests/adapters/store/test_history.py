"""The record in the ledger: what is written is found by VPC, by day and by incident, page by page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.aws import clients
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.history import History
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.keys import incident_log, partition
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import InvalidInputError, TransientError
from lifeline.core.history.change import Change
from lifeline.core.history.entries import EndpointOutcome, Entry, filed
from lifeline.core.history.text import line_of
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.requests.history import HistoryRequest
from lifeline.core.requests.trigger import Trigger
from tests.support.agents import ENVIRONMENT, TABLE, create_table, failing
from tests.support.emulator import emulated_aws
from tests.support.home import HOME

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VPC = HOME.vpc("vpc-0123456789abcdef0")
OTHER = HOME.vpc("vpc-0fedcba9876543210")
WHOLE = HistoryRequest(vpc_id=VPC.vpc_id, since=NOW - timedelta(days=2), until=NOW + timedelta(days=2))


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        create_table()
        yield AuditLog(TABLE)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def change(seconds: int, event_id: str = "") -> Trigger:
    moment = after(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Trigger("change", event_id or f"e{seconds}", "DeleteRoute", "alice", moment, frozenset({"rtb-1"}))


def outcome(seconds: int = 95, result: str = "available") -> EndpointOutcome:
    return EndpointOutcome("vpce-1", "monitoring", result, timedelta(seconds=seconds))


def action(**more: Any) -> Action:
    made = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "subnet-1 can't reach it", service="monitoring")
    return replace(made, **{"status": Status.DONE, "endpoint_id": "vpce-1", **more})


def incident(id_: str = "inc-1", **more: Any) -> Incident:
    cause = Cause(CauseKind.CUT_OFF, Confidence.HIGH, "no way to monitoring", vpc_id=VPC.vpc_id, service="monitoring")
    return replace(Incident(id_, "watch", cause, began=after(60), opened_at=after(300)), **more)


def tell_a_story(ledger: AuditLog) -> None:
    ledger.record_changes([(VPC, change(0)), (OTHER, change(1))], now=NOW)
    ledger.record_actions(VPC, [action(), action(status=Status.BLOCKED, error="no")], [change(0)], after(30.5))
    ledger.record_outcomes(VPC, [outcome()], now=after(125.5))


def read(request: HistoryRequest, most: int = 100, now: datetime = NOW + timedelta(days=1)) -> list[Entry]:
    """Page by page, until there is no more."""
    found: list[Entry] = []
    while True:
        page = History(TABLE).read(request, HOME, now=now, most=most)
        assert len(page.entries) <= most
        found += page.entries
        assert len({one.sort_key for one in found}) == len(found), "an entry came twice"
        if not page.next:
            return found
        request = replace(request, after=page.next)


def kinds(entries: list[Entry]) -> list[str]:
    return [str(one.kind) for one in entries]


@pytest.mark.parametrize("most", [1, 2, 100])
def test_a_vpcs_story_is_read_in_its_order_whatever_the_pages(ledger: AuditLog, most: int) -> None:
    tell_a_story(ledger)
    found = read(WHOLE, most)
    assert kinds(found) == ["change", "action", "action", "outcome"]
    assert [one.at for one in found] == [NOW, after(30.5), after(30.5), after(125.5)]
    assert {one.vpc_id for one in found} == {VPC.vpc_id}
    assert found[0].facts["ids"] == ["rtb-1"]
    assert found[1].facts["because"] == [
        {"kind": "change", "event_id": "e0", "event_name": "DeleteRoute", "actor": "alice"}
    ]
    assert found[3].facts["seconds"] == 95


def test_only_the_time_that_is_asked_for_is_read(ledger: AuditLog) -> None:
    tell_a_story(ledger)
    assert kinds(read(replace(WHOLE, since=after(1), until=after(30)))) == ["action", "action"]
    assert read(replace(WHOLE, since=after(126))) == []


@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_days_entries_of_all_vpcs_are_read_in_one_order(ledger: AuditLog, most: int) -> None:
    tell_a_story(ledger)
    ledger.record_changes([(VPC, change(-43_201)), (VPC, change(43_200)), (VPC, change(-43_200))], now=NOW)
    found = read(HistoryRequest(day=date(2026, 11, 20)), most)
    assert kinds(found) == ["change", "change", "change", "action", "action", "outcome"]
    assert [one.vpc_id for one in found[:3]] == [VPC.vpc_id, VPC.vpc_id, OTHER.vpc_id]
    assert [one.facts["event_id"] for one in read(HistoryRequest(day=date(2026, 11, 21)))] == ["e43200"]


def test_a_day_and_the_vpc_tell_the_same(ledger: AuditLog) -> None:
    tell_a_story(ledger)
    assert [one for one in read(HistoryRequest(day=NOW.date())) if one.vpc_id == VPC.vpc_id] == read(WHOLE)


def test_what_is_recorded_twice_is_one_entry(ledger: AuditLog) -> None:
    tell_a_story(ledger)
    before = read(HistoryRequest(day=NOW.date()))
    tell_a_story(ledger)
    assert read(HistoryRequest(day=NOW.date())) == before


def test_an_outcome_that_is_seen_again_later_stays_at_its_first_time(ledger: AuditLog) -> None:
    ledger.record_outcomes(VPC, [outcome(95)], now=after(95))
    ledger.record_outcomes(VPC, [outcome(155), outcome(155, "lost")], now=after(155))
    found = read(WHOLE)
    assert [(one.at, one.facts["result"], one.facts["seconds"]) for one in found] == [
        (after(95), "available", 95),
        (after(155), "lost", 155),
    ]


def test_an_outcome_whose_entry_could_not_be_written_is_made_good(ledger: AuditLog) -> None:
    with failing("dynamodb", "BatchWriteItem", "ThrottlingException"), pytest.raises(TransientError):
        ledger.record_outcomes(VPC, [outcome(95)], now=after(95))
    ledger.record_outcomes(VPC, [outcome(155)], now=after(155))
    assert [one.at for one in read(WHOLE)] == [after(95)]


def test_more_changes_within_one_second_than_a_page_holds_are_all_read(ledger: AuditLog) -> None:
    ledger.record_changes([(VPC, change(0, f"e{number:02}")) for number in range(30)], now=NOW)
    wanted = [f"e{number:02}" for number in range(30)]
    assert [one.facts["event_id"] for one in read(WHOLE, 7)] == wanted
    assert [one.facts["event_id"] for one in read(HistoryRequest(day=NOW.date()), 7)] == wanted


def test_an_incidents_story_begins_with_its_change_and_ends_with_its_closing(ledger: AuditLog) -> None:
    incidents = Incidents(TABLE, HOME)
    ledger.record_changes([(VPC, change(-10, "before")), (VPC, change(0)), (VPC, change(901, "later"))], now=NOW)
    began_by = Change(NOW, "e0", "DeleteRoute", "alice")
    mine = incidents.save(incident(cause=replace(incident().cause, change=began_by)))
    incidents.save(incident("inc-2"))
    assert mine is not None
    ledger.record_actions(VPC, [action()], [], after(310))
    asked = HistoryRequest(incident="inc-1")
    assert kinds(read(asked, now=after(400))) == ["change", "incident", "action"]
    assert kinds(read(asked, now=after(305))) == ["change", "incident"]
    assert incidents.close(mine, now=after(900.5))
    for most in (1, 2, 100):
        found = read(asked, most)
        assert kinds(found) == ["change", "incident", "action", "incident"]
        assert {one.facts["incident"] for one in found if one.kind == "incident"} == {"inc-1"}
    assert found[1].facts["begun_by"]["actor"] == "alice"


def test_an_incident_of_no_vpc_is_found_by_its_id_and_its_day(ledger: AuditLog) -> None:
    nowhere = replace(incident().cause, vpc_id="")
    Incidents(TABLE, HOME).save(incident(cause=nowhere))
    assert [one.facts["incident"] for one in read(HistoryRequest(incident="inc-1"))] == ["inc-1"]
    assert [one.vpc_id for one in read(HistoryRequest(day=NOW.date()))] == [""]


@pytest.mark.parametrize("most", [1, 100])
def test_the_same_change_in_two_accounts_is_two_entries_of_the_day_and_one_of_the_vpc(
    ledger: AuditLog, most: int
) -> None:
    elsewhere = RegionRef("210987654321", HOME.region)
    for home in (HOME, elsewhere):
        ledger.record_changes([(home.vpc(VPC.vpc_id), change(0)), (home, change(0))], now=NOW)
    assert len(read(HistoryRequest(day=NOW.date()), most)) == 4
    assert len(read(WHOLE, most)) == 1


@pytest.mark.parametrize("name", ["since", "closed_at", "vpc_id"])
@pytest.mark.parametrize("odd", [{"S": "x"}, {"N": "7"}, {"B": b"x"}, {"L": [{"S": "x"}]}, {"BOOL": True}])
def test_an_incident_that_cannot_be_understood_is_refused_by_name(
    ledger: AuditLog, name: str, odd: dict[str, Any]
) -> None:
    Incidents(TABLE, HOME).save(incident())
    dynamodb = clients.client("dynamodb")
    [item] = [one for one in dynamodb.scan(TableName=TABLE)["Items"] if one["pk"]["S"].startswith("INCIDENTS#")]
    dynamodb.put_item(TableName=TABLE, Item=item | {name: odd})
    with pytest.raises(InvalidInputError, match="inc-1 can't be read"):
        read(HistoryRequest(incident="inc-1"))


def test_an_unknown_incident_is_refused_by_name(ledger: AuditLog) -> None:
    with pytest.raises(InvalidInputError, match="inc-9 is not in the ledger") as refused:
        read(HistoryRequest(incident="inc-9"))
    assert refused.value.field == "history.incident"


def test_what_else_is_kept_of_a_vpc_is_not_its_history(ledger: AuditLog) -> None:
    VpcStore("ledger").save(VPC, VpcState(), VpcState(NOW), now=NOW)
    assert read(WHOLE) == []
    assert read(HistoryRequest(day=NOW.date())) == []


def test_entries_from_before_there_was_an_index_are_read_by_vpc(ledger: AuditLog) -> None:
    old = {"event_name": {"S": "DeleteRoute"}, "actor": {"S": "alice"}, "size": {"N": "1.5"}, "note": {"NULL": True}}
    key = {"pk": {"S": partition(VPC)}, "sk": {"S": "CHANGE#2026-11-20T12:00:00Z#e-1"}}
    clients.client("dynamodb").put_item(TableName=TABLE, Item={**key, **old})
    [found] = read(WHOLE)
    assert (line_of(found), found.facts["size"]) == ("DeleteRoute by alice", 1.5)
    assert read(HistoryRequest(day=NOW.date())) == []


def test_the_record_is_kept_as_long_as_the_operator_says(ledger: AuditLog) -> None:
    tell_a_story(AuditLog(TABLE, keep=timedelta(days=30)))
    found = clients.client("dynamodb").scan(TableName=TABLE)["Items"]
    expiries = {int(item["expires_at"]["N"]) for item in found if "expires_at" in item}
    assert expiries == {int(after(seconds + 30 * 86_400).timestamp()) for seconds in (0, 30, 125)}


def test_a_record_that_cannot_be_read_is_an_error(ledger: AuditLog) -> None:
    with failing("dynamodb", "Query", "ThrottlingException"), pytest.raises(TransientError, match="audit log"):
        read(WHOLE)


@pytest.mark.parametrize(
    ("pk", "sk"),
    [
        (incident_log(VPC), "ACTION#2026-11-20T12:00:00+00:00#00"),  # what only ReconcileEndpoints may say
        (incident_log(HOME), "CHANGE#2026-11-20T12:00:00Z#e-1"),
        (incident_log(VPC), "OUTCOME#2026-11-20T12:00:00+00:00#vpce-1"),
        (partition(VPC), "INCIDENT#2026-11-20T12:00:00+00:00#inc-1#opened"),
        (f"ROSTER#{partition(VPC)}", "ACTION#2026-11-20T12:00:00+00:00#00"),
    ],
)
def test_an_entry_that_its_kinds_own_partition_does_not_hold_is_not_believed(
    ledger: AuditLog, pk: str, sk: str
) -> None:
    put(pk, sk, **filed(VPC, sk), action="retire_endpoint", status="done")
    assert read(HistoryRequest(day=NOW.date())) == []
    assert read(WHOLE) == []


def test_an_entry_is_only_believed_on_its_own_day_and_of_its_own_vpc(ledger: AuditLog) -> None:
    sk = "INCIDENT#2026-11-20T12:00:00+00:00#inc-1#opened"
    put(incident_log(VPC), sk, **filed(VPC, sk) | {"index_pk": "DAY#2026-11-21"})
    put(incident_log(OTHER), sk, **filed(VPC, sk))
    assert [read(HistoryRequest(day=date(2026, 11, day))) for day in (20, 21)] == [[], []]


def test_only_an_incident_answers_for_an_incident(ledger: AuditLog) -> None:
    Incidents(TABLE, HOME).save(incident())
    expected = read(HistoryRequest(incident="inc-1"))
    forged = {"index_pk": "INCIDENT#inc-1", "index_sk": "0", "since": "2020-01-01T00:00:00+00:00"}
    put(incident_log(OTHER), "INCIDENT#inc-1", **forged, vpc_id=OTHER.vpc_id)
    put("ROSTER#watch", "OPEN#inc-1", **forged, vpc_id=OTHER.vpc_id)
    assert expected
    assert read(HistoryRequest(incident="inc-1")) == expected


def put(pk: str, sk: str, **attributes: str) -> None:
    item = {name: {"S": value} for name, value in {"pk": pk, "sk": sk, **attributes}.items()}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=item)
