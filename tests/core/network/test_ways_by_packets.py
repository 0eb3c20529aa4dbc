"""The judge and the oracle agree where ways out come together: NAT gateways that lead some addresses on, a gateway
endpoint beyond one, internet gateways beside them, prefix lists that share addresses, and EC2's block of port 25.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import NetworkInterface, Route, RouteTable, TargetKind, Vpc
from lifeline.core.network.ports import ports_of
from lifeline.core.network.priority import in_force
from lifeline.core.network.reach import find_path
from lifeline.core.plan.harm import find_dependents
from tests.core.network.test_by_packets import CATALOG, CLIENT, as_seen, questions
from tests.core.network.test_priority import IGW, TO_NAT, TO_NOWHERE, TO_S3, as_aws_may
from tests.support.builders import LOCAL, gateway, table
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

# None is for fewer addresses than a company's own block, which counts for none of a service's.
BLOCKS = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "52.0.0.0/8", "52.0.0.0/9", "54.0.0.0/8", "10.128.0.0/9")
S3S = (("53.0.0.0/8",), ("52.128.0.0/9", "54.1.0.0/16"))


@dataclass(frozen=True)
class Ways:
    """The routes of one table: by a block each, by prefix lists, and S3's, if its gateway endpoint is there."""

    static: tuple[Route, ...]
    listed: tuple[Route, ...]
    s3: tuple[str, ...] = ()

    def obeyed(self, of: RouteTable) -> RouteTable:
        """As Lifeline sees them."""
        ranked = [*((0, one) for one in (LOCAL, *self.static, *self.to_s3)), *((1, one) for one in sorted(self.listed))]
        return replace(of, routes=tuple(in_force(ranked)))

    def possible(self, of: RouteTable) -> Iterator[RouteTable]:
        """As AWS may obey them."""
        taken = {text for one in self.static for text in one.destinations}
        left = [
            replace(one, destinations=tuple(text for text in one.destinations if text not in taken))
            for one in self.listed
        ]
        for chosen in as_aws_may(left[0], left[1]) if left else [()]:
            yield replace(of, routes=(LOCAL, *self.static, *self.to_s3, *chosen))

    @property
    def to_s3(self) -> tuple[Route, ...]:
        return (Route(self.s3, *TO_S3, is_active=True, prefix_list_id="pl-s3"),) if self.s3 else ()


@st.composite
def ways(draw: st.DrawFn, targets: Sequence[tuple[TargetKind, str]], s3: tuple[str, ...]) -> Ways:
    def led(*blocks: str, list_id: str = "") -> Route:
        target = draw(st.sampled_from(targets))
        return Route(blocks, *target, target != TO_NOWHERE, list_id)

    static = tuple(led(text) for text in draw(st.lists(st.sampled_from(BLOCKS), max_size=3, unique=True)))
    some = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=3, unique=True)
    listed = tuple(led(*draw(some), list_id=one) for one in ("pl-1", "pl-2")) if draw(st.booleans()) else ()
    return Ways(static, listed, s3)


type Question = tuple[Vpc, Ways, Ways, str, NetworkInterface | None, bool]


@st.composite
def combined(draw: st.DrawFn) -> Question:
    network, _, asking, has_public_address = draw(questions("a NAT gateway"))
    service = draw(st.sampled_from(["s3", "monitoring", "email-smtp"]))
    where = draw(st.sampled_from(["", "main", "nat", "nat"])) if service == "s3" else ""
    s3 = draw(st.sampled_from(S3S))
    own = draw(ways([TO_NAT, (IGW, "igw-1"), TO_NOWHERE], s3 if where == "main" else ()))
    onward = draw(ways([(IGW, "igw-1"), TO_NOWHERE], s3 if where == "nat" else ()))
    acls = network.network_acls if draw(st.booleans()) else ()
    tables = own.obeyed(table("main")), onward.obeyed(table("nat", subnets=("nat",)))
    endpoints = (gateway(where, id=TO_S3[1]),) if where else ()
    network = replace(network, route_tables=tables, endpoints=endpoints, network_acls=acls)
    return network, own, onward, service, asking, has_public_address


@settings(max_examples=examples(100, soak=2000))
@given(combined())
def test_the_judge_and_the_oracle_agree_where_ways_come_together(question: Question) -> None:
    network, own, onward, service, asking, has_public_address = question
    path = find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=has_public_address, asking=asking)
    ports = [port for low, high in ports_of(service, {}) for port in range(low, high + 1)]
    possible: set[Seen] = set()
    main, home = network.route_tables
    for tables in product(own.possible(main), onward.possible(home)):
        for lets_in in (False, True):
            oracle = Oracle(replace(network, route_tables=tables), ports, unread_lets_in=lets_in)
            listed = own.s3 or onward.s3
            possible |= oracle.by_public_name(CLIENT, asking, listed, has_public_address=has_public_address)
    said = as_seen(path)
    assert said is None or {said} == possible, (path, possible)
    if not asking and Seen.SHUT not in possible and possible:
        found = {one.subnet.id for one in find_dependents(service, network, CATALOG, DnsView())}
        assert CLIENT.id in found, (path, possible)
