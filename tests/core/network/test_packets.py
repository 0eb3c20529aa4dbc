"""Addresses and ports as ranges."""

import pytest

from lifeline.core.network.packets import addresses_in, usable_in


@pytest.mark.parametrize(
    ("block", "usable"),
    [
        (
            "10.0.1.0/24",
            (
                "10.0.1.4/30",
                "10.0.1.8/29",
                "10.0.1.16/28",
                "10.0.1.32/27",
                "10.0.1.64/26",
                "10.0.1.128/26",
                "10.0.1.192/27",
                "10.0.1.224/28",
                "10.0.1.240/29",
                "10.0.1.248/30",
                "10.0.1.252/31",
                "10.0.1.254/32",
            ),
        ),
        ("10.0.1.0/29", ("10.0.1.4/31", "10.0.1.6/32")),
        ("10.0.1.0/30", ("10.0.1.0/30",)),
    ],
)
def test_of_a_subnets_block_aws_keeps_the_first_four_addresses_and_the_last(
    block: str, usable: tuple[str, ...]
) -> None:
    assert usable_in(block) == addresses_in(usable, 4)
