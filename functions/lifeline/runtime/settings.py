"""What the template tells each function in its environment."""

# ruff: noqa: RUF009 - `_variable` makes fields, as `field` does

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from lifeline.core.agents.watches import Rules, Watch
from lifeline.core.errors import SettingsError
from lifeline.core.guards.limits import Limits
from lifeline.core.guards.mode import Mode
from lifeline.core.history.entries import LEDGER_KEEP
from lifeline.core.network.model import RegionRef
from lifeline.core.notices.notice import Sender
from lifeline.core.policy.service_sets import is_service

_USD = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")


class TierScope(StrEnum):
    """The tiers in which the required services must be served."""

    PRIVATE = "private"
    ISOLATED = "isolated"


class EndpointPlacement(StrEnum):
    """Where an interface endpoint must be: in each zone that has subnets in scope, or anywhere in the VPC."""

    AZ = "az"
    VPC = "vpc"


# ---- parsers: each returns the value, or raises ValueError with what the variable must be


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not all(map(is_service, names)):
        raise ValueError("a list of services such as monitoring,ecr.api")
    return names


def _whole(least: int = 0, most: int = 10**9, unit: str = "") -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            limit = f"from {least} to {most}" if most < 10**9 else f"of at least {least}"
            raise ValueError(f"a whole number {limit}{unit and f' {unit}'}")
        return int(text)

    return parse


def _length(unit: str, **limits: int) -> Callable[[str], timedelta]:
    whole = _whole(**limits, unit=unit)
    return lambda text: timedelta(**{unit: whole(text)})


def _usd(text: str) -> Decimal:
    if not _USD.fullmatch(text):
        raise ValueError("an amount in USD such as 100 or 99.50")
    return Decimal(text)


def _one_of[E: StrEnum](kind: type[E]) -> Callable[[str], E]:
    def parse(text: str) -> E:
        if text not in set(kind):
            raise ValueError(f"one of {', '.join(kind)}")
        return kind(text)

    return parse


def _choice(yes: str, no: str) -> Callable[[str], bool]:
    def parse(text: str) -> bool:
        if text not in {yes, no}:
            raise ValueError(f"{yes} or {no}")
        return text == yes

    return parse


def _variable(name: str, parse: Callable[[str], Any] = str, default: str | None = None) -> Any:
    """A field that is read from this variable; without a default, the variable is required."""
    return field(metadata={"name": name, "parse": parse, "default": default})


def _read(environment: Mapping[str, str], name: str, parse: Callable[[str], Any], default: str | None) -> Any:
    text = environment.get(name, "").strip() or default
    if text is None:
        raise SettingsError(f"{name} is missing from the function's environment")
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be {error}, not {text!r}") from error


_LIMITS = Limits()


# ---- settings


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What every function of the stack reads."""

    stack_name: str = _variable("STACK_NAME")
    region: str = _variable("AWS_REGION")
    role_arn: str = _variable("ROLE_ARN", default="")
    table_name: str = _variable("TABLE_NAME")
    topic_arn: str = _variable("TOPIC_ARN")
    chat_topic_arn: str = _variable("CHAT_TOPIC_ARN", default="")
    sends_events: bool = _variable("SEND_EVENTS", _choice("yes", "no"), "no")
    dashboard: str = _variable("DASHBOARD", default="")
    queue_url: str = _variable("QUEUE_URL", default="")
    repair_queue_url: str = _variable("REPAIR_QUEUE_URL", default="")
    dead_letter_queue_url: str = _variable("DEAD_LETTER_QUEUE_URL", default="")
    policy_parameter: str = _variable("POLICY_PARAMETER", default="")
    mode: Mode = _variable("MODE", _one_of(Mode))
    required_services: tuple[str, ...] = _variable("REQUIRED_SERVICES", _names)
    ledger_keep: timedelta = _variable("LEDGER_DAYS", _length("days", least=1, most=3650), str(LEDGER_KEEP.days))

    @property
    def sender(self) -> Sender:
        """The sender that notices name."""
        return Sender(self.account_id, self.region, self.stack_name, self.dashboard)

    @property
    def account_id(self) -> str:
        """The account that the functions run in, from their role; empty where there is none."""
        return self.role_arn.split(":")[4] if self.role_arn.count(":") >= 5 else ""

    @property
    def home(self) -> RegionRef:
        """The account and the region that the functions run in, which the ledger's keys contain.

        Raises SettingsError where ROLE_ARN or AWS_REGION doesn't say them, because half a key would name nobody's VPC.
        """
        try:
            return RegionRef(self.account_id, self.region)
        except ValueError as error:
            raise SettingsError(f"ROLE_ARN and AWS_REGION must contain the account and the region: {error}") from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings. Raises SettingsError, which names the variable, where one is missing or invalid."""
        return cls(**{field.name: _read(environment, **field.metadata) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Settings(StackSettings):
    """The settings of ReconcileEndpoints, by which the coverage page plans too.

    `retire_after` is how long an endpoint stays that nothing requires; zero keeps it forever. `debounce` is how long
    the queue holds a change back, and `iac_debounce` how long one of an infrastructure-as-code tool waits; zero is no
    longer than any other. `canary` creates endpoints without private DNS and enables that afterwards.
    """

    scope: TierScope = _variable("SCOPE", _one_of(TierScope))
    coverage: EndpointPlacement = _variable("COVERAGE", _one_of(EndpointPlacement))
    creatable_services: tuple[str, ...] = _variable("CREATABLE_SERVICES", _names, "")
    may_fix_dns: bool = _variable("MAY_FIX_DNS", _choice("yes", "no"), "no")
    kill_switch_parameter: str = _variable("KILL_SWITCH_PARAMETER", default="")
    retire_after: timedelta = _variable("RETIRE_AFTER_HOURS", _length("hours", most=8760), "72")
    canary: bool = _variable("CANARY", _choice("true", "false"), "false")
    debounce: timedelta = _variable("DEBOUNCE_SECONDS", _length("seconds", most=900), "30")
    iac_debounce: timedelta = _variable("IAC_DEBOUNCE_SECONDS", _length("seconds", most=900), "600")
    endpoints_per_run: int = _variable("MAX_ENDPOINTS_PER_RUN", _whole(), str(_LIMITS.endpoints_per_run))
    endpoints_per_day: int = _variable("MAX_ENDPOINTS_PER_DAY", _whole(), str(_LIMITS.endpoints_per_day))
    vpcs_per_run: int = _variable("MAX_VPCS_PER_RUN", _whole(), str(_LIMITS.vpcs_per_run))
    vpcs_per_day: int = _variable("MAX_VPCS_PER_DAY", _whole(), str(_LIMITS.vpcs_per_day))
    monthly_usd_per_vpc: Decimal = _variable("MONTHLY_BUDGET_USD_PER_VPC", _usd, str(_LIMITS.monthly_usd_per_vpc))
    monthly_usd: Decimal = _variable("MONTHLY_BUDGET_USD", _usd, str(_LIMITS.monthly_usd))

    @property
    def limits(self) -> Limits:
        """How much may be done without approval."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})


@dataclass(frozen=True, slots=True)
class PageSettings(Settings):
    """The settings of CoveragePage. Its buttons call the function `reconcile_arn`; empty where there is none."""

    reconcile_arn: str = _variable("RECONCILE_ARN", default="")


@dataclass(frozen=True, slots=True)
class DetectorSettings(StackSettings):
    """The settings of DetectMetricGaps. One invocation checks at most `agents_a_run`; it splits larger rosters."""

    agent_namespace: str = _variable("AGENT_NAMESPACE", default="CWAgent")
    agent_period: timedelta = _variable("AGENT_PERIOD_SECONDS", _length("seconds", least=1, most=3600))
    gap_grace: timedelta = _variable("GAP_GRACE_SECONDS", _length("seconds"))
    recover_after: int = _variable("RECOVER_AFTER", _whole(1), "2")
    warm_up: timedelta = _variable("WARM_UP_SECONDS", _length("seconds"), "600")
    agents_a_run: int = _variable("MOST_AGENTS_A_RUN", _whole(1), "10000")
    detect_queue_url: str = _variable("DETECT_QUEUE_URL", default="")

    @property
    def default_watch(self) -> Watch:
        """The watch for CloudWatch agents by the template's parameters, used where the policy defines no watches."""
        times = {"period": self.agent_period, "grace": self.gap_grace, "warm_up": self.warm_up}
        rules = Rules(**times, recover_after=self.recover_after)
        return Watch(namespace=self.agent_namespace, rules=rules)
