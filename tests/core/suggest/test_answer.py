"""Suggestions as JSON, as text and for the page: what fits, and what stands beside the rule to paste."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lifeline.core.suggest.answer import SuggestAnswer, suggest_json, suggest_text, summaries
from lifeline.core.suggest.evidence import Certainty, Source, Witness
from lifeline.core.suggest.suggestion import Advice, Line, Suggestion

NOTHING = Decimal(0)
SUBNETS = frozenset(f"subnet-{number:017x}" for number in range(12))


def answer(vpcs: int, services: int = 20, witnesses: int = 30) -> SuggestAnswer:
    """So many VPCs, each with so many services, and so many witnesses of each."""
    suggestions = []
    for number in range(vpcs):
        vpc_id = f"vpc-{number:017x}"
        seen = tuple(
            Witness(vpc_id, "sqs", Source.ADVISOR, Certainty.LIKELY, f"role r{one} of i-1 called sqs today", SUBNETS)
            for one in range(witnesses)
        )
        lines = tuple(
            Line(f"s{one}", Advice.ADD, Certainty.LIKELY, False, "missing", (), Decimal("7.3"), seen)
            for one in range(services)
        )
        suggestions.append(Suggestion(vpc_id, "shop", 2, 30, lines, ("sqs",), Decimal(7), NOTHING))
    return SuggestAnswer(tuple(suggestions), {}, (), 90)


def test_twenty_witnesses_of_a_service_are_named_and_all_are_counted() -> None:
    found = suggest_json(answer(1))
    (vpc,) = found["suggest"]
    assert {len(one["witnesses"]) for one in vpc["services"]} == {20}
    assert {one["witness_count"] for one in vpc["services"]} == {30}
    assert found["notes"] == []


@pytest.mark.parametrize(("vpcs", "named"), [(60, 5), (150, 2), (700, 0)])
def test_an_answer_that_would_be_too_large_names_fewer_witnesses_and_says_so(vpcs: int, named: int) -> None:
    found = suggest_json(answer(vpcs))
    assert len(json.dumps(found)) < 6_000_000
    assert len(found["suggest"]) == vpcs
    assert {len(one["witnesses"]) for vpc in found["suggest"] for one in vpc["services"]} == {named}
    (note,) = found["notes"]
    assert "ask for some VPCs by vpc_ids" in note


WARNING = "rules replace RequiredServices in every VPC"


def test_whoever_gets_a_rule_to_paste_is_told_beside_it_what_it_does_to_other_vpcs() -> None:
    one = answer(1)
    (suggestion,) = one.suggestions
    (vpc,) = suggest_json(one)["suggest"]
    assert WARNING in vpc["rule_warning"]
    _, rule, after = suggest_text(one).partition(json.dumps(suggestion.rule))
    assert rule
    assert WARNING in " ".join(after.split()[:12])
    (kept,) = summaries(one, datetime(2026, 11, 29, tzinfo=UTC)).values()
    assert json.loads(kept.rule) == suggestion.rule == vpc["rule"]
    assert kept.rule_warning == f"{vpc['rule_warning']}."


def test_without_a_rule_there_is_no_warning() -> None:
    one = answer(1)
    none = replace(one, suggestions=tuple(replace(suggestion, require=()) for suggestion in one.suggestions))
    (vpc,) = suggest_json(none)["suggest"]
    assert (vpc["rule"], vpc["rule_warning"]) == (None, "")
    assert WARNING not in " ".join(suggest_text(none).split())
    (kept,) = summaries(none, datetime(2026, 11, 29, tzinfo=UTC)).values()
    assert (kept.rule, kept.rule_warning) == ("", "")
