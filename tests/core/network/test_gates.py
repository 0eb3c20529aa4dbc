"""Both ends of a flow: which addresses they have, and what parts of them are called."""

import pytest

from lifeline.core.network.egress import ends_of
from lifeline.core.network.gates import End
from lifeline.core.network.model import NetworkInterface
from lifeline.core.network.packets import addresses_in, blocks_in, span, usable_in
from tests.support.builders import MONITORING, endpoint, subnet, vpc

SIX = "2001:db8::/64"
CLIENT = subnet("a", cidr="10.0.1.0/24", ipv6_cidrs=(SIX,))


def at(*addresses: str) -> NetworkInterface:
    return NetworkInterface("eni-1", "subnet-a", addresses)


@pytest.mark.parametrize(
    ("version", "interfaces", "name"),
    [
        (4, (), "10.0.1.0/24"),
        (6, (), SIX),
        (4, (at("10.0.1.7", "2001:db8::7"),), "10.0.1.7"),
        (6, (at("10.0.1.7", "2001:db8::7"),), "2001:db8::7"),
        (4, (at("10.0.1.7"), at("10.0.1.6")), "10.0.1.6/31"),
        (6, (at("10.0.1.7"),), SIX),  # of that version, nothing was read of it
        (4, (at("10.9.9.9"),), "10.0.1.0/24"),  # it isn't there
    ],
)
def test_an_end_is_a_subnet_or_the_addresses_that_interfaces_have_there(
    version: int, interfaces: tuple[NetworkInterface, ...], name: str
) -> None:
    end = End.of(CLIENT, version, interfaces)
    assert (end.name, end.version) == (name, version)
    assert end.addresses == (usable_in(name) if name.endswith("/24") or name == SIX else addresses_in((name,), version))


@pytest.mark.parametrize("version", [4, 6])
def test_a_subnet_without_the_ip_version_is_no_end(version: int) -> None:
    without = subnet("a", cidr=SIX[:0] if version == 4 else "10.0.1.0/24", ipv6_cidrs=(SIX,) if version == 4 else ())
    assert End.of(without, version).addresses == ()


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (4, 254, "10.0.1.0/24"),
        (4, 127, "10.0.1.0/25"),
        (128, 254, "10.0.1.128/25"),
        (64, 127, "10.0.1.64/26"),
        (4, 7, "10.0.1.0/29"),
        (8, 15, "10.0.1.8/29"),
        (4, 4, "10.0.1.4"),
        (254, 254, "10.0.1.254"),
    ],
)
def test_a_part_of_a_subnet_is_named_with_the_addresses_that_no_interface_gets(
    first: int, last: int, words: str
) -> None:
    low, _ = span("10.0.1.0/24")
    assert End.of(CLIENT, 4).part(((low + first, low + last),)) == words


def test_a_part_of_what_has_a_name_is_named_by_its_blocks() -> None:
    public = End(addresses_in(("52.0.0.0/8",), 4), "the public addresses of logs", 4)
    assert public.part(public.addresses) == "the public addresses of logs"
    assert public.part(addresses_in(("52.1.0.0/16",), 4)) == "52.1.0.0/16"


@pytest.mark.parametrize("version", [4, 6])
def test_an_endpoint_answers_in_each_of_its_subnets_that_has_the_ip_version(version: int) -> None:
    hosts = subnet("b", cidr="10.0.2.0/24"), subnet("c", cidr="", ipv6_cidrs=("2001:db8:c::/64",)), subnet("d")
    serving = endpoint(MONITORING, "a", "b", "c", interface_ids=frozenset({"eni-1"}))
    read = (at("10.0.1.7", "2001:db8::7"), NetworkInterface("eni-9", "subnet-b", ("10.0.2.9",)))
    found = [(end.name, end.is_guess) for end in ends_of(serving, vpc(CLIENT, *hosts, interfaces=read), version)]
    assert (
        found
        == {
            4: [("10.0.1.7", False), ("10.0.2.0/24", True)],
            6: [("2001:db8::7", False), ("2001:db8:c::/64", True)],
        }[version]
    )


def test_a_part_of_several_blocks_is_named_by_its_own() -> None:
    known = addresses_in(("10.9.0.0/32", "10.9.1.10/31"), 4)
    end = End(known, blocks_in(known, 4), 4)
    assert end.part(known) == "10.9.0.0, 10.9.1.10/31"
    assert end.part(addresses_in(("10.9.1.10/32",), 4)) == "10.9.1.10"
