"""The policy document in Parameter Store, and what the ledger keeps: the last valid one, and what is wrong since."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.errors import TerminalError
from lifeline.core.organization.ledger import Ledger

_LAST_VALID = ("POLICY", "LAST_VALID")
_REFUSED = ("POLICY", "REFUSED")


@dataclass(frozen=True, slots=True)
class Document:
    """One version of the parameter's text."""

    text: str
    version: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What was wrong with the parameter when last read, and whether people were notified. Version 0 was unreadable."""

    version: int
    field: str
    message: str
    is_notified: bool = False

    def is_same_as(self, other: "Refused | None") -> bool:
        """True if nothing differs but whether people were notified."""
        return other is not None and replace(self, is_notified=other.is_notified) == other


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger keeps: the last valid document, and what has been wrong since."""

    last_valid: Document | None = None
    refused: Refused | None = None


class PolicyStore:
    """The SSM parameter, and the ledger's items `POLICY` with `LAST_VALID` and `REFUSED`, which never expire."""

    def __init__(self, ledger: Ledger, *, ssm: Any = None, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)
        self._ssm = ssm or client("ssm")

    def read(self, parameter_name: str) -> Document:
        """The parameter's newest version. Raises ours: TerminalError where it is missing, or not a plain text."""
        with aws_errors(f"{parameter_name} could not be read"):
            parameter = self._ssm.get_parameter(Name=parameter_name)["Parameter"]
        if parameter["Type"] != "String":
            raise TerminalError(f"{parameter_name} is a {parameter['Type']}; a policy is a String", code="WrongType")
        return Document(text=parameter["Value"], version=parameter["Version"])

    def load(self) -> Known:
        """What the ledger keeps."""
        read = partial(self._table.get, doing="ledger: read the policy")
        valid, refused = run_concurrently([partial(read, _LAST_VALID), partial(read, _REFUSED)])
        return Known(
            last_valid=from_plain(Document, valid) if valid else None,
            refused=from_plain(Refused, refused) if refused and "over_at" not in refused else None,
        )

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        """Save the document as the last valid one, unless another run has saved a newer one meanwhile."""
        self._table.put(
            _LAST_VALID,
            {**to_plain(document), "kept_at": now},
            "ledger: keep the policy",
            condition="version = :seen" if instead_of else "attribute_not_exists(pk)",
            values={":seen": instead_of.version} if instead_of else {},
        )

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        """Save what is wrong, and whether people were notified, in place of what was wrong before."""
        self._put_refused(refused, {"refused_at": now})

    def close(self, refused: Refused, *, now: datetime) -> None:
        """Save that it is no longer wrong: if the same goes wrong again, people are notified again."""
        self._put_refused(refused, {"over_at": now})

    def _put_refused(self, refused: Refused, more: dict[str, Any]) -> None:
        self._table.put(_REFUSED, {**to_plain(refused), **more}, "ledger: write the policy's refusal")


@dataclass(frozen=True, slots=True)
class ReadOnlyPolicy:
    """The policy store without its writes, which only ReconcileEndpoints makes. `known` is what was read before."""

    store: PolicyStore
    known: Known | None = None

    def read(self, parameter_name: str) -> Document:
        """The parameter's newest version."""
        return self.store.read(parameter_name)

    def load(self) -> Known:
        """What the ledger keeps."""
        return self.known or self.store.load()

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        """Nothing: ReconcileEndpoints keeps it."""

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        """Nothing: ReconcileEndpoints writes it down, and sends the notice."""

    def close(self, refused: Refused, *, now: datetime) -> None:
        """Nothing, for the same reason."""
