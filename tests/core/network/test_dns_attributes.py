"""What is remembered of VPCs' DNS attributes, and which are read again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifeline.core.network.dns_attributes import DnsAttributes, attributes_of, due, noted, with_attributes
from lifeline.core.network.model import Part, Unread, Vpc

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ON, OFF = DnsAttributes(True, True, NOON), DnsAttributes(True, False, NOON)


def test_a_vpc_is_seen_with_what_was_read_of_it() -> None:
    vpc = Vpc("vpc-1", ("10.0.0.0/16",))
    seen = with_attributes(vpc, OFF)
    assert (seen.dns_support, seen.dns_hostnames) == (True, False)
    assert attributes_of(seen, NOON) == OFF
    assert with_attributes(vpc, None) == vpc


def test_what_could_not_be_read_is_not_remembered() -> None:
    vpc = Vpc("vpc-1", ("10.0.0.0/16",), unread=(Unread(Part.DNS_ATTRIBUTES, "denied"),))
    assert attributes_of(vpc, NOON) is None


def test_those_come_first_that_were_read_longest_ago_or_never() -> None:
    known = {"vpc-1": ON, "vpc-2": replace(ON, read_at=NOON - HOUR), "vpc-3": replace(ON, read_at=NOON - 2 * HOUR)}
    assert due(["vpc-1", "vpc-2", "vpc-3", "vpc-4"], known, 3) == ["vpc-4", "vpc-3", "vpc-2"]


def test_many_that_are_off_leave_turns_for_the_others() -> None:
    off = {f"vpc-{number}": replace(OFF, read_at=NOON - HOUR) for number in range(10)}
    assert due([*off, "vpc-on"], {**off, "vpc-on": ON}, 4) == ["vpc-0", "vpc-1", "vpc-2", "vpc-3"]
    old = replace(ON, read_at=NOON - 2 * HOUR)
    assert due([*off, "vpc-on"], {**off, "vpc-on": old}, 4) == ["vpc-0", "vpc-1", "vpc-on", "vpc-2"]
    new_off = {f"vpc-{number}": replace(OFF, read_at=NOON + HOUR) for number in range(2)}
    others = {f"vpc-on-{number}": ON for number in range(9)}
    assert due([*others, *new_off], {**others, **new_off}, 4) == ["vpc-0", "vpc-1", "vpc-on-0", "vpc-on-1"]


def test_private_dns_takes_both_attributes() -> None:
    assert [
        DnsAttributes(support, hostnames, NOON).are_on for support in (True, False) for hostnames in (True, False)
    ] == [
        True,
        False,
        False,
        False,
    ]


def test_a_vpc_that_was_read_for_the_first_time_is_known_from_then_on() -> None:
    assert noted({}, {"vpc-1": ON, "vpc-2": OFF}, (), None) == {"vpc-1": ON, "vpc-2": OFF}
    assert noted({"vpc-1": OFF}, {"vpc-1": replace(ON, read_at=NOON - HOUR)}, ["vpc-1"], None) == {
        "vpc-1": replace(ON, read_at=NOON - HOUR)
    }


def test_whoever_read_last_is_right() -> None:
    later = replace(OFF, read_at=NOON + HOUR)
    assert noted({"vpc-1": ON}, {"vpc-1": later}, (), None) == {"vpc-1": later}
    assert noted({"vpc-1": later}, {"vpc-1": ON}, (), None) == {"vpc-1": later}
    assert noted({"vpc-1": ON}, {"vpc-1": OFF}, (), None) == {"vpc-1": ON}  # at the same time: nothing to write


def test_what_stays_the_same_is_not_written_by_a_run_of_some_and_has_its_turn_noted_by_a_sweep() -> None:
    later = replace(ON, read_at=NOON + HOUR)
    assert noted({"vpc-1": ON}, {"vpc-1": later}, (), None) == {"vpc-1": ON}
    assert noted({"vpc-1": ON}, {"vpc-1": later}, (), ["vpc-1"]) == {"vpc-1": later}


def test_what_may_have_changed_is_forgotten_and_what_is_gone() -> None:
    assert noted({"vpc-1": ON, "vpc-2": ON}, {}, ["vpc-1"], None) == {"vpc-2": ON}
    assert noted({"vpc-1": ON, "vpc-2": ON}, {}, (), ["vpc-1"]) == {"vpc-1": ON}
