"""The kill switch in Parameter Store, and when people were last notified that it is on."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.table import Table
from lifeline.core.errors import LifelineError
from lifeline.core.guards import kill_switch
from lifeline.core.organization.ledger import Ledger
from lifeline.core.wording import fingerprint

_KEY = ("KILL_SWITCH", "NOTIFIED")
_NOTIFIED_EVERY = timedelta(days=1)


class KillSwitch:
    """The SSM parameter, and the ledger's item `KILL_SWITCH` with `NOTIFIED`. Without a name there is no switch."""

    def __init__(
        self, parameter_name: str, ledger: Ledger, *, account: str = "", ssm: Any = None, dynamodb: Any = None
    ) -> None:
        self.name = parameter_name
        self._account = account
        self._table = Table(ledger, dynamodb)
        self._ssm = ssm or client("ssm")
        self._said = ""

    def why_on(self) -> str:
        """Why nothing may be changed, or an empty text; read again each time. It never raises."""
        return self.why_on_in([self._account])[self._account]

    def why_on_in(self, accounts: Collection[str]) -> Mapping[str, str]:
        """The same for each of these accounts, read once."""
        if not self.name:
            return dict.fromkeys(accounts, "")
        try:
            with aws_errors("read the kill switch"):
                value = str(self._ssm.get_parameter(Name=self.name)["Parameter"]["Value"])
        except LifelineError as error:
            self._said = ""
            return dict.fromkeys(accounts, kill_switch.why_unreadable(self.name, str(error)))
        self._said = fingerprint(value, length=16)
        return {account: kill_switch.why_on(self.name, value, account) for account in accounts}

    def reserve_notice(self, *, now: datetime) -> bool:
        """True for one run a day, and for the first one that read another value: it notifies people that the switch is
        on.
        """
        at = now.astimezone(UTC)
        return self._table.put(
            _KEY,
            {"notified_at": at, "said": self._said},
            "ledger: reserve the kill switch's notice",
            condition="attribute_not_exists(notified_at) OR notified_at <= :before OR said <> :said",
            values={":before": at - _NOTIFIED_EVERY, ":said": self._said},
        )

    def return_reservation(self) -> None:
        """Let another run send the notice, because this one failed to."""
        self._table.put(_KEY, {}, "ledger: return the kill switch's notice")
