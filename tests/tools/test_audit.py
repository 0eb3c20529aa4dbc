"""Locks have hashes, and an audit that didn't happen isn't a clean one."""

import re
from typing import Any

import pytest
from tools.audit import LOCKS, verdict

from tests.support.repository import ROOT

CLEAN: dict[str, Any] = {"name": "six", "version": "1.17.0", "vulns": []}
VULNERABLE: dict[str, Any] = {
    "name": "urllib3",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "description": "x"}],
}
UNKNOWN: dict[str, Any] = {"name": "boto3", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([CLEAN], 0, "no known vulnerability in 1 packages"),
        ([CLEAN, UNKNOWN], 2, "not checked: 1 of 2 packages: boto3 (Dependency not found on PyPI)"),
        ([CLEAN, VULNERABLE], 1, "urllib3 1.0: PYSEC-2026-1, fixed in 1.1"),
        ([VULNERABLE, UNKNOWN], 1, "not checked: 1 of 2 packages"),
        ([], 2, "not checked: 0 of 0 packages"),
    ],
)
def test_only_what_was_looked_up_and_is_clean_passes(packages: list[dict[str, Any]], status: int, words: str) -> None:
    found, lines = verdict("dev.txt", {"dependencies": packages})
    assert found == status
    assert words in "\n".join(lines)


def test_no_answer_is_not_a_clean_one() -> None:
    assert verdict("dev.txt", None, "no route to the host") == (2, ["dev.txt: not checked: no route to the host"])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_package_of_every_lock_has_a_version_and_hashes(lock: Any) -> None:
    entries = re.split(r"\n(?=[a-zA-Z])", lock.read_text("utf-8").strip())
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_every_environment_is_installed_with_its_hashes() -> None:
    installs = [
        line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if re.search(r"pip (install|sync)", line)
    ]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
