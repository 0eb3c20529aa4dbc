"""Claims: which refusals of others' endpoints count, because Lifeline's own endpoint is in their place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, standing
from lifeline.core.network.endpoint_policy import is_shut
from lifeline.core.network.model import Catalog, Endpoint, EndpointType, Vpc, is_own, suffix_of
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.wording import write_actor, write_time

CLAIM_HOLDS = timedelta(hours=24)  # so long theirs may take to come; then connectivity comes first again
UNMET_HOLDS = timedelta(days=7)  # so long no other claim counts after one whose endpoint never came
_A_RUN = timedelta(minutes=5)  # an endpoint is saved at the end of the run that made it


@dataclass(frozen=True, slots=True)
class Claim:
    """What a refused call wanted: a DNS name for its endpoint, or routes to a service in some route tables. `policy` is
    the document that it set, if any.
    """

    service_name: str = ""
    domain: str = ""
    endpoint_id: str = ""
    route_table_ids: tuple[str, ...] = ()
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim with who made it, by which call, and when."""

    claim: Claim
    actor: str
    event_name: str
    event_id: str
    at: datetime


def blocked_by_own(claim: Claim, vpc: Vpc, owner: str, catalog: Catalog) -> Endpoint | None:
    """Lifeline's own endpoint that conflicts with the claim; None where none does, so that the claim doesn't count. Nor
    does one of routes for an endpoint whose policy lets nobody use the service: Lifeline's own may go for it at once.
    """
    if any(endpoint.id == claim.endpoint_id and is_own(endpoint, owner) for endpoint in vpc.endpoints):
        return None
    own = vpc.own_endpoints(owner)
    if claim.domain:
        named = (endpoint for endpoint in own if endpoint.private_dns)
        return next((endpoint for endpoint in named if _answers(endpoint, claim.domain, catalog)), None)
    theirs = next((endpoint for endpoint in vpc.endpoints if endpoint.id == claim.endpoint_id), None)
    wanted = claim.service_name or (theirs.service_name if theirs else "")
    policy = claim.policy or (theirs.policy if theirs else "")
    gateways = (endpoint for endpoint in own if endpoint.type is EndpointType.GATEWAY)
    same = (endpoint for endpoint in gateways if endpoint.service_name == wanted)
    found = next((endpoint for endpoint in same if endpoint.route_table_ids & set(claim.route_table_ids)), None)
    return None if found and is_shut(replace(found, id=claim.endpoint_id, policy=policy), vpc) else found


def is_spent(
    service: str,
    frozen: Mapping[str, Freeze],
    unmet: Mapping[str, datetime],
    unfrozen: Mapping[str, datetime],
    now: datetime,
) -> bool:
    """True if an earlier claim's endpoint never came: no other counts for a while, unless a person unfroze it since.

    `unmet` has those whose end a run has seen by now; the freeze of one that ended since is still among `frozen`.
    """
    last = frozen.get(service)
    is_claim = last is not None and last.kind is FreezeKind.CLAIM and is_timed_out(last)
    is_unseen = is_claim and service not in standing(frozen, now)
    ended = last.until if last and is_unseen else unmet.get(service)
    if ended is None or now - ended >= UNMET_HOLDS:
        return False
    return unfrozen.get(service, ended) <= ended


def is_timed_out(freeze: Freeze) -> bool:
    """True if a claim ends, or ended, because its time is over, and not because theirs came."""
    return freeze.until is not None and freeze.until >= freeze.since + CLAIM_HOLDS


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

    A refused call from before the endpoint, or older than CLAIM_HOLDS, is about something that is over. Where another
    freeze stands, it stays. The same call twice is one claim.
    """
    kept = dict(frozen)
    for claimed in claims:
        own = blocked_by_own(claimed.claim, vpc, owner, catalog)
        if own and _is_new(claimed, own, made, now) and not _is_known(claimed, own, kept, now):
            kept[suffix_of(own.service_name)] = _freeze(claimed, own, kept.get(suffix_of(own.service_name)), now)
    return kept


def _is_new(claimed: Claimed, own: Endpoint, made: Mapping[str, Made], now: datetime) -> bool:
    known = made.get(suffix_of(own.service_name))
    is_before = known is not None and known.endpoint_id == own.id and claimed.at < known.at - _A_RUN
    return claimed.at > now - CLAIM_HOLDS and not is_before


def _is_known(claimed: Claimed, own: Endpoint, frozen: Mapping[str, Freeze], now: datetime) -> bool:
    service = suffix_of(own.service_name)
    others = {name for name, freeze in standing(frozen, now).items() if freeze.kind is not FreezeKind.CLAIM}
    before = frozen.get(service)
    is_same = bool(before and claimed.event_id and before.event_id == claimed.event_id)
    return is_same or bool({service, EVERYTHING} & others)


def _freeze(claimed: Claimed, own: Endpoint, before: Freeze | None, now: datetime) -> Freeze:
    since = min(claimed.at, now)
    service = suffix_of(own.service_name)
    holds = f"private DNS for the {service} service" if claimed.claim.domain else f"the routes to the {service} service"
    who = write_actor(claimed.actor) or "an unknown actor"
    why = f"{claimed.event_name} by {who} at {write_time(claimed.at)} was refused because "
    tables = own.route_table_ids & set(claimed.claim.route_table_ids)
    earlier = before.ids if before and before.kind is FreezeKind.CLAIM else ()
    stands = before is not None and service in standing({service: before}, now)
    # A call that is repeated doesn't make the time longer: otherwise one a day would hold the name for good.
    began = before.since if before and stands and before.kind is FreezeKind.CLAIM else since
    return Freeze(
        FreezeKind.CLAIM,
        began,
        f"{why}Lifeline's {own.id} already has {holds}",
        claimed.actor,
        claimed.event_id,
        began + CLAIM_HOLDS,
        ids=tuple(sorted({*earlier, *tables})),
    )


def _answers(endpoint: Endpoint, domain: str, catalog: Catalog) -> bool:
    service = catalog.named(endpoint.service_name, endpoint.type)
    names = {name.lower().removeprefix("*.") for name in service.private_dns_names} if service else set()
    return domain.removeprefix("*.") in names
