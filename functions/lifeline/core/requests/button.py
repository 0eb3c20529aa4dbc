"""The call of a button on a dashboard, whose JSON comes with the context of its widget (CloudWatch guide: details about
custom widgets).
"""

from collections.abc import Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError

WIDGET = "widgetContext"
_OF_PAGE = frozenset({"vpc_ids", "account"})  # the parameters of the coverage page's widget
_WITHOUT_TEXT = frozenset({"history", "exempt", "adopt", "hand_over"})  # calls whose answer has one form


def read_button(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call without the context. Whoever pressed the button reads text, where the call has such a form.

    A dashboard calls a widget's function with the widget's parameters whenever it is shown or refreshed, as whoever
    looks at it, and asks nobody. So a call that is in the parameters is none: raises InvalidInputError with its field.
    """
    context = event[WIDGET]
    params = context.get("params") if isinstance(context, dict) else None
    for name in params if isinstance(params, dict) else ():
        if name not in _OF_PAGE:
            words = (
                "is in a widget's parameters, which a dashboard sends whenever somebody looks at it; nothing was done"
            )
            raise InvalidInputError(name, words)
    call = {name: value for name, value in event.items() if name != WIDGET}
    return call | ({} if call.keys() & _WITHOUT_TEXT else {"format": "text"})
