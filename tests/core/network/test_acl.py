"""Network ACLs: by number, the first match decides, for each part of a range."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.acl import acl_obstacle, all_stand_open, shared_version, stand_open
from lifeline.core.network.model import AclEntry, NetworkAcl
from lifeline.core.network.packets import addresses_in, lanes_of
from lifeline.core.network.ports import HTTPS
from tests.support.builders import subnet, vpc

BLOCK = "10.0.1.0/24"


def entry(
    number: int, cidr: str, *, allow: bool = True, ports: tuple[int, int] = (0, 65535), proto: str = "6"
) -> AclEntry:
    return AclEntry(number, egress=False, allow=allow, protocol=proto, cidr=cidr, from_port=ports[0], to_port=ports[1])


def is_allowed(*entries: AclEntry, ports: tuple[int, int] = (443, 443)) -> bool:
    lanes = lanes_of(entries, addresses_in((BLOCK,), 4), (ports,), 4)
    return all(passed == (ports,) for _, passed in lanes)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((), False),
        ((entry(100, "0.0.0.0/0", proto="-1"),), True),
        ((entry(100, "0.0.0.0/0", ports=(443, 443)),), True),
        ((entry(100, "0.0.0.0/0", ports=(80, 80)),), False),
        ((entry(100, "0.0.0.0/0", proto="17"),), False),
        ((entry(90, "10.0.1.0/24", allow=False), entry(100, "0.0.0.0/0")), False),
        ((entry(110, "10.0.1.0/24", allow=False), entry(100, "0.0.0.0/0")), True),
        ((entry(90, "10.0.1.0/25"), entry(100, "10.0.1.128/25")), True),
        ((entry(90, "10.0.1.0/25"),), False),
        ((entry(90, "10.0.1.64/26", allow=False), entry(100, "0.0.0.0/0")), False),
        ((entry(90, "10.0.1.0/25"), entry(95, "10.0.1.0/24", allow=False), entry(100, "0.0.0.0/0")), False),
        ((entry(90, "::/0", proto="-1"),), False),
    ],
)
def test_the_first_match_decides_for_each_part(entries: tuple[AclEntry, ...], *, expected: bool) -> None:
    assert is_allowed(*entries) is expected


def test_a_port_range_is_let_through_only_as_a_whole() -> None:
    halves = entry(1, "0.0.0.0/0", ports=(32768, 50000)), entry(2, "0.0.0.0/0", ports=(50001, 65535))
    assert is_allowed(*halves, ports=(32768, 60999))
    assert not is_allowed(halves[0], ports=(32768, 60999))


cidrs = st.sampled_from(["0.0.0.0/0", "10.0.1.0/24", "10.0.1.0/30", "10.0.1.4/30", "10.0.1.128/25", "10.0.2.0/24"])
entries = st.builds(
    AclEntry,
    number=st.integers(1, 9),
    egress=st.just(False),
    allow=st.booleans(),
    protocol=st.sampled_from(["6", "-1", "17"]),
    cidr=cidrs,
    from_port=st.sampled_from([0, 443, 444]),
    to_port=st.sampled_from([443, 65535]),
)


@given(st.lists(entries, max_size=5, unique_by=lambda one: one.number))
def test_a_block_is_allowed_just_when_each_of_its_addresses_is(found: list[AclEntry]) -> None:
    def address_allowed(address: IPv4Address) -> bool:
        for one in sorted(found, key=lambda entry: entry.number):
            ports = (0, 65535) if one.protocol == "-1" else (one.from_port, one.to_port)
            if one.protocol in {"6", "-1"} and address in IPv4Network(one.cidr) and ports[0] <= 443 <= ports[1]:
                return one.allow
        return False

    assert is_allowed(*found) is all(address_allowed(one) for one in IPv4Network("10.0.1.0/24"))


def test_within_one_subnet_no_acl_stands_between() -> None:
    home = subnet("a")
    closed = NetworkAcl("acl-1", frozenset({"subnet-a"}), ())
    assert acl_obstacle(home, home, vpc(home, network_acls=(closed,)), HTTPS) == ""
    other = subnet("b", cidr="10.0.2.0/24")
    assert "443 into subnet-a" in acl_obstacle(other, home, vpc(home, other, network_acls=(closed,)), HTTPS)


def test_two_subnets_talk_in_a_version_that_both_have() -> None:
    four, six = subnet("a"), subnet("b", cidr="", ipv6_cidrs=("2001:db8::/64",))
    dual = subnet("c", ipv6_cidrs=("2001:db8:1::/64",))
    found = {(one.id, other.id): shared_version(one, other) for one in (four, six, dual) for other in (four, six, dual)}
    assert [pair for pair, version in found.items() if version == 6] == [
        ("subnet-b", "subnet-b"),
        ("subnet-b", "subnet-c"),
        ("subnet-c", "subnet-b"),
    ]
    assert [pair for pair, version in found.items() if not version] == [
        ("subnet-a", "subnet-b"),
        ("subnet-b", "subnet-a"),
    ]


def test_the_way_back_must_be_open_too() -> None:
    client, host = subnet("a"), subnet("b", cidr="10.0.2.0/24")
    inward = AclEntry(100, egress=False, allow=True, protocol="-1", cidr="0.0.0.0/0")
    one_way = NetworkAcl("acl-1", frozenset({"subnet-b"}), (inward,))
    assert "answers out of subnet-b" in acl_obstacle(client, host, vpc(client, host, network_acls=(one_way,)), HTTPS)


@pytest.mark.parametrize(("block", "stands"), [("10.0.2.7/32", False), ("10.0.2.0/25", True), ("10.0.1.0/25", False)])
def test_an_acl_that_denies_a_few_of_the_hosts_addresses_hardly_denies_the_endpoints(block: str, stands: bool) -> None:
    client, host = subnet("a"), subnet("b", cidr="10.0.2.0/24")
    every = tuple(AclEntry(100, out, allow=True, protocol="-1", cidr="0.0.0.0/0") for out in (True, False))
    deny = AclEntry(50, egress=True, allow=False, protocol="-1", cidr=block)
    guarded = vpc(client, host, network_acls=(NetworkAcl("acl-1", frozenset({"subnet-a"}), (deny, *every)),))
    assert bool(acl_obstacle(client, host, guarded, HTTPS)) is stands


def test_an_entry_that_names_no_ports_is_for_all_of_them() -> None:
    entries = tuple(AclEntry(100, egress=out, allow=True, protocol="6", cidr="0.0.0.0/0") for out in (True, False))
    guarded = vpc(network_acls=(NetworkAcl("acl-1", frozenset({"subnet-a"}), entries),))
    assert all_stand_open(guarded, 4)
    assert not all_stand_open(vpc(network_acls=(NetworkAcl("acl-1", frozenset(), entries[:1]),)), 4)


@pytest.mark.parametrize(
    ("shut", "open_to"),
    [
        ((), ["a", "b", "c"]),
        (("a",), ["a"]),  # within a subnet none stands
        (("b",), ["a", "c"]),
        (("a", "b"), ["a"]),
    ],
)
def test_between_two_subnets_the_acls_of_both_stand(shut: tuple[str, ...], open_to: list[str]) -> None:
    every = tuple(AclEntry(100, out, allow=True, protocol="-1", cidr="0.0.0.0/0") for out in (True, False))
    homes = {name: subnet(name) for name in ("a", "b", "c")}
    acls = [NetworkAcl(f"acl-{name}", frozenset({f"subnet-{name}"}), ()) for name in shut]
    open_one = NetworkAcl("acl-open", frozenset(f"subnet-{name}" for name in ("a", "b") if name not in shut), every)
    guarded = vpc(*homes.values(), network_acls=(*acls, open_one))  # subnet-c's wasn't seen
    assert [name for name, host in homes.items() if stand_open(homes["a"], host, guarded, 4)] == open_to
