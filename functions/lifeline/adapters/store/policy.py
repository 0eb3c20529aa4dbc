"""The policy's document in Parameter Store, and what the ledger keeps: the last valid one, and what is wrong since."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write, run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import TerminalError

_KEY = "POLICY"
_LAST_VALID = "LAST_VALID"
_REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Document:
    """One version of the parameter's text."""

    text: str
    version: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What was wrong with the parameter when last looked at, and whether people know. Version 0 could not be read."""

    version: int
    field: str
    message: str
    is_notified: bool = False

    def is_same_as(self, other: "Refused | None") -> bool:
        """True if nothing but the telling differs."""
        return other is not None and replace(self, is_notified=other.is_notified) == other


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger keeps: the last valid document, and what has been wrong since."""

    last_valid: Document | None = None
    refused: Refused | None = None


class PolicyStore:
    """The SSM parameter, and the ledger's items `POLICY` with `LAST_VALID` and `REFUSED`, which never expire."""

    def __init__(self, table_name: str, *, ssm: Any = None, dynamodb: Any = None) -> None:
        self._table = table_name
        self._ssm = ssm or client("ssm")
        self._dynamodb = dynamodb or client("dynamodb")

    def read(self, parameter_name: str) -> Document:
        """The parameter's newest version. Raises ours: TerminalError where it is missing, or not a plain text."""
        with aws_errors(f"{parameter_name} could not be read"):
            found = self._ssm.get_parameter(Name=parameter_name)["Parameter"]
        if found["Type"] != "String":
            raise TerminalError(f"{parameter_name} is a {found['Type']}; a policy is a String", code="WrongType")
        return Document(text=found["Value"], version=found["Version"])

    def load(self) -> Known:
        """What the ledger keeps."""
        valid, refused = run_concurrently([partial(self._get, _LAST_VALID), partial(self._get, _REFUSED)])
        return Known(
            last_valid=Document(valid["document"]["S"], int(valid["version"]["N"])) if valid else None,
            refused=_refused(refused) if refused and "over_at" not in refused else None,
        )

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        """Keeps the document as the last valid one, unless another run has kept a newer one meanwhile."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if instead_of:
            condition = {
                "ConditionExpression": "version = :seen",
                "ExpressionAttributeValues": {":seen": {"N": str(instead_of.version)}},
            }
        item = {
            **_key(_LAST_VALID),
            "document": {"S": document.text},
            "version": {"N": str(document.version)},
            "kept_at": {"S": now.isoformat()},
        }
        conditional_write(
            "ledger: keep the policy", self._dynamodb.put_item, TableName=self._table, Item=item, **condition
        )

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        """Keeps what is wrong, and whether people know, in place of what was wrong before."""
        self._put_refused(refused, {"refused_at": {"S": now.isoformat()}})

    def close(self, refused: Refused, *, now: datetime) -> None:
        """Keeps that it is no longer wrong: the same thing going wrong again is news then."""
        self._put_refused(refused, {"over_at": {"S": now.isoformat()}})

    def _put_refused(self, refused: Refused, more: dict[str, Any]) -> None:
        item = {
            **_key(_REFUSED),
            "version": {"N": str(refused.version)},
            "field": {"S": refused.field},
            "message": {"S": refused.message},
            "notified": {"BOOL": refused.is_notified},
            **more,
        }
        with aws_errors("ledger: write the policy's refusal"):
            self._dynamodb.put_item(TableName=self._table, Item=item)

    def _get(self, sort_key: str) -> dict[str, Any]:
        with aws_errors("ledger: read the policy"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(sort_key), ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found


def _key(sort_key: str) -> dict[str, Any]:
    return {"pk": {"S": _KEY}, "sk": {"S": sort_key}}


def _refused(item: dict[str, Any]) -> Refused:
    return Refused(
        int(item["version"]["N"]), item["field"]["S"], item["message"]["S"], is_notified=item["notified"]["BOOL"]
    )
