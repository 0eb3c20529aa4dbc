"""Infrastructure as code first, on the deployed chain: its changes rest longer, and its endpoints win."""

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.conftest import IAC_DEBOUNCE_S
from tests.e2e.emulators.account import REGION, Account
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.network import find_path
from tests.e2e.steps import (
    SERVICE_NAME,
    available_endpoint,
    dead_letters_about,
    delete_default_route,
    endpoints_in,
    groups_in,
    ids_of,
    notices_about,
    text_of,
    wait_until_quiet,
)
from tests.support.cloudtrail import TERRAFORM

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def terraform(watched: Account) -> Any:
    """EC2 as Terraform calls it."""
    config = Config(user_agent_extra=TERRAFORM, retries={"total_max_attempts": 3})
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client("ec2", endpoint_url=watched.ec2_endpoint_url, config=config)


def test_a_competing_creation_wins_and_nothing_is_left_broken(watched: Account, terraform: Any) -> None:
    ec2, inbox = watched.client("ec2"), watched.subscribe("NoticesTopic")
    site = build_site(ec2, cidr="10.170", name="claim")
    instance_id = launch(ec2, site.subnet_id)
    delete_default_route(ec2, site)
    ours = watched.wait(lambda: available_endpoint(ec2, site.vpc_id), what="Lifeline's")
    wait_until_quiet(watched)

    with pytest.raises(ClientError, match="conflicting DNS domain"):
        create(terraform, site)
    watched.wait(lambda: not private_dns(ec2, ours), what="a free name")
    assert ids_of(endpoints_in(ec2, site.vpc_id)) == [ours["VpcEndpointId"]]

    theirs = create(terraform, site)
    watched.wait(
        lambda: ids_of(endpoints_in(ec2, site.vpc_id)) == [theirs],
        what="the end of Lifeline's endpoint",
    )
    wait_until_quiet(watched)
    assert groups_in(ec2, site.vpc_id) == []
    path = find_path(ec2, instance_id, "monitoring", REGION)
    assert path.is_open, path.why
    told = [text_of(notice) for notice in notices_about(inbox, site.vpc_id)]
    assert sum("(with Terraform: run terraform apply again)." in " ".join(text.split()) for text in told) == 1
    assert any(
        "now answers for the monitoring service in the VPC (claimed by deploy-role/terraform)" in text for text in told
    )
    assert dead_letters_about(watched, site.vpc_id, site.route_table_id, theirs) == []


def test_a_change_of_terraforms_rests_longer_and_a_persons_ends_the_wait(watched: Account, terraform: Any) -> None:
    ec2 = watched.client("ec2")
    resting, pressed = (build_site(ec2, cidr=f"10.{171 + place}", name=f"rest-{place}") for place in range(2))
    wait_until_quiet(watched)

    started = time.monotonic()
    for site in (resting, pressed):
        delete_default_route(terraform, site)
    ec2.create_tags(Resources=[pressed.vpc_id], Tags=[{"Key": "team", "Value": "blue"}])

    watched.wait(lambda: endpoints_in(ec2, pressed.vpc_id), what="the pressed one's")
    was_quick = time.monotonic() - started < IAC_DEBOUNCE_S - 5
    watched.wait(lambda: endpoints_in(ec2, resting.vpc_id), what="the resting one's")
    assert time.monotonic() - started >= IAC_DEBOUNCE_S - 2  # SQS counts whole seconds
    if was_quick:  # a busy machine may take as long for what doesn't rest
        assert created(ec2, resting) > created(ec2, pressed)
    wait_until_quiet(watched)


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
