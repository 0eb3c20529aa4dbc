"""The page's plan, plan mode and the run agree: what they show is what is done, whatever happened in the VPC before."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.network import Network
from lifeline.core.errors import TransientError
from lifeline.core.guards.backlog import judge
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.plan.answer import VpcAnswer, as_json
from lifeline.dashboard.collect import cover, plan_of
from lifeline.dashboard.coverage import Coverage, VpcCoverage
from lifeline.handlers import coverage_page
from lifeline.reconciler.amend import backlog
from lifeline.runtime.settings import PageSettings
from tests.handlers.test_coverage_page import RECONCILE_ARN
from tests.handlers.test_interplay import claim
from tests.handlers.test_teardown import Site
from tests.support.days import HOUR, MINUTES, Days
from tests.support.world import emulated_world

type Happening = Callable[[Site], None]
type Deed = tuple[str, str, str]


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Days]:
    variables = {"RECONCILE_ARN": RECONCILE_ARN, **getattr(request, "param", {})}
    with emulated_world(monkeypatch, **variables) as world:
        remember.cache_clear()
        found = Days(world, monkeypatch)
        found.account.attach(world.ec2)
        yield found
        remember.cache_clear()


# ---- what may happen in a VPC


def _requires(site: Site, services: str) -> None:
    site.days.world.ec2.create_tags(Resources=[site.vpc_id], Tags=[{"Key": "lifeline:require", "Value": services}])


def requires_more(site: Site) -> None:
    _requires(site, "monitoring, logs")


def requires_nothing(site: Site) -> None:
    site.days.call({"exempt": [site.vpc_id], "days": 30})


def time_passes(site: Site) -> None:
    site.days.clock.advance(HOUR)


def days_pass(site: Site) -> None:
    site.days.sweeps(1)
    site.days.clock.advance(timedelta(hours=73))


def vpc_teardown_is_throttled(site: Site) -> None:
    with _throttled():
        if event := site.try_vpc():
            site.days.deliver(event)


def subnet_teardown_is_throttled(site: Site) -> None:
    with _throttled():
        if event := site.try_subnet():
            site.days.deliver(event)


def others_come(site: Site) -> None:
    site.add_interface()


def is_frozen(site: Site) -> None:
    site.days.look(site.vpc_id, freeze=["monitoring"])


def is_claimed_while_throttled(site: Site) -> None:
    if site.days.live(site.vpc_id):
        with _throttled():
            site.days.deliver(claim(site.days, site.vpc_id, site.subnet_ids[0]))


def someone_deletes_the_endpoints(site: Site) -> None:
    if live := site.days.live(site.vpc_id):
        site.days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=live)
    site.days.clock.advance(MINUTES)


def is_reconciled(site: Site) -> None:
    site.days.look(site.vpc_id)
    site.days.clock.advance(MINUTES)


@contextmanager
def _throttled() -> Iterator[None]:
    """EC2 throttles every change that Lifeline makes."""

    def refuse(*_: object, **__: object) -> None:
        raise TransientError("throttled", code="Throttling")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoints, "apply", refuse)
        yield


HAPPENINGS: tuple[Happening, ...] = (
    requires_more,
    requires_nothing,
    time_passes,
    days_pass,
    vpc_teardown_is_throttled,
    subnet_teardown_is_throttled,
    others_come,
    is_frozen,
    is_claimed_while_throttled,
    someone_deletes_the_endpoints,
    is_reconciled,
)


# ---- the three


def page(days: Days, vpc_id: str) -> VpcAnswer:
    settings = PageSettings.from_environment()
    return plan_of(vpc_id, tools=coverage_page._tools(settings), settings=settings, now=days.clock())


def overview(days: Days) -> Coverage:
    settings = PageSettings.from_environment()
    return cover((), tools=coverage_page._tools(settings), settings=settings, now=days.clock())


def row(days: Days, vpc_id: str) -> VpcCoverage:
    (found,) = [vpc for vpc in overview(days).vpcs if vpc.id == vpc_id]
    return found


def deeds(actions: list[dict[str, Any]]) -> list[Deed]:
    """What is to be done, or was done, or can't be, and to what. What is made has no id before."""
    target = {
        "retire_endpoint": "endpoint_id",
        "disable_private_dns": "endpoint_id",
        "delete_security_group": "security_group_id",
    }
    return sorted(
        (
            action["action"],
            "blocked" if action["status"] == "blocked" else "planned",
            action.get(target.get(action["action"], ""), "") or "",
        )
        for action in actions
    )


def as_shown(days: Days, vpc_id: str) -> tuple[list[Deed], list[Deed]]:
    """What the page shows, and what plan mode does."""
    shown = as_json(page(days, vpc_id))["actions"]
    return deeds(shown), deeds(days.look(vpc_id, mode="plan")["actions"])


def swept(days: Days, vpc_id: str, **more: str) -> list[Deed]:
    (found,) = [vpc for vpc in days.call({"sweep": True, **more})["vpcs"] if vpc["vpc_id"] == vpc_id]
    return deeds(found["actions"])


# ---- they agree


def test_a_teardown_that_was_throttled_is_continued_and_shown_although_no_event_comes_again(days: Days) -> None:
    site = Site(days, "a", "b")
    vpc_teardown_is_throttled(site)
    requires_more(site)
    shown, planned = as_shown(days, site.vpc_id)
    assert {(kind, status) for kind, status, _ in shown} >= {
        ("retire_endpoint", "planned"),
        ("delete_security_group", "planned"),
    }
    assert shown == planned == swept(days, site.vpc_id, mode="plan")
    notes = " ".join(row(days, site.vpc_id).notes)
    (endpoint_id,) = days.live(site.vpc_id)
    assert f"{endpoint_id} will be deleted on the next run: " in notes
    assert deeds(days.look(site.vpc_id)["actions"]) == planned
    assert days.live(site.vpc_id) == []


@pytest.mark.parametrize("event", [{"sweep": True}, {}])
def test_a_frozen_vpc_with_a_failed_deletion_and_no_other_work_is_continued(days: Days, event: dict[str, Any]) -> None:
    site = Site(days)
    vpc_teardown_is_throttled(site)
    days.empty_queue()
    days.call(event or {"vpc_ids": [site.vpc_id]})
    assert days.live(site.vpc_id) == []


def test_a_subnet_that_is_about_to_go_asks_for_nothing_on_the_page(days: Days) -> None:
    site = Site(days, "a", "b")
    site.add_interface(1)
    subnet_teardown_is_throttled(site)
    doomed, other = site.subnet_ids
    cells = {subnet.id: [cell.service for cell in subnet.cells] for subnet in row(days, site.vpc_id).subnets}
    assert cells == {doomed: [], other: ["monitoring"]}
    shown, planned = as_shown(days, site.vpc_id)
    assert shown == planned == deeds(days.look(site.vpc_id)["actions"]) == [("remove_subnets", "planned", "")]


def test_a_hand_over_that_was_throttled_is_shown(days: Days) -> None:
    site = Site(days)
    is_claimed_while_throttled(site)
    shown, planned = as_shown(days, site.vpc_id)
    (endpoint_id,) = days.live(site.vpc_id)
    assert shown == planned == [("disable_private_dns", "planned", endpoint_id)]
    notes = " ".join(row(days, site.vpc_id).notes)
    assert f"private DNS of {endpoint_id} will be turned off on the next run: " in notes
    assert deeds(days.look(site.vpc_id)["actions"]) == planned


def test_a_released_vpc_is_shown_as_the_next_sweep_leaves_it(days: Days) -> None:
    site = Site(days)
    days.look(site.vpc_id, release=True)
    days.clock.advance(MINUTES)
    assert deeds(as_json(page(days, site.vpc_id))["actions"]) == swept(days, site.vpc_id)
    days.clock.advance(MINUTES)
    shown = deeds(as_json(page(days, site.vpc_id))["actions"])
    assert {status for _, status, _ in shown} == {"blocked"}
    assert shown == swept(days, site.vpc_id)


def test_the_page_only_reads_whatever_it_previews(days: Days) -> None:
    site = Site(days)
    vpc_teardown_is_throttled(site)
    days.account.forget_calls()
    page(days, site.vpc_id)
    overview(days)
    assert [name for name in days.account.call_counts if not name.startswith("Describe")] == []


def test_an_endpoint_that_ec2_does_not_show_yet_is_not_planned_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    assert days.look(vpc_id)["outcome"] == "changed"
    observe = Network.observe

    def without_endpoints(self: Any, vpc_ids: Any) -> Any:
        return tuple(replace(vpc, endpoints=()) for vpc in observe(self, vpc_ids))

    monkeypatch.setattr(Network, "observe", without_endpoints)
    shown, planned = as_shown(days, vpc_id)
    assert shown == planned == swept(days, vpc_id, mode="plan") == swept(days, vpc_id) == []


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 40))])
def test_whatever_happened_before_the_page_plan_mode_and_the_run_agree(days: Days, seed: int) -> None:
    site, chosen, happened = Site(days, "a", "b"), random.Random(seed), list[str]()  # noqa: S311 - no secret
    for _ in range(5):
        happening = chosen.choice(HAPPENINGS)
        happening(site)
        happened.append(happening.__name__)
        shown, planned = as_shown(days, site.vpc_id)
        assert shown == planned, happened
    assert deeds(days.look(site.vpc_id)["actions"]) == planned, happened


@pytest.fixture(autouse=True)
def _acting_on_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """What more is required is no backlog here: a call that names the VPC acts, and the page doesn't."""
    monkeypatch.setattr(
        backlog, "judge", lambda *given, **more: judge(*given, **{**more, "at_once": frozenset({EVERYTHING})})
    )
