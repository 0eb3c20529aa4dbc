"""The kill switch in Parameter Store, and when people last heard that it is on."""

from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import conditionally, translated
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import LifelineError
from lifeline.core.guards import kill_switch

_KEY = {"pk": {"S": "KILL_SWITCH"}, "sk": {"S": "TOLD"}}
_TOLD_EVERY = timedelta(days=1)


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
            with translated("read the kill switch"):
                value = str(self._ssm.get_parameter(Name=self.name)["Parameter"]["Value"])
        except LifelineError as error:
            return kill_switch.why_unreadable(self.name, str(error))
        return kill_switch.why_on(self.name, value)

    def take_turn_to_tell(self, *, now: datetime) -> bool:
        """True for one run a day: it is the one to tell that the switch is on."""
        done = conditionally(
            "ledger: tell of the kill switch",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={**_KEY, "told_at": {"N": str(int(now.timestamp()))}},
            ConditionExpression="attribute_not_exists(pk) OR told_at <= :before",
            ExpressionAttributeValues={":before": {"N": str(int((now - _TOLD_EVERY).timestamp()))}},
        )
        return done is not None

    def give_turn_back(self) -> None:
        """The telling failed: another run may."""
        with translated("ledger: the kill switch was not told"):
            self._dynamodb.put_item(TableName=self._table, Item={**_KEY, "told_at": {"N": "0"}})
