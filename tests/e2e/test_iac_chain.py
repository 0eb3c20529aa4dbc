"""Infrastructure as code first, on the deployed chain: its changes rest longer, and its endpoints win."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.emulators.account import REGION, Account, deployed
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.network import find_path
from tests.e2e.test_chain import (
    MINUTE_S,
    SERVICE_NAME,
    available_endpoint,
    delete_default_route,
    endpoints_in,
    groups_in,
    wait_until_quiet,
)
from tests.support.cloudtrail import TERRAFORM
from tests.support.world import flat

pytestmark = pytest.mark.chain

IAC_SETTLE_S = 20


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with deployed(SettleSeconds="2", IacSettleSeconds=str(IAC_SETTLE_S)) as found:
        yield found


@pytest.fixture(scope="module")
def terraform(account: Account) -> Any:
    """EC2 as Terraform calls it."""
    config = Config(user_agent_extra=TERRAFORM, retries={"total_max_attempts": 3})
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client("ec2", endpoint_url=account.ec2_endpoint_url, config=config)


def test_a_competing_creation_wins_and_nothing_is_left_broken(account: Account, terraform: Any) -> None:
    ec2, inbox = account.client("ec2"), account.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.130", name="claim")
    instance_id = launch(ec2, site.subnet_id)
    delete_default_route(ec2, site)
    ours = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="Lifeline's", within_s=2 * MINUTE_S)
    wait_until_quiet(account)

    with pytest.raises(ClientError, match="conflicting DNS domain"):
        create(terraform, site)
    account.wait(lambda: not private_dns(ec2, ours), what="a free name", within_s=2 * MINUTE_S)
    assert [one["VpcEndpointId"] for one in endpoints_in(ec2, site.vpc_id)] == [ours["VpcEndpointId"]]

    theirs = create(terraform, site)
    account.wait(
        lambda: [one["VpcEndpointId"] for one in endpoints_in(ec2, site.vpc_id)] == [theirs],
        what="the end of Lifeline's endpoint",
        within_s=3 * MINUTE_S,
    )
    wait_until_quiet(account)
    assert groups_in(ec2, site.vpc_id) == []
    path = find_path(ec2, instance_id, "monitoring", REGION)
    assert path.is_open, path.why
    told = [flat(one["Message"]) for one in inbox.notices() if site.vpc_id in one["Message"]]
    assert sum("Apply again now." in text for text in told) == 1
    assert any("answers monitoring in the VPC now, as deploy-role/terraform had claimed" in text for text in told)
    assert account.queue_depth("DeadLetterQueue") == 0


def test_a_change_of_terraforms_rests_longer_and_a_persons_ends_the_wait(account: Account, terraform: Any) -> None:
    ec2 = account.client("ec2")
    resting, pressed = (build_site(ec2, cidr=f"10.{140 + place}", name=f"rest-{place}") for place in range(2))
    wait_until_quiet(account)

    started = time.monotonic()
    for site in (resting, pressed):
        delete_default_route(terraform, site)
    ec2.create_tags(Resources=[pressed.vpc_id], Tags=[{"Key": "team", "Value": "blue"}])

    account.wait(lambda: available_endpoint(ec2, pressed.vpc_id), what="the pressed one's", within_s=2 * MINUTE_S)
    account.wait(lambda: endpoints_in(ec2, resting.vpc_id), what="the resting one's", within_s=3 * MINUTE_S)
    assert time.monotonic() - started >= IAC_SETTLE_S - 2  # SQS counts whole seconds
    assert created(ec2, resting) > created(ec2, pressed)


def create(client: Any, site: Site) -> str:
    made = client.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=site.vpc_id,
        ServiceName=SERVICE_NAME,
        SubnetIds=[site.subnet_id],
        SecurityGroupIds=[open_group(client, site)],
        PrivateDnsEnabled=True,
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def open_group(client: Any, site: Site) -> str:
    """A group of theirs that lets the VPC in, made once."""
    filters = [{"Name": "vpc-id", "Values": [site.vpc_id]}, {"Name": "group-name", "Values": ["theirs"]}]
    found = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    if found:
        return str(found[0]["GroupId"])
    made = str(client.create_security_group(GroupName="theirs", Description="theirs", VpcId=site.vpc_id)["GroupId"])
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    client.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
    return made


def private_dns(ec2: Any, endpoint: dict[str, Any]) -> bool:
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])["VpcEndpoints"]
    return bool(found[0]["PrivateDnsEnabled"])


def created(ec2: Any, site: Site) -> Any:
    return endpoints_in(ec2, site.vpc_id)[0]["CreationTimestamp"]
