"""`make plan VPC=vpc-...`: what Lifeline would do for a VPC of yours, with no stack deployed.

It runs the very handler, in plan mode, with credentials that may only read: nothing is changed, and no call that could
change something leaves this machine. Ends with 0, with 1 where AWS can't be read, with 2 where the call is unusable.
"""

import argparse
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from lifeline.adapters.aws.calls import ours
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import LifelineError, SettingsError, TerminalError
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.runtime.observability import logger
from tools.stack import environment_of

UNREADABLE, UNUSABLE = 1, 2
_FUNCTION = "ReconcileEndpoints"
_READS = ("Describe", "Get", "List", "Query", "BatchGet")
_SILENT = "CRITICAL"  # nothing in the package is logged as that


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda would pass beside the event."""

    aws_request_id: str
    function_name: str = _FUNCTION
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:::function:none"

    def get_remaining_time_in_millis(self) -> int:
        """As long as a fresh invocation has."""
        return 300_000


class UnusableError(Exception):
    """The call can't be used; the message says what in it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the plan, or one line that says why there is none; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        answer = plan(_listed(asked.vpc), asked.region.strip(), asked.profile.strip(), _listed(asked.services))
    except (UnusableError, SettingsError) as error:
        return _fail(f"Can't be used: {error}", UNUSABLE)
    except LifelineError as error:
        return _fail(f"AWS can't be read: {error}", UNREADABLE)
    sys.stdout.write(answer["text"])
    return UNUSABLE if "errors" in answer else 0


def plan(vpc_ids: Sequence[str], region: str, profile: str, services: Sequence[str]) -> dict[str, Any]:
    """The handler's answer. Raises UnusableError, SettingsError, TransientError or TerminalError."""
    if not vpc_ids:
        raise UnusableError("VPC is missing: make plan VPC=vpc-0123456789abcdef0")
    session = _session(region, profile)
    parameters = {"Mode": "enforce"}  # so that the event's mode makes this a plan by hand, which writes nothing
    parameters |= {"RequiredServices": ",".join(services)} if services else {}
    environment = environment_of(_FUNCTION, parameters)
    environment |= {"AWS_REGION": session.region_name, "ROLE_ARN": f"arn:aws:iam::{_account(session)}:role/none"}
    return _invoke({"vpc_ids": list(vpc_ids), "mode": "plan", "format": "text"}, environment)


def _invoke(event: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The handler's answer, without the lines that it logs and counts for CloudWatch."""
    before, level = dict(os.environ), logger.log_level
    client.cache_clear()
    try:
        os.environ.update(environment)
        logger.setLevel(_SILENT)
        with redirect_stdout(io.StringIO()):
            answer: dict[str, Any] = handler(event, Context(aws_request_id=str(uuid4())))
            return answer
    finally:
        logger.setLevel(level)
        os.environ.clear()
        os.environ.update(before)
        client.cache_clear()


def _session(region: str, profile: str) -> boto3.Session:
    """boto3's default session, which the adapters' clients are made from, and which refuses to send what changes."""
    try:
        boto3.setup_default_session(region_name=region or None, profile_name=profile or None)
        session = boto3.DEFAULT_SESSION
    except ProfileNotFound as error:
        raise UnusableError(f"PROFILE: {error}") from error
    if session is None or not session.region_name:
        raise UnusableError("REGION is missing, and neither the environment nor the profile has one")
    session.events.register("before-call", _refuse_changes)
    return session


def _refuse_changes(model: Any, **_: object) -> None:
    if not model.name.startswith(_READS):
        raise TerminalError(f"{model.name} could change something, so it was not sent: this only plans")


def _account(session: boto3.Session) -> str:
    """Whose account it is: anybody with credentials may ask (STS API: GetCallerIdentity)."""
    try:
        return str(session.client("sts").get_caller_identity()["Account"])
    except (ClientError, BotoCoreError) as error:
        raise ours(error, "your credentials") from error


def _listed(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def _fail(words: str, code: int) -> int:
    sys.stderr.write(f"{words}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make plan", description="What Lifeline would do for a VPC of yours.")
    parser.add_argument("--vpc", default="", help="the VPC's id, or several with commas")
    parser.add_argument("--region", default="", help="its region; without it, your environment's or profile's")
    parser.add_argument("--profile", default="", help="a profile of your AWS configuration")
    parser.add_argument("--services", default="", help="what to require; without it, what the template requires")
    return parser


if __name__ == "__main__":
    sys.exit(main())
