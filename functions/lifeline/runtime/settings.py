"""What the template tells each function in its environment."""

# ruff: noqa: RUF009 - `_variable` makes fields, as `field` does

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from lifeline.core.errors import SettingsError
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import RegionRef
from lifeline.core.notices.notice import Sender
from lifeline.core.organization.accounts import ServedAccounts, read_accounts
from lifeline.core.organization.ledger import Ledger, MemberLedger
from lifeline.core.policy.service_sets import is_service

OWN_NAME = "AWS_LAMBDA_FUNCTION_NAME"  # which Lambda sets (Lambda guide: environment variables)
MOST_DNS_VIEWS = 40  # VPCs a run: Route 53 grants an account five calls a second (Route 53 guide: quotas)

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


# ---- settings


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What every function of the stack reads. `policy_document` is the policy itself, for a plan that is made before
    there is a stack with a parameter. A hub serves `accounts` beside its own, each through the role of its
    spoke, `spoke_role` by path and name; `member` is the one that the settings are for, empty for the own account.
    """

    stack_name: str = _variable("STACK_NAME")
    region: str = _variable("AWS_REGION")
    own_role_arn: str = _variable("ROLE_ARN", default="")
    table_name: str = _variable("TABLE_NAME")
    topic_arn: str = _variable("TOPIC_ARN")
    chat_topic_arn: str = _variable("CHAT_TOPIC_ARN", default="")
    dashboard: str = _variable("DASHBOARD", default="")
    queue_url: str = _variable("QUEUE_URL", default="")
    repair_queue_url: str = _variable("REPAIR_QUEUE_URL", default="")
    detect_queue_url: str = _variable("DETECT_QUEUE_URL", default="")
    dead_letter_queue_url: str = _variable("DEAD_LETTER_QUEUE_URL", default="")
    policy_parameter: str = _variable("POLICY_PARAMETER", default="")
    policy_document: str = _variable("POLICY_DOCUMENT", default="")
    sweep_schedule: str = _variable("SWEEP_SCHEDULE", default="rate(1 hour)")
    mode: Mode = _variable("MODE", _one_of(Mode))
    required_services: tuple[str, ...] = _variable("REQUIRED_SERVICES", _names)
    may_fix_dns: bool = _variable("MAY_FIX_DNS", _choice("yes", "no"), "no")
    may_associate: bool = _variable("CENTRAL_ENDPOINTS", _choice("yes", "no"), "no")
    accounts: ServedAccounts = _variable("ACCOUNTS", read_accounts, "")
    spoke_role: str = _variable("SPOKE_ROLE", default="")
    member: str = field(default="", kw_only=True)

    def of(self, member: str) -> Self:
        """The settings for a member account; for the functions' own account, or none, those of the stack itself."""
        return replace(self, member="" if member == self.own_account_id else member)

    def may_enter(self, account: str) -> bool:
        """True if the account is the functions' own, or one in which the hub has a role."""
        return account in {"", self.own_account_id} or self.accounts.has(account)

    @property
    def role_arn(self) -> str:
        """The role that acts in the account: the functions' own, or that of the member account's spoke."""
        if not self.member:
            return self.own_role_arn
        return f"arn:{self.own_role_arn.split(':')[1]}:iam::{self.member}:role/{self.spoke_role}"

    @property
    def ledger(self) -> Ledger:
        """The ledger's table, or the part of it that is the member account's."""
        return MemberLedger(self.table_name, self.home) if self.member else self.table_name

    @property
    def sender(self) -> Sender:
        """The sender that notices name."""
        return Sender(self.account_id, self.region, self.stack_name, self.dashboard, is_hub=bool(self.member))

    @property
    def endpoint_policies_prefix(self) -> str:
        """Where Parameter Store has the policies of endpoints; the role may read what is there."""
        return f"/lifeline/{self.stack_name}/endpoint-policies/"

    @property
    def own_account_id(self) -> str:
        """The account that the functions run in, from their role; empty where there is none."""
        return self.own_role_arn.split(":")[4] if self.own_role_arn.count(":") >= 5 else ""

    @property
    def account_id(self) -> str:
        """The account that is looked at: the functions' own, or the member account."""
        return self.member or self.own_account_id

    @property
    def switch_account(self) -> str:
        """The account as a hub's kill switch may list it; empty for a stack of one account, whose switch lists none."""
        return self.account_id if self.accounts else ""

    @property
    def home(self) -> RegionRef:
        """The account that is looked at and the region, which the ledger's keys contain.

        Raises SettingsError where ROLE_ARN or AWS_REGION doesn't say them, because half a key would name nobody's VPC.
        """
        try:
            return RegionRef(self.account_id, self.region)
        except ValueError as error:
            raise SettingsError(f"ROLE_ARN and AWS_REGION must contain the account and the region: {error}") from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings. Raises SettingsError, which names the variable, where one is missing or invalid."""
        given = (field for field in fields(cls) if field.metadata)
        return cls(**{field.name: _read(environment, **field.metadata) for field in given})


@dataclass(frozen=True, slots=True)
class Settings(StackSettings):
    """The settings of ReconcileEndpoints, by which the coverage page plans too.

    `debounce` is how long the queue holds a change back. A run asks who else answers for names in `dns_views` VPCs at
    most, and about the others in later runs. `sweep_name` is the name of the sweeps' schedule; `function_name` is the
    function's own, and `detector_name` that of DetectMetricGaps. `may_read_evidence` says that the role may read what
    workloads use, for suggestions.
    """

    creatable_services: tuple[str, ...] = _variable("CREATABLE_SERVICES", _names, "")
    kill_switch_parameter: str = _variable("KILL_SWITCH_PARAMETER", default="")
    debounce: timedelta = _variable("DEBOUNCE_SECONDS", _length("seconds", most=900), "30")
    sweep_name: str = _variable("SWEEP_NAME", default="")
    function_name: str = _variable(OWN_NAME, default="")
    detector_name: str = _variable("DETECT_FUNCTION", default="")
    may_read_evidence: bool = _variable("EVIDENCE", _choice("yes", "no"), "no")
    dns_views: int = _variable("MOST_DNS_VIEWS", _whole(1), str(MOST_DNS_VIEWS))


@dataclass(frozen=True, slots=True)
class PageSettings(Settings):
    """The settings of CoveragePage. Its buttons call the function `reconcile_arn`, whose log group its links lead to;
    empty where there is none.
    """

    reconcile_arn: str = _variable("RECONCILE_ARN", default="")
    reconcile_log_group: str = _variable("RECONCILE_LOG_GROUP", default="")


@dataclass(frozen=True, slots=True)
class DetectorSettings(StackSettings):
    """The settings of DetectMetricGaps. One invocation checks at most `agents_a_run`; it splits larger rosters."""

    agents_a_run: int = _variable("MOST_AGENTS_A_RUN", _whole(1), "10000")
