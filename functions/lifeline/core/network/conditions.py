"""Do a policy statement's conditions hold for a call by the network's own account? Only as far as that is certain."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from lifeline.core.network.model import version_of
from lifeline.core.network.packets import addresses_in, common, span


class Match(StrEnum):
    """Whether a statement, or a part of it, speaks of the call, whichever of its account's principals makes it.

    `depends`: on which of them calls, on a condition, on what isn't read.
    """

    NO = "no"
    DEPENDS = "depends"
    YES = "yes"

    @classmethod
    def all_of(cls, *found: "Match") -> "Match":
        """What holds only if each of them does."""
        return next((match for match in cls if match in found), cls.YES)

    @property
    def opposite(self) -> "Match":
        """What holds where this doesn't."""
        return {Match.NO: Match.YES, Match.YES: Match.NO}.get(self, self)


@dataclass(frozen=True, slots=True)
class Call:
    """What is certain of a call, by condition keys in small letters: their values, which others it has, and which not.

    `cidrs` are the blocks that its `aws:VpcSourceIp` may be from, `at` is when it is made, and `account` is the
    caller's, empty where that isn't certain. A call of an AWS service for itself has its principal as `service`, such
    as events.amazonaws.com. `resource` is the ARN of what the call is on, empty where it has none.
    """

    values: tuple[tuple[str, str], ...] = ()
    present: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    cidrs: tuple[str, ...] = ()
    at: datetime | None = None
    account: str = ""
    service: str = ""
    resource: str = ""


ANY_CALL = Call()
# Keys of every signed request (IAM guide: AWS global condition context keys).
_OF_ALL = frozenset({"aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn", "aws:userid"})
# Keys of calls that an AWS service makes, for itself or for others (the same guide): no client's call has them.
_OF_SERVICES = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
    }
)


def call_through(
    endpoint_id: str, vpc_id: str, region: str, cidrs: tuple[str, ...], at: datetime | None, account: str = ""
) -> Call:
    """A call that the VPC's own clients make through an endpoint, over HTTPS as SDKs do.

    It has the IDs of the VPC and the endpoint, and the client's private address as `aws:VpcSourceIp`, never
    `aws:SourceIp` (IAM guide: AWS global condition context keys, properties of the network). `account` is that of the
    clients, and so of their instances' roles.
    """
    values = {"aws:sourcevpc": vpc_id, "aws:sourcevpce": endpoint_id, "aws:securetransport": "true"}
    values |= {"aws:principalisawsservice": "false", "aws:viaawsservice": "false"}
    values |= {"aws:requestedregion": region} if region else {}
    values |= {"aws:principalaccount": account} if account else {}
    present = _OF_ALL | {"aws:vpcsourceip"}
    return Call(tuple(values.items()), present, frozenset({"aws:sourceip"}) | _OF_SERVICES, cidrs, at, account)


def match_principal(pattern: str, account: str) -> Match:
    """Whether a principal's ARN, its account's ID or a pattern for ARNs means a caller of this account: all of them,
    none, or some that may not even exist.
    """
    if not pattern.strip("*") and pattern:
        return Match.YES
    match pattern.split(":"):
        case ["arn", _, _, _, named, *rest]:
            pass
        case _:
            named, rest = pattern, []
    if not account or len(named) != len(account) or not named.isdecimal():
        return Match.DEPENDS
    if named != account:
        return Match.NO
    return Match.YES if rest == ["*"] else Match.DEPENDS


def match_conditions(conditions: object, call: Call) -> Match:
    """Whether all conditions hold (IAM guide: conditions with multiple context keys or values)."""
    if not conditions:
        return Match.YES
    if not isinstance(conditions, dict) or not all(isinstance(keys, dict) for keys in conditions.values()):
        return Match.DEPENDS
    each = [(name, key, wanted) for name, keys in conditions.items() for key, wanted in keys.items()]
    return Match.all_of(*(_match(name.lower(), key.lower(), _texts(wanted), call) for name, key, wanted in each))


def _match(operator: str, key: str, wanted: tuple[str, ...], call: Call) -> Match:
    """One operator on one key. Any of the values will do; of a negated operator, none may (IAM guide: multivalued)."""
    quantifier, _, name = operator.rpartition(":")
    plain = name.removesuffix("ifexists")
    if not wanted or any("${" in text for text in wanted):
        return Match.DEPENDS
    if plain == "null":
        return _match_null(key, wanted, call)
    positive = plain.replace("not", "", 1)
    is_negated = positive != plain
    find = _FOUND_BY.get(positive)
    if find is None and positive != "ipaddress":
        return Match.DEPENDS
    if key in call.absent:  # IAM guide: IfExists; set operators; negated matching condition operators
        if quantifier:
            return Match.YES if quantifier == "forallvalues" else Match.NO
        return Match.YES if is_negated or plain != name else Match.NO
    found = {find(key, text, call) for text in wanted} if find else {_addresses(key, wanted, call)}
    best = next((match for match in (Match.YES, Match.DEPENDS) if match in found), Match.NO)
    return best.opposite if is_negated else best


def _match_null(key: str, wanted: tuple[str, ...], call: Call) -> Match:
    """`true` asks that the key isn't there, `false` that it is (IAM guide: condition operator to check existence)."""
    asked = {text.lower() for text in wanted}
    is_there = key in call.present or key in dict(call.values)
    if len(asked) != 1 or not asked <= {"true", "false"} or not (is_there or key in call.absent):
        return Match.DEPENDS
    return Match.YES if (asked == {"false"}) is is_there else Match.NO


def _equal(key: str, wanted: str, call: Call) -> Match:
    value = dict(call.values).get(key)
    if value is None and key == "aws:principalarn" and "*" not in wanted:
        return match_principal(wanted, call.account)
    return Match.DEPENDS if value is None else _sure(value == wanted)


def _equal_in_any_case(key: str, wanted: str, call: Call) -> Match:
    value = dict(call.values).get(key)
    return Match.DEPENDS if value is None else _sure(value.lower() == wanted.lower())


def _like(key: str, wanted: str, call: Call) -> Match:
    value = dict(call.values).get(key)
    if value is None and key == "aws:principalarn":
        is_anybody = _matches_all(wanted, "arn:{0}:{0}::{0}:{0}")
        return Match.YES if is_anybody else match_principal(wanted, call.account)
    if value is None:
        return Match.YES if key in call.present and _matches_all(wanted) else Match.DEPENDS
    return _sure(is_like(value, wanted))


def is_like(text: str, pattern: str) -> bool:
    """True if the pattern matches all of the text: `*` for any letters, `?` for one (IAM JSON grammar: wildcards)."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _matches_all(pattern: str, form: str = "{0}") -> bool:
    """True if the pattern matches every text of the form: what only wildcards match stands for what may be there."""
    return all(is_like(form.format(any_), pattern) for any_ in ("\0", "\0" * 99))


def _addresses(key: str, wanted: tuple[str, ...], call: Call) -> Match:
    """Whether one of the blocks has the address of each of the VPC's clients, whichever of them it is, or none has."""
    if key != "aws:vpcsourceip" or not call.cidrs:
        return Match.DEPENDS
    blocks = [one for one in wanted if _is_block(one)]
    shared = {_share(cidr, blocks) for cidr in call.cidrs}
    found = shared.pop() if len(shared) == 1 else Match.DEPENDS
    return Match.DEPENDS if found is Match.NO and len(blocks) < len(wanted) else found


def _is_block(text: str) -> bool:
    try:
        span(text)
    except ValueError:
        return False
    return True


def _share(cidr: str, wanted: Iterable[str]) -> Match:
    version = version_of(cidr)
    whole = addresses_in([cidr], version)
    both = common(whole, addresses_in(wanted, version))
    return Match.YES if both == whole else Match.DEPENDS if both else Match.NO


def _date(is_met: Callable[[datetime, datetime], bool], *, is_number: bool) -> "_Find":
    def find(key: str, wanted: str, call: Call) -> Match:
        at = _as_date(wanted, is_number=is_number) if key in {"aws:currenttime", "aws:epochtime"} else None
        return Match.DEPENDS if at is None or call.at is None else _sure(is_met(call.at, at))

    return find


def _as_date(text: str, *, is_number: bool) -> datetime | None:
    """A date as policies write it: ISO 8601, or seconds since 1970 (IAM guide: date condition operators), which a
    number always is.
    """
    try:
        if text.isdecimal() and (is_number or len(text) > len("2026")):
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _sure(is_met: bool) -> Match:  # noqa: FBT001
    return Match.YES if is_met else Match.NO


type _Find = Callable[[str, str, Call], Match]
_ORDERS: Mapping[str, Callable[[datetime, datetime], bool]] = MappingProxyType(
    {
        "equals": lambda now, at: now == at,
        "lessthan": lambda now, at: now < at,
        "lessthanequals": lambda now, at: now <= at,
        "greaterthan": lambda now, at: now > at,
        "greaterthanequals": lambda now, at: now >= at,
    }
)
_FOUND_BY: Mapping[str, _Find] = MappingProxyType(
    {
        "arnequals": _like,
        "arnlike": _like,
        "bool": _equal_in_any_case,
        "stringequals": _equal,
        "stringequalsignorecase": _equal_in_any_case,
        "stringlike": _like,
        **{f"date{name}": _date(is_met, is_number=False) for name, is_met in _ORDERS.items()},
        **{f"numeric{name}": _date(is_met, is_number=True) for name, is_met in _ORDERS.items()},
    }
)


def _texts(value: object) -> tuple[str, ...]:
    """A condition's values as texts; none where one of them is anything else."""
    listed: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | bool | int) for item in listed):
        return ()
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in listed)
