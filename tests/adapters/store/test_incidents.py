"""Incidents in the ledger."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifeline.adapters.aws import clients
from lifeline.adapters.store.codec import from_item, to_plain
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.keys import incident_log
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident, Phase
from tests.support.agents import ENVIRONMENT, TABLE, calls, create_table, failing, minute
from tests.support.emulator import emulated_aws
from tests.support.examples import examples
from tests.support.home import HOME

WATCH = "cloudwatch-agent"
CLOSED_AT = minute(90)
VPC = HOME.vpc("vpc-0123456789abcdef0")


@pytest.fixture
def incidents(monkeypatch: pytest.MonkeyPatch) -> Iterator[Incidents]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        create_table()
        yield Incidents(TABLE, HOME)


def cause(**more: Any) -> Cause:
    words = "the subnet has no way to monitoring"
    return replace(Cause(CauseKind.CUT_OFF, Confidence.HIGH, words, vpc_id=VPC.vpc_id, service="monitoring"), **more)


def incident(id_: str = "inc-1", **more: Any) -> Incident:
    return replace(Incident(id_, WATCH, cause(), began=minute(1), opened_at=minute(7)), **more)


def saved(incidents: Incidents, new: Incident) -> Incident:
    found = incidents.save(new)
    assert found is not None
    return found


def items(owner: str = "INCIDENTS#") -> dict[str, dict[str, Any]]:
    found = clients.client("dynamodb").scan(TableName=TABLE)["Items"]
    return {item["sk"]["S"]: item for item in found if item["pk"]["S"].startswith(owner)}


def on_record() -> list[dict[str, Any]]:
    found = [from_item(item) for _, item in sorted(items("INCIDENT_LOG#").items())]
    return [item for item in found if item["sk"].startswith("INCIDENT#")]


texts = st.text(max_size=12)
times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
maybe = st.none() | times
changes = st.builds(Change, times, texts, texts, texts, st.frozensets(texts, max_size=3))
causes = st.builds(
    Cause,
    kind=st.sampled_from(CauseKind),
    confidence=st.sampled_from(Confidence),
    words=texts,
    evidence=st.lists(texts, max_size=3).map(tuple),
    advice=texts,
    service=texts,
    vpc_id=st.sampled_from(["", VPC.vpc_id]),
    vpc_name=texts,
    zone=texts,
    subject=texts,
    change=st.none() | changes,
    fixed_at=maybe,
    fix=texts,
    is_repairable=st.booleans(),
)
all_incidents = st.builds(
    Incident,
    id=st.uuids().map(str),
    watch=st.just(WATCH),
    cause=causes,
    began=times,
    opened_at=times,
    phase=st.sampled_from(Phase),
    checked_at=maybe,
    notified_at=maybe,
    notified_agents=st.integers(0, 100_000),
    notified_phase=st.sampled_from(Phase),
    reminders=st.integers(0, 100),
    gone=st.integers(0, 100),
)


@settings(
    max_examples=examples(10, soak=200),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(all_incidents)
def test_whatever_is_saved_is_read_again(incidents: Incidents, new: Incident) -> None:
    found = saved(incidents, new)
    assert found == replace(new, revision=1)
    assert incidents.read_open(WATCH) == (found,)
    assert incidents.close(found, now=CLOSED_AT)
    assert incidents.read_open(WATCH) == ()


def test_the_oldest_incident_comes_first(incidents: Incidents) -> None:
    for id_, opened_at in (("a", minute(9)), ("c", minute(7)), ("b", minute(7))):
        saved(incidents, incident(id_, opened_at=opened_at))
    assert [one.id for one in incidents.read_open(WATCH)] == ["b", "c", "a"]


def test_incidents_of_another_watch_are_not_read(incidents: Incidents) -> None:
    saved(incidents, incident(watch="other"))
    assert incidents.read_open(WATCH) == ()


def test_more_incidents_than_one_page_holds_are_all_read(incidents: Incidents) -> None:
    words = "x" * 100_000
    for number in range(12):
        saved(incidents, incident(f"inc-{number}", cause=cause(advice=words)))
    assert len(incidents.read_open(WATCH)) == 12


def test_however_much_is_written_there_other_roles_read_a_bounded_part_and_the_detector_all_of_it(
    incidents: Incidents,
) -> None:
    long = cause(advice="x" * 300_000)
    for number in range(40):
        saved(incidents, incident(f"inc-{number:02}", cause=long))
    with calls("dynamodb") as made:
        assert len(incidents.read_open(WATCH)) == 27
    assert len(made) <= 10
    assert len(Incidents(TABLE, HOME, most_read=None).read_open(WATCH)) == 40


def test_what_stands_beside_an_incident_is_bounded_as_well(incidents: Incidents) -> None:
    for number in range(40):
        beside = {"pk": {"S": f"INCIDENTS#{WATCH}"}, "sk": {"S": f"OPEN#{number:02}"}, "note": {"S": "x" * 300_000}}
        clients.client("dynamodb").put_item(TableName=TABLE, Item=beside)
    with calls("dynamodb") as made:
        assert incidents.read_open(WATCH) == ()
    assert len(made) <= 10


@pytest.mark.parametrize("odd", [{"N": "7"}, {"L": []}, {"M": {}}, {"NULL": True}, {"BOOL": True}, {"B": b"x"}])
def test_an_incident_of_another_type_hides_no_other(incidents: Incidents, odd: dict[str, Any]) -> None:
    found = saved(incidents, incident("inc-2"))
    strange = {**items()["OPEN#inc-2"], "sk": {"S": "OPEN#inc-1"}, "incident": odd}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=strange)
    assert incidents.read_open(WATCH) == (found,)


@pytest.mark.parametrize("when", ["2026", "2026-13-45T99:99:99+00:00", "2026-03-02T11:00:00"])
def test_a_closed_incident_whose_time_cannot_be_read_hides_no_other(incidents: Incidents, when: str) -> None:
    assert incidents.close(saved(incidents, incident()), now=CLOSED_AT)
    [(key, item)] = items().items()
    strange = {**item, "sk": {"S": f"CLOSED#{when}#inc-2"}, "closed_at": {"N": "7"}}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=strange)
    clients.client("dynamodb").put_item(TableName=TABLE, Item={**item, "closed_at": {"N": "7"}})
    found = incidents.read_closed(WATCH, datetime(2020, 1, 1, tzinfo=UTC), most=9)
    assert [(one.id, closed) for one, closed in found] == [("inc-1", CLOSED_AT)]
    assert key.startswith("CLOSED#")


def test_what_an_operator_looks_for_stands_beside_the_incident(incidents: Incidents) -> None:
    saved(incidents, incident())
    item = items()["OPEN#inc-1"]
    assert (item["vpc_id"], item["kind"], item["revision"]) == ({"S": VPC.vpc_id}, {"S": "CUT_OFF"}, {"N": "1"})
    assert item["opened_at"] == {"S": minute(7).isoformat()}
    assert "expires_at" not in item


def test_of_two_runs_that_open_an_incident_one_has_its_way(incidents: Incidents) -> None:
    saved(incidents, incident(notified_agents=1))
    assert incidents.save(incident(notified_agents=2)) is None
    assert incidents.read_open(WATCH)[0].notified_agents == 1


def test_of_two_runs_that_change_an_incident_one_has_its_way(incidents: Incidents) -> None:
    first = saved(incidents, incident())
    second = saved(incidents, replace(first, reminders=1))
    assert second.revision == 2
    assert incidents.save(replace(first, reminders=2)) is None
    assert incidents.read_open(WATCH) == (second,)


def test_a_closed_incident_is_kept_for_400_days_with_when_it_was_closed(incidents: Incidents) -> None:
    assert incidents.close(saved(incidents, incident()), now=CLOSED_AT)
    [(key, item)] = items().items()
    assert key == f"CLOSED#{CLOSED_AT.isoformat()}#inc-1"
    assert item["closed_at"] == {"S": CLOSED_AT.isoformat()}
    assert item["expires_at"] == {"N": str(int((CLOSED_AT + timedelta(days=400)).timestamp()))}
    assert json.loads(item["incident"]["S"])["cause"]["service"] == "monitoring"


def test_those_closed_since_a_moment_are_known_by_their_ids(incidents: Incidents) -> None:
    for number in (1, 2, 3):
        assert incidents.close(saved(incidents, incident(f"inc-{number}")), now=minute(number))
    saved(incidents, incident("inc-4"))
    assert incidents.closed_since(WATCH, minute(2)) == {"inc-2", "inc-3"}
    assert incidents.closed_since("another", minute(0)) == frozenset()
    newest = incidents.read_closed(WATCH, minute(2), most=20)
    assert [(incident.id, closed) for incident, closed in newest] == [("inc-3", minute(3)), ("inc-2", minute(2))]
    assert [incident.id for incident, _ in incidents.read_closed(WATCH, minute(0), most=1)] == ["inc-3"]
    assert incidents.read_closed("another", minute(0), most=20) == ()


def test_an_incident_that_another_run_changed_is_not_closed(incidents: Incidents) -> None:
    first = saved(incidents, incident())
    second = saved(incidents, replace(first, reminders=1))
    assert not incidents.close(first, now=CLOSED_AT)
    assert incidents.read_open(WATCH) == (second,)
    assert [*items()] == ["OPEN#inc-1"]


def test_a_closed_incident_is_neither_closed_nor_changed_again(incidents: Incidents) -> None:
    first = saved(incidents, incident())
    assert incidents.close(first, now=CLOSED_AT)
    assert not incidents.close(first, now=minute(91))
    assert incidents.save(replace(first, reminders=1)) is None
    assert len(items()) == 1


def test_an_incident_that_was_never_saved_cannot_be_closed(incidents: Incidents) -> None:
    assert not incidents.close(incident(), now=CLOSED_AT)
    assert items() == {}


WITHOUT_A_ZONE = json.dumps(to_plain(incident("inc-2")) | {"opened_at": "2026-01-01T00:00:00"})


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"id": "inc-2"}', "[" * 100_000, WITHOUT_A_ZONE])
def test_an_incident_that_cannot_be_understood_hides_no_other_and_stays(incidents: Incidents, text: str) -> None:
    found = saved(incidents, incident())
    odd = {**items()["OPEN#inc-1"], "sk": {"S": "OPEN#inc-2"}, "incident": {"S": text}}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=odd)
    assert incidents.read_open(WATCH) == (found,)
    assert len(items()) == 2


def test_fields_that_came_later_may_be_absent_and_newer_ones_are_passed_over(incidents: Incidents) -> None:
    found = saved(incidents, incident())
    item = items()["OPEN#inc-1"]
    kept = json.loads(item["incident"]["S"])
    del kept["gone"], kept["cause"]["fix"]
    assert "checked_at" not in kept
    changed = {**item, "incident": {"S": json.dumps({**kept, "mood": "low"})}}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=changed)
    assert incidents.read_open(WATCH) == (found,)


def test_incidents_that_cannot_be_read_or_written_are_errors(incidents: Incidents) -> None:
    with failing("dynamodb", "Query", "ThrottlingException"), pytest.raises(TransientError, match=WATCH):
        incidents.read_open(WATCH)
    first = saved(incidents, incident())
    with failing("dynamodb", "PutItem", "AccessDeniedException"), pytest.raises(TerminalError, match="inc-1"):
        incidents.save(first)
    with failing("dynamodb", "TransactWriteItems"), pytest.raises(TerminalError, match="inc-2"):
        incidents.save(incident("inc-2"))
    with failing("dynamodb", "TransactWriteItems"), pytest.raises(TerminalError, match="inc-1"):
        incidents.close(incident(revision=1), now=CLOSED_AT)


def test_the_opening_and_the_closing_are_on_record_once_each_below_the_vpc(incidents: Incidents) -> None:
    change = Change(minute(0), "e-1", "DeleteRoute", "alice")
    first = saved(incidents, incident(cause=cause(change=change)))
    assert incidents.save(incident(cause=cause(change=change))) is None
    second = saved(incidents, replace(first, notified_agents=3, cause=cause(fix="the route is back")))
    assert incidents.close(second, now=CLOSED_AT)
    assert not incidents.close(second, now=CLOSED_AT + timedelta(minutes=1))
    opened, closed = on_record()
    assert (opened["pk"], opened["sk"]) == (incident_log(VPC), f"INCIDENT#{minute(7).isoformat()}#inc-1#opened")
    assert opened["begun_by"] == {"event_id": "e-1", "event_name": "DeleteRoute", "actor": "alice"}
    assert closed["sk"] == f"INCIDENT#{CLOSED_AT.isoformat()}#inc-1#closed"
    assert (closed["agents"], closed["fix"]) == (3, "the route is back")
    assert {one["index_pk"] for one in (opened, closed)} == {f"DAY#{CLOSED_AT:%Y-%m-%d}"}


def test_what_is_refused_leaves_no_line_on_record(incidents: Incidents) -> None:
    first = saved(incidents, incident())
    with failing("dynamodb", "TransactWriteItems"), pytest.raises(TerminalError):
        incidents.close(first, now=CLOSED_AT)
    assert not incidents.close(replace(first, revision=7), now=CLOSED_AT)
    assert [one["event"] for one in on_record()] == ["opened"]
    assert incidents.read_open(WATCH) == (first,)


def test_how_long_the_record_is_kept_is_the_operators_choice(incidents: Incidents) -> None:
    kept = Incidents(TABLE, HOME, keep=timedelta(days=30))
    assert kept.close(saved(kept, incident()), now=CLOSED_AT)
    expiries = {item["expires_at"]["N"] for item in (*items().values(), *items("INCIDENT_LOG#").values())}
    days = (minute(7) + timedelta(days=30), CLOSED_AT + timedelta(days=30))
    assert expiries == {str(int(day.timestamp())) for day in days}


class Cancelling:
    """Cancels every transaction, with a reason for each write."""

    def __init__(self, *reasons: str) -> None:
        self._reasons = reasons

    def transact_write_items(self, **_: Any) -> None:
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": f"cancelled: {self._reasons}"},
            "CancellationReasons": [{"Code": reason} for reason in self._reasons],
        }
        raise ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_one_can_be_tried_again(reason: str) -> None:
    with pytest.raises(TransientError, match="inc-1"):
        Incidents(TABLE, HOME, Cancelling(reason, "None")).close(incident(revision=1), now=CLOSED_AT)


def test_a_transaction_that_dynamodb_finds_wrong_is_for_a_person() -> None:
    with pytest.raises(TerminalError, match="inc-1"):
        Incidents(TABLE, HOME, Cancelling("None", "ValidationError")).close(incident(revision=1), now=CLOSED_AT)
