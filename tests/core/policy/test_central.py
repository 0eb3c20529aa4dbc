"""The policy's field `central`: which hub VPCs may share, and what is wrong with what can't be one."""

import json
from typing import Any

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.central import Central
from lifeline.core.policy.reading import check_services, read_policy

HUB: dict[str, Any] = {"zones": ["Z0123456789ABCDEFGHIJ"], "services": ["monitoring"], "cidrs": ["10.9.0.0/16"]}


def written(**fields: Any) -> str:
    hub = {name: value for name, value in {**HUB, **fields}.items() if value is not None}
    return json.dumps({"version": 1, "central": hub})


def test_a_policy_without_the_field_names_no_hub() -> None:
    assert read_policy('{"version": 1}').central is None


def test_zones_or_a_profile_name_the_hub() -> None:
    by_zones = Central(frozenset({"monitoring"}), ("10.9.0.0/16",), zones=("Z0123456789ABCDEFGHIJ",))
    assert read_policy(written()).central == by_zones
    found = read_policy(written(zones=None, profile="rp-0123456789abcdef", account="222222222222")).central
    assert found is not None
    assert (found.zones, found.profile, found.account) == ((), "rp-0123456789abcdef", "222222222222")


def test_lifeline_asks_unless_it_is_told_otherwise() -> None:
    assert [read_policy(written(associate=how)).central.is_auto for how in (None, "ask", "auto")] == [  # type: ignore[union-attr]
        False,
        False,
        True,
    ]


def test_a_named_set_stands_for_its_services_without_those_that_have_gateway_endpoints() -> None:
    found = read_policy(written(services=["ecr-pull"])).central
    assert found is not None
    assert {"ecr.api", "ecr.dkr"} <= found.services
    assert "s3" not in found.services


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"profile": "rp-1"}, "central", "must have zones or profile, and only one of them"),
        ({"zones": None}, "central", "must have zones or profile, and only one of them"),
        ({"cidrs": None}, "central.cidrs", "is missing"),
        ({"services": None}, "central.services", "is missing"),
        ({"zone": "Z1"}, "central.zone", "is not one of account, associate, cidrs, profile, services, zones"),
        ({"associate": "yes"}, "central.associate", "must be ask or auto, not 'yes'"),
        ({"zones": ["/hostedzone/Z1"]}, "central.zones[0]", "must be a hosted zone's ID, as Z0123456789ABCDEFGHIJ"),
        ({"account": "hub"}, "central.account", "must be an account ID of 12 digits, not 'hub'"),
        ({"services": ["logs", "s3"]}, "central.services[1]", "s3 has gateway endpoints, which are free"),
        ({"cidrs": ["10.9.1.0/16"]}, "central.cidrs[0]", "did you mean 10.9.0.0/16?"),
        ({"cidrs": ["10.9.0.0/16", "10.999.0.0/16"]}, "central.cidrs[1]", "is not a CIDR block such as 10.0.0.0/16"),
        ({"cidrs": ["0.0.0.0/0"]}, "central.cidrs[0]", "is every address: name the blocks of the hub's VPC"),
    ],
    ids=str,
)
def test_what_can_be_no_hub_is_refused_with_its_field(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_policy(written(**fields))
    assert refused.value.field == field
    assert words in refused.value.message


def test_a_service_that_the_region_does_not_offer_is_refused_with_the_nearest_one() -> None:
    known = frozenset({"monitoring", "logs"})
    check_services(written(), known)
    with pytest.raises(InvalidInputError, match="did you mean monitoring") as refused:
        check_services(written(services=["monitorings"]), known)
    assert refused.value.field == "central.services[0]"
