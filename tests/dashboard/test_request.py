"""What a dashboard may send the page."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.errors import InvalidInputError
from lifeline.dashboard.html.page import View
from lifeline.dashboard.request import WidgetRequest, read_widget

VPC = "vpc-0123456789abcdef0"
OTHER = "vpc-0123456789abcdef1"
ACCOUNT = "222222222222"


def context(**more: object) -> dict[str, Any]:
    return {"widgetContext": {"theme": "light", "width": 588, "params": {}, **more}}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "event"),
        ([], "event"),
        ({"vpc_ids": VPC}, "vpc_ids"),
        ({"vpc_ids": {VPC: 1}}, "vpc_ids"),
        ({"vpc_ids": [VPC] * 201}, "vpc_ids"),
        ({"vpc_ids": [VPC, "vpc-1"]}, "vpc_ids[1]"),
        ({"vpc_ids": [f"{VPC}\n"]}, "vpc_ids[0]"),
        (context(params={"vpc_ids": [None]}), "vpc_ids[0]"),
        ({"plan": [VPC]}, "plan"),
        ({"plan": "<script>"}, "plan"),
        ({"account": 222222222222}, "account"),
        ({"account": "2222"}, "account"),
        ({"account": [ACCOUNT]}, "account"),
        ({"account": "\u0662" * 12}, "account"),
        ({"plan": VPC, "account": f"{ACCOUNT}\n"}, "account"),
        (context(params={"account": "organization"}), "account"),
        ({"approve": "plan-0123456789abcdef"}, "approve"),
        ({"release": True, "vpc_ids": [VPC]}, "release"),
    ],
)
def test_bad_input_gets_an_error_that_names_the_field(event: object, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_widget(event)
    assert caught.value.field == field


@pytest.mark.parametrize("nothing", [{}, {"vpc_ids": []}, {"vpc_ids": None}, {"vpc_ids": ""}, context()])
def test_without_vpcs_the_page_shows_all(nothing: dict[str, Any]) -> None:
    assert read_widget(nothing).vpc_ids == ()


def test_the_widgets_own_parameters_count_where_the_event_says_nothing() -> None:
    assert read_widget({"vpc_ids": [VPC, VPC], **context(params={"vpc_ids": [OTHER]})}).vpc_ids == (VPC,)
    assert read_widget(context(params={"vpc_ids": [OTHER]})).vpc_ids == (OTHER,)


def test_a_button_asks_for_a_plan_whatever_the_widget_shows() -> None:
    request = read_widget({"plan": VPC, **context(params={"vpc_ids": [OTHER]})})
    assert (request.plan, request.vpc_ids) == (VPC, ())


def test_an_account_is_that_of_the_button_or_else_of_the_widget() -> None:
    widget = context(params={"account": ACCOUNT, "vpc_ids": [VPC]})
    assert (read_widget(widget).account, read_widget(widget).vpc_ids) == (ACCOUNT, (VPC,))
    opened = read_widget({"account": "333333333333", **widget})
    assert (opened.account, opened.vpc_ids) == ("333333333333", ()), "the widget's VPCs are another account's"
    assert read_widget({"account": "", **widget}).account == ""
    assert read_widget({"plan": VPC, "account": "333333333333", **widget}).account == "333333333333"
    assert read_widget({"plan": VPC, **widget}).account == ACCOUNT
    assert read_widget({"vpc_ids": [VPC]}).account == ""


def test_documentation_needs_nothing_else() -> None:
    assert read_widget({"describe": True, "anything": 1}) == WidgetRequest(is_describe=True)


def test_the_theme_and_the_width_are_the_dashboards() -> None:
    assert read_widget(context(theme="dark", width=588.4)).view == View(is_dark=True, width=588)


values = st.none() | st.booleans() | st.floats() | st.text("abc<", max_size=5) | st.lists(st.none(), max_size=2)


@pytest.mark.parametrize(
    ("said", "offset"),
    [
        ("+05:30", timedelta(hours=5, minutes=30)),
        ("-03:30", -timedelta(hours=3, minutes=30)),
        ("+00:00", timedelta()),
        ("+24:00", timedelta()),
        ("CET", timedelta()),
        (None, timedelta()),
        (330, timedelta()),
    ],
)
def test_the_time_zone_is_the_consoles_or_utc(said: object, offset: timedelta) -> None:
    zone = read_widget(context(timezone={"label": "x", "offsetISO": said})).view.zone
    assert zone.utcoffset(None) == offset
    assert read_widget(context(timezone=said)).view.zone.utcoffset(None) == timedelta()


@given(st.dictionaries(st.sampled_from(["theme", "width", "params", "timezone"]), values))
def test_a_context_of_any_form_is_no_reason_to_show_nothing(said: dict[str, object]) -> None:
    request = read_widget({"widgetContext": said})
    assert (request.vpc_ids, request.view.is_dark) == ((), False)
    assert 0 <= request.view.width < 100_000


@given(values)
def test_what_is_no_context_counts_as_none(said: object) -> None:
    assert read_widget({"widgetContext": said}) == WidgetRequest()
