"""The call of a button on a dashboard, whose JSON comes with the context of its widget (CloudWatch guide: details about
custom widgets).

A dashboard calls a widget's function with the widget's parameters whenever it is shown or refreshed, as whoever looks
at it, and asks nobody. What tells the two apart is the field BUTTON: each of the page's buttons sends it, and no widget
may have it among its parameters. That the context is the dashboard's own, and no parameter of its name, is as the guide
has it: every call includes it.
"""

from collections.abc import Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.fields import must_be

WIDGET = "widgetContext"
BUTTON = "button"  # true in the call of a button
_OF_PAGE = frozenset({"vpc_ids", "account"})  # the parameters of the coverage page's widget
_SENT_BY_ITSELF = "which a dashboard sends whenever somebody looks at it; nothing was done"
_WITHOUT_TEXT = frozenset({"history", "exempt", "adopt", "hand_over"})  # calls whose answer has one form


def read_button(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call alone. Whoever pressed the button reads text, where the call has such a form.

    Raises InvalidInputError, with the field, for what no button sent: nothing is done when somebody looks at a widget.
    """
    context = event[WIDGET]
    params = context.get("params") or {} if isinstance(context, dict) else None
    if not isinstance(params, dict):  # of any other form, nobody could say what is in them
        raise must_be(f"{WIDGET}.params", "an object", params)
    for name in params:
        if name not in _OF_PAGE:
            raise InvalidInputError(name, f"is in a widget's parameters, {_SENT_BY_ITSELF}")
    if event.get(BUTTON) is not True:
        raise InvalidInputError(BUTTON, f"is not true, so these are a widget's parameters, {_SENT_BY_ITSELF}")
    call = {name: value for name, value in event.items() if name not in {WIDGET, BUTTON}}
    return call | ({} if call.keys() & _WITHOUT_TEXT else {"format": "text"})
