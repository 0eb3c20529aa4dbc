"""Links into AWS's console, for what a notice or a page names."""

import re
from urllib.parse import quote

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_ISOLATED = re.compile(r"[a-z]{2}-iso[a-z]?-")  # partitions whose consoles are on networks of their own
_ID = re.compile(r"(vpc|vpce|subnet|rtb|sg)-(?:[0-9a-f]{17}|[0-9a-f]{8})")
# The page of each kind of resource in the VPC console, as the console's own address bar has it.
_PAGES = {
    "vpc": "VpcDetails:VpcId={}",
    "vpce": "EndpointDetails:vpcEndpointId={}",
    "subnet": "SubnetDetails:subnetId={}",
    "rtb": "RouteTableDetails:RouteTableId={}",
    "sg": "SecurityGroup:groupId={}",
}


def console_host(region: str) -> str:
    """The console's host for a region, by its partition; empty for isolated ones, and what isn't a region's name."""
    if not _REGION.fullmatch(region) or _ISOLATED.match(region):
        return ""
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def resource_link(resource_id: str, region: str) -> str:
    """The console's page of a VPC, an endpoint, a subnet, a route table or a security group; empty for all else."""
    host, found = console_host(region), _ID.fullmatch(resource_id)
    if not host or not found:
        return ""
    return f"https://{host}/vpcconsole/home?region={region}#{_PAGES[found.group(1)].format(resource_id)}"


def dashboard_link(name: str, region: str) -> str:
    """The console's page of a CloudWatch dashboard; empty where there is no such region."""
    host = console_host(region)
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name, safe='')}" if host else ""
