"""Who else resolves names through the region's VPCs, read from moto and from stand-ins that answer as AWS does."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from lifeline.adapters.aws.askers import AskersReader
from lifeline.adapters.aws.dns import CentralDns
from lifeline.core.network.askers import Askers, Door, DoorKind, Forward
from tests.adapters.aws.test_dns import REGION, Stub, error
from tests.support.emulator import emulated_aws

FIRST, SECOND = "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
INBOUND = {"Id": "rslvr-in-1", "Direction": "INBOUND", "HostVPCId": FIRST}
OUTBOUND = {"Id": "rslvr-out-1", "Direction": "OUTBOUND", "HostVPCId": FIRST}
RULE = {"Id": "rslvr-rr-1", "RuleType": "FORWARD", "DomainName": "amazonaws.com.", "TargetIps": [{"Ip": "10.0.1.10"}]}
SYSTEM = {"Id": "rslvr-rr-2", "RuleType": "SYSTEM", "DomainName": "corp.example."}
DIRECTORY = {"DirectoryId": "d-1", "VpcSettings": {"VpcId": FIRST}, "DnsIpAddrs": ["10.0.1.20"]}
CONNECTOR = {"DirectoryId": "d-2", "ConnectSettings": {"VpcId": FIRST}, "DnsIpAddrs": ["192.168.0.2"]}


def resolver(**more: Any) -> Stub:
    return Stub(
        **{
            "list_resolver_endpoints": {"ResolverEndpoints": [INBOUND, OUTBOUND]},
            "list_resolver_endpoint_ip_addresses": {"IpAddresses": [{"Ip": "10.0.1.10"}, {"Ipv6": "fd00::10"}]},
            "list_resolver_rules": {"ResolverRules": [RULE, SYSTEM]},
            "list_resolver_rule_associations": {
                "ResolverRuleAssociations": [
                    {"ResolverRuleId": "rslvr-rr-1", "VPCId": SECOND},
                    {"ResolverRuleId": "rslvr-rr-2", "VPCId": FIRST},
                ]
            },
            **more,
        }
    )


def read(rules: Stub, directories: Stub | None = None, servers: dict[str, tuple[str, ...]] | None = None) -> Askers:
    ds = directories or Stub(describe_directories={"DirectoryDescriptions": [DIRECTORY, CONNECTOR]})
    return AskersReader(lambda: None, rules, ds).read(servers or {})


def test_doors_forwards_and_servers_become_values() -> None:
    found = read(resolver(), servers={SECOND: ("10.0.1.10",), FIRST: ()})
    assert found.doors == (
        Door(DoorKind.INBOUND, "rslvr-in-1", FIRST, frozenset({"10.0.1.10", "fd00::10"})),
        Door(DoorKind.DIRECTORY, "d-1", FIRST, frozenset({"10.0.1.20"})),
    )
    assert found.forwards == (Forward("rslvr-rr-1", "amazonaws.com", frozenset({"10.0.1.10"}), (SECOND,)),)
    assert (found.dns_servers, found.unread) == (((SECOND, ("10.0.1.10",)),), ())


@pytest.mark.parametrize(
    ("status", "vpc_ids"),
    [("COMPLETE", (SECOND,)), ("CREATING", (SECOND,)), ("DELETING", ()), ("FAILED", ()), ("OVERRIDDEN", ())],
)
def test_a_vpc_follows_a_rule_that_is_associated_with_it_for_sure(status: str, vpc_ids: tuple[str, ...]) -> None:
    association = {"ResolverRuleId": "rslvr-rr-1", "VPCId": SECOND, "Status": status}
    rules = resolver(list_resolver_rule_associations={"ResolverRuleAssociations": [association]})
    assert [forward.vpc_ids for forward in read(rules).forwards] == [vpc_ids]


def test_without_rules_that_forward_nobody_asks_who_follows_them() -> None:
    rules = resolver(list_resolver_endpoints={}, list_resolver_rules={"ResolverRules": [SYSTEM]})
    assert read(rules, Stub()) == Askers()
    assert rules.names() == ["list_resolver_endpoints", "list_resolver_rules"]


def test_what_is_denied_is_named_and_hides_nothing_else() -> None:
    rules = resolver(list_resolver_rules=error("ListResolverRules", "AccessDeniedException"))
    found = read(rules, Stub(describe_directories=error("DescribeDirectories", "AccessDeniedException")))
    assert [one.kind for one in found.doors] == [DoorKind.INBOUND]
    assert [one.partition(" could")[0] for one in found.unread] == [
        "the directories' DNS servers",
        "the resolver rules",
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        EndpointConnectionError(endpoint_url="https://ds.eu-moon-1.amazonaws.com"),
        error("DescribeDirectories", "404", 404),
    ],
)
def test_a_service_that_the_region_does_not_offer_has_none(refusal: Exception) -> None:
    found = read(resolver(), Stub(describe_directories=refusal))
    assert (found.unread, len(found.doors)) == ((), 1)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with emulated_aws():
        yield


def test_they_are_read_once_in_a_quarter_of_an_hour(account: None) -> None:
    ec2, rules = boto3.client("ec2"), boto3.client("route53resolver")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="dns", Description="dns", VpcId=vpc_id)["GroupId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    addresses: Any = [{"SubnetId": subnet, "Ip": one} for one in ("10.0.1.10", "10.0.1.11")]
    rules.create_resolver_endpoint(
        CreatorRequestId="1", Direction="INBOUND", SecurityGroupIds=[group], IpAddresses=addresses
    )
    dns = CentralDns()
    (door,) = dns.askers().doors
    assert (door.vpc_id, sorted(door.addresses)) == (vpc_id, ["10.0.1.10", "10.0.1.11"])
    assert dns.askers() is dns.askers()
