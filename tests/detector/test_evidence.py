"""What an inquiry asks about many agents' surroundings, and what it makes of what it can't read."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from lifeline.core.history.change import Change
from lifeline.core.incidents.facts import METRICS
from lifeline.core.incidents.incident import Cause, CauseKind
from lifeline.core.network.dns import DnsView
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import Catalog, RouteTable, Rule, SecurityGroup, TargetKind, Vpc, VpcRef
from lifeline.core.policy.policy import Exempted, Policy, simple_policy
from lifeline.detector import evidence
from lifeline.detector.evidence import Case, EvidenceCollector, EvidenceSources
from tests.support.agents import minute, silent_agent
from tests.support.builders import CATALOG, default_route, subnet, table, vpc
from tests.support.home import HOME


@dataclass
class Region:
    """Isolated VPCs, and everybody who can be asked about them; who or what is in `troubled` can't be read. `routes`
    are in all VPCs, or else in those of `routed`.
    """

    troubled: frozenset[str] = frozenset()
    untraced: tuple[Change, ...] = ()
    state: VpcState = field(default_factory=VpcState)
    routes: tuple[RouteTable, ...] = ()
    routed: frozenset[str] | None = None
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    seen_lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    known: dict[str, KnownVpc] = field(default_factory=dict)
    policy: Policy | None = None
    exempted: tuple[Exempted, ...] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)

    def _note(self, what: str, about: str) -> None:
        self.asked.append((what, about))
        if self.troubled & {what, about}:
            raise TransientError(f"{what} of {about} could not be read")

    def times(self, what: str) -> int:
        return sum(one == what for one, _ in self.asked)

    def look_up(self, *_: object) -> dict[str, Instance]:
        return {}

    def running_in(self, vpc_id: str) -> dict[str, Instance] | None:
        self._note("running", vpc_id)
        return {}

    def health(self, ids: Sequence[str]) -> dict[str, Health]:
        self._note("health", str(len(ids)))
        return dict.fromkeys(ids, Health.OK)

    def catalog(self) -> Catalog:
        return CATALOG

    def observe(self, vpc_ids: Sequence[str]) -> tuple[Vpc, ...]:
        self._note("observe", str(len(vpc_ids)))
        routes = {id_: self.routes if self.routed is None or id_ in self.routed else () for id_ in vpc_ids}
        return tuple(vpc(subnet(id_), *routes[id_], id=id_, prefix_lists=self.seen_lists) for id_ in vpc_ids)

    def groups(self, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """Each group names the list of its own number alone."""
        rules = {id_: Rule("tcp", 443, 443, prefix_lists=(id_.replace("sg", "pl"),)) for id_ in ids}
        return tuple(SecurityGroup(id_, id_, egress=(rule,)) for id_, rule in rules.items())

    def prefix_lists(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        for id_ in ids:
            self._note("list", id_)
        return {id_: dict(self.lists)[id_] for id_ in ids if id_ in dict(self.lists)}

    def with_dns(self, vpcs: Sequence[Vpc]) -> tuple[Vpc, ...]:
        for one in vpcs:
            self._note("attributes", f"the DNS of {one.id}")
        return tuple(replace(one, dns_support=True, dns_hostnames=True) for one in vpcs)

    def view(self, vpc_id: str, **_: object) -> DnsView:
        self._note("view", vpc_id)
        return DnsView()

    def changes_of(self, ref: VpcRef, **_: object) -> tuple[()]:
        self._note("changes", ref.vpc_id)
        return ()

    def untraced_changes(self, *_: object, **__: object) -> tuple[Change, ...]:
        self._note("changes", "nobody's VPC")
        return self.untraced

    def load(self, ref: VpcRef) -> VpcState:
        self._note("memory", ref.vpc_id)
        return self.state

    def read(self) -> dict[str, KnownVpc]:
        return self.known

    def may_publish(self, profile_arn: str, *_: object) -> RoleVerdict:
        self._note("role", profile_arn)
        return RoleVerdict(Permission.ALLOWED, profile_arn)

    def collector(self, instances: dict[str, Instance]) -> EvidenceCollector:
        agents = {entity: silent_agent(entity) for entity in instances}
        case = Case(Watch(), agents, instances, (), minute(9))
        me, manual = cast("Any", self), cast("Any", Manual(self))
        sources = EvidenceSources(me, me, me, me, me, me, HOME, me, policy=self.policy, exemptions=manual)
        return EvidenceCollector(sources, case)

    def causes(self, instances: dict[str, Instance]) -> dict[str, Cause]:
        return self.collector(instances).find_causes(instances)


@dataclass
class Manual:
    """What people exempted by a call."""

    region: Region

    def read(self) -> tuple[Exempted, ...]:
        self.region._note("exemptions", "all")
        return self.region.exempted


def instances_in(vpcs: int, count: int) -> dict[str, Instance]:
    """So many running instances, spread over as many VPCs."""
    places = [f"vpc-{number % vpcs:08x}" for number in range(count)]
    return {
        f"i-{number:08x}": Instance(Power.RUNNING, vpc_id=place, subnet_id=f"subnet-{place}")
        for number, place in enumerate(places)
    }


def test_what_is_asked_grows_with_the_vpcs_up_to_a_bound_and_not_with_the_agents() -> None:
    region = Region()
    causes = region.causes(instances_in(50, 1000))
    assert len(causes) == 1000
    assert [(what, region.times(what)) for what in ("observe", "view", "changes", "memory")] == [
        ("observe", 1),
        ("view", 10),
        ("changes", 21),
        ("memory", 20),
    ]


def test_agents_that_reported_without_a_profile_may_share_the_cause_of_all_the_others() -> None:
    """Two zones, and nobody left that reports: that is looked at though each has a cause of its own."""
    instances = {
        f"i-{number:08x}": Instance(Power.RUNNING, launched_at=minute(-9000), zone=f"us-east-1{'ab'[number % 2]}")
        for number in range(4)
    }
    assert {cause.kind for cause in Region().causes(instances).values()} == {CauseKind.CLOUDWATCH}


def test_no_more_than_ten_roles_are_asked_about() -> None:
    region = Region()
    profiles = {
        f"i-{number:08x}": Instance(Power.RUNNING, profile_arn=f"arn:aws:iam::1:instance-profile/p-{number}")
        for number in range(1000)
    }
    region.causes(profiles)
    assert region.times("role") == 10


def test_no_more_than_a_thousand_instances_have_their_status_checks_read() -> None:
    region = Region()
    region.causes(instances_in(1, 1500))
    assert ("health", "1000") in region.asked


def test_what_could_not_be_read_of_one_vpc_says_nothing_of_another() -> None:
    region = Region(troubled=frozenset({"vpc-00000000"}))
    one, other = region.causes(instances_in(2, 2)).values()
    assert any("vpc-00000000 could not be read" in line for line in one.evidence)
    assert not any("could not be read" in line for line in other.evidence)


@pytest.mark.parametrize("name", ["asked_in", "_is_any_shut_in", "diagnose", "Facts"])
def test_what_fails_unexpectedly_in_one_vpc_costs_nobody_else_their_cause(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whose agents fall silent there is told all the same, and the run counts as one in which something failed."""
    right = getattr(evidence, name)

    def fails(*args: Any, **named: Any) -> Any:
        seen = [*args, *named.values(), *(args[0].values() if name == "diagnose" else ())]
        vpcs = (getattr(one, "vpc", one) for one in seen)
        if any(isinstance(one, Vpc) and one.id == "vpc-00000000" for one in vpcs):
            raise OverflowError("date value out of range")
        return right(*args, **named)

    monkeypatch.setattr(evidence, name, fails)
    collector = Region(policy=Policy(rules=())).collector(instances := instances_in(2, 2))
    one, other = collector.find_causes(instances).values()
    words = "judging vpc-00000000 failed unexpectedly: OverflowError"
    assert collector.faults == {"vpc-00000000": words}
    assert any(words in line for line in one.evidence)
    assert other.kind is CauseKind.CUT_OFF
    assert not any("unexpectedly" in line for line in other.evidence)


@pytest.mark.parametrize(
    ("unread", "counts"),
    [
        (None, True),
        ("health", True),
        ("view", True),
        ("the DNS of vpc-00000000", True),
        ("changes", False),
        ("nobody's VPC", False),
        ("memory", False),
    ],
)
def test_an_agent_that_reported_without_a_path_counts_unless_a_change_may_have_gone_unseen(
    unread: str | None, counts: bool
) -> None:
    region = Region(frozenset({unread} if unread else ()), known={"vpc-00000000": KnownVpc(minute(-9000))})
    (cause,) = region.causes(instances_in(1, 1)).values()
    assert cause.kind is (CauseKind.NO_PROFILE if counts else CauseKind.CUT_OFF)
    assert any("could not be read" in line for line in cause.evidence) is (unread is not None)


def test_a_vpc_whose_turn_for_a_look_at_its_dns_has_not_come_is_said_to_wait() -> None:
    causes = Region().causes(instances_in(11, 11))
    waiting = [one for one in causes.values() if any("in a later run" in line for line in one.evidence)]
    assert len(waiting) == 1
    assert {one.kind for one in causes.values()} == {CauseKind.CUT_OFF}


@pytest.mark.parametrize(("has_address", "times"), [(False, 1), (True, 0)])
def test_who_else_answers_counts_for_an_instance_in_a_public_subnet_only_without_an_address(
    has_address: bool, times: int
) -> None:
    region = Region(routes=(table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1")),))
    instances = {entity: replace(one, has_public_address=has_address) for entity, one in instances_in(1, 1).items()}
    (cause,) = region.causes(instances).values()
    assert region.times("view") == times
    assert (cause.words == "the instance has no public IPv4 address") != has_address


@pytest.mark.parametrize(("path", "times"), [(METRICS, 1), ("logs", 0), ("subnet-vpc-00000000", 0)])
@pytest.mark.parametrize("lost_at", [None, minute(0)])
def test_who_else_answers_counts_where_there_is_a_way_out_if_something_was_seen_to_answer_the_name(
    path: str, lost_at: datetime | None, times: int
) -> None:
    known = KnownVpc(minute(-9000), {path: KnownPath(minute(-9000), lost_at)})
    region = Region(routes=TO_PEER, known={"vpc-00000000": known})
    region.causes(instances_in(1, 1))
    assert region.times("view") == times


def test_whoever_has_a_way_out_takes_no_look_at_dns_from_those_that_have_none() -> None:
    instances = instances_in(20, 20)
    routed = frozenset(sorted({one.vpc_id for one in instances.values()})[:9])
    known = {id_: KnownVpc(minute(-9000), {METRICS: KnownPath(minute(-9000))}) for id_ in routed}
    region = Region(routes=TO_PEER, routed=routed, known=known)
    causes = region.causes(instances)
    viewed = {id_ for what, id_ in region.asked if what == "view"}
    assert (len(viewed), viewed & routed) == (10, set())
    waiting = [id_ for id_, one in causes.items() if any("in a later run" in line for line in one.evidence)]
    assert len(waiting) == 1
    assert not {instances[id_].vpc_id for id_ in waiting} & routed


def test_a_vpc_whose_dns_attributes_cannot_be_read_leaves_the_others_known() -> None:
    region = Region(troubled=frozenset({"the DNS of vpc-00000000"}))
    causes = region.causes(instances_in(2, 2))
    assert {cause.kind for cause in causes.values()} == {CauseKind.CUT_OFF}
    assert "could not be read" not in str(causes["i-00000001"].evidence)


def test_a_change_that_names_no_vpc_is_named_where_it_came_just_before_the_silence() -> None:
    began = silent_agent("i-00000000").gap
    assert began
    change = Change(began.since - timedelta(minutes=1), "e-1", "DisassociateRouteTable", "alice", is_traced=False)
    [cause] = Region(untraced=(change,)).causes(instances_in(1, 1)).values()
    assert cause.change == change


def test_what_is_frozen_is_known_and_a_freeze_that_has_ended_is_not() -> None:
    freeze = Freeze(FreezeKind.CONFLICT, minute(0), "others reverted it 3 times")
    for until, is_repairable in ((None, False), (minute(8), True)):
        region = Region(state=VpcState(frozen={"monitoring": replace(freeze, until=until)}))
        (cause,) = region.causes(instances_in(1, 1)).values()
        assert (cause.kind, cause.is_repairable) == (CauseKind.CUT_OFF, is_repairable)


@pytest.mark.parametrize(
    ("policy", "is_repairable"),
    [(None, True), (simple_policy(["monitoring"]), True), (simple_policy(["logs"]), False), (Policy(rules=()), False)],
)
def test_only_what_the_policy_requires_where_the_agent_is_gets_repaired(
    policy: Policy | None, *, is_repairable: bool
) -> None:
    (cause,) = Region(policy=policy).causes(instances_in(1, 1)).values()
    assert (cause.kind, cause.is_repairable) == (CauseKind.CUT_OFF, is_repairable)


@pytest.mark.parametrize(("days", "is_repairable"), [(-1, True), (0, False), (1, False)])
def test_what_a_person_exempted_is_not_repaired_until_that_has_ended(days: int, *, is_repairable: bool) -> None:
    until = minute(9).date() + timedelta(days=days)
    region = Region(policy=simple_policy(["monitoring"]), exempted=(Exempted("vpc-00000000", (), until, "moves"),))
    (cause,) = region.causes(instances_in(1, 1)).values()
    assert (cause.kind, cause.is_repairable) == (CauseKind.CUT_OFF, is_repairable)
    assert ("is exempt from everything" in cause.advice) is not is_repairable


def test_what_people_exempted_is_read_once_and_said_to_be_unread() -> None:
    region = Region(policy=simple_policy(["monitoring"]), troubled=frozenset({"exemptions"}))
    causes = region.causes(instances_in(3, 6)).values()
    assert region.times("exemptions") == 1
    assert all("the manual exemptions could not be read" in cause.evidence for cause in causes)


TO_PEER = (table("main", default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1")),)
ANYWHERE, ELSEWHERE = ("0.0.0.0/0",), ("10.9.0.0/16",)


def with_groups(count: int) -> dict[str, Instance]:
    placed = instances_in(1, count)
    own = (frozenset({f"sg-{number}"}) for number in range(count))
    return {id_: replace(one, group_ids=ids) for (id_, one), ids in zip(placed.items(), own, strict=True)}


@pytest.mark.parametrize(
    ("entries", "is_shut", "words"),
    [(ELSEWHERE, True, ""), (ANYWHERE, False, ""), (None, False, "sg-0 allows what is in pl-0, which was not read")],
)
def test_what_the_prefix_lists_contain_that_the_own_group_names_is_read(
    entries: tuple[str, ...] | None, is_shut: bool, words: str
) -> None:
    region = Region(routes=TO_PEER, lists=(("pl-0", entries),) if entries else ())
    [cause] = region.causes(with_groups(1)).values()
    assert (cause.kind is CauseKind.OWN_GROUP) is is_shut
    assert words in str(cause.evidence)


def test_a_list_that_was_read_with_a_vpc_isnt_read_again() -> None:
    region = Region(routes=TO_PEER, seen_lists=(("pl-0", ELSEWHERE),))
    [cause] = region.causes(with_groups(1)).values()
    assert cause.kind is CauseKind.OWN_GROUP
    assert region.times("list") == 0


def test_no_more_than_twenty_prefix_lists_are_read_for_own_groups() -> None:
    region = Region(routes=TO_PEER)
    region.causes(with_groups(100))
    assert region.times("list") == 20
