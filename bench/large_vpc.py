"""How much CPU judging one large VPC takes, and what its shortcuts save: they ask of the whole VPC what else would be
asked of each subnet.

PYTHONPATH=functions:. .envs/dev/bin/python -m bench.large_vpc [SUBNETS]
"""

import sys
from contextlib import nullcontext
from unittest.mock import patch

from bench.timing import ROUNDS, cpu_of
from tests.support.builders import ZONES, default_route, endpoint, own_security_group, plan, subnet, table, vpc

from lifeline.core.network import reach, way_out
from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import AclEntry, NetworkAcl, TargetKind, Tier, Vpc

SERVICES = ("monitoring", "logs", "ec2", "ec2messages")
VPCS = 20  # a round: one alone takes too little


def large(subnets: int) -> Vpc:
    """A VPC behind a NAT gateway, with the ACL that a new one has, and an endpoint of each service."""
    there = [subnet(f"s{n}", ZONES[n % 3], cidr=f"10.0.{n}.0/24") for n in range(subnets)]
    hosts = ("s0", "s1", "s2")
    endpoints = [endpoint(f"com.amazonaws.us-east-1.{one}", *hosts, id=f"vpce-{one}") for one in SERVICES]
    entries = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))
    acl = NetworkAcl("acl-1", frozenset(one.id for one in there), entries)
    out = table("main", default_route(TargetKind.NAT_GATEWAY))
    return vpc(*there, *endpoints, own_security_group(), out, network_acls=(acl,))


def main() -> None:
    network = large(int(sys.argv[1]) if len(sys.argv) > 1 else 120)

    def judge() -> None:
        for _ in range(VPCS):
            way_out.usable_tiers(network)
            plan(network, *SERVICES, dns=DnsView(), tiers=frozenset(Tier))

    print(f"{len(network.subnets)} subnets, {len(SERVICES)} services; ms of CPU a VPC, best of {ROUNDS}")
    without = {
        "as it is": nullcontext(),
        "without lets_all_in": patch.object(reach, "lets_all_in", lambda *_: False),
        "without all_stand_open": patch.object(way_out, "all_stand_open", lambda *_: False),
    }
    for name, patched in without.items():
        with patched:
            print(f"  {name:22}  {cpu_of(judge) / VPCS * 1000:6.1f}")


if __name__ == "__main__":
    main()
