"""What EC2 has and moto doesn't know yet: a filter, and dry runs."""

from functools import cache
from typing import Any

from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses import EC2Response


@cache
def teach_moto_filters() -> None:
    """Let moto, in this process, filter endpoints by their ids (EC2 API: DescribeVpcEndpoints)."""
    known = VPCEndPoint.get_filter_value

    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        return self.id if filter_name == "vpc-endpoint-id" else known(self, filter_name, method_name)

    VPCEndPoint.get_filter_value = get_filter_value


@cache
def teach_dry_runs() -> None:
    """Let moto, in this process, create nothing where CreateVpcEndpoint is a dry run (EC2 API: CreateVpcEndpoint)."""
    create = EC2Response.create_vpc_endpoint

    def create_vpc_endpoint(self: Any) -> Any:
        self.error_on_dryrun()
        return create(self)

    EC2Response.create_vpc_endpoint = create_vpc_endpoint
