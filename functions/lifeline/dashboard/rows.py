"""The rows of the coverage page, from what was observed in a VPC and is planned there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from lifeline.core.guards.approval import Offer
from lifeline.core.guards.backlog import backlog_of
from lifeline.core.guards.limits import own_interfaces
from lifeline.core.history.entries import Entry
from lifeline.core.history.text import deed_of, status_of
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.model import Subnet, Tier, UnsureTier, Vpc
from lifeline.core.network.network_path import Reach
from lifeline.core.plan.actions import DELETES, REMOVALS, Action, ActionKind, Plan, ServiceReport, ServiceState, Status
from lifeline.core.plan.cost import Price, cost_of, monthly_cost_usd
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.policy import Desired, Exempted, Requirement
from lifeline.core.suggest.summary import Summary
from lifeline.dashboard.coverage import ActionRow, Cell, Standing, SubnetRow, VpcCoverage
from lifeline.dashboard.story import incident_row

_BAD = frozenset({Standing.MISSING, Standing.BLOCKED})
_STANDINGS = {
    ServiceState.SERVED: Standing.SERVED,
    ServiceState.CENTRAL: Standing.CENTRAL,
    ServiceState.PENDING: Standing.PENDING,
    ServiceState.UNKNOWN: Standing.UNKNOWN,
    ServiceState.MISSING: Standing.MISSING,
    ServiceState.BLOCKED: Standing.BLOCKED,
}
# Isolated first: nothing else helps there.
_TIERS = [Tier.ISOLATED, UnsureTier.NOT_PUBLIC, UnsureTier.UNKNOWN, Tier.EGRESS, Tier.PUBLIC]
_UNSURE = "it isn't known whether it has to reach the service: what decides that could not be read"


@dataclass(frozen=True, slots=True)
class Seen:
    """One VPC with its requirements and its plan, as far as these were looked up.

    `plan` shows what limits hold back as blocked. `entries` are from the audit log, the newest first; `made` is what
    Lifeline created there, from the ledger; `offer` is the plan that waits for approval.
    """

    vpc: Vpc
    want: Desired
    plan: Plan
    incidents: tuple[Incident, ...] = ()
    entries: tuple[Entry, ...] = ()
    made: Mapping[str, Made] = field(default_factory=dict)
    offer: Offer | None = None
    holds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    suggestion: Summary | None = None


def cover_vpc(seen: Seen, price: Price, now: datetime) -> VpcCoverage:
    """The VPC as the page shows it."""
    vpc, plan, offer = seen.vpc, seen.plan, seen.offer
    backlog = backlog_of(plan.actions)
    incidents = sorted(seen.incidents, key=lambda incident: (incident.began, incident.id))
    return VpcCoverage(
        id=vpc.id,
        name=vpc.tag("Name") or "",
        cidrs=vpc.all_cidrs,
        subnets=subnet_rows(vpc, seen.want, plan),
        incidents=tuple(incident_row(incident, seen.made, plan, now) for incident in incidents),
        actions=tuple(map(_action_row, seen.entries)),
        cost_usd=monthly_cost_usd(len(own_interfaces(vpc)), price),
        planned_usd=plan.monthly_cost_usd,
        plan_id=offer.plan_id if offer else "",
        plan_usd=offer.monthly_cost_usd if offer else Decimal(0),
        is_plan_at_most=bool(offer and offer.is_at_most),
        backlog=sum(bool(action.service) for action in backlog) or len(backlog),
        backlog_usd=cost_of(backlog, price),
        holds=seen.holds,
        notes=tuple(dict.fromkeys((*plan.notes, *seen.notes))),
        suggestion=seen.suggestion,
        comparison=plan.comparison,
        has_own=any(one.on_record for one in vpc.endpoints) or any(one.on_record for one in vpc.security_groups),
    )


def worst_first(vpcs: Iterable[VpcCoverage]) -> tuple[VpcCoverage, ...]:
    """Sort the VPCs: those with an open incident first, of these those that recover last; then by most cells missing or
    blocked, and by ID.
    """
    return tuple(sorted(vpcs, key=lambda vpc: (not vpc.is_broken, not vpc.incidents, -count_bad(vpc.subnets), vpc.id)))


def count_bad(rows: Iterable[SubnetRow]) -> int:
    """How many cells of these subnets are missing or blocked."""
    return sum(cell.standing in _BAD for row in rows for cell in row.cells)


def subnet_rows(vpc: Vpc, want: Desired, plan: Plan) -> tuple[SubnetRow, ...]:
    """Each subnet with how its services stand; those that miss most come first, then isolated before public ones."""
    reports = {report.service: report for report in plan.services}
    tiers = dict(plan.tiers)
    rows = []
    for subnet in vpc.subnets:
        requirements = [
            requirement
            for requirement in want.requirements
            if subnet.id in requirement.subnet_ids and requirement.service in reports
        ]
        cells = [
            _ServiceCells(vpc, plan, requirement, reports[requirement.service]).cell(subnet)
            for requirement in requirements
        ]
        cells += [
            Cell(requirement.service, Standing.UNKNOWN, "", _UNSURE)
            for requirement in want.unsure
            if subnet.id in requirement.subnet_ids
        ]
        cells += [_exempt(service, exempted) for subnet_id, service, exempted in want.spared if subnet_id == subnet.id]
        row = SubnetRow(
            id=subnet.id,
            name=subnet.tag("Name") or "",
            zone=subnet.zone,
            cidr=", ".join(cidr for cidr in (subnet.cidr, *subnet.ipv6_cidrs) if cidr),
            tier=tiers[subnet.id],
            cells=tuple(sorted(cells, key=lambda cell: cell.service)),
        )
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: (-count_bad([row]), _TIERS.index(row.tier), row.zone, row.id)))


@dataclass(frozen=True, slots=True)
class _ServiceCells:
    """One service in one VPC. Its report covers all the subnets that require it together."""

    vpc: Vpc
    plan: Plan
    requirement: Requirement
    report: ServiceReport

    def cell(self, subnet: Subnet) -> Cell:
        """How the service stands for this subnet, which may be better or worse off than the others."""
        reported = self._as_reported()
        path = dict(self.report.paths).get(subnet.id)
        if path is None:
            return reported
        if path.reach is Reach.SERVED:
            details = (*path.notes, self._from_zone(subnet, path.endpoint_id))  # what isn't clear of a policy, too
            return Cell(reported.service, Standing.SERVED, path.endpoint_id, "; ".join(filter(None, details)))
        if path.reach is Reach.CENTRAL:
            return Cell(reported.service, Standing.CENTRAL, path.central_id, path.words)
        if path.reach is Reach.UNKNOWN and not path.is_unasked:
            return Cell(reported.service, Standing.UNKNOWN, path.endpoint_id, "; ".join((path.words, *path.unread)))
        words = "; ".join(obstacle.words for obstacle in path.obstacles)
        detail = ": ".join(text for text in (words, reported.detail) if text)
        return reported if words in reported.detail else replace(reported, detail=detail)

    def _from_zone(self, subnet: Subnet, endpoint_id: str) -> str:
        endpoint = next(endpoint for endpoint in self.vpc.endpoints if endpoint.id == endpoint_id)
        zones = {subnet.zone for subnet in self.vpc.subnets if subnet.id in endpoint.subnet_ids}
        is_away = self.requirement.per_zone and zones and subnet.zone not in zones
        return f"served from another zone: {endpoint_id} has no interface in {subnet.zone}" if is_away else ""

    # ---- the same for all of them

    def _as_reported(self) -> Cell:
        report = self.report
        actions = [
            action for action in self.plan.actions if action.service == report.service and action.kind not in REMOVALS
        ]
        refused = next((action.error for action in actions if action.status is Status.BLOCKED), "")
        planned = next((action.reason for action in actions if action.status is Status.PLANNED), "")
        standing, detail = _STANDINGS[report.state], report.detail
        match standing:
            case Standing.SERVED:
                detail = ""
            case Standing.BLOCKED:
                detail = detail or refused
            case Standing.MISSING if refused:
                standing, detail = Standing.BLOCKED, refused
            case Standing.MISSING:
                detail = planned or detail
        return Cell(report.service, standing, report.by, detail)


def _exempt(service: str, exempted: Exempted) -> Cell:
    until = f"until the end of {exempted.until}: " if exempted.until else ""
    return Cell(service, Standing.EXEMPT, detail=f"{until}{exempted.reason}")


def _action_row(entry: Entry) -> ActionRow:
    return ActionRow(entry.at, status_of(entry), deed_of(entry))


def removal_notes(actions: Iterable[Action]) -> tuple[str, ...]:
    """What the next run removes of Lifeline's own, or what keeps it from that."""
    notes: list[str] = []
    for action in actions:
        if action.kind in REMOVALS and action.is_planned:
            notes.append(f"{_removed(action)} on the next run: {action.reason}")
        elif action.kind in DELETES and action.is_blocked:
            notes.append(f"{action.target} is kept: {action.error}")
    return tuple(notes)


def _removed(action: Action) -> str:
    match action.kind:
        case ActionKind.DISABLE_PRIVATE_DNS:
            return f"private DNS of {action.target} will be turned off"
        case ActionKind.REMOVE_SUBNETS:
            return f"{action.target} will be removed from {', '.join(action.subnet_ids)}"
        case ActionKind.REMOVE_ROUTE_TABLES:
            return f"the routes of {action.target} will be removed from {', '.join(action.route_table_ids)}"
        case ActionKind.CLOSE_SECURITY_GROUP:
            return f"{action.target} will be closed to {', '.join(action.cidrs)}"
        case _:
            return f"{action.target} will be deleted"
