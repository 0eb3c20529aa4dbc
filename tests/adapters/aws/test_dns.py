"""A VPC's DNS, read from moto where it has the service, else from stand-ins that answer as AWS does."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from socket import EAI_AGAIN, EAI_NONAME, gaierror
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.pace import Pace
from lifeline.core.network.dns import AnswerKind, DnsAnswer, answer_to
from tests.support.emulator import emulated_aws

REGION = "us-east-1"
ACCOUNT = "111122223333"
VPC_ID = "vpc-0123456789abcdef0"
NAME = "monitoring.us-east-1.amazonaws.com"
START = datetime(2026, 11, 1, tzinfo=UTC)


def error(operation: str, code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class Stub:
    """A service that gives each call its answers in turn, the last one again and again, or raises them."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: list(found) if isinstance(found, list) else [found] for name, found in answers.items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def __getattr__(self, operation: str) -> Any:
        return lambda **request: self._answer(operation, request)

    def get_paginator(self, operation: str) -> Any:
        stub = self

        class Paginator:
            def paginate(self, **request: Any) -> Iterable[dict[str, Any]]:
                more = True
                while more:
                    page = stub._answer(operation, request)
                    more = bool(page.get("NextToken"))
                    yield page

        return Paginator()

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, dict(request)))
        left = self._answers.get(operation, [{}])
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer(request) if callable(answer) else answer)


def hosted_zone(name: str = NAME, zone_id: str = "Z1", **owner: str) -> dict[str, Any]:
    return {"HostedZoneId": zone_id, "Name": f"{name}.", "Owner": owner or {"OwningAccount": ACCOUNT}}


def route53(*zones: dict[str, Any], **more: Any) -> Stub:
    return Stub(**{"list_hosted_zones_by_vpc": {"HostedZoneSummaries": list(zones), "MaxItems": "100"}, **more})


def resolver(*rules: dict[str, Any], status: str = "COMPLETE", **more: Any) -> Stub:
    associations = [{"ResolverRuleId": rule["Id"], "VPCId": VPC_ID, "Status": status} for rule in rules]
    by_id = {rule["Id"]: rule for rule in rules}
    return Stub(
        **{
            "list_resolver_rule_associations": {"ResolverRuleAssociations": associations},
            "get_resolver_rule": lambda request: {"ResolverRule": by_id[request["ResolverRuleId"]]},
            **more,
        }
    )


def rule(domain: str = "amazonaws.com.", kind: str = "FORWARD", rule_id: str = "rslvr-rr-1") -> dict[str, Any]:
    return {"Id": rule_id, "DomainName": domain, "RuleType": kind}


def profiles(*arns: str, association: str = "COMPLETE", status: str = "COMPLETE", **more: Any) -> Stub:
    return Stub(
        **{
            "list_profile_associations": {
                "ProfileAssociations": [{"ProfileId": "rp-1", "ResourceId": VPC_ID, "Status": association}]
            },
            "list_profile_resource_associations": {
                "ProfileResourceAssociations": [{"ResourceArn": arn, "Status": status} for arn in arns]
            },
            **more,
        }
    )


def endpoint(vpc_id: str = "vpc-0a0a0a0a0a0a0a0a0") -> dict[str, Any]:
    names = ["vpce-1-x.monitoring.us-east-1.vpce.amazonaws.com", NAME]
    entries = [{"DnsName": name, "HostedZoneId": "Z7"} for name in names]
    return {"VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcId": vpc_id, "DnsEntries": entries}]}


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def central(
    zones: Stub | None = None,
    rules: Stub | None = None,
    shared: Stub | None = None,
    ec2: Stub | None = None,
    clock: Clock | None = None,
) -> CentralDns:
    return CentralDns(zones or route53(), rules or resolver(), shared or Stub(), ec2 or Stub(), now=clock or Clock())


def kinds(dns: CentralDns) -> list[tuple[AnswerKind, str, str]]:
    return [(one.kind, one.domain, one.source_id) for one in dns.view(VPC_ID, region=REGION).answers]


# ---- zones


def test_zones_of_any_account_answer_and_those_that_aws_made_for_endpoints_do_not() -> None:
    zones = route53(
        hosted_zone(zone_id="Z1"),
        hosted_zone("logs.us-east-1.amazonaws.com", "Z2", OwningAccount="444455556666"),
        hosted_zone("ec2.us-east-1.amazonaws.com", "Z3", OwningService="vpce.amazonaws.com"),
        hosted_zone("fs-1.efs.us-east-1.amazonaws.com", "Z4", OwningService="efs.amazonaws.com"),
    )
    view = central(zones).view(VPC_ID, region=REGION)
    assert [one.source_id for one in view.answers] == ["Z2", "Z1"]
    assert view.answers[0].detail == (
        "the private hosted zone logs.us-east-1.amazonaws.com (Z2) of account 444455556666"
    )
    assert view.unreadable == ()


def test_every_page_of_zones_is_read_with_the_number_as_text() -> None:
    first = {"HostedZoneSummaries": [hosted_zone(zone_id="Z1")], "NextToken": "more"}
    second = {"HostedZoneSummaries": [hosted_zone("a.example", "Z2")]}
    zones = Stub(list_hosted_zones_by_vpc=[first, second])
    assert [source for _, _, source in kinds(central(zones))] == ["Z2", "Z1"]
    (_, one), (_, two), *_ = zones.calls
    assert one == {"VPCId": VPC_ID, "VPCRegion": REGION, "MaxItems": "100"}
    assert two == {**one, "NextToken": "more"}


# ---- the addresses of zones


def records(*values: str, name: str = f"{NAME}.", kind: str = "A", alias: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"Name": name, "Type": kind}
    if alias:
        return found | {"AliasTarget": {"DNSName": alias}}
    return found | {"ResourceRecords": [{"Value": value} for value in values]}


def with_records(*sets: dict[str, Any]) -> Stub:
    there = [records("ns-1.example", kind="NS"), records("a b c", kind="SOA"), *sets]
    return route53(hosted_zone(), list_resource_record_sets={"ResourceRecordSets": there})


HUBS = {
    "describe_vpc_endpoints": {"VpcEndpoints": [{"VpcEndpointId": "vpce-0a1", "NetworkInterfaceIds": ["eni-1"]}]},
    "describe_network_interfaces": {
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": "eni-1",
                "PrivateIpAddress": "10.9.0.10",
                "Ipv6Addresses": [{"Ipv6Address": "2600:1f18::10"}],
            }
        ]
    },
}
DUAL = ("10.9.0.10", "2600:1f18::10")
ALIAS = "vpce-0a1-xyz.monitoring.us-east-1.vpce.amazonaws.com."


@pytest.mark.parametrize(
    ("zones", "addresses", "endpoint_id"),
    [
        (with_records(records("10.9.0.10"), records("10.9.1.10")), ("10.9.0.10", "10.9.1.10"), ""),
        (with_records(records(alias=ALIAS)), ("10.9.0.10",), "vpce-0a1"),
        (with_records(records(ALIAS, kind="CNAME")), DUAL, "vpce-0a1"),
        (with_records(records("10.9.0.9", name=f"\\052.{NAME}.")), (), ""),
        (with_records(records(alias=ALIAS, kind="AAAA")), ("2600:1f18::10",), "vpce-0a1"),
        (with_records(records(alias=ALIAS), records(alias=ALIAS, kind="AAAA")), DUAL, "vpce-0a1"),
        (with_records(records("10.9.0.9"), records(alias=ALIAS, kind="AAAA")), ("10.9.0.9", DUAL[1]), "vpce-0a1"),
        (with_records(), (), ""),
        (with_records(records("10.9.0.9", name=f"other.{NAME}.")), (), ""),
        (with_records(records(alias="hub-1.elb.us-east-1.amazonaws.com.")), None, ""),
        (route53(hosted_zone(), list_resource_record_sets=error("ListResourceRecordSets", "AccessDenied")), None, ""),
    ],
)
def test_a_zones_addresses_are_those_of_its_own_name(
    zones: Stub, addresses: tuple[str, ...] | None, endpoint_id: str
) -> None:
    (answer,) = central(zones, ec2=Stub(**HUBS)).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id) == (addresses, endpoint_id)


def zonal(zone: str) -> str:
    return f"vpce-0a1-xyz-{zone}.monitoring.us-east-1.vpce.amazonaws.com."


@pytest.mark.parametrize(
    ("aliases", "addresses"),
    [
        ((ALIAS,), ("10.9.0.10", "10.9.1.10")),
        ((zonal("us-east-1a"),), ("10.9.0.10",)),
        ((zonal("us-east-1b"),), ("10.9.1.10",)),
        ((zonal("us-east-1a"), zonal("us-east-1b")), ("10.9.0.10", "10.9.1.10")),
        ((zonal("us-east-1c"),), None),  # in which the endpoint has no interface
    ],
)
def test_a_name_of_one_zone_leads_to_the_addresses_there(
    aliases: tuple[str, ...], addresses: tuple[str, ...] | None
) -> None:
    """So that traffic stays within an Availability Zone (PrivateLink guide: DNS hostnames)."""
    interfaces = [
        {"NetworkInterfaceId": f"eni-{zone}", "PrivateIpAddress": address, "AvailabilityZone": f"us-east-1{zone}"}
        for zone, address in (("a", "10.9.0.10"), ("b", "10.9.1.10"))
    ]
    sets = [records(alias=alias) | {"SetIdentifier": alias, "Weight": 1} for alias in aliases]
    ec2 = Stub(**HUBS | {"describe_network_interfaces": {"NetworkInterfaces": interfaces}})
    (answer,) = central(with_records(*sets), ec2=ec2).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id) == (addresses, "vpce-0a1" if addresses else "")


@pytest.mark.parametrize(
    ("one", "other", "addresses"),
    [
        ({"Weight": 1}, {"Weight": 1}, ("10.9.0.10", "10.9.1.10")),
        ({"Weight": 1}, {"Weight": 0}, ("10.9.0.10",)),
        ({"Weight": 0}, {"Weight": 0}, ("10.9.0.10", "10.9.1.10")),
        ({"MultiValueAnswer": True}, {"MultiValueAnswer": True}, ("10.9.0.10", "10.9.1.10")),
        ({"Failover": "PRIMARY"}, {"Failover": "SECONDARY"}, None),
        ({"Region": "us-east-1"}, {"Region": "us-west-2"}, None),
        ({"GeoLocation": {"CountryCode": "*"}}, {"GeoLocation": {"CountryCode": "US"}}, None),
    ],
)
def test_which_of_a_names_records_answers_is_known_only_as_far_as_all_of_them_do(
    one: dict[str, Any], other: dict[str, Any], addresses: tuple[str, ...] | None
) -> None:
    zones = with_records(records("10.9.0.10") | one, records("10.9.1.10") | other)
    (answer,) = central(zones).view(VPC_ID, region=REGION).answers
    assert answer.addresses == addresses
    same = with_records(records("10.9.0.10") | one, records("10.9.0.10") | other)
    assert [found.addresses for found in central(same).view(VPC_ID, region=REGION).answers] == [("10.9.0.10",)]


@pytest.mark.parametrize("wildcard", [f"\\052.{NAME}.", f"*.{NAME}."])
def test_a_record_of_a_zones_own_name_and_one_of_all_names_under_it_do_not_answer_each_other(wildcard: str) -> None:
    zones = with_records(records("10.9.0.10"), records(alias=ALIAS, name=wildcard))
    view = central(zones, ec2=Stub(**HUBS)).view(VPC_ID, region=REGION)
    found = [answer_to(name, view) for name in (NAME, f"*.{NAME}")]
    assert [(one.addresses, one.endpoint_id) for one in found if one] == [
        (("10.9.0.10",), ""),
        (("10.9.0.10",), "vpce-0a1"),
    ]
    view = central(with_records(records("10.9.0.10"))).view(VPC_ID, region=REGION)
    assert [one.addresses for name in (NAME, f"*.{NAME}") if (one := answer_to(name, view))] == [
        ("10.9.0.10",),
        (),
    ]


def test_the_wildcard_is_found_behind_any_number_of_other_names() -> None:
    first = {"ResourceRecordSets": [records(name=f"1.{NAME}.", kind="TXT")], "IsTruncated": True}
    second = {"ResourceRecordSets": [records("10.9.0.10", name=f"\\052.{NAME}.")]}
    zones = route53(hosted_zone(), list_resource_record_sets=[first, second])
    (answer,) = central(zones).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.wildcard) == ((), (("10.9.0.10",), ""))
    asked = [request for name, request in zones.calls if name == "list_resource_record_sets"]
    assert [one.get("StartRecordName") for one in asked] == [None, f"*.{NAME}"]


@pytest.mark.parametrize(
    ("described", "absent_id"),
    [
        ({"VpcEndpoints": []}, "vpce-0a1"),
        ({"VpcEndpoints": [{"VpcEndpointId": "vpce-0a1", "State": "available"}]}, ""),
        (error("DescribeVpcEndpoints", "UnauthorizedOperation"), ""),
    ],
)
def test_an_endpoint_that_the_zones_account_does_not_have_is_told_apart(described: Any, absent_id: str) -> None:
    """Its addresses aren't known either way: it was deleted, or is another account's."""
    zones = with_records(records(alias=ALIAS))
    (answer,) = central(zones, ec2=Stub(describe_vpc_endpoints=described)).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id, answer.absent_id) == (None, "", absent_id)


@pytest.mark.parametrize("state", ["deleting", "deleted", "Deleted"])
def test_a_record_that_leads_to_an_endpoint_that_ec2_shows_as_deleted_answers_nothing(state: str) -> None:
    ec2 = Stub(describe_vpc_endpoints={"VpcEndpoints": [{"VpcEndpointId": "vpce-0a1", "State": state}]})
    (answer,) = central(with_records(records(alias=ALIAS)), ec2=ec2).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id, answer.absent_id) == ((), "vpce-0a1", "vpce-0a1")
    beside = records("10.9.0.10") | {"SetIdentifier": "beside", "Weight": 1}
    both = with_records(records(alias=ALIAS) | {"SetIdentifier": "gone", "Weight": 1}, beside)
    (answer,) = central(both, ec2=ec2).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id, answer.absent_id) == (None, "", "vpce-0a1")


def test_a_wildcard_that_leads_to_a_deleted_endpoint_says_nothing_of_the_zones_own_name() -> None:
    ec2 = Stub(describe_vpc_endpoints={"VpcEndpoints": [{"VpcEndpointId": "vpce-0a1", "State": "deleted"}]})
    zones = with_records(records("10.9.0.10"), records(alias=ALIAS, name=f"*.{NAME}."))
    (answer,) = central(zones, ec2=ec2).view(VPC_ID, region=REGION).answers
    assert (answer.addresses, answer.endpoint_id, answer.wildcard) == (("10.9.0.10",), "", ((), "vpce-0a1"))


def test_records_are_read_once_for_all_vpcs_and_not_of_zones_that_hold_no_name_of_aws() -> None:
    zones = route53(hosted_zone(), hosted_zone("corp.example", "Z2"))
    dns = central(zones)
    for vpc_id in (VPC_ID, "vpc-0fedcba9876543210"):
        dns.view(vpc_id, region=REGION)
    assert [request["HostedZoneId"] for name, request in zones.calls if name == "list_resource_record_sets"] == ["Z1"]


def test_records_that_are_throttled_can_be_read_later() -> None:
    throttled = error("ListResourceRecordSets", "Throttling")
    view = central(route53(hosted_zone(), list_resource_record_sets=throttled)).view(VPC_ID, region=REGION)
    assert view.throttled == view.unreadable != ()


# ---- rules


def test_a_forward_rule_answers_and_a_system_rule_stays_here() -> None:
    rules = resolver(rule(".", "FORWARD", "rslvr-rr-1"), rule("amazonaws.com.", "SYSTEM", "rslvr-rr-2"))
    view = central(rules=rules).view(VPC_ID, region=REGION)
    assert [(one.domain, one.forwards) for one in view.answers] == [("", True)]
    assert [one.domain for one in view.kept_here] == ["amazonaws.com"]
    assert answer_to(NAME, view) is None
    (_, request), *_ = rules.calls
    assert request == {"Filters": [{"Name": "VPCId", "Values": [VPC_ID]}]}


@pytest.mark.parametrize("kind", ["RECURSIVE", "DELEGATE"])
def test_rules_of_other_types_answer_nothing(kind: str) -> None:
    assert kinds(central(rules=resolver(rule(".", kind)))) == []


def test_resolvers_own_rules_are_not_even_asked_for() -> None:
    rules = resolver(rule(".", "FORWARD", "rslvr-autodefined-rr-internet-resolver"))
    assert kinds(central(rules=rules)) == []
    assert "get_resolver_rule" not in rules.names()


@pytest.mark.parametrize(
    ("status", "count"), [("COMPLETE", 1), ("CREATING", 1), ("DELETING", 0), ("FAILED", 0), ("OVERRIDDEN", 0)]
)
def test_an_association_counts_while_it_is_in_force_or_about_to_be(status: str, count: int) -> None:
    assert len(kinds(central(rules=resolver(rule(), status=status)))) == count


def test_a_rule_that_many_vpcs_share_is_read_once() -> None:
    rules = resolver(rule())
    dns = central(rules=rules)
    for place in range(3):
        dns.view(f"vpc-{place}", region=REGION)
    assert rules.names().count("get_resolver_rule") == 1


# ---- Profiles


def test_a_profile_answers_by_its_zones_rules_and_endpoints() -> None:
    shared = profiles(
        "arn:aws:route53:::hostedzone/Z9",
        f"arn:aws:route53resolver:{REGION}:{ACCOUNT}:resolver-rule/rslvr-rr-9",
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint/vpce-1",
        f"arn:aws:route53resolver:{REGION}:{ACCOUNT}:firewall-rule-group/rslvr-frg-1",
        f"arn:aws:route53resolver:{REGION}:{ACCOUNT}:resolver-query-log-config/rqlc-1",
    )
    zones = route53(get_hosted_zone={"HostedZone": {"Id": "/hostedzone/Z9", "Name": "logs.us-east-1.amazonaws.com."}})
    rules = resolver(get_resolver_rule={"ResolverRule": rule("corp.example.", rule_id="rslvr-rr-9")})
    dns = central(zones, rules, shared, Stub(describe_vpc_endpoints=endpoint()))
    assert kinds(dns) == [
        (AnswerKind.PROFILE, "corp.example", "rp-1"),
        (AnswerKind.PROFILE, "logs.us-east-1.amazonaws.com", "rp-1"),
        (AnswerKind.PROFILE, NAME, "rp-1"),
    ]
    answer = answer_to(NAME, dns.view(VPC_ID, region=REGION))
    assert answer == DnsAnswer(
        AnswerKind.PROFILE,
        NAME,
        "rp-1",
        "the endpoint vpce-1 of vpc-0a0a0a0a0a0a0a0a0 through the Profile rp-1",
        wildcard=((), ""),
    )
    assert dns.view_of_profile("rp-1").brought == ("firewall-rule-group rslvr-frg-1",)
    assert shared.calls[0] == ("list_profile_associations", {"ResourceId": VPC_ID})


def test_a_system_rule_of_a_profile_stays_here_and_its_endpoint_in_this_vpc_is_no_central_one() -> None:
    arns = [
        f"arn:aws:route53resolver:{REGION}:{ACCOUNT}:resolver-rule/rslvr-rr-9",
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint/vpce-1",
    ]
    rules = resolver(get_resolver_rule={"ResolverRule": rule(kind="SYSTEM", rule_id="rslvr-rr-9")})
    dns = central(rules=rules, shared=profiles(*arns), ec2=Stub(describe_vpc_endpoints=endpoint(VPC_ID)))
    view = dns.view(VPC_ID, region=REGION)
    assert view.answers == ()
    assert [(one.kind, one.domain) for one in view.kept_here] == [(AnswerKind.PROFILE, "amazonaws.com")]


@pytest.mark.parametrize(("state", "answers"), [("deleted", 0), ("Deleted", 0), ("deleting", 1), ("available", 1)])
def test_an_endpoint_that_a_profile_still_carries_answers_nothing_once_ec2_shows_it_as_deleted(
    state: str, answers: int
) -> None:
    shown = endpoint()
    shown["VpcEndpoints"][0]["State"] = state
    shared = profiles(f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint/vpce-1", "arn:aws:route53:::hostedzone/Z9")
    zones = route53(get_hosted_zone={"HostedZone": {"Name": "corp.example."}})
    view = central(zones, shared=shared, ec2=Stub(describe_vpc_endpoints=shown)).view(VPC_ID, region=REGION)
    assert (len(view.answers), view.unreadable) == (1 + answers, ())


@pytest.mark.parametrize(("association", "status"), [("DELETING", "COMPLETE"), ("COMPLETE", "DELETED")])
def test_a_profile_or_resource_that_goes_away_answers_nothing(association: str, status: str) -> None:
    shared = profiles("arn:aws:route53:::hostedzone/Z9", association=association, status=status)
    assert kinds(central(shared=shared)) == []


def test_the_resources_of_a_profile_that_many_vpcs_share_are_read_once() -> None:
    shared = profiles("arn:aws:route53:::hostedzone/Z9")
    zones = route53(get_hosted_zone={"HostedZone": {"Name": f"{NAME}."}})
    dns = central(zones, shared=shared)
    for place in range(3):
        assert answer_to(NAME, dns.view(f"vpc-{place}", region=REGION))
    assert shared.names().count("list_profile_resource_associations") == 1
    assert zones.names().count("get_hosted_zone") == 1


@pytest.mark.parametrize(
    ("arn", "zones", "rules"),
    [
        (
            "arn:aws:route53:::hostedzone/Z9",
            route53(get_hosted_zone=error("GetHostedZone", "NoSuchHostedZone", 404)),
            resolver(),
        ),
        (
            "arn:aws:route53resolver:us-east-1:444455556666:resolver-rule/rslvr-rr-9",
            route53(),
            resolver(get_resolver_rule=error("GetResolverRule", "AccessDeniedException")),
        ),
        (
            "arn:aws:ec2:us-east-1:444455556666:vpc-endpoint/vpce-1",
            route53(),
            resolver(),
        ),
    ],
)
def test_what_another_accounts_profile_carries_is_unreadable_rather_than_nothing(
    arn: str, zones: Stub, rules: Stub
) -> None:
    dns = central(zones, rules, profiles(arn), Stub(describe_vpc_endpoints={"VpcEndpoints": []}))
    view = dns.view(VPC_ID, region=REGION)
    assert view.answers == ()
    (words,) = view.unreadable
    assert words.startswith(f"{arn} of the Profile rp-1 couldn't be read: ")


def test_one_profile_that_is_gone_hides_no_other() -> None:
    both = [{"ProfileId": name, "ResourceId": VPC_ID, "Status": "COMPLETE"} for name in ("rp-1", "rp-2")]
    carried = {"ProfileResourceAssociations": [{"ResourceArn": "arn:aws:route53:::hostedzone/Z9"}]}
    gone = error("ListProfileResourceAssociations", "ResourceNotFoundException", 404)
    shared = Stub(
        list_profile_associations={"ProfileAssociations": both}, list_profile_resource_associations=[gone, carried]
    )
    zones = route53(get_hosted_zone={"HostedZone": {"Name": f"{NAME}."}})
    view = central(zones, shared=shared).view(VPC_ID, region=REGION)
    assert [one.source_id for one in view.answers] == ["rp-2"]
    assert view.unreadable == ()


# ---- what can't be read


@pytest.mark.parametrize(
    "failure",
    [
        error("ListProfileAssociations", "404", 404),
        error("ListProfileAssociations", "NotImplemented", 501),
        error("ListProfileAssociations", "UnknownOperationException"),
        EndpointConnectionError(endpoint_url="https://route53profiles.xx-nowhere-1.amazonaws.com"),
    ],
)
def test_a_service_that_the_region_does_not_offer_answers_nothing(failure: Exception) -> None:
    view = central(shared=Stub(list_profile_associations=failure)).view(VPC_ID, region=REGION)
    assert view.unreadable == ()


def no_connection(cause: OSError) -> EndpointConnectionError:
    """The error as botocore raises it."""
    inner = ConnectionError("no connection")
    inner.__cause__ = cause
    return EndpointConnectionError(endpoint_url="https://route53profiles.us-east-1.amazonaws.com", error=inner)


def test_a_service_whose_host_has_no_address_is_not_offered() -> None:
    failure = no_connection(gaierror(EAI_NONAME, "Name or service not known"))
    view = central(shared=Stub(list_profile_associations=failure)).view(VPC_ID, region=REGION)
    assert view.unreadable == ()


@pytest.mark.parametrize(
    "cause", [ConnectionRefusedError(), gaierror(EAI_AGAIN, "Temporary failure"), OSError("no route to host")]
)
def test_a_service_that_only_cant_be_reached_now_is_read_later(cause: OSError) -> None:
    rules = resolver(list_resolver_rule_associations=no_connection(cause))
    view = central(rules=rules, shared=Stub(list_profile_associations=no_connection(cause))).view(VPC_ID, region=REGION)
    assert len(view.throttled) == 2


def test_route_53_is_offered_everywhere_so_that_no_connection_is_no_answer() -> None:
    failure = EndpointConnectionError(endpoint_url="https://route53.amazonaws.com")
    view = central(Stub(list_hosted_zones_by_vpc=failure)).view(VPC_ID, region=REGION)
    (words,) = view.unreadable
    assert words.startswith(f"the private hosted zones of {VPC_ID} couldn't be read: ")


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDenied", 403), ("Throttling", 400), ("InternalFailure", 500), ("InvalidInput", 400)]
)
def test_what_is_denied_or_throttled_is_told_and_the_rest_is_read(code: str, status: int) -> None:
    zones = Stub(list_hosted_zones_by_vpc=error("ListHostedZonesByVPC", code, status))
    rules = resolver(list_resolver_rule_associations=error("ListResolverRuleAssociations", code, status))
    shared = Stub(list_profile_associations=error("ListProfileAssociations", code, status))
    view = central(zones, rules, shared).view(VPC_ID, region=REGION)
    assert len(view.unreadable) == 3
    assert all(code in words for words in view.unreadable)
    readable = central(zones, resolver(rule())).view(VPC_ID, region=REGION)
    assert len(readable.unreadable) == len(readable.answers) == 1


# ---- DHCP options


def dhcp(*servers: str) -> Stub:
    values = [{"Value": server} for server in servers]
    options = {"DhcpOptionsId": "dopt-1", "DhcpConfigurations": [{"Key": "domain-name-servers", "Values": values}]}
    vpc = {"VpcId": VPC_ID, "CidrBlock": "10.0.0.0/16", "DhcpOptionsId": "dopt-1"}
    return Stub(describe_vpcs={"Vpcs": [vpc]}, describe_dhcp_options={"DhcpOptions": [options]})


@pytest.mark.parametrize(
    ("servers", "custom"),
    [
        (["AmazonProvidedDNS"], ()),
        (["10.0.0.2"], ()),
        (["169.254.169.253", "fd00:ec2::253"], ()),
        (["10.9.0.53", "AmazonProvidedDNS"], ("10.9.0.53",)),
        (["10.9.1.53", "10.9.0.53"], ("10.9.1.53", "10.9.0.53")),
        ([], ()),
    ],
)
def test_dns_servers_that_are_not_amazons_are_told_in_their_order(servers: list[str], custom: tuple[str, ...]) -> None:
    view = central(ec2=dhcp(*servers)).view(VPC_ID, region=REGION)
    assert view.custom_dns_servers == custom
    assert view.answers == ()


def test_dhcp_options_are_read_once_for_the_region_and_block_nothing_when_they_cannot_be() -> None:
    ec2 = dhcp("10.9.0.53")
    dns = central(ec2=ec2)
    for name in (VPC_ID, "vpc-1", "vpc-2"):
        dns.view(name, region=REGION)
    assert sorted(ec2.names()) == ["describe_dhcp_options", "describe_vpcs"]
    denied = Stub(describe_vpcs=error("DescribeVpcs", "UnauthorizedOperation", 403))
    assert central(ec2=denied).view(VPC_ID, region=REGION).unreadable == ()


# ---- what is kept


def test_a_view_is_kept_for_a_quarter_of_an_hour_unless_a_fresh_one_is_asked_for() -> None:
    zones, clock = route53(), Clock()
    dns = central(zones, clock=clock)
    dns.view(VPC_ID, region=REGION)
    clock.now += timedelta(minutes=14)
    dns.view(VPC_ID, region=REGION)
    assert len(zones.calls) == 1
    dns.begin_run(give_up_after=timedelta(minutes=1))
    dns.view(VPC_ID, region=REGION, fresh=True)
    assert len(zones.calls) == 2
    clock.now += timedelta(minutes=14)
    dns.view(VPC_ID, region=REGION)
    assert len(zones.calls) == 2
    clock.now += timedelta(minutes=1)
    dns.view(VPC_ID, region=REGION)
    assert len(zones.calls) == 3


def test_a_fresh_view_sees_what_a_profile_gained() -> None:
    carried = {"ProfileResourceAssociations": [{"ResourceArn": "arn:aws:route53:::hostedzone/Z9"}]}
    shared = profiles(list_profile_resource_associations=[{"ProfileResourceAssociations": []}, carried])
    dns = central(route53(get_hosted_zone={"HostedZone": {"Name": f"{NAME}."}}), shared=shared)
    assert dns.view(VPC_ID, region=REGION).answers == ()
    dns.begin_run(give_up_after=timedelta(minutes=1))
    assert answer_to(NAME, dns.view(VPC_ID, region=REGION, fresh=True))


def test_a_view_with_something_unreadable_is_not_kept() -> None:
    page = {"HostedZoneSummaries": [hosted_zone()]}
    dns = central(Stub(list_hosted_zones_by_vpc=[error("ListHostedZonesByVPC", "Throttling"), page]))
    assert dns.view(VPC_ID, region=REGION).unreadable
    assert answer_to(NAME, dns.view(VPC_ID, region=REGION))


# ---- five calls a second


def test_what_is_throttled_can_be_read_later_and_what_is_denied_cant() -> None:
    for code, status, is_throttled in (("Throttling", 400, True), ("AccessDenied", 403, False)):
        failing = route53(list_hosted_zones_by_vpc=error("ListHostedZonesByVPC", code, status))
        view = CentralDns(failing, resolver(), Stub(), Stub()).view(VPC_ID, region=REGION)
        assert [code in words for words in view.unreadable] == [True]
        assert view.throttled == (view.unreadable if is_throttled else ())


def test_a_part_of_a_profile_that_is_throttled_can_be_read_later() -> None:
    found = {"ProfileAssociations": [{"ProfileId": "rp-1", "Status": "COMPLETE"}]}
    throttled = error("ListProfileResourceAssociations", "ThrottlingException")
    profiles = Stub(list_profile_associations=found, list_profile_resource_associations=throttled)
    assert CentralDns(route53(), resolver(), profiles, Stub()).view(VPC_ID, region=REGION).throttled


def test_no_second_has_more_than_five_calls_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    time = {"now": 0.0}

    def pass_by(seconds: float) -> None:
        time["now"] += seconds

    def note(_: dict[str, Any]) -> dict[str, Any]:
        times.append(time["now"])
        return {"HostedZoneSummaries": [], "MaxItems": "100"}

    monkeypatch.setattr(
        "lifeline.adapters.aws.dns.Pace",
        lambda a_second: Pace(a_second, clock=lambda: time["now"], wait=pass_by),
    )
    dns = CentralDns(route53(list_hosted_zones_by_vpc=note), resolver(), Stub(), Stub())
    for number in range(12):
        dns.view(f"vpc-{number:017}", region=REGION)
    assert len(times) == 12
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[5:], strict=False))


def test_what_a_run_has_read_is_fresh_to_it_and_not_to_the_next() -> None:
    zones = route53()
    dns = central(zones)
    dns.begin_run(give_up_after=timedelta(minutes=1))
    for _ in range(2):
        dns.view(VPC_ID, region=REGION, fresh=True)
    asked = len(zones.calls)
    dns.begin_run(give_up_after=timedelta(minutes=1))
    dns.view(VPC_ID, region=REGION, fresh=True)
    assert (asked, len(zones.calls)) == (1, 2)


def test_what_many_vpcs_share_is_read_once_a_run_so_that_no_view_is_older_than_its_run() -> None:
    options = {"DhcpOptionsId": "dopt-1", "DhcpConfigurations": []}
    ec2 = Stub(
        describe_vpcs={"Vpcs": [{"VpcId": VPC_ID, "DhcpOptionsId": "dopt-1"}]},
        describe_dhcp_options={"DhcpOptions": [options]},
    )
    dns = CentralDns(route53(), resolver(), Stub(list_profile_associations={"ProfileAssociations": []}), ec2)
    asked = []
    for number in range(3):
        dns.begin_run(give_up_after=timedelta(minutes=1))
        for vpc_id in (VPC_ID, f"vpc-{number:017}"):  # the second is new to it in each run
            dns.view(vpc_id, region=REGION)
        asked.append(sum(name == "describe_dhcp_options" for name, _ in ec2.calls))
    assert asked == [1, 2, 3]


def test_a_call_whose_turn_comes_too_late_is_left_to_a_later_run() -> None:
    zones = route53()
    dns = CentralDns(zones, resolver(), Stub(), Stub())
    dns.begin_run(give_up_after=timedelta(0))
    view = dns.view(VPC_ID, region=REGION)
    assert (zones.calls, bool(view.throttled)) == ([], True)
    dns.begin_run(give_up_after=timedelta(seconds=5))
    assert dns.view(VPC_ID, region=REGION).unreadable == ()


# ---- against moto


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with emulated_aws():
        yield


def test_an_account_in_moto_with_a_zone_and_a_rule(account: None) -> None:
    ec2, dns, rules = boto3.client("ec2"), boto3.client("route53"), boto3.client("route53resolver")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    other_id = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    dns.create_hosted_zone(
        Name=NAME,
        CallerReference="1",
        VPC={"VPCRegion": "us-east-1", "VPCId": vpc_id},
        HostedZoneConfig={"PrivateZone": True},
    )
    made = rules.create_resolver_rule(CreatorRequestId="1", RuleType="SYSTEM", DomainName="corp.example")
    rules.associate_resolver_rule(ResolverRuleId=made["ResolverRule"]["Id"], VPCId=vpc_id)
    view = CentralDns().view(vpc_id, region=REGION)
    answer = answer_to(NAME, view)
    assert answer
    assert answer.kind is AnswerKind.PRIVATE_ZONE
    assert [one.domain for one in view.kept_here] == ["corp.example"]
    assert view.unreadable == ()  # moto has no Profiles
    assert CentralDns().view(other_id, region=REGION).answers == ()


def test_a_vpc_in_moto_with_its_own_dns_servers(account: None) -> None:
    ec2 = boto3.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    configured: Any = [{"Key": "domain-name-servers", "Values": ["10.9.0.53"]}]
    options = ec2.create_dhcp_options(DhcpConfigurations=configured)["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc_id)
    assert CentralDns().view(vpc_id, region=REGION).custom_dns_servers == ("10.9.0.53",)
