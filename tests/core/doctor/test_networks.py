"""What the doctor says of networks: room that they need, DNS, whose they are, and where nobody looks."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.networks import (
    OtherRegion,
    Site,
    check_dns_attributes,
    check_dns_servers,
    check_regions,
    check_services,
    check_shared,
    gateway_use,
    group_use,
    interface_uses,
    network_interface_use,
    sites_in,
)
from lifeline.core.doctor.quotas import QuotaUse
from lifeline.core.network.model import Catalog, Part, TargetKind, Unread, Vpc
from lifeline.core.policy.policy import Policy, simple_policy
from tests.support.builders import (
    CATALOG,
    LOCAL,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    subnet,
    table,
    vpc,
)

TODAY = date(2026, 11, 29)
DENIED = NotRead("UnauthorizedOperation: no")
ACCOUNT = "123456789012"


def isolated(*parts: Any, **more: Any) -> Vpc:
    return vpc(subnet("a"), subnet("b", "us-east-1b"), table("main", LOCAL), *parts, **more)


def sites(*vpcs: Vpc, services: tuple[str, ...] = ("monitoring", "s3")) -> tuple[Site, ...]:
    return sites_in(vpcs, simple_policy(services), today=TODAY)


def test_a_vpc_of_public_subnets_alone_is_no_site() -> None:
    public = vpc(subnet("a"), table("main", LOCAL, default_route(TargetKind.INTERNET_GATEWAY, "igw-1")))
    assert sites(public) == ()
    (site,) = sites(isolated())
    assert site.services == {"monitoring", "s3"}
    assert len(site.private_ids) == 2


def test_each_required_service_without_an_endpoint_may_need_one_of_its_kind() -> None:
    found = sites(isolated())
    assert interface_uses(found, CATALOG) == {VPC_ID: QuotaUse(0, 1)}
    assert gateway_use(found, CATALOG, 19) == QuotaUse(19, 1)
    assert group_use(found, 7) == QuotaUse(7, 1)
    assert network_interface_use(found, CATALOG, 100) == QuotaUse(100, 2)


def test_what_is_there_needs_no_room_but_for_one_endpoint_that_may_break_later() -> None:
    found = sites(isolated(endpoint(), gateway("main"), own_security_group()))
    assert interface_uses(found, CATALOG) == {VPC_ID: QuotaUse(1, 1)}
    assert gateway_use(found, CATALOG, 1).more == 0
    assert group_use(found, 7).more == 0
    assert network_interface_use(found, CATALOG, 100).more == 0


def test_a_vpc_in_which_nothing_is_required_needs_no_room() -> None:
    assert interface_uses(sites_in([isolated()], None, today=TODAY), CATALOG) == {}


# ---- DNS


@pytest.mark.parametrize("off", ["dns_support", "dns_hostnames"])
def test_private_dns_needs_both_attributes(off: str) -> None:
    found = sites(isolated(**{off: False}))
    judged = check_dns_attributes(found, left_out=0, turns_on=False)
    assert judged.verdict is CheckVerdict.BAD
    assert VPC_ID in judged.says
    assert f"--vpc-id {VPC_ID}" in judged.remedy
    assert check_dns_attributes(found, left_out=0, turns_on=True).verdict is CheckVerdict.OK


def test_attributes_that_were_not_read_are_unknown_and_vpcs_left_out_are_counted() -> None:
    unread = replace(isolated(), unread=(Unread(Part.DNS_ATTRIBUTES, "denied"),))
    judged = check_dns_attributes(sites(unread), left_out=0, turns_on=False)
    assert judged.verdict is CheckVerdict.UNKNOWN
    assert "denied" in judged.why
    some = check_dns_attributes(sites(isolated()), left_out=3, turns_on=False)
    assert some.verdict is CheckVerdict.UNKNOWN
    assert "3 more VPCs weren't read" in some.says
    off = check_dns_attributes(sites(isolated(dns_support=False)), left_out=3, turns_on=True)
    assert off.verdict is CheckVerdict.UNKNOWN
    assert "Lifeline may turn them on. 3 more VPCs weren't read." in off.says
    assert check_dns_attributes(DENIED, left_out=0, turns_on=False).verdict is CheckVerdict.UNKNOWN


def test_other_dns_servers_are_unknown_because_nobody_sees_whether_they_forward() -> None:
    found = sites(isolated())
    assert check_dns_servers(found, {}).verdict is CheckVerdict.OK
    judged = check_dns_servers(found, {VPC_ID: ("10.9.0.53",)})
    assert judged.verdict is CheckVerdict.UNKNOWN
    assert f"{VPC_ID} (10.9.0.53)" in judged.says
    assert check_dns_servers(found, DENIED).verdict is CheckVerdict.UNKNOWN


# ---- whose


def test_a_shared_vpc_is_its_owners_business() -> None:
    assert check_shared([isolated(owner_id=ACCOUNT)], ACCOUNT).verdict is CheckVerdict.OK
    judged = check_shared([isolated(owner_id="999999999999")], ACCOUNT)
    assert judged.verdict is CheckVerdict.UNKNOWN
    assert "of account 999999999999" in judged.says
    assert "Only the owner" in judged.why
    assert check_shared(DENIED, ACCOUNT).verdict is CheckVerdict.UNKNOWN


SERVED = OtherRegion("eu-west-1", 2, has_stack=True)
ALONE = OtherRegion("eu-north-1", 1, has_stack=False)
EMPTY = OtherRegion("eu-south-1", 0, has_stack=False)
HIDDEN = OtherRegion("me-south-1", DENIED, has_stack=DENIED)


@pytest.mark.parametrize(
    ("regions", "verdict", "said"),
    [
        ([EMPTY], CheckVerdict.OK, "None of 1 other enabled Region has private subnets."),
        ([EMPTY, SERVED], CheckVerdict.OK, "eu-west-1 with private subnets have a stack"),
        ([SERVED, ALONE], CheckVerdict.BAD, "1 Region has private subnets and no stack lifeline: eu-north-1."),
        ([ALONE, HIDDEN], CheckVerdict.BAD, "eu-north-1"),
        ([SERVED, HIDDEN], CheckVerdict.UNKNOWN, "couldn't be read: me-south-1"),
        ([OtherRegion("eu-west-2", 1, DENIED)], CheckVerdict.UNKNOWN, "eu-west-2"),
        (DENIED, CheckVerdict.UNKNOWN, "couldn't be read"),
    ],
)
def test_regions_with_private_subnets_and_no_stack_are_named(regions: Any, verdict: CheckVerdict, said: str) -> None:
    judged = check_regions(regions, stack="lifeline", is_deployed=True)
    assert judged.verdict is verdict
    assert said in judged.says


def test_before_the_first_deployment_regions_without_a_stack_are_no_fault() -> None:
    judged = check_regions([ALONE], stack="lifeline", is_deployed=False)
    assert judged.verdict is CheckVerdict.OK
    hidden = check_regions([ALONE, HIDDEN], stack="lifeline", is_deployed=False)
    assert hidden.verdict is CheckVerdict.UNKNOWN
    assert "me-south-1" in hidden.says
    assert "no stack lifeline: eu-north-1" in hidden.says
    assert "eu-north-1" in judged.says


# ---- services


def judged_services(creatable: set[str], policy: Policy | None = None, catalog: Any = CATALOG) -> Any:
    required = policy or simple_policy(["monitoring", "s3"])
    return check_services(required, sites(isolated()), frozenset(creatable), catalog)


def test_what_is_required_must_be_creatable() -> None:
    assert judged_services({"monitoring", "s3", "ssm"}).verdict is CheckVerdict.OK
    judged = judged_services({"s3"})
    assert judged.verdict is CheckVerdict.BAD
    assert judged.says.endswith("may not create it: monitoring.")
    assert "CreatableServices=monitoring,s3" in judged.remedy


def test_what_tags_require_counts_too() -> None:
    tagged = vpc(subnet("a", tags=(("lifeline:require", "logs"),)), table("main", LOCAL))
    found = sites_in([tagged], simple_policy(["monitoring"]), today=TODAY)
    judged = check_services(simple_policy(["monitoring"]), found, frozenset({"monitoring"}), CATALOG)
    assert judged.verdict is CheckVerdict.BAD
    assert "logs" in judged.says


def test_a_service_that_aws_does_not_offer_here_is_named() -> None:
    judged = judged_services({"monitoring", "s3", "moniter"}, simple_policy(["moniter"]))
    assert judged.verdict is CheckVerdict.BAD
    assert "not offered by AWS in this Region: moniter" in judged.says


@pytest.mark.parametrize("catalog", [DENIED, Catalog(why_unread="UnauthorizedOperation: no")])
def test_without_the_regions_services_it_is_unknown(catalog: Any) -> None:
    judged = judged_services({"monitoring", "s3"}, catalog=catalog)
    assert (judged.verdict, judged.why) == (CheckVerdict.UNKNOWN, "UnauthorizedOperation: no")


def test_without_a_valid_policy_it_is_unknown() -> None:
    assert check_services(None, (), frozenset(), CATALOG).verdict is CheckVerdict.UNKNOWN
