"""One deployed account for the chain tests of a process: building and deploying it takes most of their time."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.e2e.emulators.account import Account, deployed

_FUNCTIONS = ("ReconcileEndpointsFunction", "DetectMetricGapsFunction")
_account = pytest.StashKey[Account]()


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """The stack with samconfig.toml's short waits for local runs, so that tests don't wait."""
    with deployed() as account:
        request.config.stash[_account] = account
        yield account


@pytest.fixture
def ec2(account: Account) -> Any:
    """The account's EC2, as its operators call it."""
    return account.client("ec2")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing chain test shows what the functions logged: that is where the reason is."""
    report = yield
    account = item.config.stash.get(_account, None)
    if report.failed and call.when == "call" and account is not None:
        report.sections += [(f"log of {function}", _log(account, function)) for function in _FUNCTIONS]
    return report


def _log(account: Account, function: str) -> str:
    try:
        return account.logs(function, lines=80)
    except (BotoCoreError, ClientError) as error:  # the report of a failure must not fail itself
        return f"can't be read: {error}"
