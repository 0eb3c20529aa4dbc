from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber
from moto import mock_aws

from lifeline.adapters import clients
from lifeline.adapters.aws import ours
from lifeline.adapters.cloudwatch import CloudWatch
from lifeline.core.gaps import Moment, Rules, Series, Window
from lifeline.errors import TerminalError, TransientError
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

WINDOW = Window(minute(0), minute(10), PERIOD)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    with mock_aws():
        yield
    clients.client.cache_clear()


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


def result(id_: str, status: str, *times: datetime) -> dict[str, Any]:
    return {"Id": id_, "Timestamps": list(times), "Values": [1.0] * len(times), "StatusCode": status}


def read(*pages: list[dict[str, Any]] | Exception, of: int = 1) -> dict[Series, tuple[datetime, ...]]:
    wanted = [series(f"i-0000000{number}") for number in range(of)]
    return dict(CloudWatch(NAMESPACE, PagedCloudWatch(*pages)).read(wanted, WINDOW))


class TestListing:
    def test_agents_are_found_with_their_series_fewest_dimensions_first(self) -> None:
        publish("i-0000000a", at=START, more={"ImageId": "ami-1"})
        publish("i-0000000a", "i-0000000b", at=START)
        publish("i-0000000a", at=START, metric="disk_used_percent")
        assert CloudWatch(NAMESPACE).list_series() == {
            "i-0000000a": (
                series(metric="disk_used_percent"),
                series(),
                series(ImageId="ami-1"),
            ),
            "i-0000000b": (series("i-0000000b"),),
        }

    def test_series_of_other_namespaces_and_without_an_instance_id_are_left_out(self) -> None:
        cloudwatch = clients.client("cloudwatch")
        cloudwatch.put_metric_data(
            Namespace="Other",
            MetricData=[{"MetricName": "m", "Dimensions": [{"Name": "InstanceId", "Value": "i-0000000a"}], "Value": 1}],
        )
        cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[{"MetricName": "m", "Dimensions": [{"Name": "host", "Value": "web"}], "Value": 1}],
        )
        assert CloudWatch(NAMESPACE).list_series() == {}

    def test_only_recently_active_series_are_asked_for(self) -> None:
        with calls("cloudwatch") as made:
            CloudWatch(NAMESPACE).list_series()
        [(_, asked)] = made
        assert asked["RecentlyActive"] == "PT3H"
        assert asked["Dimensions"] == [{"Name": "InstanceId"}]

    def test_all_pages_are_read(self) -> None:
        entities = [f"i-{number:08x}" for number in range(510)]
        publish(*entities, at=START)
        assert list(CloudWatch(NAMESPACE).list_series()) == entities

    def test_a_missing_page_fails_the_list(self) -> None:
        with failing("cloudwatch", "ListMetrics", "Throttling"), pytest.raises(TransientError, match="CWAgent"):
            CloudWatch(NAMESPACE).list_series()

    def test_a_name_too_long_for_the_ledger_is_not_watched(self) -> None:
        publish("x" * 256, "x" * 255, at=START)
        assert list(CloudWatch(NAMESPACE).list_series()) == ["x" * 255]


class TestReading:
    def test_datapoints_come_oldest_first_from_within_the_window(self) -> None:
        for number in (-1, 9, 0, 4, 10):
            publish("i-0000000a", at=minute(number))
        assert CloudWatch(NAMESPACE).read([series()], WINDOW) == {series(): (minute(0), minute(4), minute(9))}

    def test_a_series_without_datapoints_is_read_and_empty(self) -> None:
        assert CloudWatch(NAMESPACE).read([series()], WINDOW) == {series(): ()}

    def test_the_query_asks_for_sample_counts_by_the_agents_period(self) -> None:
        with calls("cloudwatch") as made:
            CloudWatch(NAMESPACE).read([series()], WINDOW)
        [(_, asked)] = made
        [query] = asked["MetricDataQueries"]
        assert (query["MetricStat"]["Stat"], query["MetricStat"]["Period"]) == ("SampleCount", 60)
        assert "Unit" not in query["MetricStat"]
        assert (asked["StartTime"], asked["EndTime"]) == (minute(0), minute(10))

    def test_a_period_of_five_seconds_is_read_as_such(self) -> None:
        moment = Moment(START, Rules(timedelta(seconds=5), timedelta(seconds=20)))
        last = START - timedelta(seconds=10)
        publish("i-0000000a", at=last)
        assert CloudWatch(NAMESPACE).read([series()], moment.usual_window) == {series(): (last,)}

    def test_500_series_go_into_one_call(self) -> None:
        wanted = [series(f"i-{number:08x}") for number in range(501)]
        with calls("cloudwatch") as made:
            readings = CloudWatch(NAMESPACE).read(wanted, WINDOW)
        assert sorted(len(asked["MetricDataQueries"]) for _, asked in made) == [1, 500]
        assert len(readings) == 501

    def test_no_call_asks_for_more_datapoints_than_one_answer_holds(self) -> None:
        window = Moment(START, Rules(timedelta(seconds=5), GRACE)).recent_window
        with calls("cloudwatch") as made:
            CloudWatch(NAMESPACE).read([series(f"i-{number:08x}") for number in range(50)], window)
        assert max(len(asked["MetricDataQueries"]) for _, asked in made) * window.points <= 100_800

    def test_nothing_is_asked_for_no_series(self) -> None:
        with calls("cloudwatch") as made:
            assert CloudWatch(NAMESPACE).read([], WINDOW) == {}
        assert made == []

    def test_partial_data_is_followed_to_its_next_page(self) -> None:
        cloudwatch = clients.client("cloudwatch")
        with Stubber(cloudwatch) as stub:
            first = {"MetricDataResults": [result("q0", "PartialData", minute(2))], "NextToken": "more"}
            stub.add_response("get_metric_data", first)
            stub.add_response("get_metric_data", {"MetricDataResults": [result("q0", "Complete", minute(1))]})
            readings = CloudWatch(NAMESPACE).read([series()], WINDOW)
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
            assert CloudWatch(NAMESPACE).read([series()], WINDOW) == {}


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
