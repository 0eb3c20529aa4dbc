"""Claims: which refusals of others' endpoints count, because Lifeline's own endpoint is in their place."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, standing
from lifeline.core.network.model import Catalog, Endpoint, EndpointType, Vpc, is_own, suffix_of
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.wording import write_actor, write_time

CLAIM_HOLDS = timedelta(hours=24)  # so long theirs may take to come; then connectivity comes first again
_A_RUN = timedelta(minutes=5)  # an endpoint is saved at the end of the run that made it
_CONFLICT = re.compile(r"conflicting DNS domain for ([A-Za-z0-9*_.-]{1,253})")
_TABLE_ID = re.compile(r"rtb-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_ENDPOINT_ID = re.compile(r"vpce-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_SERVICE_NAME = re.compile(r"[a-z0-9.-]{1,255}")
_CLAIMING = frozenset({"CreateVpcEndpoint", "ModifyVpcEndpoint"})


@dataclass(frozen=True, slots=True)
class Claim:
    """What a refused call wanted: a DNS name for its endpoint, or routes to a service in some route tables."""

    service_name: str = ""
    domain: str = ""
    endpoint_id: str = ""
    route_table_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim with who made it, by which call, and when."""

    claim: Claim
    actor: str
    event_name: str
    event_id: str
    at: datetime


# ---- reading a record


def read_claim(event_name: str, failure: str, message: str, request: object) -> Claim | None:
    """The claim that the record of a refused call is, or None where it was refused for another reason.

    `failure` is EC2's code without its prefix. Whatever of the request isn't of the form that it should be is left out.
    """
    if event_name not in _CLAIMING:
        return None
    found = dict(_members(request))
    name, endpoint_id = (str(found.get(key, "")) for key in ("servicename", "vpcendpointid"))
    claim = Claim(
        service_name=name if _SERVICE_NAME.fullmatch(name) else "",
        endpoint_id=endpoint_id if _ENDPOINT_ID.fullmatch(endpoint_id) else "",
    )
    conflict = _CONFLICT.search(message)
    if failure == "InvalidParameter" and conflict:
        return replace(claim, domain=conflict[1].rstrip(".").lower())
    tables = tuple(sorted(set(_tables(request))))
    if failure == "RouteAlreadyExists" and tables:
        return replace(claim, route_table_ids=tables)
    return None


def _members(part: object) -> Iterator[tuple[str, str]]:
    """The texts of a request by their names in lower case: EC2's records come wrapped and unwrapped."""
    stack = [part]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            yield from ((str(name).lower(), value) for name, value in one.items() if isinstance(value, str))
            stack.extend(value for value in one.values() if isinstance(value, Mapping))


def _tables(part: object, *, is_inside: bool = False) -> Iterator[str]:
    """The route tables that a request adds or names, but not those that it takes off."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            key = str(name).lower()
            if not key.startswith("remove"):
                yield from _tables(value, is_inside=is_inside or "routetableid" in key)
    elif isinstance(part, list):
        for element in part:
            yield from _tables(element, is_inside=is_inside)
    elif is_inside and isinstance(part, str) and _TABLE_ID.fullmatch(part):
        yield part


# ---- keeping it


def blocked_by_own(claim: Claim, vpc: Vpc, owner: str, catalog: Catalog) -> Endpoint | None:
    """Lifeline's own endpoint that conflicts with the claim; None where none does, so that the claim doesn't count."""
    if any(endpoint.id == claim.endpoint_id and is_own(endpoint, owner) for endpoint in vpc.endpoints):
        return None
    own = [endpoint for endpoint in live(vpc) if is_own(endpoint, owner)]
    if claim.domain:
        return next(
            (endpoint for endpoint in own if endpoint.private_dns and _answers(endpoint, claim.domain, catalog)), None
        )
    wanted = claim.service_name or next((x.service_name for x in vpc.endpoints if x.id == claim.endpoint_id), "")
    gateways = (
        endpoint for endpoint in own if endpoint.type is EndpointType.GATEWAY and endpoint.service_name == wanted
    )
    return next((endpoint for endpoint in gateways if endpoint.route_table_ids & set(claim.route_table_ids)), None)


def with_claims(
    frozen: Mapping[str, Freeze],
    claims: Iterable[Claimed],
    vpc: Vpc,
    made: Mapping[str, Made],
    *,
    owner: str,
    catalog: Catalog,
    now: datetime,
) -> dict[str, Freeze]:
    """The freezes with one for each claim that conflicts with Lifeline's own.

    A record from before the endpoint, or older than CLAIM_HOLDS, is about something that is over. Where another freeze
    stands, it stays. The same record twice is one claim.
    """
    kept = dict(frozen)
    for claimed in claims:
        own = blocked_by_own(claimed.claim, vpc, owner, catalog)
        if own and _is_new(claimed, own, made, now) and not _is_known(claimed, own, kept, now):
            kept[suffix_of(own.service_name)] = _freeze(claimed, own, kept.get(suffix_of(own.service_name)), now)
    return kept


def live(vpc: Vpc) -> list[Endpoint]:
    """The VPC's endpoints that aren't gone, by id."""
    return sorted(
        (endpoint for endpoint in vpc.endpoints if not endpoint.state.is_gone), key=lambda endpoint: endpoint.id
    )


def _is_new(claimed: Claimed, own: Endpoint, made: Mapping[str, Made], now: datetime) -> bool:
    known = made.get(suffix_of(own.service_name))
    is_before = known is not None and known.endpoint_id == own.id and claimed.at < known.at - _A_RUN
    return claimed.at > now - CLAIM_HOLDS and not is_before


def _is_known(claimed: Claimed, own: Endpoint, frozen: Mapping[str, Freeze], now: datetime) -> bool:
    service = suffix_of(own.service_name)
    others = {name for name, freeze in standing(frozen, now).items() if freeze.kind is not FreezeKind.CLAIM}
    before = frozen.get(service)
    return bool({service, EVERYTHING} & others) or bool(
        before and claimed.event_id and before.event_id == claimed.event_id
    )


def _freeze(claimed: Claimed, own: Endpoint, before: Freeze | None, now: datetime) -> Freeze:
    since = min(claimed.at, now)
    service = suffix_of(own.service_name)
    holds = f"private DNS for {service}" if claimed.claim.domain else f"the routes to {service}"
    who = write_actor(claimed.actor) or "an unknown actor"
    why = f"{claimed.event_name} by {who} at {write_time(claimed.at)} was refused because "
    tables = own.route_table_ids & set(claimed.claim.route_table_ids)
    earlier = before.ids if before and before.kind is FreezeKind.CLAIM else ()
    return Freeze(
        FreezeKind.CLAIM,
        since,
        f"{why}Lifeline's {own.id} already has {holds}",
        claimed.actor,
        claimed.event_id,
        since + CLAIM_HOLDS,
        ids=tuple(sorted({*earlier, *tables})),
    )


def _answers(endpoint: Endpoint, domain: str, catalog: Catalog) -> bool:
    service = catalog.named(endpoint.service_name, endpoint.type)
    names = {name.lower().removeprefix("*.") for name in service.private_dns_names} if service else set()
    return domain.removeprefix("*.") in names
