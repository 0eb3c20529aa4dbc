"""A hub and two spokes, by docs/central.md alone: each of its commands as it stands there, in its order.

All VPCs are of one account, because no emulator here has the authorizations that associations across accounts need, or
Profiles: these are followed on the stand-in (`tests/handlers/test_sharing_a_hub_across_accounts.py`). Nor has one the
zones' quotas, so that Lifeline asks whatever the policy says.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.commands import commands
from tests.docs.pages import blocks
from tests.e2e.documented import ALONE, aws, sam
from tests.e2e.emulators.account import ROOT, Account
from tests.e2e.machine import attach, build_site
from tests.e2e.steps import endpoints_in

pytestmark = pytest.mark.chain_more

PAGE = ROOT / "docs/central.md"
HUB, FIRST, SECOND = "09f8e7d6c5b4a3f21", "0a1b2c3d4e5f60718", "0b2c3d4e5f6071829"  # the IDs of the page
GATEWAY, ZONE = "tgw-0123456789abcdef0", "Z0123456789ABCDEFGHIJ"
ALIAS = f"vpce-{HUB}-a1b2c3d4.monitoring.us-east-1.vpce.amazonaws.com"
ALIAS_ZONE = "Z7HUB22UULQXV"
PLANS = ("plan-3f9c2a7be41d0586", "plan-0c2d4e6f8a0b1c3d")


@pytest.fixture
def account(undeployed: Account) -> Account:
    return undeployed


class Reader:
    """Someone who has a hub and two spokes, and types what the page says, with IDs of their own."""

    def __init__(self, account: Account, files: Path) -> None:
        self.account = account
        self.files = files
        self.ids: dict[str, str] = {}  # mine, by the page's
        self._steps = iter([one for script in blocks(PAGE, "sh") for one in commands(script)])

    def mine(self, text: str) -> str:
        """The text with one's own IDs, the longer first: an endpoint's name begins with its ID."""
        for theirs in sorted(self.ids, key=len, reverse=True):
            text = text.replace(theirs, self.ids[theirs])
        return text

    def next(self, begins: str, *more: str) -> Any:
        """What the page's next command answers, which begins so. `more` is what emulators need besides."""
        text = next(self._steps)
        assert text.startswith(begins), text
        if text.startswith("aws "):
            return aws(self.account, self.mine(text), files=self.files)
        printed = sam(self.account, " ".join([self.mine(text), *more]), *(ALONE if more else ()))
        return None if more else json.loads(printed)

    def is_done(self) -> bool:
        """True if the page has no more commands."""
        return next(self._steps, None) is None


def test_the_page_alone_leads_from_two_spokes_without_a_path_to_one_shared_endpoint(
    account: Account, tmp_path: Path
) -> None:
    reader, ec2 = Reader(account, tmp_path), account.client("ec2")
    spokes = have_hub_and_spokes(reader)

    set_up_hub(reader)
    deploy(reader)
    share(reader)

    zone = {"HostedZoneId": reader.ids[ZONE], "Name": "monitoring.us-east-1.amazonaws.com."}
    (found,) = reader.next("aws route53 list-hosted-zones-by-vpc")["HostedZoneSummaries"]
    assert {name: found[name] for name in zone} == zone
    assert [endpoints_in(ec2, vpc_id) for vpc_id in spokes] == [[], []]

    reader.next("aws route53 disassociate-vpc-from-hosted-zone")
    zones = account.client("route53").list_hosted_zones_by_vpc(VPCId=spokes[0], VPCRegion="us-east-1")
    assert zones["HostedZoneSummaries"] == []
    assert reader.is_done()


def have_hub_and_spokes(reader: Reader) -> list[str]:
    """What the page begins with: three VPCs that are attached to one transit gateway. The IDs of the spokes."""
    ec2 = reader.account.client("ec2")
    gateway = ec2.create_transit_gateway()["TransitGateway"]
    reader.ids[GATEWAY] = gateway["TransitGatewayId"]
    table_id = gateway["Options"]["AssociationDefaultRouteTableId"]
    for name, cidr, theirs in (("hub", "10.9", HUB), ("first", "10.1", FIRST), ("second", "10.2", SECOND)):
        site = build_site(ec2, cidr=cidr, name=name, public=False)
        attach(ec2, site.vpc_id, site.subnet_id, reader.ids[GATEWAY], table_id, f"{cidr}.0.0/16")
        mine = {"vpc": site.vpc_id, "subnet": site.subnet_id, "rtb": site.route_table_id}
        reader.ids |= {f"{kind}-{theirs}": id_ for kind, id_ in mine.items()}
    return [reader.ids[f"vpc-{theirs}"] for theirs in (FIRST, SECOND)]


def set_up_hub(reader: Reader) -> None:
    reader.ids[f"sg-{HUB}"] = reader.next("aws ec2 create-security-group")["GroupId"]
    reader.next("aws ec2 authorize-security-group-ingress")
    endpoint = reader.next("aws ec2 create-vpc-endpoint")["VpcEndpoint"]
    assert not endpoint["PrivateDnsEnabled"]
    reader.ids[f"vpce-{HUB}"] = endpoint["VpcEndpointId"]
    made = reader.next("aws route53 create-hosted-zone")["HostedZone"]
    assert made["Config"]["PrivateZone"]
    reader.ids[ZONE] = made["Id"].rpartition("/")[2]
    shown = reader.next("aws ec2 describe-vpc-endpoints")
    reader.ids |= {ALIAS: shown["DnsName"], ALIAS_ZONE: shown["HostedZoneId"]}
    reader.next("aws route53 change-resource-record-sets")
    for _ in range(3):
        reader.next("aws ec2 create-route")


def deploy(reader: Reader) -> None:
    account = reader.account
    (document,) = blocks(PAGE, "json")
    (reader.files / "policy.json").write_text(reader.mine(document), "utf-8")
    reader.next("aws ssm put-parameter")
    emulators = f"EndpointUrl={account.endpoint_url} Ec2EndpointUrl={account.ec2_endpoint_url} DebounceSeconds=2"
    reader.next("sam deploy", emulators)
    account.outputs = account.read_outputs()


def share(reader: Reader) -> None:
    vpc_ids = [reader.ids[f"vpc-{theirs}"] for theirs in (FIRST, SECOND)]
    planned = reader.next("sam remote invoke")["text"]
    for vpc_id, name in zip(vpc_ids, ("first", "second"), strict=True):
        assert f"{vpc_id} ({name})" in planned
    assert planned.count(f"monitoring: associate the VPC with the hub's zone {reader.ids[ZONE]}") == len(vpc_ids)
    assert planned.count("cheapest, data included: the hub's endpoints up to 365 GB a month") == len(vpc_ids)
    assert "addresses of the hub, routes to the hub" in " ".join(planned.split())  # by the alias
    offered = reader.next("sam remote invoke")["text"]
    reader.ids |= dict(zip(PLANS, re.findall(r'{"approve": "(plan-[0-9a-f]+)"}', offered), strict=True))
    for _ in PLANS:
        (vpc,) = reader.next("sam remote invoke")["vpcs"]
        assert [(one["action"], one["status"]) for one in vpc["actions"]] == [("associate_central", "done")]
