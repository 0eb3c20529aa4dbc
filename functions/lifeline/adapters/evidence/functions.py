"""Lambda functions that have a VPC."""

from functools import partial
from math import inf
from typing import Any

from lifeline.adapters.aws.calls import in_time, paced_pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.suggest.evidence import Kind, Resident


class Functions:
    """The account's functions in the region."""

    def __init__(self, client: ClientOf = client) -> None:
        self._lambda: Any = client("lambda")

    def read(self, *, until: float = inf) -> tuple[Resident, ...]:
        """Those in a VPC, with their subnets and roles (Lambda API: FunctionConfiguration). Raises ours, TransientError
        too if it takes longer than `until` of the clock `monotonic`.
        """
        return tuple(
            Resident(Kind.FUNCTION, one["FunctionName"], subnets, (one["Role"],) if one.get("Role") else ())
            for one in paced_pages(self._lambda, "list_functions", "Functions", partial(in_time, until), {})
            if (subnets := frozenset((one.get("VpcConfig") or {}).get("SubnetIds", ())))
        )
