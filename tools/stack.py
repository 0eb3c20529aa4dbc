"""What the template gives a function's environment, read from the template, with no stack deployed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.template import read_template

NOT_DEPLOYED = "not-deployed"  # in place of a resource's name: nothing of this name is there, nor can be reached
_PSEUDO = {"AWS::StackName": "lifeline", "AWS::NoValue": None}


def environment_of(function: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The function's variables, as a stack with these parameters would set them; the rest have their defaults.

    Raises KeyError for a function or a parameter that the template lacks.
    """
    document = read_template()
    values = {name: str(one["Default"]) for name, one in document["Parameters"].items()}
    if unknown := sorted(set(parameters) - set(values)):
        raise KeyError(f"the template has no parameter {unknown[0]}")
    stack = _Stack({**values, **parameters}, document["Conditions"])
    own = document["Resources"][function]["Properties"]["Environment"]["Variables"]
    found = {**document["Globals"]["Function"]["Environment"]["Variables"], **own}
    resolved = {name: stack.value_of(one) for name, one in found.items()}
    return {name: str(value) for name, value in resolved.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class _Stack:
    parameters: Mapping[str, str]
    conditions: Mapping[str, Any]

    def value_of(self, node: object) -> Any:  # noqa: PLR0911 - one return for each function
        """The value of one of the few functions that the environment is written with. Raises ValueError for others."""
        if not isinstance(node, dict):
            return node
        ((function, argument),) = node.items()
        match function:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return NOT_DEPLOYED
            case "Fn::If":
                condition, then, otherwise = argument
                return self.value_of(then if self.value_of(self.conditions[condition]) else otherwise)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(self._list(parts))
            case "Fn::Equals":
                return self.value_of(argument[0]) == self.value_of(argument[1])
            case "Fn::Not":
                return not self.value_of(argument[0])
            case _:
                raise ValueError(f"{function} is not understood here")

    def _ref(self, name: str) -> str | None:
        return _PSEUDO[name] if name in _PSEUDO else self.parameters.get(name, NOT_DEPLOYED)

    def _list(self, node: object) -> list[str]:
        """A list as it is written, or a parameter that is one, with commas."""
        value = self.value_of(node)
        return value.split(",") if isinstance(value, str) else [str(self.value_of(one)) for one in value]
