"""Whether the services that a call names are there: a misspelt one must not pass for a decision."""

from collections.abc import Collection, Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP
from lifeline.core.policy.service_names import unknown_words
from lifeline.core.policy.service_sets import NAMED_SETS

_SHARED = frozenset({SECURITY_GROUP, DNS_ATTRIBUTES})  # what can be frozen in a service's place


def unchecked_freezes(call: Mapping[str, Any], known: Collection[str] | None) -> tuple[str, ...]:
    """The names that the call freezes and that can't be checked, because it isn't known what the region offers.

    They are frozen as they are written: whoever says "hands off" must not wait for that. Raises InvalidInputError for
    the first name that is checked and isn't there.
    """
    names = _listed(call, "freeze")
    if known is None:
        return tuple(name for name in names if name not in NAMED_SETS.keys() | _SHARED)
    _check("freeze", names, known, _SHARED)
    return ()


def check_unfreezes(call: Mapping[str, Any], known: Collection[str] | None, frozen: Collection[str]) -> None:
    """Refuse the first name that the call unfreezes and that is neither there nor `frozen` in one of the VPCs."""
    _check("unfreeze", _listed(call, "unfreeze"), known, {*_SHARED, *frozen})


def check_exempted(call: Mapping[str, Any], known: Collection[str] | None) -> None:
    """Refuse the first service of an exemption that isn't there."""
    _check("services", _listed(call, "services"), known, ())


def _listed(call: Mapping[str, Any], field: str) -> list[str]:
    """The names as the call lists them; none where it says true, for everything."""
    value = call.get(field)
    return value if isinstance(value, list) else []


def _check(field: str, names: list[str], known: Collection[str] | None, more: Collection[str]) -> None:
    for place, name in enumerate(names):
        if name in more or name in (NAMED_SETS if known is None else known):
            continue
        if known is None:
            words = f"{name} can't be checked, because the region's endpoint services could not be read: try again"
            raise InvalidInputError(f"{field}[{place}]", words)
        raise InvalidInputError(f"{field}[{place}]", unknown_words(name, {*known, *more}))
