"""A service has several names. The judge and the oracle agree whom zones and Profiles of some of them serve: the oracle
asks each name that clients ask for, as a resolver would, and follows the packets to what it is told.
"""

from collections import Counter
from collections.abc import Sequence

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView, conflicting_zone, taken_from, usual_first
from lifeline.core.network.model import Catalog, EndpointType, Service
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import find_path
from tests.core.network.test_by_packets import CLIENT, HUBS, HubQuestion, hub_questions
from tests.support.builders import MONITORING, ZONES
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

# What clients ask for unless they are told otherwise, and what they don't.
ASKED = ("monitoring.us-east-1.amazonaws.com", "*.monitoring.us-east-1.amazonaws.com")
UNASKED = (
    "monitoring-fips.us-east-1.amazonaws.com",
    "*.monitoring-control.us-east-1.amazonaws.com",
    "monitoring.us-east-1.api.aws",
)
DOMAINS = (ASKED[0], *(name.removeprefix("*.") for name in UNASKED))
SERVICE = Service(
    MONITORING, EndpointType.INTERFACE, zones=frozenset(ZONES), private_dns_names=usual_first([*UNASKED, *ASKED])
)
CATALOG = Catalog((SERVICE,))

addresses = st.lists(st.sampled_from(HUBS), max_size=2, unique=True).map(lambda found: tuple(sorted(found)))


@st.composite
def zones(draw: st.DrawFn) -> tuple[DnsAnswer, ...]:
    """For each domain a zone of the VPC's own, one that a Profile brings, both or none, with records or without."""
    found = []
    for domain in DOMAINS:
        for kind in draw(st.sets(st.sampled_from([AnswerKind.PRIVATE_ZONE, AnswerKind.PROFILE]))):
            own, under = draw(addresses), draw(addresses)
            under = draw(st.sampled_from([own, under]))
            source = "rp-1" if kind is AnswerKind.PROFILE else f"Z-{domain}"
            found.append(DnsAnswer(kind, domain, source, "", addresses=own, wildcard=(under, "")))
    return tuple(found)


def resolved(name: str, there: Sequence[DnsAnswer]) -> tuple[str, ...] | None:
    """What a resolver answers: no address where a zone has no record, None where it asks the public servers."""
    holding = {one.kind: one for one in there if one.domain == name.removeprefix("*.")}
    held = holding.get(AnswerKind.PRIVATE_ZONE) or holding.get(AnswerKind.PROFILE)
    if held is None:
        return None
    return (held.wildcard[0] or ()) if name.startswith("*.") else (held.addresses or ())


def by_each_name(question: HubQuestion, there: Sequence[DnsAnswer]) -> Seen | None:
    """What becomes of all flows to whatever the names lead to; None where they lead to public addresses."""
    network, _, asking = question
    told = [resolved(name, there) for name in ASKED]
    if None in told:
        return None
    oracle = Oracle(network, [443])
    seen = {oracle.by_central(CLIENT, asking, to) if to else Seen.SHUT for to in told if to is not None}
    return seen.pop() if len(seen) == 1 else Seen.PARTLY


def path_of(question: HubQuestion, there: Sequence[DnsAnswer]) -> NetworkPath:
    network, _, asking = question
    dns = DnsView(tuple(there))
    return find_path(CLIENT, network, "monitoring", CATALOG, dns, has_public_address=True, asking=asking)


@settings(max_examples=examples(100, soak=2000), deadline=None)
@given(hub_questions(), zones())
def test_the_judge_and_the_oracle_agree_on_names(question: HubQuestion, there: tuple[DnsAnswer, ...]) -> None:
    path, seen = path_of(question, there), by_each_name(question, there)
    if seen is None:  # what answers other names changes nothing
        unanswered = path_of(question, ())
        assert (path.reach, path.words, path.shut) == (unanswered.reach, unanswered.words, unanswered.shut)
        return
    is_partly = path.reach is Reach.PARTLY or (path.reach.is_open and path.shut)
    said = Seen.PARTLY if is_partly else Seen.OPEN if path.reach is Reach.CENTRAL else Seen.SHUT
    assert said is seen, path
    assert path.reach is not Reach.UNKNOWN


@given(zones())
def test_aws_refuses_private_dns_for_whatever_zone_the_vpc_has_of_a_name_and_the_rest_is_taken(
    there: tuple[DnsAnswer, ...],
) -> None:
    own = {one.domain for one in there if one.kind is AnswerKind.PRIVATE_ZONE}
    refusing = conflicting_zone(SERVICE.private_dns_names, DnsView(there))
    assert (refusing.domain if refusing else None) == min(own, default=None)
    taken = {name.removeprefix("*.") for name, _ in taken_from(SERVICE.private_dns_names, DnsView(there))}
    assert taken == {one.domain for one in there} - own - {ASKED[0]}


def test_every_case_is_among_those_on_which_judge_and_oracle_agree() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    @given(hub_questions(), zones())
    def draw(question: HubQuestion, there: tuple[DnsAnswer, ...]) -> None:
        found, told = by_each_name(question, there), [resolved(name, there) for name in ASKED]
        seen.update([str(found)])
        seen.update(["only other names"] if there and found is None else [])
        seen.update([f"unlike names, {found}"] if told[0] != told[1] and found else [])
        seen.update(["one has no record"] if () in told and told[0] != told[1] else [])

    draw()
    wanted = {*map(str, (*Seen, None)), "only other names", "one has no record"}
    wanted |= {f"unlike names, {found}" for found in Seen}
    assert wanted <= seen.keys(), (wanted - seen.keys(), seen)
