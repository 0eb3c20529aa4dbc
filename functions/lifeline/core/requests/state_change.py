"""What EC2 reports of an instance without any call: that its state changed, whoever or whatever changed it."""

from collections.abc import Collection
from typing import Any

from lifeline.core.requests.cloudtrail import check_origin
from lifeline.core.requests.fields import ascii_text, is_resource_id, must_be, time_text
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger

_STATES = ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")  # EC2 guide: state change events


def read_state_change(event: dict[str, Any], *, accounts: Collection[str] = (), region: str = "") -> Request:
    """The request of an event such as `instance stopped`. Nobody is said to have made it.

    Only events of these accounts and of this region are taken.
    """
    if event.get("source") != "aws.ec2":
        raise must_be("source", "'aws.ec2'", event.get("source"))
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise must_be("detail", "an object with instance-id and state", detail)
    check_origin(event, {}, accounts, region)
    instance_id, state = detail.get("instance-id"), detail.get("state")
    if not is_resource_id(instance_id) or not str(instance_id).startswith("i-"):
        raise must_be("detail.instance-id", "an instance ID (i-, then 8 or 17 of 0-9a-f)", instance_id)
    if state not in _STATES:
        raise must_be("detail.state", f"one of {', '.join(_STATES)}", state)
    ids = frozenset({str(instance_id)})
    trigger = Trigger(
        kind="change",
        event_id=ascii_text(event.get("id")),
        event_name=f"instance {state}",
        time=time_text(event.get("time")),
        ids=ids,
    )
    return Request(trigger, changed_ids=ids)
