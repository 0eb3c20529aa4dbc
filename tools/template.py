"""Reads template.yaml, for tools and tests."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]


class _Loader(yaml.CSafeLoader):
    """Loads CloudFormation's short tags, such as `!Ref`, as the functions that they stand for."""


def _tag(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    return {name: loader.construct_scalar(node)}  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _tag)


def read_template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """The contents of a template."""
    template: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return template


def statements_of(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """The statements of the role's own policies, and of the template's managed policies that it has; those under a
    condition as they are written, and those of a managed policy under one as if each were.
    """
    properties = template["Resources"][role]["Properties"]
    found = [statement for policy in properties["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    for one in properties.get("ManagedPolicyArns", []):
        condition, name = (one["Fn::If"][0], one["Fn::If"][1]["Ref"]) if "Fn::If" in one else ("", one["Ref"])
        statements = template["Resources"][name]["Properties"]["PolicyDocument"]["Statement"]
        nothing = {"Ref": "AWS::NoValue"}
        found += [{"Fn::If": [condition, one, nothing]} for one in statements] if condition else statements
    return found


def names_of(template: dict[str, Any], kind: str) -> list[str]:
    """The logical IDs of all resources of a type, in the template's order."""
    return [name for name, resource in template["Resources"].items() if resource["Type"] == kind]
