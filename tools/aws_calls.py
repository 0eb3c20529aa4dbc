"""Derives the AWS calls that the adapters make from their sources.

In an adapter, whatever is called with a service's name first makes a client (`client("ec2")`, `there.client("ec2")`,
`in_region(…)("ec2")`), and it may use the clients of an adapter that it imports, such as the ledger's table. It names
each call as a method (`self._ec2.create_vpc_endpoint`) or as text (`pages(self._ec2, "describe_vpcs", …)`). So every
operation of a module's services that the module names in one of these ways is a call of it. The roles' permissions are
held against this, and the package's service models are cut to it. What can't be read so is an error, in any module.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ADAPTERS = Path(__file__).resolve().parents[1] / "functions/lifeline/adapters"
_PREFIX = "lifeline.adapters."
_MAKERS = {"client", "_client", "client_of", "_client_of", "create_client", "in_region()", "LateClient"}
_GO_BETWEENS = {"adapters/aws/clients", "adapters/aws/denials"}  # they make clients of what they are asked for

type Operations = Mapping[str, Collection[str]]
"""By each service of AWS, as botocore names it: its operations as the API names them, such as `CreateVpcEndpoint`."""
type Calls = dict[str, set[str]]
"""By service: the operations that are called."""
type Owners = Mapping[str, set[str]]
"""By an operation's name in small letters: the services that have it."""


class UnreadableCallError(Exception):
    """What a module calls can't be derived from its source. The message says where, and why not."""

    def __init__(self, module: str, line: int, what: str) -> None:
        super().__init__(f"{module}.py, line {line}: {what}")


@dataclass(frozen=True, slots=True)
class _Call:
    """A call with text as its first argument, if `first` isn't empty, or that makes a client as far as one can see."""

    called: str
    first: str
    makes: bool
    line: int


@dataclass(frozen=True, slots=True)
class _Name:
    """A method that a module may call: an attribute, or text that is written as a method is."""

    name: str
    is_text: bool
    line: int

    @property
    def operation(self) -> str:
        return self.name.replace("_", "")


@dataclass(frozen=True, slots=True)
class _Module:
    """What a module says of clients and calls. `name` is its path below the package, such as `adapters/aws/queue`."""

    name: str
    calls: tuple[_Call, ...]
    names: tuple[_Name, ...]
    imports: frozenset[str]

    def refuse(self, line: int, what: str) -> UnreadableCallError:
        return UnreadableCallError(self.name, line, what)


def calls_of(module: str, operations: Operations) -> Calls:
    """The calls that the module makes; `module` is its path below the adapters, such as `aws/queue`.

    Raises UnreadableCallError where the service of a client can't be read.
    """
    named = {name.operation for name in _read(module).names}
    return {
        service: {operation for operation in operations[service] if operation.lower() in named}
        for service in sorted(_services(module, operations))
    }


def all_calls(operations: Operations) -> Calls:
    """The calls that all adapters make.

    Raises UnreadableCallError where a module, whether it is an adapter or not, makes a client of which that can't be
    read, or names an operation of a service of which it has no client.
    """
    found: Calls = {}
    for module in modules():
        for service, called in calls_of(module, operations).items():
            found.setdefault(service, set()).update(called)
    owners: dict[str, set[str]] = {}
    for service in found:
        for operation in operations[service]:
            owners.setdefault(operation.lower(), set()).add(service)
    for module in modules():
        _refuse_calls_without_a_client(_read(module), owners, _services(module, operations))
    for path in sorted(set(ADAPTERS.parent.rglob("*.py")) - {ADAPTERS / f"{module}.py" for module in modules()}):
        _refuse_calls_elsewhere(_read_file(path), owners, operations.keys() - found.keys())
    return found


def modules() -> list[str]:
    """The adapters' modules by their paths, such as `store/table`."""
    return sorted(str(path.relative_to(ADAPTERS).with_suffix("")) for path in ADAPTERS.glob("*/*.py"))


# ---- what is refused


def _services(module: str, operations: Operations) -> set[str]:
    """The services whose clients the adapter has, those of the adapters that it imports among them."""
    source, found = _read(module), set[str]()
    for call in source.calls:
        if call.first in operations:
            found.add(call.first)
        elif call.makes and source.name not in _GO_BETWEENS:
            raise source.refuse(call.line, f"{call.called}(…) must name its service as text, and first")
    return found.union(*(_services(imported, operations) for imported in source.imports))


def _refuse_calls_without_a_client(module: _Module, owners: Owners, services: set[str]) -> None:
    """Refuses an adapter's calls of a service of which it has no client. A text of one word may be anything."""
    for name in module.names:
        of = owners.get(name.operation, set())
        if of and not of & services and ("_" in name.name or not name.is_text):
            words = f"{name.name} is an operation of {_either(of)}, but the module makes no client of it"
            raise module.refuse(name.line, words)


def _refuse_calls_elsewhere(module: _Module, owners: Owners, other_services: set[str]) -> None:
    """Outside of the adapters, a client is only handed to one of them. What has a name of one word is mostly our own,
    such as `publish`.
    """
    for call in module.calls:
        if call.makes and call.first in other_services:
            raise module.refuse(call.line, f"no adapter makes a client of {call.first}")
    for name in module.names:
        if "_" in name.name and not name.is_text and (of := owners.get(name.operation)):
            raise module.refuse(
                name.line, f"{name.name} is an operation of {_either(of)}, which only adapters may call"
            )


def _either(services: set[str]) -> str:
    return " or ".join(sorted(services))


# ---- what is read


def _read(module: str) -> _Module:
    return _read_file(ADAPTERS / f"{module}.py")


def _read_file(path: Path) -> _Module:
    return _parse(str(path.relative_to(ADAPTERS.parent).with_suffix("")), path.read_text("utf-8"))


@cache
def _parse(name: str, text: str) -> _Module:
    nodes = list(ast.walk(ast.parse(text)))
    imported = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    imports = {one.removeprefix(_PREFIX).replace(".", "/") for one in imported if one.startswith(_PREFIX)}
    return _Module(name, tuple(_calls(nodes)), tuple(_names(nodes)), frozenset(imports))


def _calls(nodes: Collection[ast.AST]) -> Iterator[_Call]:
    for node in nodes:
        match node:
            case ast.Call(args=[ast.Constant(value=str(first)), *_]):
                yield _Call(ast.unparse(node.func), first, _makes_a_client(node), node.lineno)
            case ast.Call() if _makes_a_client(node):
                yield _Call(ast.unparse(node.func), "", makes=True, line=node.lineno)


def _makes_a_client(call: ast.Call) -> bool:
    """Whether what is called is named as what makes clients is."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _MAKERS
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return f"{name}()" in _MAKERS
    return False


def _names(nodes: Collection[ast.AST]) -> Iterator[_Name]:
    for node in nodes:
        match node:
            case ast.Attribute(attr=name) if not name.startswith("_"):
                yield _Name(name, is_text=False, line=node.lineno)
            case ast.Constant(value=str(text)) if text.islower():
                yield _Name(text, is_text=True, line=node.lineno)
