"""The environment that the template gives."""

from datetime import timedelta

import pytest

from lifeline.core.errors import SettingsError
from lifeline.core.network.model import RegionRef
from lifeline.runtime.settings import DetectorSettings, Settings

ENVIRONMENT = {
    "STACK_NAME": "lifeline",
    "AWS_REGION": "eu-west-1",
    "MODE": "enforce",
    "REQUIRED_SERVICES": "monitoring, logs,,monitoring",
    "TABLE_NAME": "ledger",
    "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices",
    "ROLE_ARN": "arn:aws:iam::123456789012:role/r",
}

_OF_THE_DETECTOR = {"MOST_AGENTS_A_RUN"}


def test_settings_are_read_with_their_units() -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "DEBOUNCE_SECONDS": "45"})
    assert settings.required_services == ("monitoring", "logs")
    assert settings.debounce == timedelta(seconds=45)
    assert settings.account_id == "123456789012"


def test_the_detectors_settings_have_defaults() -> None:
    settings = DetectorSettings.from_environment(ENVIRONMENT)
    assert (settings.agents_a_run, settings.detect_queue_url) == (10_000, "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODE", "force"),
        ("MODE", ""),
        ("MOST_AGENTS_A_RUN", "0"),
        ("DEBOUNCE_SECONDS", "901"),
        ("DEBOUNCE_SECONDS", "10m"),
        ("TABLE_NAME", " "),
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
        ("DEBOUNCE_SECONDS", "901", "DEBOUNCE_SECONDS must be a whole number from 0 to 900 seconds, not '901'"),
        ("REQUIRED_SERVICES", "*", "REQUIRED_SERVICES must be a list of services such as monitoring,ecr.api, not '*'"),
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
