"""What the ledger keeps of a VPC's last suggestion, for the coverage page: a line for each service."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Remark:
    """One service: what to do about it, and why."""

    verdict: str
    service: str
    words: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A VPC's suggestion and when it was made; `totals` is what it would add and save, `notes` are what to know. `rule`
    is the JSON to paste, and `rule_warning` what to know before; both are empty where nothing is needed.
    """

    at: datetime
    remarks: tuple[Remark, ...]
    totals: str
    notes: tuple[str, ...] = ()
    rule: str = ""
    rule_warning: str = ""
