"""What the parameters of an older stack said is said by a policy, word for word and nothing else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from tools.template import read_template
from tools.upgrade import _FIELDS, _LIMITS, _OF_THE_WATCH, UNUSABLE, main, policy_of

from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.network.model import Tier
from lifeline.core.policy.policy import Limits
from lifeline.core.policy.reading import read_policy
from tests.support.emulator import emulated_aws

REGION = "us-east-1"
DEFAULTS = {  # of 0.1
    "RequiredServices": "monitoring",
    "Scope": "private",
    "Coverage": "az",
    "PolicyParameter": "",
    "MaxEndpointsPerRun": "20",
    "MaxEndpointsPerDay": "50",
    "MaxVpcsPerRun": "20",
    "MaxVpcsPerDay": "50",
    "MonthlyBudgetUsdPerVpc": "100",
    "MonthlyBudgetUsd": "500",
    "Canary": "false",
    "RetireAfterHours": "72",
    "IacDebounceSeconds": "600",
    "SendEvents": "yes",
    "LedgerDays": "400",
    "AgentPeriodSeconds": "60",
    "GapGraceSeconds": "240",
    "RecoverAfter": "2",
}


def test_the_defaults_say_nothing_but_the_budget_that_was_higher() -> None:
    assert policy_of(DEFAULTS) == {"version": 1, "without_approval": {"monthly_usd": 500}}


def test_every_parameter_that_is_gone_is_said() -> None:
    mapped = {*_FIELDS, *_LIMITS, *_OF_THE_WATCH, "Scope", "Coverage"}
    assert not mapped & set(read_template()["Parameters"])
    said = {
        "RequiredServices": "monitoring, logs",
        "Scope": "isolated",
        "Coverage": "vpc",
        "MaxEndpointsPerRun": "1",
        "MaxEndpointsPerDay": "2",
        "MaxVpcsPerRun": "3",
        "MaxVpcsPerDay": "0",
        "MonthlyBudgetUsdPerVpc": "7.30",
        "MonthlyBudgetUsd": "1000",
        "Canary": "true",
        "RetireAfterHours": "0",
        "IacDebounceSeconds": "0",
        "SendEvents": "no",
        "LedgerDays": "90",
        "AgentPeriodSeconds": "300",
        "GapGraceSeconds": "600",
        "RecoverAfter": "1",
    }
    assert said.keys() - {"RequiredServices"} == mapped

    policy = read_policy(json.dumps(policy_of(said)))

    (rule,) = policy.rules
    isolated = frozenset({Tier.ISOLATED})
    assert (rule.services, rule.tiers, rule.per_zone) == (frozenset({"monitoring", "logs"}), isolated, False)
    assert policy.without_approval == Limits(1, 2, 3, 0, Decimal("7.3"), Decimal(1000))
    assert (policy.is_canary, policy.sends_events) == (True, False)
    assert (policy.retire_after, policy.iac_debounce) == (timedelta(), timedelta())
    assert policy.ledger_keep == timedelta(days=90)
    rules = Rules(timedelta(minutes=5), timedelta(minutes=10), recover_after=1)
    assert policy.watches == (Watch(rules=rules),)


def test_a_stacks_own_document_goes_first() -> None:
    document = {"version": 1, "rules": [], "watches": []}
    said = DEFAULTS | {"Scope": "isolated", "Coverage": "vpc", "GapGraceSeconds": "600", "LedgerDays": "90"}
    assert policy_of(said, document) == {"without_approval": {"monthly_usd": 500}, "ledger_days": 90, **document}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield boto3.client("ssm")


def deploy(**parameters: str) -> None:
    topic = {"Resources": {"Notices": {"Type": "AWS::SNS::Topic"}}}
    template = topic | {"Parameters": {name: {"Type": "String"} for name in parameters}}
    boto3.client("cloudformation").create_stack(
        StackName="lifeline",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )


def test_a_deployed_stack_is_read_with_its_document(account: Any, capsys: pytest.CaptureFixture[str]) -> None:
    account.put_parameter(Name="/lifeline/policy", Type="String", Value='{"version": 1, "rules": []}')
    deploy(PolicyParameter="/lifeline/policy", RetireAfterHours="96")
    assert main([]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": 1, "rules": [], "retire_after_hours": 96}


@pytest.mark.usefixtures("account")
def test_a_stack_that_there_isnt_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "other"]) == UNUSABLE
    assert "other" in capsys.readouterr().err


def test_that_there_is_no_region_is_said_with_the_variable_that_sets_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert main([]) == UNUSABLE
    assert capsys.readouterr().err.startswith("REGION is missing")


@pytest.mark.usefixtures("account")
def test_what_no_policy_can_say_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    deploy(MaxVpcsPerDay="999999")
    assert main([]) == UNUSABLE
    assert "without_approval.vpcs_per_day" in capsys.readouterr().err
