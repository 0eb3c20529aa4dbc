"""The door of the schedules: an alias of each function, which takes the schedule's own input and nothing else.

Whoever may pass the schedules' role to EventBridge Scheduler writes the input of a schedule, and nothing tells theirs
from the stack's. So the role may invoke the aliases only.
"""

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.fields import check_object, field_name

ALIAS = "schedule"  # of both functions in template.yaml
_QUALIFIER = 7  # its place in arn:<partition>:lambda:<region>:<account>:function:<name>:<qualifier>


def is_by_schedule(invoked_arn: str) -> bool:
    """True of what came by the schedules' door. `invoked_arn` is the context's: it says which alias the invoker named,
    if any (Lambda guide: context object).
    """
    return invoked_arn.split(":")[_QUALIFIER:] == [ALIAS]


def check_scheduled(event: object, invoked_arn: str, *, call: str) -> None:
    """Raises InvalidInputError, with the field, for what came by the schedules' door and isn't `{call: true}`."""
    if not is_by_schedule(invoked_arn):
        return
    given, only = check_object(event), f'the alias {ALIAS} takes {{"{call}": true}} and nothing else'
    for name in sorted(map(str, given.keys() - {call})):
        raise InvalidInputError(field_name(name), f"is refused: {only}")
    if given.get(call) is not True:
        raise InvalidInputError(call, f"must be true: {only}")
