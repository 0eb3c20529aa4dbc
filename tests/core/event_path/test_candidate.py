"""Which endpoint the dry run asks for."""

from dataclasses import replace

from lifeline.core.event_path.candidate import Candidate, best, candidates, cut_off, with_room
from lifeline.core.network.model import SECURITY_GROUP_NAME, TargetKind, Vpc
from lifeline.core.plan.actions import ActionKind
from tests.support.builders import (
    MONITORING,
    OWNER,
    S3,
    default_route,
    endpoint,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)


def of(seen: Vpc, *services: str) -> Candidate | None:
    return best(candidates(seen, plan(cut_off(seen), *services), OWNER))


def test_a_vpc_that_lacks_nothing_has_the_call_that_would_be_made_were_it_cut_off() -> None:
    served = vpc(
        subnet(), table("main", default_route(TargetKind.NAT_GATEWAY)), endpoint(MONITORING, "a"), own_security_group()
    )
    found = of(served, "monitoring")
    assert found is not None
    assert found.action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT
    assert found.action.service_name == MONITORING
    assert found.action.subnet_ids == ("subnet-a",)
    assert found.security_group_id == own_security_group().id
    assert not found.lacks_group


def test_public_subnets_too_would_be_cut_off() -> None:
    public = vpc(subnet(), table("main", default_route(TargetKind.INTERNET_GATEWAY)), own_security_group())
    assert of(public, "monitoring") is not None


def test_where_an_endpoint_has_the_name_the_dry_run_does_not_ask_for_it() -> None:
    bare = vpc(subnet(), own_security_group())
    taken = vpc(subnet(), endpoint(MONITORING, "a", private_dns=True), own_security_group())
    free, beside = of(bare, "monitoring"), of(taken, "monitoring")
    assert free is not None
    assert beside is not None
    assert free.action.private_dns
    assert not beside.action.private_dns
    assert replace(beside.action, private_dns=True) == free.action


def test_a_gateway_endpoint_goes_before_an_interface_endpoint_whose_group_is_not_there_yet() -> None:
    found = of(vpc(subnet()), "monitoring", "s3")
    assert found is not None
    assert found.action.service_name == S3
    assert found.action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT
    alone = of(vpc(subnet()), "monitoring")
    assert alone is not None
    assert alone.lacks_group


def test_without_a_group_it_is_the_group_that_lifeline_would_create_before_once_for_all_services() -> None:
    found = list(candidates(vpc(subnet()), plan(cut_off(vpc(subnet())), "monitoring", "logs"), OWNER))
    assert [one.action.kind for one in found] == [ActionKind.CREATE_SECURITY_GROUP]
    assert found[0].action.security_group_name
    assert found[0].security_group_id == ""


def test_where_no_subnet_has_room_it_is_a_group_that_would_be_created_beside_the_ones_that_are_there() -> None:
    full = vpc(subnet(free=0), own_security_group())
    assert of(full, "monitoring") is None
    found = of(with_room(full), "monitoring")
    assert found is not None
    assert found.lacks_group
    assert found.action.security_group_name == f"{SECURITY_GROUP_NAME}-2"
    assert of(with_room(vpc(own_security_group())), "monitoring") is None, "nothing is required"


def test_where_nothing_is_required_there_is_nothing_to_ask_for() -> None:
    assert of(vpc(own_security_group()), "monitoring") is None


# ---- after a refusal


def all_of(*seen: Vpc) -> list[Candidate]:
    return [one for each in seen for one in candidates(each, plan(cut_off(each), "monitoring", "logs", "s3"), OWNER)]


def test_after_a_refusal_the_next_is_of_another_vpc_and_of_another_service() -> None:
    first, second = vpc(subnet(), own_security_group()), vpc(subnet(), own_security_group(), id="vpc-2")
    found = all_of(first, second)
    refused: list[Candidate] = []
    while (one := best(found, refused)) is not None:
        refused.append(one)
    assert sorted(map(found.index, refused)) == list(range(len(found)))
    assert refused[0] == found[0]
    assert refused[1].vpc_id != refused[0].vpc_id
    assert refused[1].action.service_name != refused[0].action.service_name


def test_in_a_single_vpc_the_next_is_of_another_service_and_that_without_a_group_is_last() -> None:
    found = all_of(vpc(subnet()))
    one = best(found)
    assert one is not None
    assert one.action.service_name == S3
    after = best(found, [one])
    assert after is not None
    assert after.lacks_group
    assert best(found, found) is None
