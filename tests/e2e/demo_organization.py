"""The story of an organization on emulators, with the clock running: `make demo-organization`.

Everything that is printed is read from the emulated accounts, as in `demo.py`.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from lifeline.adapters.store.members import MemberStore
from tests.e2e.demo import IDS, SERVICE_NAME, require, step, tell
from tests.e2e.emulators.account import ACCOUNT_ID as HUB
from tests.e2e.emulators.account import REGION, ROOT, STACK, Account
from tests.e2e.emulators.organization import ADMINISTRATOR, SPOKE_STACK, Organization, Spoke
from tests.e2e.machine import Site, build_site
from tests.e2e.narrator import Actor, Narrator
from tests.e2e.network import default_route
from tests.e2e.steps import available_endpoint, delete_default_route, endpoints_in, notices_about, wait_until_quiet

SHOP, BILLING = "222222222222", "333333333333"
NAMES = {SHOP: "shop", BILLING: "billing"}
PENDING = timedelta(seconds=10)

INTRODUCTION = f"""
    A company has many accounts. Lifeline is deployed in one of them, the hub; the others have a small stack of roles
    and event rules, and no function, queue or table. Someone deletes a subnet's route to the internet in the account
    shop. From the hub, Lifeline creates the endpoint for {SERVICE_NAME} that the subnet now needs, and notifies
    the hub's subscribers. The account billing has the same network and isn't touched.
"""
SETTING = f"""
    No AWS account is involved. The real SAM CLI deploys this repository's template to the emulated account {HUB},
    and spoke.yaml is deployed to the two others as it is: once as StackSets do it, once by a change set. Events reach
    the hub only where the policies of its bus and its queue allow it, and in shop the hub's function has only the
    permissions of the role that spoke.yaml creates there. A new endpoint stays pending for {PENDING.seconds} s
    (in AWS, a minute or more).
"""
CHARACTERS = {
    Actor.SOMEBODY: f"works in shop ({SHOP}) and billing ({BILLING}) with the role {ADMINISTRATOR}",
    Actor.LIFELINE: f"the functions of the hub, the account network ({HUB})",
    Actor.AWS: "EC2, CloudTrail, EventBridge, IAM, STS and the rest, as emulated here",
}


class Story:
    """The story, step by step, in an organization whose hub has been deployed to."""

    def __init__(self, hub: Account, say: Narrator) -> None:
        self._hub, self._say = hub, say
        self._spokes = {account: hub.account(account) for account in (SHOP, BILLING)}

    # ---- before ------------------------------------------------------------------------------------------------------

    def deploy_spokes(self) -> None:
        """Each account gets its small stack."""
        given = {"HubAccountId": HUB, "HubStackName": STACK, "OrganizationId": self._hub.organization.id}
        for account, spoke in self._spokes.items():
            by_change_set = account == BILLING
            with self._say.waiting(f"deploying spoke.yaml to {NAMES[account]}"):
                spoke.deploy_spoke(ROOT / "spoke.yaml", given, by_change_set=by_change_set)
            found = spoke.client("cloudformation").describe_stack_resources(StackName=SPOKE_STACK)["StackResources"]
            kinds = [one["ResourceType"].rpartition("::")[2].lower() for one in found]
            how = "a change set" if by_change_set else "create-stack"
            self._say.tell(
                Actor.SOMEBODY,
                f"deploys spoke.yaml to {NAMES[account]} ({account}) by {how}",
                f"{kinds.count('role')} roles and {kinds.count('rule')} event rules",
            )

    def build_networks(self) -> tuple[Site, Site]:
        """The same network in both accounts."""
        sites = [build_site(spoke.client("ec2"), cidr="10.20", name="app") for spoke in self._spokes.values()]
        self._say.tell(
            Actor.AWS,
            "has the same network in both: 10.20.0.0/16 with the public subnet 10.20.1.0/24",
            *(f"{NAMES[account]}: {site.vpc_id}" for account, site in zip(self._spokes, sites, strict=True)),
        )
        shop, billing = sites
        return shop, billing

    def sweep(self) -> None:
        """The hub lists the organization's accounts, and looks into those with a spoke."""
        with step(self._say, "the first sweep"):
            self._invoke({"sweep": True})
            wait_until_quiet(self._hub)
            ledger = MemberStore(self._hub.outputs["LedgerTable"], self._hub.client("dynamodb"))
            members = {one.account: one for one in ledger.read().active}
            served = [account for account, one in members.items() if one.standing.value == "served"]
            require(served == [SHOP, BILLING], f"the accounts are {members}")
        self._say.tell(
            Actor.LIFELINE,
            "sweeps the organization for the first time; nothing is missing yet. Its accounts, beside the hub:",
            *(f"{account} ({one.name or 'no name'}): {one.standing.value}" for account, one in members.items()),
        )

    # ---- the story ---------------------------------------------------------------------------------------------------

    def cut(self, site: Site) -> None:
        """Somebody deletes shop's default route."""
        ec2 = self._spokes[SHOP].client("ec2")
        self._say.start_clock()
        delete_default_route(ec2, site)
        with step(self._say, "the subnet is isolated"):
            require(default_route(ec2, site.subnet_id) is None, "the default route is still there")
        self._say.tell(
            Actor.SOMEBODY,
            f"deletes the route 0.0.0.0/0 → {site.internet_gateway_id} from {site.route_table_id} in shop",
            "on its way: CloudTrail in shop → rule in shop → the hub's bus → its rule → its queue",
        )

    def get_endpoint(self, site: Site) -> dict[str, Any]:
        """The hub's function creates the endpoint in shop."""
        spoke = self._spokes[SHOP]
        with step(self._say, "the endpoint is created in shop"):
            found = self._wait(lambda: endpoints_in(spoke.client("ec2"), site.vpc_id), f"an endpoint in {site.vpc_id}")
            (endpoint,) = found
        tags = {tag["Key"]: tag["Value"] for tag in endpoint["Tags"]}
        self._say.tell(
            Actor.LIFELINE,
            f"creates {endpoint['VpcEndpointId']} for {endpoint['ServiceName']} in shop",
            f"owner: {endpoint['OwnerId']}, by its role lifeline-reconcile-{REGION}",
            f"tag:   lifeline:managed-by={tags['lifeline:managed-by']}, the hub's stack",
            f"state: {endpoint['State']}",
        )
        return dict(endpoint)

    def be_told(self, inbox: Any, site: Site) -> None:
        """One notice on the hub's topic, which says where."""
        with step(self._say, "the notice arrives at the hub's topic"):
            notice = self._wait(lambda: next(iter(notices_about(inbox, site.vpc_id)), None), "a notice")
            require(SHOP in notice["Subject"], f"the notice's subject is {notice['Subject']}")
        text, _, _ = notice["Message"].partition(IDS)
        self._say.tell(
            Actor.LIFELINE, "notifies the subscribers of the hub's topic; the subject begins with the account:"
        )
        self._say.notice(notice["Subject"], text)

    def come_up(self, site: Site) -> None:
        """The endpoint is available."""
        ec2 = self._spokes[SHOP].client("ec2")
        with step(self._say, "the endpoint becomes available"):
            endpoint = self._wait(lambda: available_endpoint(ec2, site.vpc_id), "the endpoint available")
        interfaces = ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])
        address = interfaces["NetworkInterfaces"][0]["PrivateIpAddress"]
        self._say.tell(Actor.AWS, f"{endpoint['VpcEndpointId']} is available: in shop, {SERVICE_NAME} is now {address}")

    def leave_alone(self, shop: Site, billing: Site) -> None:
        """Nothing happened in billing and in the hub's own account."""
        others: dict[str, Account | Spoke] = {"billing": self._spokes[BILLING], "the hub's own account": self._hub}
        with step(self._say, "the other accounts are as they were"):
            for name, account in others.items():
                found = account.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
                require(not found, f"{name} has the endpoints {found}")
            (own,) = endpoints_in(self._spokes[SHOP].client("ec2"), shop.vpc_id)
            require(own["VpcId"] == shop.vpc_id, f"shop has {own}")
        self._say.tell(Actor.AWS, f"has no endpoint in {' or in '.join(others)}")
        event = {"vpc_ids": [billing.vpc_id], "mode": "plan", "account": BILLING, "format": "text"}
        with step(self._say, "the plan for billing"):
            answer = self._invoke(event)
        self._say.explain(
            f"A call says which account it is about. Invoked with {json.dumps(event)}, Lifeline responds:"
        )
        self._say.notice("Plan", answer["text"])

    def _wait(self, look: Any, what: str) -> Any:
        return self._hub.wait(look, what=what, within_s=120, every_s=0.3)

    def _invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = self._hub.invoke("ReconcileEndpointsFunction", event)
        require(not answer.error and "errors" not in answer.payload, f"{event} was answered with {answer.payload}")
        return dict(answer.payload)


def tell_story(hub: Account, say: Narrator) -> None:
    """From the empty emulators to the verdict. Raises StoryError at the first step that doesn't happen."""
    for account, name in NAMES.items():
        hub.organization.add(account, name)
    with say.waiting("starting the emulators"):
        hub.start()
    with say.waiting("building the hub's stack with sam build", at_once=True):
        hub.build()
    with say.waiting("deploying the hub's stack with sam deploy", at_once=True):
        hub.deploy()
    story = Story(hub, say)
    story.deploy_spokes()
    shop, billing = story.build_networks()
    story.sweep()
    inbox = hub.subscribe("NoticesTopic")

    say.chapter("What happens, in seconds since the change")
    story.cut(shop)
    story.get_endpoint(shop)
    story.be_told(inbox, shop)
    story.come_up(shop)

    say.chapter("And in the other accounts?")
    story.leave_alone(shop, billing)
    say.verdict("One account was changed, repaired and reported from the hub; the others are as they were.", good=True)
    say.chapter("Next")
    say.link((ROOT / "docs/organization.md").as_uri(), "how to set up a hub and its spokes")


def main() -> int:
    """Tell the story; the exit status."""
    say = Narrator()
    say.title("Lifeline: one hub repairs the accounts of an organization")
    say.explain(INTRODUCTION)
    for actor, who in CHARACTERS.items():
        say.introduce(actor, who)
    say.explain(SETTING)
    hub = Account(parameters={"Accounts": "organization", "OrganizationId": Organization.id}, pending=PENDING)
    return tell(tell_story, hub, say)


if __name__ == "__main__":
    sys.exit(main())
