"""moto's DynamoDB with less work for each call: it refuses, stores and answers as before.

moto copies an item and looks for binary values in it many times a call, and goes through the syntax tree of an
expression with ten visitors, most of which have nothing to do in it.
"""

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore import parsers
from moto.core import parse, serialize
from moto.dynamodb import responses
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict
from moto.dynamodb.models.utilities import dynamo_to_dict
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.dynamodb.parsing.validators import ActionCountValidator, OverlappingPathsValidator

_SETS = ("SS", "NS", "BS")
_VALUE = "AttributeValue"  # the shape of DynamoDB's API with a member for each type, of which one is there


def prepare_items() -> None:
    """Lets moto's DynamoDB, in this process, do what a call needs, and once."""
    equals = DynamoType.__eq__
    DynamoType.__eq__ = lambda self, other: (
        self.value == other.value if self.type == other.type == "S" else equals(self, other)
    )
    DynamoType.__hash__ = _hash
    DynamoType.__deepcopy__ = lambda self, _: _copied(self)
    DynamoType.to_regular_json = _regular
    DynamoType.size = _size
    dynamo_type.Item.__init__ = _fill
    responses.dynamo_to_dict = _plain
    _keep_values_whole(serialize.BaseJSONSerializer)
    _read_values_whole(parse.BaseJSONParser, "_parse_structure")
    _read_values_whole(parsers.BaseJSONParser, "_handle_structure")

    _read_conditions_once(ConditionExpressionParser)
    UpdateExpressionParser.make = cache(UpdateExpressionParser.make)  # validators work on copies of the tree
    Node.__deepcopy__ = _copied_tree
    DepthFirstTraverser.traverse = _traverse
    # They look at all of the tree below a node, and visit each: what is wrong below is wrong from the root as well.
    ActionCountValidator.traverse = ActionCountValidator.verify_action_counts
    OverlappingPathsValidator.traverse = OverlappingPathsValidator.check_for_overlapping_paths


# ---- values


def _hash(self: DynamoType) -> int:
    return hash((self.type, self.value if self.type == "S" else self.cast_value))


def _copied(value: Any) -> Any:
    made = object.__new__(DynamoType)
    made.type = kind = value.type
    if kind == "L":
        made.value = [_copied(one) for one in value.value]
    elif kind == "M":
        made.value = {name: _copied(one) for name, one in value.value.items()}
    else:
        made.value = list(value.value) if kind in _SETS else value.value
    return made


def _regular(self: Any) -> dict[str, Any]:
    """The value as JSON has it, with bytes for what is binary."""
    kind, value = self.type, self.value
    if kind == "L":
        return {kind: [_regular(one) for one in value]}
    if kind == "M":
        return {kind: {name: _regular(one) for name, one in value.items()}}
    if kind == "B" and isinstance(value, str):
        return {kind: b64decode(value)}
    return {kind: list(value) if kind in _SETS else value}


def _size(self: Any) -> int:
    kind, value = self.type, self.value
    if kind == "L":
        return sum(map(_size, value))
    if kind == "M":
        return sum(len(name.encode()) + _size(one) for name, one in value.items())
    if kind in _SETS:
        return sum(map(_bytes_in, value))
    return 1 if isinstance(value, bool) else _bytes_in(value)


def _bytes_in(value: Any) -> int:
    return len(value if isinstance(value, bytes) else str(value).encode())


def _fill(self: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
    """An item whose size is looked at once, and not with each of its attributes."""
    self.hash_key, self.range_key = hash_key, range_key
    last = next(reversed(attrs), None)
    self.attrs = LimitedSizeDict({name: DynamoType(value) for name, value in attrs.items() if name != last})
    if last is not None:
        self.attrs[last] = DynamoType(attrs[last])


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: _plain(one) for name, one in value.items()}
    if kind is list:
        return [_plain(one) for one in value]
    if kind is DynamoType and value.type not in ("B", "BS"):
        return {value.type: _plain(value.value)}
    return value if kind in (str, bool, int, bytes) else dynamo_to_dict(value)


# ---- on the wire


def _keep_values_whole(serializer: Any) -> None:
    write = serializer._serialize_type_structure

    def write_structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == _VALUE:
            serialized[key] = _with_text(value)
        else:
            write(self, serialized, value, shape, key)

    serializer._serialize_type_structure = write_structure


def _read_values_whole(parser: Any, method: str) -> None:
    read = getattr(parser, method)

    def read_structure(self: Any, shape: Any, value: Any) -> Any:
        return _with_bytes(value) if shape.name == _VALUE else read(self, shape, value)

    setattr(parser, method, read_structure)


def _changed(value: Any, binary: Any) -> Any:
    """A typed value, with what is binary changed."""
    ((kind, inner),) = value.items()
    if kind == "L":
        return {kind: [_changed(one, binary) for one in inner]}
    if kind == "M":
        return {kind: {name: _changed(one, binary) for name, one in inner.items()}}
    if kind == "BS":
        return {kind: list(map(binary, inner))}
    return {kind: binary(inner)} if kind == "B" else value


def _with_text(value: Any) -> Any:
    return _changed(value, lambda binary: b64encode(binary).decode())


def _with_bytes(value: Any) -> Any:
    return _changed(value, b64decode)


# ---- expressions


def _read_conditions_once(parser: Any) -> None:
    read = parser._lex_condition_expression

    @cache
    def words(expression: str) -> tuple[Any, ...]:
        return tuple(read(parser(expression, None, None)))

    parser._lex_condition_expression = lambda self: deque(words(self.condition_expression))

    parse, last = parser.parse, dict[str, Any]()

    def parse_once(self: Any) -> Any:
        """A call's condition, which moto parses when it looks at the call, and again when it carries it out."""
        is_same = (
            last
            and self.condition_expression == last["expression"]
            and self.expression_attribute_names is last["names"]
            and self.expression_attribute_values is last["values"]
        )
        if not is_same:
            last.clear()
            condition = parse(self)
            last.update(
                expression=self.condition_expression,
                names=self.expression_attribute_names,
                values=self.expression_attribute_values,
                condition=condition,
                found=(self.expr_attr_names_found, self.expr_attr_values_found),
            )
        self.expr_attr_names_found, self.expr_attr_values_found = map(list, last["found"])
        return last["condition"]

    parser.parse = parse_once


# A node's class is looked at once: abstract classes answer slowly.
_is_node: Callable[[Any], bool] = cache(lambda kind: issubclass(kind, Node))
_kind_among: Callable[[Any, Any], Any] = cache(
    lambda kinds, kind: next((one for one in kinds if issubclass(kind, one)), None)
)


def _copied_tree(self: Any, _: object) -> Any:
    made = object.__new__(type(self))
    made.__dict__.update(self.__dict__)
    if self.children is not None:
        made.children = [_copied_tree(one, None) if _is_node(type(one)) else one for one in self.children]
        for child in made.children:
            if _is_node(type(child)):
                child.parent = made
    return made


def _traverse(self: Any, root: Any) -> Any:
    """The tree's nodes from the leaves up, as moto's visitor replaces them."""
    processors = self._processing_map()
    kinds = tuple(processors)
    looks_ahead = type(self).pre_processing_of_child is not DepthFirstTraverser.pre_processing_of_child

    def visit(node: Any, place: int) -> Any:
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            if looks_ahead:
                self.pre_processing_of_child(node, number)
            if _is_node(type(child)):
                visit(child, number)
        kind = _kind_among(kinds, type(node))
        if kind is not None:
            node = processors[kind](node)
            node.parent = parent
            if parent:
                parent.children[place] = node
        return node

    return visit(root, -1)
