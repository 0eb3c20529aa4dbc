"""Fields: split out of another room."""

import re
from collections.abc import Iterator
from datetime import datetime

from lifeline.core.network.model import VPC_ID

_RESOURCE_ID = re.compile(
    r"^(vpc|subnet|rtbassoc|rtb|eigw|igw|nat|vgw|tgw-attach|tgw-rtb|tgw|pcx|vpce|sgr|sg|aclassoc|acl|dopt|pl|eni|cagw"
    r"|lgw-rtb|lgw|vpcbpa-exclude|rse|rsp|rs)-(?:[0-9a-f]{8}|[0-9a-f]{17})$"
)


_SHOWN = 60


def is_time(text: str) -> bool:
    """True for a time with its zone, as messages write it."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_vpc_id(value: object) -> bool:
    return isinstance(value, str) and bool(VPC_ID.fullmatch(value))


def _ids(part: object) -> Iterator[str]:
    """Every resource id in a part of a record, however it is nested.

    EC2's records come in two styles, with wrappers whose names follow no rule, so ids are known by their form alone.
    """
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, str) and _RESOURCE_ID.fullmatch(one):
            yield one


def _text(value: object) -> str:
    """A text of printable ASCII, cut: it goes into the ledger and into notices."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in value[:256])


def _shown(value: object) -> str:
    """A value as an error message may repeat it: short, printable, quoted."""
    return ascii(value)[:_SHOWN]


def _kind(value: object) -> str:
    return {type(None): "null", list: "a list", str: "a text", bool: "true or false"}.get(type(value), "a number")
