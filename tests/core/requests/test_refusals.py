"""Refusals in words, and the readers held against the published schema of calls."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifeline_cli.check import DETECT, RECONCILE, check_call

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.detect import read_event
from lifeline.dashboard.request import read_widget
from tests.support.repository import ROOT

VPC = "vpc-0123456789abcdef0"
ENDPOINT = "vpce-0123456789abcdef0"
PLAN = "plan-0123456789abcdef"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SCHEMA = json.loads((ROOT / "docs/schemas/call.schema.json").read_text("utf-8"))
fits_schema = fastjsonschema.compile(SCHEMA, use_default=False)
OF_THE_DETECTOR = {"detect", "forget", "watch"}


def read(call: dict[str, Any]) -> None:
    """By the reader that the handlers choose. Raises InvalidInputError where anything in the call is refused."""
    check_call(DETECT if not call or OF_THE_DETECTOR & set(call) else RECONCILE, call, NOW)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"vpc_idz": [VPC]}, "vpc_idz: is unknown; did you mean vpc_ids?"),
        (
            {"vpc_ids": [VPC], "hold": True},
            "hold: is unknown; the fields are account, adopt, approve, by, doctor, exempt, format, freeze, hand_over,",
        ),
        ({"vpc_ids": [VPC] * 1200}, "vpc_ids: contains 1200 IDs; the maximum is 1000. Use a sweep instead."),
        ({"vpc_ids": ["vpc-1"]}, "vpc_ids[0]: must be a VPC ID (vpc-, then 8 or 17 of 0-9a-f), not 'vpc-1'"),
        ({"vpc_ids": []}, "vpc_ids: must not be empty: list IDs"),
        ({"approve": PLAN, "mode": "plan"}, "mode: can't be combined with approve"),
        ({"sweep": True, "vpc_ids": [VPC]}, "sweep: can't be combined with vpc_ids: a sweep reconciles every VPC"),
        ({"exempt": [VPC], "dayz": 7}, "dayz: is unknown; did you mean days?"),
        ({"exempt": [VPC] * 101}, "exempt: contains 101 IDs; the maximum is 100."),
        ({"exempt": [VPC, VPC]}, f"exempt[1]: repeats {VPC}"),
        ({"adopt": [VPC]}, "adopt[0]: must be the ID of an endpoint or a security group"),
        ({"adopt": [ENDPOINT], "days": 7}, "days: can't be combined with adopt"),
        ({"hand_over": [ENDPOINT, ENDPOINT]}, f"hand_over[1]: repeats {ENDPOINT}"),
        ({"hand_over": [ENDPOINT], "vpc_id": 1}, "vpc_id: is unknown; the fields are account, by, hand_over"),
        ({"history": {"vpc": VPC}}, "history.vpc: is unknown; did you mean vpc_id?"),
        ({"history": {"day": "2026-11-20", "since": "x"}}, "history.since: needs vpc_id: day has its own time"),
        ({"vpc_ids": [VPC], "acount": "222222222222"}, "acount: is unknown; did you mean account?"),
        ({"exempt": [VPC], "accounts": "222222222222"}, "accounts: is unknown; did you mean account?"),
        ({"forget": ["i-1"], "watches": "x"}, "watches: is unknown; did you mean watch?"),
        ({"detect": True, "vpc_ids": [VPC]}, "vpc_ids: can't be combined with detect"),
        ({"exmpt": [VPC]}, "exmpt: is unknown; did you mean exempt?"),
        ({"vpc-ids": [VPC]}, "vpc-ids: is unknown; did you mean vpc_ids?"),
        ({"vpc_ids": [VPC], "days": 7}, "days: can't be combined with vpc_ids"),
        ({"days": 7}, "days: belongs to another call; the fields are account, adopt, approve, by, doctor, exempt,"),
        ({"sweep": None}, "sweep: must be true, not null"),
        ({"sweep": True, "mode": False}, "mode: must be enforce or plan, not false"),
        ({"vpc_ids": None}, "vpc_ids: must be a list of IDs, not null"),
        ({"approve": "backlog", "vpc_ids": ["vpc-1"]}, "vpc_ids[0]: must be a VPC ID"),
        ({"approve": PLAN, "services": ["logs"]}, "services: can't be combined with approve"),
        ({"history": None}, "history: must be an object such as"),
        ({"suggest": True}, 'suggest: must be an object such as {"vpc_ids": ["vpc-…"]}, or {} for all VPCs, not true'),
        ({"suggest": {"vpc_id": VPC}}, "suggest.vpc_id: is unknown; did you mean vpc_ids?"),
        ({"suggest": {"vpc_ids": [VPC, "vpc-1"]}}, "suggest.vpc_ids[1]: must be a VPC ID"),
        ({"suggest": {"vpc_ids": [VPC, VPC]}}, f"suggest.vpc_ids[1]: repeats {VPC}"),
        ({"suggest": {"vpc_ids": []}}, "suggest.vpc_ids: must not be empty: list IDs"),
        ({"suggest": {"days": 0}}, "suggest.days: must be a whole number from 1 to 400, not 0"),
        ({"suggest": {"days": 401}}, "suggest.days: must be a whole number from 1 to 400, not 401"),
        ({"suggest": {}, "vpc_ids": [VPC]}, "vpc_ids: can't be combined with suggest"),
        ({"suggest": {}, "format": "csv"}, "format: must be text or json, not 'csv'"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_right(call: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(call)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize(
    ("read_it", "event", "words"),
    [
        (read_request, {"forget": ["i-1"]}, "forget: is a field of DetectMetricGaps: invoke that function"),
        (read_event, {"sweep": True}, "sweep: is a field of ReconcileEndpoints: invoke that function"),
        (read_event, {"forget": ["i-1"], "watch": ""}, "watch: must be a watch's name, not ''"),
        (read_event, {"watch": "a"}, "watch: belongs to another call; the fields are account, detect, forget"),
        (read_event, {"forgt": ["i-1"]}, "forgt: is unknown; did you mean forget?"),
        (read_widget, {"approve": PLAN}, "approve: is a field of ReconcileEndpoints: invoke that function"),
        (read_widget, {"vpc_id": VPC}, "vpc_id: is unknown; did you mean vpc_ids?"),
        (read_widget, {"colour": 1}, "colour: is unknown; the fields are account, plan, vpc_ids"),
        (read_widget, {"plan": None}, "plan: must be a VPC ID (vpc-, then 8 or 17 of 0-9a-f), not null"),
        (read_widget, None, "event: must be a JSON object, not null"),
    ],
)
def test_each_function_says_what_it_takes(read_it: Callable[[Any], Any], event: Any, words: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_it(event)
    assert str(refused.value).startswith(words)


def test_no_refusal_offers_what_only_runs_send() -> None:
    for name in ("attempts", "requeue", "folow", "becaus", "x"):
        with pytest.raises(InvalidInputError) as refused:
            read_request({"vpc_ids": [VPC], name: 1})
        assert not any(word in refused.value.message for word in ("attempt", "requeued", "follow", "because"))


flags = st.sampled_from([True, False, 1, "true"])
ids = st.lists(st.sampled_from([VPC, "vpc-12345678", "vpc-1", 7]), max_size=3)
services = st.lists(st.sampled_from(["logs", "ecr.api", "Logs", ""]), max_size=2)
times = st.sampled_from(["2026-11-20T00:00:00Z", "2026-11-20", "soon"])
queries = st.fixed_dictionaries(
    {},
    optional={
        "vpc_id": st.sampled_from([VPC, "vpc-1"]),
        "day": st.sampled_from(["2026-11-20", "20261120"]),
        "incident": st.sampled_from(["inc-1", "INC-1"]),
        "since": times,
        "x": flags,
    },
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "vpc_ids": ids,
        "sweep": flags,
        "release": flags,
        "mode": st.sampled_from(["plan", "enforce", "force"]),
        "format": st.sampled_from(["text", "json", None]),
        "freeze": services | flags,
        "approve": st.sampled_from([PLAN, "plan-1"]),
        "x": flags,
    },
)
exemptions = st.fixed_dictionaries(
    {"exempt": ids},
    optional={
        "services": services,
        "days": st.sampled_from([1, 90, 91, -1, "7"]),
        "reason": st.sampled_from(["why", "", 7]),
        "mode": st.just("plan"),
    },
)
suggestions = st.fixed_dictionaries(
    {"suggest": st.fixed_dictionaries({}, optional={"vpc_ids": ids, "days": st.sampled_from([1, 400, 401, 0, "7"])})},
    optional={"format": st.sampled_from(["text", "csv"]), "mode": st.just("plan")},
)
detections = st.fixed_dictionaries(
    {},
    optional={
        "detect": flags,
        "forget": st.lists(st.sampled_from(["web-1", "", 7]), max_size=2),
        "watch": st.sampled_from(["a", "", 1]),
    },
)


@given(calls | exemptions | suggestions | detections | queries.map(lambda query: {"history": query}))
def test_what_the_schema_takes_the_readers_take_and_what_it_refuses_they_refuse(call: dict[str, Any]) -> None:
    try:
        fits_schema(call)
        is_valid = True
    except fastjsonschema.JsonSchemaValueException:
        is_valid = False
    try:
        read(call)
        is_read = True
    except InvalidInputError:
        is_read = False
    assert is_read == is_valid, call
