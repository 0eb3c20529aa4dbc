"""`make plan VPC=vpc-...` prints what Lifeline would do in a VPC, without a deployed stack.

Runs the real handler in plan mode. Read-only credentials are enough: every call that could change something is refused
before it is sent. Exits with 0, with 1 if AWS can't be read, and with 2 if the arguments are unusable.
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

from lifeline.adapters.aws import clients
from lifeline.core.errors import InvalidInputError, LifelineError, SettingsError
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.fields import read_services
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.runtime.observability import logger
from tools.read_only import UnusableError, account_of, read_only_session
from tools.stack import environment_of

UNREADABLE, UNUSABLE = 1, 2
_FUNCTION = "ReconcileEndpoints"
_SILENT = "CRITICAL"  # a level that the package never logs at


@dataclass(frozen=True, slots=True)
class Context:
    """The Lambda context object."""

    aws_request_id: str
    function_name: str = _FUNCTION
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:::function:none"

    def get_remaining_time_in_millis(self) -> int:
        """The full timeout, as if the invocation had just started."""
        return 300_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan, or one line that says why there is none. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        answer = plan(_listed(options.vpc), options.region.strip(), options.profile.strip(), _listed(options.services))
    except (UnusableError, SettingsError) as error:
        return _fail(f"Invalid arguments: {error}", UNUSABLE)
    except LifelineError as error:
        return _fail(f"Can't read from AWS: {error}", UNREADABLE)
    sys.stdout.write(answer["text"])
    return UNUSABLE if "errors" in answer else 0


def plan(vpc_ids: Sequence[str], region: str, profile: str, services: Sequence[str]) -> dict[str, Any]:
    """The handler's answer. Raises UnusableError, SettingsError, TransientError or TerminalError."""
    if not vpc_ids:
        raise UnusableError("VPC is missing: make plan VPC=vpc-0123456789abcdef0")
    event = {"vpc_ids": list(vpc_ids), "mode": "plan", "format": "text"}
    _check(event, services)
    session = read_only_session(region, profile)
    parameters = {"Mode": "enforce"}  # unlike the event's mode: a manual plan, which writes nothing
    parameters |= {"RequiredServices": ",".join(services)} if services else {}
    environment = environment_of(_FUNCTION, parameters)
    del environment["KILL_SWITCH_PARAMETER"]  # of a stack, and there is none
    environment["AWS_REGION"] = session.get_config_variable("region")
    environment["ROLE_ARN"] = f"arn:aws:iam::{account_of(session)}:role/none"
    return _invoke(event, environment)


def _check(event: Mapping[str, Any], services: Sequence[str]) -> None:
    """Refuse what the handler would refuse, before any credentials are needed."""
    try:
        if services:
            read_services(list(services), "SERVICES")
        refusals = read_request(event).refusals
    except InvalidInputError as error:
        raise UnusableError(str(error)) from error
    if refusals:
        raise UnusableError("; ".join(map(str, refusals)))


def _invoke(event: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The handler's answer. Its log lines and metrics are suppressed."""
    before, level = dict(os.environ), logger.log_level
    clients.client.cache_clear()
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
        clients.client.cache_clear()
        clients.session.cache_clear()


def _listed(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def _fail(words: str, code: int) -> int:
    sys.stderr.write(f"{words}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make plan", description="Print what Lifeline would do in a VPC.")
    parser.add_argument("--vpc", default="", help="one or more VPC IDs, separated by commas")
    parser.add_argument("--region", default="", help="the VPC's region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--services", default="", help="the services to require (default: from the template)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
