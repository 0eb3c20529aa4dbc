"""The ledger's partition keys of VPCs and regions."""

import pytest

from lifeline.adapters.store.keys import incident_log, partition, read_partition
from tests.support.home import HOME

VPC = HOME.vpc("vpc-0123456789abcdef0")


def test_the_keys_contain_account_and_region() -> None:
    assert partition(VPC) == "VPC#123456789012#us-east-1#vpc-0123456789abcdef0"
    assert partition(HOME) == "REGION#123456789012#us-east-1"
    assert incident_log(VPC) == "INCIDENT_LOG#VPC#123456789012#us-east-1#vpc-0123456789abcdef0"
    assert [read_partition(incident_log(ref)) for ref in (VPC, HOME)] == [VPC, HOME]


def test_a_key_says_what_it_is_about() -> None:
    assert [read_partition(partition(ref)) for ref in (VPC, HOME)] == [VPC, HOME]


@pytest.mark.parametrize("pk", ["CHANGES", "INCIDENTS#a", "VPC#vpc-0123456789abcdef0", "VPC#", "REGION##us-east-1"])
def test_another_key_is_about_no_vpc_and_no_region(pk: str) -> None:
    assert read_partition(pk) is None
