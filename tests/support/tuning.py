"""The policy of a stack without a document, with what a test needs otherwise than by default."""

import json
from dataclasses import fields as fields_of
from typing import Any

import pytest

from lifeline.core.policy import policy
from lifeline.core.policy.reading import read_policy
from lifeline.reconciler.steps import policy_in_force

_LIMITS = {field.name for field in fields_of(policy.Limits)}


def tune(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """From now on, the policy says this too, by the document's fields; a limit's name stands for it in
    `without_approval`. A policy of the test's own doesn't say it.
    """
    before = getattr(vars(policy_in_force)["simple_policy"], "document", {"version": 1})
    limits = before.get("without_approval", {}) | {name: fields.pop(name) for name in _LIMITS & fields.keys()}
    document = before | fields | ({"without_approval": limits} if limits else {})

    def tuned(services: Any) -> policy.Policy:
        return read_policy(json.dumps(document), policy.simple_policy(services).rules)

    tuned.document = document  # type: ignore[attr-defined]
    monkeypatch.setattr(policy_in_force, "simple_policy", tuned)


def settle(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    """Set the environment's variables, in capitals, and the policy's fields."""
    for name, value in settings.items():
        if name.isupper():
            monkeypatch.setenv(name, value)
    tune(monkeypatch, **{name: value for name, value in settings.items() if not name.isupper()})
