"""What the records of ownership say of what was observed, and which are of something gone or missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.core.network.model import MANAGED_BY
from lifeline.core.network.ownership import UNREAD, Owned, gone, left, recognize, unclear, unseen_groups, zones_asked
from tests.support.builders import MONITORING, OWNER, VPC_ID, endpoint, own_security_group, subnet, vpc

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_gone_is_what_the_region_no_longer_shows_and_what_is_too_new_to_be_shown_is_not() -> None:
    seen = [vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group())]
    old, new = Owned(VPC_ID, NOW - timedelta(hours=1)), Owned(VPC_ID, NOW)
    records = {"vpce-1": old, "sg-own": old, "vpce-2": old, "sg-2": old, "vpce-3": new}
    assert gone(records, seen, before=NOW) == {"vpce-2", "sg-2"}
    assert gone(records, seen, before=NOW + timedelta(seconds=1)) == {"vpce-2", "sg-2", "vpce-3"}
    assert gone(records, [], before=NOW) == {"vpce-1", "sg-own", "vpce-2", "sg-2"}


def test_a_group_on_record_is_missed_only_where_its_vpc_was_observed_without_it() -> None:
    seen = [vpc(subnet("a"), own_security_group())]
    here, handed_over = Owned(VPC_ID, NOW), Owned(VPC_ID, NOW, handed_over_at=NOW)
    records = {"sg-own": here, "sg-2": here, "sg-3": handed_over, "vpce-2": here, "sg-4": Owned("vpc-other", NOW)}
    assert unseen_groups(records, seen) == {"sg-2"}
    assert unseen_groups(records, []) == frozenset()


def test_on_record_is_what_was_made_in_this_very_vpc_and_without_records_the_tag_counts() -> None:
    here = Owned(VPC_ID, NOW)
    elsewhere, given = replace(here, vpc_id="vpc-0fedcba9876543210"), replace(here, handed_over_at=NOW)
    seen = vpc(endpoint(MONITORING), own_security_group())
    untagged = replace(seen, endpoints=(endpoint(MONITORING, tags=()),))
    for network, records, on_record in (
        (seen, {"vpce-1": here}, True),
        (seen, {"vpce-1": elsewhere}, False),
        (seen, {"sg-own": here}, False),
        (seen, None, True),
        (untagged, None, False),
    ):
        (found,) = recognize([network], records)
        assert found.endpoints[0].on_record is on_record
    (found,) = recognize([seen], {"vpce-1": given, "sg-own": given})
    assert not found.endpoints[0].on_record
    assert not found.security_groups[0].on_record
    assert (found.endpoints[0].tag(MANAGED_BY), found.security_groups[0].is_handed_over) == (None, True)


def test_an_endpoint_that_people_made_is_known_by_its_record_once_it_is_adopted() -> None:
    seen = vpc(endpoint(MONITORING))
    for is_adopted in (False, True):
        (found,) = recognize([seen], {"vpce-1": Owned(VPC_ID, NOW, is_adopted=is_adopted)})
        assert (found.endpoints[0].on_record, found.endpoints[0].is_adopted) == (True, is_adopted)


def test_what_has_a_record_that_cannot_be_read_is_left_alone_and_counts_as_on_record() -> None:
    seen = vpc(endpoint(MONITORING), own_security_group())
    (found,) = recognize([seen], {"vpce-1": UNREAD, "sg-own": UNREAD})
    asked = unclear(found, OWNER)
    assert list(asked) == [*found.endpoints, *found.security_groups]
    assert [(one.on_record, one.tag(MANAGED_BY)) for one in asked] == [(True, None)] * 2
    assert all("the ledger's record of it can't be read" in words for words in asked.values())
    tags = {name for one in asked for name, _ in one.tags}
    assert tags == {name for one in (*seen.endpoints, *seen.security_groups) for name, _ in one.tags} - {MANAGED_BY}


A, B, C = "us-east-1a", "us-east-1b", "us-east-1c"
SUBNETS = (subnet("a", A), subnet("a2", A), subnet("b", B), subnet("c", C))


@pytest.mark.parametrize(
    ("record", "added"),
    [
        ({"asked": {A: NOW}}, {"subnet-b"}),
        ({"asked": {B: NOW}}, {"subnet-a2"}),
        ({"asked": {}}, {"subnet-a2", "subnet-b"}),
        ({"asked": {A: NOW, B: NOW, C: NOW}}, set()),
        ({"asked": None}, set()),  # as earlier versions wrote it
        ({"asked": {A: NOW}, "handed_over_at": NOW}, set()),
    ],
)
@pytest.mark.parametrize("tags", [(), ((MANAGED_BY, OWNER),)])
def test_others_added_what_is_in_zones_for_which_lifeline_did_not_ask(
    record: dict[str, Any], added: set[str], tags: tuple[tuple[str, str], ...]
) -> None:
    seen = vpc(*SUBNETS, endpoint(MONITORING, "a2", "b", tags=tags))
    (found,) = recognize([seen], {"vpce-1": Owned(VPC_ID, NOW, **record)})
    assert found.endpoints[0].added_subnet_ids == added


def test_of_a_subnet_that_was_not_seen_nobody_says_that_others_added_it() -> None:
    (found,) = recognize([vpc(endpoint(MONITORING, "a", "b"))], {"vpce-1": Owned(VPC_ID, NOW, asked={A: NOW})})
    assert found.endpoints[0].added_subnet_ids == frozenset()
    assert zones_asked(["subnet-a", "subnet-b"], {"subnet-a": A}, NOW) is None
    assert zones_asked(["subnet-a", "subnet-a2"], {"subnet-a": A, "subnet-a2": A}, NOW) == {A: NOW}
    assert zones_asked([], {}, NOW) == {}


def test_left_are_the_zones_without_an_interface_that_were_not_asked_for_just_now() -> None:
    hour_ago = NOW - timedelta(hours=1)
    records = {"vpce-1": Owned(VPC_ID, hour_ago, asked={A: hour_ago, B: hour_ago, C: NOW}), "vpce-2": UNREAD}
    seen = endpoint(MONITORING, "a2"), endpoint("logs", "a", id="vpce-2"), endpoint("sts", "a", id="vpce-3")
    assert left(records, [vpc(*SUBNETS, *seen)], before=NOW) == {"vpce-1": {B: hour_ago}}
    assert left(records, [vpc(*SUBNETS, *seen[1:])], before=NOW) == {}


def test_groups_that_only_have_lifelines_name_are_one_question() -> None:
    first, second = (own_security_group(id=one, tags=(), on_record=False) for one in ("sg-1", "sg-2"))
    (asked,) = unclear(vpc(first, second, own_security_group()), OWNER).items()
    assert asked[0] is first
    assert "sg-1, sg-2" in asked[1]
    assert unclear(vpc(own_security_group(), endpoint(MONITORING)), OWNER) == {}
    others = own_security_group(id="sg-3", name="default", tags=(), on_record=False)
    assert unclear(vpc(others), OWNER) == {}
    assert list(unclear(vpc(replace(others, tags=own_security_group().tags)), OWNER)) != []


@pytest.mark.parametrize(
    ("tag", "on_record", "requester_managed", "words"),
    [
        (OWNER, True, False, ""),
        ("", False, False, ""),
        ("another-stack", False, False, ""),
        (OWNER, False, False, "the ledger has no record"),
        (OWNER, False, True, ""),  # AWS's services manage it
        ("", True, False, "it no longer has the tag"),
        ("another-stack", True, False, "it no longer has the tag"),
        ("", True, True, ""),
    ],
)
def test_an_endpoint_is_unclear_where_its_tag_and_its_record_disagree(
    tag: str, on_record: bool, requester_managed: bool, words: str
) -> None:
    tags = ((MANAGED_BY, tag),) if tag else ()
    found = unclear(
        vpc(endpoint(MONITORING, tags=tags, on_record=on_record, requester_managed=requester_managed)), OWNER
    )
    assert [text.partition(words)[1] for text in found.values()] == ([words] if words else [])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"tags": ()}, "it no longer has the tag"),
        ({"tags": ((MANAGED_BY, "another-stack"),)}, "it no longer has the tag"),
        ({"on_record": False}, "named or tagged like Lifeline's own"),
        ({"on_record": False, "name": "else"}, "named or tagged like Lifeline's own"),
        ({"on_record": False, "tags": ()}, "named or tagged like Lifeline's own"),
        ({"on_record": False, "tags": (), "name": "else"}, ""),
        ({"on_record": False, "tags": (), "is_handed_over": True}, ""),
        ({"on_record": False, "tags": ((MANAGED_BY, "another-stack"),)}, ""),
    ],
)
def test_a_group_is_unclear_where_its_tag_or_its_name_and_its_record_disagree(
    changed: dict[str, Any], words: str
) -> None:
    found = unclear(vpc(replace(own_security_group(), **changed)), OWNER)
    assert [text.partition(words)[1] for text in found.values()] == ([words] if words else [])


def test_of_many_groups_with_lifelines_name_three_can_be_adopted_by_one_call() -> None:
    groups = [own_security_group(id=f"sg-{number}", tags=(), on_record=False) for number in range(5)]
    (words,) = unclear(vpc(*groups), OWNER).values()
    assert '{"adopt": ["sg-0", "sg-1", "sg-2"]}' in words
