"""The environment variables of a function: those that the template sets, and those of a deployed stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.core.doctor.stack import StackSeen
from lifeline.runtime.settings import OWN_NAME
from tools.read_only import UnusableError
from tools.template import read_template

STACK = "lifeline"  # the name that the README deploys by

NOT_DEPLOYED = "not-deployed"  # stands in for the names and ARNs of resources, which don't exist
_PSEUDO = {"AWS::StackName": "lifeline", "AWS::NoValue": None}


def environment_of(function: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The function's variables in a stack with these parameters, and defaults for the others.

    Raises KeyError if the template has no such function or parameter.
    """
    document = read_template()
    values = {name: str(parameter["Default"]) for name, parameter in document["Parameters"].items()}
    if unknown := sorted(set(parameters) - set(values)):
        raise KeyError(f"the template has no parameter {unknown[0]}")
    stack = _Stack({**values, **parameters}, document["Conditions"])
    own = document["Resources"][function]["Properties"]["Environment"]["Variables"]
    variables = {**document["Globals"]["Function"]["Environment"]["Variables"], **own}
    resolved = {name: stack.value_of(node) for name, node in variables.items()}
    return {name: str(value) for name, value in resolved.items() if value not in (None, "")}


def environment_of_stack(session: Any, stack: StackSeen, function: str) -> dict[str, str]:
    """The function's variables in the deployed stack, and Lambda's own with its name. Raises UnusableError for a stack
    of something else, or ours.
    """
    name = stack.outputs.get(f"{function}Function")
    if not name:
        raise UnusableError(f"STACK: the stack {stack.name} has no function {function}: is it Lifeline's?")
    with aws_errors(f"get_function_configuration {name}"):
        found = session.create_client("lambda").get_function_configuration(FunctionName=name)
    return {**found.get("Environment", {}).get("Variables", {}), OWN_NAME: name}


@dataclass(frozen=True, slots=True)
class _Stack:
    parameters: Mapping[str, str]
    conditions: Mapping[str, Any]

    def value_of(self, node: object) -> Any:  # noqa: PLR0911 - one return for each function
        """The value of a template node. Raises ValueError for a function that the environment doesn't use."""
        if not isinstance(node, dict):
            return node
        ((function, argument),) = node.items()
        match function:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt" | "Fn::Sub":  # the environment has text of resources' names only
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
                raise ValueError(f"{function} is not supported here")

    def _ref(self, name: str) -> str | None:
        return _PSEUDO[name] if name in _PSEUDO else self.parameters.get(name, NOT_DEPLOYED)

    def _list(self, node: object) -> list[str]:
        """A list in the template, or the items of a comma-separated parameter."""
        value = self.value_of(node)
        return value.split(",") if isinstance(value, str) else [str(self.value_of(item)) for item in value]
