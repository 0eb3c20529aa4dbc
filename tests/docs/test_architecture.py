"""docs/architecture.md names what the sources and the template have: keys, modules, queues."""

import ast
import re
from dataclasses import fields
from datetime import date

import pytest
from tools.template import names_of

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.history.entries import EntryKind, day_partition, incident_partition
from tests.docs.commands import TEMPLATE
from tests.docs.pages import codes, rows
from tests.support.repository import ROOT

PAGE = ROOT / "docs/architecture.md"
PACKAGE = ROOT / "functions/lifeline"
KEY = re.compile(r"[A-Z][A-Z_]+(?:#.*)?")
DYNAMODBS_OWN = {"ADD", "ALL_NEW", "BOOL", "DELETE", "NS", "NULL", "SS"}  # words of its API that look like keys


def keys_in(source: str) -> set[str]:
    """What an adapter's source has of keys, up to their first variable part: `VPC#`, `LOOK`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if KEY.fullmatch(text):
                found.add(_start(text))
            case ast.Attribute(value=ast.Name(id="EntryKind"), attr=kind):
                found.add(f"{EntryKind[kind].name}#")
    return found - DYNAMODBS_OWN


def _start(key: str) -> str:
    name, parted, _ = key.partition("#")
    return name + parted


def keys_by_adapter() -> dict[str, set[str]]:
    """Of the adapters that talk to the ledger."""
    sources = {path.stem: path.read_text("utf-8") for path in sorted((PACKAGE / "adapters").glob("*.py"))}
    return {name: found for name, text in sources.items() if "TableName" in text and (found := keys_in(text))}


def told_by_adapter() -> dict[str, set[str]]:
    """The same as the page's table says it."""
    found: dict[str, set[str]] = {}
    for pk, sk, _, adapters, *_ in rows(PAGE, "The ledger"):
        for name in codes(adapters):
            (pk_code,), (sk_code,) = codes(pk), codes(sk)
            found.setdefault(name, set()).update({_start(pk_code), _start(sk_code)})
    return found


def test_the_table_has_every_key_that_the_adapters_write_or_read_and_no_other() -> None:
    written, notified = keys_by_adapter(), told_by_adapter()
    assert {"ledger", "incidents", "roster"} <= written.keys()
    assert written.keys() == notified.keys()
    for name, keys in written.items():
        if name == "history":  # it reads entries by their kinds, whichever there are
            kinds = {f"{kind.name}#" for kind in EntryKind}
            assert notified[name] == keys | kinds
        else:
            assert notified[name] == keys, name


def test_the_page_names_the_indexs_shelves() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    (index,) = TEMPLATE["Resources"]["Ledger"]["Properties"]["GlobalSecondaryIndexes"]
    assert f"the index `{index['IndexName']}`" in text
    assert f"`{incident_partition('<id>')}`" in text
    assert f"`{day_partition(date.min).partition('#')[0]}#<day>`" in text


def test_each_key_says_who_writes_and_who_reads_it() -> None:
    for cells in rows(PAGE, "The ledger"):
        for who in cells[4:]:
            assert set(who.split(", ")) <= {"R", "D", "P"}, cells


def test_the_page_has_every_attribute_that_is_remembered_of_a_vpc() -> None:
    notified = [name for cells in rows(PAGE, "What is remembered of a VPC") for name in codes(cells[0])]
    assert sorted(notified) == sorted(["lease_run", "lease_until", *(one.name for one in fields(VpcState))])


def test_every_module_of_the_package_is_in_a_layer_of_the_table() -> None:
    notified = {name for cells in rows(PAGE, "Modules") for name in codes(cells[1])}
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert notified == there - {"__init__", "__pycache__"}


def test_the_layers_stand_in_import_linters_order() -> None:
    layers = re.findall(r'^  "(lifeline\.[^"]+)",$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    wanted = [set(re.findall(r"lifeline\.(\w+)", layer)) for layer in layers]
    assert [set(codes(cells[1])) for cells in rows(PAGE, "Modules")] == wanted


def test_the_queues_are_the_templates_with_their_tries_and_times() -> None:
    notified = {codes(cells[0])[0]: cells[3:] for cells in rows(PAGE, "The queues")}
    assert list(notified) == [name for name in ("Changes", "Checks", "DeadLetters") if name in notified]
    assert set(notified) == set(names_of(TEMPLATE, "AWS::SQS::Queue"))
    for name, (tries, kept) in notified.items():
        queue = TEMPLATE["Resources"][name]["Properties"]
        assert tries == str(queue.get("RedrivePolicy", {}).get("maxReceiveCount", ""))
        days, hours = divmod(queue["MessageRetentionPeriod"] // 3600, 24)
        assert kept == (f"{days} days" if days else f"{hours} hour")


@pytest.mark.parametrize("kind", ["AWS::Serverless::Function", "AWS::SQS::Queue"])
def test_the_picture_has_each_function_and_queue(kind: str) -> None:
    picture = PAGE.read_text("utf-8").partition("```mermaid")[2].partition("```")[0]
    assert [name for name in names_of(TEMPLATE, kind) if name not in picture] == []
    assert len(names_of(TEMPLATE, "AWS::Events::Rule")) == 7, "the picture says seven rules"


def test_a_key_is_seen_in_each_way_of_writing_it() -> None:
    source = '{"pk": {"S": f"NEW#{id}"}, "sk": {"S": key_of(EntryKind.ACTION, now)}}; X = "LATEST"; y = "Words: NOT"'
    assert keys_in(source) == {"NEW#", "ACTION#", "LATEST"}
