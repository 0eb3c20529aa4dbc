"""`make doctor` examines what Lifeline depends on: with a stack or before there is one, and with read-only credentials.

Exits with 0 if all is well, with 1 if something is bad, and with 2 if nothing is bad but something isn't known, which
includes that the arguments are unusable or that AWS can't be asked. (`make` itself exits with 2 for any of these.)
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.regions import Stacks
from lifeline.core.doctor.finding import Finding, NotRead
from lifeline.core.doctor.permission import check_simulation
from lifeline.core.doctor.report import Report, Status, report_json, report_text
from lifeline.core.errors import LifelineError, SettingsError
from lifeline.core.network.model import MANAGED_BY
from lifeline.doctor.examination import Examination
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings
from tools.read_only import UnusableError, read_only_session
from tools.stack import environment_of

_FUNCTION = "ReconcileEndpoints"
_STACK = "lifeline"
_SILENT = "CRITICAL"  # a level that the package never logs at


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report, or one line that says why there is none. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        report = examine(options.stack.strip() or _STACK, options.region.strip(), options.profile.strip())
    except (UnusableError, SettingsError) as error:
        return _fail(f"Invalid arguments: {error}")
    except LifelineError as error:
        return _fail(f"Can't read from AWS: {error}")
    if options.format == "json":
        sys.stdout.write(f"{json.dumps(report_json(report), indent=2)}\n")
    else:
        sys.stdout.write(report_text(report))
    return int(report.status)


def examine(stack: str, region: str, profile: str) -> Report:
    """What was found. Raises UnusableError, or ours where not even the caller or the stack can be read."""
    session: Any = read_only_session(region, profile)
    with _quiet():
        with aws_errors("your credentials"):
            caller = session.create_client("sts").get_caller_identity()
        deployed = _deployed_environment(session, stack)
        environment = deployed or environment_of(_FUNCTION, {})
        environment |= {"AWS_REGION": session.get_config_variable("region"), "STACK_NAME": stack}
        if not deployed:
            environment["ROLE_ARN"] = f"arn:aws:iam::{caller['Account']}:role/none"
        settings = Settings.from_environment(environment)
        examination = Examination(
            settings=settings,
            at=datetime.now(UTC),
            examined_as=caller["Arn"],
            is_deployed=bool(deployed),
            as_role=False,
        )
        simulated = [_simulation(session, settings)] if deployed else []
        return examination.report(more_findings=simulated)


def _deployed_environment(session: Any, stack: str) -> dict[str, str]:
    """The variables of the stack's function, so that all is examined that this stack has; none without a stack."""
    outputs = Stacks(session.create_client).outputs(stack)
    if outputs is None:
        return {}
    name = outputs.get(f"{_FUNCTION}Function")
    if not name:
        raise UnusableError(f"STACK: the stack {stack} has no function {_FUNCTION}: is it Lifeline's?")
    with aws_errors(f"get_function_configuration {name}"):
        found = session.create_client("lambda").get_function_configuration(FunctionName=name)
    return dict(found.get("Environment", {}).get("Variables", {}))


def _simulation(session: Any, settings: Settings) -> Finding:
    """What IAM's simulator says of the stack's role: a dry run from here would only say what the caller may do."""
    region, account, owner = settings.region, settings.account_id, settings.stack_name
    service = next(iter(settings.creatable_services or settings.required_services), "monitoring")
    partition = settings.role_arn.split(":")[1]
    entries = {
        f"aws:RequestTag/{MANAGED_BY}": ("string", [owner]),
        "aws:TagKeys": ("stringList", ["Name", MANAGED_BY]),
        "aws:RequestedRegion": ("string", [region]),
        "ec2:VpceServiceName": ("string", [f"com.amazonaws.{region}.{service}"]),
        "ec2:VpceServiceOwner": ("string", ["amazon"]),
    }
    try:
        with aws_errors("simulate_principal_policy"):
            answer = session.create_client("iam").simulate_principal_policy(
                PolicySourceArn=settings.role_arn,
                ActionNames=["ec2:CreateVpcEndpoint"],
                ResourceArns=[f"arn:{partition}:ec2:{region}:{account}:vpc-endpoint/*"],
                ContextEntries=[
                    {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": values}
                    for name, (kind, values) in entries.items()
                ],
            )
    except LifelineError as error:
        return check_simulation(NotRead.because(error), settings.role_arn)
    results: list[Mapping[str, Any]] = answer.get("EvaluationResults", [])
    return check_simulation(results[0] if results else {}, settings.role_arn)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is logged, and nothing of this account is remembered afterwards."""
    level = logger.log_level
    forget: list[Callable[[], None]] = [clients.client.cache_clear, remember.cache_clear]
    for each in forget:
        each()
    try:
        logger.setLevel(_SILENT)
        yield
    finally:
        logger.setLevel(level)
        for each in forget:
            each()
        clients.session.cache_clear()


def _fail(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return int(Status.UNKNOWN)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make doctor", description="Examine what Lifeline depends on.")
    parser.add_argument("--stack", default="", help=f"the stack's name (default: {_STACK})")
    parser.add_argument("--region", default="", help="the Region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument(
        "--format", choices=("", "text", "json"), default="", metavar="FORMAT", help="text (default) or json"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
