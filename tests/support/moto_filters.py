"""Filters that EC2 has and moto doesn't know yet."""

from functools import cache
from typing import Any

from moto.ec2.models.vpcs import VPCEndPoint


@cache
def teach_moto_filters() -> None:
    """Let moto, in this process, filter endpoints by their ids (EC2 API: DescribeVpcEndpoints)."""
    known = VPCEndPoint.get_filter_value

    def get_filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        return self.id if filter_name == "vpc-endpoint-id" else known(self, filter_name, method_name)

    VPCEndPoint.get_filter_value = get_filter_value
