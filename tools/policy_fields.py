"""Fills two columns of the field table in docs/policy.md from the schema: the default, and the allowed values.

People write the list of fields and their meanings. A test compares the list with the schema.
"""

import json
from typing import Any

from tools.template import ROOT

PAGE = ROOT / "docs/policy.md"
SCHEMA: dict[str, Any] = json.loads((ROOT / "functions/lifeline/policy.schema.json").read_text("utf-8"))
_HEAD = "| field | default | value | meaning |"
_HEADING = "## Fields\n"


def fields(part: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Every field of the schema by path, such as `rules[].where.tiers`."""
    found = {path: part} if path and not path.endswith("]") else {}
    part = _resolved(part)
    for name, member in part.get("properties", {}).items():
        found |= fields(member, f"{path}.{name}".lstrip("."))
    if isinstance(part.get("items"), dict):
        found |= {name: field for name, field in fields(part["items"], f"{path}[]").items() if name != path}
    return {name: _resolved(field) for name, field in found.items()}


def page() -> str:
    """The text of docs/policy.md with both columns filled."""
    text = PAGE.read_text("utf-8")
    before, heading, rest = text.partition(_HEADING)
    table, parted, after = rest.partition("\n\n## ")
    lines = table.strip().splitlines()
    rows = [_row(line) for line in lines[2:]]
    return "".join([before, heading, "\n", "\n".join([_HEAD, "| --- | --- | --- | --- |", *rows]), parted, after])


def _row(line: str) -> str:
    """The row with both columns filled. A row that lacks the generated column gets it."""
    cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    field, default, meaning = cells[0], cells[1], cells[-1]
    known = _FIELDS.get(field.strip("`"))
    if known is None:
        return line
    if "default" in known:
        default = f"`{json.dumps(known['default'])}`"
    return f"| {field} | {default} | {_value(known)} | {meaning} |"


def _value(field: dict[str, Any]) -> str:
    """The allowed values: the schema's title, which error messages also use, and the maximum size."""
    words = str(field["title"])
    if kind := _resolved(field.get("items", {})).get("enum"):
        words += ": " + ", ".join(f"`{value}`" for value in kind)
    if "maxItems" in field:
        words += f", at most {field['maxItems']}"
    if "maxLength" in field and str(field["maxLength"]) not in words:
        words += f", at most {field['maxLength']} characters"
    return words


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part merged with the definition that it refers to. The part's own values win."""
    if "$ref" not in part:
        return part
    own = {name: value for name, value in part.items() if name != "$ref"}
    return {**SCHEMA["definitions"][part["$ref"].rpartition("/")[2]], **own}


_FIELDS = fields(SCHEMA)

if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
