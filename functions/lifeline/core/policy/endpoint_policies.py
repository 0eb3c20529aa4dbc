"""Endpoint policies: which policy an endpoint gets, from the parameters that the policy document names.

Whoever names one wants no endpoint with full access. So where a named policy is missing, wrong or unread, no endpoint
is made, and none is changed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.endpoint_policy import asked_words, is_shut
from lifeline.core.network.model import Endpoint, EndpointState, EndpointType, Service, Vpc, suffix_of
from lifeline.core.wording import fingerprint, nearest

DEFAULT = "default"
FULL_ACCESS = "full access"
MOST_CHARACTERS = 20_480  # of an endpoint's policy, with white space (VPC guide: PrivateLink quotas)
_TYPE = "String"
_NEW = "vpce-00000000000000000"  # stands for the ID of one that isn't made yet, which no policy can name
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_MEMBERS = ("Version", "Id", "Statement")
_OF_A_STATEMENT = (
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"),
)
_VERSIONS = ("2012-10-17", "2008-10-17")
_PRINCIPALS = ("AWS", "CanonicalUser", "Federated", "Service")  # kinds (IAM guide: elements of a policy, Principal)
# IAM guide: condition operators. Each may begin with one of the quantifiers, and end in IfExists.
_OPERATORS = (
    *("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "BinaryEquals", "Bool", "DateEquals", "DateGreaterThan"),
    *("DateGreaterThanEquals", "DateLessThan", "DateLessThanEquals", "DateNotEquals", "IpAddress", "NotIpAddress"),
    *("Null", "NumericEquals", "NumericGreaterThan", "NumericGreaterThanEquals", "NumericLessThan"),
    *("NumericLessThanEquals", "NumericNotEquals", "StringEquals", "StringEqualsIgnoreCase", "StringLike"),
    *("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"),
)
_QUANTIFIERS = ("", "ForAllValues", "ForAnyValue")
_EITHER = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A parameter's text, and its type as Systems Manager has it."""

    text: str
    type: str = _TYPE


@dataclass(frozen=True, slots=True)
class ChosenPolicy:
    """The policy of one endpoint: `document`, from the parameter `name`; both are empty for full access.

    `refusal` says why there is none although one is named: then no endpoint may be made.
    """

    name: str = ""
    document: str = ""
    refusal: str = ""
    is_unsupported: bool = False

    @property
    def words(self) -> str:
        """What an endpoint lets through that has it."""
        if self.is_unsupported:
            return f"{FULL_ACCESS}, because the service's endpoints don't take policies"
        return self.name or FULL_ACCESS


@dataclass(frozen=True, slots=True)
class EndpointPolicies:
    """The names of policies by service, with `default` for all others, and the parameters that have been read.

    `prefix` is where the parameters are, `unread` why they could not be read.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, StoredPolicy] = field(default_factory=dict)
    prefix: str = ""
    unread: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def choose(self, service: Service, vpc: Vpc, endpoint_id: str = "") -> ChosenPolicy:
        """The policy of the service's endpoint in the VPC; without an ID, of one that is to be made."""
        name = self.named.get(suffix_of(service.name), self.named.get(DEFAULT, ""))
        if not name:
            return ChosenPolicy()
        if not service.takes_policy:
            return ChosenPolicy(is_unsupported=True)
        path = f"{self.prefix}{name}"
        if self.unread:
            return ChosenPolicy(path, refusal=f"its endpoint policy {path} could not be read: {self.unread}")
        try:
            return ChosenPolicy(path, self._document(name, service, vpc, endpoint_id or _NEW))
        except InvalidInputError as error:
            return ChosenPolicy(path, refusal=f"its endpoint policy {path} {error.message}")

    def _document(self, name: str, service: Service, vpc: Vpc, endpoint_id: str) -> str:
        stored = self.stored.get(name)
        if stored is None:
            raise InvalidInputError(name, f"doesn't exist{_nearest(name, self.stored)}")
        if stored.type != _TYPE:
            raise InvalidInputError(name, f"is a {stored.type}; an endpoint policy is a {_TYPE}")
        text = self._filled_in(name, stored.text, vpc)
        policy = _read(name, text)
        if service.type is EndpointType.GATEWAY:
            _check_callers(name, policy)
        given = Endpoint(endpoint_id, service.name, service.type, EndpointState.AVAILABLE, policy=text)
        if is_shut(given, vpc if vpc.interfaces is not None else replace(vpc, owner_id="")):
            nobody = f"doesn't allow {asked_words(service.name)} to anybody in {vpc.id}"
            raise InvalidInputError(name, f"{nobody}, so the endpoint would serve nobody")
        return text

    def _filled_in(self, name: str, text: str, vpc: Vpc) -> str:
        """The text with Lifeline's variables filled in. IAM's own are left: they have a colon, or are one letter.
        Those of CloudFormation have two, and mean nothing to IAM.
        """
        values = {**self.variables, "vpc": vpc.id}

        def value(found: re.Match[str]) -> str:
            variable = found[1]
            if (":" in variable and "::" not in variable) or variable in {"*", "?", "$"}:
                return found[0]
            if variable not in values:
                raise InvalidInputError(
                    name, f"uses the variable ${{{variable}}}{_nearest(variable, values, what='the variables are')}"
                )
            if not values[variable]:
                raise InvalidInputError(name, f"uses ${{{variable}}}: add it to the policy as {variable}")
            return values[variable]

        return _VARIABLE.sub(value, text)


NO_POLICIES = EndpointPolicies()


def same_policy(document: str, other: str) -> bool:
    """True if two policies say the same, however EC2 wrote them down: a text for a list of one, an account's ARN for
    its number, and members in any order (IAM JSON grammar).
    """
    return canonical(document) == canonical(other)


def policy_print(document: str) -> str:
    """The same for all policies that say the same; empty where there is none."""
    return fingerprint(canonical(document), length=16) if document else ""


@lru_cache(maxsize=4096)
def canonical(document: str) -> str:
    """The policy in the one form that all that say the same have; itself where it is no JSON, or has a member twice,
    of which nobody knows which one counts.
    """
    try:
        policy = json.loads(document, object_pairs_hook=partial(_object, ""))
    except (ValueError, RecursionError, InvalidInputError):
        return document.strip()
    if not isinstance(policy, dict):
        return document.strip()
    statements = policy.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    plain = {"Version": "2008-10-17", **policy, "Statement": [_plain_statement(one) for one in listed]}
    return json.dumps(plain, sort_keys=True)


def _plain_statement(statement: Any) -> Any:
    if not isinstance(statement, dict):
        return statement
    plain = {key: _plain(value) for key, value in statement.items() if not (key == "Sid" and value == "")}
    for key in ("Principal", "NotPrincipal"):
        if isinstance(statement.get(key), dict):
            plain[key] = {kind: sorted(map(_account, _plain(value))) for kind, value in statement[key].items()}
        elif key in statement:
            plain[key] = {"AWS": _plain(statement[key])}  # `*` is everybody, as {"AWS": "*"} is
    for key in ("Action", "NotAction"):
        if isinstance(plain.get(key), list):
            plain[key] = sorted(str(action).lower() for action in plain[key])
    condition = statement.get("Condition")
    if isinstance(condition, dict):
        plain["Condition"] = {
            operator: _plain_keys(keys) if isinstance(keys, dict) else keys for operator, keys in condition.items()
        }
    return plain


def _plain_keys(keys: Mapping[str, Any]) -> dict[str, Any] | list[tuple[str, Any]]:
    """IAM's keys have no case: of one that is spelled in several ways, each has to hold."""
    pairs = sorted(((name.lower(), _plain(value)) for name, value in keys.items()), key=repr)
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else pairs


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    listed = value if isinstance(value, list) else [value]
    return sorted(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)


def _account(principal: str) -> str:
    found = re.fullmatch(r"arn:[a-z-]+:iam::([0-9]{12}):root", principal)
    return found[1] if found else principal


# ---- what an endpoint's policy may be


def _read(name: str, text: str) -> dict[str, Any]:
    """The policy. Raises InvalidInputError for one that EC2 would refuse, as far as its form shows that."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidInputError(name, f"has {len(text)} characters; {MOST_CHARACTERS} are the most for an endpoint")
    try:
        policy = json.loads(text, object_pairs_hook=partial(_object, name))
    except (ValueError, RecursionError) as error:
        where = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInputError(name, f"isn't JSON{where}") from error
    if not isinstance(policy, dict):
        raise InvalidInputError(name, "isn't a JSON object")
    _check_members(name, "", policy, _MEMBERS)
    version = policy.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise InvalidInputError(name, f"must have Version {' or '.join(_VERSIONS)}")
    statements = policy.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    if not listed or statements is None:
        raise InvalidInputError(name, "has no Statement")
    for place, statement in enumerate(listed):
        _check_statement(name, f"Statement[{place}]", statement)
    return {**policy, "Statement": listed}


def _object(name: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two equal members counts, and one of them may be the one that denies."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(member for place, (member, _) in enumerate(pairs) if member in dict(pairs[:place]))
        raise InvalidInputError(name, f"has {_shown(twice)} twice in one object")
    return found


def _check_statement(name: str, where: str, statement: Any) -> None:
    if not isinstance(statement, dict):
        raise InvalidInputError(name, f"is wrong at {where}: it isn't a JSON object")
    _check_members(name, where, statement, _OF_A_STATEMENT)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise InvalidInputError(name, f"is wrong at {where}.Effect: it must be Allow or Deny")
    for pair in _EITHER:
        if sum(member in statement for member in pair) != 1:
            raise InvalidInputError(
                name, f"is wrong at {where}: it must have {' or '.join(pair)}, and only one of them"
            )
    for member in ("Action", "NotAction", "Resource", "NotResource"):
        if member in statement and not _is_texts(statement[member]):
            raise InvalidInputError(name, f"is wrong at {where}.{member}: it must be a text or a list of texts")
    for member in ("Principal", "NotPrincipal"):
        said = statement.get(member, "*")
        values = list(said.values()) if isinstance(said, dict) else []
        if said != "*" and not (values and all(map(_is_texts, values))):
            raise InvalidInputError(
                name, f'is wrong at {where}.{member}: it must be "*" or an object such as {{"AWS": "*"}}'
            )
        if isinstance(said, dict):
            _check_members(name, f"{where}.{member}", said, _PRINCIPALS)
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(keys, dict) and keys for keys in condition.values()):
        raise InvalidInputError(
            name, f"is wrong at {where}.Condition: it must be an object of operators with their keys"
        )
    for operator in sorted(condition):
        _check_operator(name, f"{where}.Condition", operator)


def _check_operator(name: str, where: str, said: str) -> None:
    quantifier, _, operator = said.rpartition(":")
    plain = re.sub("IfExists$", "", operator, flags=re.IGNORECASE)
    known = (one.lower() for one in _OPERATORS)
    if plain.lower() not in known or quantifier.lower() not in {one.lower() for one in _QUANTIFIERS}:
        near = _nearest(plain, _OPERATORS, what="some operators are")
        raise InvalidInputError(name, f"is wrong at {where}: there is no operator {_shown(said)}{near}")


def _check_members(name: str, where: str, found: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for member in sorted(found):
        if member not in known:
            near = _nearest(member, known, what="the members are")
            raise InvalidInputError(
                name, f"is wrong{where and f' at {where}'}: there is no member {_shown(member)}{near}"
            )


def _check_callers(name: str, policy: Mapping[str, Any]) -> None:
    """A gateway endpoint's policy names callers by conditions only (VPC guide: endpoint policies for gateway
    endpoints).
    """
    for place, statement in enumerate(policy["Statement"]):
        if statement.get("Principal") not in ("*", {"AWS": "*"}, {"AWS": ["*"]}):
            words = 'of a gateway endpoint must be "*": name callers in a Condition, such as aws:PrincipalArn'
            raise InvalidInputError(name, f"is wrong at Statement[{place}].Principal, which {words}")


def _is_texts(value: object) -> bool:
    listed = value if isinstance(value, list) else [value]
    return bool(listed) and all(isinstance(one, str) and one for one in listed)


def _shown(name: str) -> str:
    return ascii(name)[1:-1][:40]


def _nearest(name: str, known: Mapping[str, Any] | tuple[str, ...], what: str = "there are") -> str:
    if near := nearest(name, sorted(known)):
        return f"; did you mean {near}?"
    shown = sorted(known)[:10]
    return f"; {what} {', '.join(shown)}" if shown else "; there is none under this prefix"
