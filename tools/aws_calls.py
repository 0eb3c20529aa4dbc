"""Derives the AWS calls that the adapters make from their sources.

An adapter makes its clients with `client("ec2")` or `self._client("ec2")`, or uses those of an adapter that it
imports, such as the ledger's table. It names each call as a method (`self._ec2.create_vpc_endpoint`) or as text
(`pages(self._ec2, "describe_vpcs", …)`). So every operation of a module's services that the module names in one of
these ways is a call of it. The roles' permissions are held against this, and the package's service models are cut to
it.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ADAPTERS = Path(__file__).resolve().parents[1] / "functions/lifeline/adapters"
_PREFIX = "lifeline.adapters."

type OperationsOf = Callable[[str], Iterable[str]]
"""The operations of a service as its API names them, such as `CreateVpcEndpoint`."""
type Calls = dict[str, set[str]]
"""By service: the operations that are called."""


def calls_of(module: str, operations_of: OperationsOf) -> Calls:
    """The calls that the module makes; `module` is its path below the adapters, such as `aws/queue`."""
    named = {name.replace("_", "") for name in _names(_tree(module))}
    return {
        service: {operation for operation in operations_of(service) if operation.lower() in named}
        for service in sorted(_services(module))
    }


def all_calls(operations_of: OperationsOf) -> Calls:
    """The calls that all adapters make."""
    found: Calls = {}
    for module in modules():
        for service, operations in calls_of(module, operations_of).items():
            found.setdefault(service, set()).update(operations)
    return found


def modules() -> list[str]:
    """The adapters' modules by their paths, such as `store/table`."""
    return sorted(str(path.relative_to(ADAPTERS).with_suffix("")) for path in ADAPTERS.glob("*/*.py"))


def _tree(module: str) -> ast.AST:
    return ast.parse((ADAPTERS / f"{module}.py").read_text("utf-8"))


def _services(module: str) -> set[str]:
    """The services whose clients the module has. Raises ValueError where one is named by anything but text."""
    found: set[str] = set()
    for node in ast.walk(_tree(module)):
        match node:
            case ast.Call(
                func=ast.Name(id="client" | "LateClient") | ast.Attribute(attr="_client"),
                args=[ast.Constant(value=str(service)), *_],
            ):
                found.add(service)
            case ast.Call(func=ast.Name(id="client" | "LateClient") | ast.Attribute(attr="_client")):
                raise ValueError(f"{module}.py, line {node.lineno}: client(…) must name its service as text")
            case ast.ImportFrom(module=str(name)) if name.startswith(_PREFIX):
                found |= _services(name.removeprefix(_PREFIX).replace(".", "/"))
    return found


def _names(tree: ast.AST) -> Iterator[str]:
    """The methods that a module may call: attributes, and texts that are written as methods are."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name):
                yield name
            case ast.Constant(value=str(text)) if text.islower():
                yield text
