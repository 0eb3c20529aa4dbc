"""S3 and DynamoDB by an interface endpoint: it serves them, and nothing opens a second path beside it."""

import json
from typing import Any

import boto3
import pytest

from tests.support.cases import Case, requiring
from tests.support.strict import Service

POLICY = {"version": 1, "rules": [{"require": ["s3"]}], "gateway_always": ["s3"]}
FIXING = {"version": 1, "rules": [{"require": ["s3"]}], "fix_dns": True}


class Network:
    """A VPC with one subnet, whose interface endpoint allows only one resource of its service."""

    def __init__(self, case: Case, service: str = "s3") -> None:
        self.case, self.service, self.vpc_id = case, service, case.world.make_vpc()
        self.subnet = case.world.make_subnet(self.vpc_id)

    def interface(self, *, inbound_only: bool = False, cidr: str = "10.0.0.0/16", is_ready: bool = True) -> str:
        ranges = [{"CidrIp": cidr}]
        permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
        bucket = {"Effect": "Allow", "Principal": "*", "Action": f"{self.service}:*", "Resource": ["arn:aws:s3:::ours"]}
        made = self.case.world.ec2.create_vpc_endpoint(
            VpcId=self.vpc_id,
            VpcEndpointType="Interface",
            ServiceName=self.case.account.name_of(self.service),
            SubnetIds=[self.subnet],
            SecurityGroupIds=[self.case.group(self.vpc_id, "theirs", permission)],
            PrivateDnsEnabled=True,
            DnsOptions={"PrivateDnsOnlyForInboundResolverEndpoint": inbound_only},
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [bucket]}),
        )
        if is_ready:
            self.case.later()
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def look(self, **more: Any) -> dict[str, Any]:
        return self.case.look(self.vpc_id, **more)

    def kinds(self) -> list[str]:
        return sorted(one["VpcEndpointType"] for one in self.case.world.endpoints(self.vpc_id))


@pytest.mark.parametrize(
    ("case", "service"), [(requiring("s3"), "s3"), (requiring("dynamodb"), "dynamodb")], indirect=["case"]
)
def test_it_serves_the_vpc_and_one_note_says_why_there_is_no_gateway(case: Case, service: str) -> None:
    name = case.account.name_of(service)
    case.account.offer(Service(name, private_dns_names=(f"{service}.us-east-1.amazonaws.com",)))
    network = Network(case, service)
    endpoint_id = network.interface()
    answer = network.look()
    assert (answer["actions"], [one["state"] for one in answer["services"]]) == ([], ["served"])
    assert network.kinds() == ["Interface"]
    assert answer["note"].count(f"{endpoint_id} answers for the {service} service in the whole VPC") == 1
    assert f'"gateway_always": ["{service}"]' in answer["note"]


@pytest.mark.parametrize("case", [requiring("s3")], indirect=True)
class TestWithoutBeingAsked:
    def test_no_gateway_is_made_while_it_is_still_pending(self, case: Case) -> None:
        network = Network(case)
        endpoint_id = network.interface(is_ready=False)
        case.account.hidden_until.clear()
        answer = network.look()
        assert (answer["actions"], answer["services"][0]["state"]) == ([], "pending")
        assert answer["services"][0]["by"] == endpoint_id

    def test_a_group_that_shuts_some_out_is_its_owners_to_open(self, case: Case) -> None:
        network = Network(case)
        network.interface(cidr="192.168.0.0/16")
        answer = network.look()
        assert [(one["action"], one["status"]) for one in answer["actions"]] == [("open_security_group", "blocked")]
        assert network.kinds() == ["Interface"]

    def test_while_the_vpcs_dns_is_off_that_is_what_is_told(self, case: Case) -> None:
        network = Network(case)
        network.interface()
        case.world.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsHostnames={"Value": False})
        answer = network.look()
        assert [(one["action"], one["status"]) for one in answer["actions"]] == [("fix_dns", "blocked")]
        assert (network.kinds(), "answers for" in answer.get("note", "")) == (["Interface"], False)

    def test_one_for_the_inbound_resolver_alone_serves_nobody_here(self, case: Case) -> None:
        network = Network(case)
        case.world.ec2.create_vpc_endpoint(VpcId=network.vpc_id, ServiceName=case.account.name_of("s3"))
        network.interface(inbound_only=True)
        network.look()
        case.later()
        assert network.look()["services"][0]["state"] == "served"
        assert "Gateway" in network.kinds()


@pytest.mark.parametrize("case", [{"POLICY_PARAMETER": "/policy", **requiring("s3")}], indirect=True)
def test_where_the_policy_asks_for_it_the_gateway_is_made_beside_it(case: Case) -> None:
    boto3.client("ssm").put_parameter(Name="/policy", Type="String", Value=json.dumps(POLICY))
    network = Network(case)
    network.interface()
    answer = network.look()
    assert [(one["action"], one["status"]) for one in answer["actions"]] == [("create_gateway_endpoint", "done")]
    assert "the policy asks for a gateway endpoint for the s3 service in any case" in answer["actions"][0]["reason"]
    case.later()
    again = network.look()
    assert (again["actions"], again["services"][0]["state"], network.kinds()) == (
        [],
        "served",
        ["Gateway", "Interface"],
    )


@pytest.mark.parametrize("case", [{"POLICY_PARAMETER": "/policy", "MAY_FIX_DNS": "yes"}], indirect=True)
def test_where_the_policy_allows_it_the_vpcs_dns_is_turned_on_for_it(case: Case) -> None:
    boto3.client("ssm").put_parameter(Name="/policy", Type="String", Value=json.dumps(FIXING))
    network = Network(case)
    network.interface()
    case.world.ec2.modify_vpc_attribute(VpcId=network.vpc_id, EnableDnsHostnames={"Value": False})
    assert [(one["action"], one["status"]) for one in network.look()["actions"]] == [("fix_dns", "done")]
    assert network.look()["services"][0]["state"] == "served"
