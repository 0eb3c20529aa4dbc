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

ACCOUNT = "123456789012"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": ACCOUNT, "AWS::StackName": "lifeline"}
_NAMES = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/lifeline-{name}-EXAMPLE",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:{account}:lifeline-{name}-EXAMPLE",
    "AWS::Events::Rule": "arn:aws:events:us-east-1:{account}:rule/lifeline-{name}-EXAMPLE",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:{account}:table/lifeline-{name}-EXAMPLE",
    "AWS::Serverless::Function": "arn:aws:lambda:us-east-1:{account}:function:lifeline-{name}-EXAMPLE",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:{account}:log-group:lifeline-{name}-EXAMPLE",
    "AWS::SSM::Parameter": "/lifeline/lifeline/stop",  # a Ref is its name
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:{account}:lifeline-{name}-EXAMPLE",
}


@dataclass(frozen=True)
class Stack:
    """The template as it is deployed with these parameters: every function resolved to the text that it stands for."""

    template: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def arn(self, name: str) -> str:
        """The ARN of a resource."""
        return _NAMES[self.template["Resources"][name]["Type"]].format(account=ACCOUNT, name=name)

    def resolve(self, value: Any) -> Any:  # noqa: C901, PLR0911 - one case for each of CloudFormation's functions
        """The value without functions; None for AWS::NoValue."""
        match value:
            case {"Fn::GetAtt": str(path)} if path.endswith(".Arn"):
                return self.arn(path.removesuffix(".Arn"))
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": str(name)} if name in PSEUDO:
                return PSEUDO[name]
            case {"Ref": str(name)} if name in self.template["Parameters"]:
                return self._parameter(name)
            case {"Ref": str(name)}:
                return self.arn(name)
            case {"Fn::If": [str(condition), then, otherwise]}:
                return self.resolve(then if self._holds(self.template["Conditions"][condition]) else otherwise)
            case {"Fn::Join": [str(between), parts]}:
                return between.join(map(str, self.resolve(parts)))
            case {"Fn::Split": [str(between), text]}:
                return self.resolve(text).split(between)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._named(found[1])), text)
            case {"Fn::Sub": [str(text), variables]}:
                names = {name: self.resolve(variable) for name, variable in variables.items()}
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(names.get(found[1], found[0])), text)
            case dict():
                return {name: self.resolve(part) for name, part in value.items()}
            case list():
                return [found for part in value if (found := self.resolve(part)) is not None]
        return value

    def statements(self, name: str) -> list[dict[str, Any]]:
        """What a role's or a queue policy's document says."""
        properties = self.template["Resources"][name]["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        return [statement for document in documents for statement in self.resolve(document["Statement"])]

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
        value = self.parameters.get(name, declared["Default"])
        return str(value).split(",") if declared["Type"] == "CommaDelimitedList" else value

    def _holds(self, condition: Any) -> bool:
        match condition:
            case {"Fn::Not": [inner]}:
                return not self._holds(inner)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one) == self.resolve(other))
        raise ValueError(f"unknown kind of condition: {condition}")


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what its own policies say. `context` are the condition keys that AWS sets for it."""

    account: str = ACCOUNT
    policy: tuple[Mapping[str, Any], ...] = ()
    service: str = ""
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def is_allowed(
    caller: Caller,
    action: str,
    resource: str,
    *,
    resource_policy: Iterable[Mapping[str, Any]] = (),
    context: Mapping[str, str | tuple[str, ...]] | None = None,
) -> bool:
    """True if the request is let through."""
    keys = {**caller.context, **(context or {})}
    own = [one for one in caller.policy if _matches(one, action, resource, keys)]
    theirs = [
        one for one in resource_policy if _is_for(one["Principal"], caller) and _matches(one, action, resource, keys)
    ]
    if any(one["Effect"] == "Deny" for one in (*own, *theirs)):
        return False
    if caller.account == ACCOUNT:
        return bool(own or theirs)
    return bool(theirs) and (bool(own) or not caller.account)


def _is_for(principal: Any, caller: Caller) -> bool:
    if principal == "*":
        return True
    return bool(caller.service) and caller.service == principal.get("Service")


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


def _holds(operator: str, value: str | tuple[str, ...] | None, wanted: Any) -> bool:
    """One key of one operator. A missing key fails a positive operator, passes a negated one and ForAllValues."""
    if operator == "Null":
        return (value is None) is (str(wanted).lower() == "true")
    name = operator.removeprefix("ForAllValues:")
    is_negated = "Not" in name
    test = {"StringEquals": str.__eq__, "ArnEquals": _LIKE, "ArnLike": _LIKE, "StringLike": _LIKE}[
        name.replace("Not", "")
    ]
    if value is None:
        return is_negated or name != operator
    if name == operator and not isinstance(value, str):
        raise ValueError(f"{operator} is for single values")
    found = [value] if isinstance(value, str) else value
    return all(any(test(one, each) for each in _listed(wanted)) is not is_negated for one in found)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
