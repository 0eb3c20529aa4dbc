"""Life-support ends: which of Lifeline's own endpoints nothing requires, since when, and whether they may go."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from lifeline.core.coexist.waivers import Waiver, find_waivers, listed_by_tag, tagged_waivers
from lifeline.core.network.dns import DnsAnswer, DnsView, usual_answer
from lifeline.core.network.model import (
    Catalog,
    Endpoint,
    EndpointType,
    Interface,
    SecurityGroup,
    SeenTier,
    Subnet,
    Tier,
    Vpc,
    suffix_of,
)
from lifeline.core.network.network_path import Reach
from lifeline.core.network.ports import HTTPS, ports_of
from lifeline.core.network.reach import ServiceReach
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.network.way_out import doubts_of_way_out
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.client_egress import relying_words
from lifeline.core.plan.elsewhere import private_apis_words
from lifeline.core.plan.security_group import is_used, own_security_groups, usable_security_group
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Desired, Policy, desired
from lifeline.core.wording import few, write_time


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides beside the VPC and its requirements.

    `after` is how long an endpoint stays that nothing requires; zero is for good. `dns` is what else answers names in
    the VPC, None where it wasn't read. `interfaces` are the VPC's network interfaces, empty where nobody read them.
    `is_release` says that a person releases everything that is Lifeline's.
    """

    owner: str
    policy: Policy
    catalog: Catalog
    now: datetime
    after: timedelta
    dns: DnsView | None = None
    interfaces: tuple[Interface, ...] = ()
    is_release: bool = False


@dataclass(frozen=True, slots=True)
class Retirement:
    """What to take away, since when each of Lifeline's own isn't needed (by id, to be saved), and what to say.

    `waived` are the endpoints that aren't needed, or may go, because somebody said so, by id. `kept_for` are the
    isolated subnets of which nobody said so: such an endpoint stays while it is the only path of one.
    """

    actions: tuple[Action, ...] = ()
    unneeded: Mapping[str, datetime] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    waived: Mapping[str, tuple[Waiver, ...]] = field(default_factory=dict)
    kept_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """What people are to be warned of before the waived endpoints go."""
        return frozenset(key for id_, waivers in self.waived.items() for key in keys_of(id_, waivers))


def keys_of(endpoint_id: str, waivers: Iterable[Waiver]) -> frozenset[str]:
    """What these waivers of an endpoint are known by: by its id, and by that with each tag that says so, so that the
    time of one tag never counts for another: `vpce-0123456789abcdef0 subnet-0123456789abcdef0 lifeline:exempt`.
    """
    return frozenset(f"{endpoint_id} {waiver.cause}".strip() for waiver in waivers)


def has_own(vpc: Vpc, owner: str) -> bool:
    """True if anything in the VPC is Lifeline's own."""
    return bool(vpc.own_endpoints(owner) or own_security_groups(vpc, owner))


def idle(vpc: Vpc, services: Collection[str], owner: str, catalog: Catalog) -> frozenset[str]:
    """The ids of Lifeline's own endpoints, and its groups, that no requirement of `services` needs.

    An endpoint is needed while any subnet requires its service. So is a group that endpoints have, or will get, while
    any requires a service that has no gateway endpoint. An endpoint without Lifeline's tag isn't its own, whoever made
    it.
    """
    found = {endpoint.id for endpoint in removable(vpc, owner) if suffix_of(endpoint.service_name) not in services}
    needs_none = all(_is_by_gateway(service, catalog) for service in services)
    usable = usable_security_group(vpc, owner)
    for group in own_security_groups(vpc, owner):
        if needs_none or (group != usable and not is_used(group, vpc)):
            found.add(group.id)
    return frozenset(found)


def waived_endpoints(
    vpc: Vpc, services: Collection[str], owner: str, policy: Policy, *, today: date
) -> Mapping[str, tuple[Waiver, ...]]:
    """Lifeline's own endpoints that no requirement of `services` needs because somebody said so, by id."""
    unneeded = {
        endpoint.id: service
        for endpoint in removable(vpc, owner)
        if (service := suffix_of(endpoint.service_name)) not in services
    }
    waivers = find_waivers(vpc, unneeded.values(), policy, today=today)
    return {endpoint_id: waivers[service] for endpoint_id, service in unneeded.items() if service in waivers}


def plan_retirement(
    vpc: Vpc, want: Desired, terms: Terms, unneeded: Mapping[str, datetime], warned: Mapping[str, datetime]
) -> Retirement:
    """What may go now: what nothing has required for as long as `terms` say, or all of it where it is released.

    `unneeded` and `warned` are what was saved; whatever is needed again, or gone, leaves them, so that its time starts
    again. Where somebody said that an endpoint isn't needed, its time starts when people are warned of that, and again
    when they are of another tag that says so, be it one that only ends that the endpoint is kept for a subnet. An
    endpoint that is the only path of an isolated subnet, of which nobody said that it needs none, is blocked. Applying
    it leaves nothing to retire. Pure.
    """
    return _Retiring(vpc, want, terms, unneeded, warned).plan()


class _Retiring:
    def __init__(
        self, vpc: Vpc, want: Desired, terms: Terms, unneeded: Mapping[str, datetime], warned: Mapping[str, datetime]
    ) -> None:
        self._vpc = vpc
        self._want = want
        self._terms = terms
        self._tiers = classify_subnets(vpc)
        self._stranded = partly_stranded(vpc, self._tiers, terms.interfaces)
        services = want.services
        ids = sorted(idle(vpc, services, terms.owner, terms.catalog))
        self._since = {resource_id: unneeded.get(resource_id, terms.now) for resource_id in ids}
        self._waived = (
            {}
            if terms.is_release
            else dict(waived_endpoints(vpc, services, terms.owner, terms.policy, today=terms.now.date()))
        )
        self._warned = warned
        self._reaches: dict[tuple[str, bool], ServiceReach] = {}

    def plan(self) -> Retirement:
        terms = self._terms
        if not terms.after and not terms.is_release:
            return Retirement(waived=self._waived)
        own = removable(self._vpc, terms.owner)
        for endpoint in () if terms.is_release else own:
            if endpoint.id in self._since and (freeing := [*self._freeing(endpoint)]):
                self._waived[endpoint.id] = tuple(dict.fromkeys([*self._waived.get(endpoint.id, ()), *freeing]))
        retired = [self._retire(endpoint) for endpoint in own if terms.is_release or self._is_due(endpoint.id)]
        going = {action.endpoint_id for action in retired if action.is_planned}
        notified = {action.endpoint_id for action in retired}
        notes = [self._note(endpoint) for endpoint in own if endpoint.id in self._since and endpoint.id not in notified]
        actions = (*retired, *self._delete_security_groups(going))
        unneeded = self._since if terms.after else {}
        kept_for = {endpoint.id: self._not_meant(endpoint) for endpoint in own if endpoint.id in self._waived}
        return Retirement(actions, unneeded, tuple(notes), self._waived, kept_for)

    def _is_due(self, resource_id: str) -> bool:
        keys = keys_of(resource_id, self._waived.get(resource_id, ()))
        since = [self._warned.get(key) for key in keys] or [self._since.get(resource_id)]
        return all(at is not None and self._terms.now - at >= self._terms.after for at in since)

    def _note(self, endpoint: Endpoint) -> str:
        hours = int(self._terms.after.total_seconds() // 3600)
        service = suffix_of(endpoint.service_name)
        return (
            f"{endpoint.id}: no subnet requires the {service} service any more; Lifeline will delete the endpoint once "
            f"nothing has required it for {hours} hours"
        )

    # ---- an endpoint

    def _retire(self, endpoint: Endpoint) -> Action:
        reason = f"{self._why(endpoint)}; {self._consequence(endpoint)}"
        action = Action.on(ActionKind.RETIRE_ENDPOINT, endpoint, reason)
        refusal = "" if self._terms.is_release else self._refusal(endpoint)
        return action.blocked(refusal) if refusal else action

    def _why(self, endpoint: Endpoint) -> str:
        service = suffix_of(endpoint.service_name)
        if self._terms.is_release:
            requiring = _requiring(service, self._want)
            still = (
                f", although {self._named(requiring)} must be able to reach the {service} service" if requiring else ""
            )
            return f"released manually{still}"
        since = write_time(self._since[endpoint.id])
        return f"no subnet has required the {service} service since {since}: {self._cause(service)}"

    def _cause(self, service: str) -> str:
        """Why nothing requires the service, as it stands now: the path that a subnet has, an exemption, the policy."""
        policy, today = self._terms.policy, self._terms.now.date()
        if not self._vpc.subnets:
            return "the VPC has no subnet left"
        exempted = [exempted for exempted in self._want.exempted if exempted.spares(service)]
        if exempted:
            return f"{exempted[0].subject} is exempt: {exempted[0].reason}"
        waivers = find_waivers(self._vpc, [service], policy, today=today).get(service, ())
        if waivers and waivers[0].subject:
            return f"the tag {REQUIRE} of {waivers[0].subject} doesn't ask for it"
        if_cut_off = desired(policy, self._vpc, dict.fromkeys(self._tiers, Tier.ISOLATED), today=today)
        if would := _requiring(service, if_cut_off):
            return f"the subnets that would require it have a route out of the VPC: {self._named(would)}"
        is_asked = any(service in rule.services for rule in policy.rules)
        return f"the policy doesn't require it{' in any subnet of this VPC' if is_asked else ''}"

    def _consequence(self, endpoint: Endpoint) -> str:
        if endpoint.type is EndpointType.GATEWAY:
            return (
                f"this also removes its routes from {', '.join(sorted(endpoint.route_table_ids)) or 'no route table'}"
            )
        if not endpoint.private_dns:
            return "its private DNS is off, so this changes nothing for anyone"
        central = self._central(endpoint)
        then = f"is answered by {central.kind} {central.source_id}" if central else "resolves to public addresses"
        return f"after that, the service's name {then} in the whole VPC"

    # ---- do no harm

    def _refusal(self, endpoint: Endpoint) -> str:
        """Why it must stay although nothing requires it, or an empty text."""
        service = suffix_of(endpoint.service_name)
        if self._want.problems:
            return f"a subnet might still require the {service} service: {self._want.problems[0]}"
        clients = [subnet for subnet in self._vpc.subnets if not self._is_meant(subnet, service)]
        left = sorted((one for one in clients if self._is_only_path(endpoint, one)), key=lambda subnet: subnet.id)
        return self._cut_off_words(left, endpoint) if left else ""

    def _cut_off_words(self, clients: Sequence[Subnet], endpoint: Endpoint) -> str:
        subnet_ids = [client.id for client in clients]
        whose = "" if self._stranded.isdisjoint(subnet_ids) else "network interfaces without a public IPv4 address in "
        doubts = [*dict.fromkeys(word for client in clients for word in self._doubts(client, endpoint))]
        why = f" ({few(doubts, most=2)})" if doubts else ""
        is_sure = any(self._is_without_way(subnet_id) for subnet_id in subnet_ids)
        return (
            f"it {'is' if is_sure else 'may be'} the only path to the {suffix_of(endpoint.service_name)} service for "
            f"{whose}{self._named(subnet_ids)}{why}, and the policy neither requires it there nor exempts the subnet: "
            f"do either (in the policy, or with the tag {REQUIRE} or {EXEMPT}), or delete the endpoint yourself"
        )

    def _is_only_path(self, endpoint: Endpoint, client: Subnet) -> bool:
        """True if the subnet has no way out that is known to be one for all who are in it, this endpoint answers it,
        and nothing would once all that may go are gone.
        """
        service = suffix_of(endpoint.service_name)
        if not self._is_without_way(client.id) and not self._doubts(client, endpoint):
            return False
        path = self._reach(service, later=False).private_path(client)
        if path.endpoint_id != endpoint.id or path.reach is Reach.FAILED:
            return False
        return self._reach(service, later=True).private_path(client).reach not in {Reach.SERVED, Reach.CENTRAL}

    def _is_without_way(self, subnet_id: str) -> bool:
        """True if the subnet has no way out for all who are in it, or may have none."""
        return Tier.ISOLATED in self._tiers[subnet_id].possible or subnet_id in self._stranded

    def _doubts(self, client: Subnet, endpoint: Endpoint) -> tuple[str, ...]:
        """Why its way out may not be one for all who are in it, as clauses."""
        if self._is_without_way(client.id):
            return ()
        service = suffix_of(endpoint.service_name)
        ports = ports_of(service, dict(self._terms.catalog.ports)) or HTTPS
        return (
            *doubts_of_way_out(client, self._vpc, service, ports),
            *relying_words(endpoint, client, self._vpc, ports),
            *private_apis_words(service),
        )

    def _reach(self, service: str, *, later: bool) -> ServiceReach:
        """How subnets reach the service now, or `later`, once all that may go is gone: one judge for all of them."""
        if (service, later) not in self._reaches:
            left = tuple(one for one in self._vpc.endpoints if not later or one.id not in self._since)
            vpc = replace(self._vpc, endpoints=left)
            self._reaches[service, later] = ServiceReach(vpc, service, self._terms.catalog, self._terms.dns)
        return self._reaches[service, later]

    def _not_meant(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The isolated subnets of which nobody said that they need not reach the endpoint's service, by id."""
        service = suffix_of(endpoint.service_name)
        isolated = (subnet for subnet in self._vpc.subnets if self._tiers[subnet.id] is Tier.ISOLATED)
        return tuple(sorted(subnet.id for subnet in isolated if not self._is_meant(subnet, service)))

    def _is_meant(self, client: Subnet, service: str) -> bool:
        """True if someone said that the subnet need not reach the service: by an exemption, by a tag that lists other
        services, or by a policy that asks for the service nowhere.
        """
        return self._is_meant_by_policy(client, service) or bool(self._tagged(client, service))

    def _is_meant_by_policy(self, client: Subnet, service: str) -> bool:
        policy, today = self._terms.policy, self._terms.now.date()
        return any(
            exempted.subject in {client.id, self._vpc.id} and exempted.counts_on(today) and exempted.spares(service)
            for exempted in policy.exemptions
        ) or not (
            any(service in rule.services for rule in policy.rules)
            or service in (listed_by_tag(self._vpc, client) or ())
        )

    def _tagged(self, client: Subnet, service: str) -> tuple[Waiver, ...]:
        return tagged_waivers(self._vpc, client, service, today=self._terms.now.date())

    def _freeing(self, endpoint: Endpoint) -> Iterator[Waiver]:
        """The tags that alone say of subnets whose only path this is that they need it no longer."""
        service = suffix_of(endpoint.service_name)
        for subnet in sorted(self._vpc.subnets, key=lambda subnet: subnet.id):
            waivers = self._tagged(subnet, service)
            if waivers and not self._is_meant_by_policy(subnet, service) and self._is_only_path(endpoint, subnet):
                yield from waivers

    def _named(self, subnet_ids: list[str]) -> str:
        return few([f"{subnet_id} ({self._tiers[subnet_id]})" for subnet_id in subnet_ids], 3)

    def _central(self, endpoint: Endpoint) -> DnsAnswer | None:
        """What else answers an interface endpoint's name in the VPC, where that was looked up."""
        service = self._terms.catalog.named(endpoint.service_name, endpoint.type)
        if service is None or self._terms.dns is None or endpoint.type is not EndpointType.INTERFACE:
            return None
        return usual_answer(service.private_dns_names, self._terms.dns)

    # ---- the security groups

    def _delete_security_groups(self, going: Collection[str]) -> Iterator[Action]:
        for group in own_security_groups(self._vpc, self._terms.owner):
            if self._terms.is_release or self._is_due(group.id):
                yield from self._delete_security_group(group, going)

    def _delete_security_group(self, group: SecurityGroup, going: Collection[str]) -> Iterator[Action]:
        """Lifeline's group, once its last endpoint goes or is gone. EC2 itself keeps it until no interface has it."""
        users = [endpoint.id for endpoint in self._vpc.live_endpoints if group.id in endpoint.security_group_ids]
        stay = [user for user in users if user not in going]
        if any(endpoint.id in stay for endpoint in removable(self._vpc, self._terms.owner)):
            return
        released = "released manually: " if self._terms.is_release else ""
        reason = f"{released}none of Lifeline's endpoints uses it any more"
        action = Action(ActionKind.DELETE_SECURITY_GROUP, reason, security_group_id=group.id)
        yield action.blocked(in_use_words(stay)) if stay else action


def in_use_words(users: Sequence[str]) -> str:
    """Why the group can't be deleted while others, who aren't Lifeline's, use it."""
    return f"in use by {few(users, 3)}, which Lifeline doesn't manage: the owner should use another group"


def partly_stranded(vpc: Vpc, tiers: Mapping[str, SeenTier], interfaces: Iterable[Interface]) -> frozenset[str]:
    """The public subnets in which a network interface that may call services can't use the route to the internet
    gateway, by id: one is enough to keep an endpoint, and all must be that surely call to make one (`is_stranded` of a
    subnet).

    Whoever can change routes must not end a repair by a route that doesn't help those who were repaired.
    """
    public = {subnet.id for subnet in vpc.subnets if subnet.cidr and Tier.PUBLIC in tiers[subnet.id].possible}
    return frozenset(one.subnet_id for one in interfaces if one.needs_a_private_path and one.subnet_id in public)


def removable(vpc: Vpc, owner: str) -> list[Endpoint]:
    """Lifeline's own endpoints that aren't gone, by id, of the types that it makes."""
    return [endpoint for endpoint in vpc.own_endpoints(owner) if endpoint.type is not EndpointType.OTHER]


def _requiring(service: str, want: Desired) -> list[str]:
    """The subnets that must reach the service."""
    return sorted(
        subnet_id
        for requirement in want.requirements
        if requirement.service == service
        for subnet_id in requirement.subnet_ids
    )


def _is_by_gateway(service: str, catalog: Catalog) -> bool:
    found = catalog.find(service)
    return bool(found) and found[0].type is EndpointType.GATEWAY
