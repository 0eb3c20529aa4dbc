"""`make plan` prints what Lifeline would do in a VPC, in a whole region or in all regions, without a deployed stack.

Runs the real handler in plan mode. Read-only credentials are enough: every call that could change something is refused
before it is sent. Exits with 0, with 1 if something can't be read from AWS, and with 2 if the arguments are unusable.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.memory import remember
from lifeline.core.errors import InvalidInputError, LifelineError, SettingsError, TerminalError
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.policy import Policy, simple_policy
from lifeline.core.policy.reading import read_policy
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.fields import read_services
from lifeline.core.wording import nearest
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.reconciler.gatekeeper import UNREAD_USE
from lifeline.runtime.observability import logger
from tools.nat_traffic import read_nats
from tools.read_only import UnusableError, account_of, read_only_session
from tools.region_plan import Around, Document, Nat, as_csv, as_line, as_text, describe, unreadable, worst_first
from tools.stack import environment_of

UNREADABLE, UNUSABLE = 1, 2
_FUNCTION = "ReconcileEndpoints"
_SILENT = "CRITICAL"  # a level that the package never logs at
_FORMATS = ("text", "json", "csv")
_ALL = "all"
_ANY_REGION = "us-east-1"  # which tells the others' names, where neither environment nor profile sets a region
# EC2 API: common client error codes. Each partition has credentials of its own.
_REFUSED = frozenset({"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"})
_PATIENCE = timedelta(days=1)
MOST_DNS_VIEWS = 100_000  # all VPCs in one run
# What a region's plan doesn't count: whoever reads it wants to know what is missing, not what one run would do of it.
_UNLIMITED = {
    **dict.fromkeys(("endpoints_per_run", "endpoints_per_day", "vpcs_per_run", "vpcs_per_day"), 10_000),
    **dict.fromkeys(("monthly_usd_per_vpc", "monthly_usd"), 1_000_000),
}


@dataclass(frozen=True, slots=True)
class Context:
    """The Lambda context object."""

    aws_request_id: str
    function_name: str = _FUNCTION
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:::function:none"

    def get_remaining_time_in_millis(self) -> int:
        """A day, however much of it is over: a person waits, and no function's time ends."""
        return _PATIENCE // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be planned: these VPCs or all of the region, with these services or the template's, or by a policy
    document.
    """

    vpc_ids: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    policy: str = ""
    region: str = ""
    profile: str = ""
    format: str = "text"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan, or one line that says why there is none. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        wanted = _wanted(options)
        regions = listed(options.regions)
        with silent():
            if not regions and wanted.vpc_ids and wanted.format == "text":
                answer = plan(wanted)
                sys.stdout.write(answer["text"])
                return UNUSABLE if "errors" in answer else 0
            return _print_regions(regions, wanted) if regions else _print_region(wanted)
    except (UnusableError, SettingsError) as error:
        return _fail(f"Invalid arguments: {error}", UNUSABLE)
    except LifelineError as error:
        return _fail(f"Can't read from AWS: {error}", UNREADABLE)


def _print_region(wanted: Wanted) -> int:
    document = region_plan(wanted)
    sys.stdout.write(_write([document], wanted.format))
    errors = [vpc["error"] for vpc in document["vpcs"] if "error" in vpc]
    return _fail("; ".join(error["message"] for error in errors), UNUSABLE) if errors else 0


def _print_regions(regions: Sequence[str], wanted: Wanted) -> int:
    """The regions' plans, in a line each for people. A region that can't be read doesn't stop the others."""
    if wanted.vpc_ids:
        raise UnusableError("REGIONS can't be combined with VPC: a VPC is in one region")
    names = _enabled_regions(wanted) if list(regions) == [_ALL] else regions
    documents = worst_first(_region_or_why(replace(wanted, region=name)) for name in names)
    if wanted.format == "text":
        sys.stdout.write("".join(f"{as_line(document)}\n" for document in documents))
    else:
        sys.stdout.write(_write(documents, wanted.format, is_one=False))
    return UNREADABLE if any("error" in document for document in documents) else 0


def _write(documents: Sequence[Document], form: str, *, is_one: bool = True) -> str:
    if form == "csv":
        return as_csv(documents)
    if form == "json":
        return json.dumps(documents[0] if is_one else {"regions": documents}, indent=2) + "\n"
    return as_text(documents[0])


# ---- plans


def plan(wanted: Wanted) -> dict[str, Any]:
    """The handler's answer about VPCs, as text. Raises UnusableError, SettingsError, or ours."""
    event = {"vpc_ids": list(wanted.vpc_ids), "mode": "plan", "format": "text"}
    _check(event, wanted.services)
    return invoke(event, _environment(wanted, _account(wanted)))


def region_plan(wanted: Wanted) -> Document:
    """The plan of a region, or of some VPCs of it: what is missing and what it costs, whatever the limits.

    Raises the same as `plan`.
    """
    event = {"vpc_ids": list(wanted.vpc_ids), "mode": "plan"} if wanted.vpc_ids else {"sweep": True, "mode": "plan"}
    _check(event, wanted.services)
    account = _account(wanted)
    region = str(clients.session().get_config_variable("region"))
    unlimited = {**json.loads(wanted.policy or '{"version": 1}'), "without_approval": _UNLIMITED}
    environment = _environment(replace(wanted, policy=json.dumps(unlimited)), account)
    answer = invoke(event, {**environment, "MOST_DNS_VIEWS": str(MOST_DNS_VIEWS)})
    policy = _policy(wanted)
    unread: dict[str, str] = {}
    around = Around(
        account=account,
        region=region,
        at=datetime.now(UTC),
        services=tuple(sorted({service for rule in policy.rules for service in rule.services})),
        nats=_nats(unread),
        agents=_agents(policy, unread),
        unread=unread,
    )
    return describe({"vpcs": [_without_use(vpc) for vpc in answer["vpcs"]]}, around, price_in(region))


def _region_or_why(wanted: Wanted) -> Document:
    try:
        return region_plan(wanted)
    except LifelineError as error:
        return unreadable(wanted.region, str(error))


def _enabled_regions(wanted: Wanted) -> list[str]:
    """The regions that the account has enabled: no others are described (EC2 API: DescribeRegions). Credentials of
    another partition, such as GovCloud or China, are refused where neither environment nor profile sets a region.
    """
    is_guess = False
    try:
        read_only_session(wanted.region, wanted.profile)
    except UnusableError:
        read_only_session(wanted.region or _ANY_REGION, wanted.profile)
        is_guess = not wanted.region
    clients.client.cache_clear()
    try:
        with aws_errors("the account's regions could not be read"):
            return sorted(region["RegionName"] for region in clients.client("ec2").describe_regions()["Regions"])
    except LifelineError as error:
        if is_guess and getattr(error, "code", "") in _REFUSED:
            hint = "set REGION if your credentials are of another partition, such as GovCloud or China"
            raise UnusableError(f"{_ANY_REGION} refuses your credentials: {hint} ({error})") from error
        raise


def _nats(unread: dict[str, str]) -> Mapping[str, Nat]:
    try:
        return read_nats(datetime.now(UTC), unread)
    except LifelineError as error:
        unread["NAT gateways"] = str(error)
        return {}


def _agents(policy: Policy, unread: dict[str, str]) -> int | None:
    """How many agents publish now that the policy watches."""
    try:
        return sum(len(CloudWatch(watch).list_series()) for watch in policy.watches)
    except LifelineError as error:
        unread["agents"] = str(error)
        return None


def _without_use(vpc: Mapping[str, Any]) -> dict[str, Any]:
    """The VPC's plan without the note on the limits, which don't count here."""
    notes = [note for note in vpc.get("note", "").split("; ") if note and note != UNREAD_USE]
    others = {name: value for name, value in vpc.items() if name != "note"}
    return others | ({"note": "; ".join(notes)} if notes else {})


# ---- the handler on this machine


def _account(wanted: Wanted) -> str:
    """The account of the credentials, once the session is set up that the handler uses."""
    clients.client.cache_clear()
    return account_of(read_only_session(wanted.region, wanted.profile))


def _environment(wanted: Wanted, account: str) -> dict[str, str]:
    parameters = {"Mode": "enforce"}  # unlike the event's mode: a manual plan, which writes nothing
    parameters |= {"RequiredServices": ",".join(wanted.services)} if wanted.services else {}
    environment = environment_of(_FUNCTION, parameters)
    del environment["KILL_SWITCH_PARAMETER"]  # of a stack, and there is none
    if wanted.policy:  # a stack with this policy would have to name its services, and let it associate VPCs with a hub
        environment["POLICY_DOCUMENT"] = wanted.policy
        environment.pop("CREATABLE_SERVICES", None)
        environment["CENTRAL_ENDPOINTS"] = "yes"
    environment["AWS_REGION"] = str(clients.session().get_config_variable("region"))
    environment["ROLE_ARN"] = f"arn:aws:iam::{account}:role/none"
    return environment


def _policy(wanted: Wanted) -> Policy:
    """The policy that the plan goes by. Raises UnusableError."""
    required = wanted.services or tuple(environment_of(_FUNCTION, {})["REQUIRED_SERVICES"].split(","))
    stacks = simple_policy(required)
    try:
        return read_policy(wanted.policy, stacks.rules) if wanted.policy else stacks
    except InvalidInputError as error:
        raise UnusableError(f"POLICY: {error}") from error


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


def invoke(event: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The handler's answer. Its log lines and metrics are suppressed.

    Raises TerminalError where a policy denies what must be read: the call names no account, so that is what an error
    about the account says.
    """
    before = dict(os.environ)
    _forget()
    try:
        os.environ.update(environment)
        with silent(), redirect_stdout(io.StringIO()):
            answer: dict[str, Any] = handler(event, Context(aws_request_id=str(uuid4())))
        denied = [error["message"] for error in answer.get("errors", ()) if error["field"] == "account"]
        if denied:
            raise TerminalError(denied[0], code="Denied")
        return answer
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


@contextmanager
def silent() -> Iterator[None]:
    """Nothing is logged: log lines go to the standard output, which is the document's alone."""
    level = logger.log_level
    logger.setLevel(_SILENT)
    try:
        yield
    finally:
        logger.setLevel(level)


def _forget() -> None:
    """The next run is of another account or region, perhaps: nothing is left that a container would remember."""
    clients.client.cache_clear()
    remember.cache_clear()


# ---- arguments


def _wanted(options: argparse.Namespace) -> Wanted:
    form = options.format.strip() or "text"
    if form not in _FORMATS:
        near = nearest(form, _FORMATS)
        hint = f"; did you mean {near}?" if near else ""
        raise UnusableError(f"FORMAT must be text, json or csv, not {form!r}{hint}")
    wanted = Wanted(
        vpc_ids=tuple(listed(options.vpc)),
        services=tuple(listed(options.services)),
        policy=_document(options.policy.strip()),
        region=options.region.strip(),
        profile=options.profile.strip(),
        format=form,
    )
    if wanted.vpc_ids:
        _check({"vpc_ids": list(wanted.vpc_ids), "mode": "plan"}, wanted.services)
    elif wanted.services:
        _check({"sweep": True, "mode": "plan"}, wanted.services)
    _policy(wanted)
    return wanted


def _document(path: str) -> str:
    try:
        return Path(path).read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableError(f"POLICY: {error}") from error


def listed(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def _fail(words: str, code: int) -> int:
    sys.stderr.write(f"{words}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make plan", description="Print what Lifeline would do.")
    parser.add_argument("--vpc", default="", help="VPC IDs, separated by commas (default: every VPC of the region)")
    parser.add_argument("--region", default="", help="the region (default: from your environment or profile)")
    parser.add_argument("--regions", default="", help="all, or regions separated by commas: one line for each")
    parser.add_argument("--profile", default="", help="a profile from your AWS configuration")
    parser.add_argument("--services", default="", help="the services to require (default: from the template)")
    parser.add_argument("--policy", default="", help="a file with a policy document to plan by")
    parser.add_argument("--format", default="", help="text (the default), json or csv")
    return parser


if __name__ == "__main__":
    sys.exit(main())
