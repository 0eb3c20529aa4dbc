"""Whether a function would take a call, by the readers that the function itself uses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeline.core.requests.account import stated_account, without_account
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.detect import read_event
from lifeline.core.requests.doctor import read_doctor
from lifeline.core.requests.exempt import read_exempt
from lifeline.core.requests.history import read_history
from lifeline.core.requests.ownership import read_adopt, read_hand_over
from lifeline.core.requests.suggest import read_suggest

RECONCILE, DETECT = "ReconcileEndpoints", "DetectMetricGaps"


def check_call(function: str, call: Mapping[str, Any], now: datetime) -> None:
    """Nothing, once everything in the call can be read. Raises InvalidInputError for the first that can't be."""
    stated_account(call)
    call = without_account(call)
    if function == DETECT:
        read_event(call)
    elif "history" in call:
        read_history(call, now)
    elif "suggest" in call:
        read_suggest(call)
    elif "doctor" in call:
        read_doctor(call)
    elif "exempt" in call:
        read_exempt(call)
    elif "adopt" in call:
        read_adopt(call)
    elif "hand_over" in call:
        read_hand_over(call)
    elif refusals := read_request(call).refusals:
        raise refusals[0]
