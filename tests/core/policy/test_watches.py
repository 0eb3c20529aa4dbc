"""Watches and maintenance windows in a policy document, and the tag that exempts an instance."""

import json
import re
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.watches import Maintenance, Rules, Watch
from lifeline.core.errors import InvalidInputError
from lifeline.core.owner import OwnerTags
from lifeline.core.policy.policy import Policy, is_exempt
from lifeline.core.policy.reading import read_policy
from lifeline.core.severity import Severity
from tests.support.repository import ROOT

VPC_ID = "vpc-0123456789abcdef0"
TODAY = date(2026, 11, 22)
SCHEMA: dict[str, Any] = json.loads(files("lifeline").joinpath("policy.schema.json").read_text("utf-8"))


def read(**said: Any) -> tuple[tuple[Watch, ...], tuple[Maintenance, ...]]:
    found = read_policy(json.dumps({"version": 1, "rules": [], **said}))
    return found.watches, found.maintenance


def watch(**said: Any) -> Watch:
    watches, _ = read(watches=[{"name": "x", **said}])
    assert watches
    return watches[0]


def window(**said: Any) -> Maintenance:
    return read(maintenance=[{"reason": "patching", **said}])[1][0]


ONCE = {"from": "2026-12-01T22:00:00Z", "until": "2026-12-02T04:00:00Z"}
WEEKLY = {"days": ["sat", "sun"], "at": "02:00", "minutes": 90}


# ---- watches


def test_a_document_that_says_nothing_of_watches_leaves_one_for_cloudwatch_agents() -> None:
    assert read() == ((Watch(),), ())


def test_with_an_empty_list_nobody_is_watched() -> None:
    assert read(watches=[])[0] == ()


def test_a_watch_is_read_with_every_field() -> None:
    said = watch(
        name="orders-2",
        namespace="Shop/Orders",
        dimension="host",
        metric_prefix="orders_",
        period_seconds=10,
        grace_seconds=300,
        recover_after=3,
        warm_up_seconds=0,
        forget_after_days=2,
        needs=["ecr-pull", "sts"],
        most_hosts=0,
    )
    assert said == Watch(
        name="orders-2",
        namespace="Shop/Orders",
        dimension="host",
        metric_prefix="orders_",
        rules=Rules(
            period=timedelta(seconds=10),
            grace=timedelta(minutes=5),
            warm_up=timedelta(),
            forget_after=timedelta(days=2),
            recover_after=3,
        ),
        needs=frozenset({"ecr.api", "ecr.dkr", "s3", "sts"}),
        most_hosts=0,
    )
    assert watch(metric="mem_used_percent") == Watch(name="x", metric="mem_used_percent")


def test_what_a_watch_leaves_out_is_as_the_schema_says() -> None:
    said = {
        key: one["default"] for key, one in SCHEMA["definitions"]["watch"]["properties"].items() if "default" in one
    }
    assert watch() == Watch(name="x") == watch(**said)
    assert watch(instances="elsewhere") == Watch(name="x", is_elsewhere=True)
    assert len(said) == len(fields(Rules)) + len({"namespace", "dimension", "most_hosts", "instances"})


def test_monitoring_goes_without_saying() -> None:
    assert watch(needs=["cloudwatch-agent"]).needs == {"ec2"}


def test_watches_keep_their_order() -> None:
    watches, _ = read(watches=[{"name": name} for name in "bca"])
    assert [one.name for one in watches or ()] == ["b", "c", "a"]


@pytest.mark.parametrize("number", [1, 60, 3600])
def test_a_whole_number_may_be_written_with_a_point(number: int) -> None:
    assert watch(period_seconds=float(number), recover_after=2.0) == watch(period_seconds=number, recover_after=2)


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({}, "watches[0].name", "is missing"),
        ({"name": "CWAgent"}, "watches[0].name", "must be a name of up to 40 of a-z, 0-9 and -, not 'CWAgent'"),
        ({"name": "x" * 41}, "watches[0].name", "must be a name of up to 40 of a-z"),
        ({"name": ""}, "watches[0].name", "must be a name of up to 40 of a-z"),
        ({"name": "x", "namespace": ":x"}, "watches[0].namespace", "must be 1 to 255 printable ASCII characters, not"),
        ({"name": "x", "namespace": "n" * 256}, "watches[0].namespace", "has 256 characters; 255 are the most"),
        ({"name": "x", "dimension": ""}, "watches[0].dimension", "must be 1 to 255 printable ASCII characters, not"),
        ({"name": "x", "dimension": "h\u00f6st"}, "watches[0].dimension", "must be 1 to 255 printable ASCII"),
        ({"name": "x", "dimension": "a\tb"}, "watches[0].dimension", "must be 1 to 255 printable ASCII"),
        ({"name": "x", "metric": " "}, "watches[0].metric", "must be 1 to 255 printable ASCII characters, not"),
        (
            {"name": "x", "metric": "a", "metric_prefix": "a"},
            "watches[0]",
            "must not have both metric and metric_prefix",
        ),
        ({"name": "x", "period_seconds": 0}, "watches[0].period_seconds", "must be a whole number from 1 to 3600, no"),
        ({"name": "x", "period_seconds": 3601}, "watches[0].period_seconds", "must be a whole number from 1 to 3600"),
        ({"name": "x", "period_seconds": 1.5}, "watches[0].period_seconds", "must be a whole number from 1 to 3600"),
        ({"name": "x", "grace_seconds": 86401}, "watches[0].grace_seconds", "must be a whole number from 1 to 86400"),
        ({"name": "x", "most_hosts": -1}, "watches[0].most_hosts", "must be a whole number from 0 to 100000, not -1"),
        ({"name": "x", "recover_after": 11}, "watches[0].recover_after", "must be a whole number from 1 to 10, not "),
        ({"name": "x", "warm_up_seconds": -1}, "watches[0].warm_up_seconds", "must be a whole number from 0 to 86400"),
        ({"name": "x", "forget_after_days": 91}, "watches[0].forget_after_days", "must be a whole number from 1 to 90"),
        ({"name": "x", "needs": []}, "watches[0].needs", "must not be empty"),
        ({"name": "x", "needs": ["Logs"]}, "watches[0].needs[0]", "must be a service such as monitoring or ecr.api"),
        ({"name": "x", "period": 60}, "watches[0].period", "is not one of dimension, forget_after_days, grace_seconds"),
        ("x", "watches[0]", "must be a watch (a JSON object), not 'x'"),
    ],
)
def test_a_wrong_watch_is_refused_with_its_field(said: object, field: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(watches=[said])
    assert raised.value.field == field
    assert raised.value.message.startswith(message)


def test_two_watches_may_not_share_a_name() -> None:
    with pytest.raises(InvalidInputError, match=r"watches\[2\].name: 'x' names watches\[0\] already"):
        read(watches=[{"name": "x"}, {"name": "y"}, {"name": "x"}])


def test_there_are_at_most_twenty_watches() -> None:
    watches, _ = read(watches=[{"name": f"w-{number}"} for number in range(20)])
    assert len(watches or ()) == 20
    with pytest.raises(InvalidInputError, match="watches: has 21 entries; 20 are the most"):
        read(watches=[{"name": f"w-{number}"} for number in range(21)])


# ---- maintenance windows


def test_a_window_happens_once() -> None:
    assert window(**ONCE) == Maintenance(
        reason="patching",
        start=datetime(2026, 12, 1, 22, 0, tzinfo=UTC),
        end=datetime(2026, 12, 2, 4, 0, tzinfo=UTC),
    )


def test_a_window_comes_back_every_week() -> None:
    assert window(**WEEKLY) == Maintenance(
        reason="patching", days=frozenset({5, 6}), at=time(2, 0), length=timedelta(minutes=90)
    )


@pytest.mark.parametrize("place", range(7))
def test_a_week_begins_on_monday(place: int) -> None:
    monday = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    said = window(days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"][place : place + 1], at="02:00", minutes=1)
    assert [said.is_on(monday + timedelta(days=later)) for later in range(7)] == [day == place for day in range(7)]


def test_a_window_is_for_those_who_meet_its_conditions() -> None:
    where = {
        "watches": ["cloudwatch-agent"],
        "entities": ["i-1", "i-2"],
        "vpc_ids": [VPC_ID],
        "instance_tags": {"env": ["dev", "test"], "a": "1"},
    }
    said = window(**ONCE, where=where)
    assert said.instance_tags == (("a", frozenset({"1"})), ("env", frozenset({"dev", "test"})))
    machine = Instance(Power.RUNNING, vpc_id=VPC_ID, tags=(("env", "test"), ("a", "1")))
    assert said.covers("cloudwatch-agent", "i-2", machine)
    assert not said.covers("orders", "i-2", machine)
    assert not said.covers("cloudwatch-agent", "i-3", machine)
    assert not said.covers("cloudwatch-agent", "i-2", Instance(Power.RUNNING, vpc_id=VPC_ID, tags=(("a", "1"),)))
    assert not said.covers("cloudwatch-agent", "i-2", Instance(Power.RUNNING, tags=machine.tags))


def test_a_window_may_be_for_any_watch_of_the_document() -> None:
    _, (said,) = read(
        watches=[{"name": "a"}, {"name": "b"}], maintenance=[{"reason": "x", **ONCE, "where": {"watches": ["b"]}}]
    )
    assert said.watches == {"b"}


@pytest.mark.parametrize(
    ("watches", "message"),
    [
        ({}, "'orders' is not one of cloudwatch-agent"),
        ({"watches": []}, "'orders' is not one of the watches: there are none"),
        ({"watches": [{"name": "b"}, {"name": "a"}]}, "'orders' is not one of b, a"),
        ({"watches": [{"name": name * 40} for name in "abcd"]}, f"{'a' * 40}, {'b' * 40}, {'c' * 40}, ..."),
    ],
)
def test_a_window_for_a_watch_that_there_isnt_is_refused(watches: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(**watches, maintenance=[{"reason": "x", **ONCE, "where": {"watches": ["orders"]}}])
    assert raised.value.field == "maintenance[0].where.watches[0]"
    assert raised.value.message.endswith(message)


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        (ONCE, ".reason", "is missing"),
        ({"reason": "x"}, "", "must have from or days, and only one of them"),
        ({"reason": "x", **ONCE, **WEEKLY}, "", "must have from or days, and only one of them"),
        ({"reason": "x", "from": ONCE["from"]}, ".until", "is missing"),
        ({"reason": "x", "until": ONCE["until"]}, "", "must have from or days, and only one of them"),
        ({"reason": "x", **ONCE, "at": "02:00"}, ".days", "is missing"),
        ({"reason": "x", **ONCE, "minutes": 5}, ".days", "is missing"),
        ({"reason": "x", "days": ["sat"], "at": "02:00"}, ".minutes", "is missing"),
        ({"reason": "x", "days": ["sat"], "minutes": 60}, ".at", "is missing"),
        ({"reason": "x", **WEEKLY, "days": []}, ".days", "must not be empty"),
        ({"reason": "x", **WEEKLY, "days": ["Sat"]}, ".days[0]", "must be mon, tue, wed, thu, fri, sat or sun, not 'S"),
        ({"reason": "x", **WEEKLY, "days": ["sat", "sat"]}, ".days", "must not hold the same twice"),
        ({"reason": "x", **WEEKLY, "at": "24:00"}, ".at", "must be a time of day in UTC, as 02:00, not '24:00'"),
        ({"reason": "x", **WEEKLY, "at": "2:00"}, ".at", "must be a time of day in UTC, as 02:00, not '2:00'"),
        ({"reason": "x", **WEEKLY, "minutes": 10081}, ".minutes", "must be a whole number from 1 to 10080, not 10081"),
        ({"reason": "x", **ONCE, "from": "2026-12-01"}, ".from", "must be a time in UTC, as 2026-12-01T22:00:00Z, no"),
        ({"reason": "x", **ONCE, "until": "2026-12-02T04:00:00+01:00"}, ".until", "must be a time in UTC, as 2026-12"),
        ({"reason": "x", **ONCE, "until": "2027-02-29T04:00:00Z"}, ".until", "'2027-02-29T04:00:00Z' is not a moment"),
        ({"reason": "x", **ONCE, "from": "0000-01-01T00:00:00Z"}, ".from", "'0000-01-01T00:00:00Z' is not a moment"),
        (
            {"reason": "x", "from": ONCE["until"], "until": ONCE["from"]},
            ".until",
            "'2026-12-01T22:00:00Z' is not after from, '2026-12-02T04:00:00Z'",
        ),
        ({"reason": "x", "from": ONCE["from"], "until": ONCE["from"]}, ".until", "'2026-12-01T22:00:00Z' is not after"),
        ({"reason": "x", **ONCE, "where": {"tags": {}}}, ".where.tags", "is not one of entities, instance_tags, vpc_"),
        ({"reason": "x", **ONCE, "where": {"entities": [" "]}}, ".where.entities[0]", "must be an entity, 1 to 255 p"),
        ({"reason": "x", **ONCE, "where": {"watches": []}}, ".where.watches", "must not be empty"),
        ({"reason": "x", **ONCE, "where": {"vpc_ids": ["vpc-1"]}}, ".where.vpc_ids[0]", "must be a VPC id (vpc-, the"),
        ({"reason": "x", **ONCE, "where": {"instance_tags": {"env": []}}}, ".where.instance_tags.env", "must not be "),
        ({"reason": "a\nb", **ONCE}, ".reason", "must be a line of text, not 'a\\nb'"),
    ],
)
def test_a_wrong_window_is_refused_with_its_field(said: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(maintenance=[{"reason": "first", **WEEKLY}, said])
    assert raised.value.field == f"maintenance[1]{field}"
    assert raised.value.message.startswith(message)


@given(st.datetimes(), st.datetimes())
def test_a_window_that_is_read_is_on_from_its_start_to_just_before_its_end(one: datetime, other: datetime) -> None:
    start, end = sorted(time.replace(microsecond=0, tzinfo=UTC) for time in (one, other))
    said = {key: one.isoformat().replace("+00:00", "Z") for key, one in (("from", start), ("until", end))}
    if start == end:
        with pytest.raises(InvalidInputError, match="is not after from"):
            window(**said)
    else:
        found = window(**said)
        assert found.is_on(start)
        assert found.is_on(end - timedelta(seconds=1))
        assert not found.is_on(end)


# ---- the examples in docs/policy.md


DOCS = (ROOT / "docs/policy.md").read_text("utf-8").partition("## Examples")[2]
EXAMPLES = [read_policy(text) for text in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)]


def test_most_examples_watch_cloudwatch_agents() -> None:
    assert [one.watches for one in EXAMPLES[:5]] == [(Watch(),)] * 5


def test_the_sixth_example_watches_applications_beside_the_agents() -> None:
    agents, orders = EXAMPLES[5].watches or ()
    assert agents == Watch(needs=frozenset({"sts"}))
    assert orders == Watch("orders", dimension="host", metric_prefix="orders_")
    (patches,) = EXAMPLES[5].maintenance
    sunday = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    assert [patches.is_on(sunday + timedelta(minutes=later)) for later in (-1, 0, 119, 120)] == [
        False,
        True,
        True,
        False,
    ]
    patched = Instance(Power.RUNNING, tags=(("patch-group", "b"),))
    assert patches.covers("cloudwatch-agent", "i-1", patched)
    assert not patches.covers("orders", "i-1", patched)
    assert not patches.covers("cloudwatch-agent", "i-1", Instance(Power.RUNNING))


def test_the_seventh_example_watches_clusters_only() -> None:
    (clusters,) = EXAMPLES[6].watches or ()
    rules = Rules(grace=timedelta(minutes=10), recover_after=3)
    assert clusters == Watch("clusters", "ECS/ContainerInsights", "ClusterName", "TaskCount", rules=rules)
    (move,) = EXAMPLES[6].maintenance
    assert move.is_on(datetime(2026, 12, 2, 3, 59, tzinfo=UTC))
    assert move.covers("clusters", "shop-blue", UNMANAGED)
    assert not move.covers("clusters", "warehouse", UNMANAGED)


# ---- the tag on an instance


@pytest.mark.parametrize("value", ["true", "True", " TRUE ", "2026-11-22", "2026-11-23", " 2027-01-31"])
def test_an_instance_is_exempt_for_good_or_until_its_last_day(value: str) -> None:
    assert is_exempt(value, TODAY)


@pytest.mark.parametrize(
    "value", [None, "", "false", "False", "yes", "2026-11-21", "20270131", "2027-02-30", "2027-1-31", "\u0662027-01-31"]
)
def test_an_instance_is_not_exempt_otherwise(value: str | None) -> None:
    assert not is_exempt(value, TODAY)


@given(st.dates(), st.dates())
def test_an_exemption_ends_with_its_last_day(last: date, today: date) -> None:
    assert is_exempt(str(last), today) is (today <= last)


class TestSeveritiesAndOwners:
    @staticmethod
    def read(**fields: object) -> Policy:
        return read_policy(json.dumps({"version": 1, "rules": [], **fields}))

    def test_a_watch_and_tags_say_how_severe_a_silence_is(self) -> None:
        watch = {"name": "lab", "severity": "info"}
        where = {"watches": ["lab"], "vpc_tags": {"env": ["prod", "stage"]}, "instance_tags": {"tier": "web"}}
        policy = self.read(watches=[watch], severities=[{"severity": "critical", "where": where}])
        assert policy.watches[0].severity is Severity.INFO
        [rule] = policy.severities
        assert (rule.severity, rule.watches) == (Severity.CRITICAL, frozenset({"lab"}))
        assert rule.vpc_tags == (("env", frozenset({"prod", "stage"})),)
        assert rule.instance_tags == (("tier", frozenset({"web"})),)

    def test_nothing_said_leaves_it_to_what_fell_silent(self) -> None:
        policy = self.read()
        assert (policy.severities, policy.watches[0].severity) == ((), None)
        assert policy.owner_tags == OwnerTags("team", "env")

    def test_the_keys_of_the_owners_tags_are_said_one_by_one(self) -> None:
        assert self.read(owner_tags={"team": "Owner"}).owner_tags == OwnerTags("Owner", "env")

    @pytest.mark.parametrize(
        ("fields", "field", "words"),
        [
            ({"severities": [{"severity": "high"}]}, "severities[0].severity", "info, warning or critical"),
            ({"severities": [{}]}, "severities[0].severity", "is missing"),
            (
                {"severities": [{"severity": "info", "where": {"watches": ["lab"]}}]},
                "severities[0].where.watches[0]",
                "cloudwatch-agent",
            ),
            ({"watches": [{"name": "lab", "severity": 1}]}, "watches[0].severity", "info, warning or critical"),
            ({"owner_tags": {"team": ""}}, "owner_tags.team", "1 to 128 characters"),
            ({"owner_tags": {"squad": "x"}}, "owner_tags.squad", "env, team"),
        ],
    )
    def test_anything_else_is_refused_by_its_field(self, fields: dict[str, object], field: str, words: str) -> None:
        with pytest.raises(InvalidInputError) as refused:
            self.read(**fields)
        assert refused.value.field == field
        assert words in refused.value.message
