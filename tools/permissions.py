"""Writes docs/permissions.md: every action that the template grants, on what, only if what, and why.

What is granted is the template's; the reasons are in `permission_reasons`, and a grant without one is an error.
"""

from collections.abc import Iterator
from typing import Any

from tools.permission_reasons import REASONS
from tools.template import ROOT, names_of, read_template

PAGE = ROOT / "docs/permissions.md"
_HERE = "${AWS::Region}:${AWS::AccountId}:"
_OPERATORS = {"StringEquals": "is", "StringLike": "is like", "ArnEquals": "is"}
_START = """\
# What each role may do, and why

Every action of every role, as `template.yaml` grants it. `make docs` writes this page from the template, and a test
says when it is not up to date.

Resources are those of the stack's account and region, unless a `*` stands in their place. `all` is for actions that
support no resource. **Lifeline can delete only what carries its own tag**, `lifeline:managed-by` with the stack's name,
and can create endpoints only for the services that `CreatableServices` names (without it, `RequiredServices`).
"""
_END = """\
## Others

- **The schedules.** SAM makes a role for each (`ReconcileEndpointsSweepRole`, `DetectMetricGapsScheduleRole`):
  EventBridge Scheduler may invoke that one function, nothing else.
- **The queues.** `QueuePolicy` lets EventBridge send to `Changes` and `DeadLetters`, for the stack's own rules alone.
- **The topics** have SNS's default policy, which lets this account use them; the alarms need no more. The role of a
  chat channel (`ChatNotices`) is yours, and so are rules on the event bus and what they call.
- **You.** Whoever may invoke ReconcileEndpoints may approve, exempt, freeze, unfreeze and release; the coverage page's
  buttons call it in the viewer's name. Whoever may invoke CoveragePage may look. Whoever may set `lifeline:*` tags or
  write the policy's parameter decides what is required; whoever may write the kill switch's parameter can stop
  everything. Grant these as you see fit.
"""


def page() -> str:
    """The whole page. Raises ValueError where a grant has no reason, or a reason no grant."""
    template = read_template()
    roles = names_of(template, "AWS::IAM::Role")
    _check(
        {(one["Sid"], action) for role in roles for _, one in _statements(template, role) for action in _actions(one)}
    )
    return "\n".join([_START, *(_section(template, role) for role in roles), _END])


def _check(granted: set[tuple[str, str]]) -> None:
    explained = {(sid, action) for sid, actions in REASONS.items() for action in actions}
    for missing in sorted(granted - explained):
        raise ValueError(f"tools/permission_reasons.py: no reason for {missing[1]} in {missing[0]}")
    for idle in sorted(explained - granted):
        raise ValueError(f"{idle[1]} in {idle[0]} has a reason, but the template doesn't grant it")


def _section(template: dict[str, Any], role: str) -> str:
    function, description = next(
        (name, one["Properties"]["Description"])
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Serverless::Function" and one["Properties"]["Role"] == {"Fn::GetAtt": f"{role}.Arn"}
    )
    rows = [row for condition, one in _statements(template, role) for row in _rows(template, condition, one)]
    head = ["| statement | action | on | only if | why |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([f"## {role}", "", f"{function}: {_lower(description)}.", "", *head, *rows, ""])


def _rows(template: dict[str, Any], condition: str, statement: dict[str, Any]) -> Iterator[str]:
    """A row for each action; what holds for all of them stands in the first."""
    places, limits = _places(template, statement["Resource"]), _limits(template, condition, statement)
    shared = [f"`{statement['Sid']}`", places, limits]
    for action in _actions(statement):
        sid, *rest = shared
        cells = (sid, f"`{action}`", *rest, REASONS[statement["Sid"]][action])
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
        shared = ["", "", ""]


def _statements(template: dict[str, Any], role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement, with the template's condition that it is under, if any."""
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for one in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in one:
                yield one["Fn::If"][0], one["Fn::If"][1]
            else:
                yield "", one


def _actions(statement: dict[str, Any]) -> list[str]:
    return _listed(statement["Action"])


def _places(template: dict[str, Any], resource: Any) -> str:
    return ", ".join(_place_if(template, one) for one in _listed(resource))


def _place_if(template: dict[str, Any], resource: Any) -> str:
    """A resource, with the template's condition that it is under, if any."""
    match resource:
        case {"Fn::If": [str(condition), then, {"Ref": "AWS::NoValue"}]}:
            return f"{_place(then)} if {_words(template['Conditions'][condition])}"
    return _place(resource)


def _place(resource: Any) -> str:
    match resource:
        case "*":
            return "all"
        case {"Ref": str(name)}:
            return f"`{name}`"
        case {"Fn::GetAtt": str(name)}:
            return f"`{name.removesuffix('.Arn')}`"
        case {"Fn::Sub": str(text)} if text.startswith("${") and ".Arn}" in text:
            name, _, rest = text.removeprefix("${").partition(".Arn}")
            return f"`{name}`" if rest == ":*" else f"`{name}{rest}`"
        case {"Fn::Sub": str(text)}:
            return f"`{_short(text)}`"
    raise ValueError(f"a resource that this tool can't read: {resource}")


def _short(arn: str) -> str:
    """An ARN without the partition, and without the stack's own account and region: `ec2:vpc/*`."""
    found = arn.removeprefix("arn:${AWS::Partition}:").replace(_HERE, "").replace("${AWS::Region}:*:", "*:")
    return found.replace(":${AWS::AccountId}:", "").replace(":::", ":").replace("${", "<").replace("}", ">")


def _limits(template: dict[str, Any], condition: str, statement: dict[str, Any]) -> str:
    found = [
        f"`{key}` {_OPERATORS[operator]} {_value(value)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
    ]
    return "; ".join(([_words(template["Conditions"][condition])] if condition else []) + found)


def _words(condition: Any) -> str:
    """A condition of the template as people read it."""
    match condition:
        case {"Fn::Not": [{"Fn::Equals": [{"Ref": str(name)}, ""]}]}:
            return f"`{name}` is set"
        case {"Fn::Equals": [{"Ref": str(name)}, str(value)]}:
            return f"`{name}` is `{value}`"
    raise ValueError(f"a condition that this tool can't read: {condition}")


def _value(value: Any) -> str:
    match value:
        case str():
            return f"`{value}`"
        case list():
            return " or ".join(map(_value, value))
        case {"Ref": "AWS::StackName"}:
            return "the stack's name"
        case dict():
            return "what " + ", else ".join(f"`{name}`" for name in dict.fromkeys(_refs(value))) + " names"
    raise ValueError(f"a value that this tool can't read: {value}")


def _refs(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case dict():
            for one in value.values():
                yield from _refs(one)
        case list():
            for one in value:
                yield from _refs(one)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
