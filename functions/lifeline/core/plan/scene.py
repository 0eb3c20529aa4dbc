"""What planning one VPC starts from: its requirements, what Lifeline knows of it, and its subnets' tiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lifeline.core.network.askers import NOBODY, Asking
from lifeline.core.network.dns import DnsView
from lifeline.core.network.hub import HubView
from lifeline.core.network.model import SeenTier, Subnet, Tier, Vpc
from lifeline.core.network.way_out import partly_out
from lifeline.core.plan.cost import Price
from lifeline.core.policy.central import Central
from lifeline.core.policy.endpoint_policies import NO_POLICIES, EndpointPolicies
from lifeline.core.policy.labels import USUAL_LABELS, Labels
from lifeline.core.policy.policy import Exempted, Quotas, Requirement
from lifeline.core.wording import listed, write_count


@dataclass(frozen=True, slots=True)
class PlanInput:
    """What one VPC's subnets must reach, and what Lifeline knows and may do beyond the VPC itself.

    `owner` is the value of Lifeline's tag on what is its own. `made` is the endpoint that it made last for each service
    as far as it remembers, `fresh` those made so recently that EC2 may not show them yet, `failures` how often one
    failed in a row. `creatable` are the services that the role may create, None for all. `dns` is what else answers
    names in the VPC, None where they weren't read, and `asking` who else asks there. `exempt` are the exemptions of its
    subnets. `canary` asks for endpoints whose private DNS is turned on only once they are available. `gateway_always`
    are the services that get a gateway endpoint even where an interface endpoint serves them. `unsure`, `held` and
    `problems` are those of what is desired; `known_names` are the services' names, for the nearest right one to a wrong
    one. `labels` and `endpoint_policies` are those of what is to be made. `central` is the hub that the policy names,
    `hub` what the VPC sees of it, None where it wasn't read; `may_associate` says whether the stack allows that the VPC
    shares its endpoints, `refused` which of the hub's zones and Profiles AWS refused lately, in its words, and `frozen`
    the services that Lifeline must not touch there. `full` are the subnets that EC2 refused lately for want of
    addresses, the longest ago first.
    """

    requirements: tuple[Requirement, ...]
    owner: str
    account_id: str = ""
    made: tuple[tuple[str, str], ...] = ()
    fresh: frozenset[str] = frozenset()
    failures: tuple[tuple[str, int], ...] = ()
    creatable: frozenset[str] | None = None
    limits: Quotas = field(default_factory=Quotas)
    gateway_endpoints_in_region: int = 0
    fix_dns: bool = False
    dns: DnsView | None = None
    asking: Asking = NOBODY
    price: Price | None = None
    exempt: tuple[Exempted, ...] = ()
    canary: bool = False
    gateway_always: frozenset[str] = frozenset()
    unsure: tuple[Requirement, ...] = ()
    held: tuple[str, ...] = ()
    unclear: tuple[tuple[str, str], ...] = ()
    problems: tuple[str, ...] = ()
    known_names: frozenset[str] | None = None
    region: str = ""
    labels: Labels = USUAL_LABELS
    endpoint_policies: EndpointPolicies = NO_POLICIES
    central: Central | None = None
    hub: HubView | None = None
    may_associate: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    frozen: frozenset[str] = frozenset()
    full: tuple[str, ...] = ()

    def place(self, requirement: Requirement) -> tuple[bool, bool, str]:
        """Of two services with one name, the first gets it: what a rule asks for goes before what only a tag does, and
        what Lifeline made an endpoint for before what it has made none for.
        """
        return requirement.is_by_tag, requirement.service not in dict(self.made), requirement.service


@dataclass(frozen=True, slots=True)
class Scene:
    """One VPC with its subnets' tiers and what is required there: what every step of planning works on."""

    vpc: Vpc
    tiers: Mapping[str, SeenTier]
    plan_input: PlanInput

    def clients(self, requirement: Requirement) -> tuple[Subnet, ...]:
        """The subnets that require the service, in their ids' order."""
        found = (subnet for subnet in self.vpc.subnets if subnet.id in requirement.subnet_ids)
        return tuple(sorted(found, key=lambda subnet: subnet.id))

    def label(self, service: str) -> str:
        """The name of what is to be made for a service."""
        given = self.plan_input
        variables = {"stack": given.owner, "region": given.region, "account": given.account_id, "vpc": self.vpc.id}
        return given.labels.name(service=service, **variables)

    def who(self, requirement: Requirement) -> str:
        """The clients in words."""
        return self.named(self.clients(requirement))

    def cut_off(self, clients: Sequence[Subnet], service: str) -> str:
        """That these have no endpoint for the service, in words: a way out of the VPC may still lead to it."""
        isolated = [client for client in clients if self.tiers[client.id] is Tier.ISOLATED]
        partly = (partly_out(client, self.vpc, service, has_public_address=True) for client in isolated)
        how = "" if len(isolated) == len(clients) and not any(partly) else " privately"
        return f"{self.named(clients)} can't reach the {service} service{how}"

    def named(self, subnets: Sequence[Subnet]) -> str:
        """Subnets in words, the first three by id."""
        shown = [f"{subnet.id} ({self.tiers[subnet.id]})" for subnet in subnets[:3]]
        return listed([*shown, *([write_count(len(subnets) - 3, "more subnet")] if len(subnets) > 3 else [])])
