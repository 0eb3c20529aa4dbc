"""The template as values, for the tools that write documentation from it."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]


class _Loader(yaml.SafeLoader):
    """CloudFormation's tags, as the functions that they stand for."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    return {name: loader.construct_scalar(node)}  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _tag)


def read_template() -> dict[str, Any]:
    """template.yaml as it is in the repository."""
    loaded: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return loaded


def names_of(template: dict[str, Any], kind: str) -> list[str]:
    """The logical ids of the resources of a type, in the template's order."""
    return [name for name, one in template["Resources"].items() if one["Type"] == kind]
