"""The door of the schedules: what comes through the alias, and what doesn't."""

from typing import Any

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.scheduled import ALIAS, check_scheduled

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints-EXAMPLE"
ONLY = 'the alias schedule takes {"sweep": true} and nothing else'


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_schedules_own_input_is_taken_by_its_door(partition: str) -> None:
    check_scheduled({"sweep": True}, f"{FUNCTION.replace('aws', partition, 1)}:{ALIAS}", call="sweep")
    check_scheduled({"detect": True}, f"{FUNCTION.replace('aws', partition, 1)}:{ALIAS}", call="detect")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"approve": "backlog"}, f"approve: is refused: {ONLY}"),
        ({"sweep": True, "mode": "plan"}, f"mode: is refused: {ONLY}"),
        ({"sweep": True, "account": "210987654321"}, f"account: is refused: {ONLY}"),
        ({"sweep": True, "Records": []}, f"Records: is refused: {ONLY}"),
        ({"sweep": True, "a\nb": 1}, f"a?b: is refused: {ONLY}"),
        ({"sweep": True, "": 1}, f"?: is refused: {ONLY}"),
        ({"sweep": False}, f"sweep: must be true: {ONLY}"),
        ({"sweep": 1}, f"sweep: must be true: {ONLY}"),
        ({}, f"sweep: must be true: {ONLY}"),
        ([{"sweep": True}], "event: must be a JSON object, not a list"),
        (None, "event: must be a JSON object, not null"),
    ],
)
def test_anything_else_is_refused_there_with_the_first_field(event: Any, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_scheduled(event, f"{FUNCTION}:{ALIAS}", call="sweep")
    assert str(caught.value) == words


@pytest.mark.parametrize("door", ["", ":$LATEST", ":1", ":schedules", ":Schedule"])
def test_by_another_door_it_is_whoever_reads_the_call_that_decides(door: str) -> None:
    check_scheduled({"approve": "backlog"}, f"{FUNCTION}{door}", call="sweep")


def test_a_function_that_is_called_like_the_alias_has_no_such_door() -> None:
    check_scheduled({"approve": "backlog"}, "arn:aws:lambda:us-east-1:123456789012:function:schedule", call="sweep")
