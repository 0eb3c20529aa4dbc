"""ministack as the rest of the account, run by ministack's own Python, which has nothing of ours installed.

Some things differ from the `ministack` command. These are what AWS does:

- AWS itself puts events with `aws.*` sources on the bus, and PutEvents refuses them to everybody else. Here CloudTrail
  (see `relay.py`) is a caller like any other. So whoever signs with an account's id as the access key is AWS itself;
  nobody else does.
- The `time` of such an event is that of the call, not of its delivery.
- Who is behind an access key is written down, so that EC2's emulator can name the caller, and the account.
- Schedules fire within a second of their time, not within ten, and the function hears which of its aliases they invoke.
- IAM knows the condition keys `events:source` of PutEvents, the sources of all its entries, and `dynamodb:LeadingKeys`,
  the partition keys of all items of a request.
- A role's session has the role's ARN, with its path, in `aws:PrincipalArn` (IAM guide: global condition keys).
- A role that a stack makes has the permissions boundary that its template says, so that IAM enforces it.
- Who reads SSM's parameters by path needs the permission for that path, not for all (Service Authorization Reference).
- A stack may save queries of CloudWatch Logs Insights. They are accepted, and kept nowhere.
- Nobody confirms a subscription by mail, because no mail is sent: it is listed as one that waits (SNS API:
  ListSubscriptionsByTopic).
- Who may send a message to a queue may send a batch of them: there are no permissions for batches (SQS guide: batch
  actions). Reading what a function reserves and reserving it are two permissions (Service Authorization Reference).
- IAM's access advisor reports what roles called, and Logs Insights counts: see `ministack_evidence.py`.
- Several accounts are an organization, and send events to each other: see `ministack_accounts.py`.

And two are for the sake of whoever waits: a minute of a schedule, or of a message that is delayed by minutes, takes
LIFELINE_MINUTE_S. And code is unpacked once, below LIFELINE_UNPACKED, not for each process that runs it.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import zipfile
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from leash import end_with_parent  # type: ignore[import-not-found]
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id
from ministack.core.router import extract_access_key_id
from ministack.services import eventbridge, iam, lambda_svc, scheduler, sns, sqs, sts
from ministack.services.cloudformation import provisioners
from ministack_accounts import serve_several_accounts  # type: ignore[import-not-found]
from ministack_evidence import serve_evidence  # type: ignore[import-not-found]

SESSIONS = Path(os.environ["LIFELINE_SESSIONS"])
MINUTE_S = float(os.environ["LIFELINE_MINUTE_S"])
UNPACKED = Path(os.environ["LIFELINE_UNPACKED"])

_from_aws_itself: ContextVar[bool] = ContextVar("_from_aws_itself", default=False)


def let_aws_put_its_own_events() -> None:
    handle, put = eventbridge.handle_request, eventbridge._put_events

    async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        _from_aws_itself.set(bool(re.fullmatch(r"\d{12}", extract_access_key_id(headers, query) or "")))
        return await handle(method, path, headers, body, query)

    def put_events(data: Any, allow_aws_source: bool = False) -> Any:
        return put(data, allow_aws_source or _from_aws_itself.get())

    eventbridge.handle_request = handle_request
    eventbridge._put_events = put_events


def give_events_the_time_of_their_call() -> None:
    dispatch = eventbridge._dispatch_event

    def dispatch_event(event: Any, view: Any = None) -> None:
        if event["DetailType"] == "AWS API Call via CloudTrail":
            called_at = json.loads(event["Detail"]).get("eventTime")  # which a forged one may lack
            event["Time"] = int(datetime.fromisoformat(called_at).timestamp()) if called_at else event["Time"]
            view = None  # it was built with the other time
        dispatch(event, view)

    eventbridge._dispatch_event = dispatch_event


def tell_functions_how_they_are_invoked() -> None:
    """By a schedule as by Invoke: the ARN in the context is the one that was invoked (Lambda guide: context object)."""

    def dispatch_to_lambda(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        record = lambda_svc._execution_record_for_config(function, {**config, "FunctionArn": arn})
        run = lambda_svc._execute_function_with_config_scope
        threading.Thread(target=run, args=(record, json.loads(payload)), daemon=True).start()

    eventbridge._dispatch_to_lambda = dispatch_to_lambda


def write_down_callers() -> None:
    """The ARN behind each access key that is made: of a role's session, or of a user."""
    register, create = sts.register_session, iam._IAM_HANDLERS["CreateAccessKey"]

    def write(access_key: str, arn: str) -> None:
        with SESSIONS.open("a", encoding="utf-8") as file:
            file.write(f"{access_key} {arn}\n")

    def register_session(access_key: str, session: Any) -> None:
        register(access_key, session)
        write(access_key, session.get("Arn", ""))

    def create_access_key(request: Any) -> Any:
        before = set(iam._access_keys)
        answer = create(request)
        for key in set(iam._access_keys) - before:
            write(key, f"arn:aws:iam::{get_account_id()}:user/{iam._access_keys[key]['UserName']}")
        return answer

    sts.register_session = register_session
    iam._IAM_HANDLERS["CreateAccessKey"] = create_access_key


def accept_saved_queries() -> None:
    def create(logical_id: str, _properties: Any, stack_name: str) -> tuple[str, dict[str, Any]]:
        return f"{stack_name}-{logical_id}", {}

    def update(physical_id: str, *_: Any) -> tuple[str, dict[str, Any]]:
        return physical_id, {}

    def delete(_physical_id: str, _properties: Any) -> None:
        """Nothing was kept."""

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = handlers


def leave_mail_unconfirmed() -> None:
    listed = sns._list_subscriptions_by_topic
    of_mail = re.compile(rb"(?<=<SubscriptionArn>)[^<]+(?=</SubscriptionArn>(?:(?!<member>).)*<Protocol>email)")

    def list_subscriptions_by_topic(params: Any) -> Any:
        status, headers, body = listed(params)
        return status, headers, of_mail.sub(b"PendingConfirmation", body)

    sns._list_subscriptions_by_topic = list_subscriptions_by_topic


def name_actions_as_iam_does() -> None:
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, method: str, *request: Any, **more: Any) -> Any:
        action = extract(service, method, *request, **more)
        if action == "lambda:PutFunctionConcurrency" and method == "GET":
            return "lambda:GetFunctionConcurrency"
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = extract_iam_action


def know_sessions_by_their_role() -> None:
    resolve = iam_evaluator._resolve_condition_key

    def resolve_condition_key(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in str(value):
            return value
        arn, name, _ = str(value).split("/", 2)
        # Its ARN has its path, which the session's doesn't have. It may be another account's.
        role = iam._roles.get_scoped(arn.split(":")[4], None, name)
        return role["Arn"] if role else f"{arn.replace(':sts:', ':iam:').removesuffix('assumed-role')}role/{name}"

    iam_evaluator._resolve_condition_key = resolve_condition_key


def give_stacks_roles_their_boundary() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create, update = handlers["create"], handlers["update"]

    def bounded(made: Any, properties: Any) -> Any:
        iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return made

    def create_bounded(logical_id: str, properties: Any, stack_name: str) -> Any:
        return bounded(create(logical_id, properties, stack_name), properties)

    def update_bounded(physical_id: str, before: Any, properties: Any, *more: Any, **names: Any) -> Any:
        return bounded(update(physical_id, before, properties, *more, **names), properties)

    handlers |= {"create": create_bounded, "update": update_bounded}


def know_the_path_of_parameters() -> None:
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
        found = extract(service, method, path, headers, body, *more)
        if service != "ssm" or found != "*":
            return found
        with suppress(AttributeError, TypeError, ValueError):
            if name := str(json.loads(body).get("Path") or ""):
                _query, region, account_id = more
                return f"arn:aws:ssm:{region}:{account_id}:parameter/{name.strip('/')}"
        return found

    iam_actions.extract_resource_arn = extract_resource_arn


def tell_iam_what_requests_contain() -> None:
    """Keys with several values (IAM: ArrayOfString). One is as good as itself alone; of several, none stands for all,
    so that an operator for single values refuses them.
    """
    request_tags = iam_actions.request_tag_context

    def request_context(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        context = dict(request_tags(service, iam_action, body, params))
        if iam_action == "events:PutEvents" and (sources := _sources(body)):
            context["events:source"] = sources if len(sources) > 1 else sources[0]
        if service == "dynamodb" and (keys := _leading_keys(body)):
            context["dynamodb:LeadingKeys"] = keys
        return context

    iam_actions.request_tag_context = request_context


def _sources(body: bytes) -> list[str]:
    try:
        entries = json.loads(body)["Entries"]
        return sorted({str(entry.get("Source", "")) for entry in entries})
    except (AttributeError, KeyError, TypeError, ValueError):
        return []  # PutEvents itself says what is wrong


def _leading_keys(body: bytes) -> list[str]:
    """The partition keys of the items that a request names, however deep: alone, in a batch, or in a transaction."""
    try:
        parts, found = [json.loads(body)], set[str]()
    except ValueError:
        return []
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += part.values()
            found |= {
                str(key["S"]) for name, key in part.items() if name == "pk" and isinstance(key, dict) and "S" in key
            }
        elif isinstance(part, list):
            parts += part
    return sorted(found)


def let_minutes_pass(seconds: float) -> None:
    """`seconds` to a minute, for schedules and for messages that are delayed by minutes."""
    parse_rate, send = eventbridge._parse_rate_seconds, sqs._act_send_message

    def parse_rate_seconds(expression: str) -> float | None:
        found = parse_rate(expression)
        return None if found is None else found * seconds / 60

    def send_message(data: dict[str, Any], url: str) -> Any:
        delay = int(data.get("DelaySeconds") or 0)
        return send(data | {"DelaySeconds": round(delay * seconds / 60)} if delay >= 60 else data, url)

    eventbridge._parse_rate_seconds = parse_rate_seconds
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = send_message


class Unpacked(zipfile.ZipFile):
    """A zip file that is unpacked once for all, as a link to one place for the same content."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        content = repr([(entry.filename, entry.CRC) for entry in self.infolist()])
        shared = UNPACKED / hashlib.sha256(content.encode()).hexdigest()[:16]
        if not shared.exists():
            UNPACKED.mkdir(exist_ok=True)
            fresh = tempfile.mkdtemp(dir=UNPACKED)
            super().extractall(fresh, members, pwd)
            with suppress(OSError):  # another process was first
                Path(fresh).rename(shared)
            shutil.rmtree(fresh, ignore_errors=True)
        Path(path).rmdir()
        Path(path).symlink_to(shared)


def unpack_code_once() -> None:
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Unpacked})
    # The code comes with its bytecode beside it, where only processes without this look for it.
    os.environ.pop("PYTHONPYCACHEPREFIX", None)


if __name__ == "__main__":
    unpack_code_once()
    end_with_parent()
    let_aws_put_its_own_events()
    give_events_the_time_of_their_call()
    tell_functions_how_they_are_invoked()
    write_down_callers()
    leave_mail_unconfirmed()
    name_actions_as_iam_does()
    tell_iam_what_requests_contain()
    know_sessions_by_their_role()
    give_stacks_roles_their_boundary()
    know_the_path_of_parameters()
    accept_saved_queries()
    serve_evidence()
    let_minutes_pass(MINUTE_S)
    serve_several_accounts()
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    sys.argv = sys.argv[:1]
    app.main()
