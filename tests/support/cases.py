"""An emulated account behind EC2's strictness, with the networks that cases of others are rebuilt in."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.roles import Roles
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.handlers import detect_metric_gaps, reconcile_endpoints
from tests.support.strict import StrictAccount
from tests.support.world import REGION, Context, World, flat

type Entry = tuple[int, bool, str, str, tuple[int, int] | None]


@dataclass
class Case:
    """The emulated account behind EC2's strictness."""

    world: World
    account: StrictAccount
    monkeypatch: pytest.MonkeyPatch

    def look(self, vpc_id: str, **more: Any) -> dict[str, Any]:
        answer = reconcile_endpoints.handler({"vpc_ids": [vpc_id], **more}, Context())
        found: dict[str, Any] = json.loads(json.dumps(answer))["vpcs"][0]
        return found

    def told(self) -> list[str]:
        """The texts of the notices since the last time, each as one line."""
        return [flat(json.loads(one["Body"])["Message"]) for one in self.world.notices()]

    def forget_dns(self) -> None:
        """As if a quarter of an hour had passed for what is kept of other names' answers."""
        remember.cache_clear()

    def later(self) -> None:
        self.account.now.advance(timedelta(minutes=5))  # type: ignore[attr-defined]

    def behind_nat(self) -> tuple[str, str, str]:
        """A public subnet with a NAT gateway, and a private one behind it."""
        ec2, vpc_id = self.world.ec2, self.world.make_vpc()
        public, private = self.world.make_subnet(vpc_id, "10.0.0.0/24"), self.world.make_subnet(vpc_id, "10.0.1.0/24")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
        nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])
        targets = (public, {"GatewayId": gateway}), (private, {"NatGatewayId": nat["NatGateway"]["NatGatewayId"]})
        for subnet, target in targets:
            table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        return vpc_id, public, private

    def guard(self, vpc_id: str, subnet_id: str, *entries: Entry) -> str:
        """A network ACL of these entries on the subnet: number, egress, action, block, ports."""
        ec2 = self.world.ec2
        acl_id = str(ec2.create_network_acl(VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"])
        for number, egress, action, cidr, ports in entries:
            more = {"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {}
            ec2.create_network_acl_entry(
                NetworkAclId=acl_id,
                RuleNumber=number,
                Egress=egress,
                RuleAction=action,
                CidrBlock=cidr,
                Protocol="6" if ports else "-1",
                **more,
            )
        filters = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
        was = [one for old in ec2.describe_network_acls(Filters=filters)["NetworkAcls"] for one in old["Associations"]]
        old = next(one["NetworkAclAssociationId"] for one in was if one["SubnetId"] == subnet_id)
        ec2.replace_network_acl_association(AssociationId=old, NetworkAclId=acl_id)
        return acl_id

    def group(self, vpc_id: str, name: str, *permissions: dict[str, Any]) -> str:
        made = self.world.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)
        if permissions:
            self.world.ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=list(permissions))
        return str(made["GroupId"])

    def group_only_to(self, vpc_id: str, block: str) -> str:
        """A client's group that lets out nothing but TCP 443 to this block."""
        group_id = self.group(vpc_id, "app")
        everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.world.ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everywhere)
        there = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": block}]}
        self.world.ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=[there])
        return group_id

    def their_endpoint(self, vpc_id: str, subnet_id: str, group_id: str) -> str:
        made = self.world.ec2.create_vpc_endpoint(
            VpcId=vpc_id,
            VpcEndpointType="Interface",
            ServiceName=self.account.name_of("monitoring"),
            SubnetIds=[subnet_id],
            SecurityGroupIds=[group_id],
            PrivateDnsEnabled=True,
        )
        self.later()
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def launch(self, subnet_id: str, *groups: str, ago: timedelta = timedelta(0)) -> dict[str, Any]:
        iam = boto3.client("iam")
        if not iam.list_instance_profiles()["InstanceProfiles"]:
            iam.create_role(RoleName="agent", AssumeRolePolicyDocument="{}")
            iam.create_instance_profile(InstanceProfileName="agent")
            iam.add_role_to_instance_profile(InstanceProfileName="agent", RoleName="agent")
        more = {"SecurityGroupIds": list(groups)} if groups else {}
        profile = {"Name": "agent"}
        found: dict[str, Any] = self.world.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id, IamInstanceProfile=profile, **more
        )["Instances"][0]
        backend = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.get_instance(found["InstanceId"]).launch_time -= ago
        return found

    def why_silent(self, instance_id: str, *, reported_for: timedelta = timedelta(minutes=40)) -> str:
        """The instance's agent published for so long after what was done, and not for 20 minutes since: what the notice
        says of the cause.
        """
        remember.cache_clear()
        verdict = RoleVerdict(Permission.ALLOWED, "agent")  # moto has no IAM simulator
        self.monkeypatch.setattr(Roles, "may_publish", lambda *_: verdict)
        now = datetime.now(UTC) + reported_for + timedelta(minutes=20)
        datum: Any = {
            "MetricName": "mem_used_percent",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": now - timedelta(minutes=20),
            "Value": 1.0,
        }
        boto3.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[datum])
        for at in (now - timedelta(minutes=19.5), now):
            self.monkeypatch.setattr(detect_metric_gaps, "_now", lambda at=at: at)
            detect_metric_gaps.handler({"detect": True}, Context(function_name="DetectMetricGaps"))
        bodies = [" ".join(json.loads(one["Body"])["Message"].split()) for one in self.world.notices()]
        found = [text for text in bodies if "Why:" in text]
        return found[-1].partition("Why:")[2].partition(" IDs:")[0]


def requiring(*services: str) -> dict[str, str]:
    return {"REQUIRED_SERVICES": ",".join(services), "CREATABLE_SERVICES": ",".join(services)}
