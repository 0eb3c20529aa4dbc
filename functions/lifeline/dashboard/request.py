"""The requests that a CloudWatch dashboard sends to the coverage page's function.

A dashboard calls a custom widget's function with the widget's parameters, or with the JSON of the button that was
clicked, and adds `widgetContext`: the theme, the width in pixels, the time zone, and the parameters once more as
`params` (CloudWatch User Guide: Details about custom widgets). `{"describe": true}` requests the widget's documentation
as Markdown, and comes without a context (aws-samples: cloudwatch-custom-widgets-samples).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.organization.accounts import ACCOUNT_ID
from lifeline.core.requests.fields import A_VPC_ID, check_names, is_vpc_id, must_be
from lifeline.dashboard.html.page import View

DOCUMENTATION = """\
## Lifeline: coverage

Every VPC of this account and Region, the worst first: whether each subnet can reach each service that the policy
requires there, open incidents with their timelines, recent actions, and the monthly cost of Lifeline's endpoints. A
hub of several accounts shows these first, by their last sweeps; *Open* shows one as it is now.

The page and its role are read-only. Its buttons call functions with **your** permissions:

- *Show the plan* needs `lambda:InvokeFunction` on this function, as the page itself does.
- All others, such as *Approve*, *Reconcile now*, *Pause*, *Exempt* and *Release*, need `lambda:InvokeFunction` on
  ReconcileEndpoints: grant it only to people who may change networks.

### Widget parameters
Param | Description
---|---
**vpc_ids** | Show only these VPCs, up to 200; an empty list shows all
**account** | On a hub: show only this account, such as "222222222222"; without it, all accounts

### Example parameters
``` yaml
vpc_ids: []
```
"""
_MOST_VPCS = 200
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_MOST_PIXELS = 100_000
_FIELDS = ("plan", "vpc_ids", "account")


@dataclass(frozen=True, slots=True)
class WidgetRequest:
    """What to show: the documentation, one VPC's plan, or the VPCs named; all VPCs if none is named. A hub shows those
    of `account`, or all accounts if it is empty.
    """

    is_describe: bool = False
    plan: str = ""
    vpc_ids: tuple[str, ...] = ()
    account: str = ""
    view: View = field(default_factory=View)


def read_widget(event: object) -> WidgetRequest:
    """Read an event. Raises InvalidInputError with the path to the field."""
    if not isinstance(event, dict):
        raise must_be("event", "a JSON object", event)
    if "describe" in event:
        return WidgetRequest(is_describe=True)
    check_names({name: event[name] for name in event if name != "widgetContext"}, _FIELDS)
    context = _object(event.get("widgetContext"))
    view = View(
        is_dark=context.get("theme") == "dark",
        width=_read_width(context.get("width")),
        zone=_read_zone(_object(context.get("timezone")).get("offsetISO")),
    )
    params = _object(context.get("params"))
    if "plan" in event:
        plan, account = _read_vpc_id("plan", event["plan"]), event.get("account", params.get("account"))
        return WidgetRequest(plan=plan, account=_read_account(account), view=view)
    if "vpc_ids" in event or "account" in event:  # the widget's VPCs may be another account's
        params = event
    return WidgetRequest(
        vpc_ids=_read_vpc_ids(params.get("vpc_ids")), account=_read_account(params.get("account")), view=view
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_account(value: object) -> str:
    """The account's ID; a form that was left empty names none."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not ACCOUNT_ID.fullmatch(value):
        raise must_be("account", "an account ID, as text of 12 digits", value)
    return value


def _read_width(value: object) -> int:
    """The widget's width in pixels; 0 where the dashboard doesn't say."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < _MOST_PIXELS else 0


def _read_zone(value: object) -> timezone:
    """The zone of `+05:30`; UTC where the dashboard doesn't say."""
    match = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def _read_vpc_ids(value: object) -> tuple[str, ...]:
    """The VPCs named, each once; a form that was left empty names none."""
    if value is None or value in ("", []):
        return ()
    if not isinstance(value, list):
        raise must_be("vpc_ids", "a list of IDs", value)
    if len(value) > _MOST_VPCS:
        raise InvalidInputError(
            "vpc_ids", f"contains {len(value)} IDs; the maximum is {_MOST_VPCS}. An empty list shows all VPCs."
        )
    return tuple(dict.fromkeys(_read_vpc_id(f"vpc_ids[{index}]", vpc_id) for index, vpc_id in enumerate(value)))


def _read_vpc_id(field: str, value: object) -> str:
    if not is_vpc_id(value):
        raise must_be(field, A_VPC_ID, value)
    return str(value)
