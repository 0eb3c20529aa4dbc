"""Prints the policy that says what a stack's parameters said before most of them moved into the policy: `make policy`.

Run it before the upgrade, because CloudFormation forgets the values of parameters that are gone.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.reading import read_policy
from tools.policy_fields import SCHEMA, fields

UNUSABLE = 2
_STACK = "lifeline"
_LIMITS = {
    "MaxEndpointsPerRun": "endpoints_per_run",
    "MaxEndpointsPerDay": "endpoints_per_day",
    "MaxVpcsPerRun": "vpcs_per_run",
    "MaxVpcsPerDay": "vpcs_per_day",
    "MonthlyBudgetUsdPerVpc": "monthly_usd_per_vpc",
    "MonthlyBudgetUsd": "monthly_usd",
}
_FIELDS = {
    "Canary": "canary",
    "RetireAfterHours": "retire_after_hours",
    "IacDebounceSeconds": "iac_debounce_seconds",
    "SendEvents": "send_events",
    "LedgerDays": "ledger_days",
}
_OF_THE_WATCH = {
    "AgentPeriodSeconds": "period_seconds",
    "GapGraceSeconds": "grace_seconds",
    "RecoverAfter": "recover_after",
}
_WORDS: dict[str, Any] = {"true": True, "yes": True, "false": False, "no": False}
_DEFAULTS = {name: field.get("default") for name, field in fields(SCHEMA).items()}


def policy_of(parameters: Mapping[str, str], document: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document with what the parameters said that differs from the fields' defaults.

    `document` is the one that the stack has: its rules and watches count instead of the parameters. It is unchanged
    where the parameters add nothing.
    """
    limits = _differing(parameters, _LIMITS, "without_approval.")
    watch = _differing(parameters, _OF_THE_WATCH, "watches[].")
    said: dict[str, Any] = {"version": 1}
    if document is None and parameters.get("Scope") == "isolated":
        services = [name.strip() for name in parameters["RequiredServices"].split(",") if name.strip()]
        said["rules"] = [{"require": services, "where": {"tiers": ["isolated"]}}]
    if document is None and parameters.get("Coverage") == "vpc":
        said["coverage"] = "vpc"
    said |= {"without_approval": limits} if limits else {}
    said |= _differing(parameters, _FIELDS)
    said |= {"watches": [{"name": "cloudwatch-agent", **watch}]} if watch else {}
    return said | dict(document or {})


def _differing(parameters: Mapping[str, str], names: Mapping[str, str], path: str = "") -> dict[str, Any]:
    """By field, what each of these parameters says otherwise than the field's default."""
    values = {field: _value(parameters[name]) for name, field in names.items() if name in parameters}
    return {field: value for field, value in values.items() if value != _DEFAULTS[f"{path}{field}"]}


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return float(text) if "." in text else int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the policy; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        session = boto3.Session(profile_name=given.profile or None, region_name=given.region or None)
        (stack,) = session.client("cloudformation").describe_stacks(StackName=given.stack or _STACK)["Stacks"]
        parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
        document = None
        if name := parameters.get("PolicyParameter"):
            document = json.loads(session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        text = json.dumps(policy_of(parameters, document), indent=2)
        read_policy(text)
    except NoRegionError:
        sys.stderr.write("REGION is missing, and neither the environment nor the profile sets a region\n")
        return UNUSABLE
    except (BotoCoreError, ClientError, InvalidInputError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    sys.stdout.write(f"{text}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make policy", description="Print what a stack's old parameters say.")
    parser.add_argument("--stack", default="", help=f"the stack's name (default: {_STACK})")
    parser.add_argument("--region", default="", help="the stack's region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    return parser


if __name__ == "__main__":
    sys.exit(main())
