"""The demo's voice: it is never quiet for long, and what is to be opened can be clicked or copied."""

import re
import time

import pytest

from tests.e2e import narrator
from tests.e2e.narrator import Narrator


def test_while_it_waits_it_says_for_what_and_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(narrator, "QUIET_S", 0.01)
    with Narrator().waiting("building the stack"):
        time.sleep(0.1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all(re.fullmatch(r"   … still building the stack \([0-9]+ s\)", line) for line in lines)
    time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_what_is_soon_over_is_only_announced(capsys: pytest.CaptureFixture[str]) -> None:
    say = Narrator()
    with say.waiting("one"):
        pass
    with say.waiting("deploying it", at_once=True):
        pass
    assert capsys.readouterr().out == "   … deploying it\n"


def test_a_failure_ends_the_reminders_and_stays_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(narrator, "QUIET_S", 0.01)
    with pytest.raises(ValueError, match="no"), Narrator().waiting("building"):
        raise ValueError("no")
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_an_address_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"file:///{'long/' * 40}page.html"
    Narrator().link(address, "the page")
    assert capsys.readouterr().out.splitlines() == ["   the page", f"     {address}"]
