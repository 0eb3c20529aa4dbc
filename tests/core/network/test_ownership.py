"""Which records of ownership are of something that is gone, or that an observation missed."""

from datetime import UTC, datetime, timedelta

from lifeline.core.network.ownership import Owned, gone, unseen_groups
from tests.support.builders import MONITORING, VPC_ID, endpoint, own_security_group, subnet, vpc

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
