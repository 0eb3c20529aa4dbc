"""Amended: VPCs on their way through the amendments, and the facts read for them, in a run and for the page alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.network import Network
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import Vpc
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.endpoint_lifecycle import Followed
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, RunContext, VpcContext
from lifeline.reconciler.steps.faults import Faults, judging
from lifeline.runtime.settings import MOST_DNS_VIEWS


@dataclass(frozen=True, slots=True)
class Amended:
    """One VPC on its way through the amendments: what they know, the plan, and the state, as they are by now.

    `foreseen` is the state that the amendments previewed so far would save. Only previews see it. A VPC that is among
    the `faults` is left as it is: nobody may do anything there.
    """

    context: VpcContext
    plan: Plan
    state: VpcState
    foreseen: VpcState | None = None
    faults: Faults = field(default_factory=Faults, compare=False)

    def needs(self, amendment: Amendment, *, is_planned: bool = True) -> frozenset[Fact]:
        """What the amendment must know that wasn't read yet."""
        plan = self.plan if is_planned else None
        ask = partial(amendment.needs, self.context, plan, self.foreseen or self.state)
        return self.faults.contain(self.plan.vpc_id, ask, otherwise=frozenset[Fact]()) - self.context.read

    def seen(self, amendments: Iterable[Amendment]) -> Vpc | None:
        """The VPC as it is to be planned for."""
        vpc: Vpc | None = self.context.vpc
        for amendment in amendments:
            if vpc:
                see = partial(amendment.see, self.context, vpc, self.state)
                vpc = self.faults.contain(self.plan.vpc_id, see, otherwise=None)
        return vpc

    def previewed(self, amendment: Amendment) -> "Amended":
        """With the plan that the amendment would make of it, and the state that it would save foreseen."""
        preview = partial(amendment.preview, self.context, self.plan, self.foreseen or self.state)
        decision = self.faults.contain(self.plan.vpc_id, preview, otherwise=None)
        return replace(self, plan=decision.plan, foreseen=decision.state) if decision else self

    def decided(self, amendment: Amendment) -> "Amended":
        """With the plan and the state that the amendment decides on."""
        decide = partial(amendment.decide, self.context, self.plan, self.state)
        decision = self.faults.contain(self.plan.vpc_id, decide, otherwise=None)
        return replace(self, plan=decision.plan, state=decision.state) if decision else self

    def finished(self, amendments: Iterable[Amendment], done: Sequence[Action]) -> tuple[VpcState, list[Decision]]:
        """The state that all amendments leave, and what each of them says. Raises a LifelineError, and no other."""
        state, decisions = self.state, list[Decision]()
        for amendment in amendments:
            with judging(self.plan.vpc_id):
                decisions.append(amendment.after(self.context, self.plan, done, state))
            state = decisions[-1].state
        return state, decisions

    @property
    def is_state_known(self) -> bool:
        """True if the state was read."""
        return Fact.STATE in self.context.read

    def at(self, run: RunContext) -> "Amended":
        """The same at a later time."""
        return replace(self, context=replace(self.context, run=run))

    def with_followed(self, followed: Followed) -> "Amended":
        """With what became of the VPC's new endpoints."""
        return replace(self, context=replace(self.context, followed=followed))

    def with_fact(self, fact: Fact, value: Any) -> "Amended":
        """With a fact that was read."""
        read = self.context.read | {fact}
        if fact is Fact.STATE:
            return replace(self, context=replace(self.context, read=read), state=value, foreseen=None)
        return replace(self, context=replace(self.context, read=read, **{fact.value: value}))


type Reader = Callable[[Mapping[str, Amended]], Mapping[str, Any]]


def read_facts(
    amended: Mapping[str, Amended],
    amendments: Iterable[Amendment],
    readers: Mapping[Fact, Reader],
    *,
    is_planned: bool = True,
) -> dict[str, Amended]:
    """The VPCs with the facts that these amendments need, each read at once for all VPCs that lack it.

    The readers are asked in their order: what is known of the state decides what else is needed, so it comes first. A
    fact without a reader stays unread.
    """
    current = dict(amended)
    for amendment in amendments:
        needs = {vpc_id: one.needs(amendment, is_planned=is_planned) for vpc_id, one in current.items()}
        for fact, read in readers.items():
            lacking = {vpc_id: current[vpc_id] for vpc_id, needed in needs.items() if fact in needed}
            if lacking:
                # The limits decide over all VPCs of a run at once.
                found = read(lacking if fact is not Fact.ADMISSION else current)
                known = {vpc_id: current[vpc_id].with_fact(fact, found[vpc_id]) for vpc_id in found}
                current |= known
                needs |= {vpc_id: one.needs(amendment, is_planned=is_planned) for vpc_id, one in known.items()}
    return current


def network_readers(network: Network, lookup: Lookup, central: CentralDns, region: str) -> dict[Fact, Reader]:
    """What reads the facts about the network."""

    def read_central_dns(vpcs: Mapping[str, Amended]) -> Mapping[str, Any]:
        """Of so many VPCs as Route 53 answers for at once, others each hour; what isn't known keeps an endpoint where
        it is, and is announced by a later run.
        """
        ids = sorted(vpcs)
        hours = int(vpcs[ids[0]].context.run.now.timestamp() // 3600)
        first = hours * MOST_DNS_VIEWS % len(ids)
        turn = [*ids[first:], *ids[:first]][:MOST_DNS_VIEWS]
        return read_each(turn, partial(central.view, region=region, fresh=is_leased(vpcs)))

    def read_users(vpcs: Mapping[str, Amended]) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        groups = {vpc_id: _security_groups_of(amended_vpc.plan) for vpc_id, amended_vpc in vpcs.items()}
        users = lookup.users_of_security_groups(frozenset[str]().union(*groups.values()))
        return {vpc_id: {id_: users[id_] for id_ in sorted(ids)} for vpc_id, ids in groups.items()}

    def read_clients(vpcs: Mapping[str, Amended]) -> Mapping[str, Vpc]:
        return {vpc.id: vpc for vpc in network.with_clients([one.context.vpc for one in vpcs.values()])}

    return {
        Fact.INTERFACES: lookup.interfaces_in,
        Fact.CLIENTS: read_clients,
        Fact.CENTRAL_DNS: read_central_dns,
        Fact.SECURITY_GROUP_USERS: read_users,
    }


def nothing_planned(vpc: Vpc) -> Plan:
    """The plan of a VPC for which nothing is planned."""
    return Plan(vpc.id, tuple(usable_tiers(vpc).items()), ())


def read_each[T](vpc_ids: Iterable[str], read: Callable[[str], T]) -> dict[str, T]:
    """What is read of each VPC, all at once."""
    ids = sorted(vpc_ids)
    return dict(zip(ids, run_concurrently([partial(read, vpc_id) for vpc_id in ids]), strict=True))


def is_leased(vpcs: Mapping[str, Amended]) -> bool:
    """True if the VPCs are this run's alone."""
    return any(amended_vpc.context.is_leased for amended_vpc in vpcs.values())


def _security_groups_of(plan: Plan) -> frozenset[str]:
    """The security groups that the plan deletes, by id."""
    kind = ActionKind.DELETE_SECURITY_GROUP
    return frozenset(action.security_group_id for action in plan.actions if action.kind is kind)
