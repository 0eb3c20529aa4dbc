"""A hub's zone or Profile: offered where nothing answers, and swapped for an endpoint where the way to it is cut."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from lifeline.core.network.dns import DnsAnswer, conflicting_zone, domain_of
from lifeline.core.network.hub import find_cut_to_hub
from lifeline.core.network.model import FAILED_STATES, IN_PLACE_OF, Endpoint, EndpointState, Subnet
from lifeline.core.network.network_path import NetworkPath
from lifeline.core.network.reach import ServiceReach
from lifeline.core.plan.actions import HALFWAY, Action, ActionKind, ServiceReport, ServiceState
from lifeline.core.plan.central import CentralOffer, asked_at, judge_central, profile_cost, saving_words
from lifeline.core.plan.making import EndpointMaker
from lifeline.core.policy.central import is_profile
from lifeline.core.wording import listed


class HubPlanner(EndpointMaker):
    """Shares the hub's endpoints, and lets an endpoint of the VPC stand in for them while the path there is cut."""

    def _associating(self, offer: CentralOffer, interfaces: int) -> Action:
        """The association with the hub's zones or its Profile, which takes the endpoint's place."""
        saving = saving_words(interfaces, self.plan_input)
        reason = f"{self.scene.cut_off(self.clients, self.requirement.service)}, and the hub's endpoint would serve it"
        usd, is_at_most = profile_cost(self.plan_input)
        return self.action(
            ActionKind.ASSOCIATE_CENTRAL,
            (f"{reason}: {saving}" if saving else reason) + offer.told_words,
            central_ids=offer.central_ids,
            central_account=self._account_of_hub(),
            checks=offer.words,
            asks=offer.asks,
            profile_usd=usd,
            is_at_most=is_at_most,
        )

    def _centrally(self, central: DnsAnswer) -> tuple[list[Action], ServiceReport]:
        self.paths = {client.id: self._with_beyond(client) for client in self.clients}
        if (coming := self._taking_over()) and not all(path.reach.is_open for path in self.paths.values()):
            return [], self.report_as(ServiceState.PENDING, coming.id, "it is about to take the name")
        actions = list(self._by_central(central))
        return actions, self.report(actions)

    def _by_central(self, central: DnsAnswer) -> Iterator[Action]:
        """What keeps subnets from a central endpoint, in whose place Lifeline makes none unless somebody approves it.

        AWS refuses an endpoint whose name a private hosted zone of the VPC answers (PrivateLink guide: conflicting DNS
        domain), and over a rule or a Profile it would take what the others reach centrally.
        """
        yield from self.fix_dns(central.source_id)
        if here := self.reach.beside(central):
            yield from self.remove((obstacle for path in self.paths.values() for obstacle in path.obstacles), here)
        elif lost := list(self.without_way_to(central)):
            yield from self._swapping(central, lost[0]) or lost
        elif missing := self._let_go(self._answering_ids()):
            why = f"a swap stopped halfway: {listed(missing)} answered here, too"
            ends: dict[str, Any] = {"central_ids": missing, "central_account": self._account_of_hub(), "asks": HALFWAY}
            yield self.action(ActionKind.ASSOCIATE_CENTRAL, why, **ends)
        else:
            yield from self._retiring_stand_in()

    def _taking_over(self) -> Endpoint | None:
        """Lifeline's endpoint whose private DNS was just turned on, and goes before a Profile once it works."""
        holder = self.reach.holder
        return holder if holder and self.is_own(holder) and holder.state.is_coming else None

    def _with_beyond(self, client: Subnet) -> NetworkPath:
        """A client's path; unreachable where the hub's side, or what leads there, is known to cut it. What can't be
        read cuts nothing.
        """
        path = self.paths[client.id]
        cut = find_cut_to_hub(path, client, self.reach, self.plan_input.hub)
        if cut is None:
            return path
        return path.cut_beyond(self.requirement.service, f"{cut.what} ({cut.why})", client.id)

    # ---- a hub's zone or Profile answers, and the path to the hub is cut: an endpoint stands in until the path is back

    def _swapping(self, central: DnsAnswer, lost: Action) -> list[Action]:
        """What lets an endpoint stand in for the hub's zones or Profile; nothing where they aren't the policy's.

        AWS refuses its private DNS while zones are associated. So it is made without, and takes the name once it is
        available: between two calls. A Profile stays, for the endpoint's private DNS goes before it.
        """
        named, ids = self.plan_input.central, self._answering_ids()
        if named is None or self.requirement.service not in named.services or not set(ids) <= named.ids:
            return []
        if central.forwards or not self.plan_input.may_associate:
            return []
        stays, whose, verb = is_profile(ids[0]), listed(ids), "is" if len(ids) == 1 else "are"
        asks, asks_before = (
            f"needs approval: it takes {whose} out of the VPC",
            f"needs approval: it is to stand in for {whose}",
        )
        why = f"AWS refuses private DNS for another endpoint while {whose} {verb} in the VPC"
        if stays:
            asks = f"needs approval: an endpoint answers the name in place of {whose}, which stays for all other names"
            why = f"the VPC's own private DNS goes before what {whose} brings"
        if self._let_go(ids):
            asks = HALFWAY
        ends: dict[str, Any] = {"central_ids": ids, "central_account": self._account_of_hub()}
        swap = self.action(ActionKind.SWAP_TO_LOCAL, f"{lost.reason}; {why}", asks=asks, **ends)
        there = [one for one in self.live() if self.is_own(one) and not one.private_dns]
        refusing = f"{lost.error}; an endpoint can't stand in: "
        if ready := [one for one in there if one.state is EndpointState.AVAILABLE]:
            return list(self._taking(swap, ready[0], refusing))
        if coming := [one for one in there if one.state not in FAILED_STATES]:
            waits = f"{coming[0].id} {coming[0].state.words}, and will take the name once it is available"
            return [replace(swap, reason=f"{lost.reason}; {waits}")]
        failed, tags = self._failed(), ((IN_PLACE_OF, " ".join(ids)),)
        reason = "; ".join(filter(None, [lost.reason, self._replaced(failed)]))
        place = self._place_unharmed()
        made = list(self._making(failed, reason, place, refusing, asks=asks_before, private_dns=False, tags=tags))
        lack = self.lacking_words(central) or "not every subnet reaches the hub's endpoint"
        swap = replace(swap, reason=f"{lack}, and {why}")
        return [*made, swap] if any(one.needs_security_group for one in made) else made

    def _answering_ids(self) -> tuple[str, ...]:
        """The zones and Profiles that answer the service's names."""
        answers = self.plan_input.dns.answers if self.plan_input.dns else ()
        return tuple(sorted({one.source_id for one in answers if one.domain in self._names and not one.forwards}))

    def _left_halfway(self) -> DnsAnswer | None:
        """The hub's zone of another of the service's names that a swap left when it stopped, after it let go of that of
        the usual one; None if none did. By its addresses, the paths say whether the way to the hub is back.
        """
        names, dns = self.service.private_dns_names, self.plan_input.dns
        zone = conflicting_zone(names, dns) if dns else None
        if zone is None or not self._let_go(self._answering_ids()):
            return None
        asked = asked_at(zone, self.service, self.catalog)
        self.reach = ServiceReach(self.vpc, self.requirement.service, asked, dns)
        self.paths = {client.id: self.reach.private_path(client) for client in self.clients}
        return zone

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(map(domain_of, self.service.private_dns_names))

    def _let_go(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The hub's zones of the service's names that a swap let go which stopped before it let go of these, too: by
        what the endpoint was made to stand in for.
        """
        hubs = self.plan_input.hub.sources if self.plan_input.hub else ()
        known = {source.id for source in hubs if any(answer.domain in self._names for answer in source.answers)}
        tags = ((one.tag(IN_PLACE_OF) or "").split() for one in self.live() if self.is_own(one) and not one.private_dns)
        found = next((tag for tag in tags if set(tag) & set(ids)), [])
        return tuple(id_ for id_ in found if id_ in known and id_ not in ids)

    def _swapping_back(self, endpoint: Endpoint) -> Iterator[Action]:
        """What gives the name back to the hub once the path there is whole again. To a Profile that is in the VPC
        still: nothing would answer without it.
        """
        if not (self.is_own(endpoint) and endpoint.tag(IN_PLACE_OF)) or endpoint.state is not EndpointState.AVAILABLE:
            return
        offer = judge_central(self.service, self.vpc, self.clients, self.catalog, self.plan_input, leaving=endpoint)
        if offer and not offer.refusal and self._is_back(offer.central_ids[0]):
            saving = saving_words(len(endpoint.subnet_ids), self.plan_input)
            yield self.action(
                ActionKind.SWAP_TO_CENTRAL,
                f"the path to the hub is back, for which {endpoint.id} stands in: {saving}{offer.told_words}",
                endpoint_id=endpoint.id,
                central_ids=offer.central_ids,
                central_account=self._account_of_hub(),
                checks=offer.words,
                asks="; ".join(["needs approval: it gives the name back to the hub", *offer.unread]),
            )

    def _is_back(self, central_id: str) -> bool:
        """True of a zone, which is associated again; of a Profile, which is the only one, if it is in the VPC still."""
        answers = self.plan_input.dns.answers if self.plan_input.dns else ()
        return not is_profile(central_id) or any(answer.source_id == central_id for answer in answers)

    def _retiring_stand_in(self) -> Iterator[Action]:
        """The endpoint that stood in, or was to, where the hub answers. It stays while that is watched as a canary."""
        for endpoint in self.live():
            is_idle = not endpoint.private_dns and endpoint.state is EndpointState.AVAILABLE
            if self.is_own(endpoint) and endpoint.tag(IN_PLACE_OF) and is_idle:
                why = "it stood in for the hub, which answers again"
                yield replace(Action.on(ActionKind.RETIRE_ENDPOINT, endpoint, why), is_optional=True)

    def _account_of_hub(self) -> str:
        account = self.plan_input.hub.account_id if self.plan_input.hub else ""
        return "" if account == self.plan_input.account_id else account
