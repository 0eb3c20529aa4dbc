"""A closed path in words: what a notice's subject says, and what a person can do."""

from collections.abc import Sequence

from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import change_words
from lifeline.core.incidents.facts import METRICS
from lifeline.core.network.endpoint_policy import PUBLISHING
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import Ranges
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.packets import ports_in
from lifeline.core.wording import listed

_ASKED = {METRICS: PUBLISHING}
_TAGS = "ec2"  # an agent that adds its Auto Scaling group waits for its tags before it sends (agent: ec2tagger)


def network_words(service: str, path: NetworkPath, change: Change | None, *, is_sure: bool) -> str:
    """One line for all the agents that it silences: by the change that began it, where that is known.

    `is_sure` is True if the agent must reach the service again before it sends anything.
    """
    words = path.words
    if path.reach is Reach.UNKNOWN:
        return words
    if change and path.reach in {Reach.UNREACHABLE, Reach.PENDING}:
        words = f"{change_words(change)} left no path to the {service} service"
    elif path.reach is Reach.UNREACHABLE and not path.central_id:
        words = f"neither a route out of the VPC nor an endpoint leads to the {service} service"
    return words_of_need(service, words, is_sure=is_sure)


def words_of_need(service: str, words: str, *, is_sure: bool) -> str:
    """The line with what it means that an agent can't reach the service."""
    if service == METRICS:
        return words
    if service not in words.split():
        words += f": the {service} service can't be reached"
    if service == _TAGS:
        words += "; " + ("without its tags the agent" if is_sure else "without its tags a restarted agent")
        words += " sends nothing"
    return words


def remedy_for(
    service: str,
    path: NetworkPath,
    ports: Ranges,
    table_id: str = "",
    *,
    is_swap_offered: bool = False,
    idle: Sequence[str] = (),
) -> str:
    """What a person can do about it, in a sentence or two. `ports` are the service's, and `table_id` is the subnet's
    route table, empty if it isn't known. With `is_swap_offered`, people may approve an endpoint in the hub's place.
    `idle` are targets of the subnet's default routes that carry nothing.
    """
    on, create = ports_in(ports), f"create an endpoint for the {service} service"
    if path.conflict_id:
        create = f"disassociate {path.conflict_id} from the VPC and {create}"
    endpoint, where = path.endpoint_id, f" in {table_id}" if table_id else ""
    if path.reach is Reach.UNKNOWN:
        what = f"the security groups, network ACLs and routes on the way to {endpoint}, and its private DNS"
        if not endpoint:
            what = f"the subnet's routes{where}, and what answers the service's name in the VPC"
        return (
            f"On an instance in the subnet, try to connect to the {service} service on TCP port {on}. If that fails, "
            f"check {what}. If it works, check the agent and its log."
        )
    if path.central_id and path.obstacles and not endpoint:
        do = {
            ObstacleKind.ROUTE: "Route the subnet to the central endpoint",
            ObstacleKind.BEYOND: "Restore the way to the central endpoint",
            ObstacleKind.DNS_RECORD: f"Add the record to {path.central_id}",
            ObstacleKind.DNS_TARGET: f"Point the record of {path.central_id} at another endpoint",
            ObstacleKind.NETWORK_ACL: f"Allow TCP {on} to the central endpoint, and the responses, in the network ACL",
        }.get(path.obstacles[0].kind, "Open the way to the central endpoint")
        approve = ", approve an endpoint in its place" if is_swap_offered else ""
        return f"{do}{approve}, or disassociate {path.central_id} from the VPC."
    if path.reach in {Reach.CLOSED, Reach.PARTLY} and endpoint:
        return {
            ObstacleKind.NETWORK_ACL: f"In the network ACL, allow TCP {on} to {endpoint}, and the responses.",
            ObstacleKind.ENDPOINT_POLICY: f"Allow {_ASKED.get(service, f'the {service} service')} on resource * in the "
            f"endpoint policy of {endpoint}.",
            ObstacleKind.ADDRESS_FAMILY: f"Make {endpoint} and its DNS records dualstack, so that "
            "clients can reach it over IPv4 and IPv6, or move them to a subnet that has its IP version.",
            ObstacleKind.ROUTE: "Delete the route that leads nowhere, or give it a target that forwards the packets.",
        }.get(
            path.obstacles[0].kind if path.obstacles else ObstacleKind.SECURITY_GROUP,
            f"Allow inbound TCP {on} from the whole VPC in a security group of {endpoint}.",
        )
    if path.obstacles and (path.reach is Reach.FILTERED or (path.reach is Reach.PARTLY and not endpoint)):
        undo = {
            ObstacleKind.NETWORK_ACL: f"Allow TCP {on} to the service, and the responses, in the network ACL",
            ObstacleKind.SECURITY_GROUP: f"Allow TCP {on} to the service in the NAT instance's security group",
            ObstacleKind.ROUTE: "Delete the route that leads nowhere",
            ObstacleKind.NAT: "Turn off the source/destination check of the NAT instance",
            ObstacleKind.ENDPOINT_POLICY: f"Allow the {service} service on resource * in the policy of the gateway "
            "endpoint",
        }[path.obstacles[0].kind]
        return f"{undo}, or {create} in the VPC."
    restore = f"Open the way out by {listed(idle)} again" if idle else f"Restore the route{where}"
    return {
        Reach.PENDING: f"Wait for {endpoint}: it takes a few minutes, and the service's owner might have to accept it.",
        Reach.FAILED: f"Delete {endpoint}, and create a new endpoint for the {service} service.",
        Reach.DNS_OFF: "Turn on the VPC's DNS attributes (aws ec2 modify-vpc-attribute).",
        Reach.NO_ADDRESS: f"Give the instance a public address, or {create}.",
    }.get(path.reach, f"{restore} or {create} in the VPC.")
