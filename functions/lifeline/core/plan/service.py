"""What planning an interface and a gateway endpoint have in common."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lifeline.core.network.model import Endpoint, Service, is_own
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.policy.policy import Requirement
from lifeline.core.wording import fingerprint

if TYPE_CHECKING:
    from lifeline.core.plan.scene import Scene


class ServicePlanner:
    """One service in one VPC. `planned` are the actions planned for other services so far, for the quotas."""

    def __init__(self, requirement: Requirement, scene: "Scene", service: Service, planned: list[Action]) -> None:
        self.requirement = requirement
        self.scene = scene
        self.service = service
        self.planned = planned
        self.vpc = scene.vpc
        self.plan_input = scene.plan_input

    def live(self) -> list[Endpoint]:
        """The service's endpoints of this type that aren't gone, own ones first, then by id."""
        found = (
            endpoint
            for endpoint in self.vpc.endpoints
            if endpoint.service_name == self.service.name
            and endpoint.type is self.service.type
            and not endpoint.state.is_gone
        )
        return sorted(found, key=lambda endpoint: (not self.is_own(endpoint), endpoint.id))

    def is_own(self, endpoint: Endpoint) -> bool:
        """True if Lifeline made it, so that it may change it."""
        return is_own(endpoint, self.plan_input.owner)

    def unseen(self) -> str:
        """The endpoint that was just made and that EC2 doesn't show yet, or an empty text (eventual consistency)."""
        made = dict(self.plan_input.made).get(self.requirement.service, "")
        is_seen = any(endpoint.id == made for endpoint in self.vpc.endpoints)
        return made if made in self.plan_input.fresh and not is_seen else ""

    def may_create(self) -> str:
        """Why the role may not create the service, or an empty text."""
        allowed = self.plan_input.creatable
        if allowed is None or self.requirement.service in allowed:
            return ""
        return f"Lifeline's role may not create {self.requirement.service}: add it to the stack's CreatableServices"

    def count_planned(self, kind: ActionKind) -> int:
        """How many actions of a kind are planned for the services before this one: they use up the same quota."""
        return sum(action.kind is kind and action.status is Status.PLANNED for action in self.planned)

    def with_token(self, action: Action) -> Action:
        """The action with its ClientToken: the same for the same wish in the same situation.

        So a retry, or a second run at the same time, creates nothing twice, and a wish that comes back after an earlier
        endpoint is gone gets a new one (EC2 API: idempotency; up to 64 ASCII characters).
        """
        before = sorted(endpoint.id for endpoint in self.vpc.endpoints if endpoint.service_name == action.service_name)
        remembered = dict(self.plan_input.made).get(action.service, "")
        token = fingerprint(
            self.vpc.id,
            action.kind,
            action.service_name,
            action.ip_address_type,
            self.plan_input.owner,
            action.subnet_ids,
            action.route_table_ids,
            remembered,
            before,
            "" if action.private_dns else "without private DNS",
            length=48,
        )
        return replace(action, client_token=f"lifeline-{token}")
