"""Thousands of tagged subnets: one notice that fits, everything remembered, and no more work than subnets."""

from dataclasses import replace
from itertools import cycle
from typing import Any

from lifeline.core.history.change import Change
from lifeline.core.network.dns import DnsView
from lifeline.core.notices.forms import MOST_BYTES, email_text, machine_text
from lifeline.core.notices.notice import Sender
from lifeline.reconciler.amend.retirement import Retirements
from tests.support.amending import HOUR, NOTHING, NOW, context, plan
from tests.support.builders import VPC_ID, subnet, table, vpc
from tests.support.counting import work_of

IDS = [f"subnet-{number * 0x9E3779B97F4A7C15 % 2**68:017x}" for number in range(10_000)]
SENDER = Sender(stack_name="lifeline", region="us-east-1", account_id="123456789012")


TAGS = [("lifeline:exempt", "true"), ("lifeline:require", "s3")]


def tagged(count: int) -> tuple[Any, Any]:
    """A VPC of so many tagged subnets, and its plan."""
    tags = dict(zip(IDS[:count], cycle(TAGS), strict=False))
    network = replace(vpc(table()), subnets=tuple(replace(subnet("a"), id=id_, tags=(tags[id_],)) for id_ in tags))
    taggings = tuple(
        Change(NOW - HOUR, f"event-{id_}", "CreateTags", "mallory", frozenset({id_}), tags=frozenset({tag[0]}))
        for id_, tag in tags.items()
    )
    return context(network, "monitoring", "logs", dns=DnsView(), taggings=taggings), plan(network=network)


def test_twice_the_tagged_subnets_are_twice_the_work_and_not_four_times() -> None:
    half, whole = (
        work_of(lambda: Retirements().after(here, planned, (), NOTHING))  # noqa: B023 - run at once
        for here, planned in map(tagged, (500, 1000))
    )
    assert whole < 3 * half


def test_ten_thousand_tagged_subnets_are_one_notice_that_can_be_sent_and_all_of_them_are_remembered() -> None:
    here, planned = tagged(10_000)
    (announced,) = Retirements().after(here, planned, (), NOTHING).announcements
    assert len(announced.entries.warned) == 20_000
    mail, form = email_text(announced.notice, SENDER), machine_text(announced.notice, SENDER, NOW)
    assert "mallory set the tag" in mail
    assert VPC_ID in mail
    assert max(len(mail.encode()), len(form.encode())) < MOST_BYTES

    known = replace(NOTHING, warned=announced.entries.warned)
    assert Retirements().after(here, planned, (), known).announcements == ()
