"""What speaks against a closed path as the cause: an agent that reported without it doesn't depend on it."""

from datetime import datetime

from lifeline.core.guards.urgency import BACKLOG, KnownVpc
from lifeline.core.incidents.changes import LINGERING
from lifeline.core.incidents.facts import METRICS, Facts, is_outlived
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.network.model import TargetKind
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.tiers import leads_out_by_ipv6, nat64_route
from lifeline.core.wording import write_time

_OF_THE_MOMENT = frozenset({Reach.NO_ADDRESS, Reach.PENDING})  # what was there before isn't known


def counter_evidence(facts: Facts, service: str, kind: CauseKind, path: NetworkPath, now: datetime) -> tuple[str, ...]:
    """What speaks against a closed path that no change on record closed, a line for each fact; empty if nothing does.

    An agent that reported through the very network in which the path was never seen, or was seen to be gone, doesn't
    depend on it: it may use a FIPS name, a proxy, or an endpoint of its own choice (CloudWatch agent guide:
    endpoint_override). Where Lifeline didn't know the network then, has forgotten what was lost since, or couldn't read
    what changed there, something may have gone unseen. So it may where Lifeline doesn't look for what serves the
    service, but for metrics that arrived until now: what ended that would be on record.
    """
    known, seen_at, outlived = facts.known, facts.agent.seen_at, is_outlived(kind, path)
    met_at = facts.harmless_before(service, is_outlived=outlived)
    if known is None or seen_at is None or met_at is None or path.reach in _OF_THE_MOMENT:
        return ()
    is_shown = service == METRICS and not outlived
    looked_since = known.looked_since(service) or (known.since if is_shown else None)
    is_known = looked_since is not None and looked_since <= (seen_at if is_shown else met_at)
    if not is_known or now - met_at >= BACKLOG or not facts.is_past_read or had_path(facts, service, kind, path):
        return ()
    launched_at = None if is_shown else facts.instance.launched_at
    started = f"the instance started at {write_time(launched_at)}, and " if launched_at else ""
    return (
        f"{started}the agent reported through this network until {write_time(seen_at)}",
        f"{_seen_words(known, facts.instance.subnet_id, service)} a change that closed the service's path",
        *([_unasked_words(service)] if known.looked_since(service) is None else []),
        path.words,
    )


def had_path(facts: Facts, service: str, kind: CauseKind, path: NetworkPath) -> bool:
    """True if Lifeline saw the subnet's path to the service, and not that it was gone when the agent last used it for
    sure. A datapoint may come over a connection that outlives what it was opened by. Whatever else an agent needs, it
    needs at its start alone; the last one that is known is that of its instance.
    """
    known = facts.known
    if known is None:
        return False
    met_at = facts.harmless_before(service, is_outlived=is_outlived(kind, path)) or known.since
    return known.may_have_had_path(facts.instance.subnet_id, service, met_at)


def outlived_words(facts: Facts, service: str, kind: CauseKind, path: NetworkPath) -> tuple[str, ...]:
    """That the agent reported for a while after Lifeline saw the path closed, as clauses."""
    known, seen_at = facts.known, facts.agent.seen_at
    if known is None or seen_at is None or service != METRICS or not is_outlived(kind, path):
        return ()
    closed_at = known.closed_since(facts.instance.subnet_id, service)
    if closed_at is None or closed_at >= seen_at - LINGERING:
        return ()
    seen = f"Lifeline saw at {write_time(closed_at)} that the path was closed, and the agent reported until"
    return (
        f"{seen} {write_time(seen_at)}: over a connection that stayed open, or by another name, such as a FIPS one",
    )


def partial_words(facts: Facts, service: str) -> tuple[str, ...]:
    """That the agent reported, as clauses, where only a part of its subnet is closed: that isn't kept, so it may have
    been all the time.
    """
    seen_at = facts.agent.seen_at
    if seen_at is None or service != METRICS:
        return ()
    reported = f"the agent reported until {write_time(seen_at)}, maybe by another name"
    return (f"{reported}: it isn't known since when only a part of its subnet has been closed",)


def ipv6_words(facts: Facts) -> tuple[str, ...]:
    """By which way an agent may reach AWS that its IPv4 network doesn't show, as clauses: dual-stack names, such as
    monitoring.<region>.api.aws, lead there by IPv6 (CloudWatch agent guide: use_dualstack_endpoint), and DNS64 gives
    every host in a subnet an IPv6 address for the others (VPC guide: DNS64 and NAT64).
    """
    subnet, vpc = facts.subnet, facts.vpc
    has_address = facts.instance.has_ipv6_address and subnet is not None and bool(subnet.ipv6_cidrs)
    if subnet is None or vpc is None or not has_address or not leads_out_by_ipv6(subnet, vpc):
        return ()
    route = nat64_route(subnet, vpc)
    if route and route.target is TargetKind.NAT_GATEWAY:
        return ("IPv6 leads to IPv4 addresses by NAT64 there: an agent that prefers IPv6 isn't cut off",)
    if route:
        may = "an agent that prefers IPv6, or has use_dualstack_endpoint, may not be cut off"
        return (f"DNS64 is on there, and whether {route.target_id} leads on to IPv4 addresses wasn't read: {may}",)
    return ("the instance has a way out of the VPC by IPv6: an agent with use_dualstack_endpoint isn't cut off",)


def _seen_words(known: KnownVpc, subnet_id: str, service: str) -> str:
    """What Lifeline saw of the path, as the beginning of a sentence about what it didn't see."""
    shut_since = known.shut_since(subnet_id, service)
    if shut_since:
        return f"Lifeline saw at {write_time(shut_since)} that the path from {subnet_id} was closed, and hasn't seen"
    lost = [path.lost_at for path in known.paths_of(subnet_id, service) if path.lost_at]
    if lost:
        return f"Lifeline saw at {write_time(max(lost))} that the path was gone, and hasn't seen"
    looked_since, first = known.looked_since(service), f"Lifeline first saw the VPC at {write_time(known.since)}"
    if looked_since is None:
        return f"{first}, and hasn't seen"
    if looked_since > known.since:
        return f"Lifeline has looked for a path there since {write_time(looked_since)}, and has seen neither one nor"
    return f"{first}, and has seen neither a path there nor"


def _unasked_words(service: str) -> str:
    return f"nothing requires the {service} service there, so Lifeline doesn't look for what serves it"
