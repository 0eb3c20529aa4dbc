"""The hub that the policy names: VPCs may share its endpoints, by its zones or its Profile, instead of paying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.document import shown
from lifeline.core.policy.service_sets import expand

_FREE = frozenset({"dynamodb", "s3"})  # their gateway endpoints cost nothing (VPC guide: gateway endpoints)


@dataclass(frozen=True, slots=True)
class Central:
    """The hub's private hosted zones, or its Route 53 Profile, and what it has: `services` are those that its endpoints
    serve, at addresses in `cidrs`. `account` is the hub's account, empty for the stack's own. With `is_auto`, a VPC is
    associated without approval where everything could be read.
    """

    services: frozenset[str]
    cidrs: tuple[str, ...]
    zones: tuple[str, ...] = ()
    profile: str = ""
    account: str = ""
    is_auto: bool = False

    @property
    def ids(self) -> frozenset[str]:
        """The zones' IDs, or the Profile's."""
        return frozenset({*self.zones, self.profile} - {""})


def read_central(said: Mapping[str, Any] | None) -> Central | None:
    """The hub as the document's field `central` names it, once that keeps to the schema; None without the field.

    Raises InvalidInputError for a block that is none, and for a service that no hub can share.
    """
    if said is None:
        return None
    for place, name in enumerate(said["services"]):
        if name in _FREE:
            words = f"{name} has gateway endpoints, which are free and can't be shared: leave it out"
            raise InvalidInputError(f"central.services[{place}]", words)
    return Central(
        services=expand(said["services"]) - _FREE,
        cidrs=_blocks(said["cidrs"]),
        zones=tuple(said.get("zones", ())),
        profile=said.get("profile", ""),
        account=said.get("account", ""),
        is_auto=said.get("associate", "ask") == "auto",
    )


def is_profile(central_id: str) -> bool:
    """True of a Profile's ID, False of a hosted zone's."""
    return central_id.startswith("rp-")


def _blocks(said: Sequence[str]) -> tuple[str, ...]:
    for place, text in enumerate(said):
        field = f"central.cidrs[{place}]"
        try:
            network = ip_network(text, strict=False)
        except ValueError as error:
            raise InvalidInputError(field, f"{shown(text)} is not a CIDR block such as 10.0.0.0/16") from error
        if str(network) != text:
            raise InvalidInputError(field, f"{shown(text)} is not written as a block; did you mean {network}?")
        if network.prefixlen == 0:
            raise InvalidInputError(field, f"{text} is every address: name the blocks of the hub's VPC")
    return tuple(said)
