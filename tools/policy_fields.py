"""Writes into docs/policy.md's table of fields what the schema says of each: its default, and what it must be.

Which fields there are and what they mean is written by people; a test holds the fields against the schema.
"""

import json
from typing import Any

from tools.template import ROOT

PAGE = ROOT / "docs/policy.md"
SCHEMA: dict[str, Any] = json.loads((ROOT / "functions/lifeline/policy.schema.json").read_text("utf-8"))
_HEAD = "| field | default | must be | meaning |"
_HEADING = "## Fields\n"


def fields(part: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Every field of the schema by its path: `rules[].where.tiers`."""
    found = {path: part} if path and not path.endswith("]") else {}
    part = _resolved(part)
    for name, one in part.get("properties", {}).items():
        found |= fields(one, f"{path}.{name}".lstrip("."))
    if isinstance(part.get("items"), dict):
        found |= {name: one for name, one in fields(part["items"], f"{path}[]").items() if name != path}
    return {name: _resolved(one) for name, one in found.items()}


def page() -> str:
    """docs/policy.md with the table's generated columns as the schema has them."""
    text = PAGE.read_text("utf-8")
    before, heading, rest = text.partition(_HEADING)
    table, parted, after = rest.partition("\n\n## ")
    lines = table.strip().splitlines()
    rows = [_row(line) for line in lines[2:]]
    return "".join([before, heading, "\n", "\n".join([_HEAD, "| --- | --- | --- | --- |", *rows]), parted, after])


def _row(line: str) -> str:
    """The row with what is generated put in anew; one without the generated column gets it."""
    cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    field, default, meaning = cells[0], cells[1], cells[-1]
    known = _FIELDS.get(field.strip("`"))
    if known is None:
        return line
    if "default" in known:
        default = f"`{json.dumps(known['default'])}`"
    return f"| {field} | {default} | {_must_be(known)} | {meaning} |"


def _must_be(field: dict[str, Any]) -> str:
    """The schema's own words, which errors use too, and how much there may be."""
    words = str(field["title"])
    if kind := _resolved(field.get("items", {})).get("enum"):
        words += ": " + ", ".join(f"`{one}`" for one in kind)
    if "maxItems" in field:
        words += f", {field['maxItems']} at most"
    if "maxLength" in field and str(field["maxLength"]) not in words:
        words += f", {field['maxLength']} characters at most"
    return words


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part with what it refers to; its own words come first."""
    if "$ref" not in part:
        return part
    own = {name: value for name, value in part.items() if name != "$ref"}
    return {**SCHEMA["definitions"][part["$ref"].rpartition("/")[2]], **own}


_FIELDS = fields(SCHEMA)

if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
