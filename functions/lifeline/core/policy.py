"""What is required where: the policy, and what it wants of one VPC."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from lifeline.core.model import Subnet, Tier, Vpc
from lifeline.core.service_sets import expand
from lifeline.errors import InvalidInputError

REQUIRE = "lifeline:require"
EXEMPT = "lifeline:exempt"
MOST_BYTES = 8192  # Systems Manager guide: an advanced parameter's value holds 8 KB
PRIVATE = frozenset({Tier.ISOLATED, Tier.EGRESS})
WHOLE = "policy"  # the field's name where the document as a whole is wrong

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SERVICE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_SHOWN = 60

type Tags = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Services that are required in the subnets which meet every condition; an empty one is met by all but `tiers`."""

    services: frozenset[str]
    per_zone: bool = True
    tiers: frozenset[Tier] = PRIVATE
    vpc_ids: frozenset[str] = frozenset()
    vpc_tags: Tags = ()
    subnet_tags: Tags = ()
    name: str = ""

    def matches(self, vpc: Vpc, subnet: Subnet, tier: Tier) -> bool:
        """True if the subnet, which is of this tier and VPC, meets every condition."""
        return (
            tier in self.tiers
            and (not self.vpc_ids or vpc.id in self.vpc_ids)
            and all(vpc.tag(key) in values for key, values in self.vpc_tags)
            and all(subnet.tag(key) in values for key, values in self.subnet_tags)
        )


@dataclass(frozen=True, slots=True)
class Exempted:
    """A VPC or subnet that need not reach some services, or any if `services` is empty; `until` is the last day."""

    subject: str
    services: tuple[str, ...]
    until: date | None
    reason: str

    def counts_on(self, today: date) -> bool:
        """True until the last day has passed."""
        return self.until is None or today <= self.until

    def spares(self, service: str) -> bool:
        """True if the service is one that the subject need not reach."""
        return not self.services or service in self.services


@dataclass(frozen=True, slots=True)
class Limits:
    """How many endpoints there may be, whoever made them; AWS's default quotas (VPC guide: AWS PrivateLink quotas)."""

    interface_endpoints_per_vpc: int = 50
    gateway_endpoints_per_region: int = 20


@dataclass(frozen=True, slots=True)
class Policy:
    """What is required where. `per_zone` is the coverage of what tags ask for."""

    rules: tuple[Rule, ...]
    exemptions: tuple[Exempted, ...] = ()
    limits: Limits = Limits()
    fix_dns: bool = False
    per_zone: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """One service that some subnets of one VPC must reach; `per_zone` in each of their zones, or else anywhere."""

    service: str
    subnet_ids: frozenset[str]
    per_zone: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """One VPC's wishes by service, the exemptions that took some away, and the tags that can't be read, in words."""

    wishes: tuple[Wish, ...]
    exempted: tuple[Exempted, ...] = ()
    problems: tuple[str, ...] = ()


def simple_policy(services: Sequence[str], tiers: frozenset[Tier], *, per_zone: bool) -> Policy:
    """What the template's parameters say: these services, or named sets, in every subnet of these tiers."""
    return Policy(rules=(Rule(expand(services), per_zone, tiers),), per_zone=per_zone)


# ---- what a VPC's subnets must reach


def wanted(policy: Policy, vpc: Vpc, tiers: Mapping[str, Tier], *, today: date) -> Wanted:
    """What the VPC's available subnets must reach on a day (UTC): what is asked of each, without what is exempt.

    A subnet's tag `lifeline:require` stands in for the rules there; a VPC's stands in for them in the whole VPC, and
    asks in its private subnets. Exemptions count whoever asks. A tag that can't be read counts as absent. The order of
    rules, subnets and tags makes no difference.
    """
    subnets = sorted((one for one in vpc.subnets if one.state == "available"), key=lambda subnet: subnet.id)
    tagged: tuple[Vpc | Subnet, ...] = (vpc, *subnets)
    tags = {one.id: _read_tags(one) for one in tagged}
    asked = {one.id: _asked(policy, vpc, one, tiers[one.id], tags) for one in subnets}
    said = [*policy.exemptions, *(one.exempted for one in tags.values() if one.exempted)]
    exemptions = [one for one in said if one.subject in tags and one.counts_on(today)]
    used: set[Exempted] = set()
    wishes: dict[str, dict[str, bool]] = {}
    for subnet_id, services in asked.items():
        here = [one for one in exemptions if one.subject in {vpc.id, subnet_id}]
        for service, per_zone in services.items():
            sparing = [one for one in here if one.spares(service)]
            used.update(sparing)
            if not sparing:
                wishes.setdefault(service, {})[subnet_id] = per_zone
    return Wanted(
        wishes=tuple(Wish(service, frozenset(who), any(who.values())) for service, who in sorted(wishes.items())),
        exempted=tuple(sorted(used, key=_in_order)),
        problems=tuple(problem for one in tags.values() for problem in one.problems),
    )


def _asked(policy: Policy, vpc: Vpc, subnet: Subnet, tier: Tier, tags: Mapping[str, "_TagsRead"]) -> dict[str, bool]:
    """What is asked of the subnet before exemptions: each service, and whether it is in each zone."""
    of_subnet, of_vpc = tags[subnet.id].required, tags[vpc.id].required
    if of_subnet is not None:
        return dict.fromkeys(of_subnet, policy.per_zone)
    if of_vpc is not None:
        return dict.fromkeys(of_vpc if tier in PRIVATE else (), policy.per_zone)
    asked: dict[str, bool] = {}
    for rule in policy.rules:
        if rule.matches(vpc, subnet, tier):
            for service in rule.services:
                asked[service] = asked.get(service, False) or rule.per_zone
    return asked


def _in_order(exempted: Exempted) -> tuple[str, tuple[str, ...], date, str]:
    return exempted.subject, exempted.services, exempted.until or date.max, exempted.reason


# ---- tags


@dataclass(frozen=True, slots=True)
class _TagsRead:
    """Lifeline's tags on one VPC or subnet; `required` is None where the tag is absent or can't be read."""

    required: frozenset[str] | None
    exempted: Exempted | None
    problems: tuple[str, ...]


def _read_tags(tagged: Vpc | Subnet) -> _TagsRead:
    require, exempt = tagged.tag(REQUIRE), tagged.tag(EXEMPT)
    problems: list[str] = []
    required = None if require is None else _services_in(require)
    if require is not None and required is None:
        wrong = f"{tagged.id}: the tag {REQUIRE} is {_shown(require)}, which is no list of services or named sets"
        problems.append(f"{wrong} such as monitoring,logs; it counts as absent")
    exempted = None
    if exempt is not None and exempt.strip().lower() != "false":
        until = _date(exempt.strip())
        if until or exempt.strip().lower() == "true":
            exempted = Exempted(tagged.id, (), until, f"tag {EXEMPT}")
        else:
            wrong = f"{tagged.id}: the tag {EXEMPT} is {_shown(exempt)}, which is neither true nor a date"
            problems.append(f"{wrong} such as 2027-01-31; it exempts nothing")
    return _TagsRead(required, exempted, tuple(problems))


def _services_in(value: str) -> frozenset[str] | None:
    """The services that a tag's value lists, with commas or spaces: other AWS services allow no comma in a tag."""
    names = value.replace(",", " ").split()
    return expand(names) if names and all(_SERVICE.fullmatch(name) for name in names) else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


# ---- documents


def read_policy(text: str) -> Policy:
    """The policy that a document says, once it keeps to `policy.schema.json`.

    Raises InvalidInputError for everything else, with the path to the first field that is wrong: `rules[0].require[1]`,
    or `policy` for the document as a whole.
    """
    try:
        document = _parse(text)
        _check(document)
    except RecursionError as error:
        raise InvalidInputError(WHOLE, "is nested too deeply") from error
    per_zone = document.get("coverage", "az") == "az"
    rules = [_rule(one, per_zone=per_zone) for one in document["rules"]]
    _check_names([rule.name for rule in rules])
    return Policy(
        rules=tuple(rules),
        exemptions=tuple(_exemption(one, place) for place, one in enumerate(document.get("exemptions", []))),
        limits=Limits(**{name: int(most) for name, most in document.get("limits", {}).items()}),
        fix_dns=document.get("fix_dns", False),
        per_zone=per_zone,
    )


def _rule(said: Mapping[str, Any], *, per_zone: bool) -> Rule:
    where = said.get("where", {})
    return Rule(
        services=expand(said["require"]),
        per_zone=said["coverage"] == "az" if "coverage" in said else per_zone,
        tiers=frozenset(map(Tier, where["tiers"])) if "tiers" in where else PRIVATE,
        vpc_ids=frozenset(where.get("vpc_ids", ())),
        vpc_tags=_tags(where.get("vpc_tags", {})),
        subnet_tags=_tags(where.get("subnet_tags", {})),
        name=said.get("name", ""),
    )


def _tags(said: Mapping[str, str | list[str]]) -> Tags:
    return tuple((key, frozenset({value} if isinstance(value, str) else value)) for key, value in sorted(said.items()))


def _exemption(said: Mapping[str, Any], place: int) -> Exempted:
    until = _date(said["until"]) if "until" in said else None
    if "until" in said and until is None:
        raise InvalidInputError(f"exemptions[{place}].until", f"{_shown(said['until'])} is not a day of the calendar")
    subject = said["vpc_id"] if "vpc_id" in said else said["subnet_id"]
    return Exempted(subject, tuple(sorted(expand(said.get("services", ())))), until, said["reason"])


def _check_names(names: Sequence[str]) -> None:
    for place, name in enumerate(names):
        if name and name in names[:place]:
            raise InvalidInputError(f"rules[{place}].name", f"{_shown(name)} names rules[{names.index(name)}] already")


def _parse(text: str) -> Any:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise InvalidInputError(WHOLE, f"is {size} bytes long; {MOST_BYTES} are the most")
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInputError(WHOLE, f"is not JSON: {error.msg} ({where})") from error
    except UnicodeEncodeError as error:
        raise InvalidInputError(WHOLE, "holds half of a character (a lone surrogate)") from error
    except ValueError as error:
        raise InvalidInputError(WHOLE, "holds a number that is too long to read") from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two equal keys counts; a policy that leaves it open is wrong."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInputError(_plain(key) or WHOLE, "is there twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise InvalidInputError(WHOLE, f"is not JSON: {name} is no JSON number")


# ---- the schema's verdict in our words


@cache
def _validate() -> Callable[[Any], Any]:
    """The schema, compiled: about 0.1 s, so it waits for the first document."""
    import fastjsonschema  # noqa: PLC0415 - most stacks have no document, and none of them should pay for it

    schema = json.loads(files("lifeline").joinpath("policy.schema.json").read_text("utf-8"))
    compiled: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return compiled


def _check(document: Any) -> None:
    from fastjsonschema import JsonSchemaValueException  # noqa: PLC0415 - as above

    try:
        _validate()(document)
    except JsonSchemaValueException as error:
        field, message = _verdict(error.name or "", error.rule or "", error.value, error.definition)
        raise InvalidInputError(field, message) from error


def _verdict(name: str, rule: str, value: Any, definition: Mapping[str, Any]) -> tuple[str, str]:
    """The field, and what is wrong with it, for a rule of the schema that the value at `name` breaks."""
    path = _plain(name.removeprefix("data").removeprefix("."))
    match rule:
        case "required":
            return _inside(path, next(key for key in definition[rule] if key not in value)), "is missing"
        case "additionalProperties":
            unknown = next(key for key in sorted(value) if key not in definition["properties"])
            return _inside(path, unknown), f"is not one of {', '.join(sorted(definition['properties']))}"
        case "oneOf":
            message = f"must have {' or '.join(one['required'][0] for one in definition[rule])}, and only one of them"
        case "uniqueItems":
            message = "must not hold the same twice"
        case "minItems" | "minProperties":
            message = "must not be empty"
        case "maxItems" | "maxProperties" | "maxLength":
            unit = "characters" if rule == "maxLength" else "entries"
            message = f"has {len(value)} {unit}; {definition[rule]} are the most"
        case _:
            message = f"must be {definition['title']}, not {_shown(value)}"
    return path or WHOLE, message


def _inside(path: str, key: str) -> str:
    return f"{path}.{_plain(key) or '?'}".removeprefix(".")


def _shown(value: object) -> str:
    """A value as an error message may repeat it: short, printable, quoted."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value) if value is None or isinstance(value, bool) else ascii(value)[:_SHOWN]


def _plain(text: str) -> str:
    """A path or key as a field's name may repeat it: printable ASCII, cut."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:256])
