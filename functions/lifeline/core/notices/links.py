"""Links to the AWS console, for notices and the coverage page."""

import re
from urllib.parse import quote

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_ISOLATED = re.compile(r"[a-z]{2}-iso[a-z]?-")  # isolated partitions have their own consoles
_ID = re.compile(r"(vpc|vpce|subnet|rtb|sg)-(?:[0-9a-f]{17}|[0-9a-f]{8})")
# The pages of the VPC console, as its address bar shows them.
_PAGES = {
    "vpc": "VpcDetails:VpcId={}",
    "vpce": "EndpointDetails:vpcEndpointId={}",
    "subnet": "SubnetDetails:subnetId={}",
    "rtb": "RouteTableDetails:RouteTableId={}",
    "sg": "SecurityGroup:groupId={}",
}


def console_host(region: str) -> str:
    """Return the console's host for a region, by partition; empty for isolated partitions and invalid names."""
    if not _REGION.fullmatch(region) or _ISOLATED.match(region):
        return ""
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def resource_link(resource_id: str, region: str) -> str:
    """Return the console page of a VPC, endpoint, subnet, route table or security group; empty for anything else."""
    host, match = console_host(region), _ID.fullmatch(resource_id)
    if not host or not match:
        return ""
    return f"https://{host}/vpcconsole/home?region={region}#{_PAGES[match[1]].format(resource_id)}"


def dashboard_link(name: str, region: str) -> str:
    """Return the console page of a CloudWatch dashboard; empty where there is no such region."""
    host = console_host(region)
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name, safe='')}" if host else ""
