"""How long deciding takes in a sweep of 500 VPCs, beside decoding the same answers from JSON.

PYTHONPATH=functions:. .envs/dev/bin/python bench/sweep.py
"""

import json
from datetime import UTC, datetime

from tests.support.region import compliant_region
from timing import ROUNDS, cpu_of

from lifeline.adapters.aws.network import Network
from lifeline.core.network.model import Catalog, Vpc
from lifeline.core.network.ownership import Owned, recognize
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import desired, simple_policy

POLICY = simple_policy(["monitoring"])


def decide(vpcs: tuple[Vpc, ...], catalog: Catalog) -> list[Plan]:
    """The pure part of a sweep: tiers, wishes and plan of each VPC."""
    today = datetime(2026, 11, 22, tzinfo=UTC).date()
    price = price_in("us-east-1")
    plans = []
    for vpc in vpcs:
        tiers = classify_subnets(vpc)
        requirements = desired(POLICY, vpc, tiers, today=today).requirements
        plan_input = PlanInput(requirements=requirements, owner="lifeline", price=price)
        plans.append(plan_endpoints(vpc, catalog, plan_input, tiers))
    return plans


def as_owned(vpcs: tuple[Vpc, ...]) -> tuple[Vpc, ...]:
    """The VPCs as the ledger knows them: Lifeline created all of it."""
    created = datetime(2026, 11, 1, tzinfo=UTC)
    records = {resource.id: Owned(vpc.id, created) for vpc in vpcs for resource in vpc.ownable}
    return recognize(vpcs, records)


def main() -> None:
    region = compliant_region(vpcs=500, subnets_each=10, tables_each=4)
    network = Network(region)
    vpcs, catalog = as_owned(network.observe(None)), network.catalog()
    text = json.dumps(region.answers)
    assert not any(plan.actions for plan in decide(vpcs, catalog))
    deciding = cpu_of(lambda: decide(vpcs, catalog))
    reading = cpu_of(lambda: network.observe(None))
    decoding = cpu_of(lambda: json.loads(text))
    print(f"500 VPCs, 5,000 subnets, 2,000 route tables, {len(text) / 1e6:.1f} MB of answers; CPU, best of {ROUNDS}")
    print(f"  decode the answers from JSON  {decoding:6.3f} s   1.0")
    print(f"  turn them into values         {reading:6.3f} s   {reading / decoding:.1f}")
    print(f"  decide                        {deciding:6.3f} s   {deciding / decoding:.1f}")


if __name__ == "__main__":
    main()
