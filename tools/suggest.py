"""`make suggest` prints what private subnets need, from evidence, beside what the policy of a deployed stack requires,
or the template's defaults where there is none.

Runs the real handler, as `make plan` does. Read-only credentials are enough, and every call that isn't a read is
refused before it is sent. Exits with 0, with 1 if AWS can't be read, and with 2 if the arguments are unusable.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from lifeline.adapters.aws.regions import Stacks
from lifeline.core.errors import InvalidInputError, LifelineError, SettingsError
from lifeline.core.requests.suggest import read_suggest
from lifeline.core.wording import wrap
from tools.plan import MOST_DNS_VIEWS, UNREADABLE, UNUSABLE, invoke, listed
from tools.read_only import UnusableError, account_of, read_only_session
from tools.stack import STACK, environment_of, environment_of_stack

_FUNCTION = "ReconcileEndpoints"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the suggestion, or one line that says why there is none. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        answer = suggest(options)
    except (UnusableError, SettingsError) as error:
        sys.stderr.write(f"Invalid arguments: {error}\n")
        return UNUSABLE
    except LifelineError as error:
        sys.stderr.write(f"Can't read from AWS: {error}\n")
        return UNREADABLE
    sys.stdout.write(answer["text"] if "text" in answer else f"{json.dumps(answer, indent=2)}\n")
    return UNUSABLE if "errors" in answer else 0


def suggest(options: argparse.Namespace) -> dict[str, Any]:
    """The handler's answer. Raises UnusableError, SettingsError, TransientError or TerminalError."""
    asked = {"vpc_ids": vpc_ids} if (vpc_ids := listed(options.vpc)) else {}
    event = {"suggest": asked, "format": options.format.strip() or "text"}
    try:
        read_suggest(event)
    except InvalidInputError as error:
        raise UnusableError(str(error)) from error
    services, stack = listed(options.services), options.stack.strip()
    if services and stack:
        raise UnusableError("SERVICES can't be combined with STACK: the stack's policy says what is required")
    session = read_only_session(options.region.strip(), options.profile.strip())
    deployed, note = ({}, "") if services else _deployed(session, stack)
    environment = deployed or environment_of(_FUNCTION, {"RequiredServices": ",".join(services)} if services else {})
    environment.pop("KILL_SWITCH_PARAMETER", None)  # nothing here could change anything
    environment |= {
        "EVIDENCE": "yes",
        "MOST_DNS_VIEWS": str(MOST_DNS_VIEWS),
        "AWS_REGION": session.get_config_variable("region"),
    }
    if not deployed:
        environment["ROLE_ARN"] = f"arn:aws:iam::{account_of(session)}:role/none"
    return _with(note, invoke(event, environment))


def _deployed(session: Any, named: str) -> tuple[dict[str, str], str]:
    """The variables of the stack's function, with which the handler reads the stack's policy; or none, and a note that
    says so. Raises UnusableError, or ours, for a stack that was asked for by name.
    """
    try:
        seen = Stacks(session.create_client).find(named or STACK)
        if seen and seen.is_deployed:
            return environment_of_stack(session, seen, _FUNCTION), ""
        why = f"there is no deployed stack {named or STACK} here"
    except LifelineError as error:
        if named:
            raise
        why = str(error)
    if named:
        raise UnusableError(f"STACK: {why}")
    return {}, f"judged without your stack's policy, by the template's defaults: {why}. STACK names another stack"


def _with(note: str, answer: dict[str, Any]) -> dict[str, Any]:
    if not note or "errors" in answer:
        return answer
    if "text" in answer:
        return answer | {"text": "\n".join([*wrap(f"Note: {note}.", rest="    "), "", answer["text"]])}
    return answer | {"notes": [*answer["notes"], note]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make suggest", description="Print what private subnets need, from evidence.")
    parser.add_argument("--vpc", default="", help="VPC IDs, separated by commas (default: all with private subnets)")
    parser.add_argument("--region", default="", help="the region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--stack", default="", help=f"the stack whose policy counts (default: {STACK}, if deployed)")
    parser.add_argument("--services", default="", help="the services that are required (default: the stack's policy)")
    parser.add_argument("--format", default="", help="text (the default) or json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
