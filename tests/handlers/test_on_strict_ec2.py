"""The whole handler against an EC2 that refuses what AWS refuses: conflicts, zones, quotas, tokens, pending states."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.call_rate import CallRate
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.at_once import at_once
from tests.support.examples import examples
from tests.support.strict import Clock, StrictAccount
from tests.support.world import Context, World, emulated_world

SERVICES = "monitoring,logs,s3"
NO_LIMITS = dict.fromkeys(("endpoints_per_day", "vpcs_per_day", "monthly_usd"), 10_000)
VARIABLES = {"REQUIRED_SERVICES": SERVICES, **NO_LIMITS}
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
LATER = timedelta(minutes=5)
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # each example is a second of emulated AWS: no shrinking


class Strict:
    """The emulated account, EC2's strictness in front of it, and its clock. Hypothesis prints it."""

    def __init__(self, world: World, account: StrictAccount, clock: Clock) -> None:
        self.world = world
        self.account = account
        self.clock = clock

    def __repr__(self) -> str:
        return "strict"

    def look(self, vpc_id: str, **more: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(json.dumps(handler({"vpc_ids": [vpc_id], **more}, Context())))
        (found,) = answer["vpcs"]
        return dict(found)


@pytest.fixture(scope="module")
def strict() -> Iterator[Strict]:
    with pytest.MonkeyPatch.context() as monkeypatch, emulated_world(monkeypatch, **VARIABLES) as world:
        clock = Clock()
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: timedelta(0))  # no waiting for turns
        account = StrictAccount(now=clock, shuffle=7, throttling=False, gateway_quota=10_000)
        account.attach(client("ec2"))
        yield Strict(world, account, clock)


def statuses(answer: dict[str, Any]) -> set[str]:
    return {one["status"] for one in answer["actions"]}


def test_a_look_makes_what_is_missing_and_the_next_finds_nothing_to_do(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    for place, zone in enumerate(ZONES):
        strict.world.make_subnet(vpc_id, f"10.0.{place}.0/24", zone)
    first = strict.look(vpc_id)
    assert (first["outcome"], statuses(first)) == ("changed", {"done"})
    strict.clock.advance(LATER)
    second = strict.look(vpc_id)
    assert (second["outcome"], second["actions"]) == ("unchanged", [])
    assert {one["service"]: one["state"] for one in second["services"]} == dict.fromkeys(SERVICES.split(","), "served")


def test_while_it_is_pending_it_is_waited_for_not_made_again(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    strict.world.make_subnet(vpc_id)
    strict.look(vpc_id)
    strict.clock.advance(timedelta(seconds=10))
    answer = strict.look(vpc_id)
    assert answer["actions"] == []
    assert {"pending"} <= {one["state"] for one in answer["services"]}


def test_what_a_describe_does_not_show_yet_is_not_made_again(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    strict.world.make_subnet(vpc_id)
    strict.look(vpc_id)
    again = strict.look(vpc_id)  # at the very same moment: EC2 still hides what was made
    assert "failed" not in statuses(again)
    strict.clock.advance(LATER)
    assert len(strict.world.endpoints(vpc_id)) == 3


def test_a_timeout_after_the_creation_makes_no_second_endpoint(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    strict.world.make_subnet(vpc_id)
    strict.account.fail_next("CreateVpcEndpoint", "InternalError", after_effect=True)
    first = strict.look(vpc_id)
    assert "failed" not in statuses(first)
    strict.clock.advance(LATER)
    strict.look(vpc_id)
    strict.clock.advance(LATER)
    made = strict.world.endpoints(vpc_id)
    assert sorted(one["ServiceName"].rpartition(".")[2] for one in made) == sorted(SERVICES.split(","))


def test_one_that_fails_is_replaced_twice_and_then_left_to_a_person(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    strict.world.make_subnet(vpc_id)
    name = strict.account.name_of("monitoring")
    strict.account.fail_endpoints_of(name, "InsufficientCapacity", "no capacity", times=3)
    outcomes = []
    for _ in range(8):
        answer = strict.look(vpc_id, follow=True)
        outcomes += [(one["action"], one["status"]) for one in answer["actions"] if one["service"] == "monitoring"]
        strict.clock.advance(LATER)
    assert outcomes[0] == ("create_interface_endpoint", "done")
    assert outcomes.count(("replace_endpoint", "done")) <= 2
    assert outcomes[-1] == ("replace_endpoint", "blocked")
    subjects = [json.loads(one["Body"])["Subject"] for one in strict.world.notices()]
    assert any("not available" in subject for subject in subjects)


def test_two_runs_at_once_make_one_of_each(strict: Strict) -> None:
    vpc_id = strict.world.make_vpc()
    strict.world.make_subnet(vpc_id)
    event = {"vpc_ids": [vpc_id]}
    at_once(*(partial(handler, event, Context(aws_request_id=f"run-{place}")) for place in range(2)))
    strict.clock.advance(LATER)
    names = [one["ServiceName"] for one in strict.world.endpoints(vpc_id)]
    assert len(names) == len(set(names)) == 3
    assert len(strict.world.groups(vpc_id)) == 1
    refused = [call for call in strict.account.calls if call.error and call.operation.startswith("Create")]
    assert [call.error for call in refused if vpc_id in str(call.params)] == []


@dataclass(frozen=True)
class Sketch:
    """A random network: each subnet's zone, route and room, and what others have put there. `names` are those of a
    service of which the VPC has private hosted zones, if its DNS is on.
    """

    subnets: tuple[tuple[str, str, int, str], ...]
    foreign: tuple[tuple[str, bool, tuple[int, ...]], ...]
    dns: bool
    names: frozenset[str]


subnets = st.lists(
    st.tuples(
        st.sampled_from(ZONES),
        st.sampled_from(["main", "public", "own", "own"]),
        st.sampled_from([2, 4, 50, 200]),
        st.sampled_from(["", "", "", "local-zone", "others", "outpost"]),
    ),
    min_size=1,
    max_size=5,
).map(tuple)
foreign = st.lists(
    st.tuples(st.sampled_from(["monitoring", "logs", "s3"]), st.booleans(), st.lists(st.integers(0, 4)).map(tuple)),
    max_size=2,
    unique_by=lambda one: one[0],
).map(tuple)
names = st.sampled_from(
    ["monitoring.us-east-1.amazonaws.com", "monitoring-fips.us-east-1.amazonaws.com", "monitoring.us-east-1.api.aws"]
)
sketches = st.builds(
    Sketch, subnets, foreign, st.sampled_from([True, True, True, False]), st.just(frozenset()) | st.frozensets(names)
)


@settings(max_examples=examples(10, soak=100), phases=QUICK)
@given(sketch=sketches)
def test_on_any_network_a_plan_is_accepted_leaves_nothing_and_touches_nothing_foreign(
    strict: Strict, sketch: Sketch
) -> None:
    vpc_id, others = build(strict, sketch)
    before = len(strict.account.calls)
    planned = strict.look(vpc_id, mode="plan")
    first = strict.look(vpc_id)

    assert statuses(first) <= {"done", "blocked"}, first
    assert [one["action"] for one in first["actions"]] == [one["action"] for one in planned["actions"]]
    refused = [call for call in strict.account.calls[before:] if call.error]
    assert refused == []
    for resource_id in others:
        assert strict.account.mutations_of(resource_id) == []
    strict.clock.advance(LATER)
    second = strict.look(vpc_id)
    assert statuses(second) <= {"blocked"}, second
    assert blocked(second) <= blocked(first)  # what others must do may shrink: Lifeline's interfaces took addresses
    zones = {one["SubnetId"]: one["AvailabilityZone"] for one in subnets_of(strict, vpc_id)}
    for endpoint in strict.world.endpoints(vpc_id):
        used = [zones[subnet_id] for subnet_id in endpoint.get("SubnetIds", [])]
        assert len(used) == len(set(used))


def blocked(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["action"], one["service"]) for one in answer["actions"] if one["status"] == "blocked"}


def subnets_of(strict: Strict, vpc_id: str) -> list[dict[str, Any]]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found: list[dict[str, Any]] = strict.world.ec2.describe_subnets(Filters=filters)["Subnets"]
    return found


def build(strict: Strict, sketch: Sketch) -> tuple[str, list[str]]:
    """The sketch as a network, and the ids of what is foreign in it."""
    world, ec2 = strict.world, strict.world.ec2
    vpc_id = world.make_vpc(dns=sketch.dns)
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    public = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    ids = [_build_subnet(strict, vpc_id, public, place, one) for place, one in enumerate(sketch.subnets)]
    for name in sorted(sketch.names) if sketch.dns else ():
        world.hub_zone(vpc_id, name, "10.9.0.10")
    others = [one for place, one in enumerate(sketch.foreign) if _is_possible(one, sketch)]
    made = [_build_foreign(strict, vpc_id, ids, one, public) for one in others]
    return vpc_id, [resource_id for resource_id in made if resource_id]


def _is_possible(one: tuple[str, bool, tuple[int, ...]], sketch: Sketch) -> bool:
    service, private_dns, _ = one
    return service == "s3" or not private_dns or (sketch.dns and not (service == "monitoring" and sketch.names))


def _build_subnet(strict: Strict, vpc_id: str, public: str, place: int, one: tuple[str, str, int, str]) -> str:
    zone, table, free, kind = one
    subnet_id = strict.world.make_subnet(vpc_id, f"10.0.{place}.0/24", zone)
    if table == "public":
        strict.world.ec2.associate_route_table(RouteTableId=public, SubnetId=subnet_id)
    elif table == "own":
        made = strict.world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        strict.world.ec2.associate_route_table(RouteTableId=made, SubnetId=subnet_id)
    strict.account.set_free_addresses(subnet_id, free)
    if kind == "local-zone":
        strict.account.place_in_zone(subnet_id, "us-east-1-bos-1a", "use1-bos1-az1", "local-zone")
    elif kind == "others":
        strict.account.show(subnet_id, OwnerId="999999999999")
    elif kind == "outpost":
        strict.account.show(subnet_id, OutpostArn="arn:aws:outposts:us-east-1:1:outpost/op-0123456789abcdef0")
    return subnet_id


def _build_foreign(
    strict: Strict, vpc_id: str, ids: list[str], one: tuple[str, bool, tuple[int, ...]], public: str
) -> str:
    service, private_dns, places = one
    ec2 = strict.world.ec2
    name = strict.account.name_of(service)
    if service == "s3":
        made = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=name, RouteTableIds=[public])
        return str(made["VpcEndpoint"]["VpcEndpointId"])
    group = ec2.create_security_group(GroupName=f"theirs-{service}", Description="theirs", VpcId=vpc_id)["GroupId"]
    subnet_ids = [ids[place] for place in places[:1] if place < len(ids)]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        VpcEndpointType="Interface",
        ServiceName=name,
        SubnetIds=subnet_ids,
        SecurityGroupIds=[group],
        PrivateDnsEnabled=private_dns,
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])
