"""The environment that the template gives."""

from datetime import timedelta

import pytest

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODE", "force"),
        ("MODE", ""),
        ("SCOPE", "public"),
        ("SETTLE_SECONDS", "-1"),
        ("GAP_GRACE_SECONDS", "4m"),
        ("TABLE_NAME", " "),
        ("REQUIRED_SERVICES", "monitoring,*"),
        ("REQUIRED_SERVICES", "com.amazonaws.eu-west-1.Monitoring!"),
    ],
)
def test_an_unusable_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({**ENVIRONMENT, variable: value})
