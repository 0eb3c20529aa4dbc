"""The record of what is Lifeline's own, and of the zones in which it asked for interfaces."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.store.ownership import Ownership
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.network.ownership import Owned
from tests.support.builders import VPC_ID, subnet, vpc
from tests.support.home import HOME
from tests.support.world import emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
REF = HOME.vpc(VPC_ID)
A, B = "us-east-1a", "us-east-1b"
ID = "vpce-0123456789abcdef0"


@pytest.fixture
def ownership(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ownership]:
    with emulated_world(monkeypatch):
        made = Ownership("ledger")
        made.see([vpc(subnet("a", A), subnet("b", B))])
        yield made


def asked(ownership: Ownership) -> Mapping[str, datetime] | None:
    return ownership.read(HOME)[ID].asked


def test_the_zones_that_a_new_endpoint_was_asked_for_are_on_record_with_it(ownership: Ownership) -> None:
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a", "subnet-b"], in_place_of="Z1")
    assert ownership.read(HOME) == {ID: Owned(VPC_ID, NOW, in_place_of="Z1", asked={A: NOW, B: NOW})}


def test_what_is_about_to_be_asked_for_is_on_record_before(ownership: Ownership) -> None:
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a"])
    with ownership.asking(HOME, ID, ["subnet-b"], now=LATER):
        assert asked(ownership) == {A: NOW, B: LATER}
    assert asked(ownership) == {A: NOW, B: LATER}


def test_a_refusal_takes_it_off_again_but_an_answer_that_was_lost_does_not(ownership: Ownership) -> None:
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a"])
    with pytest.raises(TerminalError), ownership.asking(HOME, ID, ["subnet-b"], now=NOW):
        raise TerminalError("denied")
    assert asked(ownership) == {A: NOW}
    with pytest.raises(TransientError), ownership.asking(HOME, ID, ["subnet-b"], now=NOW):
        raise TransientError("no answer")
    assert asked(ownership) == {A: NOW, B: NOW}


def test_a_refusal_takes_nothing_off_that_was_asked_for_before(ownership: Ownership) -> None:
    """EC2 refuses what it doesn't show yet: the answer was lost, or another run asked for it just now."""
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a"])
    with pytest.raises(TransientError), ownership.asking(HOME, ID, ["subnet-b"], now=NOW):
        raise TransientError("no answer")
    with pytest.raises(TerminalError), ownership.asking(HOME, ID, ["subnet-a", "subnet-b"], now=LATER):
        raise TerminalError("two subnets of a zone", code="DuplicateSubnetsInSameZone")
    assert asked(ownership) == {A: LATER, B: LATER}


def test_what_is_not_on_record_is_not_put_there_by_being_asked_for(ownership: Ownership) -> None:
    for subnet_id in ("subnet-a", "subnet-x"):
        with ownership.asking(HOME, ID, [subnet_id], now=NOW):
            pass
    assert ownership.read(HOME) == {}


def test_a_zone_is_forgotten_unless_it_was_asked_for_since(ownership: Ownership) -> None:
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a", "subnet-b"])
    with ownership.asking(HOME, ID, ["subnet-b"], now=LATER):
        pass
    ownership.forget_zones(HOME, {ID: {A: NOW, B: NOW}, "vpce-gone": {A: NOW}})
    assert asked(ownership) == {B: LATER}
    ownership.forget_zones(HOME, {ID: {B: LATER}})
    assert asked(ownership) == {}, "nothing is something else than not known"
    assert ownership.read(HOME).keys() == {ID}


def test_a_record_of_an_earlier_version_does_not_begin_to_say_what_was_asked_for(ownership: Ownership) -> None:
    ownership.adopt(HOME, {ID: Owned(VPC_ID, NOW)}, now=NOW)
    with ownership.asking(HOME, ID, ["subnet-b"], now=NOW):
        pass
    assert asked(ownership) is None


def test_where_a_subnets_zone_is_not_known_all_interfaces_count(ownership: Ownership) -> None:
    ownership.created(REF, ID, now=NOW, subnet_ids=["subnet-a", "subnet-x"])
    assert asked(ownership) is None
    ownership.adopt(HOME, {ID: Owned(VPC_ID, NOW, asked={A: NOW})}, now=NOW)
    with ownership.asking(HOME, ID, ["subnet-x"], now=NOW):
        assert asked(ownership) is None


def test_what_was_asked_for_stays_on_record_when_it_is_handed_over(ownership: Ownership) -> None:
    record = Owned(VPC_ID, NOW, is_adopted=True, asked={A: NOW})
    ownership.adopt(HOME, {ID: record}, now=NOW)
    ownership.hand_over(HOME, {ID: record}, now=LATER)
    assert ownership.read(HOME) == {ID: replace(record, handed_over_at=LATER)}
