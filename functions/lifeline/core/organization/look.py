"""What a hub's sweep saw in an account: the few figures that the organization's page shows of it until the next one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AccountLook:
    """One account in one region, as the sweep that began `at` left it.

    Each VPC counts once, as its worst service stands: `served` (centrally included, and where nothing is required),
    `pending`, `unknown`, `missing` or `blocked`. `endpoints` are Lifeline's, and `cost_usd` is what these cost in a
    month. `silent` are the agents of its open `incidents`; None where these couldn't be read.
    """

    at: datetime
    served: int = 0
    pending: int = 0
    unknown: int = 0
    missing: int = 0
    blocked: int = 0
    endpoints: int = 0
    cost_usd: Decimal = Decimal(0)
    incidents: int | None = None
    silent: int | None = None

    @property
    def vpcs(self) -> int:
        """How many VPCs were there."""
        return self.served + self.pending + self.unknown + self.missing + self.blocked
