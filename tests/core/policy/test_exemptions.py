"""Exempting by hand: what a call may say, and what is exempt once it is met."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.exemptions import (
    MOST_EXEMPT,
    ExemptRequest,
    changed,
    exempt_json,
    exempt_words,
    with_exemptions,
)
from lifeline.core.policy.policy import Exempted, Policy
from lifeline.core.requests.exempt import read_exempt

VPC = "vpc-0123456789abcdef0"
OTHER = "vpc-0123456789abcdef1"
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"exempt": VPC}, "exempt"),
        ({"exempt": []}, "exempt"),
        ({"exempt": None}, "exempt"),
        ({"exempt": [VPC] * 101}, "exempt"),
        ({"exempt": [VPC, "vpc-1"]}, "exempt[1]"),
        ({"exempt": [VPC, f"{VPC}\n"]}, "exempt[1]"),
        ({"exempt": [[VPC]]}, "exempt[0]"),
        ({"exempt": [VPC, VPC]}, "exempt[1]"),
        ({"exempt": [VPC], "days": 91}, "days"),
        ({"exempt": [VPC], "days": -1}, "days"),
        ({"exempt": [VPC], "days": True}, "days"),
        ({"exempt": [VPC], "days": 7.0}, "days"),
        ({"exempt": [VPC], "days": "7"}, "days"),
        ({"exempt": [VPC], "days": None}, "days"),
        ({"exempt": [VPC], "days": 0, "services": ["monitoring"]}, "services"),
        ({"exempt": [VPC], "services": "monitoring"}, "services"),
        ({"exempt": [VPC], "services": []}, "services"),
        ({"exempt": [VPC], "services": ["monitoring"] * 51}, "services"),
        ({"exempt": [VPC], "services": ["monitoring", "Monitoring"]}, "services[1]"),
        ({"exempt": [VPC], "services": [None]}, "services[0]"),
        ({"exempt": [VPC], "reason": ""}, "reason"),
        ({"exempt": [VPC], "reason": " "}, "reason"),
        ({"exempt": [VPC], "reason": "two\nlines"}, "reason"),
        ({"exempt": [VPC], "reason": "x" * 257}, "reason"),
        ({"exempt": [VPC], "reason": 7}, "reason"),
        ({"exempt": [VPC], "mode": "plan"}, "mode"),
        ({"exempt": [VPC], "vpc_ids": [VPC]}, "vpc_ids"),
        ({"exempt": [VPC], "until": "2027-01-01"}, "until"),
    ],
)
def test_bad_input_gets_an_error_that_names_the_field(event: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_exempt(event)
    assert caught.value.field == field


def test_without_more_a_vpc_is_exempt_from_everything_for_a_week() -> None:
    request = read_exempt({"exempt": [VPC]})
    assert request == ExemptRequest((VPC,))
    assert request.exempted(VPC, TODAY) == Exempted(VPC, (), date(2026, 11, 30), "exempt manually")
    assert exempt_json(request, VPC, TODAY) == {"vpc_id": VPC, "services": [], "until": "2026-11-30"}
    assert (
        exempt_words(request, VPC, TODAY) == "need not reach any service until the end of 2026-11-30: exempt manually"
    )


def test_a_named_set_stands_for_its_services_as_in_the_policy() -> None:
    assert read_exempt({"exempt": [VPC], "services": ["cloudwatch-agent", "s3"]}).services == (
        "ec2",
        "monitoring",
        "s3",
    )


def test_a_reason_becomes_plain_text_for_it_is_repeated_in_notices() -> None:
    assert read_exempt({"exempt": [VPC], "reason": " zügig "}).reason == "z?gig"


def test_days_0_ends_every_exemption_by_hand_of_the_vpc_and_of_no_other() -> None:
    known = changed((), ExemptRequest((VPC, OTHER)), TODAY)
    known = changed(known, ExemptRequest((VPC,), ("s3",)), TODAY)
    request = read_exempt({"exempt": [VPC], "days": 0})
    assert [one.subject for one in changed(known, request, TODAY)] == [OTHER]
    assert exempt_json(request, VPC, TODAY)["until"] is None
    assert exempt_words(request, VPC, TODAY) == "no longer exempt manually"


def test_the_same_again_prolongs_and_other_services_stand_beside() -> None:
    known = changed((), ExemptRequest((VPC,), ("s3",), 1), TODAY)
    known = changed(known, ExemptRequest((VPC,), ("s3",), 9, "longer"), TODAY)
    known = changed(known, ExemptRequest((VPC,), ("logs",), 2), TODAY)
    assert [(one.services, one.until, one.reason) for one in known] == [
        (("logs",), date(2026, 11, 25), "exempt manually"),
        (("s3",), date(2026, 12, 2), "longer"),
    ]


def test_what_has_ended_is_forgotten() -> None:
    known = changed((), ExemptRequest((VPC,), days=1), TODAY)
    assert changed(known, ExemptRequest((OTHER,)), TODAY + timedelta(days=1))[0].subject == VPC
    assert [one.subject for one in changed(known, ExemptRequest((OTHER,)), TODAY + timedelta(days=2))] == [OTHER]


def test_too_many_are_refused_but_ending_one_never_is() -> None:
    known = tuple(Exempted(f"vpc-{place:08x}", (), date(2027, 1, 1), "") for place in range(MOST_EXEMPT))
    with pytest.raises(InvalidInputError, match="the maximum is 500"):
        changed(known, ExemptRequest((VPC,)), TODAY)
    assert len(changed(known, ExemptRequest((known[0].subject,)), TODAY)) == MOST_EXEMPT
    assert len(changed(known, ExemptRequest((known[0].subject,), days=0), TODAY)) == MOST_EXEMPT - 1


requests = st.builds(
    ExemptRequest,
    st.lists(st.sampled_from([VPC, OTHER]), min_size=1, unique=True).map(tuple),
    st.sampled_from([(), ("s3",), ("logs",)]),
    st.integers(1, 90),
)


@given(st.lists(requests, max_size=6), requests)
def test_what_was_asked_last_holds_and_asking_twice_changes_nothing(
    before: list[ExemptRequest], last: ExemptRequest
) -> None:
    known: tuple[Exempted, ...] = ()
    for request in before:
        known = changed(known, request, TODAY)
    known = changed(known, last, TODAY)
    assert changed(known, last, TODAY) == known
    assert {last.exempted(vpc_id, TODAY) for vpc_id in last.vpc_ids} <= set(known)
    assert len({(one.subject, one.services) for one in known}) == len(known)


def test_the_policys_own_exemptions_stay() -> None:
    own = Exempted(OTHER, (), None, "a sandbox")
    by_hand = Exempted(VPC, (), TODAY, "exempt manually")
    assert with_exemptions(Policy((), (own,)), [by_hand]).exemptions == (own, by_hand)
