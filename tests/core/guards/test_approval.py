"""Which plan a person approved, and for how long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.guards.approval import (
    LIFE,
    Offer,
    OfferState,
    action_fingerprint,
    approve_command,
    make_offer,
    outdated_words,
    still_planned,
    why_not,
)
from lifeline.core.plan.actions import ActionKind, Plan, Status
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.order import Step
from tests.support.builders import plan, subnet, vpc
from tests.support.hubs import Hubs, central, offered, spoke

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICE = price_in("us-east-1")
NETWORK = vpc(subnet("a"), subnet("b", "us-east-1b"))


def offer_of(wanted: Plan, region: str = "us-east-1") -> Offer:
    return make_offer(wanted.vpc_id, wanted.actions, price_in(region), now=NOW)


def test_the_same_plan_has_the_same_id_whatever_its_words_status_and_token() -> None:
    first = plan(NETWORK)
    again = tuple(
        replace(
            one, reason="other words", status=Status.BLOCKED, error="held", client_token="t", security_group_id="sg-1"
        )
        for one in reversed(first.actions)
    )
    assert offer_of(replace(first, actions=again)).plan_id == offer_of(first).plan_id


def test_another_vpc_service_subnet_or_cost_is_another_plan() -> None:
    first = plan(NETWORK)
    ids = {
        offer_of(first).plan_id,
        offer_of(replace(first, vpc_id="vpc-0fedcba9876543210")).plan_id,
        offer_of(plan(NETWORK, "ec2")).plan_id,
        offer_of(plan(vpc(subnet("a")))).plan_id,
        offer_of(plan(vpc(subnet("a"), subnet("c", "us-east-1b")))).plan_id,
        offer_of(first, "sa-east-1").plan_id,
    }
    assert len(ids) == 6


def test_an_offer_is_still_planned_while_all_of_it_is_and_names_just_its_steps() -> None:
    wanted = plan(NETWORK, "monitoring", "ec2")
    some = make_offer(wanted.vpc_id, wanted.actions[:2], PRICE, now=NOW)
    assert still_planned(some, wanted, PRICE) == {Step(wanted.vpc_id, 0), Step(wanted.vpc_id, 1)}
    assert still_planned(some, replace(wanted, actions=wanted.actions[1:]), PRICE) == frozenset()
    assert still_planned(some, plan(vpc(subnet("a")), "monitoring", "ec2"), PRICE) == frozenset()
    assert still_planned(some, wanted, price_in("sa-east-1")) == frozenset()
    assert still_planned(some, replace(wanted, actions=()), PRICE) == frozenset()


HELD = offered(spoke(), Hubs(there=None).view(), central=central(is_auto=False))


@pytest.mark.parametrize("kind", [ActionKind.ASSOCIATE_CENTRAL, ActionKind.SWAP_TO_CENTRAL])
def test_an_approval_covers_no_check_that_could_be_read_when_it_was_given(kind: ActionKind) -> None:
    def of(*unread: str) -> Plan:
        checks = "DNS attributes on: yes", *(f"{what}: can't be read (AccessDenied)" for what in unread)
        return replace(HELD, actions=(replace(HELD.actions[0], kind=kind, checks=checks),))

    shown = of("room in Z0HUB", "the way back")
    covered = frozenset({Step(HELD.vpc_id, 0)})
    assert still_planned(offer_of(shown), of("room in Z0HUB", "the way back"), PRICE) == covered
    assert still_planned(offer_of(shown), of("the way back"), PRICE) == covered
    assert still_planned(offer_of(shown), of("room in Z0HUB", "the hub's endpoint"), PRICE) == frozenset()
    assert still_planned(offer_of(of()), shown, PRICE) == frozenset()
    assert offer_of(of()).plan_id != offer_of(shown).plan_id


def test_what_could_not_be_read_is_named_as_the_plan_shows_it() -> None:
    (action,) = HELD.actions
    assert action.unread_checks == {"transit gateway route tables"}
    again = offered(spoke(), Hubs(there=None, back=None).view(), central=central(is_auto=False))
    assert still_planned(offer_of(HELD), again, PRICE) == frozenset()


def test_what_is_blocked_for_another_reason_is_no_longer_planned() -> None:
    wanted = plan(NETWORK)
    now_blocked = tuple(one.blocked("the quota is used up") for one in wanted.actions)
    assert still_planned(offer_of(wanted), replace(wanted, actions=now_blocked), PRICE) == frozenset()


@pytest.mark.parametrize(
    ("state", "later", "words"),
    [
        (OfferState.OFFERED, timedelta(0), ""),
        (OfferState.OFFERED, LIFE - timedelta(seconds=1), ""),
        (OfferState.OFFERED, LIFE, "could be approved until 2026-11-23 12:00:00 UTC"),
        (OfferState.APPROVED, timedelta(0), "is already approved"),
        (OfferState.APPROVED, LIFE, "could be approved until"),
        (OfferState.USED, timedelta(0), "works once"),
        (OfferState.REFUSED, timedelta(0), "the network had changed"),
    ],
)
def test_an_approval_ends_after_a_day_and_works_once(state: OfferState, later: timedelta, words: str) -> None:
    offer = replace(offer_of(plan(NETWORK)), state=state)
    said = why_not(offer, offer.plan_id, now=NOW + later)
    assert words in said
    assert bool(said) is bool(words)


def test_an_id_that_nobody_offered_is_said_so() -> None:
    assert "no plan plan-0123456789abcdef is waiting" in why_not(None, "plan-0123456789abcdef", now=NOW)


def test_the_command_approves_just_that_plan() -> None:
    assert approve_command("plan-1", "lifeline-eu") == (
        """sam remote invoke ReconcileEndpoints --stack-name lifeline-eu --event '{"approve": "plan-1"}'"""
    )


def test_the_id_is_of_the_form_that_a_call_may_send_and_the_words_name_the_vpc() -> None:
    offer = offer_of(plan(NETWORK))
    assert len(offer.plan_id) == len("plan-") + 16
    assert offer.vpc_id in outdated_words(offer)
    assert len({action_fingerprint(one) for one in plan(NETWORK, "monitoring", "ec2").actions}) == 3
