"""Lifeline's one security group in a VPC: 443 from every block of it."""

from collections.abc import Iterator

from lifeline.core.network.model import MANAGED_BY, SECURITY_GROUP_NAME, SecurityGroup, Vpc
from lifeline.core.network.obstacles import lets_in_cidr
from lifeline.core.plan.actions import Action, ActionKind

GROUP_WORDS = "Lifeline: lets the VPC reach its endpoints on 443"
RULE_WORDS = "HTTPS from the VPC to its endpoints"


def own_security_group(vpc: Vpc, owner: str) -> SecurityGroup | None:
    """The group of Lifeline's name that carries its tag, or None."""
    named = sorted(_namesakes(vpc), key=lambda group: group.id)
    return next((group for group in named if group.tag(MANAGED_BY) == owner), None)


def plan_security_group(vpc: Vpc, owner: str, *, is_needed: bool) -> Iterator[Action]:
    """Creates the group where an endpoint will need it, and opens it for blocks that the VPC gained.

    From every block, public subnets' too: private DNS moves the whole VPC's traffic to the endpoint (PrivateLink guide:
    private DNS). A group of the same name that isn't Lifeline's is left alone, and nothing is built on it.
    """
    own = own_security_group(vpc, owner)
    if own:
        missing = tuple(cidr for cidr in vpc.all_cidrs if not lets_in_cidr(own, cidr))
        if missing and (is_needed or any(own.id in endpoint.security_group_ids for endpoint in vpc.endpoints)):
            reason = f"{own.id} doesn't allow inbound TCP 443 from {', '.join(missing)}"
            yield Action(ActionKind.OPEN_SECURITY_GROUP, reason, cidrs=missing, security_group_id=own.id)
    elif is_needed:
        reason = f"endpoints need a security group that allows inbound TCP 443 from {', '.join(vpc.all_cidrs)}"
        action = Action(ActionKind.CREATE_SECURITY_GROUP, reason, cidrs=vpc.all_cidrs)
        namesake = next(_namesakes(vpc), None)
        yield action.blocked(_namesake_words(namesake, owner)) if namesake else action


def _namesakes(vpc: Vpc) -> Iterator[SecurityGroup]:
    return (group for group in vpc.security_groups if group.name == SECURITY_GROUP_NAME)


def _namesake_words(namesake: SecurityGroup, owner: str) -> str:
    return (
        f"{namesake.id} is named {SECURITY_GROUP_NAME} but isn't Lifeline's: delete it, or tag it "
        f"{MANAGED_BY}={owner} to hand it over"
    )
