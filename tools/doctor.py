"""`make doctor` examines what Lifeline depends on: with a stack or before there is one, and with read-only credentials.

Exits with 0 if all is well, with 1 if something is bad, and with 2 if nothing is bad but something isn't known, which
includes that the arguments are unusable or that AWS can't be asked. (`make` itself exits with 2 for any of these.)
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.regions import Stacks
from lifeline.core.doctor.finding import Finding, NotRead, unknown
from lifeline.core.doctor.permission import check_simulation
from lifeline.core.doctor.report import DoctorReport, ExitStatus, Section, report_json, report_text
from lifeline.core.doctor.stack import check_stack
from lifeline.core.errors import LifelineError, SettingsError
from lifeline.core.look_back.report import as_json, as_text
from lifeline.core.network.model import MANAGED_BY
from lifeline.core.wording import few
from lifeline.doctor.examination import Examination
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings
from tools.look_back import look_back
from tools.read_only import UnusableError, read_only_session
from tools.stack import STACK, environment_of, environment_of_stack
from tools.watch_cost import agent_cost_usd

_FUNCTION = "ReconcileEndpoints"
_EVERY = timedelta(minutes=1)  # the detector's schedule, by default
_SILENT = "CRITICAL"  # a level that the package never logs at


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report, or one line that says why there is none. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        is_json = _choice("FORMAT", options.format, ("text", "json")) == "json"
        looks_back = _choice("LOOKBACK", options.look_back, ("no", "yes")) == "yes"
        where = options.stack.strip(), options.region.strip(), options.profile.strip()
        hashes_names = _choice("NAMES", options.names, ("show", "hash")) == "hash"
        report = examine(*where, looks_back=looks_back, hashes_names=hashes_names)
    except (UnusableError, SettingsError) as error:
        return _fail(f"Invalid arguments: {error}")
    except LifelineError as error:
        return _fail(f"Can't read from AWS: {error}")
    sys.stdout.write(f"{json.dumps(report_json(report), indent=2)}\n" if is_json else report_text(report))
    return int(report.status)


def examine(
    stack: str, region: str, profile: str, *, looks_back: bool = False, hashes_names: bool = False
) -> DoctorReport:
    """What was found, and with `looks_back` what the last 90 days tell. Without a name of
    a stack, there may be none yet. Raises UnusableError, or ours where not even the caller or the stack can be read.
    """
    name = stack or STACK
    session: Any = read_only_session(region, profile)
    with _quiet():
        with aws_errors("your credentials"):
            caller = session.create_client("sts").get_caller_identity()
        seen = Stacks(session.create_client).find(name)
        deployed = environment_of_stack(session, seen, _FUNCTION) if seen and seen.is_deployed else {}
        environment = deployed or environment_of(_FUNCTION, {})
        environment |= {"AWS_REGION": session.get_config_variable("region"), "STACK_NAME": name}
        if not deployed:
            environment["ROLE_ARN"] = f"arn:aws:iam::{caller['Account']}:role/none"
        settings = Settings.from_environment(environment)
        examination = Examination(
            settings=settings,
            at=datetime.now(UTC),
            examined_as=caller["Arn"],
            is_deployed=bool(deployed),
            as_role=False,
            agent_usd=agent_cost_usd(_EVERY),
        )
        simulated = [_simulation(session, settings)] if deployed else []
        more = [_past(examination.at, hashes_names=hashes_names)] if looks_back else []
        report = examination.report(more, simulated)
    fault = check_stack(seen, name, settings.region, is_asked_for=bool(stack))
    return replace(report, sections=(Section("stack", "The stack", (fault,)), *report.sections)) if fault else report


def _past(now: datetime, *, hashes_names: bool) -> Section:
    """The look back. It judges nothing, so its only finding is that Event history can't be read, or not all of it."""
    title = "The last 90 days"
    try:
        found = look_back(now, hashes_names=hashes_names)
    except LifelineError as error:
        return Section("look_back", title, (unknown("look_back", "What happened isn't known.", str(error)),))
    says = f"Not all calls in Event history could be read: {few(sorted(found.unread_calls), 5)}."
    why = next(iter(found.unread_calls.values()), "")
    findings = (unknown("look_back", says, why),) if why else ()
    return Section("look_back", title, findings, text=as_text(found), values={"look_back": as_json(found)})


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


def _choice(name: str, given: str, known: Sequence[str]) -> str:
    """The first where nothing was given. Raises UnusableError for what isn't known."""
    if given and given not in known:
        raise UnusableError(f"{name} must be {' or '.join(known)}, not {given!r}")
    return given or known[0]


def _fail(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return int(ExitStatus.UNKNOWN)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make doctor", description="Examine what Lifeline depends on.")
    parser.add_argument("--stack", default="", help=f"the stack's name (default: {STACK})")
    parser.add_argument("--region", default="", help="the Region (default: from your environment or profile)")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--format", default="", help="text (default), or json")
    parser.add_argument("--look-back", default="", help="yes adds what the last 90 days tell, which takes a minute")
    parser.add_argument("--names", default="", help="hash replaces the names of sessions and users in these")
    return parser


if __name__ == "__main__":
    sys.exit(main())
