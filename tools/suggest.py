"""`make suggest` prints what private subnets need, from evidence, without a deployed stack.

Runs the real handler, as `make plan` does. Read-only credentials are enough, and every call that isn't a read is
refused before it is sent. Exits with 0, with 1 if AWS can't be read, and with 2 if the arguments are unusable.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from lifeline.core.errors import InvalidInputError, LifelineError, SettingsError
from lifeline.core.requests.suggest import read_suggest
from tools.plan import MOST_DNS_VIEWS, UNREADABLE, UNUSABLE, invoke, listed
from tools.read_only import UnusableError, account_of, read_only_session
from tools.stack import environment_of


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
    session = read_only_session(options.region.strip(), options.profile.strip())
    services = listed(options.services)
    environment = environment_of("ReconcileEndpoints", {"RequiredServices": ",".join(services)} if services else {})
    del environment["KILL_SWITCH_PARAMETER"]  # of a stack, and there is none
    environment |= {
        "EVIDENCE": "yes",
        "MOST_DNS_VIEWS": str(MOST_DNS_VIEWS),
        "AWS_REGION": session.get_config_variable("region"),
    }
    environment["ROLE_ARN"] = f"arn:aws:iam::{account_of(session)}:role/none"
    return invoke(event, environment)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make suggest", description="Print what private subnets need, from evidence.")
    parser.add_argument("--vpc", default="", help="VPC IDs, separated by commas (default: all with private subnets)")
    parser.add_argument("--region", default="", help="the region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--services", default="", help="the services that are required (default: from the template)")
    parser.add_argument("--format", default="", help="text (the default) or json")
    return parser


if __name__ == "__main__":
    sys.exit(main())
