"""docs/architecture.md names what the sources and the template have: rooms, contracts, paths, keys, queues."""

import ast
import re
import tomllib
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
from tools.template import names_of

from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.history.entries import EntryKind, day_partition, incident_partition
from tests.docs.commands import TEMPLATE
from tests.docs.pages import codes, rows
from tests.support.repository import ROOT

PAGE = ROOT / "docs/architecture.md"
PACKAGE = ROOT / "functions/lifeline"
STORE = PACKAGE / "adapters/store"
KEY = re.compile(r"[A-Z][A-Z_]+(?:#.*)?")
DYNAMODBS_OWN = {"ADD", "ALL_NEW", "BOOL", "DELETE", "NS", "NULL", "SS"}  # words of its API that look like keys
CHANGE_REQUESTS = (  # what a stranger must find within a minute
    "Treat a new route target as egress",
    "Add a limit of endpoints an hour",
    "Add a new form of notice",
    "Watch another namespace",
    "Name the security group otherwise",
    "Support `lifeline:require` on a route table",
    "Add the prices of a new region",
    "Add a new kind of freeze",
    "Add an attribute to a VPC's state",
    "Change a delay",
    "Change what a notice says",
)
WAYS_IN = {cells[0]: codes(" ".join(cells[1:])) for cells in rows(PAGE, "To change this, open that")}


# ---- to change this, open that


def is_path(code: str) -> bool:
    return "/" in code or code.endswith((".py", ".json", ".yaml", ".md"))


def located(path: str) -> Path:
    """A path as the page gives it: below the package, or relative to the repository."""
    return PACKAGE / path if (PACKAGE / path).exists() else ROOT / path


def names_in(code: str) -> list[str]:
    """The names of Python or the template in inline code: `Limits`, `_asked`, `_Tally.refusal`, `files()`."""
    found = re.fullmatch(r"(_?[A-Z]\w+|_\w+|[a-z]+_\w+|\w+(?=\(\)))(\.\w+)?(\(\))?", code)
    return re.findall(r"\w+", code) if found else []


@pytest.mark.parametrize("change", CHANGE_REQUESTS)
def test_each_of_these_change_requests_has_a_row(change: str) -> None:
    assert change in WAYS_IN


@pytest.mark.parametrize("change", WAYS_IN)
def test_every_path_of_a_row_exists(change: str) -> None:
    assert [code for code in WAYS_IN[change] if is_path(code) and not located(code).exists()] == []


@pytest.mark.parametrize("change", WAYS_IN)
def test_every_name_in_a_row_is_in_one_of_its_files(change: str) -> None:
    files = [located(code) for code in WAYS_IN[change] if is_path(code)]
    text = "".join(file.read_text("utf-8") for file in files if file.is_file())
    words = [word for code in WAYS_IN[change] if not is_path(code) for word in names_in(code)]
    missing = [word for word in words if not re.search(rf"\b{word}\b", text)]
    assert [word for word in missing if word not in TEMPLATE["Resources"]] == []


def test_names_are_seen_with_and_without_their_class_and_brackets() -> None:
    assert [names_in(code) for code in ("Limits", "_asked", "_Tally.refusal", "read_state", "files()")] == [
        ["Limits"],
        ["_asked"],
        ["_Tally", "refusal"],
        ["read_state"],
        ["files"],
    ]
    assert [names_in(code) for code in ("make docs", "rtb-", "lifeline:require", "python -m tests.golden.write")] == [
        [],
        [],
        [],
        [],
    ]


def test_every_row_leads_somewhere() -> None:
    for cells in rows(PAGE, "To change this, open that"):
        assert any(map(is_path, codes(cells[1]))) or "](" in cells[1], cells[0]


# ---- rooms and contracts


def test_every_room_of_the_package_has_its_row() -> None:
    rooms = [codes(cells[0])[0] for cells in rows(PAGE, "Rooms")]
    packages = [str(path.parent.relative_to(PACKAGE)) for path in PACKAGE.rglob("__init__.py")]
    assert sorted(rooms) == sorted(set(packages) - {"."})


def test_every_contract_has_its_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]
    text = PAGE.read_text("utf-8")
    assert [name for name in names if f"| {name} | " not in text] == []


def test_the_layers_stand_in_import_linters_order() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = PAGE.read_text("utf-8")
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            layers = " → ".join(layer.replace(" | ", ", ") for layer in contract["layers"])
            assert f"| {contract['name']} | {layers} |" in text


# ---- the ledger


def keys_in(source: str) -> set[str]:
    """What an adapter's source has of keys, up to their first variable part: `VPC#`, `STATE`."""
    keys: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if KEY.fullmatch(text):
                keys.add(_start(text))
            case ast.Attribute(value=ast.Name(id="EntryKind"), attr=kind):
                keys.add(f"{EntryKind[kind].name}#")
            case ast.Name(id="VpcList"):
                keys |= set(VpcList)
            case ast.Call(func=ast.Name(id="partition")):
                keys.add("VPC#")
            case ast.Call(func=ast.Name(id="incident_log")):
                keys.add("INCIDENT_LOG#")
            case ast.Name(id="AnyRef" | "RegionRef"):  # what is about a region has a key of its own
                keys.add("REGION#")
    return keys - DYNAMODBS_OWN - (set() if "VPC#" in keys else {"REGION#"})


def test_one_module_alone_forms_the_keys_of_vpcs_and_regions() -> None:
    forms = {
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"VPC#|REGION#", path.read_text("utf-8"))
    }
    assert {str(path) for path in forms} == {"adapters/store/keys.py"}


def _start(key: str) -> str:
    name, parted, _ = key.partition("#")
    return name + parted


def keys_by_module() -> dict[str, set[str]]:
    """The keys in each module that reads or writes the ledger."""
    sources = {path.stem: path.read_text("utf-8") for path in sorted(STORE.glob("*.py"))}
    own = {
        name: text for name, text in sources.items() if "Table" in text or "KnownVpcs[" in text or "SplitStore[" in text
    }
    return {name: keys for name, text in own.items() if (keys := keys_in(text))}


def keys_on_the_page() -> dict[str, set[str]]:
    """The same as the page's table says it."""
    keys: dict[str, set[str]] = {}
    for pk, sk, _, modules, *_ in rows(PAGE, "The ledger"):
        for name in codes(modules):
            (pk_code,), (sk_code,) = codes(pk), codes(sk)
            keys.setdefault(name, set()).update({_start(pk_code), _start(sk_code)})
    return keys


def test_the_table_has_every_key_that_the_modules_write_or_read_and_no_other() -> None:
    written, listed = keys_by_module(), keys_on_the_page()
    assert {"vpcs", "incidents", "roster"} <= written.keys()
    assert written.keys() == listed.keys()
    for name, keys in written.items():
        if name == "history":  # it reads entries by their kinds, whichever there are
            kinds = {f"{kind.name}#" for kind in EntryKind}
            assert listed[name] == keys | kinds
        else:
            assert listed[name] == keys, name


def test_the_page_names_the_index_and_its_partitions() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    (index,) = TEMPLATE["Resources"]["Ledger"]["Properties"]["GlobalSecondaryIndexes"]
    assert f"the index `{index['IndexName']}`" in text
    assert f"`{incident_partition('<id>')}`" in text
    assert f"`{day_partition(date.min).partition('#')[0]}#<day>`" in text


def test_each_key_says_who_writes_and_who_reads_it() -> None:
    for cells in rows(PAGE, "The ledger"):
        for who in cells[4:]:
            assert set(who.split(", ")) <= {"R", "D", "P"}, cells


def test_the_page_has_every_attribute_of_a_vpcs_state() -> None:
    listed = [name for cells in rows(PAGE, "The state of a VPC") for name in codes(cells[0])]
    stored = {field.name for field in fields(VpcState)} - {"unread"}
    assert sorted(listed) == sorted(["lease_run", "lease_until", *stored])


def test_a_key_is_seen_in_each_way_of_writing_it() -> None:
    source = '{"pk": {"S": f"NEW#{id}"}, "sk": {"S": key_of(EntryKind.ACTION, now)}}; X = "LATEST"; y = "Words: NOT"'
    assert keys_in(source) == {"NEW#", "ACTION#", "LATEST"}


# ---- the queues and the picture


def test_the_queues_are_the_templates_with_their_attempts_and_retention() -> None:
    listed = {codes(cells[0])[0]: cells[3:] for cells in rows(PAGE, "The queues")}
    assert list(listed) == [name for name in ("Changes", "RepairRequests", "Checks", "DeadLetters") if name in listed]
    assert set(listed) == set(names_of(TEMPLATE, "AWS::SQS::Queue"))
    for name, (attempts, retention) in listed.items():
        queue = TEMPLATE["Resources"][name]["Properties"]
        assert attempts == str(queue.get("RedrivePolicy", {}).get("maxReceiveCount", ""))
        days, hours = divmod(queue["MessageRetentionPeriod"] // 3600, 24)
        assert retention == (f"{days} days" if days else f"{hours} hour")


@pytest.mark.parametrize("kind", ["AWS::Serverless::Function", "AWS::SQS::Queue"])
def test_the_picture_has_each_function_and_queue(kind: str) -> None:
    picture = PAGE.read_text("utf-8").partition("```mermaid")[2].partition("```")[0]
    assert [name for name in names_of(TEMPLATE, kind) if name not in picture] == []
    assert "SpokesBus" in picture
    assert len(names_of(TEMPLATE, "AWS::Events::Rule")) == 9 + 1, "the picture says nine rules, and one of SpokesBus"
