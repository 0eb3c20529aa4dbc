"""ministack as the rest of the account, run by ministack's own Python, which has nothing of ours installed.

Six things differ from the `ministack` command. Each is something that AWS does:

- AWS itself puts events with `aws.*` sources on the bus, and PutEvents refuses them to everybody else. Here CloudTrail
  (see `relay.py`) is a caller like any other, so the one access key that it uses is let through.
- The `time` of such an event is that of the call, not of its delivery.
- Which role's session is behind an access key is written down, so that EC2's emulator can name the caller.
- Schedules fire within a second of their time, not within ten.
- A stack may save queries of CloudWatch Logs Insights. They are accepted, and kept nowhere.
- Who may send a message to a queue may send a batch of them: there are no permissions for batches (SQS guide: batch
  actions).
"""

import json
import os
import sys
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from leash import end_with_parent  # type: ignore[import-not-found]
from ministack import app
from ministack.core import iam_actions
from ministack.core.router import extract_access_key_id
from ministack.services import eventbridge, scheduler, sts
from ministack.services.cloudformation import provisioners

RELAY_KEY = os.environ["LIFELINE_RELAY_KEY"]
SESSIONS = Path(os.environ["LIFELINE_SESSIONS"])

_from_aws_itself: ContextVar[bool] = ContextVar("_from_aws_itself", default=False)


def let_aws_put_its_own_events() -> None:
    handle, put = eventbridge.handle_request, eventbridge._put_events

    async def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        _from_aws_itself.set(extract_access_key_id(headers, query) == RELAY_KEY)
        return await handle(method, path, headers, body, query)

    def put_events(data: Any, allow_aws_source: bool = False) -> Any:
        return put(data, allow_aws_source or _from_aws_itself.get())

    eventbridge.handle_request = handle_request
    eventbridge._put_events = put_events


def give_events_the_time_of_their_call() -> None:
    dispatch = eventbridge._dispatch_event

    def dispatch_event(event: Any, view: Any = None) -> None:
        if event["DetailType"] == "AWS API Call via CloudTrail":
            event["Time"] = int(datetime.fromisoformat(json.loads(event["Detail"])["eventTime"]).timestamp())
            view = None  # it was built with the other time
        dispatch(event, view)

    eventbridge._dispatch_event = dispatch_event


def write_down_sessions() -> None:
    register = sts.register_session

    def register_session(access_key: str, session: Any) -> None:
        register(access_key, session)
        with SESSIONS.open("a", encoding="utf-8") as file:
            file.write(f"{access_key} {session.get('Arn', '')}\n")

    sts.register_session = register_session


def accept_saved_queries() -> None:
    def create(logical_id: str, _properties: Any, stack_name: str) -> tuple[str, dict[str, Any]]:
        return f"{stack_name}-{logical_id}", {}

    def update(physical_id: str, *_: Any) -> tuple[str, dict[str, Any]]:
        return physical_id, {}

    def delete(_physical_id: str, _properties: Any) -> None:
        """Nothing was kept."""

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = handlers


def let_senders_send_batches() -> None:
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *request: Any, **more: Any) -> Any:
        action = extract(service, *request, **more)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = extract_iam_action


def keep_workers_from_writing_bytecode() -> None:
    """The functions' code lies in a new folder each time: what Python kept of it would never be read again."""
    os.environ.pop("PYTHONPYCACHEPREFIX", None)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


if __name__ == "__main__":
    keep_workers_from_writing_bytecode()
    end_with_parent()
    let_aws_put_its_own_events()
    give_events_the_time_of_their_call()
    write_down_sessions()
    let_senders_send_batches()
    accept_saved_queries()
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    sys.argv = sys.argv[:1]
    app.main()
