"""What an organization's accounts have in common, beyond ministack: it is many accounts, but each on its own.

- The file LIFELINE_ORGANIZATION says which accounts there are, their names and states (see `organization.py`).
  `aws:PrincipalOrgID` and `aws:ResourceOrgID` are the same for all. The management account and the delegated
  administrators list the accounts, 20 a page (Organizations API: ListAccounts). An account that isn't in the file is in
  no organization. Nobody assumes a role in an account that was closed.
- A rule's target may be a queue or a bus of another account (EventBridge guide: sending events between accounts, and
  to an AWS service in another account). EventBridge assumes the target's role, which is in the rule's own account. The
  role's policies and the resource's policy both have to allow it. `account`, `source` and `detail` stay what they were,
  and what came from another account isn't sent on to a third one. A refused event is lost: ministack has no dead-letter
  queues of targets.
- PutEvents may name a bus of another account. The caller's policies and the bus's policy both decide.
- A stack may have an AWS::Events::EventBusPolicy.
- A template's conditions know in which account and region the stack is (CloudFormation guide: pseudo parameters).
"""

import json
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, EvalResult, PrincipalInfo
from ministack.core.responses import error_response_json, get_account_id, get_region, new_uuid, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import account, eventbridge, iam, organizations, sqs
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

ORGANIZATION = Path(os.environ["LIFELINE_ORGANIZATION"])
LISTED_AT_ONCE = 20
CLOSED = {"SUSPENDED", "PENDING_CLOSURE", "CLOSED"}

_caller_key: ContextVar[str] = ContextVar("_caller_key", default="")


class RefusedError(Exception):
    """A policy doesn't let an event through; the message says which."""


def serve_several_accounts() -> None:
    """Apply all of it, in this process, until it ends."""
    _be_one_organization()
    _close_closed_accounts()
    _send_to_other_accounts()
    _put_on_buses_of_other_accounts()
    _tell_conditions_where_they_are()
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": _create_bus_policy,
        "update": _update_bus_policy,
        "delete": _delete_bus_policy,
    }


def _tell_conditions_where_they_are() -> None:
    evaluate = engine._evaluate_conditions

    def evaluate_here(template: dict[str, Any], params: dict[str, Any]) -> Any:
        here = {"AWS::AccountId": get_account_id(), "AWS::Region": get_region(), "AWS::Partition": "aws"}
        return evaluate(template, {**params, **{name: {"Value": value} for name, value in here.items()}})

    for module in (engine, changesets, handlers, stacks):
        module._evaluate_conditions = evaluate_here


# ---- the organization ------------------------------------------------------------------------------------------------


def _read() -> dict[str, Any]:
    return dict(json.loads(ORGANIZATION.read_text(encoding="utf-8")))


def _be_one_organization() -> None:
    def principal_org_id(account_id: str) -> str | None:
        known = _read()
        return str(known["id"]) if account_id in known["accounts"] else None

    resolve = iam_evaluator._resolve_condition_key

    def resolve_condition_key(key: str, context: Any) -> Any:
        if key.lower() != "aws:resourceorgid":
            return resolve(key, context)
        return principal_org_id(iam_evaluator._account_from_arn(context.resource_arn) or "")

    iam_evaluator._principal_org_id = principal_org_id
    iam_evaluator._resolve_condition_key = resolve_condition_key
    organizations._DISPATCH |= {
        "DescribeOrganization": _describe_organization,
        "DescribeAccount": _describe_account,
        "ListAccounts": _list_accounts,
    }
    inform = account._get_account_information

    def get_account_information(payload: Any) -> Any:
        status, headers, body = inform(payload)
        known = _read()["accounts"].get(get_account_id(), {})
        named = {"AccountName": known["name"], "AccountState": known["state"]} if known else {}
        return status, headers, json.dumps(json.loads(body) | named).encode()

    account._DISPATCH["/getAccountInformation"] = get_account_information


def _describe_organization(_payload: Any) -> Any:
    known = _read()
    if get_account_id() not in known["accounts"]:
        words = "Your account is not a member of an organization."
        return error_response_json("AWSOrganizationsNotInUseException", words, 400)
    owner = known["management"]
    arn = f"arn:aws:organizations::{owner}:organization/{known['id']}"
    described = {"Id": known["id"], "Arn": arn, "FeatureSet": "ALL", "MasterAccountId": owner}
    return organizations._json(200, {"Organization": described})


def _describe_account(payload: Any) -> Any:
    known = _read()
    asked = payload.get("AccountId", "")
    if refusal := _refusal(known):
        return refusal
    if asked not in known["accounts"]:
        return error_response_json("AccountNotFoundException", f"Account {asked} not found", 400)
    return organizations._json(200, {"Account": _described(known, asked)})


def _list_accounts(payload: Any) -> Any:
    known = _read()
    if refusal := _refusal(known):
        return refusal
    start = int(payload.get("NextToken") or 0)
    end = start + min(int(payload.get("MaxResults") or LISTED_AT_ONCE), LISTED_AT_ONCE)
    accounts = sorted(known["accounts"])
    more = {"NextToken": str(end)} if end < len(accounts) else {}
    return organizations._json(200, {"Accounts": [_described(known, one) for one in accounts[start:end]], **more})


def _refusal(known: dict[str, Any]) -> Any:
    if get_account_id() in {known["management"], *known["administrators"]}:
        return None
    words = "You don't have permissions to access this resource."
    return error_response_json("AccessDeniedException", words, 400)


def _described(known: dict[str, Any], account_id: str) -> dict[str, Any]:
    """`State`, without `Status`, which retired on 2026-09-09 (Organizations API: Account)."""
    one = known["accounts"][account_id]
    return {
        "Id": account_id,
        "Arn": f"arn:aws:organizations::{known['management']}:account/{known['id']}/{account_id}",
        "Name": one["name"],
        "Email": f"{account_id}@example.com",
        "State": one["state"],
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_700_000_000,
    }


def _close_closed_accounts() -> None:
    evaluate_trust = iam_evaluator.evaluate_trust_policy

    def evaluate_trust_policy(document: Any, caller_arn: str, context: Any = None) -> bool:
        known = _read()["accounts"].get(context.resource_arn.split(":")[4], {}) if context else {}
        return known.get("state") not in CLOSED and bool(evaluate_trust(document, caller_arn, context))

    iam_evaluator.evaluate_trust_policy = evaluate_trust_policy


# ---- events between accounts -----------------------------------------------------------------------------------------


def _send_to_other_accounts() -> None:
    invoke = eventbridge._invoke_target

    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> None:
        spec = _elsewhere(target["Arn"])
        if spec is None or spec.service not in {"events", "sqs"}:
            invoke(target, event, rule, view)
            return
        try:
            _authorize_delivery(spec, target.get("RoleArn", ""), event, rule["Arn"])
        except RefusedError as error:
            print(f"eventbridge: {rule['Arn']} can't deliver to {spec}: {error}", flush=True)
            return
        with request_scope(spec.account_id, spec.region):
            if spec.service == "events":
                _deliver(spec, event)
            else:
                body = json.dumps((view or eventbridge._pattern_event_view(event)).event_with_detail())
                eventbridge._dispatch_to_sqs(spec, body)

    eventbridge._invoke_target = invoke_target


def _authorize_delivery(spec: Any, role_arn: str, event: dict[str, Any], rule_arn: str) -> None:
    if event["Account"] != get_account_id():
        raise RefusedError("it came from another account, and isn't sent on to a third one")
    if spec.service == "sqs" and spec.region != get_region():
        raise RefusedError("the queue is in another region")
    keys = {"aws:sourcearn": rule_arn, **_keys(event)}
    action = "events:PutEvents" if spec.service == "events" else "sqs:SendMessage"
    _authorize(_session(role_arn, keys), action, spec, keys)


def _put_on_buses_of_other_accounts() -> None:
    handle, put = eventbridge.handle_request, eventbridge._put_events

    async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        _caller_key.set(extract_access_key_id(headers, query) or "")
        return await handle(method, path, headers, body, query)

    def put_events(data: Any, allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries", [])
        foreign = [spec for entry in entries if (spec := _elsewhere(entry.get("EventBusName", "")))]
        if not foreign:
            return put(data, allow_aws_source)
        if len({str(spec) for spec in foreign}) > 1 or len(foreign) < len(entries):
            raise NotImplementedError("entries for several buses, some of them another account's")
        (spec, *_), principal = foreign, iam_evaluator.resolve_principal(_caller_key.get(), get_account_id())
        try:
            for entry in entries:
                _authorize(principal, "events:PutEvents", spec, _keys(entry))
        except RefusedError as error:
            return error_response_json("AccessDeniedException", str(error), 400)
        return organizations._json(200, _put_there(spec, entries))

    eventbridge.handle_request, eventbridge._put_events = handle_request, put_events


def _put_there(spec: Any, entries: list[Any]) -> dict[str, Any]:
    results: list[dict[str, str]] = []
    for entry in entries:
        if str(entry.get("Source", "")).startswith("aws."):
            results.append({"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized."})
            continue
        event = {
            "EventId": new_uuid(),
            "Source": entry.get("Source", ""),
            "DetailType": entry.get("DetailType", ""),
            "Detail": entry.get("Detail", "{}"),
            "Time": int(eventbridge._now_ts()),
            "Resources": entry.get("Resources", []),
            "Account": get_account_id(),
            "Region": get_region(),
        }
        with request_scope(spec.account_id, spec.region):
            _deliver(spec, event)
        results.append({"EventId": event["EventId"]})
    return {"FailedEntryCount": sum("ErrorCode" in one for one in results), "Entries": results}


def _elsewhere(arn: str) -> Any:
    """The parts of an ARN of another account; None for the caller's own, and for what is no ARN."""
    try:
        spec = eventbridge.parse_arn(arn)
    except eventbridge.ArnParseError:
        return None
    return spec if spec.account_id not in {"", get_account_id()} else None


def _deliver(spec: Any, event: dict[str, Any]) -> None:
    eventbridge._dispatch_event(event | {"EventBusName": spec.resource.partition("/")[2]})


def _keys(event: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of an event (Service Authorization Reference: EventBridge)."""
    return {"events:source": event.get("Source", ""), "events:detail-type": event.get("DetailType", "")}


def _session(role_arn: str, keys: dict[str, Any]) -> PrincipalInfo:
    """EventBridge's session of a role of this account. Its trust policy has to name EventBridge: ministack's own check
    knows no service, and lets an account's root pass for one.
    """
    owner, name = get_account_id(), role_arn.rpartition("/")[2]
    role = iam._roles.get(name)
    if role is None or role["Arn"] != role_arn:
        raise RefusedError(f"{role_arn or 'no role'} is no role of {owner}, and a target elsewhere needs one")
    context = _context(None, "sts:AssumeRole", role_arn, keys | {"aws:sourceaccount": owner})
    document = role["AssumeRolePolicyDocument"]
    document = json.loads(document) if isinstance(document, str) else document
    everywhere = {"Statement": [one | {"Resource": "*"} for one in document["Statement"]]}
    trust = iam_evaluator.evaluate_resource_policy(everywhere, context, "events.amazonaws.com")
    if trust.decision != "Allow":
        raise RefusedError(f"events.amazonaws.com may not assume {role_arn}")
    return PrincipalInfo(
        arn=f"arn:aws:sts::{owner}:assumed-role/{name}/events",
        type="AssumedRole",
        account=owner,
        policies=iam_evaluator._gather_role_policies(name, owner),
        keys={},
        limits=iam_evaluator._permissions_boundary(iam._roles, name, owner),
    )


def _authorize(principal: Any, action: str, spec: Any, keys: dict[str, Any]) -> None:
    """Raise RefusedError unless the caller's policies and the resource's policy both allow it."""
    context = _context(principal, action, str(spec), keys)
    own = EvalResult("Allow", principal.arn, "", "root")
    if principal.policies is not None:
        own = iam_evaluator.evaluate(context, principal.policies, *principal.limits)
    with request_scope(spec.account_id, spec.region):
        policy = _policy_of(spec)
    result = iam_evaluator.combine_resource_policy(own, context, policy, spec.account_id)
    if result.decision != "Allow":
        kind = "resource-based" if own.decision == "Allow" else "identity-based"
        words = f"because no {kind} policy allows the {action} action"
        raise RefusedError(f"User: {principal.arn} is not authorized to perform: {action} on resource: {spec} {words}")


def _policy_of(spec: Any) -> Any:
    if spec.service == "sqs":
        return (sqs.queue_policy_for_arn(str(spec)) or ("", ""))[0]
    return eventbridge._event_bus_policies.get(spec.resource.partition("/")[2])


def _context(principal: Any, action: str, arn: str, keys: dict[str, Any]) -> EvalContext:
    return EvalContext(
        principal_arn=principal.arn if principal else "",
        principal_type=principal.type if principal else "Service",
        principal_account=principal.account if principal else "",
        action=action,
        resource_arn=arn,
        region=get_region(),
        service_context=keys,
        principal_keys=principal.keys if principal else {},
    )


# ---- AWS::Events::EventBusPolicy -------------------------------------------------------------------------------------


def _create_bus_policy(logical_id: str, properties: Any, stack_name: str) -> tuple[str, dict[str, Any]]:
    bus = _bus_of(properties)
    others = [one for one in _statements(bus) if one["Sid"] != properties["StatementId"]]
    statement = {"Sid": properties["StatementId"], **properties["Statement"]}
    eventbridge._event_bus_policies[bus] = {"Version": "2012-10-17", "Statement": [*others, statement]}
    return f"{stack_name}-{logical_id}", {}


def _update_bus_policy(physical_id: str, before: Any, properties: Any, stack_name: str) -> tuple[str, dict[str, Any]]:
    _delete_bus_policy(physical_id, before)
    _create_bus_policy(physical_id, properties, stack_name)
    return physical_id, {}


def _delete_bus_policy(_physical_id: str, properties: Any) -> None:
    bus = _bus_of(properties)
    kept = [one for one in _statements(bus) if one["Sid"] != properties["StatementId"]]
    eventbridge._event_bus_policies[bus] = {"Version": "2012-10-17", "Statement": kept}


def _bus_of(properties: Any) -> str:
    return str(properties.get("EventBusName", "default")).rpartition("/")[2]


def _statements(bus: str) -> list[dict[str, Any]]:
    return list((eventbridge._event_bus_policies.get(bus) or {}).get("Statement", ()))
