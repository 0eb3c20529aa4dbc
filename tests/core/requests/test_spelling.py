"""A misspelt service in a call is refused, and nothing of the call is done."""

from typing import Any

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.service_sets import NAMED_SETS
from lifeline.core.requests.spelling import check_exempted, check_unfreezes, unchecked_freezes

KNOWN = frozenset({"monitoring", "logs"}) | NAMED_SETS.keys()


def refusal(check: Any, *args: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInputError) as raised:
        check(*args)
    return raised.value.field, raised.value.message


def test_the_first_wrong_name_is_refused_where_it_stands() -> None:
    field, message = refusal(unchecked_freezes, {"freeze": ["logs", "monitorng"]}, KNOWN)
    assert (field, message) == (
        "freeze[1]",
        "the region offers no endpoint service named monitorng; did you mean monitoring?",
    )
    assert refusal(check_exempted, {"services": ["lgs"]}, KNOWN)[0] == "services[0]"
    assert refusal(check_unfreezes, {"unfreeze": ["lgs"]}, KNOWN, ())[0] == "unfreeze[0]"


@pytest.mark.parametrize("freeze", [True, ["monitoring"], ["security-group", "dns-attributes"], ["cloudwatch-agent"]])
def test_what_is_there_passes_checked(freeze: object) -> None:
    assert unchecked_freezes({"freeze": freeze}, KNOWN) == ()


def test_a_subnet_cant_be_frozen_by_hand_and_can_be_unfrozen_where_it_is_frozen() -> None:
    assert refusal(unchecked_freezes, {"freeze": ["subnet-0123456789abcdef0"]}, KNOWN)[0] == "freeze[0]"
    check_unfreezes({"unfreeze": ["subnet-0123456789abcdef0"]}, KNOWN, {"subnet-0123456789abcdef0"})


def test_while_the_catalog_cant_be_read_hands_off_means_hands_off() -> None:
    assert unchecked_freezes({"freeze": ["monitorng", "cloudwatch-agent"]}, None) == ("monitorng",)
    assert unchecked_freezes({"freeze": True}, None) == ()


def test_while_the_catalog_cant_be_read_nothing_else_is_taken_on_trust() -> None:
    check_unfreezes({"unfreeze": ["monitorng", "ecr-pull"]}, None, {"monitorng"})
    for check, call in (
        (check_exempted, {"services": ["monitoring"]}),
        (lambda call, known: check_unfreezes(call, known, ()), {"unfreeze": ["monitoring"]}),
    ):
        assert refusal(check, call, None)[1] == (
            "monitoring can't be checked, because the region's endpoint services could not be read: try again"
        )
