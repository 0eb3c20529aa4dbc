from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.calls import ours
from lifeline.adapters.aws.cloudwatch import CloudWatch, ListingCutError
from lifeline.core.agents.series import Series
from lifeline.core.agents.timing import Timing, Window
from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.errors import TerminalError, TransientError
from tests.support.agents import (
    ENVIRONMENT,
    GRACE,
    NAMESPACE,
    PERIOD,
    START,
    calls,
    client_error,
    failing,
    minute,
    publish,
    series,
)
from tests.support.emulator import emulated_aws

WATCH = Watch()
WINDOW = Window(minute(0), minute(10), PERIOD)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield


class PagedCloudWatch:
    """Answers GetMetricData with these pages, whatever is asked; an exception among them is raised."""

    def __init__(self, *pages: list[dict[str, Any]] | Exception) -> None:
        self._pages = pages

    def get_paginator(self, _operation: str) -> "PagedCloudWatch":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        for page in self._pages:
            if isinstance(page, Exception):
                raise page
            yield {"MetricDataResults": page}


def put(namespace: str, metric: str, **dimensions: str) -> None:
    named = [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]
    data = [{"MetricName": metric, "Dimensions": named, "Value": 1}]
    clients.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


class ListingCloudWatch:
    """Lists these entities, whatever is asked: moto lets nobody publish odd names."""

    def __init__(self, *entities: str) -> None:
        self._entities = entities

    def get_paginator(self, _operation: str) -> "ListingCloudWatch":
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        dimensions = ([{"Name": "InstanceId", "Value": entity}] for entity in self._entities)
        yield {"Metrics": [{"MetricName": "mem_used_percent", "Dimensions": one} for one in dimensions]}


class PagesOfAList:
    """Lists one agent a page, and goes on where a token says."""

    def __init__(self, *entities: str) -> None:
        self._entities = entities

    def get_paginator(self, _operation: str) -> "PagesOfAList":
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        first = int(request.get("NextToken", "0"))
        for number, entity in enumerate(self._entities[first:], first + 1):
            dimensions = [{"Name": "InstanceId", "Value": entity}]
            page = {"Metrics": [{"MetricName": "mem_used_percent", "Dimensions": dimensions}]}
            yield page | ({"NextToken": str(number)} if number < len(self._entities) else {})


def result(id_: str, status: str, *times: datetime) -> dict[str, Any]:
    return {"Id": id_, "Timestamps": list(times), "Values": [1.0] * len(times), "StatusCode": status}


def read(*pages: list[dict[str, Any]] | Exception, of: int = 1) -> dict[Series, tuple[datetime, ...]]:
    wanted = [series(f"i-0000000{number}") for number in range(of)]
    return dict(CloudWatch(WATCH, PagedCloudWatch(*pages)).read(wanted, WINDOW))


class TestListing:
    def test_agents_are_found_with_their_series_fewest_dimensions_first(self) -> None:
        publish("i-0000000a", at=START, more={"ImageId": "ami-1"})
        publish("i-0000000a", "i-0000000b", at=START)
        publish("i-0000000a", at=START, metric="disk_used_percent")
        assert CloudWatch(WATCH).list_series() == {
            "i-0000000a": (
                series(metric="disk_used_percent"),
                series(),
                series(ImageId="ami-1"),
            ),
            "i-0000000b": (series("i-0000000b"),),
        }

    def test_series_of_other_namespaces_and_without_an_instance_id_are_left_out(self) -> None:
        put("Other", "m", InstanceId="i-0000000a")
        put(NAMESPACE, "m", host="web")
        assert CloudWatch(WATCH).list_series() == {}

    def test_a_watch_names_any_namespace_and_dimension(self) -> None:
        put("Custom/Shop", "orders", host="web", shop="north")
        watch = Watch(namespace="Custom/Shop", dimension="shop")
        assert CloudWatch(watch).list_series() == {"north": (Series("orders", (("host", "web"), ("shop", "north"))),)}

    def test_with_a_metric_only_that_metrics_series_are_asked_for(self) -> None:
        publish("i-0000000a", at=START)
        publish("i-0000000b", at=START, metric="disk_used_percent")
        with calls("cloudwatch") as made:
            assert list(CloudWatch(Watch(metric="mem_used_percent")).list_series()) == ["i-0000000a"]
        assert [asked["MetricName"] for _, asked in made] == ["mem_used_percent"]

    def test_with_a_prefix_only_metrics_whose_names_start_so_count(self) -> None:
        publish("i-0000000a", at=START, metric="statsd_orders")
        publish("i-0000000a", "i-0000000b", at=START, metric="mem_used_percent")
        found = CloudWatch(Watch(metric_prefix="statsd_")).list_series()
        assert found == {"i-0000000a": (series(metric="statsd_orders"),)}

    def test_only_recently_active_series_are_asked_for(self) -> None:
        with calls("cloudwatch") as made:
            CloudWatch(WATCH).list_series()
        [(_, asked)] = made
        assert asked["RecentlyActive"] == "PT3H"
        assert asked["Dimensions"] == [{"Name": "InstanceId"}]

    def test_all_pages_are_read(self) -> None:
        entities = [f"i-{number:08x}" for number in range(510)]
        publish(*entities, at=START)
        assert list(CloudWatch(WATCH).list_series()) == entities

    def test_a_missing_page_fails_the_list(self) -> None:
        with failing("cloudwatch", "ListMetrics", "Throttling"), pytest.raises(TransientError, match="CWAgent"):
            CloudWatch(WATCH).list_series()

    @pytest.mark.parametrize("odd", ["x" * 256, "", "web\n1", "web\x1b[2J", "web\u202e1"])
    def test_a_name_that_is_too_long_or_not_printable_is_not_watched(self, odd: str) -> None:
        assert list(CloudWatch(WATCH, ListingCloudWatch(odd, "x" * 255)).list_series()) == ["x" * 255]

    def test_names_that_are_not_watched_are_told_of_once_and_printably(self, caplog: pytest.LogCaptureFixture) -> None:
        CloudWatch(WATCH, ListingCloudWatch("web\x1b1", "web\x1b1", "web\x1b2", "")).list_series()
        [warning] = caplog.records
        assert warning.levelname == "WARNING"
        assert vars(warning)["count"] == 2
        assert vars(warning)["entities"] == ["'web\\x1b1'", "'web\\x1b2'"]

    def test_a_metric_with_longer_dimensions_than_any_agent_needs_does_not_count(self) -> None:
        others = len("InstanceId") + len("i-0000000a") + len("ab")
        longest = {"InstanceId": "i-0000000a", "a": "x" * 1000, "b": "x" * (1000 - others)}
        put(NAMESPACE, "m", **longest)
        put(NAMESPACE, "m", **longest | {"b": longest["b"] + "x"})
        put(NAMESPACE, "m", **longest | {"InstanceId": "i-0000000bb"})
        listed = CloudWatch(WATCH).list_series()
        assert listed == {"i-0000000a": (Series("m", tuple(longest.items())),)}

    def test_agents_of_such_metrics_are_told_of_once_and_printably(self, caplog: pytest.LogCaptureFixture) -> None:
        for entity, metric in (("web-1", "m"), ("web-1", "n"), ("web-2", "m")):
            put(NAMESPACE, metric, InstanceId=entity, a="x" * 1000, b="x" * 1000)
        publish("web-1", at=START)
        CloudWatch(WATCH).list_series()
        [warning] = caplog.records
        assert warning.levelname == "WARNING"
        assert "dimensions are too long" in warning.message
        assert (vars(warning)["count"], vars(warning)["entities"]) == (2, ["'web-1'", "'web-2'"])


class TestReading:
    def test_datapoints_come_oldest_first_from_within_the_window(self) -> None:
        for number in (-1, 9, 0, 4, 10):
            publish("i-0000000a", at=minute(number))
        assert CloudWatch(WATCH).read([series()], WINDOW) == {series(): (minute(0), minute(4), minute(9))}

    def test_a_series_without_datapoints_is_read_and_empty(self) -> None:
        assert CloudWatch(WATCH).read([series()], WINDOW) == {series(): ()}

    def test_the_query_asks_for_sample_counts_by_the_agents_period(self) -> None:
        with calls("cloudwatch") as made:
            CloudWatch(WATCH).read([series()], WINDOW)
        [(_, asked)] = made
        [query] = asked["MetricDataQueries"]
        assert (query["MetricStat"]["Stat"], query["MetricStat"]["Period"]) == ("SampleCount", 60)
        assert "Unit" not in query["MetricStat"]
        assert (asked["StartTime"], asked["EndTime"]) == (minute(0), minute(10))

    def test_a_period_of_five_seconds_is_read_as_such(self) -> None:
        moment = Timing(START, Rules(timedelta(seconds=5), timedelta(seconds=20)))
        last = START - timedelta(seconds=10)
        publish("i-0000000a", at=last)
        assert CloudWatch(WATCH).read([series()], moment.usual_window) == {series(): (last,)}

    def test_500_series_go_into_one_call(self) -> None:
        wanted = [series(f"i-{number:08x}") for number in range(501)]
        with calls("cloudwatch") as made:
            readings = CloudWatch(WATCH).read(wanted, WINDOW)
        assert sorted(len(asked["MetricDataQueries"]) for _, asked in made) == [1, 500]
        assert len(readings) == 501

    @pytest.mark.parametrize(("count", "most"), [(1, 1), (500, 1), (1000, 2), (1001, 3)])
    def test_no_more_calls_are_made_than_the_series_fill(self, count: int, most: int) -> None:
        wanted = [series(f"i-{number:08x}") for number in range(count)]
        window = Timing(START, Rules()).usual_window
        with calls("cloudwatch") as made:
            CloudWatch(WATCH).read([*wanted, *wanted], window)
        assert len(made) == most

    def test_no_call_asks_for_more_datapoints_than_one_answer_holds(self) -> None:
        window = Timing(START, Rules(timedelta(seconds=5), GRACE)).recent_window
        with calls("cloudwatch") as made:
            CloudWatch(WATCH).read([series(f"i-{number:08x}") for number in range(50)], window)
        assert max(len(asked["MetricDataQueries"]) for _, asked in made) * window.points <= 100_800

    def test_nothing_is_asked_for_no_series(self) -> None:
        with calls("cloudwatch") as made:
            assert CloudWatch(WATCH).read([], WINDOW) == {}
        assert made == []

    def test_partial_data_is_followed_to_its_next_page(self) -> None:
        cloudwatch = clients.client("cloudwatch")
        with Stubber(cloudwatch) as stub:
            first = {"MetricDataResults": [result("q0", "PartialData", minute(2))], "NextToken": "more"}
            stub.add_response("get_metric_data", first)
            stub.add_response("get_metric_data", {"MetricDataResults": [result("q0", "Complete", minute(1))]})
            readings = CloudWatch(WATCH).read([series()], WINDOW)
            stub.assert_no_pending_responses()
        assert readings == {series(): (minute(1), minute(2))}

    def test_partial_data_without_an_end_is_unknown(self) -> None:
        assert read([result("q0", "PartialData")]) == {}

    @pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
    def test_a_series_that_cloudwatch_could_not_read_is_unknown(self, status: str) -> None:
        assert read([result("q0", status), result("q1", "Complete")], of=2) == {series("i-00000001"): ()}

    def test_an_internal_error_outlasts_later_pages(self) -> None:
        assert read([result("q0", "InternalError")], [result("q0", "Complete")]) == {}

    def test_a_series_without_an_answer_is_unknown(self) -> None:
        assert read([result("q0", "Complete")], of=2) == {series("i-00000000"): ()}

    def test_a_throttled_page_makes_unknown_what_was_not_complete_before(self) -> None:
        pages = [result("q0", "Complete", minute(1)), result("q1", "PartialData", minute(1))]
        assert read(pages, client_error("Throttling"), of=2) == {series("i-00000000"): (minute(1),)}

    @pytest.mark.parametrize("code", ["Throttling", "AccessDenied", "InternalServiceFault"])
    def test_a_failed_call_is_unknown(self, code: str) -> None:
        with failing("cloudwatch", "GetMetricData", code):
            assert CloudWatch(WATCH).read([series()], WINDOW) == {}


class TestErrors:
    @pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "InternalServiceFault"])
    def test_an_error_that_passes_is_transient(self, code: str) -> None:
        error = ours(client_error(code), "it failed")
        assert isinstance(error, TransientError)
        assert (error.code, str(error).startswith("it failed: ")) == (code, True)

    def test_a_5xx_is_transient_whatever_its_code(self) -> None:
        assert isinstance(ours(client_error("Odd", status=503), "it failed"), TransientError)

    def test_an_error_that_a_person_must_mend_is_terminal(self) -> None:
        assert isinstance(ours(client_error("AccessDenied", status=403), "it failed"), TerminalError)

    def test_the_network_is_transient_and_missing_credentials_are_terminal(self) -> None:
        assert isinstance(ours(EndpointConnectionError(endpoint_url="x"), "it failed"), TransientError)
        assert isinstance(ours(NoCredentialsError(), "it failed"), TerminalError)


class TestListingInParts:
    @pytest.mark.parametrize("clock", [[1.0, 9.0], [9.0]])
    def test_a_list_that_takes_too_long_is_cut_with_what_was_read_and_where_to_go_on(self, clock: list[float]) -> None:
        times = iter(clock)
        listing = CloudWatch(WATCH, PagesOfAList("a", "b", "c"), until=5.0, clock=lambda: next(times))
        with pytest.raises(ListingCutError) as cut:
            listing.list_series()
        assert [*cut.value.listed] == ["a", "b", "c"][: len(clock)]
        assert [*CloudWatch(WATCH, PagesOfAList("a", "b", "c")).list_series(cut.value.token)] == (
            ["a", "b", "c"][len(clock) :]
        )

    def test_a_list_that_ends_just_in_time_is_whole(self) -> None:
        listing = CloudWatch(WATCH, PagesOfAList("a"), until=5.0, clock=lambda: 9.0)
        assert [*listing.list_series()] == ["a"]

    def test_what_many_series_share_is_kept_once(self) -> None:
        for entity in ("i-0000000a", "i-0000000b"):
            put(WATCH.namespace, "mem_used_percent", ImageId="ami-1", InstanceId=entity)
        [one], [other] = CloudWatch(WATCH).list_series().values()
        assert one.dimensions[0] == ("ImageId", "ami-1")
        assert one.dimensions[0] is other.dimensions[0]

    def test_no_more_is_read_at_a_time_than_fits_into_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("lifeline.adapters.aws.cloudwatch._MOST_PAGES", 2)
        with pytest.raises(ListingCutError) as cut:
            CloudWatch(WATCH, PagesOfAList("a", "b", "c")).list_series()
        assert [*cut.value.listed] == ["a", "b"]
