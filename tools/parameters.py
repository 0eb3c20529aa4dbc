"""Generates docs/parameters.md: every parameter of both templates with its default, allowed values and description."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from tools.template import ROOT, read_template

PAGE = ROOT / "docs/parameters.md"
_START = """\
# Parameters

These are the parameters of `template.yaml`, which all have defaults, and at the end those of `spoke.yaml`. `make docs`
generates this page, and a test fails if it is out of date. The [README](../README.md#deploy-it) explains those of the
first group, and the runbook how to [change a parameter](operate.md#change-a-parameter). What can be tuned without a
deployment is not a parameter, but a field of the [policy](policy.md#fields).
"""
_HEAD = ("| parameter | default | values | description |", "| --- | --- | --- | --- |")


def page() -> str:
    """The text of the page, in the groups and order that the CloudFormation console shows."""
    hub, spoke = read_template(), read_template(ROOT / "spoke.yaml")
    groups = hub["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    of_spoke = {"Label": {"default": "A spoke's stack (spoke.yaml)"}, "Parameters": list(spoke["Parameters"])}
    sections = [_section(group, hub["Parameters"]) for group in groups]
    return "\n".join([_START, *sections, _section(of_spoke, spoke["Parameters"])])


def _section(group: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [_row(name, parameters[name], parameters) for name in group["Parameters"]]
    return "\n".join([f"## {group['Label']['default']}", "", *_HEAD, *rows, ""])


def _row(name: str, parameter: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    given = parameter.get("Default")
    default = "required" if given is None else f"`{given}`" if given != "" else "empty"
    names = {*parameters, *map(str, parameter.get("AllowedValues", ()))}
    return f"| `{name}` | {default} | {_values(parameter)} | {_description(parameter['Description'], names)} |"


def _values(parameter: Mapping[str, Any]) -> str:
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if "MaxValue" in parameter:
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    if "MinValue" in parameter:
        return f"{parameter['MinValue']} or more"
    if "ConstraintDescription" in parameter:
        return str(parameter["ConstraintDescription"])
    return "a list" if parameter["Type"] == "CommaDelimitedList" else "text"


def _description(text: str, names: Collection[str]) -> str:
    """The description with links to other pages, and with these names and other identifiers as code."""
    coded = re.sub(r"\w+", lambda word: f"`{word[0]}`" if _is_code(word[0], names) else word[0], text)
    return re.sub(r"docs/(\w+)\.md", r"[\1](\1.md)", coded)


def _is_code(word: str, names: Collection[str]) -> bool:
    return word in names or "_" in word or word.startswith("enableDns")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
