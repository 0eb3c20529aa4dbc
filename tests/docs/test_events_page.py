"""events/README.md explains how to try each file."""

import json
from pathlib import Path

from lifeline.core.requests.fields import APPROVE_FIELDS, CALL_FIELDS
from tests.docs.commands import TEMPLATE, fault
from tests.docs.pages import blocks, codes, rows
from tests.docs.test_operate import QUEUES_OWN
from tests.e2e.test_local_invoke import EVENTS, FILES, function_for, local_variables
from tests.support.repository import ROOT

PAGE = ROOT / "events/README.md"
ROWS = {codes(cells[0])[0]: codes(cells[-1])[0] for cells in rows(PAGE, "What the functions accept")}


def files_of(name: str) -> set[Path]:
    return set(EVENTS.glob(name))


def test_every_file_has_its_row_and_every_row_its_files() -> None:
    found = [file for name in ROWS for file in files_of(name)]
    assert sorted(found) == FILES
    assert [name for name in ROWS if not files_of(name)] == []


def test_each_rows_command_tries_its_file_with_the_function_that_takes_it() -> None:
    for name, command in ROWS.items():
        _, _, _, function, _, file = command.split()
        assert ROOT / file in files_of(name)
        assert function == function_for(ROOT / file)
        assert fault(command) == ""


def test_every_file_is_one_that_its_function_accepts() -> None:
    for file in FILES:
        path = file.relative_to(ROOT)
        assert fault(f"sam local invoke {function_for(file)} --event {path}") == "", path


def test_every_field_of_a_call_has_its_row() -> None:
    listed = {name for cells in rows(PAGE, "ReconcileEndpoints") for name in codes(cells[0])}
    others = {"account", "exempt", "adopt", "hand_over", "history", "doctor", "suggest"}
    assert listed == (CALL_FIELDS - QUEUES_OWN) | APPROVE_FIELDS | others


def test_the_names_that_sam_cant_know_are_variables_of_the_functions_and_the_outputs_of_the_stack() -> None:
    (text,) = blocks(PAGE, "json")
    listed = json.loads(text)["Parameters"]
    assert listed.pop("STACK_NAME") == "lifeline"
    variables = dict(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    variables |= TEMPLATE["Resources"]["ReconcileEndpoints"]["Properties"]["Environment"]["Variables"]
    outputs = [one["Value"] for one in TEMPLATE["Outputs"].values()]
    assert all(variables[name] in outputs for name in listed)
    source = Path(local_variables.__code__.co_filename).read_text("utf-8")
    assert all(f'"{name}"' in source for name in listed)  # as the test that really invokes them does it
