"""The numbers that people rely on, and those of AWS. Other tests call them by their names, and so notice no change."""

import pytest

from lifeline.core.network import ownership, packets, ports, way_out
from lifeline.core.network.model import AclEntry


@pytest.mark.parametrize(
    ("number", "value"),
    [
        # docs/limits.md: what counts as a few addresses; Linux's ports, and a NAT gateway's
        pytest.param((packets._FEW, packets._FEW_SHARE), (16, 8), id="a few addresses"),
        pytest.param((packets.EPHEMERAL, packets.NAT_PORTS), (((32768, 60999),), ((1024, 65535),)), id="ports"),
        pytest.param(packets.EVERY_PORT, ((0, 65535),), id="every port"),
        pytest.param(AclEntry(1, True, True, "-1", "10.0.0.0/8").to_port, 65535, id="the last port"),
        pytest.param(ports.HTTPS, ((443, 443),), id="HTTPS"),
        pytest.param(way_out._COMPANYS, 131_072, id="addresses of a company, twice a /16"),
        pytest.param((ownership._SHOWN, packets._SHOWN), (3, 3), id="shown"),
    ],
)
def test_a_number_is_the_one_that_is_documented(number: object, value: object) -> None:
    assert number == value
