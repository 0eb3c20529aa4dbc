"""What the template tells the functions, read once from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.errors import SettingsError
from lifeline.core.guards.limits import Limits
from lifeline.core.guards.mode import Mode
from lifeline.core.history.entries import LEDGER_KEEP
from lifeline.core.notices.notice import Sender
from lifeline.core.policy.service_sets import is_service

_USD = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")
_MOST_HOURS = 8760


class Scope(StrEnum):
    """Which tiers the required services are wanted in."""

    PRIVATE = "private"
    ISOLATED = "isolated"


class Coverage(StrEnum):
    """Whether an interface endpoint must stand in each zone that has subnets in scope, or anywhere in the VPC."""

    AZ = "az"
    VPC = "vpc"


@dataclass(frozen=True, slots=True)
class Settings:
    """One function's settings. Names are those of the environment, lower-cased.

    `agents_a_run` is the most agents that one invocation looks at; beyond, it splits them over several. `retire_after`
    is how long an endpoint is kept that nothing requires; zero keeps it for good. `iac_settle` is how long a change of
    an infrastructure-as-code tool rests; zero is no longer than any other. `canary` makes endpoints without private DNS
    and switches that on afterwards. `reconcile_arn` is the function that the coverage page's buttons call; empty where
    there is none.
    """

    stack_name: str
    region: str
    mode: Mode
    required_services: tuple[str, ...]
    scope: Scope
    coverage: Coverage
    settle: timedelta
    queue_url: str
    dead_letter_queue_url: str
    table_name: str
    topic_arn: str
    role_arn: str
    policy_parameter: str
    creatable_services: tuple[str, ...]
    may_fix_dns: bool
    agent_namespace: str
    agent_period: timedelta
    gap_grace: timedelta
    recover_after: int
    warm_up: timedelta
    agents_a_run: int
    detect_queue_url: str
    kill_switch_parameter: str
    limits: Limits
    ledger_keep: timedelta
    retire_after: timedelta
    chat_topic_arn: str
    sends_events: bool
    dashboard: str
    canary: bool
    iac_debounce: timedelta
    reconcile_arn: str = ""

    @property
    def sender(self) -> Sender:
        """Who notices say that they are from."""
        return Sender(self.account_id, self.region, self.stack_name, self.dashboard)

    @property
    def default_watch(self) -> Watch:
        """The CloudWatch agents, as the template's parameters say: who is watched where no policy says it."""
        return Watch(
            namespace=self.agent_namespace,
            rules=Rules(
                period=self.agent_period,
                grace=self.gap_grace,
                warm_up=self.warm_up,
                recover_after=self.recover_after,
            ),
        )

    @property
    def account_id(self) -> str:
        """The account that the functions run in, from their role; empty where there is none."""
        return self.role_arn.split(":")[4] if self.role_arn.count(":") >= 5 else ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings. Raises SettingsError, with the variable's name, where one is missing or unusable."""
        read = _Reader(environment)
        return cls(
            stack_name=read.text("STACK_NAME"),
            region=read.text("AWS_REGION"),
            mode=read.one_of("MODE", Mode),
            required_services=read.names("REQUIRED_SERVICES"),
            scope=read.one_of("SCOPE", Scope),
            coverage=read.one_of("COVERAGE", Coverage),
            settle=read.seconds("DEBOUNCE_SECONDS"),
            queue_url=read.optional("QUEUE_URL"),
            dead_letter_queue_url=read.optional("DEAD_LETTER_QUEUE_URL"),
            table_name=read.text("TABLE_NAME"),
            topic_arn=read.text("TOPIC_ARN"),
            role_arn=read.optional("ROLE_ARN"),
            policy_parameter=read.optional("POLICY_PARAMETER"),
            creatable_services=read.names("CREATABLE_SERVICES", is_optional=True),
            may_fix_dns=read.optional("MAY_FIX_DNS") == "yes",
            agent_namespace=read.optional("AGENT_NAMESPACE") or "CWAgent",
            agent_period=read.seconds("AGENT_PERIOD_SECONDS", within=range(1, 3601)),
            gap_grace=read.seconds("GAP_GRACE_SECONDS"),
            recover_after=read.count("RECOVER_AFTER", 2),
            warm_up=read.seconds("WARM_UP_SECONDS", default=600),
            agents_a_run=read.count("MOST_AGENTS_A_RUN", 10_000),
            detect_queue_url=read.optional("DETECT_QUEUE_URL"),
            kill_switch_parameter=read.optional("KILL_SWITCH_PARAMETER"),
            limits=read.limits(),
            ledger_keep=timedelta(days=read.count("LEDGER_DAYS", LEDGER_KEEP.days)),
            retire_after=read.hours("RETIRE_AFTER_HOURS", default=72),
            reconcile_arn=read.optional("RECONCILE_ARN"),
            chat_topic_arn=read.optional("CHAT_TOPIC_ARN"),
            sends_events=read.optional("SEND_EVENTS") == "yes",
            dashboard=read.optional("DASHBOARD"),
            canary=read.flag("CANARY"),
            iac_debounce=read.seconds("IAC_DEBOUNCE_SECONDS", default=600, within=range(901)),
        )


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def optional(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def text(self, name: str) -> str:
        value = self.optional(name)
        if not value:
            raise SettingsError(f"{name} is missing from the function's environment")
        return value

    def names(self, name: str, *, is_optional: bool = False) -> tuple[str, ...]:
        text = self.optional(name) if is_optional else self.text(name)
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        for service in found:
            if not is_service(service):
                raise SettingsError(f"{name} must hold services such as monitoring or ecr.api, not {service!r}")
        return found

    def seconds(self, name: str, *, default: int | None = None, within: range | None = None) -> timedelta:
        value = self.text(name) if default is None else self.optional(name) or str(default)
        if not value.isdecimal():
            raise SettingsError(f"{name} must be a whole number of seconds, not {value!r}")
        if within and int(value) not in within:
            raise SettingsError(f"{name} must be from {within[0]} to {within[-1]} seconds, not {value}")
        return timedelta(seconds=int(value))

    def flag(self, name: str) -> bool:
        value = self.optional(name) or "false"
        if value not in {"true", "false"}:
            raise SettingsError(f"{name} must be true or false, not {value!r}")
        return value == "true"

    def hours(self, name: str, *, default: int) -> timedelta:
        value = self.optional(name) or str(default)
        if not value.isdecimal() or int(value) > _MOST_HOURS:
            raise SettingsError(f"{name} must be a whole number of hours up to {_MOST_HOURS}, not {value!r}")
        return timedelta(hours=int(value))

    def count(self, name: str, default: int) -> int:
        value = self.optional(name) or str(default)
        if not value.isdecimal() or int(value) == 0:
            raise SettingsError(f"{name} must be a whole number from 1 on, not {value!r}")
        return int(value)

    def limits(self) -> Limits:
        usual = Limits()
        return Limits(
            endpoints_per_run=self._whole("MAX_ENDPOINTS_PER_RUN", usual.endpoints_per_run),
            endpoints_per_day=self._whole("MAX_ENDPOINTS_PER_DAY", usual.endpoints_per_day),
            vpcs_per_run=self._whole("MAX_VPCS_PER_RUN", usual.vpcs_per_run),
            vpcs_per_day=self._whole("MAX_VPCS_PER_DAY", usual.vpcs_per_day),
            monthly_usd_per_vpc=self._usd("MONTHLY_BUDGET_USD_PER_VPC", usual.monthly_usd_per_vpc),
            monthly_usd=self._usd("MONTHLY_BUDGET_USD", usual.monthly_usd),
        )

    def _whole(self, name: str, default: int) -> int:
        value = self.optional(name) or str(default)
        if not value.isdecimal():
            raise SettingsError(f"{name} must be a whole number from 0 on, not {value!r}")
        return int(value)

    def _usd(self, name: str, default: Decimal) -> Decimal:
        value = self.optional(name) or str(default)
        if not _USD.fullmatch(value):
            raise SettingsError(f"{name} must be an amount of USD such as 100 or 99.50, not {value!r}")
        return Decimal(value)

    def one_of[E: StrEnum](self, name: str, kind: type[E]) -> E:
        value = self.text(name)
        try:
            return kind(value)
        except ValueError as error:
            allowed = ", ".join(kind)
            raise SettingsError(f"{name} must be one of {allowed}, not {value!r}") from error
