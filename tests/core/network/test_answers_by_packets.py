"""The judge and the oracles agree on services with several names: who answers each, and where that leads."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    Catalog,
    EndpointType,
    NetworkInterface,
    Route,
    SecurityGroup,
    Service,
    TargetKind,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import find_path
from tests.core.network.test_by_packets import BY_BLOCKS, CLIENT, HOST, HUBS, hub_questions
from tests.support.builders import ZONES, endpoint, gateway
from tests.support.examples import examples
from tests.support.names_oracle import By, Held, NamesOracle
from tests.support.oracle import Seen

REGION = "us-east-1.amazonaws.com"


@dataclass(frozen=True)
class Named:
    """A service with its endpoint's names, for which of them clients ask, and zones that may hold them."""

    suffix: str
    names: tuple[str, ...]
    asked: tuple[str, ...]
    domains: tuple[str, ...]
    has_gateway: bool = False


SERVICES = (
    Named(
        "monitoring",
        (f"monitoring-fips.{REGION}", "monitoring.us-east-1.api.aws", f"monitoring.{REGION}"),
        (f"monitoring.{REGION}",),
        (f"monitoring-fips.{REGION}", "monitoring.us-east-1.api.aws", f"monitoring.{REGION}"),
    ),
    Named(
        "ecr.dkr",
        (f"*.dkr.ecr.{REGION}", f"dkr.ecr.{REGION}"),
        (f"123456789012.dkr.ecr.{REGION}", f"dkr.ecr.{REGION}"),
        (f"dkr.ecr.{REGION}",),
    ),
    Named(
        "codeartifact.repositories",
        (f"*.d.codeartifact.{REGION}", f"codeartifact.{REGION}"),
        (f"name.d.codeartifact.{REGION}", f"codeartifact.{REGION}"),
        (f"d.codeartifact.{REGION}", f"codeartifact.{REGION}"),
    ),
    Named(
        "s3",
        (f"*.s3-control.{REGION}", f"*.s3.{REGION}", f"s3.{REGION}", f"*.s3-accesspoint.{REGION}"),
        (f"bucket.s3.{REGION}", f"s3.{REGION}"),
        (f"s3-control.{REGION}", f"s3.{REGION}"),
        has_gateway=True,
    ),
)
PARENTS = ("us-east-1.amazonaws.com", "amazonaws.com", "")
OWN = "10.0.2.10"
ZONES_OF = (By.ZONE, By.ZONE, By.PROFILES_ZONE)
RULES_OF = (By.RULE, By.PROFILES_RULE, By.SYSTEM)


def zones(service: Named) -> st.SearchStrategy[Held]:
    answers = st.sampled_from([(HUBS[0],), (HUBS[0],), (HUBS[2],), HUBS[:2], (OWN,), ()])
    return st.builds(
        lambda by, domain, apex, others, is_read: Held(
            by, domain, ((domain, apex), (f"*.{domain}", others)) if is_read else None
        ),
        by=st.sampled_from(ZONES_OF),
        domain=st.sampled_from(service.domains),
        apex=answers,
        others=answers,
        is_read=st.sampled_from([True, True, True, False]),
    )


def forwarding(service: Named) -> st.SearchStrategy[Held]:
    return st.builds(
        Held, by=st.sampled_from(RULES_OF), domain=st.sampled_from([*service.domains, *service.domains, *PARENTS])
    )


@dataclass(frozen=True)
class Question:
    """A VPC, what holds names there, and who asks for a service."""

    network: Vpc
    service: Named
    held: tuple[Held, ...]
    asking: NetworkInterface | None

    @property
    def catalog(self) -> Catalog:
        name = f"com.amazonaws.us-east-1.{self.service.suffix}"
        kinds = (EndpointType.INTERFACE, *([EndpointType.GATEWAY] if self.service.has_gateway else []))
        return Catalog(
            tuple(
                Service(
                    name,
                    kind,
                    zones=frozenset(ZONES),
                    private_dns_names=self.service.names if kind is EndpointType.INTERFACE else (),
                )
                for kind in kinds
            )
        )

    @property
    def dns(self) -> DnsView:
        """What a reader of the VPC's DNS would have seen."""
        found = [(place, one) for place, one in enumerate(self.held) if one.by is not By.SYSTEM]
        kept = [(place, one) for place, one in enumerate(self.held) if one.by is By.SYSTEM]
        return DnsView(
            tuple(as_read(place, one, self.network) for place, one in found),
            kept_here=tuple(as_read(place, one, self.network) for place, one in kept),
        )

    def path(self) -> NetworkPath:
        return find_path(
            CLIENT,
            self.network,
            self.service.suffix,
            self.catalog,
            self.dns,
            has_public_address=True,
            asking=self.asking,
        )

    @property
    def oracle(self) -> NamesOracle:
        return NamesOracle(self.network, self.held, self.service.names)


def as_read(place: int, one: Held, network: Vpc) -> DnsAnswer:
    kinds = {By.ZONE: AnswerKind.PRIVATE_ZONE, By.RULE: AnswerKind.RESOLVER_RULE, By.SYSTEM: AnswerKind.RESOLVER_RULE}
    found = DnsAnswer(
        kinds.get(one.by, AnswerKind.PROFILE), one.domain, f"id-{place}", one.by, forwards=one.by.forwards
    )
    if one.records is None:
        return found
    records = dict(one.records)
    apex, others = records[one.domain], records[f"*.{one.domain}"]
    there = {one.id for one in network.endpoints if one.type is EndpointType.INTERFACE}

    def leads_to(addresses: tuple[str, ...]) -> str:
        return "vpce-1" if there and addresses == (OWN,) else ""

    return replace(found, addresses=apex, endpoint_id=leads_to(apex), wildcard=(others, leads_to(others)))


@st.composite
def questions(draw: st.DrawFn, service: Named) -> Question:
    """A service's names, held by zones, rules, Profiles, an endpoint, or nobody, in a VPC with ways to hubs and out."""
    network, _, asking = draw(hub_questions())
    by_domain = st.lists(zones(service), max_size=3, unique_by=lambda one: (one.by, one.domain))
    rules = st.lists(forwarding(service), max_size=2, unique_by=lambda one: one.domain)
    held = [*draw(by_domain), *draw(rules)]
    is_there, takes_names = draw(st.booleans()), draw(st.booleans())
    if is_there:
        group = SecurityGroup("sg-1", "theirs", draw(st.sampled_from(BY_BLOCKS)))
        one = endpoint(
            f"com.amazonaws.us-east-1.{service.suffix}",
            "b",
            own=False,
            private_dns=takes_names,
            inbound_dns_only=False,
            interface_ids=frozenset({"eni-vpce"}),
            security_group_ids=frozenset({group.id}),
        )
        there = NetworkInterface("eni-vpce", HOST.id, (OWN,), frozenset({group.id}), "vpc_endpoint")
        network = replace(
            network,
            endpoints=(one,),
            security_groups=(group,),
            interfaces=(*(network.interfaces or ()), there),
        )
        if takes_names:  # AWS refuses both
            held = [one for one in held if one.by is not By.ZONE]
    if service.has_gateway and draw(st.booleans()):
        main, *others = network.route_tables
        led = Route(("52.0.0.0/8",), TargetKind.GATEWAY_ENDPOINT, "vpce-s3", is_active=True, prefix_list_id="pl-s3")
        network = replace(
            network,
            endpoints=(*network.endpoints, gateway("main", id="vpce-s3")),
            route_tables=(replace(main, routes=(*main.routes, led)), *others),
        )
    if draw(st.sampled_from([False, False, False, True])) and not any(one.by.forwards for one in held):
        support = draw(st.booleans())
        network = replace(network, dns_support=support, dns_hostnames=not support)
    return Question(network, service, tuple(held), asking)


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.suffix)
@settings(max_examples=examples(100, soak=500))
@given(data=st.data())
def test_the_judge_and_the_oracles_agree_on_names(service: Named, data: st.DataObject) -> None:
    question = data.draw(questions(service))
    fate, path = question.oracle.fate(question.service.asked, CLIENT, question.asking), question.path()
    said = said_of(path)
    if said is None:
        assert len(fate.possible) > 1 or not fate.is_given, (path, fate)
    elif fate.is_given or said is Seen.SHUT:
        assert {said} == fate.possible or not fate.is_given, (path, fate)
        assert said in fate.possible, (path, fate)
    else:
        assert path.uncertainties, (path, fate)


def said_of(path: NetworkPath) -> Seen | None:
    """The judge's answer in the oracle's words, if all is well where nobody looked; None where it can't tell."""
    if path.reach is Reach.UNKNOWN:
        return None
    if path.reach is Reach.PARTLY or (path.reach.is_open and path.shut):
        return Seen.PARTLY
    return Seen.OPEN if path.reach.is_open else Seen.SHUT


def test_every_case_is_among_those_on_which_judge_and_oracles_agree() -> None:
    """A strategy that never draws one would let the property hold of a judge that knows nothing of it."""
    seen: Counter[str] = Counter()

    @settings(max_examples=400, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    @given(st.sampled_from(SERVICES).flatmap(questions))
    def draw(question: Question) -> None:
        fate, network = question.oracle.fate(question.service.asked, CLIENT, question.asking), question.network
        known = next(iter(fate.possible)) if len(fate.possible) == 1 else None
        seen.update([str(known), question.service.suffix])
        holders = [question.oracle._holder(query) for query in question.service.asked]
        answers = [question.oracle._answering(query) for query in question.service.asked]
        seen.update(one.by for one in holders if one)
        seen.update(["an endpoint that has the name"] if any(answers) and known else [])
        seen.update(["a rule before an endpoint"] if has_rule_first(question, holders) else [])
        seen.update(["names answered by several"] if len({one and one.by for one in holders}) > 1 else [])
        seen.update(
            ["a gateway endpoint, and an answer that was not read"] if is_unsure_gateway(network, holders) else []
        )
        seen.update(["no resolver"] if not network.dns_support else [])
        seen.update(["no private names"] if not network.dns_hostnames else [])
        seen.update(["a system rule"] if any(one.by is By.SYSTEM for one in question.held) else [])

    draw()
    wanted = {*map(str, (*Seen, None)), *(one.suffix for one in SERVICES), *(one for one in By if one is not By.SYSTEM)}
    wanted |= {"an endpoint that has the name", "a rule before an endpoint", "names answered by several"}
    wanted |= {"a gateway endpoint, and an answer that was not read", "no resolver", "no private names"}
    wanted |= {"a system rule"}
    assert wanted <= seen.keys(), (wanted - seen.keys(), seen)


def has_rule_first(question: Question, holders: list[Held | None]) -> bool:
    own = [name.removeprefix("*.") for name in question.service.names]
    named = any(one.private_dns for one in question.network.endpoints)
    return named and any(one and one.by.forwards and one.domain in own for one in holders)


def is_unsure_gateway(network: Vpc, holders: list[Held | None]) -> bool:
    has_one = any(one.type is EndpointType.GATEWAY for one in network.endpoints)
    return has_one and any(one and one.records is None for one in holders)
