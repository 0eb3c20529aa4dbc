"""So much of EventBridge as the recipes need: which events a rule matches, and what it sends of them.

Facts: EventBridge guide, event patterns and input transformation. Every field of a pattern must be there with one of
the listed values; a placeholder stands for a value as JSON, or within a string for its text.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_WITHIN_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_-]+)>")


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """True if the event has each field of the pattern with one of its values."""
    return all(
        matches(wanted, event.get(name, {})) if isinstance(wanted, Mapping) else event.get(name) in wanted
        for name, wanted in pattern.items()
    )


def at_path(event: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as `$.detail.vpc_id`. Raises KeyError where there is none."""
    value: Any = event
    for name in path.removeprefix("$.").split("."):
        value = value[name]
    return value


def transformed(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """What the target gets. Raises ValueError for a template that makes no JSON of the event."""
    values = {name: at_path(event, path) for name, path in transformer["InputPathsMap"].items()}
    template = transformer["InputTemplate"]
    # EventBridge doesn't escape what it puts into a text, so a quote in a value would end it there.
    within = _WITHIN_TEXT.sub(lambda text: _PLACEHOLDER.sub(lambda name: str(values[name[1]]), text[0]), template)
    return json.loads(_PLACEHOLDER.sub(lambda name: json.dumps(values[name[1]]), within))
