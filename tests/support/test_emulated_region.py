"""The benches' region has what was made in it and nothing else: what they count is of that alone."""

from typing import Any

import boto3
from bench.emulated_region import emulated_region, half_served

from tests.support.agents import REGION


def test_the_region_has_the_vpcs_that_were_made_and_no_other() -> None:
    with emulated_region(lambda: half_served(2)) as region:
        ec2: Any = boto3.client(
            "ec2", region_name=REGION, endpoint_url=region.url, aws_access_key_id="a", aws_secret_access_key="b"
        )
        vpcs = ec2.describe_vpcs()["Vpcs"]
        assert sorted(vpc["CidrBlock"] for vpc in vpcs) == ["10.0.0.0/16", "10.1.0.0/16"]
        assert len(ec2.describe_subnets()["Subnets"]) == 6
        assert region.calls() == {"ec2": 2}
