"""Three deployed accounts, each shared by the tests of several files: deploying takes as long as many a test.

All of the tests in an account run one after the other, in whatever order, each in VPCs of its own. A minute of waiting
takes ten seconds in all three, for schedules and for messages that are delayed by minutes.
"""

from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.e2e.emulators.account import Account, deployed

MINUTE = timedelta(seconds=10)
IAC_DEBOUNCE_S = 20

# Which fixture's account a file's tests are in, so that one process has them all. Marks of `xdist_group` would say it,
# but xdist 3.8 loses them with pytest 9.2.
_ACCOUNTS = {
    "test_chain.py": "account",
    "test_coverage_chain.py": "account",
    "test_events_chain.py": "account",
    "test_teardown_chain.py": "account",
    "test_canary_chain.py": "limited",
    "test_event_path_chain.py": "limited",
    "test_limits_chain.py": "limited",
    "test_silence_chain.py": "limited",
    "test_detector_chain.py": "watched",
    "test_conflicts_chain.py": "watched",
    "test_iac_chain.py": "watched",
}
_FUNCTIONS = ("ReconcileEndpointsFunction", "DetectMetricGapsFunction")


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """The stack with its defaults, but for short waits.

    Its limits are at least twice the defaults: half of them is reserved, and no VPC here lives long enough to be
    urgent.
    """
    room = {"endpoints_per_day": 100, "vpcs_per_day": 100, "monthly_usd": 1000}
    with deployed(minute=MINUTE, policy={"without_approval": room}, DebounceSeconds="2") as account:
        yield account


@pytest.fixture(scope="session")
def limited() -> Iterator[Account]:
    """A stack with canaries and limits: a VPC's endpoints may have one interface (7.30 USD a month)."""
    policy = {"without_approval": {"monthly_usd_per_vpc": 10, "monthly_usd": 500}, "canary": True}
    with deployed(minute=MINUTE, policy=policy, DebounceSeconds="2") as account:
        yield account


@pytest.fixture(scope="session")
def watched() -> Iterator[Account]:
    """A stack whose detector has agents to look at, and where what Terraform changes rests for a while."""
    policy = {"iac_debounce_seconds": IAC_DEBOUNCE_S, "without_approval": {"monthly_usd": 500}}
    with deployed(minute=MINUTE, policy=policy, DebounceSeconds="2") as account:
        yield account


@pytest.fixture
def undeployed() -> Iterator[Account]:
    """An account without the stack, which is built and ready to be deployed."""
    with Account().closing() as account:
        account.start()
        account.build()
        yield account


def switch(account: Account, value: str) -> None:
    """Turn the stack's kill switch on or off."""
    account.client("ssm").put_parameter(Name=account.outputs["KillSwitch"], Value=value, Type="String", Overwrite=True)


@pytest.fixture
def ec2(account: Account) -> Any:
    """The account's EC2, as its operators call it."""
    return account.client("ec2")


class ByAccount(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process all the tests of an account, or of a file that has its own."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0].rpartition("/")[2]
        return _ACCOUNTS.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByAccount:
    """xdist's hook."""
    return ByAccount(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing chain test shows what the functions logged: that is where the reason is."""
    report = yield
    if report.failed and call.when == "call":
        accounts = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Account)]
        for account in accounts[:1]:
            report.sections += [
                (f"log of {function}", _log(account, function))
                for function in _FUNCTIONS
                if function in account.outputs
            ]
    return report


def _log(account: Account, function: str) -> str:
    try:
        return account.logs(function, lines=80)
    except (BotoCoreError, ClientError) as error:  # the report of a failure must not fail itself
        return f"can't be read: {error}"
