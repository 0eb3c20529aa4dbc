"""A swap on the strict stand-in, any of whose calls may fail: when is a name answered by nobody, and what ends that?"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifeline.adapters.aws.associations import Associations
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.network import Network
from lifeline.core.errors import LifelineError
from lifeline.core.network.dns import AnswerKind, DnsAnswer
from lifeline.core.network.hub import HubSource, HubView
from lifeline.core.network.model import IN_PLACE_OF, MANAGED_BY, Catalog, EndpointType
from lifeline.core.network.model import Service as Offered
from lifeline.core.plan.actions import HALFWAY, NAMING, UNANSWERED, Action, ActionKind
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.central import Central
from lifeline.core.policy.policy import Requirement
from tests.support.examples import examples
from tests.support.strict import INTERFACE, Clock, Service, StrictAccount
from tests.support.world import World, emulated_world

OWNER, MONITORING = "lifeline", "com.amazonaws.us-east-1.monitoring"
NAMES = ("monitoring.us-east-1.amazonaws.com", "monitoring.us-east-1.api.aws")
TO_LOCAL, BACK, AGAIN = ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL, ActionKind.RESTORE_LOCAL
PRIVATE_DNS, LETS_GO = "ModifyVpcEndpoint", "DisassociateVPCFromHostedZone"
PATIENCE = timedelta(seconds=90)  # so long Lifeline waits for AWS to let go of a name

faults = st.dictionaries(
    st.integers(0, 7),
    st.sampled_from(
        [
            ("Throttling", False),
            ("AccessDenied", False),
            ("LimitsExceeded", False),
            ("InvalidParameter", False),
            ("OperationInProgress", False),
            ("PriorRequestNotComplete", False),
            ("ServiceUnavailable", False),
            ("ServiceUnavailable", True),  # the change is made, and its answer lost
        ]
    ),
    max_size=4,
)


class Aws:
    """An account with a hub, on the stand-in, and a fresh spoke for each example."""

    def __init__(self, world: World) -> None:
        self.world, self.clock, self.numbers = world, Clock(), count()
        self.account = StrictAccount(now=self.clock, throttling=False, interface_quota=10_000)
        self.account.offer(Service(MONITORING, INTERFACE, private_dns_names=NAMES))
        for service in ("ec2", "route53", "route53profiles"):
            self.account.attach(client(service))
        self.hub_id = world.make_vpc(cidr="10.9.0.0/16")

    def __repr__(self) -> str:
        return "aws"  # and not all that is in it, for each example

    def spoke(self, kind: ActionKind, zones: int, *, by_profile: bool) -> "Spoke":
        """A VPC that the hub's zones or a Profile answer in, or an endpoint that stands in for them."""
        vpc_id = self.world.make_vpc()
        subnet_id = self.world.make_subnet(vpc_id)
        of_zones = [self.world.hub_zone(self.hub_id, name, "10.9.0.10") for name in NAMES[:zones]]
        ids = tuple(of_zones)
        if by_profile:
            ids = (f"rp-{next(self.numbers)}",)
            arns = [f"arn:aws:route53:::hostedzone/{zone_id}" for zone_id in of_zones]
            self.account.dns.add_profile(ids[0], owner=self.account.account_id, resources=arns)
            self.account.dns.profiles[ids[0]].vpc_ids.append(vpc_id)
        elif kind is not BACK:
            self.share(vpc_id, of_zones)
        tags = [{"Key": MANAGED_BY, "Value": OWNER}, {"Key": IN_PLACE_OF, "Value": " ".join(ids)}]
        made = self.world.ec2.create_vpc_endpoint(
            VpcId=vpc_id,
            VpcEndpointType="Interface",
            ServiceName=MONITORING,
            SubnetIds=[subnet_id],
            PrivateDnsEnabled=kind is BACK,
            TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}],
        )["VpcEndpoint"]
        self.clock.advance(self.account.pending_for)
        return Spoke(self, vpc_id, subnet_id, made["VpcEndpointId"], tuple(of_zones), ids)

    def share(self, vpc_id: str, zone_ids: list[str]) -> None:
        for zone_id in zone_ids:
            vpc: Any = {"VPCRegion": "us-east-1", "VPCId": vpc_id}
            client("route53").associate_vpc_with_hosted_zone(HostedZoneId=zone_id, VPC=vpc)


@dataclass(repr=False)
class Spoke:
    """The VPC, and what becomes of its names while a swap goes on. `unanswered` are the calls that were tried while
    nobody answered one of them, with the time of each.
    """

    aws: Aws
    vpc_id: str
    subnet_id: str
    endpoint_id: str
    zone_ids: tuple[str, ...]
    central_ids: tuple[str, ...]
    unanswered: list[tuple[str, Any]] = field(default_factory=list)

    def is_answered(self) -> bool:
        """Whether a zone, the Profile or the endpoint has each name, as AWS has it on record."""
        dns = self.aws.account.dns
        profiles = (dns.profiles[id_].vpc_ids for id_ in self.central_ids if id_ in dns.profiles)
        if self.has_endpoint() or any(self.vpc_id in vpc_ids for vpc_ids in profiles):
            return True
        return set(self.zone_ids) <= set(dns.zones_of(self.vpc_id))

    def has_endpoint(self) -> bool:
        return bool(self.aws.account.endpoint(self.endpoint_id).private_dns_enabled)

    def is_shared(self) -> bool:
        """Whether zones, or the Profile, are in the VPC."""
        dns = self.aws.account.dns
        profiles = [id_ for id_ in self.central_ids if id_ in dns.profiles and self.vpc_id in dns.profiles[id_].vpc_ids]
        return bool(profiles or set(self.zone_ids) & set(dns.zones_of(self.vpc_id)))

    def swap(self, kind: ActionKind, account: str, refused: dict[int, tuple[str, bool]]) -> LifelineError | None:
        """What came of the swap, whose calls of these numbers fail."""
        numbers = count()

        def watch(operation: str, params: dict[str, Any]) -> None:
            if operation.startswith(("Describe", "Get", "List")):
                return
            if fault := refused.get(next(numbers)):
                self.aws.account.fail_next(operation, fault[0], after_effect=fault[1])
            if not self.is_answered():
                self.unanswered.append((operation, params.get("PrivateDnsEnabled")))

        action = Action(
            kind,
            "why",
            service="monitoring",
            service_name=MONITORING,
            endpoint_id=self.endpoint_id,
            central_ids=self.central_ids,
            central_account=account,
        )
        self.aws.account.listeners.append(watch)
        try:
            self.hands().apply(action, vpc_id=self.vpc_id)
        except LifelineError as error:
            return error
        finally:
            self.aws.account.listeners.remove(watch)
            self.aws.account.faults.clear()
        return None

    def hands(self) -> Endpoints:
        associations = Associations("us-east-1", lambda _: client, client)
        pause = self.aws.clock.advance
        return Endpoints(
            OWNER, lambda *_: None, client("ec2"), lambda wait: pause(timedelta(seconds=wait)), associations
        )

    def next_run(self) -> None:
        """What a later run does by itself, in which AWS refuses nothing. The ledger has the beginning of the swap."""
        self.aws.clock.advance(timedelta(minutes=5))
        network = Network(client("ec2"))
        (vpc,) = network.with_clients(network.observe([self.vpc_id]), None)
        ours = replace(vpc, endpoints=tuple(replace(one, on_record=True) for one in vpc.endpoints))
        dns = CentralDns(client=client).view(self.vpc_id, region="us-east-1")
        hub = Central(frozenset({"monitoring"}), ("10.9.0.0/16",), zones=self.zone_ids)
        asked = (Requirement("monitoring", frozenset({self.subnet_id}), per_zone=True),)
        zones = zip(self.zone_ids, NAMES, strict=False)
        there = [HubSource(id_, (DnsAnswer(AnswerKind.PRIVATE_ZONE, name, id_, ""),)) for id_, name in zones]
        seen = HubView("", tuple(there))
        wanted = PlanInput(asked, OWNER, dns=dns, central=hub, hub=seen, may_associate=True)
        offered = Offered(MONITORING, EndpointType.INTERFACE, private_dns_names=NAMES)
        for action in plan_endpoints(ours, Catalog((offered,)), wanted).planned:
            if action.kind in NAMING and action.asks in {"", HALFWAY}:
                self.hands().apply(action, vpc_id=self.vpc_id, security_group_id=action.security_group_id)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with pytest.MonkeyPatch.context() as monkeypatch, emulated_world(monkeypatch) as world:
        yield Aws(world)


kinds = st.sampled_from([TO_LOCAL, BACK, AGAIN])
accounts = st.sampled_from(["", "123456789012"])


@settings(max_examples=examples(40, soak=200), deadline=None)
@given(kinds, st.integers(1, 2), st.booleans(), accounts)
def test_a_swap_that_aws_lets_pass_leaves_a_name_unanswered_between_two_calls_at_most(
    aws: Aws, kind: ActionKind, zones: int, by_profile: bool, account: str
) -> None:
    spoke = aws.spoke(kind, zones, by_profile=by_profile)
    began = aws.clock()
    assert spoke.swap(kind, account, {}) is None
    assert (spoke.is_answered(), spoke.has_endpoint()) == (True, kind is not BACK)
    assert spoke.is_shared() is (by_profile or kind is BACK)
    meanwhile = [] if by_profile else [name for name, _ in spoke.unanswered]
    if kind is BACK:
        associating = {"CreateVPCAssociationAuthorization", "AssociateVPCWithHostedZone"}
        assert set(meanwhile) <= associating | {"DeleteVPCAssociationAuthorization"}
    else:
        assert meanwhile == [] if by_profile else [*[LETS_GO] * (zones - 1), PRIVATE_DNS]
    assert aws.clock() == began  # nobody waited for anything


NOT_NOW, NEVER = ("Throttling", False), ("AccessDenied", False)


@settings(max_examples=examples(100, soak=400), deadline=None)
@example(kind=TO_LOCAL, zones=1, by_profile=False, account="", faults={0: NOT_NOW, 1: NEVER})
@example(kind=TO_LOCAL, zones=2, by_profile=False, account="", faults={1: NOT_NOW, 2: NEVER})
@given(kinds, st.integers(1, 2), st.booleans(), accounts, faults)
def test_whichever_calls_fail_a_name_is_answered_again_or_it_is_told_and_a_later_run_has_it_answered(
    aws: Aws, kind: ActionKind, zones: int, by_profile: bool, account: str, faults: dict[int, tuple[str, bool]]
) -> None:
    spoke = aws.spoke(kind, zones, by_profile=by_profile)
    began = aws.clock()
    error = spoke.swap(kind, account, faults)
    assert aws.clock() - began <= 3 * PATIENCE  # of the swap, and of each call that makes it good
    if by_profile:
        assert spoke.unanswered == []
    restoring = {LETS_GO, PRIVATE_DNS, "AssociateVPCWithHostedZone"}
    restoring |= {"CreateVPCAssociationAuthorization", "DeleteVPCAssociationAuthorization"}
    assert {name for name, _ in spoke.unanswered} <= restoring  # nothing else is done meanwhile
    if error is None:
        assert spoke.is_answered()
    if spoke.is_answered():
        assert UNANSWERED not in str(error)
        return
    assert error is not None
    if kind is AGAIN:  # nothing is made good that did harm: the endpoint takes the name in a later run
        spoke.aws.clock.advance(timedelta(minutes=5))
        assert spoke.swap(kind, account, {}) is None
    else:
        assert len(faults) > 1  # one failure is made good at once
        assert "; " in str(error)  # what couldn't be made good is told
        spoke.next_run()
    assert spoke.is_answered()
