"""On which ports a service listens, and where that isn't known."""

import re

import pytest

from lifeline.core.network.model import Ranges
from lifeline.core.network.packets import ports_in
from lifeline.core.network.ports import _KNOWN, ports_of
from tests.support.repository import ROOT


@pytest.mark.parametrize(
    ("service", "ports"),
    [
        ("monitoring", ((443, 443),)),
        ("ecr.api", ((443, 443),)),
        ("kms-fips", ((443, 443),)),
        ("airflow-fips.env", ((443, 443),)),
        ("backup-gateway", ((443, 443), (1026, 1028), (1031, 1031), (2222, 2222))),
        ("transcribestreaming-fips", ((443, 443), (8443, 8443))),
        ("cassandra", ((9142, 9142),)),
        ("cassandra-fips", ((9142, 9142),)),
        ("email-smtp", ((25, 25), (465, 465), (587, 587), (2465, 2465), (2587, 2587))),
        ("iot.data", ((443, 443), (8883, 8883))),
        ("deviceadvisor.iot", ((443, 443), (8883, 8883))),
        ("highlander", ((443, 443), (4195, 4195))),
        ("ivs.contribute", ((443, 443), (1935, 1935))),
        ("datasync", ((443, 443), (1024, 1064))),
        ("s3express", ((443, 443),)),
        ("brand-new", ()),
        ("vpce-svc-0123456789abcdef0", ()),
    ],
)
def test_a_service_has_ports_or_they_are_not_known(service: str, ports: Ranges) -> None:
    assert ports_of(service, {}) == ports


def test_what_the_policy_says_goes_first() -> None:
    assert ports_of("cassandra", {"cassandra": ((443, 443),)}) == ((443, 443),)
    assert ports_of("brand-new", {"brand-new": ((8443, 8443),)}) == ((8443, 8443),)


def test_the_docs_list_the_services_that_listen_elsewhere() -> None:
    text = (ROOT / "docs/policy.md").read_text("utf-8").partition("\n## Ports\n")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([a-z0-9.-]+)` \| ([0-9, -]+) \|$", text, re.MULTILINE))
    assert listed == {service: ports_in(ports) for service, ports in _KNOWN.items()}
