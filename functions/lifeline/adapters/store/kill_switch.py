"""The kill switch in Parameter Store, and when people last heard that it is on."""

from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import LifelineError
from lifeline.core.guards import kill_switch

_KEY = {"pk": {"S": "KILL_SWITCH"}, "sk": {"S": "TOLD"}}
_NOTIFIED_EVERY = timedelta(days=1)


class KillSwitch:
    """The SSM parameter, and the ledger's item `KILL_SWITCH` with `TOLD`. Without a name there is no switch."""

    def __init__(self, parameter_name: str, table_name: str, *, ssm: Any = None, dynamodb: Any = None) -> None:
        self.name = parameter_name
        self._table = table_name
        self._ssm = ssm or client("ssm")
        self._dynamodb = dynamodb or client("dynamodb")

    def why_on(self) -> str:
        """Why nothing may be changed, or an empty text; read anew each time. It never raises."""
        if not self.name:
            return ""
        try:
            with aws_errors("read the kill switch"):
                value = str(self._ssm.get_parameter(Name=self.name)["Parameter"]["Value"])
        except LifelineError as error:
            return kill_switch.why_unreadable(self.name, str(error))
        return kill_switch.why_on(self.name, value)

    def reserve_notice(self, *, now: datetime) -> bool:
        """True for one run a day: it is the one to tell that the switch is on."""
        done = conditional_write(
            "ledger: tell of the kill switch",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={**_KEY, "notified_at": {"N": str(int(now.timestamp()))}},
            ConditionExpression="attribute_not_exists(pk) OR told_at <= :before",
            ExpressionAttributeValues={":before": {"N": str(int((now - _NOTIFIED_EVERY).timestamp()))}},
        )
        return done is not None

    def return_reservation(self) -> None:
        """The telling failed: another run may."""
        with aws_errors("ledger: the kill switch was not told"):
            self._dynamodb.put_item(TableName=self._table, Item={**_KEY, "notified_at": {"N": "0"}})
