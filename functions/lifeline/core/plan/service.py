"""What planning an interface and a gateway endpoint have in common."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lifeline.core.network.dns import DnsAnswer
from lifeline.core.network.endpoint_policy import is_shut, judge_policy
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import FAILED_STATES, Catalog, Endpoint, Part, Service, Subnet, is_own
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import Obstacle, unread_groups
from lifeline.core.network.packets import ports_in
from lifeline.core.network.ports import HTTPS, ports_unknown
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.service_here import off_words
from lifeline.core.plan.actions import Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.security_group import can_let_in, own_security_groups
from lifeline.core.plan.waking import waking_harm, waking_told, waking_words
from lifeline.core.policy.endpoint_policies import ChosenPolicy, same_policy
from lifeline.core.policy.policy import Requirement
from lifeline.core.wording import fingerprint, listed

if TYPE_CHECKING:
    from lifeline.core.plan.scene import Scene

_DNS_ATTRIBUTES = {"enableDnsSupport": "--enable-dns-support", "enableDnsHostnames": "--enable-dns-hostnames"}
ALLOW = "allow it in the network ACL"
_STATES = {
    Reach.SERVED: ServiceState.SERVED,
    Reach.CENTRAL: ServiceState.CENTRAL,
    Reach.PENDING: ServiceState.PENDING,
    Reach.UNKNOWN: ServiceState.UNKNOWN,
}
_WORST_FIRST = list(ServiceState)[::-1]


class ServicePlanner:
    """One service in one VPC. `planned` are the actions planned for other services so far, for the quotas.

    `paths` say how each subnet that requires the service is served, by its id: they decide, and the actions follow.
    """

    def __init__(
        self, requirement: Requirement, scene: "Scene", service: Service, catalog: Catalog, planned: list[Action]
    ) -> None:
        self.requirement = requirement
        self.scene = scene
        self.service = service
        self.planned = planned
        self.vpc = scene.vpc
        self.plan_input = scene.plan_input
        self.clients = scene.clients(requirement)
        self.catalog = catalog
        self.reach = ServiceReach(self.vpc, requirement.service, catalog, self.plan_input.dns)
        self.ports = self.reach.ports
        self.paths: Mapping[str, NetworkPath] = {client.id: self.reach.private_path(client) for client in self.clients}

    def live(self) -> list[Endpoint]:
        """The service's endpoints of this type that aren't gone, own ones first, then by id."""
        kind = (self.service.name, self.service.type)
        found = [endpoint for endpoint in self.vpc.live_endpoints if (endpoint.service_name, endpoint.type) == kind]
        return sorted(found, key=lambda endpoint: not self.is_own(endpoint))

    def is_own(self, endpoint: Endpoint) -> bool:
        """True if Lifeline made it, so that it may change it."""
        return is_own(endpoint, self.plan_input.owner)

    def unseen(self) -> str:
        """The endpoint that was just made and that EC2 doesn't show yet, or an empty text (eventual consistency)."""
        made = dict(self.plan_input.made).get(self.requirement.service, "")
        is_seen = any(endpoint.id == made for endpoint in self.vpc.endpoints)
        return made if made in self.plan_input.fresh and not is_seen else ""

    def action(self, kind: ActionKind, reason: str, **more: Any) -> Action:
        """A change for the service."""
        service, name = self.requirement.service, self.service.name
        return Action(kind, reason, service=service, service_name=name, ports=self.ports or HTTPS, **more)

    def ports_words(self) -> str:
        """Why the service gets no endpoint while its ports aren't known; an empty text if they are.

        Private DNS would send all of the VPC to an endpoint that lets in other ports than it is asked on.
        """
        if self.ports:
            return ""
        service = self.requirement.service
        return f'{ports_unknown(service)}: add them to the policy, for example "ports": {{"{service}": [443]}}'

    # ---- how the service stands

    def report(self, actions: Iterable[Action], detail: str = "") -> ServiceReport:
        """How the service stands: blocked by an action that is, else as the path of the subnet that is worst off."""
        path = self._worst_path
        by = ", ".join(sorted({path.endpoint_id or path.central_id for path in self.paths.values()} - {""}))
        refused = next((action for action in actions if action.is_blocked), None)
        if refused:
            return self.refused(refused.error, by)
        state = _state_of(path)
        if not detail and (state is not ServiceState.SERVED or path.shut):
            detail = "; ".join((path.words, *path.unread)) if state is ServiceState.UNKNOWN else path.words
        return self.report_as(state, by, detail)

    def refused(self, why: str, by: str = "") -> ServiceReport:
        """Blocked, or unknown where what couldn't be read may serve every subnet. While nobody has looked who else
        answers, it is blocked: Lifeline looks only where it would make an endpoint.
        """
        is_unknown = self._worst_path.reach is Reach.UNKNOWN and not self._worst_path.is_unasked
        return self.report(()) if is_unknown else self.report_as(ServiceState.BLOCKED, by, why)

    def report_as(self, state: ServiceState, by: str = "", detail: str = "") -> ServiceReport:
        """The service's report, with the paths of its subnets."""
        return ServiceReport(self.requirement.service, state, by, detail, tuple(self.paths.items()))

    @property
    def _worst_path(self) -> NetworkPath:
        return min(self.paths.values(), key=lambda path: (_WORST_FIRST.index(_state_of(path)), not path.shut))

    # ---- what stands between

    def remove(self, found: Iterable[Obstacle], endpoint: Endpoint) -> Iterator[Action]:
        """What would let subnets reach an endpoint that answers. Most of it only the owner of the endpoint can do."""
        obstacles = [*found, *self._behind_unread_groups(endpoint)]
        for kind, action_kind in (
            (ObstacleKind.SECURITY_GROUP, ActionKind.OPEN_SECURITY_GROUP),
            (ObstacleKind.ADDRESS_FAMILY, ActionKind.CREATE_INTERFACE_ENDPOINT),
            (ObstacleKind.ROUTE, ActionKind.MEND_ROUTE),
        ):
            of_kind = [obstacle for obstacle in obstacles if obstacle.kind is kind]
            if of_kind and not (kind is ObstacleKind.SECURITY_GROUP and self.security_group_will_do(endpoint)):
                yield self.remedy(action_kind, endpoint, of_kind)
        yield from self.open_acls(obstacles, endpoint.id)

    def _behind_unread_groups(self, endpoint: Endpoint) -> Iterator[Obstacle]:
        """That the endpoint's groups may shut subnets out, where no later run can read their rules; a group that isn't
        shown may just be new. What Lifeline made had a group of its own; what a person adopted has its people's.
        """
        shown = {group.id for group in self.vpc.groups(endpoint.security_group_ids)}
        may_be_read = self.vpc.is_partly_seen or shown != endpoint.security_group_ids
        if may_be_read or (self.is_own(endpoint) and endpoint.is_adopted):
            return
        unread = unread_groups(endpoint, self.vpc, self.ports)
        for subnet_id, path in sorted(self.paths.items()):
            yield from (
                Obstacle(ObstacleKind.SECURITY_GROUP, words, subnet_id) for words in unread if words in path.unread
            )

    def reset_policies(self) -> Iterator[Action]:
        """What gives Lifeline's own endpoints the policies that they should have, and what would let the service
        through those of others whose policies don't.

        AWS takes no change while an endpoint is pending, and says so: then it is tried again.
        """
        by = {path.endpoint_id: subnet_id for subnet_id, path in sorted(self.paths.items(), reverse=True)}
        for endpoint in self.reach.endpoints:
            if self.is_own(endpoint):
                is_idle = endpoint.state in FAILED_STATES or (endpoint.id not in by and self.reach.holder)
                yield from () if is_idle else self._reset_policy(endpoint)
            elif endpoint.id in by and is_shut(endpoint, self.vpc):
                words = judge_policy(endpoint, self.vpc).words
                remedy = "it isn't Lifeline's: its owner should allow it in the policy"
                yield self.blocked_at(ActionKind.RESET_POLICY, endpoint.id, by[endpoint.id], words, remedy)

    def _reset_policy(self, endpoint: Endpoint) -> Iterator[Action]:
        """Of one of Lifeline's own. Where no policy is named for it, a narrow one is its users', and stays; where one
        is named but can't be used, nothing is known of the policy that it should have.
        """
        service = self.catalog.named(endpoint.service_name, endpoint.type) or self.service
        chosen = self.policy_of(service, endpoint.id)
        words = judge_policy(endpoint, self.vpc).words if is_shut(endpoint, self.vpc) else ""
        if chosen.document and not same_policy(endpoint.policy, chosen.document):
            words = words or f"the policy of {endpoint.id} isn't {chosen.name}, which the policy document names for it"
        if words:
            more = {"policy": chosen.document, "policy_words": chosen.words}
            action = self.action(ActionKind.RESET_POLICY, words, endpoint_id=endpoint.id, **more)
            yield action.blocked(chosen.refusal) if chosen.refusal else action

    def policy_of(self, service: Service, endpoint_id: str = "") -> ChosenPolicy:
        """The policy that an endpoint of the service should have in the VPC; without an ID, one that is to be made."""
        return self.plan_input.endpoint_policies.choose(service, self.vpc, endpoint_id)

    def open_acls(self, found: Iterable[Obstacle], endpoint_id: str = "") -> Iterator[Action]:
        """The first network ACL that stands between, which its owner alone may open; its words count the others."""
        acls = {obstacle.words: obstacle for obstacle in found if obstacle.kind is ObstacleKind.NETWORK_ACL}
        for words, obstacle in sorted(acls.items())[:1]:
            more = f" ({len(acls) - 1} more like it)" if len(acls) > 1 else ""
            allow = f"allow it in {words.partition(' do')[0]}"
            yield self.blocked_at(ActionKind.OPEN_NETWORK_ACL, endpoint_id, obstacle.subnet_id, words + more, allow)

    def without_way_to(self, central: DnsAnswer) -> Iterator[Action]:
        """What keeps subnets from a central endpoint: all of it others' to remove, for it is in an endpoint's way.

        Where it is a route or a record, one remedy is for all; the others are the network owner's filters.
        """
        by_kind: dict[tuple[ObstacleKind, str], list[tuple[Subnet, str]]] = {}
        for client in self.clients:
            path = self.paths[client.id]
            part = "all of " if path.reach is Reach.PARTLY else ""
            for obstacle in path.obstacles[:1] if path.central_id and not path.reach.is_open else ():
                by_kind.setdefault((obstacle.kind, part), []).append((client, obstacle.words))
        answer, service = f"{central.kind} {central.source_id}", self.requirement.service
        if left := [one for one in self.clients if self.lacks_a_name(self.paths[one.id])]:
            lacking = self.lacking_words(central)
            words = f"{self.scene.named(left)} can't reach all of the {service} service: {lacking}"
            remedy = f"{answer} is in the way of an endpoint: have {self._unanswered} answered as well, or disassociate"
            make = ActionKind.CREATE_INTERFACE_ENDPOINT
            yield self.blocked_at(make, "", left[0].id, words, f"{remedy} {answer} from the VPC")
        for (kind, part), lost in by_kind.items():
            who, first = self.scene.named([client for client, _ in lost]), lost[0][0].id
            at = f" ({', '.join(central.addresses)})" if central.addresses else ""
            cut = lost[0][1] if part else f"no route leads to the central endpoint{at and f': {lost[0][1]}'}"
            why, remedy = {
                ObstacleKind.ROUTE: (
                    f"{answer} answers its name, but {cut}",
                    f"route {first} to the central endpoint{at}",
                ),
                ObstacleKind.DNS_RECORD: (lost[0][1], "add the record"),
                ObstacleKind.DNS_TARGET: (lost[0][1], "point its record at another endpoint"),
                ObstacleKind.BEYOND: (
                    f"{answer} answers its name, but the way beyond the VPC is cut: {lost[0][1]}",
                    f"mend the way to the central endpoint{at}",
                ),
            }.get(kind, (f"{answer} answers its name, but {lost[0][1]}", f"let it pass{at}"))
            reason = f"{who} can't reach {part}the {service} service: {why}"
            remedy = f"{answer} is in the way of an endpoint: {remedy}, or disassociate {answer} from the VPC"
            yield self.blocked_at(ActionKind.CREATE_INTERFACE_ENDPOINT, "", first, reason, remedy)

    def lacks_a_name(self, path: NetworkPath) -> bool:
        """True if what answers one of the service's names leaves another one unanswered and out of reach."""
        return path.reach is Reach.PARTLY and not (path.central_id or path.endpoint_id or path.obstacles)

    def lacking_words(self, central: DnsAnswer) -> str:
        """Which of the service's names a central endpoint leaves unanswered, as a clause; empty if that shuts nobody
        out.
        """
        if not any(self.lacks_a_name(path) for path in self.paths.values()):
            return ""
        return f"{central.kind} {central.source_id} doesn't answer {self._unanswered}"

    @property
    def _unanswered(self) -> str:
        return listed([name for name in self.reach.names if self.reach.is_unanswered(name)])

    def security_group_will_do(self, endpoint: Endpoint) -> bool:
        """True if one of Lifeline's groups is on the endpoint: opening it for the VPC's blocks is planned with it."""
        own = (group for group in own_security_groups(self.vpc, self.plan_input.owner) if can_let_in(group, self.vpc))
        return any(group.id in endpoint.security_group_ids for group in own)

    def remedy(self, kind: ActionKind, endpoint: Endpoint, found: list[Obstacle]) -> Action:
        """The action that removes the obstacles, blocked where it isn't Lifeline's to do."""
        words = "; ".join(dict.fromkeys(obstacle.words for obstacle in found[:3]))
        if kind is ActionKind.OPEN_SECURITY_GROUP and self.is_own(endpoint):
            why = f"{words}: none of its security groups is one that Lifeline can open"
            return self.action(ActionKind.ATTACH_SECURITY_GROUP, why, endpoint_id=endpoint.id)
        is_hidden = found[0].kind is ObstacleKind.ADDRESS_FAMILY and endpoint.hides_addresses
        if is_hidden and self.is_own(endpoint):
            return self.action(ActionKind.RESET_DNS_RECORDS, words, endpoint_id=endpoint.id)
        whose = "it is Lifeline's" if self.is_own(endpoint) else "it isn't Lifeline's"
        family = f"{whose}: a dualstack endpoint in dual-stack subnets serves both"
        if "ipv6" not in self.service.ip_address_types:
            family = (
                f"the {self.requirement.service} service has no IPv6 here; move what needs it to a subnet with IPv4"
            )
        if is_hidden:
            family = f"{whose}: set the IP version of its DNS records to dualstack, as its addresses are: "
            command = f"aws ec2 modify-vpc-endpoint --vpc-endpoint-id {endpoint.id}"
            family += f"{command} --dns-options DnsRecordIpType=dualstack"
        remedy = {
            ObstacleKind.SECURITY_GROUP: f"{whose}: its owner should allow inbound TCP {ports_in(self.ports)} from the "
            "whole VPC",
            ObstacleKind.ADDRESS_FAMILY: family,
            ObstacleKind.ROUTE: "delete the route, or give it a target that forwards the packets",
        }[found[0].kind]
        return self.blocked_at(kind, endpoint.id, found[0].subnet_id, words, remedy)

    def blocked_at(self, kind: ActionKind, endpoint_id: str, subnet_id: str, reason: str, remedy: str) -> Action:
        """An action for one subnet that a person must do."""
        return self.action(kind, reason, subnet_ids=(subnet_id,), endpoint_id=endpoint_id).blocked(remedy)

    # ---- the VPC's DNS

    def fix_dns(self, answering_id: str = "") -> Iterator[Action]:
        """Private DNS answers only while both of the VPC's DNS attributes are on (VPC guide: DNS attributes)."""
        off = self.reach.attributes_off
        if not off:
            return
        service = self.requirement.service
        named = (
            f"the private DNS name of {answering_id} isn't resolved"
            if answering_id
            else f"private DNS for the {service} service doesn't work"
        )
        action = self.turning_on(off, named, self.reach.holder.id if self.reach.holder else "")
        if answering_id or not action.is_blocked:
            yield action

    def turning_on(self, off: tuple[str, ...], why: str, endpoint_id: str, what: str = "private DNS") -> Action:
        """What turns on these of the VPC's DNS attributes, on which `what` hangs; blocked where Lifeline may not."""
        dns, wakes = self.plan_input.dns, off == self.reach.attributes_off
        reason = f"{why} while {off_words(off)} in the VPC" + (waking_words(dns) if wakes else "")
        action = Action(ActionKind.FIX_DNS, reason, attributes=off, endpoint_id=endpoint_id)
        if refusal := self.attributes_refusal(off, what):
            return action.blocked(refusal)
        told = waking_told(self.vpc, self.catalog, self.plan_input) if wakes else ""
        return replace(action, reason=reason + told)

    def attributes_refusal(self, off: tuple[str, ...], what: str = "private DNS") -> str:
        """Why the attributes that are off may not be turned on; an empty text if they may, or none is off."""
        if unread := self.vpc.unread_words(Part.DNS_ATTRIBUTES):
            return f"it isn't known whether the VPC's DNS is on: {'; '.join(unread)}"
        if not off:
            return ""
        if not self.plan_input.fix_dns:
            return self._dns_remedy(off, what)
        if off != self.reach.attributes_off:  # with one of them off, nothing that is private is answered
            return ""
        return self._tag_alone_words(off, what) or waking_harm(self.vpc, self.catalog, self.plan_input)

    def _tag_alone_words(self, off: tuple[str, ...], what: str) -> str:
        """Why a tag alone doesn't have the attributes turned on, which changes what names lead to for all of the VPC;
        an empty text where a rule does, or where an endpoint that Lifeline made has the name: they were on then.
        """
        is_asked_by_rules = any(action.is_planned and action.attributes == off for action in self.planned)
        was_on = self.reach.holder is not None and self.is_own(self.reach.holder)
        if not self.requirement.is_by_tag or is_asked_by_rules or was_on:
            return ""
        service = self.requirement.service
        return (
            f"only a tag asks for the {service} service, and a tag alone doesn't have Lifeline turn on the VPC's DNS, "
            f"by which names change for everybody there: have a rule of the policy ask for {service}, or turn it on "
            f"yourself; {self._dns_remedy(off, what)}"
        )

    def _dns_remedy(self, off: tuple[str, ...], what: str) -> str:
        command = f"aws ec2 modify-vpc-attribute --vpc-id {self.vpc.id}"
        commands = "; ".join(f"{command} {_DNS_ATTRIBUTES[name]}" for name in off)
        return f"{what} requires the VPC's {' and '.join(off)} to be on: {commands}"

    # ---- what may be made

    def may_create(self) -> str:
        """Why the role may not create the service, or an empty text."""
        allowed = self.plan_input.creatable
        if allowed is None or self.requirement.service in allowed:
            return ""
        return (
            f"Lifeline's role isn't allowed to create {self.requirement.service} endpoints: add the service to the "
            "stack's CreatableServices"
        )

    def count_planned(self, kind: ActionKind) -> int:
        """How many actions of a kind are planned for the services before this one: they use up the same quota."""
        return sum(action.kind is kind and action.is_planned for action in self.planned)

    def complete(self, action: Action) -> Action:
        """The creation with what EC2 is passed besides: name, tags, policy and token."""
        labels, policy = self.plan_input.labels, self.policy_of(self.service)
        spare = labels.spare_in(self.vpc)
        named = replace(
            action,
            name=self.scene.label(action.service),
            tags=(*labels.tags_in(self.vpc), *action.tags),
            missing_tags=labels.missing_in(self.vpc),
            spare_tags=None if spare is None else (*spare, *action.tags),
            policy=policy.document,
            policy_words=policy.words,
        )
        return self.with_token(named)

    def with_token(self, action: Action) -> Action:
        """The action with its ClientToken: the same for the same requirement in the same situation.

        So a retry, or a second run at the same time, creates nothing twice, and a requirement that comes back after an
        earlier endpoint is gone gets a new one (EC2 API: idempotency; up to 64 ASCII characters). EC2 refuses a token
        that comes again with anything else: names, tags and policies are part of it.
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
            action.name,
            [part for tag in action.tags for part in tag],
            action.policy,
            length=48,
        )
        return replace(action, client_token=f"lifeline-{token}")


def _state_of(path: NetworkPath) -> ServiceState:
    """What one subnet's path makes of the service: missing where Lifeline can repair or make it, else blocked."""
    return _STATES.get(path.reach) or (ServiceState.MISSING if path.is_repairable else ServiceState.BLOCKED)
