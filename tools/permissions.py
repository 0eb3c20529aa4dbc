"""Generates docs/permissions.md: each role's permissions with their resources, conditions and reasons.

The template says what is granted, `permission_reasons` says why. A permission without a reason is an error.
"""

from collections.abc import Iterator
from typing import Any

from tools.permission_reasons import REASONS
from tools.template import ROOT, names_of, read_template, statements_of

PAGE = ROOT / "docs/permissions.md"
_HERE = "${AWS::Region}:${AWS::AccountId}:"
_OPERATORS = {
    "StringEquals": "is",
    "StringLike": "matches",
    "ArnEquals": "is",
    "ArnLike": "matches",
    "ForAllValues:StringEquals": "contains only",
    "ForAllValues:StringLike": "contains only what matches",
}
_FUNCTION = "AWS::Serverless::Function"
_OF_NO_FUNCTION = {
    "EventBridge Scheduler": {"Description": "Starts the functions", "Role": {"Fn::GetAtt": "ScheduleRole.Arn"}}
}
_START = """\
# Permissions of each role

This page lists every permission that `template.yaml` grants, and why Lifeline needs it. `make docs` generates it, and
a test fails if it is out of date.

Resources are in the stack's own account and region unless they contain a `*`. `all` means that the action doesn't
support resource-level permissions. **IAM lets Lifeline delete only resources that carry its own tag**,
`lifeline:managed-by` with the stack's name, and Lifeline itself deletes only those that it has a record of creating
([ownership](operate.md#adopt-and-hand-over-adopt-hand_over)). It can only create endpoints for the services in
`CreatableServices`, or in `RequiredServices` if that is empty.
"""
_END = """\
## Other permissions

- **Roles.** ReconcileRole's statements that begin with `Examine` are the stack's managed policy `ExaminePolicy`: what
  the [doctor](operate.md#examine-what-lifeline-depends-on-doctor) reads. Those that begin with `Evidence` are
  `EvidencePolicy`, which the stack has only if you set `Evidence` to `yes`: what [suggestions](suggest.md) are made
  from. SAM creates no role besides these four, so the
  parameters `PermissionsBoundary` and `RolePath` are those of all ([your company's
  rules](company.md#a-permissions-boundary-and-a-path)).
- **Queues.** Each queue's policy denies `sqs:SendMessage` to everybody but its senders, administrators included:
  `Changes` takes messages from the stack's own rules, ReconcileRole and `ReplayPrincipals`; `RepairRequests` and
  `Checks` from DetectRole, and the former also from a hub's ReconcileRole; `DeadLetters` from the rules and
  ReconcileRole. Whoever can change a queue's policy
  (`sqs:SetQueueAttributes`, `sqs:AddPermission`) or the rules' targets (`events:PutTargets`) can get around that.
- **The ledger.** Each role can write its own partitions only (`dynamodb:LeadingKeys`), so that what may observe can't
  decide what is changed.
- **A hub**, which is a stack with `Accounts`. `SpokesBusPolicy` lets only roles of the organization that are called
  `<SpokePrefix>-send-<region>` put events of EC2 on `SpokesBus`, from where `SpokesRule` sends them to `Changes`. In
  each of the accounts, `spoke.yaml` makes a role for each function, with the statements above that are about networks,
  agents and the account's name, and without those about the stack's own queues, ledger, topics, logs and parameters
  ([organization](organization.md#what-a-spoke-lets-the-hub-do)).
- **Topics.** `NoticesPolicy` and `ChatNoticesPolicy` let only the roles of ReconcileEndpoints and DetectMetricGaps
  publish, and let the stack's own alarms publish to `Notices`. They deny everyone else, whatever their own policies
  allow. A topic that you pass as `NoticesTopicArn` has [the policy that you give
  it](company.md#a-topic-of-your-own). To send something to the same people, create a topic of your own and subscribe
  them to it. You create the role of a chat channel (`ChatNotices`) and the rules on the event bus yourself.
- **People.** Anyone who is allowed to invoke ReconcileEndpoints can approve, exempt, freeze, unfreeze, release, adopt
  and hand over. Anyone who is allowed to invoke only its alias `schedule` (`<ARN>:schedule`), as ScheduleRole is, can
  begin sweeps and nothing else. The buttons on the coverage page call it with the viewer's permissions. Anyone who is
  allowed to invoke CoveragePage can view the page. Anyone who can set `lifeline:*` tags or write the policy parameter
  decides which endpoints are required. Anyone who can write the policy parameter also sets the limits, and anyone who
  can write the kill switch parameter can stop all changes, or allow them again. Grant these permissions accordingly.

## Permissions of others that matter

Some permissions don't change Lifeline, but what people see of it or what it believes. [Who can make Lifeline do
what](security.md) lists them all.

- **The tags `lifeline:managed-by` and `lifeline:in-place-of`.** Whoever can set or remove them on endpoints and
  security groups can't make Lifeline change them, because the ledger decides what is its own and which swaps were
  approved, but can make it ask people. This service control policy keeps the keys for the role of a stack called
  `lifeline`, and for its role in [other accounts](organization.md):

  ```json
  {
    "Version": "2012-10-17",
    "Statement": [
      {
        "Sid": "KeepLifelinesTag",
        "Effect": "Deny",
        "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
        "Resource": ["arn:aws:ec2:*:*:vpc-endpoint/*", "arn:aws:ec2:*:*:security-group/*"],
        "Condition": {
          "ForAnyValue:StringEquals": { "aws:TagKeys": ["lifeline:managed-by", "lifeline:in-place-of"] },
          "ArnNotLike": {
            "aws:PrincipalArn": [
              "arn:aws:iam::*:role/lifeline-ReconcileRole-*",
              "arn:aws:iam::*:role/lifeline-reconcile-*"
            ]
          }
        }
      }
    ]
  }
  ```

  It goes by how the roles' names begin, because CloudFormation chooses how a stack's end. So whoever may create roles
  can get around it: where that matters, name the roles in full once they are there.

  Whoever creates a resource with tags needs `ec2:CreateTags` as well, so this covers them. Handing over by removing the
  tag, for example with Terraform, then needs an exception for the role that does it. `DeleteTags` without a list of
  tags removes all of them and has no `aws:TagKeys`; deny it on these resources altogether if nobody needs it.
- **`events:PutEvents`.** Anyone who is allowed to send events to the default bus can send some with the source
  `lifeline`: only sources that begin with `aws.` are reserved. Rules that start automation should match `account` with
  your account, `region` and `detail.stack`, which keeps out other accounts and stacks, but not a forger in the same
  account. Before anything that can't be undone, check the fact itself: read the audit log of the VPC, or ask EC2. To
  keep the source for Lifeline, deny `events:PutEvents` with the condition `events:source` is `lifeline` to all other
  roles.
- **`events:PutRule` and `events:PutTargets`.** Anyone who is allowed to change the stack's rules can cut Lifeline off
  from changes; the hourly sweep then finds them later. Other rules can't send to its queues.
- **`cloudwatch:PutDashboard`.** Anyone who is allowed to replace the dashboard can put other buttons on it, which call
  functions with the **viewer's** permissions. Read the JSON in the confirmation of a button that surprises you, and
  grant this permission to as few as `lambda:InvokeFunction` on ReconcileEndpoints. Once a viewer allowed a widget to
  run, it calls its function whenever it is shown, without a button. ReconcileEndpoints refuses such calls: from a
  dashboard, it takes those of buttons only, which send `"button": true`. A custom widget with another function can
  show a button with that, too, and need not ask first, nor wait for a click: it may be called as soon as the pointer
  moves over it.
"""


def page() -> str:
    """The text of the page. Raises ValueError if a permission has no reason, or a reason no permission."""
    template = read_template()
    roles = names_of(template, "AWS::IAM::Role")
    _check(
        {
            (statement["Sid"], action)
            for role in roles
            for _, statement in _statements(template, role)
            for action in _actions(statement)
        }
    )
    return "\n".join([_START, *(_section(template, role) for role in roles), _END])


def _check(granted: set[tuple[str, str]]) -> None:
    explained = {(sid, action) for sid, actions in REASONS.items() for action in actions}
    for missing in sorted(granted - explained):
        raise ValueError(f"tools/permission_reasons.py: no reason for {missing[1]} in {missing[0]}")
    for idle in sorted(explained - granted):
        raise ValueError(f"tools/permission_reasons.py: the template doesn't grant {idle[1]} in {idle[0]}")


def _section(template: dict[str, Any], role: str) -> str:
    functions = {name: template["Resources"][name]["Properties"] for name in names_of(template, _FUNCTION)}
    who, description = next(
        (name, properties["Description"])
        for name, properties in {**functions, **_OF_NO_FUNCTION}.items()
        if properties["Role"] == {"Fn::GetAtt": f"{role}.Arn"}
    )
    rows = [
        row for condition, statement in _statements(template, role) for row in _rows(template, condition, statement)
    ]
    head = ["| statement | action | resource | condition | why |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([f"## {role}", "", f"{who}: {_lower(description)}.", "", *head, *rows, ""])


def _rows(template: dict[str, Any], condition: str, statement: dict[str, Any]) -> Iterator[str]:
    """One row for each action. The first row also names the statement, its resources and its conditions."""
    resources, conditions = _resources(template, statement["Resource"]), _conditions(template, condition, statement)
    shared = [f"`{statement['Sid']}`", resources, conditions]
    for action in _actions(statement):
        sid, *rest = shared
        cells = (sid, f"`{action}`", *rest, REASONS[statement["Sid"]][action])
        yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
        shared = ["", "", ""]


def _statements(template: dict[str, Any], role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of the role, after the name of its template condition, or after an empty text if it has none."""
    for statement in statements_of(template, role):
        if "Fn::If" in statement:
            yield statement["Fn::If"][0], statement["Fn::If"][1]
        else:
            yield "", statement


def _actions(statement: dict[str, Any]) -> list[str]:
    return _listed(statement["Action"])


def _resources(template: dict[str, Any], resource: Any) -> str:
    return ", ".join(_conditional_resource(template, item) for item in _listed(resource))


def _conditional_resource(template: dict[str, Any], resource: Any) -> str:
    """The resource in words, with the template condition that it depends on."""
    match resource:
        case {"Fn::If": [str(condition), then, {"Ref": "AWS::NoValue"}]}:
            return f"{_resource(then)} if {_words(template['Conditions'][condition])}"
    return _resource(resource)


def _resource(resource: Any) -> str:  # noqa: PLR0911 - one return for each kind
    match resource:
        case "*":
            return "all"
        case {"Ref": str(name)}:
            return f"`{name}`"
        case {"Fn::If": [_, {"Ref": str(one)}, {"Ref": str(other)}]}:  # the stack's own, or one that it is given
            return f"`{one}` or `{other}`"
        case {"Fn::GetAtt": str(name)}:
            return f"`{name.removesuffix('.Arn')}`"
        case {"Fn::Sub": str(text)} if text.startswith("${") and ".Arn}" in text:
            name, _, rest = text.removeprefix("${").partition(".Arn}")
            return f"`{name}`" if rest == ":*" else f"`{name}{rest}`"
        case {"Fn::Sub": str(text)}:
            return f"`{_short(text)}`"
        case {"Fn::Sub": [str(text), {"Name": {"Fn::If": [_, *names]}}]}:  # one of two parameters
            return " or ".join(f"`{_short(text.replace('${Name}', f'${{{name["Ref"]}}}'))}`" for name in names)
        case {"Fn::Sub": [str(text), {"Path": _}]}:  # a role in an account that the stack is the hub of
            return f"`{_short(text.replace('${Path}', '${RolePath}'))}`"
    raise ValueError(f"unknown kind of resource: {resource}")


def _short(arn: str) -> str:
    """The ARN without partition, and without account and region if they are the stack's own, such as `ec2:vpc/*`."""
    short = arn.removeprefix("arn:${AWS::Partition}:").replace(_HERE, "").replace("${AWS::Region}:*:", "*:")
    return short.replace(":${AWS::AccountId}:", "").replace(":::", ":").replace("${", "<").replace("}", ">")


def _conditions(template: dict[str, Any], condition: str, statement: dict[str, Any]) -> str:
    words = [
        f"`{key}` {_OPERATORS[operator]} {_value(value)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, value in keys.items()
        if operator != "Null"  # that the key is given: the next condition says how
    ]
    return "; ".join(([_words(template["Conditions"][condition])] if condition else []) + words)


def _words(condition: Any) -> str:
    """A template condition in words."""
    match condition:
        case {"Fn::Not": [{"Fn::Equals": [{"Ref": str(name)}, ""]}]}:
            return f"`{name}` is set"
        case {"Fn::Equals": [{"Ref": str(name)}, str(value)]}:
            return f"`{name}` is `{value}`"
    raise ValueError(f"unknown kind of condition: {condition}")


_STACK = {"Ref": "AWS::StackName"}
_IF = {"MayAssociate": "`CentralEndpoints` is `yes`", "HasSpokes": "`Accounts` is set"}


def _value(value: Any) -> str:  # noqa: PLR0911 - one return for each kind
    match value:
        case str() | {"Ref": str()} if value != _STACK:
            return f"`{value['Ref'] if isinstance(value, dict) else value}`"
        case list():
            return " or ".join(map(_value, value))
        case dict() if value == _STACK:
            return "the stack's name"
        case {"Fn::If": ["HasPolicy", "*", otherwise]}:
            return f"{_value(otherwise)}, or any if `PolicyParameter` is set"
        case {"Fn::If": [str(condition), given, {"Ref": "AWS::NoValue"}]}:
            return f"{_value(given)} (if {_IF[condition]})"
        case {"Fn::Split": [",", {"Fn::Sub": [str(text), {"OfTheStack": {"Fn::Join": [_, names]}, "OfAccounts": _}]}]}:
            others = text.removesuffix(",${OfTheStack}${OfAccounts}").split(",")
            more = "if `Accounts` is set also `ACCOUNTS` and the names without `#`, each with `@*`"
            return f"{_value([*others, *names])}, and {more}"
        case {"Fn::Sub": str(text)}:
            return f"`{text.replace('${AWS::Region}', '<region>').replace('${AWS::URLSuffix}', 'amazonaws.com')}`"
        case dict():
            return "a service in " + " or ".join(f"`{name}`" for name in dict.fromkeys(_refs(value)))
    raise ValueError(f"unknown kind of value: {value}")


def _refs(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case dict():
            for part in value.values():
                yield from _refs(part)
        case list():
            for part in value:
                yield from _refs(part)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
