"""A hub with an endpoint and its zone, and spokes that a transit gateway connects with it, in emulated accounts."""

from typing import Any, cast

from moto.ec2.models import ec2_backends

from tests.support.world import ACCOUNT, REGION, World

NAME = "monitoring.us-east-1.amazonaws.com"
MONITORING = "com.amazonaws.us-east-1.monitoring"
HUB_BLOCK = "10.9.0.0/16"


class Hub:
    """The hub's VPC in an account, with an endpoint of monitoring, its zone, and a transit gateway."""

    def __init__(self, world: World, *, account: str = ACCOUNT) -> None:
        self.world, self.ec2, self.account = world, world.ec2, account
        self.vpc_id = world.make_vpc(cidr=HUB_BLOCK)
        self.subnet_id = world.make_subnet(self.vpc_id, "10.9.1.0/24")
        gateway = self.ec2.create_transit_gateway()["TransitGateway"]
        self.gateway_id, self.table_id = (
            gateway["TransitGatewayId"],
            gateway["Options"]["AssociationDefaultRouteTableId"],
        )
        made = self.ec2.create_security_group(GroupName="hub", Description="hub", VpcId=self.vpc_id)
        self.group_id = made["GroupId"]
        self.let_in("10.0.0.0/8")
        self.endpoint_id = self._make_endpoint(MONITORING)
        self.attachment_id = self.attach(self.vpc_id, self.subnet_id, HUB_BLOCK)
        self.lead(self.world, self.vpc_id, "10.0.0.0/8")
        self.zone_id = self._make_zone("monitoring", self.endpoint_id)

    def let_in(self, cidr: str) -> None:
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": cidr}]}
        self.ec2.authorize_security_group_ingress(GroupId=self.group_id, IpPermissions=[permission])

    def shut_out(self, cidr: str) -> None:
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": cidr}]}
        self.ec2.revoke_security_group_ingress(GroupId=self.group_id, IpPermissions=[permission])

    def cut_at(self, place: str) -> None:
        """The way to the hub ends there: its endpoint or that one's group, the gateway's table, its route back, its
        attachment.
        """
        match place:
            case "endpoint":
                self.ec2.delete_vpc_endpoints(VpcEndpointIds=[self.endpoint_id])
            case "group":
                self.shut_out("10.0.0.0/8")
            case "gateway":
                self.ec2.delete_transit_gateway_route(
                    TransitGatewayRouteTableId=self.table_id, DestinationCidrBlock=HUB_BLOCK
                )
            case "route back":
                table_id = self.world.main_table(self.vpc_id)
                self.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="10.0.0.0/8")
            case "attachment":
                self.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=self.attachment_id)

    def attach(self, vpc_id: str, subnet_id: str, cidr: str) -> str:
        """The VPC's attachment, with which a route of the gateway's table leads to its block."""
        ids = {"TransitGatewayId": self.gateway_id, "VpcId": vpc_id, "SubnetIds": [subnet_id]}
        made = self.ec2.create_transit_gateway_vpc_attachment(**ids)["TransitGatewayVpcAttachment"]
        attachment_id = str(made["TransitGatewayAttachmentId"])
        to = {"TransitGatewayRouteTableId": self.table_id, "TransitGatewayAttachmentId": attachment_id}
        self.ec2.create_transit_gateway_route(DestinationCidrBlock=cidr, **to)
        return attachment_id

    def lead(self, world: World, vpc_id: str, cidr: str = HUB_BLOCK) -> None:
        """A route of the VPC's main table to the gateway."""
        table_id = world.main_table(vpc_id)
        world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=cidr, TransitGatewayId=self.gateway_id)

    def add_spoke(self, world: World, *, cidr: str = "10.0.0.0/16", account: str = "") -> str:
        """A VPC in an account with one subnet, which is attached and led to the hub."""
        vpc_id = world.make_vpc(cidr=cidr)
        subnet_id = world.make_subnet(vpc_id, cidr.replace(".0.0/16", ".1.0/24"))
        attachment_id = self.attach(vpc_id, subnet_id, cidr)
        if account:  # its account sees the attachment to the gateway that it was shared, and not its tables
            hubs, theirs = (cast("Any", ec2_backends[one][REGION]) for one in (self.account, account))
            theirs.transit_gateway_attachments[attachment_id] = hubs.transit_gateway_attachments[attachment_id]
            theirs.transit_gateways[self.gateway_id] = hubs.transit_gateways[self.gateway_id]
        self.lead(world, vpc_id)
        return vpc_id

    def add_service(self, code: str) -> str:
        """An endpoint of another service, with its zone: that one's ID."""
        return self._make_zone(code, self._make_endpoint(f"com.amazonaws.{REGION}.{code}"))

    def policy(self, **more: Any) -> dict[str, Any]:
        """The policy's field that names the hub."""
        named = {"zones": [self.zone_id], "services": ["monitoring"], "cidrs": [HUB_BLOCK], **more}
        return {name: value for name, value in named.items() if value is not None}

    def _make_endpoint(self, service_name: str) -> str:
        made = self.ec2.create_vpc_endpoint(
            VpcId=self.vpc_id,
            VpcEndpointType="Interface",
            ServiceName=service_name,
            SubnetIds=[self.subnet_id],
            SecurityGroupIds=[self.group_id],
            PrivateDnsEnabled=False,
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def _make_zone(self, code: str, endpoint_id: str) -> str:
        """A zone of the service's name that answers with the endpoint."""
        name = f"{code}.{REGION}.amazonaws.com"
        zone_id = self.world.hub_zone(self.vpc_id, name)
        endpoints_name = f"{endpoint_id}-abc.{code}.{REGION}.vpce.amazonaws.com"
        alias = {"DNSName": endpoints_name, "HostedZoneId": "Z7HUB", "EvaluateTargetHealth": False}
        record: Any = {"Name": name, "Type": "A", "AliasTarget": alias}
        changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        self.world.client("route53").change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
        return zone_id
