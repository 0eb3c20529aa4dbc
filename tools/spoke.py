"""Generates spoke.yaml: what another account needs for the stack of template.yaml to serve it as its hub.

Rules and statements are template.yaml's own, so that they can't differ. `make spoke` writes the file, and a test fails
if it is out of date. It is plain CloudFormation, which any StackSet takes: no transform, no function, no custom
resource, and no YAML aliases, which CloudFormation itself doesn't read (CloudFormation guide: template formats).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tools.template import ROOT, names_of, read_template, statements_of

FILE = ROOT / "spoke.yaml"
JOBS = {"reconcile": "ReconcileRole", "detect": "DetectRole", "look": "CoverageRole"}
# The services, and single actions, whose statements are about the hub's own resources: a spoke's roles don't have them.
OF_THE_HUB = frozenset(
    {
        "cloudformation",
        "cloudwatch:PutMetricData",
        "dynamodb",
        "events:PutEvents",
        "kms",
        "lambda",
        "logs",
        "organizations:ListAccounts",
        "scheduler",
        "sns",
        "sqs",
        "ssm",
        "sts:AssumeRole",
    }
)
_OF_AN_ACCOUNT = "Evidence"  # how the names of statements begin that are about accounts, whatever their services
# IAM's names have 64 characters (IAM guide: quotas). A hub's roles are called <stack>-<logical ID>-<region>.
LONGEST_HUB_NAME = 64 - len("-ReconcileRole-us-isof-south-1")

_HEAD = """\
# What another account needs for Lifeline's stack, its hub, to serve it too: docs/organization.md.
# tools/spoke.py generates this file from template.yaml. Don't edit it, but run: make spoke
"""
_COMMENTS = {
    "SendRole": """\
  # ---- What changes here is sent to the hub's bus -------------------------------------------------------------------
  # EventBridge sends with this role, whose name the bus's policy demands.
""",
    "RoutingRule": """\
  # The hub's own rules. A bus of another account takes events only as they are, so a rule here can't forge any. No rule
  # has a dead-letter queue: one in this account would be read by nobody, and the hub's queue would have to let rules of
  # every account in. What can't be delivered within 24 hours is lost, and the hub's next sweep finds the change.
""",
    "ReconcileRole": """\
  # ---- What the hub may do here -------------------------------------------------------------------------------------
  # Each of the hub's functions has a role, with the same permissions that it has in its own account. The principal is
  # the hub's account, because a role's ARN would become its ID, and roles that are made again have another (IAM guide:
  # AWS JSON policy elements, Principal); the condition lets in the one role, by its whole name: whoever may create
  # roles in the hub's account could have one whose name only begins as the hub's do.
""",
}


def template() -> dict[str, Any]:
    """The spoke's template."""
    hub = read_template()
    resources = {"SendRole": _send_role(), **_rules(hub)}
    resources |= {role: _role(hub, job, role) for job, role in JOBS.items()}
    used = set(_conditions_in(resources))
    conditions = {name: hub["Conditions"][name] for name in hub["Conditions"] if name in used}
    shared = set(_refs_in([resources, conditions])) & hub["Parameters"].keys() - _OWN_PARAMETERS.keys()
    parameters = _OWN_PARAMETERS | {
        name: one | {"Description": f"The hub's parameter {name}."}
        for name, one in hub["Parameters"].items()
        if name in shared
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Lifeline in another account - lets its hub see changes, look, and create endpoints here.",
        "Metadata": {"AWS::CloudFormation::Interface": {"ParameterGroups": _groups(sorted(shared))}},
        "Parameters": parameters,
        "Conditions": _OWN_CONDITIONS | conditions,
        "Resources": {name: {"Condition": "IsSpoke", **resource} for name, resource in resources.items()},
    }


def text() -> str:
    """The spoke's template as a file."""
    found = _HEAD + yaml.dump(template(), Dumper=_Dumper, sort_keys=False, width=110, default_flow_style=False)
    found = re.sub(r"^(?=(?:Metadata|Parameters|Conditions|Resources):$)", "\n", found, flags=re.MULTILINE)
    found = re.sub(r"(?<!Resources:)\n(?=  \w+:\n    Condition: IsSpoke$)", "\n\n", found, flags=re.MULTILINE)
    for name, comment in _COMMENTS.items():
        found = found.replace(f"\n  {name}:\n", f"\n{comment}  {name}:\n")
    return found


# ---- parameters and conditions

_OWN_PARAMETERS: dict[str, dict[str, Any]] = {
    "HubAccountId": {
        "Type": "String",
        "AllowedPattern": "^[0-9]{12}$",
        "ConstraintDescription": "an account ID of 12 digits",
        "Description": "The ID of the hub's account. In that account itself, this stack creates nothing.",
    },
    "HubStackName": {
        "Type": "String",
        "Default": "lifeline",
        "AllowedPattern": f"^[A-Za-z][A-Za-z0-9-]{{0,{LONGEST_HUB_NAME - 1}}}$",
        "ConstraintDescription": f"a stack's name of up to {LONGEST_HUB_NAME} characters",
        "Description": (
            f"The name of the hub's stack. With more than {LONGEST_HUB_NAME} characters, it would make the names of the"
            " hub's roles too long for IAM."
        ),
    },
    "HubBusArn": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": r"^$|^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$",
        "ConstraintDescription": "the ARN of an event bus, or empty",
        "Description": (
            "The ARN of the hub's event bus, which is its output SpokesBus. Empty means the bus of the stack"
            " HubStackName in this region, so that one StackSet can have several regions."
        ),
    },
    "OrganizationId": {
        "Type": "String",
        "AllowedPattern": "^o-[a-z0-9]{10,32}$",
        "ConstraintDescription": "the ID of an organization, such as o-a1b2c3d4e5",
        "Description": "The ID of the organization that this account and the hub's are in.",
    },
    "Prefix": {
        "Type": "String",
        "Default": "lifeline",
        "AllowedPattern": "^[A-Za-z0-9][A-Za-z0-9-]{0,19}$",
        "ConstraintDescription": "up to 20 letters, digits and hyphens",
        "Description": "What the roles' names begin with. It is the hub's parameter SpokePrefix.",
    },
    "RolePath": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^$|^/([A-Za-z0-9_+=,.@-]+/)*$",
        "ConstraintDescription": "a path that starts and ends with a slash, or empty",
        "Description": "The hub's parameter RolePath, which is the path of its roles and of the roles here.",
    },
    "PermissionsBoundary": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^$|^[A-Za-z0-9_+=,.@/-]+$",
        "ConstraintDescription": "the name of a managed policy, with its path if it has one, or empty",
        "Description": (
            "The name of the IAM policy of this account that is the permissions boundary of every role, such as"
            " platform-boundary or team/boundary. It is no ARN, because a StackSet gives all accounts the same. Empty"
            " means none."
        ),
    },
}
_OWN_CONDITIONS: dict[str, Any] = {
    "IsSpoke": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::AccountId"}, {"Ref": "HubAccountId"}]}]},
    "HasBus": {"Fn::Not": [{"Fn::Equals": [{"Ref": "HubBusArn"}, ""]}]},
    "HasBoundary": {"Fn::Not": [{"Fn::Equals": [{"Ref": "PermissionsBoundary"}, ""]}]},
    "HasRolePath": {"Fn::Not": [{"Fn::Equals": [{"Ref": "RolePath"}, ""]}]},
}


def _groups(shared: list[str]) -> list[dict[str, Any]]:
    own = {
        "Where the hub is": ["HubAccountId", "HubStackName", "HubBusArn", "OrganizationId"],
        "What the roles are called": ["Prefix", "RolePath", "PermissionsBoundary"],
        "What the hub may do here": shared,
    }
    return [{"Label": {"default": label}, "Parameters": names} for label, names in own.items()]


# ---- resources

_BUS = {
    "Fn::If": [
        "HasBus",
        {"Ref": "HubBusArn"},
        {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${HubAccountId}:event-bus/${HubStackName}"},
    ]
}
_NOTHING = {"Ref": "AWS::NoValue"}
_BOUNDARY = {
    "Fn::If": [
        "HasBoundary",
        {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}"},
        _NOTHING,
    ]
}


def _send_role() -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    send = {"Sid": "SendChanges", "Effect": "Allow", "Action": "events:PutEvents", "Resource": _BUS}
    return _named_role("send", trust, [send])


def _rules(hub: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The hub's rules on its own account's changes, with its bus as their target."""
    target = {"Id": "hub", "Arn": _BUS, "RoleArn": {"Fn::GetAtt": "SendRole.Arn"}}
    return {
        name: {"Type": rule["Type"], "Properties": rule["Properties"] | {"Targets": [target]}}
        for name in names_of(dict(hub), "AWS::Events::Rule")
        if "Condition" not in (rule := hub["Resources"][name])
    }


def _role(hub: Mapping[str, Any], job: str, role: str) -> dict[str, Any]:
    caller = f"arn:${{AWS::Partition}}:iam::${{HubAccountId}}:role${{Path}}${{HubStackName}}-{role}-${{AWS::Region}}"
    path = {"Fn::If": ["HasRolePath", {"Ref": "RolePath"}, "/"]}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${HubAccountId}:root"}},
        "Action": "sts:AssumeRole",
        "Condition": {
            "ArnEquals": {"aws:PrincipalArn": {"Fn::Sub": [caller, {"Path": path}]}},
            "StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}},
        },
    }
    return _named_role(job, trust, list(statements(hub, role)))


def _named_role(job: str, trust: Mapping[str, Any], permissions: list[Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": {"Fn::Sub": f"${{Prefix}}-{job}-${{AWS::Region}}"},  # of the account, whatever the region
            "Path": {"Fn::If": ["HasRolePath", {"Ref": "RolePath"}, _NOTHING]},
            "PermissionsBoundary": _BOUNDARY,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "lifeline",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": permissions},
                }
            ],
        },
    }


def statements(hub: Mapping[str, Any], role: str) -> Iterator[Any]:
    """What the hub's role may do in an account, without what it may do with the hub's own resources.

    Raises ValueError for a statement that is about both.
    """
    for one in statements_of(dict(hub), role):
        statement = one["Fn::If"][1] if "Fn::If" in one else one
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        of_the_hub = {bool({action, action.partition(":")[0]} & OF_THE_HUB) for action in actions}
        if statement["Sid"].startswith(_OF_AN_ACCOUNT):
            of_the_hub = {False}
        if len(of_the_hub) > 1:
            raise ValueError(f"{role}: {statement['Sid']} is about the hub's resources and about an account's")
        if of_the_hub == {False}:
            yield _in_a_spoke(one)


def _in_a_spoke(value: Any) -> Any:
    """The value as it is written in a spoke's template: the hub's stack has another name there, and has spokes."""
    match value:
        case {"Fn::If": ["HasSpokes", then, _]}:
            return _in_a_spoke(then)
        case {"Ref": "AWS::StackName"}:
            return {"Ref": "HubStackName"}
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": text.replace("${AWS::StackName}", "${HubStackName}")}
        case dict():
            return {name: _in_a_spoke(part) for name, part in value.items()}
        case list():
            return [_in_a_spoke(part) for part in value]
    return value


def _conditions_in(value: Any) -> Iterator[str]:
    for part in _parts(value):
        match part:
            case {"Fn::If": [str(name), _, _]}:
                yield name


def _refs_in(value: Any) -> Iterator[str]:
    for part in _parts(value):
        match part:
            case {"Ref": str(name)}:
                yield name
            case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), _]}:
                yield from re.findall(r"\$\{(\w+)\}", text)


def _parts(value: Any) -> Iterator[Any]:
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(part)


# ---- YAML with CloudFormation's short tags


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)

    def choose_scalar_style(self) -> str:
        """Without quotes where they aren't needed, also for what has a tag, and otherwise double ones."""
        style: str = super().choose_scalar_style()
        event, text = self.event, self.analysis
        assert isinstance(event, yaml.ScalarEvent)  # noqa: S101 - PyYAML asks for no other event's style
        assert text  # noqa: S101 - and has analysed it
        may_be_plain = text.allow_flow_plain if self.flow_level else text.allow_block_plain
        if style == "'" and may_be_plain and (event.tag or "").startswith("!"):
            return ""
        return '"' if style == "'" else style


_SHORT = 60  # characters of what is written on one line


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    name = next(iter(value), "")
    if len(value) != 1 or not (name == "Ref" or name.startswith("Fn::")):
        return dumper.represent_mapping("tag:yaml.org,2002:map", value)
    tag, argument = f"!{name.removeprefix('Fn::')}", value[name]
    if isinstance(argument, str):
        return dumper.represent_scalar(tag, argument)
    return _sequence(dumper, argument, tag)


def _sequence(dumper: yaml.SafeDumper, value: list[Any], tag: str = "tag:yaml.org,2002:seq") -> yaml.Node:
    return dumper.represent_sequence(tag, value, flow_style=len(str(value)) <= _SHORT)


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
