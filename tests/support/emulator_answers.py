"""moto's answers, written with less work: the same text, found in moto's objects under the same names."""

from functools import partial
from html import escape
from typing import Any

from moto.core import serialize
from moto.core.serialize import AttributePickerContext, ResponseSerializer
from moto.core.utils import MISSING, get_value

_NAMES: dict[tuple[object, ...], tuple[str, ...]] = {}
_get_value = ResponseSerializer.get_value


def prepare_answers() -> None:
    """Lets moto, in this process, keep what it would work out again for each part of each answer."""
    ResponseSerializer.get_value = _find_value
    serialize.xmltodict = _Xml  # checks all names, and reports each part as an event to what writes it


def _find_value(self: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """A part of an answer in one of moto's objects, under one of the names that it may have in objects of this class.
    moto works these names out again for each part of each answer.
    """
    kind = (type(value), shape, key)
    names = _NAMES.get(kind)
    if names is None:
        picker = self._value_picker
        is_changed = any(end.endswith(key) or key.endswith(end) for end in picker.response_transformers)
        context = AttributePickerContext(value, key, shape, self.operation_model)
        names = _NAMES[kind] = () if is_changed else tuple(dict.fromkeys(picker.get_possible_keys(context)))
    if not names:
        return _get_value(self, value, key, shape)  # moto changes what it finds
    get = value.get if type(value) is dict else partial(get_value, value)
    for name in names:
        found = get(name, MISSING) if "." not in name else get_value(value, name, MISSING)
        if found is not MISSING:
            return found
    return None


class _Xml:
    @staticmethod
    def unparse(tree: dict[str, Any], *, full_document: bool, **_: object) -> str:
        head = '<?xml version="1.0" encoding="utf-8"?>\n' if full_document else ""
        return head + "".join(_element(name, value) for name, value in tree.items())


def _element(name: str, value: Any) -> str:
    """An element for each value: what begins with `@` is an attribute there, and `#text` its text."""
    if isinstance(value, list | tuple):
        return "".join([_element(name, one) for one in value])
    if not isinstance(value, dict):
        return f"<{name}>{_text(value)}</{name}>"
    attributes = inside = ""
    for part, content in value.items():
        if part == "#text":
            inside += _text(content)
        elif part[0] == "@":
            attributes += f' {part[1:]}="{escape(content)}"'
        else:
            inside += _element(part, content)
    return f"<{name}{attributes}>{inside}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else escape(str(value), quote=False)
