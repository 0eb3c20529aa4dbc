"""Cuts botocore's data to the services and operations that are called.

botocore parses a service's whole model to make a client, and EC2's alone has 700 operations. What is left of a model is
what it was, but for texts of documentation: an operation that stays keeps every shape that it refers to, and a service
keeps all its errors and its endpoint rules.
"""

import gzip
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tools.aws_calls import Calls

_BY_OPERATION = {"paginators-1": "pagination", "waiters-2": "waiters"}  # the files, and the key of what they list
_WHOLE = {"endpoint-rule-set-1"}


class ServiceOperations(Mapping[str, Collection[str]]):
    """By service: its operations as the API names them, from the models in botocore's folder `data`, once asked."""

    def __init__(self, data: Path) -> None:
        self._services = {path.name: path for path in data.iterdir() if path.is_dir()}
        self._read_once = cache(self._operations)

    def __getitem__(self, service: str) -> Collection[str]:
        return self._read_once(service)

    def __contains__(self, service: object) -> bool:
        return service in self._services

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    def _operations(self, service: str) -> frozenset[str]:
        return frozenset(_read(_find(_newest(self._services[service]), "service-2"))["operations"])


def cut_models(data: Path, calls: Calls) -> None:
    """Leave in botocore's folder `data` what the calls need."""
    prefixes = set(calls)
    for folder in filter(Path.is_dir, list(data.iterdir())):
        if folder.name not in calls:
            shutil.rmtree(folder)
            continue
        for version in folder.iterdir():
            if version != _newest(folder):
                shutil.rmtree(version)
        prefixes.add(_cut_service(_newest(folder), calls[folder.name]))
    _cut_endpoints(data, prefixes)


def _cut_service(folder: Path, operations: set[str]) -> str:
    """Cuts the files of one service, and returns the name that its endpoints have."""
    prefix = ""
    for path in list(folder.iterdir()):
        kind, content = path.name.partition(".")[0], _read(path)
        path.unlink()
        if kind == "service-2":
            prefix = content["metadata"]["endpointPrefix"]
            content = cut_model(content, operations)
        elif kind in _BY_OPERATION:
            _keep_of_operations(content.get("merge", content), _BY_OPERATION[kind], operations)
        elif kind not in _WHOLE:
            continue
        _write(path, content)
    return str(prefix)


def cut_model(model: dict[str, Any], operations: set[str]) -> dict[str, Any]:
    """The service's model with these operations, the shapes that they refer to, and all errors."""
    shapes = model["shapes"]
    kept = {name: operation for name, operation in model["operations"].items() if name in operations}
    waiting = [*_shapes_in(kept), *(name for name, shape in shapes.items() if shape.get("exception"))]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _shapes_in(shapes[name])
    used = {name: shape for name, shape in shapes.items() if name in found}
    cut: dict[str, Any] = without_documentation({**model, "operations": kept, "shapes": used})
    return cut


def without_documentation(value: Any) -> Any:
    """The same without texts of documentation; a member that has this name stays."""
    match value:
        case dict():
            return {
                name: without_documentation(one)
                for name, one in value.items()
                if not (name == "documentation" and isinstance(one, str))
            }
        case list():
            return [without_documentation(one) for one in value]
    return value


def _shapes_in(value: Any) -> Iterator[str]:
    match value:
        case dict():
            if isinstance(value.get("shape"), str):
                yield value["shape"]
            for one in value.values():
                yield from _shapes_in(one)
        case list():
            for one in value:
                yield from _shapes_in(one)


def _keep_of_operations(content: dict[str, Any], key: str, operations: set[str]) -> None:
    """A paginator has its operation's name; a waiter says its operation."""
    content[key] = {name: one for name, one in content[key].items() if one.get("operation", name) in operations}


def _cut_endpoints(data: Path, prefixes: set[str]) -> None:
    """The endpoints of other services; those that stay are the same in every partition."""
    path = data / "endpoints.json"
    content = _read(path)
    for partition in content["partitions"]:
        services = partition["services"]
        partition["services"] = {name: one for name, one in services.items() if name in prefixes}
    _write(path, content)


def _newest(folder: Path) -> Path:
    """The version of a service's API that botocore takes for clients."""
    return max(path for path in folder.iterdir() if path.is_dir())


def _find(folder: Path, kind: str) -> Path:
    (path,) = (path for path in folder.iterdir() if path.name.startswith(f"{kind}.json"))
    return path


def _read(path: Path) -> Any:
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def _write(path: Path, content: Any) -> None:
    """Not compressed: Lambda compresses the package, and reading is faster so."""
    path.with_name(path.name.removesuffix(".gz")).write_text(json.dumps(content, separators=(",", ":")), "utf-8")
