"""Whether IAM lets a request through, by the policies in the template: so much of IAM as these policies need.

Facts: IAM guide, policy evaluation logic and condition operators. An explicit Deny wins. In the account, an Allow in
the caller's own policy or in the resource's is enough; another account's caller needs both, and a service or an
anonymous caller the resource's.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

type Values = str | tuple[str, ...] | list[str]

ACCOUNT = "123456789012"
ASSUME = "sts:AssumeRole"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}
_NAMES = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role{path}{given}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:{account}:{stack}-{name}-EXAMPLE",
    "AWS::Events::EventBus": "arn:aws:events:us-east-1:{account}:event-bus/{stack}",
    "AWS::Events::Rule": "arn:aws:events:us-east-1:{account}:rule/{stack}-{name}-EXAMPLE",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:{account}:table/{stack}-{name}-EXAMPLE",
    "AWS::Serverless::Function": "arn:aws:lambda:us-east-1:{account}:function:{stack}-{name}-EXAMPLE",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:{account}:log-group:{stack}-{name}-EXAMPLE",
    "AWS::SSM::Parameter": "/lifeline/{stack}/stop",  # a Ref is its name
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:us-east-1:{account}:alarm:{stack}-{name}-EXAMPLE",
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:{account}:{stack}-{name}-EXAMPLE",
}


@dataclass(frozen=True)
class Stack:
    """The template as it is deployed with these parameters: every function resolved to the text that it stands for."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stack_name: str = "lifeline"
    account: str = ACCOUNT

    def exists(self, name: str) -> bool:
        """Whether the stack makes the resource, by its condition."""
        condition = self.template["Resources"][name].get("Condition")
        return condition is None or self.holds(self.template["Conditions"][condition])

    def arn(self, name: str) -> str:
        """The ARN of a resource."""
        resource = self.template["Resources"][name]
        if resource["Type"] == "AWS::Lambda::Alias":
            return f"{self.resolve(resource['Properties']['FunctionName'])}:{resource['Properties']['Name']}"
        of_role = resource["Properties"] if resource["Type"] == "AWS::IAM::Role" else {}
        return _NAMES[resource["Type"]].format(
            account=self.account,
            name=name,
            stack=self.stack_name,
            path=self.resolve(of_role.get("Path")) or "/",
            given=self.resolve(of_role.get("RoleName")) or f"{self.stack_name}-{name}-EXAMPLE",
        )

    def resolve(self, value: Any) -> Any:  # noqa: C901, PLR0911, PLR0912 - one case for each of CloudFormation's functions
        """The value without functions; None for AWS::NoValue."""
        match value:
            case {"Fn::GetAtt": str(path)} if path.endswith(".Arn"):
                return self.arn(path.removesuffix(".Arn"))
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": "AWS::StackName"}:
                return self.stack_name
            case {"Ref": "AWS::AccountId"}:
                return self.account
            case {"Ref": str(name)} if name in PSEUDO:
                return PSEUDO[name]
            case {"Ref": str(name)} if name in self.template["Parameters"]:
                return self._parameter(name)
            case {"Ref": str(name)}:
                return self.arn(name)
            case {"Fn::If": [str(condition), then, otherwise]}:
                return self.resolve(then if self.holds(self.template["Conditions"][condition]) else otherwise)
            case {"Fn::Join": [str(between), parts]}:
                return between.join(map(str, self.resolve(parts)))
            case {"Fn::Split": [str(between), text]}:
                return self.resolve(text).split(between)
            case {"Fn::Select": [int(place), parts]}:
                return self.resolve(parts)[place]
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._named(found[1])), text)
            case {"Fn::Sub": [str(text), variables]}:
                names = {name: self.resolve(variable) for name, variable in variables.items()}
                return re.sub(
                    r"\$\{([^}]+)\}",
                    lambda found: str(names[found[1]] if found[1] in names else self._named(found[1])),
                    text,
                )
            case dict():
                return {name: found for name, part in value.items() if (found := self.resolve(part)) is not None}
            case list():
                return [found for part in value if (found := self.resolve(part)) is not None]
        return value

    def statements(self, name: str) -> list[dict[str, Any]]:
        """What a role's or a queue policy's document says."""
        properties = self.template["Resources"][name]["Properties"]
        attached = [one["Fn::If"][1] if "Fn::If" in one else one for one in properties.get("ManagedPolicyArns", [])]
        managed = [self.template["Resources"][one["Ref"]]["Properties"] for one in attached if self.exists(one["Ref"])]
        documents = [policy["PolicyDocument"] for policy in (*properties.get("Policies", []), *managed)]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        return [statement for document in documents for statement in self.resolve(document["Statement"])]

    def trust(self, role: str) -> list[dict[str, Any]]:
        """Who may assume the role."""
        document = self.template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
        found: list[dict[str, Any]] = self.resolve(document["Statement"])
        return found

    def bus_policy(self, bus: str) -> list[dict[str, Any]]:
        """The statements of the event bus's own policies."""
        return [
            self.resolve(resource["Properties"]["Statement"])
            for resource in self.template["Resources"].values()
            if resource["Type"] == "AWS::Events::EventBusPolicy"
            and resource["Properties"]["EventBusName"] == {"Ref": bus}
        ]

    def queue_policy(self, queue: str) -> list[dict[str, Any]]:
        """The statements of the queue's own policies."""
        return [
            statement
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == "AWS::SQS::QueuePolicy" and {"Ref": queue} in resource["Properties"]["Queues"]
            for statement in self.statements(name)
        ]

    def _named(self, name: str) -> Any:
        return self.resolve({"Fn::GetAtt": name} if name.endswith(".Arn") else {"Ref": name})

    def _parameter(self, name: str) -> Any:
        declared = self.template["Parameters"][name]
        value = self.parameters[name] if name in self.parameters else declared["Default"]
        return str(value).split(",") if declared["Type"] == "CommaDelimitedList" else value

    def holds(self, condition: Any) -> bool:
        """Whether a condition of the template holds."""
        match condition:
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one) == self.resolve(other))
        raise ValueError(f"unknown kind of condition: {condition}")


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what its own policies say. `context` are the condition keys that AWS sets for it, and
    `arn` is how AWS's refusals call it: a role's session, for example.

    `limits` are the policies that grant nothing, but must let each request through: a permissions boundary, an
    organization's service control policies. Each has the name by which AWS's refusals call it.
    """

    account: str = ACCOUNT
    policy: tuple[Mapping[str, Any], ...] = ()
    service: str = ""
    context: Mapping[str, Values] = field(default_factory=dict)
    limits: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    arn: str = ""

    @property
    def name(self) -> str:
        """How AWS's refusals call it."""
        return self.arn or str(self.context.get("aws:PrincipalArn", "nobody"))


def is_allowed(
    caller: Caller,
    action: str,
    resource: str,
    *,
    resource_policy: Iterable[Mapping[str, Any]] = (),
    context: Mapping[str, Values] | None = None,
    owner: str = ACCOUNT,
) -> bool:
    """True if the request is let through. `owner` is the account of the resource."""
    return not why_refused(caller, action, resource, resource_policy=resource_policy, context=context, owner=owner)


def why_refused(
    caller: Caller,
    action: str,
    resource: str,
    *,
    resource_policy: Iterable[Mapping[str, Any]] = (),
    context: Mapping[str, Values] | None = None,
    owner: str = ACCOUNT,
) -> str:
    """Why the request isn't let through, in AWS's words; empty if it is (IAM guide: access denied error messages).

    `owner` is the account of the resource.
    """
    keys = {**caller.context, **(context or {})}

    def effects(statements: Iterable[Mapping[str, Any]]) -> set[str]:
        return {one["Effect"] for one in statements if _matches(one, action, resource, keys)}

    own = effects(caller.policy)
    theirs = effects(one for one in resource_policy if _is_for(one["Principal"], caller))
    limits = {name: effects(statements) for name, statements in caller.limits.items()}
    for name, found in {"identity-based policy": own, "resource-based policy": theirs, **limits}.items():
        if "Deny" in found:
            return f"with an explicit deny in {_a(name)}"
    for name, found in limits.items():
        if not found:
            return f"because no {name} allows the {action} action"
    is_own = caller.account == owner
    is_granted = bool(own or theirs) if is_own else bool(theirs and (own or not caller.account))
    return "" if is_granted else f"because no identity-based policy allows the {action} action"


def may_use_key(
    caller: Caller, action: str, key: str, *, key_policy: Iterable[Mapping[str, Any]], context: Mapping[str, Values]
) -> bool:
    """Whether KMS lets the request through (KMS guide: key policies).

    Only the key's policy grants anything by itself. Where it names the account, it lets the account's own policies
    decide, as far as its statement reaches.
    """
    keys = {**caller.context, **context}
    named = [one for one in key_policy if _is_for(one["Principal"], caller) and _matches(one, action, key, keys)]
    decisive = [one for one in named if one["Effect"] == "Deny" or not _names_account(one["Principal"])]
    return bool(named) and is_allowed(caller, action, key, resource_policy=decisive, context=context)


def may_assume(caller: Caller, role: str, *, trust: Iterable[Mapping[str, Any]]) -> bool:
    """Whether STS lets the caller assume the role (IAM guide: cross-account policy evaluation logic).

    The role's trust policy must name the caller or its account, in the role's own account too. A service needs no more,
    others also a policy of their own.
    """
    effects = {
        one["Effect"]
        for one in trust
        if _is_for(one["Principal"], caller) and _matches({**one, "Resource": "*"}, ASSUME, role, caller.context)
    }
    return effects == {"Allow"} and (bool(caller.service) or is_allowed(caller, ASSUME, role, owner=caller.account))


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _is_for(principal: Any, caller: Caller) -> bool:
    """Whether a policy's principal is the caller, or the caller's whole account."""
    if principal == "*":
        return True
    if caller.service:
        return caller.service in _listed(principal.get("Service", []))
    arn = str(caller.context.get("aws:PrincipalArn", ""))
    return bool(caller.account) and any(
        one in {"*", arn, caller.account, f"arn:aws:iam::{caller.account}:root"}
        for one in _listed(principal.get("AWS", []))
    )


def _names_account(principal: Any) -> bool:
    return isinstance(principal, dict) and all(one.endswith(":root") for one in _listed(principal.get("AWS", "")))


def _matches(statement: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, Any]) -> bool:
    conditions = statement.get("Condition", {})
    return (
        any(fnmatchcase(action.lower(), one.lower()) for one in _listed(statement["Action"]))
        and any(fnmatchcase(resource, one) for one in _listed(statement["Resource"]))
        and all(
            _holds(operator, keys.get(key), wanted) for operator, of in conditions.items() for key, wanted in of.items()
        )
    )


_LIKE: Callable[[str, str], bool] = fnmatchcase
_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringLike": _LIKE,
    "ArnEquals": _LIKE,
    "ArnLike": _LIKE,
    "Bool": str.__eq__,
}


def _holds(operator: str, value: Values | None, wanted: Any) -> bool:
    """One key of one operator. A missing key fails a positive operator, passes a negated one and ForAllValues."""
    if operator == "Null":
        return (value is None) is (str(wanted).lower() == "true")
    quantifier, _, name = operator.rpartition(":")
    is_optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    is_negated, test = "Not" in name, _TESTS[name.replace("Not", "")]
    if value is None:
        return quantifier == "ForAllValues" or is_optional or (is_negated and not quantifier)
    if not quantifier and not isinstance(value, str):
        raise ValueError(f"{operator} is for single values")
    found = [value] if isinstance(value, str) else value
    held = [any(test(one, each) for each in _listed(wanted)) is not is_negated for one in found]
    return any(held) if quantifier == "ForAnyValue" else all(held)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
