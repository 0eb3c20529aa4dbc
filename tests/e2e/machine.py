"""A machine: an instance in a subnet, with a CloudWatch agent on it that reaches CloudWatch or doesn't.

The instance is EC2's, so that DescribeInstances knows it. The agent publishes what the wizard's basic configuration
publishes, and only while the network lets it (see `network.py`): nobody tells it what should happen.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.emulators.account import REGION, Account
from tests.e2e.emulators.organization import Spoke
from tests.e2e.network import Path, find_path

NAMESPACE = "CWAgent"
IMAGE_ID = "ami-12c6146b"  # one that EC2's emulator has
INSTANCE_TYPE = "t3.micro"
AGENTS = "agents"  # the role, and the instance profile, of machines with an agent
AGENT_POLICY = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"


@dataclass(frozen=True, slots=True)
class Site:
    """A VPC with one public subnet: an internet gateway, a route table of its own, and the default route."""

    vpc_id: str
    subnet_id: str
    route_table_id: str
    internet_gateway_id: str


def build_site(ec2: Any, *, cidr: str, name: str, zone: str = f"{REGION}a", public: bool = True) -> Site:
    """Create it. With `public` false, the table has no default route."""
    vpc_id = ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16", TagSpecifications=_named("vpc", name))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(
        VpcId=vpc_id,
        CidrBlock=f"{cidr}.1.0/24",
        AvailabilityZone=zone,
        TagSpecifications=_named("subnet", f"{name}-{zone[-1]}"),
    )["Subnet"]
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet["SubnetId"])
    if public:
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    return Site(vpc_id, subnet["SubnetId"], table_id, gateway_id)


def attach(ec2: Any, vpc_id: str, subnet_id: str, gateway_id: str, table_id: str, cidr: str) -> None:
    """Attach a VPC to a transit gateway, whose table leads to its block by that: no emulator propagates it."""
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway_id, VpcId=vpc_id, SubnetIds=[subnet_id])
    attachment_id = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    to = {"TransitGatewayRouteTableId": table_id, "TransitGatewayAttachmentId": attachment_id}
    ec2.create_transit_gateway_route(DestinationCidrBlock=cidr, **to)


def _named(resource_type: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": resource_type, "Tags": [{"Key": "Name", "Value": name}]}]


def make_profile(iam: Any) -> str:
    """An instance profile whose role has AWS's own policy for CloudWatch agents; its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=AGENTS, AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName=AGENTS, PolicyArn=AGENT_POLICY)
    profile = iam.create_instance_profile(InstanceProfileName=AGENTS)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=AGENTS, RoleName=AGENTS)
    return str(profile["Arn"])


def find_profile(iam: Any) -> str:
    """The ARN of the instance profile, empty where none was made yet."""
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    return next((str(profile["Arn"]) for profile in profiles if profile["InstanceProfileName"] == AGENTS), "")


def launch(ec2: Any, subnet_id: str, *, profile_arn: str = "") -> str:
    """Run one instance with a public address, and say its id."""
    interface = {"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": True}
    answer = ec2.run_instances(
        ImageId=IMAGE_ID,
        InstanceType=INSTANCE_TYPE,
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[interface],
        **({"IamInstanceProfile": {"Arn": profile_arn}} if profile_arn else {}),
    )
    return str(answer["Instances"][0]["InstanceId"])


@dataclass(eq=False)
class Agent:
    """The CloudWatch agent of one instance. Its thread ends with `stop`."""

    ec2: Any
    cloudwatch: Any
    instance_id: str
    period: timedelta
    path: Path = field(default=Path(is_open=False, why="not started"))
    _stopped: threading.Event = field(default_factory=threading.Event)
    _paused: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Publish from now on."""
        threading.Thread(target=self._run, name=f"agent-{self.instance_id}", daemon=True).start()

    def stop(self) -> None:
        """Publish no more."""
        self._stopped.set()

    def pause(self) -> None:
        """As if somebody stopped the agent's service: the machine runs, the agent doesn't."""
        self._paused.set()

    def resume(self) -> None:
        """The agent's service runs again."""
        self._paused.clear()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            try:
                self._publish()
            except Exception as error:  # noqa: BLE001 -- an agent survives whatever its API does, and tries again
                self.path = Path(is_open=False, why=str(error))
            due = max(due + self.period.total_seconds(), time.monotonic())
            self._stopped.wait(due - time.monotonic())

    def _publish(self) -> None:
        self.path = find_path(self.ec2, self.instance_id, "monitoring", REGION)
        if self.path.is_open and not self._paused.is_set():
            self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=self._datapoints(datetime.now(UTC)))

    def _datapoints(self, moment: datetime) -> list[dict[str, Any]]:
        """Each measurement by all its dimensions, and by `InstanceId` alone: the agent's aggregation."""
        load = 40 + moment.second / 3
        disk = {"path": "/", "device": "xvda1", "fstype": "xfs"}
        measured: tuple[tuple[str, float, dict[str, str]], ...] = (
            ("mem_used_percent", load, {}),
            ("disk_used_percent", load / 2, disk),
        )
        own = {"InstanceId": self.instance_id, "ImageId": IMAGE_ID, "InstanceType": INSTANCE_TYPE}
        return [
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
                "Timestamp": moment,
                "Value": value,
                "Unit": "Percent",
                "StorageResolution": 1,
            }
            for name, value, extra in measured
            for dimensions in ({**own, **extra}, {"InstanceId": self.instance_id})
        ]


@contextmanager
def running_agents(account: Account | Spoke, instance_ids: Iterable[str], period: timedelta) -> Iterator[list[Agent]]:
    """The instances' agents, for as long as the block lasts."""
    ec2, cloudwatch = account.client("ec2"), account.client("cloudwatch")
    agents = [Agent(ec2, cloudwatch, instance_id, period) for instance_id in instance_ids]
    for agent in agents:
        agent.start()
    try:
        yield agents
    finally:
        for agent in agents:
            agent.stop()


def datapoints(
    cloudwatch: Any, instance_id: str, *, since: datetime, period: timedelta = timedelta(seconds=1)
) -> list[datetime]:
    """When CloudWatch has datapoints of the instance's memory, the oldest first: the starts of their periods."""
    # Whole periods from the start on: the emulator counts them from there, CloudWatch from the full minute or hour.
    start = datetime.fromtimestamp(since.timestamp() // period.seconds * period.seconds, UTC)
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": "mem_used_percent",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
    }
    query = {"Id": "mem", "MetricStat": {"Metric": metric, "Period": period.seconds, "Stat": "SampleCount"}}
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query], StartTime=start, EndTime=datetime.now(UTC) + timedelta(seconds=1)
    )
    return sorted(answer["MetricDataResults"][0]["Timestamps"])
