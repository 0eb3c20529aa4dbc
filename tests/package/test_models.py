"""The service models that ship are cut to the calls that are made, and for these they are the full ones."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointVariantError
from botocore.loaders import Loader
from botocore.session import Session
from tools.aws_calls import all_calls
from tools.service_models import cut_model, without_documentation

from tests.support.built import package
from tests.support.models import OPERATIONS, full_model
from tests.support.repository import ROOT

CALLS = all_calls(OPERATIONS)
EACH_CALL = [(service, operation) for service, operations in CALLS.items() for operation in sorted(operations)]
KEYS: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
ONCE = Config(retries={"total_max_attempts": 1})


@cache
def sessions() -> tuple[Any, Any]:
    """One that reads the package's models, and one that reads those of pip."""
    cut, full = Session(), Session()
    data = Loader(extra_search_paths=[str(package() / "botocore/data")], include_default_search_paths=False)
    cut.register_component("data_loader", data)
    return cut, full


@cache
def clients(service: str) -> tuple[Any, Any]:
    """One of each session. Making a client takes longer than what a test does with it."""
    cut, full = (
        session.create_client(service, region_name="eu-central-1", config=ONCE, **KEYS) for session in sessions()
    )
    return cut, full


# ---- the code that reads the models is the code that ships


def test_the_tests_have_the_locked_packages_that_ship() -> None:
    ours, tests = (locked(ROOT / name) for name in ("functions/requirements.txt", "requirements/dev.txt"))
    assert len(ours) == (ROOT / "functions/requirements.txt").read_text("utf-8").count("==")
    assert {name: tests.get(name) for name in ours} == ours, "run make lock: the tests would test another botocore"
    assert {f"{name}=={version(name)}" for name in ours} == {lock.split()[0] for lock in ours.values()}


def locked(path: Path) -> dict[str, str]:
    """By package: its version, and the hashes that pip takes it with."""
    found = re.findall(r"^(([\w.-]+)==\S+(?: \\\n +--hash=\S+)+)$", path.read_text("utf-8"), re.MULTILINE)
    return {name: lock for lock, name in found}


def test_what_ships_is_byte_for_byte_what_the_tests_import() -> None:
    here, there = Path(botocore.__file__).parents[1], package()
    paths = [path.relative_to(there) for path in there.rglob("*.py")]
    others = [path for path in paths if path.parts[0] != "lifeline"]
    assert Path("botocore/client.py") in others
    assert [path for path in others if (here / path).read_bytes() != (there / path).read_bytes()] == []


# ---- each call


@pytest.mark.parametrize(("service", "operation"), EACH_CALL)
def test_a_call_has_every_shape_of_the_full_model(service: str, operation: str) -> None:
    cut, full = (session.get_service_model(service).operation_model(operation) for session in sessions())
    assert without_documentation(full._operation_model) == cut._operation_model
    assert shapes(cut) == {name: without_documentation(shape) for name, shape in shapes(full).items()}


def shapes(operation: Any) -> dict[str, Any]:
    """By name: what the model says of every shape that the call sends, receives or fails with."""
    waiting = [operation.input_shape, operation.output_shape, *operation.error_shapes]
    found: dict[str, Any] = {}
    while waiting:
        shape: Any = waiting.pop()
        if shape is not None and shape.name not in found:
            found[shape.name] = shape._shape_model
            waiting += [*getattr(shape, "members", {}).values()]
            waiting += [getattr(shape, name, None) for name in ("member", "key", "value")]
    return {name: {key: one for key, one in shape.items() if key != "documentation"} for name, shape in found.items()}


@pytest.mark.parametrize(("service", "operation"), EACH_CALL)
def test_a_call_sends_what_the_full_model_sends_and_fails_as_it_fails(service: str, operation: str) -> None:
    model: Any = full_model(service).operation_model(operation)
    arguments = sample(model.input_shape)
    errors = [shape.error_code for shape in model.error_shapes]
    for code in ["Throttling", *errors[:1]]:
        cut, full = (outcome(client, operation, arguments, code) for client in clients(service))
        assert cut == full
        assert cut[-1]["Code"] == code


def outcome(client: Any, operation: str, arguments: Any, code: str) -> tuple[Any, ...]:
    """The request, the class of the error that is raised where AWS answers with `code`, and what it says."""
    sent: list[Any] = []
    protocol = client.meta.service_model.resolved_protocol

    def answer(request: Any, **_: object) -> AWSResponse:
        sent.extend([request.method, request.url, request.body, request.headers.get("X-Amz-Target")])
        return AWSResponse(request.url, 400, HTTPHeaders(), Raw(error_body(protocol, code)))

    client.meta.events.register_first("before-send", answer)
    try:
        with pytest.raises(ClientError) as raised:
            getattr(client, xform_name(operation))(**arguments)
    finally:
        client.meta.events.unregister("before-send", answer)
    return (*sent, type(raised.value).__name__, raised.value.response["Error"])


class Raw(BytesIO):
    """The body of an answer as urllib3 has it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def error_body(protocol: str, code: str) -> bytes:
    if "json" in protocol:
        return json.dumps({"__type": code, "message": "too fast"}).encode()
    if "cbor" in protocol:
        return b"\xa2" + b"".join(cbor(one) for one in ("__type", code, "message", "too fast"))  # a map of two
    error = f"<Error><Code>{code}</Code><Message>too fast</Message></Error>"
    inner = f"<Errors>{error}</Errors>" if protocol == "ec2" else error
    outer = "Response" if protocol == "ec2" else "ErrorResponse"
    return f"<{outer}>{inner}<RequestID>1</RequestID></{outer}>".encode()


def cbor(text: str) -> bytes:
    return bytes([0x78, len(text)]) + text.encode()


def sample(shape: Any, depth: int = 0) -> Any:
    """Arguments of this shape: what is required, and tokens, which botocore would make up."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        tokens = {name for name, one in shape.members.items() if "idempotencyToken" in one.metadata}
        wanted = {*shape.required_members, *tokens} or set(list(shape.members)[: depth == 0])
        return {name: sample(shape.members[name], depth + 1) for name in sorted(wanted)}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if shape.type_name == "map":
        return {"one": sample(shape.value, depth + 1)}
    if shape.type_name == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "a" * max(4, shape.metadata.get("min", 0))
    return {"boolean": True, "blob": b"a", "timestamp": "2026-11-28T00:00:00Z", "float": 1.0, "double": 1.0}.get(
        shape.type_name, max(1, shape.metadata.get("min", 1))
    )


@pytest.mark.parametrize(("service", "operation"), EACH_CALL)
def test_a_call_is_paged_and_waited_for_as_by_the_full_model(service: str, operation: str) -> None:
    cut, full = clients(service)
    method = xform_name(operation)
    assert cut.can_paginate(method) == full.can_paginate(method)
    if full.can_paginate(method):
        assert cut.get_paginator(method)._pagination_cfg == full.get_paginator(method)._pagination_cfg
    assert waiters(cut, operation) == waiters(full, operation)


def waiters(client: Any, operation: str) -> dict[str, Any]:
    listed = client._get_waiter_config().get("waiters", {})
    return {name: one for name, one in listed.items() if one["operation"] == operation}


def test_nothing_else_can_be_called() -> None:
    for service, operations in CALLS.items():
        cut, full = (session.get_service_model(service).operation_names for session in sessions())
        assert set(cut) == operations
        assert operations < set(full)


def test_an_operation_that_is_cut_is_no_method_any_more() -> None:
    model = {"operations": {"DescribeVpcs": {"input": {"shape": "In"}}, "RunInstances": {}}, "shapes": {"In": {}}}
    cut = cut_model({**model, "metadata": {}}, {"RunInstances"})
    assert cut == {"operations": {"RunInstances": {}}, "shapes": {}, "metadata": {}}
    client, _ = clients("ec2")
    assert not hasattr(client, "run_instances")


# ---- what holds for all calls of a service


@pytest.mark.parametrize("service", CALLS)
def test_a_service_has_all_its_errors_and_its_version(service: str) -> None:
    cut, full = clients(service)
    names = [
        {code: kind.__name__ for code, kind in client.exceptions._code_to_exception.items()} for client in (cut, full)
    ]
    assert names[0] == names[1]
    assert cut.meta.service_model.metadata == full.meta.service_model.metadata


@pytest.mark.parametrize("service", CALLS)
def test_a_service_has_the_same_endpoint_in_every_partition_and_region(service: str) -> None:
    cut, full = (session.get_component("data_loader") for session in sessions())
    rules = [loader.load_service_model(service, "endpoint-rule-set-1") for loader in (cut, full)]
    assert rules[0] == rules[1]
    regions = regions_of(full)
    assert len(regions) > 6  # partitions
    for region in (names[0] for names in regions.values()):
        for fips, dual in ((False, False), (True, False), (False, True)):
            chosen = Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual)
            found, expected = (endpoint(session, service, region, chosen) for session in sessions())
            assert found == expected
    for partition in regions:
        known = [session.get_available_regions(service, partition, allow_non_regional=True) for session in sessions()]
        assert known[0] == known[1]


def endpoint(session: Any, service: str, region: str, chosen: Config) -> str:
    """Where the service is; or what is said where the region has no such endpoint."""
    try:
        url = session.create_client(service, region_name=region, config=chosen, **KEYS).meta.endpoint_url
    except EndpointVariantError as error:
        return str(error)
    return str(url)


def regions_of(loader: Loader) -> dict[str, list[str]]:
    partitions = loader.load_data("partitions")["partitions"]
    return {one["id"]: [name for name in one["regions"] if not name.endswith("-global")] for one in partitions}


@pytest.mark.parametrize("name", ["_retry", "partitions", "sdk-default-configuration"])
def test_what_all_services_share_is_whole(name: str) -> None:
    cut, full = (session.get_component("data_loader") for session in sessions())
    assert cut.load_data(name) == full.load_data(name)


def test_every_service_in_use_is_there_and_no_other() -> None:
    cut, _ = (session.get_component("data_loader") for session in sessions())
    assert set(cut.list_available_services("service-2")) == set(CALLS)
