"""What a dry run is to ask for: what Lifeline would really create first, were a VPC cut off today. That is an endpoint,
or the security group that one needs.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from lifeline.core.network.model import TargetKind, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.security_group import usable_security_group

_PLENTY = 100  # free addresses of a subnet: more than an endpoint needs


@dataclass(frozen=True, slots=True)
class Candidate:
    """What could be created first of all: an endpoint, with `security_group_id` if it is an interface endpoint, or the
    group that one needs. Without a group, EC2 would judge the VPC's default one, which the role may not use.
    """

    vpc_id: str
    action: Action
    security_group_id: str = ""

    @property
    def lacks_group(self) -> bool:
        """True if it is the group, whose dry run says of the endpoint only that nothing comes before it."""
        return self.action.kind is ActionKind.CREATE_SECURITY_GROUP

    @property
    def has_tags_of_vpc(self) -> bool:
        """True if its tags depend on the VPC's, and so may a denial: it says nothing of other VPCs."""
        return self.action.spare_tags is not None or bool(self.action.missing_tags)


def cut_off(vpc: Vpc) -> Vpc:
    """The VPC as if no route led out of it and it had no endpoint: what it requires would be created then."""
    tables = (
        replace(table, routes=tuple(route for route in table.routes if route.target is TargetKind.LOCAL))
        for table in vpc.route_tables
    )
    return replace(
        vpc, endpoints=(), route_tables=tuple(tables), dns_support=True, dns_hostnames=True, interfaces=None, unread=()
    )


def with_room(vpc: Vpc) -> Vpc:
    """The VPC as if its subnets had room, and no group there were Lifeline's: one would be created before all else.
    That call needs no address, so whoever fills all subnets keeps no dry run from being made.
    """
    subnets = tuple(replace(one, free_addresses=_PLENTY) for one in vpc.subnets)
    groups = tuple(replace(one, on_record=False) for one in vpc.security_groups)
    return replace(vpc, subnets=subnets, security_groups=groups)


def candidates(vpc: Vpc, plan: Plan, owner: str) -> Iterator[Candidate]:
    """What the plan of the VPC, cut off, would create, the most telling first: what waits for nothing else. What the
    plan blocks, such as a service that isn't among CreatableServices, would say nothing new.
    """
    group = usable_security_group(vpc, owner)
    planned = [action for action in plan.actions if action.is_planned]
    for action in planned:
        if action.kind is ActionKind.CREATE_GATEWAY_ENDPOINT:
            yield Candidate(vpc.id, action)
        elif action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and group:
            yield Candidate(vpc.id, _beside(vpc, action), group.id)
    if group is None:
        yield from (Candidate(vpc.id, one) for one in planned if one.kind is ActionKind.CREATE_SECURITY_GROUP)


def best(found: Iterable[Candidate], refused: Collection[Candidate] = ()) -> Candidate | None:
    """The first endpoint that needs no group to be created before; else the first group. After those that EC2
    `refused`, it is the one that has least in common with them, because a VPC may be full, and a service not be there.
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
