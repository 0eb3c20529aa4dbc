"""Which endpoint a dry run is to ask for: the one that Lifeline would really create, were a VPC cut off today."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from lifeline.core.network.model import TargetKind, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.security_group import usable_security_group

_CREATES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint that could be created. Without `security_group_id`, an interface endpoint's dry run is about the
    VPC's default group, which the role may not use: it says nothing of the role then.
    """

    vpc_id: str
    action: Action
    security_group_id: str = ""

    @property
    def lacks_group(self) -> bool:
        """True if the real call would come after that of a security group."""
        return self.action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and not self.security_group_id


def cut_off(vpc: Vpc) -> Vpc:
    """The VPC as if no route led out of it and it had no endpoint: what it requires would be created then."""
    tables = (
        replace(table, routes=tuple(route for route in table.routes if route.target is TargetKind.LOCAL))
        for table in vpc.route_tables
    )
    return replace(
        vpc, endpoints=(), route_tables=tuple(tables), dns_support=True, dns_hostnames=True, interfaces=None, unread=()
    )


def candidates(vpc: Vpc, plan: Plan, owner: str) -> Iterator[Candidate]:
    """What the plan of the VPC, cut off, would create, the most telling first: what waits for nothing else. What the
    plan blocks, such as a service that isn't among CreatableServices, would say nothing new.
    """
    group = usable_security_group(vpc, owner)
    found = [
        Candidate(
            vpc.id,
            _beside(vpc, action),
            group.id if group and action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT else "",
        )
        for action in plan.actions
        if action.kind in _CREATES and action.is_planned
    ]
    yield from sorted(found, key=lambda one: one.lacks_group)


def best(found: Iterable[Candidate], refused: Collection[Candidate] = ()) -> Candidate | None:
    """The first that needs no group to be created before; else the first of all. After those that EC2 `refused`, it is
    the one that has least in common with them, because a VPC may be full, and a service not be there.
    """
    if refused:
        left = [one for one in found if one not in refused]
        return min(left, key=lambda one: (one.lacks_group, _in_common(one, refused)), default=None)
    first: Candidate | None = None
    for candidate in found:
        if not candidate.lacks_group:
            return candidate
        first = first or candidate
    return first


def _in_common(one: Candidate, refused: Iterable[Candidate]) -> int:
    def traits(of: Candidate) -> tuple[str, ...]:
        return of.vpc_id, of.action.service_name, of.action.kind.name

    return sum(mine == theirs for other in refused for mine, theirs in zip(traits(one), traits(other), strict=True))


def _beside(vpc: Vpc, action: Action) -> Action:
    """Without private DNS where another endpoint has the name by now, as a canary is created: EC2 would refuse the call
    for the name, and say nothing of the role (PrivateLink guide: conflicting DNS domain).
    """
    named = any(one.private_dns and one.service_name == action.service_name for one in vpc.live_endpoints)
    return replace(action, private_dns=action.private_dns and not named)
