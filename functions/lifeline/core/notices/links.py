"""Links to the AWS console, for notices and the coverage page."""

import re
from urllib.parse import quote

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_ISOLATED = re.compile(r"[a-z]{2}-iso[a-z]?-")  # isolated partitions have their own consoles
_ID = re.compile(r"(vpc|vpce|subnet|rtb|sg)-(?:[0-9a-f]{17}|[0-9a-f]{8})")
_EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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


def event_link(event_id: str, region: str) -> str:
    """Return the console page of an event in CloudTrail's Event history; empty for anything that is no event's ID."""
    host = console_host(region)
    if not host or not _EVENT_ID.fullmatch(event_id):
        return ""
    return f"https://{host}/cloudtrailv2/home?region={region}#/events/{event_id}"


def log_link(log_group: str, words: str, region: str) -> str:
    """Return the console page of a CloudWatch Logs Insights query for the last day's log entries with these words, an
    ID; empty for anything else. The query is written as the console's address bar shows it.
    """
    host = console_host(region)
    if not host or not log_group or not _ID.fullmatch(words):
        return ""
    fields = "@timestamp, message, outcome, action, reason"
    query = f'fields {fields} | filter @message like "{words}" | sort @timestamp desc'
    detail = (
        f"~(end~0~start~-86400~timeType~'RELATIVE~unit~'seconds~editorString~'{_starred(query)}"
        f"~source~(~'{_starred(log_group)}))"
    )
    return f"https://{host}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D{detail}"


def _starred(text: str) -> str:
    """`a b` as `a*20b`: so the console's addresses of Logs Insights escape what isn't a letter or a digit."""
    return "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else f"*{ord(one):02x}" for one in text)


def dashboard_link(name: str, region: str) -> str:
    """Return the console page of a CloudWatch dashboard; empty where there is no such region."""
    host = console_host(region)
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{quote(name, safe='')}" if host else ""
