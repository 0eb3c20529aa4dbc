"""The environment that the template gives."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.errors import SettingsError
from lifeline.core.guards.limits import Limits
from lifeline.core.network.model import RegionRef
from lifeline.runtime.settings import DetectorSettings, Settings

ENVIRONMENT = {
    "STACK_NAME": "lifeline",
    "AWS_REGION": "eu-west-1",
    "MODE": "enforce",
    "REQUIRED_SERVICES": "monitoring, logs,,monitoring",
    "SCOPE": "private",
    "COVERAGE": "az",
    "AGENT_PERIOD_SECONDS": "60",
    "GAP_GRACE_SECONDS": "240",
    "TABLE_NAME": "ledger",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices",
    "ROLE_ARN": "arn:aws:iam::123456789012:role/r",
}

_OF_THE_DETECTOR = {
    "GAP_GRACE_SECONDS",
    "AGENT_PERIOD_SECONDS",
    "WARM_UP_SECONDS",
    "RECOVER_AFTER",
    "MOST_AGENTS_A_RUN",
    "MOST_HOSTS",
}


def test_settings_are_read_with_their_units() -> None:
    settings = DetectorSettings.from_environment(ENVIRONMENT)
    assert settings.required_services == ("monitoring", "logs")
    assert settings.gap_grace == timedelta(minutes=4)
    assert settings.account_id == "123456789012"


def test_the_detectors_settings_have_defaults() -> None:
    settings = DetectorSettings.from_environment(ENVIRONMENT)
    assert settings.default_watch == Watch()
    assert (settings.agents_a_run, settings.most_hosts, settings.detect_queue_url) == (10_000, 1000, "")
    assert settings.ledger_keep == timedelta(days=400)


@pytest.mark.parametrize(("hours", "after"), [("", 72), ("0", 0), ("8760", 8760)])
def test_endpoints_are_kept_for_three_days_where_nothing_else_is_said(hours: str, after: int) -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "RETIRE_AFTER_HOURS": hours})
    assert settings.retire_after == timedelta(hours=after)


@pytest.mark.parametrize(("seconds", "rests"), [("", 600), ("0", 0), ("900", 900)])
def test_a_tools_changes_rest_for_ten_minutes_where_nothing_else_is_said(seconds: str, rests: int) -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "IAC_DEBOUNCE_SECONDS": seconds})
    assert settings.iac_debounce == timedelta(seconds=rests)


def test_the_parameters_make_the_default_watch() -> None:
    settings = DetectorSettings.from_environment(
        {
            **ENVIRONMENT,
            "AGENT_NAMESPACE": "Fleet",
            "AGENT_PERIOD_SECONDS": "300",
            "GAP_GRACE_SECONDS": "600",
            "RECOVER_AFTER": "1",
            "WARM_UP_SECONDS": "0",
            "MOST_AGENTS_A_RUN": "500",
            "DETECT_QUEUE_URL": "https://sqs/checks",
            "LEDGER_DAYS": "90",
        }
    )
    rules = Rules(timedelta(minutes=5), timedelta(minutes=10), timedelta(), recover_after=1)
    assert settings.default_watch == Watch("cloudwatch-agent", "Fleet", rules=rules)
    assert (settings.agents_a_run, settings.detect_queue_url) == (500, "https://sqs/checks")
    assert settings.ledger_keep == timedelta(days=90)


def test_the_limits_have_defaults_and_take_zero_and_cents() -> None:
    assert Settings.from_environment(ENVIRONMENT).limits == Limits()
    limits = Settings.from_environment(
        {
            **ENVIRONMENT,
            "MAX_ENDPOINTS_PER_RUN": "1",
            "MAX_ENDPOINTS_PER_DAY": "2",
            "MAX_VPCS_PER_RUN": "3",
            "MAX_VPCS_PER_DAY": "0",
            "MONTHLY_BUDGET_USD_PER_VPC": "7.30",
            "MONTHLY_BUDGET_USD": "1000",
        }
    ).limits
    assert limits == Limits(1, 2, 3, 0, Decimal("7.30"), Decimal(1000))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODE", "force"),
        ("MODE", ""),
        ("SCOPE", "public"),
        ("GAP_GRACE_SECONDS", "4m"),
        ("AGENT_PERIOD_SECONDS", "0"),
        ("AGENT_PERIOD_SECONDS", "3601"),
        ("WARM_UP_SECONDS", "-1"),
        ("RECOVER_AFTER", "0"),
        ("RECOVER_AFTER", "2.5"),
        ("MOST_AGENTS_A_RUN", "0"),
        ("LEDGER_DAYS", "0"),
        ("LEDGER_DAYS", "a year"),
        ("CANARY", "yes"),
        ("RETIRE_AFTER_HOURS", "3d"),
        ("RETIRE_AFTER_HOURS", "8761"),
        ("IAC_DEBOUNCE_SECONDS", "901"),
        ("IAC_DEBOUNCE_SECONDS", "10m"),
        ("TABLE_NAME", " "),
        ("MAX_ENDPOINTS_PER_RUN", "many"),
        ("MAX_ENDPOINTS_PER_DAY", "-1"),
        ("MAX_VPCS_PER_RUN", "1.5"),
        ("MAX_VPCS_PER_DAY", "1e3"),
        ("MONTHLY_BUDGET_USD", "NaN"),
        ("MONTHLY_BUDGET_USD", "99.999"),
        ("MONTHLY_BUDGET_USD_PER_VPC", "$100"),
        ("REQUIRED_SERVICES", "monitoring,*"),
        ("REQUIRED_SERVICES", "com.amazonaws.eu-west-1.Monitoring!"),
    ],
)
def test_an_unusable_variable_is_named(variable: str, value: str) -> None:
    kind = DetectorSettings if variable in _OF_THE_DETECTOR else Settings
    with pytest.raises(SettingsError, match=variable):
        kind.from_environment({**ENVIRONMENT, variable: value})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MODE", "force", "MODE must be one of enforce, plan, not 'force'"),
        ("TABLE_NAME", " ", "TABLE_NAME is missing from the function's environment"),
        ("RETIRE_AFTER_HOURS", "8761", "RETIRE_AFTER_HOURS must be a whole number from 0 to 8760 hours, not '8761'"),
        ("MAX_VPCS_PER_RUN", "1.5", "MAX_VPCS_PER_RUN must be a whole number of at least 0, not '1.5'"),
        ("MONTHLY_BUDGET_USD", "NaN", "MONTHLY_BUDGET_USD must be an amount in USD such as 100 or 99.50, not 'NaN'"),
        ("REQUIRED_SERVICES", "*", "REQUIRED_SERVICES must be a list of services such as monitoring,ecr.api, not '*'"),
        ("CANARY", "yes", "CANARY must be true or false, not 'yes'"),
    ],
)
def test_an_error_says_what_is_right(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({**ENVIRONMENT, variable: value})
    assert str(refused.value) == words


@pytest.mark.parametrize(("variable", "value"), [("ROLE_ARN", ""), ("ROLE_ARN", "none"), ("AWS_REGION", "mars")])
def test_without_an_account_or_a_region_there_is_no_key_in_the_ledger(variable: str, value: str) -> None:
    assert Settings.from_environment(ENVIRONMENT).home == RegionRef("123456789012", ENVIRONMENT["AWS_REGION"])
    with pytest.raises(SettingsError, match=variable):
        _ = Settings.from_environment({**ENVIRONMENT, variable: value}).home


@pytest.mark.parametrize(("said", "is_on"), [("", False), ("false", False), ("true", True)])
def test_canaries_are_on_only_if_somebody_says_so(said: str, *, is_on: bool) -> None:
    assert Settings.from_environment({**ENVIRONMENT, "CANARY": said}).canary is is_on
