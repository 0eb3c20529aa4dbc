"""The whole handler where AWS doesn't let everything be read: the rest goes on, and the answer says what is missing."""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.routed import RoutedStore
from lifeline.core.network.model import NO_CAPACITY
from lifeline.core.notices.notice import Notice
from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.cases import Case
from tests.support.world import Context, World, emulated_world

DENIED, THROTTLED = ("UnauthorizedOperation", 403), ("Throttling", 400)
SERVICES = "DescribeVpcEndpointServices"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


class Refusing:
    """Makes a service of AWS's refuse calls, until told otherwise."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def __call__(self, service: str, operation: str, how: tuple[str, int], of: str = "") -> None:
        events, name = client(service).meta.events, f"before-call.*.{operation}"

        def refuse(params: object, **_: object) -> None:
            if of in str(params):
                code, status = how
                answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(answer, operation)

        events.register(name, refuse)
        self._undo.append(lambda: events.unregister(name, refuse))

    def end(self) -> None:
        while self._undo:
            self._undo.pop()()


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    made = Refusing()
    yield made
    made.end()


def site(world: World, cidr: str = "10.0.0.0/16") -> str:
    vpc_id = world.make_vpc(cidr=cidr)
    world.make_subnet(vpc_id, cidr=cidr.replace("0.0/16", "1.0/24"))
    return vpc_id


def call(event: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(handler(event, Context()))))


def look(*vpc_ids: str, **more: object) -> dict[str, dict[str, Any]]:
    return {one["vpc_id"]: one for one in call({"vpc_ids": [*vpc_ids], **more})["vpcs"]}


# ---- one part is missing


@pytest.mark.parametrize("operation", ["DescribeNatGateways", "DescribeAvailabilityZones", "DescribeNetworkAcls"])
def test_an_isolated_subnet_gets_its_endpoint_and_the_answer_says_what_was_not_read(
    world: World, refusing: Refusing, operation: str
) -> None:
    vpc_id = site(world)
    refusing("ec2", operation, DENIED)
    answer = look(vpc_id)[vpc_id]
    assert answer["outcome"] == "changed"
    assert "could not be read" in answer["note"]
    assert "UnauthorizedOperation" in answer["note"]
    assert len(world.endpoints(vpc_id)) == 1


def test_without_the_security_groups_nothing_is_made_and_what_is_on_record_stays(
    world: World, refusing: Refusing
) -> None:
    vpc_id, other = site(world), site(world, "10.1.0.0/16")
    look(vpc_id)
    refusing("ec2", "DescribeSecurityGroups", DENIED)
    call({"sweep": True})
    assert [len(world.endpoints(id_)) for id_ in (vpc_id, other)] == [1, 0]
    left = {action["error"] for action in look(other)[other]["actions"]}
    assert left == {"the security groups could not be read"}
    kept = world.dynamodb.scan(TableName="ledger")["Items"]
    assert [one["sk"]["S"] for one in kept if one["sk"]["S"].startswith("OWNED#sg-")] != []


def test_a_vpc_that_goes_meanwhile_is_gone_and_the_others_are_served(world: World, refusing: Refusing) -> None:
    going, staying = site(world), site(world, "10.1.0.0/16")
    refusing("ec2", "DescribeVpcAttribute", ("InvalidVpcID.NotFound", 400), of=going)
    for event in ({"vpc_ids": [going, staying]}, {"sweep": True}):
        answers = {one["vpc_id"]: one for one in call(event)["vpcs"]}
        assert (world.endpoints(going), len(world.endpoints(staying))) == ([], 1)
        assert "gone" in json.dumps(answers[going]) or "does not exist" in json.dumps(answers[going])


# ---- people hear of it


def denied_notices(world: World) -> list[dict[str, Any]]:
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in world.forms()]
    return [form for form in forms if form["kind"] == "read_denied"]


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "DescribeNetworkAcls"),
        ("ec2", "DescribeNatGateways"),
        ("ec2", "DescribeAvailabilityZones"),
        ("ec2", "DescribeSecurityGroups"),
        ("ec2", "DescribeVpcAttribute"),
        ("ec2", "DescribeDhcpOptions"),
        ("ec2", SERVICES),
        ("route53", "ListHostedZonesByVPC"),
        ("route53resolver", "ListResolverRuleAssociations"),
        ("route53profiles", "ListProfileAssociations"),
    ],
)
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AccessDeniedException"])
def test_a_read_that_is_denied_is_notified_once(
    world: World, refusing: Refusing, service: str, operation: str, code: str
) -> None:
    vpc_id = site(world)
    refusing(service, operation, (code, 403))
    call({"vpc_ids": [vpc_id], "mode": "plan"})
    assert denied_notices(world) == []
    call({"vpc_ids": [vpc_id]})
    call({"vpc_ids": [vpc_id]})
    call({"sweep": True})
    (notice,) = denied_notices(world)
    assert list(notice["facts"]["denied"]) == [operation]
    assert operation in notice["subject"]


@pytest.mark.parametrize("operation", ["DescribeNetworkAcls", "DescribeDhcpOptions", SERVICES])
def test_a_read_that_is_throttled_is_no_denial(world: World, refusing: Refusing, operation: str) -> None:
    vpc_id = site(world)
    refusing("ec2", operation, THROTTLED)
    call({"vpc_ids": [vpc_id]})
    assert denied_notices(world) == []


def test_several_denied_reads_are_one_notice_and_a_further_one_is_another(world: World, refusing: Refusing) -> None:
    vpc_id = site(world)
    refusing("ec2", "DescribeNetworkAcls", DENIED)
    refusing("ec2", "DescribeNatGateways", DENIED)
    call({"vpc_ids": [vpc_id]})
    refusing("ec2", "DescribeDhcpOptions", DENIED)
    call({"vpc_ids": [vpc_id, site(world, "10.1.0.0/16")]})
    first, second = denied_notices(world)
    assert set(first["facts"]["denied"]) == {"DescribeNetworkAcls", "DescribeNatGateways"}
    assert set(second["facts"]["denied"]) == {"DescribeDhcpOptions"}


def test_a_notice_of_a_denied_read_that_could_not_be_sent_is_sent_by_a_later_run(
    world: World, refusing: Refusing
) -> None:
    vpc_id = site(world)
    refusing("ec2", "DescribeNetworkAcls", DENIED)
    refusing("sns", "Publish", THROTTLED)
    call({"vpc_ids": [vpc_id]})
    refusing.end()
    refusing("ec2", "DescribeNetworkAcls", DENIED)
    call({"sweep": True})
    assert len(denied_notices(world)) == 1


# ---- throttled


def test_a_throttled_look_at_central_dns_is_tried_again_and_nobody_is_told_that_anything_is_blocked(
    world: World, refusing: Refusing
) -> None:
    vpc_id = site(world)
    refusing("route53", "ListHostedZonesByVPC", THROTTLED)
    answer = look(vpc_id)[vpc_id]
    assert (answer["outcome"], world.endpoints(vpc_id)) == ("planned", [])
    assert {action["error"] for action in answer["actions"]} == {
        "AWS had no capacity for the calls that this takes, so Lifeline will try again in a minute"
    }
    assert [(one["vpc_ids"], one["attempt"]) for one in world.requeue()] == [([vpc_id], 1)]
    assert world.notices() == []


def test_after_as_many_attempts_as_anything_gets_a_person_hears_of_it(world: World, refusing: Refusing) -> None:
    vpc_id = site(world)
    refusing("route53", "ListHostedZonesByVPC", THROTTLED)
    handler(sqs({"vpc_ids": [vpc_id], "attempt": 6}), Context())
    (notice,) = world.notices()
    assert "Throttling" in notice["Body"]
    assert world.requeue() == []


def test_a_refused_look_at_central_dns_is_blocked_as_ever(world: World, refusing: Refusing) -> None:
    vpc_id = site(world)
    refusing("route53", "ListHostedZonesByVPC", ("AccessDenied", 403))
    assert look(vpc_id)[vpc_id]["outcome"] == "blocked"
    assert world.requeue() == []


OPTIONAL = (
    "DescribeNetworkAcls",
    "DescribeNatGateways",
    "DescribeAvailabilityZones",
    "DescribeSecurityGroups",
    "DescribeVpcAttribute",
)


@pytest.mark.parametrize("operation", OPTIONAL)
def test_a_throttled_part_holds_up_what_depends_on_it_until_a_later_run_and_nothing_else(
    world: World, refusing: Refusing, operation: str
) -> None:
    vpc_id, open_id = site(world), world.make_vpc(cidr="10.1.0.0/16")
    world.open_to_internet(open_id)
    world.make_subnet(open_id, cidr="10.1.1.0/24")
    refusing("ec2", operation, THROTTLED)
    answers = look(vpc_id, open_id)
    assert {action["error"] for action in answers[vpc_id]["actions"] if action["status"] == "planned"} <= {NO_CAPACITY}
    assert all(NO_CAPACITY in action["error"] for action in answers[vpc_id]["actions"])
    assert "could not be read: describe_" in answers[vpc_id]["note"]
    assert answers[open_id]["outcome"] == "unchanged"
    assert [(one["vpc_ids"], one["attempt"]) for one in world.requeue()] == [([vpc_id], 1)]
    assert (world.notices(), world.endpoints(vpc_id)) == ([], [])
    refusing.end()
    call({"sweep": True})
    assert len(world.endpoints(vpc_id)) == 1


@pytest.mark.parametrize("operation", OPTIONAL)
def test_what_stays_throttled_is_judged_as_what_is_denied_after_as_many_attempts_as_anything_gets(
    world: World, refusing: Refusing, operation: str
) -> None:
    vpc_id = site(world)
    refusing("ec2", operation, THROTTLED)
    assert handler(sqs({"vpc_ids": [vpc_id], "attempt": 6}), Context()) == {"batchItemFailures": []}
    (notice,) = world.notices()
    assert NO_CAPACITY not in notice["Body"]
    is_made = operation in {"DescribeNetworkAcls", "DescribeNatGateways", "DescribeAvailabilityZones"}
    assert (len(world.endpoints(vpc_id)), world.requeue()) == (int(is_made), [])


# ---- the catalog


@pytest.mark.parametrize("how", [DENIED, THROTTLED])
def test_hands_off_works_while_the_regions_services_cant_be_read(
    world: World, refusing: Refusing, monkeypatch: pytest.MonkeyPatch, how: tuple[str, int]
) -> None:
    vpc_id = site(world)
    refusing("ec2", SERVICES, how)
    answer = call({"vpc_ids": [vpc_id], "freeze": True})
    assert "errors" not in answer
    assert "the region's endpoint services could not be read" in answer["vpcs"][0]["note"]
    assert bool(world.notices()) is (how == DENIED)  # what will pass is no news
    refusing.end()
    monkeypatch.setattr("lifeline.adapters.aws.network.monotonic", lambda: 1e12)
    answer = look(vpc_id)[vpc_id]
    assert (answer["outcome"], world.endpoints(vpc_id)) == ("blocked", [])
    assert "frozen since" in answer["actions"][0]["error"]


def test_a_name_that_cant_be_checked_is_frozen_as_written_and_the_answer_says_so(
    world: World, refusing: Refusing
) -> None:
    vpc_id = site(world)
    refusing("ec2", SERVICES, DENIED)
    answer = look(vpc_id, freeze=["monitorng"])[vpc_id]
    assert answer["note"].startswith("frozen as written, because the names couldn't be checked: monitorng")
    assert "errors" not in call({"vpc_ids": [vpc_id], "unfreeze": ["monitorng"]})
    (error,) = call({"vpc_ids": [vpc_id], "unfreeze": ["monitoring"]})["errors"]
    assert error["field"] == "unfreeze[0]"


def test_a_change_that_comes_while_the_services_are_throttled_comes_again(world: World, refusing: Refusing) -> None:
    vpc_id = site(world)
    refusing("ec2", SERVICES, THROTTLED)
    result = handler(sqs({"vpc_ids": [vpc_id]}), Context())
    assert len(result["batchItemFailures"]) == 1


# ---- misspelt services


@pytest.mark.parametrize("name", ["monitorng", "cloudwatch", "com.amazonaws.us-east-1.monitoring", "Monitoring"])
@pytest.mark.parametrize("field", ["freeze", "unfreeze"])
def test_a_misspelt_service_is_refused_and_nothing_of_the_call_is_done(world: World, field: str, name: str) -> None:
    vpc_id = site(world)
    answer = call({"vpc_ids": [vpc_id], field: ["monitoring", name]})
    (error,) = answer["errors"]
    assert error["field"] == f"{field}[1]"
    assert "did you mean" in error["message"]
    assert (answer["vpcs"], world.endpoints(vpc_id)) == ([], [])


def test_a_named_set_freezes_its_services(world: World) -> None:
    vpc_id = site(world)
    answer = look(vpc_id, freeze=["cloudwatch-agent"])[vpc_id]
    assert (answer["outcome"], world.endpoints(vpc_id)) == ("blocked", [])


def test_a_misspelt_service_is_exempt_from_nothing(world: World) -> None:
    vpc_id = site(world)
    answer = call({"exempt": [vpc_id], "services": ["monitoring", "loggs"], "days": 7})
    assert (answer["exempt"], answer["errors"][0]["field"]) == ([], "services[1]")
    assert look(vpc_id)[vpc_id]["outcome"] == "changed"


def tag(world: World, resource_id: str, key: str, value: str) -> None:
    world.ec2.create_tags(Resources=[resource_id], Tags=[{"Key": key, "Value": value}])


def test_a_misspelt_service_in_a_tag_is_notified_once_and_takes_nothing_away(world: World) -> None:
    vpc_id = site(world)
    tag(world, vpc_id, "lifeline:require", "monitorng")
    answer = look(vpc_id)[vpc_id]
    by_service = {action["service"]: action for action in answer["actions"] if action["service"]}
    assert by_service["monitorng"]["error"].endswith("named monitorng; did you mean monitoring?")
    assert by_service["monitoring"]["status"] == "done"  # the policy's rule still asks
    assert "monitorng" in json.dumps(world.notices())
    call({"sweep": True})
    assert world.notices() == []


def test_a_tag_that_may_exempt_holds_the_vpc_back_and_is_notified_once(world: World) -> None:
    vpc_id, other = site(world), site(world, "10.1.0.0/16")
    tag(world, vpc_id, "lifeline:exempt", "monitorng")
    answers = look(vpc_id, other)
    assert (world.endpoints(vpc_id), len(world.endpoints(other))) == ([], 1)
    actions = {action["action"]: action for action in answers[vpc_id]["actions"]}
    assert actions["create_interface_endpoint"]["error"].startswith(
        f"nothing is made in the VPC because the tag lifeline:exempt of {vpc_id} is 'monitorng'"
    )
    assert actions["correct_tag"]["status"] == "blocked"
    assert "lifeline:exempt" in json.dumps(world.notices())
    call({"sweep": True})
    assert world.notices() == []


def test_a_tag_that_may_exempt_one_subnet_withholds_nothing_from_the_others(world: World) -> None:
    """Whoever may tag one subnet must not keep the VPC's others from being repaired."""
    vpc_id = site(world)
    other = world.make_subnet(vpc_id, "10.0.2.0/24")
    tag(world, other, "lifeline:exempt", "monitorng")
    answer = look(vpc_id)[vpc_id]
    assert len(world.endpoints(vpc_id)) == 1
    by_status = {(action["action"], action["status"]) for action in answer["actions"]}
    assert {("create_interface_endpoint", "done"), ("correct_tag", "blocked")} <= by_status
    assert f"the tag lifeline:exempt of {other} is 'monitorng'" in json.dumps(world.notices())
    call({"sweep": True})
    assert world.notices() == []


def test_a_tag_that_may_exempt_the_only_subnet_takes_nothing_away(world: World) -> None:
    vpc_id = site(world)
    look(vpc_id)
    (subnet,) = world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    tag(world, subnet["SubnetId"], "lifeline:exempt", "monitorng")
    for _ in range(3):
        answer = look(vpc_id)[vpc_id]
        assert not [one for one in answer["actions"] if one["action"] == "retire_endpoint" and one["status"] == "done"]
    assert len(world.endpoints(vpc_id)) == 1


# ---- what decides nothing by itself


@pytest.mark.parametrize("how", [DENIED, THROTTLED])
def test_dhcp_options_that_cant_be_read_stop_nothing_and_are_named(
    world: World, refusing: Refusing, how: tuple[str, int]
) -> None:
    vpc_id = site(world)
    refusing("ec2", "DescribeDhcpOptions", how)
    answer = look(vpc_id)[vpc_id]
    assert answer["outcome"] == "changed"
    assert answer["note"] == f"the VPC's DHCP options could not be read: describe_dhcp_options: {how[0]}: no"


@pytest.mark.parametrize("how", [DENIED, THROTTLED])
def test_routes_targets_are_known_although_what_is_attached_to_them_cant_be_read(
    world: World, refusing: Refusing, how: tuple[str, int]
) -> None:
    vpc_id, other = site(world), site(world, "10.1.0.0/16")
    (subnet,) = world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    made = world.ec2.create_network_interface(SubnetId=subnet["SubnetId"])
    interface_id = made["NetworkInterface"]["NetworkInterfaceId"]
    table_id = world.main_table(vpc_id)
    world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=interface_id)
    refusing("ec2", "DescribeNetworkInterfaces", how)
    answers = look(vpc_id, other)
    assert "what is attached to the network interfaces that routes lead to could not be read" in answers[vpc_id]["note"]
    assert "routes lead to" not in answers[other]["note"]  # only whether its clients reach an endpoint isn't known
    assert RoutedStore("ledger").read() == {vpc_id: frozenset({interface_id})}
    refusing.end()
    ran = world.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"])
    instance_id = ran["Instances"][0]["InstanceId"]
    attached = world.ec2.attach_network_interface(
        NetworkInterfaceId=interface_id, InstanceId=instance_id, DeviceIndex=1
    )
    known = {vpc_id: frozenset({interface_id, instance_id, attached["AttachmentId"]})}
    look(vpc_id)
    assert RoutedStore("ledger").read() == known
    refusing("ec2", "DescribeNetworkInterfaces", how)
    call({"sweep": True})
    assert RoutedStore("ledger").read() == known  # what was known stays known


def test_a_read_that_is_denied_to_the_detector_is_notified_as_the_detectors(case: Case) -> None:
    published: list[Notice] = []
    publish = Topic.publish

    def note(self: Topic, notice: Notice) -> None:
        published.append(notice)
        publish(self, notice)

    case.monkeypatch.setattr(Topic, "publish", note)
    vpc_id, _, private = case.behind_nat()
    agent = case.launch(private)
    case.guard(vpc_id, private, (100, True, "allow", "10.0.0.0/8", None))
    case.account.fail_next("DescribeNetworkAcls", "UnauthorizedOperation", times=99)
    case.why_silent(agent["InstanceId"])  # two runs
    (notice,) = [one for one in published if one.kind == "read_denied"]
    assert [*cast("dict[str, str]", notice.facts["denied"])] == ["DescribeNetworkAcls"]
    assert any("DetectMetricGaps' role" in line for line in notice.next)
    assert "incident_opened" in {one.kind for one in published}


def test_a_list_that_its_owner_shares_no_more_withholds_no_endpoint_where_nobody_has_a_public_address(
    world: World, refusing: Refusing
) -> None:
    """Whoever can add routes and has another account can have one that nobody else may read."""
    vpc_id = site(world)
    ec2 = world.ec2
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    private = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "AssociatePublicIpAddress": False}
    ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[private])
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    entries = [{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]
    made = ec2.create_managed_prefix_list(PrefixListName="theirs", MaxEntries=2, AddressFamily="IPv4", Entries=entries)
    list_id = made["PrefixList"]["PrefixListId"]
    ec2.create_route(RouteTableId=world.main_table(vpc_id), DestinationPrefixListId=list_id, GatewayId=gateway_id)
    refusing("ec2", "GetManagedPrefixListEntries", DENIED)
    look(vpc_id)
    assert len(world.endpoints(vpc_id)) == 1
