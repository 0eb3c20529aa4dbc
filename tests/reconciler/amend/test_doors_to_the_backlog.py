"""What comes by a queue, or from a widget, lets nothing pass that waits: whatever it says, and in whatever order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.backlog import Epoch
from lifeline.core.network.model import TargetKind
from lifeline.core.requests.button import read_button
from lifeline.core.requests.calls import read_queued, read_repair_request, read_request
from lifeline.core.requests.named import MEMBERS
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.backlog import Surveys
from lifeline.reconciler.steps.targets import Targets
from tests.support import amending
from tests.support.amending import HOUR, NOTHING, NOW
from tests.support.builders import VPC_ID, default_route, plan, subnet, table, vpc


def written(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


NAT = "nat-0123456789abcdef0"
TABLE = "rtb-0123456789abcdef0"
NETWORK = vpc(
    subnet("0123456789abcdef0"),
    subnet("0123456789abcdef1", zone="us-east-1b"),
    table("main"),
    table(
        "0123456789abcdef0",
        default_route(TargetKind.NAT_GATEWAY, NAT, active=False),
        subnets=("0123456789abcdef1",),
    ),
)
ALL = {("subnet-0123456789abcdef0", "monitoring"), ("subnet-0123456789abcdef1", "monitoring")}
IDS = [VPC_ID, NAT, TABLE, *(one.id for one in NETWORK.subnets)]
TIMES = st.sampled_from(["", "soon", *(written(NOW - late) for late in (HOUR, timedelta(days=400)))])
NAMES = st.sampled_from(sorted(MEMBERS))


def record(name: str, id_: str, time: str) -> dict[str, Any]:
    """A record that names the id wherever the call's members may name one."""
    request: dict[str, Any] = {}
    for path in (*MEMBERS[name].on, *MEMBERS[name].there):
        *outer, last = path.split(".")
        place = request
        for part in outer:
            place = place.setdefault(part, {}) if isinstance(place.get(part, {}), dict) else {}
        place[last] = id_
    detail = {"eventSource": "ec2.amazonaws.com", "eventName": name, "eventTime": time, "requestParameters": request}
    return {"detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "time": time, "detail": detail}


CAUSES = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["change", "approval", "call", "sweep", "silence"]), "event_name": NAMES},
        optional={"time": TIMES | st.just(written(NOW)), "ids": st.lists(st.sampled_from(IDS))},
    ),
    max_size=3,
)
MESSAGES = st.fixed_dictionaries(
    {"vpc_ids": st.just([VPC_ID]), "because": CAUSES},
    optional={"approve": st.just("backlog"), "unfreeze": st.just(True), "mode": st.just("enforce")},
)
PARAMS = st.fixed_dictionaries(
    {"vpc_ids": st.just([VPC_ID])},
    optional={
        "approve": st.just("backlog"),
        "button": st.booleans(),
        "unfreeze": st.just(True),
        "services": st.just(["monitoring"]),
    },
)
DOORS = st.one_of(
    st.tuples(st.just("record"), st.builds(record, NAMES, st.sampled_from(IDS), TIMES)),
    st.tuples(st.just("message"), MESSAGES),
    st.tuples(st.just("repair"), MESSAGES),
    st.tuples(st.just("widget"), PARAMS),
)


def read(door: str, body: Mapping[str, Any]) -> Request:
    match door:
        case "widget":
            return read_request(read_button({**body, "widgetContext": {"params": body}}))
        case "repair":
            return read_repair_request(body)
        case _:
            return read_queued(body)


@given(sent=st.lists(DOORS, max_size=5), was_judged=st.booleans())
def test_nothing_that_waits_passes_by_a_message_an_old_record_or_a_widget(
    sent: list[tuple[str, Mapping[str, Any]]],
    *,
    was_judged: bool,
) -> None:
    state = judged(NOTHING, (), at=0) if was_judged else NOTHING
    for number, (door, body) in enumerate(sent, 1):
        try:
            request = read(door, body)
        except InvalidInputError:
            continue
        assert door != "widget"
        state = judged(state, (request,), at=number)
    assert judged(state, (), at=len(sent) + 1).survey.waiting == ALL  # type: ignore[union-attr]


def test_a_change_since_then_does_let_pass_what_it_took_before_anything_was_judged() -> None:
    request = read("record", record("DeleteNatGateway", NAT, written(NOW)))
    assert judged(NOTHING, (request,), at=1).survey.waiting < ALL  # type: ignore[union-attr]


def judged(state: VpcState, requests: tuple[Request, ...], *, at: int) -> VpcState:
    """The state after a run for these requests, so many hours after the stack began to enforce."""
    targets = Targets()
    for request in requests:
        targets.add(request, frozenset({VPC_ID}))
    here = amending.context(NETWORK, at=NOW + at * HOUR, requests=requests, triggers=targets.triggers(VPC_ID))
    here = replace(here, run=replace(here.run, epoch=Epoch(NOW)))
    return Surveys().decide(here, plan(NETWORK), Surveys().note(here, state)).state
