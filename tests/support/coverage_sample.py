"""An account as the coverage page shows it: one VPC for each kind of trouble, and two healthy ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

from lifeline.core.event_path.comparison import Comparison
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.event_path.proof import UNPROVEN
from lifeline.core.network.model import Tier
from lifeline.core.plan.ways import HubComparison, Way, WayCost
from lifeline.dashboard.coverage import (
    ActionRow,
    AgentCount,
    Cell,
    ClosedIncident,
    Coverage,
    Freshness,
    IncidentRow,
    Standing,
    StepKind,
    SubnetRow,
    TimelineStep,
    VpcCoverage,
)
from lifeline.dashboard.html.page import ButtonTargets
from lifeline.dashboard.rows import worst_first

NOW = datetime(2026, 3, 2, 9, 12, 40, tzinfo=UTC)
CALLS = ButtonTargets(
    page="arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage",
    reconcile="arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints",
    log_group="/aws/lambda/lifeline-ReconcileEndpoints",
)
ZONE = Decimal("7.30")


def at(hour: int, minute: int, second: int = 0, day: int = 2) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


def subnet(number: int, name: str, *cells: Cell, tier: Tier = Tier.ISOLATED, net: int = 0) -> SubnetRow:
    zone = f"us-east-1{'abc'[number % 3]}"
    id_ = sha256(f"{net} {number} {name}".encode()).hexdigest()[:16]
    return SubnetRow(f"subnet-0{id_}", name, zone, f"10.{net}.{number}.0/24", tier, cells)


def served(service: str, by: str) -> Cell:
    return Cell(service, Standing.SERVED, by)


def the_silenced() -> VpcCoverage:
    """The demo's VPC: a route was removed, agents went silent, an endpoint is on its way."""
    pending = Cell("monitoring", Standing.PENDING, "vpce-0a77c1d2e3f405162", "being created since 09:05:21 UTC")
    missing = Cell("logs", Standing.MISSING, detail="no endpoint; the next run creates one")
    s3 = served("s3", "vpce-0b1946ac92492d234")
    return VpcCoverage(
        "vpc-0c1d2e3f405162738",
        "app-prod",
        ("10.0.0.0/16",),
        (
            subnet(0, "app-prod-a", pending, missing, s3),
            subnet(1, "app-prod-b", pending, missing, s3),
            subnet(2, "batch-c", served("monitoring", "vpce-0a77c1d2e3f405162"), missing, s3, tier=Tier.EGRESS),
        ),
        incidents=(
            IncidentRow(
                "inc-5f2d09c4a1b7",
                "cwagent",
                "DeleteRoute by deploy-role left no path to the monitoring service",
                at(9, 4, 0),
                12,
                is_recovering=False,
                timeline=(
                    TimelineStep(
                        StepKind.CHANGE,
                        at(9, 2, 48),
                        "DeleteRoute by deploy-role",
                        "4976d0e5-a65d-5a42-8b1c-d00a50dc4ff4",
                    ),
                    TimelineStep(StepKind.GAP, at(9, 4, 0), "first missing datapoint (12 agents so far)"),
                    TimelineStep(
                        StepKind.ENDPOINT, at(9, 5, 21), "Lifeline created vpce-0a77c1d2e3f405162 for monitoring"
                    ),
                    TimelineStep(StepKind.AVAILABLE, None, "vpce-0a77c1d2e3f405162 is not available yet"),
                    TimelineStep(StepKind.RECOVERY, None, "silent for 8 min 40 s so far"),
                ),
                advice="Lifeline created vpce-0a77c1d2e3f405162 at 09:05:21 UTC (about 14.60 USD per month, before "
                "data charges). Agents should report again by 09:25:21 UTC.",
            ),
        ),
        actions=(
            ActionRow(at(9, 5, 21), "done", "create interface endpoint for monitoring in 2 subnets"),
            ActionRow(at(9, 5, 19), "done", "create security group lifeline-endpoints"),
        ),
        cost_usd=ZONE * 2,
        planned_usd=ZONE * 2,
        has_own=True,
    )


def the_blocked() -> VpcCoverage:
    """One whose plan exceeds a budget and waits for approval."""
    reason = "needs approval: it would exceed monthly_usd_per_vpc (30.00 USD)"
    blocked = [Cell(service, Standing.BLOCKED, detail=reason) for service in ("ecr.api", "ecr.dkr")]
    served_here = served("monitoring", "vpce-0cc175b9c0f1b6a83")
    return VpcCoverage(
        "vpc-0d41d8cd98f00b204",
        "build-farm",
        ("10.20.0.0/16", "100.64.0.0/18"),
        tuple(subnet(number, f"runners-{'abc'[number]}", served_here, *blocked, net=20) for number in range(3)),
        cost_usd=ZONE * 3,
        has_own=True,
        plan_id="plan-4a8a08f09d37b737",
        plan_usd=ZONE * 6,
        notes=("Usage of the quota of interface endpoints could not be read.",),
    )


def the_pending() -> VpcCoverage:
    """One that recovers: its endpoint is available, and the agents come back."""
    return VpcCoverage(
        "vpc-0e4da3b7fbbce2345",
        "",
        ("10.30.0.0/16",),
        (
            subnet(0, "", Cell("monitoring", Standing.PENDING, "vpce-0e4da3b7fbbce2345", "pendingAcceptance"), net=30),
            subnet(1, "", served("monitoring", "vpce-01679091c5a880faf"), net=30),
        ),
        incidents=(
            IncidentRow(
                "inc-8f14e45fceea",
                "cwagent",
                "DeleteNatGateway by terraform left no path to the monitoring service",
                at(22, 41, day=1),
                1,
                is_recovering=True,
                timeline=(
                    TimelineStep(StepKind.CHANGE, at(22, 39, 12, day=1), "DeleteNatGateway by terraform"),
                    TimelineStep(StepKind.GAP, at(22, 41, day=1), "first missing datapoint (1 agent so far)"),
                    TimelineStep(StepKind.AVAILABLE, at(22, 46, day=1), "vpce-01679091c5a880faf became available"),
                    TimelineStep(
                        StepKind.RECOVERY,
                        at(22, 46, day=1),
                        "Lifeline's endpoint vpce-01679091c5a880faf became available (first observed at 22:46:00 UTC; "
                        "costs about 7.30 USD per month, before data charges); agents are recovering",
                    ),
                ),
            ),
        ),
        cost_usd=ZONE,
        has_own=True,
        holds=("Released manually at 2026-03-02 08:00:00 UTC: Lifeline creates nothing here for 24 hours.",),
    )


def the_exempt() -> VpcCoverage:
    """One in which a rule exempts everything."""
    cell = Cell("monitoring", Standing.EXEMPT, detail="until the end of 2026-03-31: being decommissioned")
    return VpcCoverage(
        "vpc-0f7b44cfafd5c52223", "legacy", ("172.31.0.0/16",), (subnet(0, "old-a", cell), subnet(1, "old-b", cell))
    )


def the_well(number: int = 1, subnets: int = 3) -> VpcCoverage:
    """One served by a hub and by its own endpoints."""
    cells = (
        served("monitoring", f"vpce-0{number:016x}"),
        Cell("logs", Standing.CENTRAL, "hub-logs"),
        served("s3", f"vpce-1{number:016x}"),
    )
    return VpcCoverage(
        f"vpc-0a{number:015x}",
        f"team-{number}",
        ("10.40.0.0/16",),
        tuple(subnet(one, f"team-{number}-{one}", *cells, net=40) for one in range(subnets)),
        actions=(ActionRow(NOW - timedelta(days=3), "done", "create interface endpoint for monitoring"),),
        cost_usd=ZONE * 3,
        has_own=True,
        comparison=HubComparison(
            ("logs",),
            3,
            (
                WayCost(Way.LOCAL, ZONE * 3, Decimal("0.01"), "3 interfaces"),
                WayCost(
                    Way.CENTRAL,
                    Decimal("0.00"),
                    Decimal("0.03"),
                    "0.02 of it for the transit gateway, to which the VPC is attached",
                ),
                WayCost(Way.NAT, Decimal("32.85"), Decimal("0.045"), "the VPC has none"),
            ),
            "us-east-1, list prices as of 2026-08-01; transit gateways: as of 2026-06-04",
        ),
    )


def story() -> Coverage:
    return Coverage(
        "123456789012",
        "us-east-1",
        "lifeline",
        "enforce",
        NOW,
        worst_first((the_silenced(), the_blocked(), the_pending(), the_exempt(), the_well())),
        closed=(
            ClosedIncident(
                "inc-1f0e3dad9990",
                "vpc-0d41d8cd98f00b204",
                "DeleteRoute by terraform left no path to the logs service",
                at(6, 2),
                at(6, 9, 30),
                4,
            ),
        ),
        agents=AgentCount(reporting=106, silent=13, unknown=2),
        freshness=Freshness(
            at(9, 5, 21),
            at(8, 47),
            at(9, 10, 2),
            at(9, 12, 2),
            path=UNPROVEN.asked(DryRun("DryRunOperation", "", "r0"), at(8, 47)).heard("r0", at(8, 47), at(8, 47, 3)),
            compared=Comparison(at(5, 0) - timedelta(days=1), at(5, 0), happened=43, heard=41),
        ),
    )


def many(vpcs: int = 200, subnets: int = 10, *, every: int = 5) -> Coverage:
    """An account of this many VPCs with three services each; every `every`th lacks a service."""
    made = []
    for number in range(vpcs):
        vpc = the_well(number, subnets)
        if number % every == 0:
            rows = [
                replace(
                    row,
                    cells=(
                        replace(row.cells[0], standing=Standing.MISSING, by="", detail="no endpoint"),
                        *row.cells[1:],
                    ),
                )
                for row in vpc.subnets
            ]
            vpc = replace(vpc, subnets=tuple(rows), planned_usd=ZONE * 3)
        made.append(vpc)
    made.sort(key=lambda vpc: vpc.planned_usd, reverse=True)
    return replace(story(), vpcs=tuple(made))


def region(vpcs: int) -> Coverage:
    """An account of this many VPCs that all have gaps, and the story in three of them."""
    others = many(vpcs - 3, every=1)
    return replace(others, vpcs=worst_first((*others.vpcs, the_pending(), the_blocked(), the_silenced())))
