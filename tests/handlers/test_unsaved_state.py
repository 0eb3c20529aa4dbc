"""One VPC whose state the ledger refuses: nothing is changed there, and all others are served."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import AnyRef, Catalog
from lifeline.reconciler.batch import MOST_RECEIVES
from tests.handlers.test_claims import refused, strict_for_all, theirs
from tests.support.cloudtrail import Failure, record_call
from tests.support.days import EVERYWHERE, HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.tuning import tune
from tests.support.world import Context, emulated_world, enforce_newly

REFUSED = TerminalError("ledger: ValidationException: Item size has exceeded the maximum", code="ValidationException")
THROTTLED = TransientError("ledger: ThrottlingException", code="ThrottlingException")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


@pytest.fixture
def cut_off(days: Days) -> tuple[str, str]:
    """Two VPCs that just lost their way out, of which nobody has seen that."""
    made = [opened(days), opened(days)]
    days.sweeps(1)
    for _, table_id in made:
        days.cut_off(table_id)
    return made[0][0], made[1][0]


def opened(days: Days) -> tuple[str, str]:
    """A VPC whose subnet has a way out; with its main route table."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id, days.world.open_to_internet(vpc_id)


@contextmanager
def refusing(
    monkeypatch: pytest.MonkeyPatch, *vpc_ids: str, on: str = "save", error: LifelineError = REFUSED
) -> Iterator[list[str]]:
    """The ledger refuses that write of these VPCs' states, or of everybody's; what it refused by now."""
    write: Callable[..., Any] = getattr(VpcStore, on)
    refused: list[str] = []

    def refuse(store: VpcStore, ref: AnyRef, *values: Any, **more: Any) -> Any:
        if str(ref).endswith(vpc_ids or ""):
            refused.append(str(ref))
            raise error
        return write(store, ref, *values, **more)

    with monkeypatch.context() as patch:
        patch.setattr(VpcStore, on, refuse)
        yield refused


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
@pytest.mark.parametrize("on", ["save", "take_lease"])
def test_a_vpc_whose_state_cannot_be_saved_keeps_no_other_one_from_being_repaired(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch, on: str, error: LifelineError
) -> None:
    spoilt, other = cut_off
    with (
        refusing(monkeypatch, spoilt, on=on, error=error) as refused,
        pytest.raises(LifelineError, match=str(error)),
    ):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)
    assert {grant.vpc_id for grant in LimitUsage("ledger").read().grants} == {other}, "what it counted is given back"
    assert [other in text for text in days.texts() if "created" in text] == [True]
    days.sweeps(1)
    assert len(days.live(spoilt)) == 1, "once its state can be saved, it is served"


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
def test_where_the_others_have_nothing_to_save_they_are_repaired_all_the_same(
    days: Days, monkeypatch: pytest.MonkeyPatch, error: LifelineError
) -> None:
    (spoilt, its_table), (other, others_table) = opened(days), opened(days)
    days.sweeps(1)
    tune(monkeypatch, endpoints_per_day=0)
    days.cut_off(others_table)
    days.sweeps(1)
    tune(monkeypatch, endpoints_per_day=50)
    days.cut_off(its_table)
    with refusing(monkeypatch, spoilt, error=error) as refused, pytest.raises(LifelineError):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)


def test_of_a_vpc_whose_state_can_never_be_saved_people_hear_by_the_failing_run_and_not_once_an_hour(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    with refusing(monkeypatch, spoilt):
        for _ in range(3):
            with pytest.raises(TerminalError, match="ValidationException"):
                days.sweeps(1)
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)
    assert [text for text in days.texts() if spoilt in text] == []


def test_in_a_batch_the_others_are_served_and_its_own_message_comes_again(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    with refusing(monkeypatch, spoilt):
        kept = days.try_to_deliver({"vpc_ids": [spoilt], "attempt": 0}, {"vpc_ids": [other], "attempt": 0})
    assert kept == ["m-0"]
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
@pytest.mark.parametrize("on", ["save", "take_lease"])
def test_a_ledger_that_is_down_as_a_whole_ends_the_run_with_nothing_changed(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch, on: str, error: LifelineError
) -> None:
    with refusing(monkeypatch, on=on, error=error), pytest.raises(LifelineError):
        days.sweeps(1)
    assert [days.live(vpc_id) for vpc_id in cut_off] == [[], []]
    assert LimitUsage("ledger").read().grants == ()
    days.sweeps(1)
    assert [len(days.live(vpc_id)) for vpc_id in cut_off] == [1, 1]


def test_where_what_became_of_endpoints_cannot_be_saved_the_others_are_repaired(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spoilt, its_table), (other, others_table) = opened(days), opened(days)
    days.sweeps(1)
    days.cut_off(its_table)
    days.sweeps(1)
    days.empty_queue()  # nobody follows the new endpoint up but the next sweep
    days.clock.advance(timedelta(minutes=30))
    days.cut_off(others_table)
    with refusing(monkeypatch, spoilt) as refused, pytest.raises(TerminalError):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (1, 1)
    days.sweeps(1)
    assert VpcStore("ledger").load(HOME.vpc(spoilt)).made["monitoring"].is_settled


def test_a_notice_that_cannot_be_saved_as_sent_keeps_the_next_one_from_nothing(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open and can't be made is news once; where that can't be saved of one VPC, it is saved of the others."""
    ids = sorted(days.world.make_vpc() for _ in range(2))
    for vpc_id in ids:
        days.world.make_subnet(vpc_id)
    monkeypatch.setenv("MODE", "plan")
    with refusing(monkeypatch, ids[0]), pytest.raises(TerminalError):
        days.sweeps(1)
    assert len(days.texts()) == 1
    days.sweeps(1)
    (again,) = days.texts()
    assert [vpc_id in again for vpc_id in ids] == [True, False]


# ---- what is asked for by a request itself


@pytest.fixture
def claimed(days: Days) -> tuple[str, Any, str, str]:
    """A served VPC in which somebody's endpoint was refused, and that record; another one that just lost its way out,
    and its route table.
    """
    strict_for_all(days)
    spoilt = days.world.make_vpc()
    subnet_id = days.world.make_subnet(spoilt)
    days.look(spoilt)
    other, table_id = opened(days)
    days.sweeps(1)
    days.world.notices()
    days.empty_queue()
    claim = refused(days, theirs(days, spoilt, subnet_id))
    days.cut_off(table_id)
    return spoilt, claim, other, table_id


def route_deleted(days: Days, table_id: str) -> Any:
    return record_call("DeleteRoute", {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE}, at=days.clock())


def deletion_refused(days: Days, vpc_id: str) -> Any:
    failure = Failure("DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return record_call("DeleteVpc", {"VpcId": vpc_id}, failure=failure, at=days.clock())


def changes_on_record(days: Days, vpc_id: str) -> list[str]:
    found = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    return [entry["event_name"] for entry in found if entry["kind"] == "change"]


def reasons(days: Days) -> list[str]:
    return [one["MessageAttributes"]["reason"]["StringValue"] for one in days.world.dead_letters()]


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
@pytest.mark.parametrize(
    ("kind", "on"), [("claim", "save"), ("claim", "take_lease"), ("note", "save"), ("note", "load")]
)
def test_what_a_request_asks_for_and_cannot_be_saved_is_the_matter_of_its_message_alone(
    days: Days,
    claimed: tuple[str, Any, str, str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    on: str,
    error: LifelineError,
) -> None:
    spoilt, claim, other, table_id = claimed
    asks = claim if kind == "claim" else deletion_refused(days, spoilt)
    with refusing(monkeypatch, spoilt, on=on, error=error) as tried:
        assert days.try_to_deliver(asks, route_deleted(days, table_id)) == ["m-0"]
        assert tried
        days.clock.advance(MINUTES)
        assert len(days.live(other)) == 1
        assert changes_on_record(days, other) == ["DeleteRoute"]
        assert days.world.dead_letters() == []
        assert days.try_to_deliver(asks, receives=MOST_RECEIVES) == []
    (reason,) = reasons(days)
    assert str(error) in reason
    assert len(days.live(spoilt)) == 1
    assert days.try_to_deliver(asks) == [], "once it can be saved, a replay is served"
    assert (len(days.live(spoilt)), VpcStore("ledger").load(HOME.vpc(spoilt)).frozen != {}) == (kind == "claim", True)


@pytest.mark.parametrize("on", ["save", "take_lease"])
def test_what_a_person_freezes_is_frozen_wherever_it_can_be_saved(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    spoilt, other = cut_off
    with refusing(monkeypatch, spoilt, on=on), pytest.raises(TerminalError, match="ValidationException"):
        days.call({"vpc_ids": [spoilt, other], "freeze": True})
    store = VpcStore("ledger")
    assert [bool(store.load(HOME.vpc(vpc_id)).frozen) for vpc_id in cut_off] == [False, True]
    assert [days.live(vpc_id) for vpc_id in cut_off] == [[], []]


def test_where_each_write_that_fails_takes_a_minute_the_run_ends_in_time_all_the_same(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda would end it otherwise: then all messages of the batch come again, and SQS gives no reason at last."""
    spoilt = [days.world.make_vpc(cidr=f"10.{place}.0.0/16") for place in range(20, 30)]
    left = timedelta(minutes=5)
    save = VpcStore.save

    def fail_slowly(store: VpcStore, ref: AnyRef, *values: Any, **more: Any) -> Any:
        nonlocal left
        if not str(ref).endswith(tuple(spoilt)):
            return save(store, ref, *values, **more)
        left -= timedelta(minutes=1)
        raise THROTTLED

    deletions = [deletion_refused(days, vpc_id) for vpc_id in spoilt]
    with monkeypatch.context() as patch:
        patch.setattr(VpcStore, "save", fail_slowly)
        patch.setattr(Context, "get_remaining_time_in_millis", lambda _: left // timedelta(milliseconds=1))
        kept = days.try_to_deliver(*deletions, {"vpc_ids": [cut_off[0]], "attempt": 0})
    assert sorted(kept) == [f"m-{place}" for place in range(10)]
    assert left > timedelta()
    assert days.try_to_deliver(*deletions, {"vpc_ids": [cut_off[0]], "attempt": 0}) == []
    assert len(days.live(cut_off[0])) == 1


def test_a_call_that_cannot_be_put_on_record_in_one_vpc_fails_there_alone(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    record = AuditLog.record_call

    def refuse(log: AuditLog, ref: AnyRef, *values: Any, **more: Any) -> None:
        if str(ref).endswith(spoilt):
            raise THROTTLED
        record(log, ref, *values, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "record_call", refuse)
        with pytest.raises(TransientError, match="Throttling"):
            days.call({"vpc_ids": [spoilt, other], "unfreeze": True})
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)


def test_a_claim_while_the_regions_services_cannot_be_read_keeps_no_other_message(
    days: Days, claimed: tuple[str, Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, claim, other, table_id = claimed
    with monkeypatch.context() as patch:
        patch.setattr(Network, "catalog", lambda _: Catalog(why_unread="UnauthorizedOperation"))
        assert days.try_to_deliver(claim, route_deleted(days, table_id)) == ["m-0"]
    assert changes_on_record(days, other) == ["DeleteRoute"]
    assert VpcStore("ledger").load(HOME.vpc(spoilt)).frozen == {}


# ---- what is on record of the others


def test_who_changed_what_is_on_record_of_all_and_only_the_message_of_the_one_comes_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spoilt, its_table), (other, others_table) = opened(days), opened(days)
    days.sweeps(1)
    days.cut_off(its_table)
    days.cut_off(others_table)
    events = [route_deleted(days, its_table), route_deleted(days, others_table)]
    with refusing(monkeypatch, spoilt):
        assert days.try_to_deliver(*events) == ["m-0"]
        assert [changes_on_record(days, vpc_id) for vpc_id in (spoilt, other)] == [["DeleteRoute"]] * 2
        assert days.try_to_deliver(events[0], receives=MOST_RECEIVES) == []
    assert ["ValidationException" in reason for reason in reasons(days)] == [True]
    assert days.try_to_deliver(events[0]) == [], "it isn't taken for answered"
    assert [len(days.live(vpc_id)) for vpc_id in (spoilt, other)] == [1, 1]
    assert changes_on_record(days, spoilt) == ["DeleteRoute"]


def test_a_sweep_from_the_queue_comes_again_for_the_one_and_is_not_taken_for_answered(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    days.clock.advance(HOUR)
    with refusing(monkeypatch, spoilt):
        assert days.try_to_deliver({"sweep": True}) == ["m-0"]
    assert len(days.live(other)) == 1
    assert days.try_to_deliver({"sweep": True}, receives=2) == []
    assert len(days.live(spoilt)) == 1


def test_that_all_vpcs_were_judged_is_on_record_although_one_cannot_be_saved_now(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not where the one was never judged: what it lacks would be taken for lost."""
    enforce_newly()
    (spoilt, its_table), _ = opened(days), opened(days)
    judged = VpcStore("ledger")
    with refusing(monkeypatch, spoilt):
        with pytest.raises(TerminalError):
            days.sweeps(1)
        assert judged.load(HOME).swept_at is None
    days.look(spoilt)
    days.cut_off(its_table)
    with refusing(monkeypatch, spoilt), pytest.raises(TerminalError):
        days.sweeps(1)
    assert judged.load(HOME).swept_at is not None


def test_the_state_of_a_vpc_that_is_gone_and_cannot_be_deleted_keeps_nothing_of_the_others_off_the_record(
    days: Days, claimed: tuple[str, Any, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, __, other, table_id = claimed
    gone = days.world.make_vpc()
    days.look(gone, freeze=["logs"])
    days.world.ec2.delete_vpc(VpcId=gone)
    deleted = record_call("DeleteVpc", {"VpcId": gone}, at=days.clock())
    with refusing(monkeypatch, gone, on="delete") as tried:
        assert days.try_to_deliver(deleted, route_deleted(days, table_id)) == ["m-0"]
        assert len(tried) == 1
        with pytest.raises(TerminalError):
            days.sweeps(1)
    assert changes_on_record(days, other) == ["DeleteRoute"]
    assert len(days.live(other)) == 1
    days.sweeps(1)
    assert VpcStore("ledger").load(HOME.vpc(gone)).frozen == {}


# ---- a VPC that a sweep leaves, because what was asked there can't be saved


def another_run_has(vpc_id: str, days: Days) -> None:
    now = days.clock()
    assert VpcStore("ledger").take_lease(HOME.vpc(vpc_id), "another", now=now, until=now + MINUTES) is not None


def test_a_vpc_that_a_sweep_leaves_is_forgotten_nowhere(days: Days, claimed: tuple[str, Any, str, str]) -> None:
    """The same batch asks for a sweep, and for something in a VPC that another run has."""
    spoilt, claim, other, _ = claimed
    days.call({"vpc_ids": [spoilt], "freeze": ["logs"]})
    before = LimitUsage("ledger").read().interfaces
    days.clock.advance(HOUR)
    another_run_has(spoilt, days)
    assert days.try_to_deliver(claim, {"sweep": True}) == ["m-0"]
    days.clock.advance(MINUTES)
    assert len(days.live(other)) == 1
    assert VpcStore("ledger").listed(VpcList.FROZEN, HOME) == {HOME.vpc(spoilt)}
    after = LimitUsage("ledger").read().interfaces
    assert {vpc_id: after.get(vpc_id) for vpc_id in before} == before
    days.clock.advance(HOUR)
    assert days.try_to_deliver(claim) == []
    assert len(days.live(spoilt)) == 1


def test_what_is_gone_and_cannot_be_taken_off_the_record_keeps_nothing_from_being_repaired(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is, nothing counts less for it."""
    served, _ = opened(days)
    vpc_id, table_id = opened(days)
    days.cut_off(days.world.main_table(served))
    days.sweeps(1)
    (endpoint_id,) = days.live(served)
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    days.clock.advance(HOUR)
    days.cut_off(table_id)

    def refuse(*_: Any) -> None:
        raise REFUSED

    with monkeypatch.context() as patch:
        for on in ("delete", "forget_zones"):
            patch.setattr(Ownership, on, refuse)
        days.sweeps(1)
    assert [len(days.live(vpc_id)), len(days.live(served))] == [1, 1]
    assert endpoint_id in Ownership("ledger").read(HOME)
    days.sweeps(1)
    assert endpoint_id not in Ownership("ledger").read(HOME)
