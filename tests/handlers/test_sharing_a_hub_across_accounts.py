"""A VPC of one account gets the zone of another: authorized, associated, and the authorization gone again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tools.spoke import template

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.associated import is_left
from lifeline.core.network.model import RegionRef
from lifeline.reconciler.steps import policy_in_force
from tests.support.days import MINUTES, Days
from tests.support.hub_network import HUB_BLOCK, Hub
from tests.support.organization import ORGANIZATION_ID, emulated_organization
from tests.support.organization_hub import ASSUME, ROLE, TRUST, enforced_in, role_in
from tests.support.policies import Caller, Stack
from tests.support.strict_organization import StrictOrganization
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, ROLE_ARN, World, emulated_world

A, B = "222222222222", "333333333333"
SPOKE = template()


class Accounts:
    """The stack's account, and two others: the hub's endpoints are in one of the three, and the VPC is in A."""

    def __init__(self, days: Days, organization: StrictOrganization, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days, self.organization, self.monkeypatch = days, organization, monkeypatch
        self.worlds: dict[str, World] = {ACCOUNT: days.world, A: organization.join(A), B: organization.join(B)}
        days.account.attach(days.world.ec2)
        organization.place(B).attach(self.worlds[B].ec2)
        self.hub, self.vpc_id = Hub(days.world), ""

    def arrange(self, hubs: str = ACCOUNT, **policy: Any) -> None:
        """The hub's network in this account, and a spoke of it in A."""
        if hubs != ACCOUNT:
            self.hub = Hub(self.worlds[hubs], account=hubs)
            policy["account"] = hubs
        self.days.clock.advance(MINUTES)
        self.vpc_id = self.hub.add_spoke(self.worlds[A], account=A)
        tune(self.monkeypatch, central=self.hub.policy(associate="auto", **policy))

    def look(self) -> dict[str, Any]:
        remember.cache_clear()
        self.days.empty_queue()
        (found,) = self.days.call({"vpc_ids": [self.vpc_id], "account": A})["vpcs"]
        return dict(found)

    def approve(self, plan_id: str) -> dict[str, Any]:
        remember.cache_clear()
        (found,) = self.days.call({"approve": plan_id, "account": A})["vpcs"]
        return dict(found)

    def zones(self) -> list[str]:
        return self.organization.dns.zones_of(self.vpc_id)

    def authorized(self) -> dict[tuple[str, str], str]:
        return self.organization.dns.authorized

    def state(self) -> Any:
        return VpcStore("ledger").load(RegionRef(A, REGION).vpc(self.vpc_id))


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    """The spokes' roles may do what spoke.yaml says, and no more."""
    settings = {"ACCOUNTS": f"{A},{B}", "SPOKE_ROLE": ROLE, "CENTRAL_ENDPOINTS": "yes"}
    with emulated_world(monkeypatch, **settings) as world:
        days = Days(world, monkeypatch)
        hub = Caller(policy=(ASSUME,), context={"aws:PrincipalArn": ROLE_ARN})
        organization = StrictOrganization(world, hub=hub, now=days.clock, throttling=False)
        for account in (A, B):
            given = {"HubAccountId": ACCOUNT, "OrganizationId": ORGANIZATION_ID, "CentralEndpoints": "yes"}
            stack = Stack(SPOKE, given | {"RequiredServices": "monitoring"}, account=account)
            organization.add_role(role_in(account), trust=[TRUST], policy=stack.statements("ReconcileRole"))
            enforced_in(account)
        with emulated_organization(monkeypatch, organization):
            yield Accounts(days, organization, monkeypatch)


def kinds(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in answer["actions"]]


@pytest.mark.parametrize("hubs", [ACCOUNT, B])
def test_the_zones_account_authorizes_the_vpcs_associates_and_nothing_is_left(accounts: Accounts, hubs: str) -> None:
    accounts.arrange(hubs)
    assert kinds(accounts.look()) == [("associate_central", "done")]
    assert (accounts.zones(), accounts.authorized()) == ([accounts.hub.zone_id], {})
    (association,) = accounts.state().associated.values()
    assert association.account == ""
    assert accounts.look()["services"][0]["state"] == "served centrally"


def test_where_a_third_account_has_the_gateway_its_tables_can_not_be_read_and_people_are_asked(
    accounts: Accounts,
) -> None:
    accounts.arrange()
    gateways = accounts.organization.place(ACCOUNT).moto.transit_gateways_route_tables
    gateways.clear()  # as if they were in a network account that has no role for the stack
    offered = accounts.look()
    assert kinds(offered) == [("associate_central", "blocked")]
    assert "the route table" in offered["actions"][0]["error"]
    assert accounts.zones() == []
    made = accounts.approve(offered["approval"]["plan_id"])
    assert kinds(made) == [("associate_central", "done")]
    assert (accounts.zones(), accounts.authorized()) == ([accounts.hub.zone_id], {})


def test_an_association_that_aws_refuses_leaves_no_authorization(accounts: Accounts) -> None:
    accounts.arrange()
    accounts.organization.place(A).fail_next("AssociateVPCWithHostedZone", "LimitsExceeded")
    assert kinds(accounts.look()) == [("associate_central", "failed")]
    assert (accounts.zones(), accounts.authorized()) == ([], {})


def test_an_authorization_that_can_not_be_deleted_is_told_and_deleted_by_the_next_run(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.organization.place(B).fail_next("DeleteVPCAssociationAuthorization", "ServiceUnavailable", times=3)
    answer = accounts.look()
    assert kinds(answer) == [("associate_central", "done")]
    assert "couldn't be deleted, and a later run will try again" in answer["actions"][0]["error"]
    assert list(accounts.authorized()) == [(accounts.hub.zone_id, accounts.vpc_id)]
    assert kinds(accounts.look()) == [("delete_authorization", "done")]
    assert (accounts.authorized(), accounts.zones()) == ({}, [accounts.hub.zone_id])
    assert kinds(accounts.look()) == []


class RunDiedError(BaseException):
    """Nothing catches it, like a Lambda's timeout."""


def die_before_associating(accounts: Accounts, act: Callable[[], object]) -> None:
    def die(operation: str, _: object) -> None:
        if operation == "AssociateVPCWithHostedZone":
            raise RunDiedError

    listeners = accounts.organization.place(A).listeners
    listeners.append(die)
    with pytest.raises(RunDiedError):
        act()
    listeners.remove(die)
    assert list(accounts.authorized()) == [(accounts.hub.zone_id, accounts.vpc_id)]


def test_an_authorization_of_a_run_that_died_goes_even_if_the_next_plan_waits_for_approval(accounts: Accounts) -> None:
    accounts.arrange(B)
    die_before_associating(accounts, accounts.look)
    tune(accounts.monkeypatch, central=accounts.hub.policy(associate="ask", account=B))
    accounts.days.clock.advance(10 * MINUTES)
    assert kinds(accounts.look()) == [("associate_central", "blocked"), ("delete_authorization", "done")]
    assert accounts.authorized() == {}
    assert kinds(accounts.look()) == [("associate_central", "blocked")]


def test_an_authorization_goes_with_the_vpc(accounts: Accounts) -> None:
    accounts.arrange(B)
    die_before_associating(accounts, accounts.look)
    place = accounts.organization.place(A)
    place.moto.vpcs.pop(accounts.vpc_id)
    for subnets in place.moto.subnets.values():
        for subnet_id in [id_ for id_, subnet in subnets.items() if subnet.vpc_id == accounts.vpc_id]:
            subnets.pop(subnet_id)
    remember.cache_clear()
    accounts.days.clock.advance(60 * MINUTES)
    accounts.organization.place(B).fail_next("DeleteVPCAssociationAuthorization", "ServiceUnavailable")
    accounts.days.call({"sweep": True, "account": A})
    assert is_left(accounts.state().associated)
    accounts.days.call({"sweep": True, "account": A})
    assert accounts.authorized() == {}
    assert not is_left(accounts.state().associated)


def test_a_cut_path_to_the_hub_of_another_account_is_seen_and_the_swap_offered(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.look()
    world = accounts.worlds[A]
    world.ec2.delete_route(RouteTableId=world.main_table(accounts.vpc_id), DestinationCidrBlock=HUB_BLOCK)
    cut = accounts.look()
    assert ("swap_to_local", "blocked") in kinds(cut)
    assert accounts.zones() == [accounts.hub.zone_id]


def test_the_swap_and_the_way_back_are_made_by_a_spokes_role_and_leave_no_authorization(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.look()
    world, organization = accounts.worlds[A], accounts.organization
    table_id = world.main_table(accounts.vpc_id)
    world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=HUB_BLOCK)
    made = accounts.approve(accounts.look()["approval"]["plan_id"])
    assert kinds(made)[1:] == [("create_interface_endpoint", "done"), ("swap_to_local", "planned")]
    accounts.days.clock.advance(MINUTES)
    assert kinds(accounts.look()) == [("swap_to_local", "done")]
    assert (accounts.zones(), accounts.authorized(), dict(accounts.state().associated)) == ([], {}, {})
    accounts.days.clock.advance(MINUTES)
    assert accounts.look()["services"][0]["state"] == "served"

    accounts.hub.lead(world, accounts.vpc_id)
    back = accounts.look()
    assert kinds(back) == [("swap_to_central", "blocked")]
    assert kinds(accounts.approve(back["approval"]["plan_id"])) == [("swap_to_central", "done")]
    assert (accounts.zones(), organization.dns.authorized) == ([accounts.hub.zone_id], {})
    assert accounts.state().associated[accounts.hub.zone_id].account == ""


def test_a_profile_that_is_shared_with_the_vpcs_account_is_read_where_it_can_be_and_swapped_from(
    accounts: Accounts,
) -> None:
    """The VPC's account sees which zones it carries, and neither their names nor their records."""
    accounts.arrange(B, zones=None, profile="rp-1")
    arn = f"arn:aws:route53:::hostedzone/{accounts.hub.zone_id}"
    accounts.organization.dns.add_profile("rp-1", owner=B, resources=[arn], shared_with={A})
    assert kinds(accounts.look()) == [("associate_central", "done")]
    assert accounts.organization.dns.profiles["rp-1"].vpc_ids == [accounts.vpc_id]
    served = accounts.look()
    assert (kinds(served), served["services"][0]["state"]) == ([], "served centrally")
    world = accounts.worlds[A]
    world.ec2.delete_route(RouteTableId=world.main_table(accounts.vpc_id), DestinationCidrBlock=HUB_BLOCK)
    assert ("swap_to_local", "blocked") in kinds(accounts.look())


def test_a_profile_that_is_not_shared_is_not_asked_for_and_an_endpoint_says_so(accounts: Accounts) -> None:
    accounts.arrange(B, zones=None, profile="rp-1")
    arn = f"arn:aws:route53:::hostedzone/{accounts.hub.zone_id}"
    accounts.organization.dns.add_profile("rp-1", owner=B, resources=[arn])
    answer = accounts.look()
    assert ("create_interface_endpoint", "done") in kinds(answer)
    reason = next(one["reason"] for one in answer["actions"] if one["action"] == "create_interface_endpoint")
    assert f"rp-1 isn't shared with account {A}: share it by AWS RAM" in reason


def test_where_it_can_not_be_read_whether_a_profile_is_shared_people_are_asked(accounts: Accounts) -> None:
    accounts.arrange(B, zones=None, profile="rp-1")
    arn = f"arn:aws:route53:::hostedzone/{accounts.hub.zone_id}"
    accounts.organization.dns.add_profile("rp-1", owner=B, resources=[arn], shared_with={A})
    accounts.organization.place(A).fail_next("ListProfiles", "AccessDeniedException", times=9)
    answer = accounts.look()
    assert kinds(answer) == [("associate_central", "blocked")]
    assert f"which Profiles account {A} sees can't be read" in answer["actions"][0]["error"]


def test_an_authorization_is_deleted_even_if_the_policy_names_no_hub_any_more(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.organization.place(B).fail_next("DeleteVPCAssociationAuthorization", "ServiceUnavailable", times=3)
    accounts.look()
    del vars(policy_in_force)["simple_policy"].document["central"]
    accounts.look()
    assert (accounts.authorized(), accounts.zones()) == ({}, [accounts.hub.zone_id])


def test_a_sweep_deletes_an_authorization_although_the_policy_names_no_hub_any_more(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.organization.place(B).fail_next("DeleteVPCAssociationAuthorization", "ServiceUnavailable", times=3)
    accounts.look()
    del vars(policy_in_force)["simple_policy"].document["central"]
    remember.cache_clear()
    accounts.days.empty_queue()
    accounts.days.call({"sweep": True, "account": A})
    assert (accounts.authorized(), accounts.zones()) == ({}, [accounts.hub.zone_id])
    assert accounts.state().associated[accounts.hub.zone_id].account == ""


def test_a_run_that_dies_before_it_takes_the_authorization_back_is_made_good(accounts: Accounts) -> None:
    accounts.arrange(B)
    accounts.organization.place(A).fail_next("AssociateVPCWithHostedZone", RuntimeError("the container is gone"))
    with pytest.raises(RuntimeError):
        accounts.look()
    assert list(accounts.authorized()) == [(accounts.hub.zone_id, accounts.vpc_id)]
    assert list(accounts.state().associated) == [accounts.hub.zone_id]
    accounts.days.clock.advance(MINUTES)
    assert kinds(accounts.look()) == [("associate_central", "done"), ("delete_authorization", "done")]
    assert (accounts.zones(), accounts.authorized()) == ([accounts.hub.zone_id], {})


def test_an_account_that_the_stack_does_not_serve_has_no_zone_to_offer(accounts: Accounts) -> None:
    accounts.arrange(account="999999999999")
    answer = accounts.look()
    reason = next(one["reason"] for one in answer["actions"] if one["action"] == "create_interface_endpoint")
    assert "999999999999, which has the zones, is no account that this stack serves" in reason


def test_vpcs_that_only_ask_hold_a_zones_places_and_another_account_gets_an_endpoint_of_its_own_that_says_so(
    accounts: Accounts,
) -> None:
    accounts.hub = Hub(accounts.days.world)
    accounts.days.clock.advance(MINUTES)
    tune(accounts.monkeypatch, central=accounts.hub.policy(associate="auto"))
    accounts.organization.dns.vpcs_a_zone = 3  # one is the hub's own
    for number in (20, 21):
        accounts.vpc_id = asking(accounts.worlds[A], f"10.{number}")
        assert kinds(accounts.look()) == [("associate_central", "blocked")]
    accounts.days.texts()
    lost = accounts.hub.add_spoke(accounts.worlds[B], account=B)
    remember.cache_clear()
    (found,) = accounts.days.call({"vpc_ids": [lost], "account": B})["vpcs"]
    assert ("create_interface_endpoint", "done") in kinds(found)
    (text,) = accounts.days.texts()
    assert "it has 3 of at most 3 VPCs" in text


def asking(world: World, block: str) -> str:
    """A VPC whose way to the hub can't be read, so that its association needs approval."""
    vpc_id = world.make_vpc(cidr=f"{block}.0.0/16")
    world.make_subnet(vpc_id, f"{block}.1.0/24")
    gateway_id = world.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    world.ec2.attach_vpn_gateway(VpnGatewayId=gateway_id, VpcId=vpc_id)
    table_id = world.main_table(vpc_id)
    world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=HUB_BLOCK, GatewayId=gateway_id)
    return vpc_id
