"""The environment that the template gives."""

from datetime import timedelta

import pytest

from lifeline.core.watches import Rules, Watch
from lifeline.errors import SettingsError
from lifeline.settings import Settings

ENVIRONMENT = {
    "STACK_NAME": "lifeline",
    "AWS_REGION": "eu-west-1",
    "MODE": "enforce",
    "REQUIRED_SERVICES": "monitoring, logs,,monitoring",
    "SCOPE": "private",
    "COVERAGE": "az",
    "SETTLE_SECONDS": "30",
    "AGENT_PERIOD_SECONDS": "60",
    "GAP_GRACE_SECONDS": "240",
    "TABLE_NAME": "ledger",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices",
    "ROLE_ARN": "arn:aws:iam::123456789012:role/r",
}


def test_settings_are_read_with_their_units() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.required_services == ("monitoring", "logs")
    assert settings.gap_grace == timedelta(minutes=4)
    assert settings.account_id == "123456789012"


def test_the_detectors_settings_have_defaults() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.default_watch == Watch()
    assert (settings.agents_a_run, settings.detect_queue_url) == (10_000, "")


@pytest.mark.parametrize(("hours", "after"), [("", 72), ("0", 0), ("8760", 8760)])
def test_endpoints_are_kept_for_three_days_where_nothing_else_is_said(hours: str, after: int) -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "RETIRE_AFTER_HOURS": hours})
    assert settings.retire_after == timedelta(hours=after)


def test_the_parameters_make_the_default_watch() -> None:
    settings = Settings.from_environment(
        {
            **ENVIRONMENT,
            "AGENT_NAMESPACE": "Fleet",
            "AGENT_PERIOD_SECONDS": "300",
            "GAP_GRACE_SECONDS": "600",
            "RECOVER_AFTER": "1",
            "WARM_UP_SECONDS": "0",
            "MOST_AGENTS_A_RUN": "500",
            "DETECT_QUEUE_URL": "https://sqs/checks",
        }
    )
    rules = Rules(timedelta(minutes=5), timedelta(minutes=10), timedelta(), recover_after=1)
    assert settings.default_watch == Watch("cloudwatch-agent", "Fleet", rules=rules)
    assert (settings.agents_a_run, settings.detect_queue_url) == (500, "https://sqs/checks")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODE", "force"),
        ("MODE", ""),
        ("SCOPE", "public"),
        ("SETTLE_SECONDS", "-1"),
        ("GAP_GRACE_SECONDS", "4m"),
        ("AGENT_PERIOD_SECONDS", "0"),
        ("AGENT_PERIOD_SECONDS", "3601"),
        ("WARM_UP_SECONDS", "-1"),
        ("RECOVER_AFTER", "0"),
        ("RECOVER_AFTER", "2.5"),
        ("MOST_AGENTS_A_RUN", "0"),
        ("RETIRE_AFTER_HOURS", "3d"),
        ("RETIRE_AFTER_HOURS", "8761"),
        ("TABLE_NAME", " "),
        ("REQUIRED_SERVICES", "monitoring,*"),
        ("REQUIRED_SERVICES", "com.amazonaws.eu-west-1.Monitoring!"),
    ],
)
def test_an_unusable_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({**ENVIRONMENT, variable: value})
