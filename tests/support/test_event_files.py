"""The samples in events/cloudtrail against botocore's model of EC2, and against what no call could be answered."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

from tests.support.cloudtrail import example_event, operation_model
from tests.support.example_calls import example_request, example_response
from tests.support.repository import ROOT

NAMES = sorted(path.stem for path in (ROOT / "events/cloudtrail").glob("*.json"))
# Of these members of a structure, EC2 answers one at most.
ALTERNATIVES = {
    "SecurityGroupRule": {"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo"},
    "RevokedSecurityGroupRule": {"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId"},
    "Route": {"GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId"},
    "VpnConnection": {"VpnGatewayId", "TransitGatewayId", "CoreNetworkArn"},
    "VpcEndpoint": {"SubnetIds", "RouteTableIds"},
}
TOO_EARLY = {"Create": {"DeleteTime", "FailureCode", "FailureReason", "VpcAttachments", "Attachments"}}


def structures(value: Any, shape: Shape | None) -> Iterator[tuple[StructureShape, dict[str, Any]]]:
    if isinstance(shape, ListShape):
        for item in value:
            yield from structures(item, shape.member)
    if isinstance(shape, StructureShape):
        yield shape, value
        for name, inner in value.items():
            yield from structures(inner, shape.members[name])


def parts(name: str) -> list[tuple[StructureShape, dict[str, Any]]]:
    model = operation_model(name)
    request = structures(example_request(model), model.input_shape)
    return [*request, *structures(example_response(model), model.output_shape)]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_what_cloudtrail_writes_of_its_call(name: str) -> None:
    written = json.loads((ROOT / f"events/cloudtrail/{name}.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(example_event(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_samples_call_and_answer_are_of_the_models_shapes(name: str) -> None:
    model = operation_model(name)
    for value, shape in ((example_request(model), model.input_shape), (example_response(model), model.output_shape)):
        if shape:
            assert ParamValidator().validate(value, shape).generate_report() == ""
    for structure, value in parts(name):
        for member, text in value.items():
            found = structure.members[member]
            assert not (isinstance(found, StringShape) and found.enum) or text in found.enum, (member, text)


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_answers_alternatives_at_once_or_what_comes_only_later(name: str) -> None:
    for structure, value in parts(name):
        said = {member for member, inner in value.items() if inner not in ([], None)}
        assert len(said & ALTERNATIVES.get(structure.name, set())) <= 1, structure.name
        for verb, later in TOO_EARLY.items():
            assert not (name.startswith(verb) and said & later), structure.name


@pytest.mark.parametrize("name", NAMES)
def test_what_a_sample_asks_for_is_what_it_answers(name: str) -> None:
    model = operation_model(name)
    asked = {member: value for member, value in example_request(model).items() if isinstance(value, str | bool)}
    for structure, value in structures(example_response(model), model.output_shape):
        wrong = {member for member in asked.keys() & value.keys() if value[member] != asked[member]}
        assert not wrong - _OF_THE_OTHER_SIDE.get((name, structure.name), set())


_OF_THE_OTHER_SIDE = {("CreateVpcPeeringConnection", "VpcPeeringConnectionVpcInfo"): {"VpcId"}}
