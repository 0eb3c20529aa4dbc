"""Splits the commands on the pages as a shell would, and checks each one."""

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import StructureShape
from botocore.validate import ParamValidator
from lifeline_cli.arguments import read
from lifeline_cli.check import check_call
from tools.plain_template import PLACE
from tools.template import names_of, read_template

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.detect import read_event
from lifeline.dashboard.request import read_widget
from lifeline.reconciler.batch import read_record
from tests.support.repository import ROOT

CHECKS = "https://sqs.us-east-1.amazonaws.com/123456789012/lifeline-Checks"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEMPLATE = read_template()
SPOKE = read_template(ROOT / "spoke.yaml")
FUNCTIONS = names_of(TEMPLATE, "AWS::Serverless::Function")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\$\$\{([A-Z]+)-\}", MAKEFILE))  # the variables that a target accepts
SAM = {  # SAM's commands with the options that the pages use
    "build": set[str](),
    "deploy": {"--parameter-overrides", "--region", "--tags", "--no-resolve-s3", "--s3-bucket"},
    "delete": {"--stack-name"},
    "logs": {"--stack-name", "--name", "--start-time", "--filter"},
    "remote invoke": {"--stack-name", "--event"},
    "local invoke": {"--event", "--env-vars", "--parameter-overrides"},
}
OTHERS = {  # commands other than SAM, AWS and make, word for word
    "git pull",
    "nslookup monitoring.us-east-1.amazonaws.com",
    "curl -i --max-time 5 https://monitoring.us-east-1.amazonaws.com",
}
ANSWERED = {
    "text",
    "history",
    "entries",
    "at",
    "vpc_id",
}  # the fields that the pages extract from the functions' answers
BUCKET = PLACE["ArtifactBucket"]["AllowedPattern"].strip("^$")
_FIELD = re.compile(r"\.([a-z_]+)")
_RENAMED = {"--notification-endpoint": "--endpoint"}  # AWS CLI: options that have another name in the API
SCHEDULES = {  # what their names begin with
    TEMPLATE["Resources"][schedule]["Properties"]["Name"]["Fn::Sub"][0].removesuffix("${Id}")
    for schedule in names_of(TEMPLATE, "AWS::Scheduler::Schedule")
}
_GLOBAL = {"--query", "--output", "--region"}  # AWS CLI: options of every command
_FUNCTION = re.compile(r"^\w+\(\) \{ (.*); \}$")
_ASSIGNMENT = re.compile(r"^\w+=\$\((.*)\)$")
_OUTPUT = re.compile(r"\$\(output (\w+)\)|^output (\w+)$")
_NOTHING = StructureShape("Nothing", {"type": "structure", "members": {}})  # what an operation without input takes
_session = botocore.session.Session()


def commands(script: str) -> Iterator[str]:
    """Each command of a script without comments: split at `&&`, `|` and line ends, also inside functions and `$()`."""
    for line in re.sub(r"\\\n\s*", "", script).splitlines():
        text = line.strip()
        inner = _FUNCTION.match(text) or _ASSIGNMENT.match(text)
        yield from _parts(inner[1] if inner else text)


def _parts(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=False, punctuation_chars="|&;")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;"):
            if words:
                yield " ".join(words)
            words = []
        else:
            words.append(word)


def fault(command: str) -> str:
    """Why the command would fail, as far as that can be checked here. Empty if nothing is wrong."""
    return next(_faults(command), "")


def _faults(command: str) -> Iterator[str]:
    names = {"".join(found) for found in _OUTPUT.findall(command)}
    yield from (f"the template has no output {name}" for name in sorted(names - TEMPLATE["Outputs"].keys()))
    match shlex.split(command):
        case ["make", "cli", words] if words.startswith("ARGS="):
            yield from _faults_of_cli(shlex.split(words.removeprefix("ARGS=")))
        case ["make", *words, ">", _] | ["make", *words]:
            yield from _faults_of_make(words)
        case ["jq", *words]:
            yield from _faults_of_jq(words)
        case ["python", "-m", "lifeline_cli", *words]:
            yield from _faults_of_cli(words)
        case ["output", _]:
            return  # the function that the pages define; its argument is checked above
        case ["sam", *rest]:
            yield from _faults_of_sam(rest)
        case ["aws", "s3", "sync", "dist", to] if re.fullmatch(f"s3://{BUCKET}", to):
            return  # what `make package` writes
        case ["aws", "s3api", operation, *rest]:
            yield from _faults_of_aws("s3", operation, rest)
        case ["aws", service, operation, *rest]:
            yield from _faults_of_aws(service, operation, rest)
        case _ if command not in OTHERS:
            yield "nothing checks this command: add it to OTHERS if it is right"


def options_of(words: Sequence[str]) -> dict[str, list[str]]:
    """The values of each option, by name."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word
            found[name] = []
        else:
            found[name].append(word)
    return found


# ---- make and jq


def _faults_of_make(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        name, is_variable, value = word.partition("=")
        if not is_variable and name not in TARGETS:
            yield f"the Makefile has no target {name}"
        if is_variable and (name not in VARIABLES or not value):
            yield f"the Makefile takes no variable {word}"


def _faults_of_jq(words: Sequence[str]) -> Iterator[str]:
    """Allows what the pages use: one filter that extracts texts from an answer."""
    match words:
        case ["-r", script] if names := _FIELD.findall(script):
            yield from (f"no answer has .{one}" for one in names if one not in ANSWERED)
        case _:
            yield "jq: the pages use -r with a filter that starts with a field"


# ---- the command line


def _faults_of_cli(words: Sequence[str]) -> Iterator[str]:
    try:
        given = read(words)
        for call in given.calls(given):
            check_call(call.function, call.event, NOW)
    except SystemExit:
        yield f"lifeline_cli takes no {shlex.join(words)}"
    except InvalidInputError as error:
        yield str(error)


# ---- SAM


def _faults_of_sam(words: Sequence[str]) -> Iterator[str]:
    """Only the first fault matters, because it may cause the others."""
    name = next((" ".join(words[:count]) for count in (2, 1) if " ".join(words[:count]) in SAM), "")
    if not name:
        yield f"sam {words[0]} is not one of the commands that the pages use"
    rest = list(words[len(name.split()) :])
    plain = list(takewhile(lambda word: not word.startswith("--"), rest))
    options = options_of(rest[len(plain) :])
    yield from (f"sam {name} has no {one} in our list" for one in sorted(options.keys() - SAM[name]))
    named = [*plain, *options.get("--name", [])]
    yield from (f"the template has no function {one}" for one in named if one not in FUNCTIONS)
    for override in options.get("--parameter-overrides", []):
        yield from _faults_of_override(override)
    for event in options.get("--event", []):
        if name == "remote invoke":
            yield from _faults_of_event(named[0], json.loads(event))
        elif (ROOT / event).exists():
            yield from _faults_of_event(named[0], json.loads((ROOT / event).read_text("utf-8")))
        else:
            yield f"there is no {event}"


def _faults_of_override(override: str, parameters: Mapping[str, Any] = TEMPLATE["Parameters"]) -> Iterator[str]:
    """Why the template wouldn't accept the parameter."""
    name, _, given = override.partition("=")
    if not given:
        yield f"SAM refuses {override}: an empty value takes quotes"
    value = given.strip('"')
    if name not in parameters:
        yield f"the template has no parameter {name}"
    parameter = parameters[name]
    allowed, pattern = map(str, parameter.get("AllowedValues", [value])), parameter.get("AllowedPattern", "")
    most = parameter.get("MaxValue", math.inf)
    is_in_range = parameter["Type"] != "Number" or parameter.get("MinValue", 0) <= float(value) <= most
    if value not in allowed or not re.search(pattern, value) or not is_in_range:
        yield f"{name} may not be {value}"


def _faults_of_event(function: str, event: Any) -> Iterator[str]:
    """The function's own refusals of the event."""
    try:
        if function == "DetectMetricGaps" and "Records" in event:
            read_event(event, checks_queue_url=CHECKS)
        elif function == "CoveragePage":
            read_widget(event)
        elif "Records" in event:
            for record in event["Records"]:
                read_record(record, "")
        else:
            check_call(function, event, NOW)
    except InvalidInputError as error:
        yield str(error)


# ---- AWS


def _faults_of_aws(service: str, operation: str, rest: Sequence[str]) -> Iterator[str]:
    try:
        model = _session.get_service_model(service)
    except UnknownServiceError:
        yield f"AWS has no {service}"
    names = {xform_name(one, "-"): one for one in model.operation_names}
    if operation not in names:
        yield f"{service} has no {operation}"
    shape: Any = model.operation_model(names[operation]).input_shape or _NOTHING
    options = {_RENAMED.get(name, name): values for name, values in options_of(rest).items()}
    for query in options.get("--query", []):
        jmespath.compile(query)
    known = {f"--{xform_name(member, '-')}": member for member in shape.members}
    known |= {f"--no{one[1:]}": name for one, name in known.items() if shape.members[name].type_name == "boolean"}
    given = options.keys() - _GLOBAL
    yield from (f"{service} {operation} has no {one}" for one in sorted(given - known.keys()))
    missing = set(shape.required_members) - {known[one] for one in given}
    yield from (f"{service} {operation} needs {one}" for one in sorted(missing))
    if service == "scheduler" and options["--name-prefix"][0] not in SCHEDULES:
        yield f"the template has no schedule {options['--name-prefix'][0]}"
    is_spoke = options.get("--template-body") == ["file://spoke.yaml"]
    parameters = SPOKE["Parameters"] if is_spoke else TEMPLATE["Parameters"] | PLACE
    for name in sorted(given):
        yield from _faults_of_value(name, options[name], shape.members[known[name]], parameters)
    if is_spoke:
        named = {re.split("[=,]", one)[1] for one in options.get("--parameters", [])}
        required = {name for name, one in parameters.items() if "Default" not in one}
        yield from (f"spoke.yaml needs {name}" for name in sorted(required - named))


def _faults_of_value(name: str, values: Sequence[str], shape: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    allowed = getattr(shape, "enum", [])
    yield from (f"{name} may not be {one}" for one in values if allowed and one not in allowed)
    if shape.type_name in {"structure", "map"}:
        found = ParamValidator().validate(json.loads(values[0]), shape)
        if found.has_errors():
            yield f"{name}: {found.generate_report()}"
    if shape.name == "Parameters":  # CloudFormation's
        for value in values:
            yield from _faults_of_parameter(value, parameters)


def _faults_of_parameter(text: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Why the template wouldn't accept the parameter, in AWS CLI's shorthand."""
    match re.fullmatch(r"ParameterKey=(\w+),(?:ParameterValue=(\S*)|UsePreviousValue=true)", text):
        case None:
            yield f"{text} isn't ParameterKey=...,ParameterValue=... or ...,UsePreviousValue=true"
        case found if found[2] is not None:
            yield from _faults_of_override(f"{found[1]}={found[2]}", parameters)
        case found if found[1] not in parameters:
            yield f"the template has no parameter {found[1]}"
