"""The rows of the coverage page, from what was observed in a VPC and is planned there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from lifeline.core.guards.approval import Offer
from lifeline.core.guards.limits import own_interfaces
from lifeline.core.history.entries import Entry
from lifeline.core.history.text import deed_of, status_of
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.model import Catalog, Endpoint, EndpointState, EndpointType, Subnet, Tier, Vpc
from lifeline.core.network.obstacles import is_on_gateway, obstacles
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, ServiceState, Status
from lifeline.core.plan.cost import Price, monthly_cost_usd
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.policy import Desired, Exempted, Requirement
from lifeline.dashboard.coverage import ActionRow, Cell, Standing, SubnetRow, VpcCoverage
from lifeline.dashboard.story import incident_row

_BAD = frozenset({Standing.MISSING, Standing.BLOCKED})
_TIERS = list(Tier)[::-1]  # isolated first: nothing else helps there
_NO_IPV6 = "the gateway endpoint for S3 serves IPv4 only, and this subnet has no IPv4"


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


def cover_vpc(seen: Seen, catalog: Catalog, owner: str, price: Price, now: datetime) -> VpcCoverage:
    """The VPC as the page shows it. `owner` is the value of the tag on Lifeline's own resources."""
    vpc, plan, offer = seen.vpc, seen.plan, seen.offer
    incidents = sorted(seen.incidents, key=lambda incident: (incident.began, incident.id))
    return VpcCoverage(
        id=vpc.id,
        name=vpc.tag("Name") or "",
        cidrs=vpc.all_cidrs,
        subnets=subnet_rows(vpc, seen.want, plan, catalog),
        incidents=tuple(incident_row(incident, seen.made, plan, now) for incident in incidents),
        actions=tuple(map(_action_row, seen.entries)),
        cost_usd=monthly_cost_usd(len(own_interfaces(vpc, owner)), price),
        planned_usd=plan.monthly_cost_usd,
        plan_id=offer.plan_id if offer else "",
        plan_usd=offer.monthly_cost_usd if offer else Decimal(0),
        holds=seen.holds,
        notes=tuple(dict.fromkeys((*plan.notes, *seen.notes))),
    )


def worst_first(vpcs: Iterable[VpcCoverage]) -> tuple[VpcCoverage, ...]:
    """Sort the VPCs: most cells missing or blocked first, then most open incidents, then by id."""
    return tuple(
        sorted(
            vpcs,
            key=lambda vpc_coverage: (-count_bad(vpc_coverage.subnets), -len(vpc_coverage.incidents), vpc_coverage.id),
        )
    )


def count_bad(rows: Iterable[SubnetRow]) -> int:
    """How many cells of these subnets are missing or blocked."""
    return sum(cell.standing in _BAD for row in rows for cell in row.cells)


def subnet_rows(vpc: Vpc, want: Desired, plan: Plan, catalog: Catalog) -> tuple[SubnetRow, ...]:
    """Each subnet with its cells: those that miss most come first, then isolated before public ones."""
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
            _ServiceCells(vpc, plan, catalog, requirement, reports[requirement.service]).cell(subnet)
            for requirement in requirements
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
    catalog: Catalog
    requirement: Requirement
    report: ServiceReport

    def cell(self, subnet: Subnet) -> Cell:
        """How the service stands for this subnet, which may be better or worse than for the others."""
        if self._is_by_gateway():
            return self._at_gateway(subnet)
        endpoint = self._endpoint()
        if endpoint and self.report.state in {ServiceState.MISSING, ServiceState.BLOCKED}:
            return self._at_endpoint(subnet, endpoint)
        if endpoint and self.report.state is ServiceState.SERVED:
            return self._served(subnet, endpoint)
        return self._as_reported()

    def _is_by_gateway(self) -> bool:
        services = self.catalog.find(self.requirement.service)
        return bool(services) and services[0].type is EndpointType.GATEWAY

    # ---- gateway endpoints: each subnet has its own route table

    def _at_gateway(self, subnet: Subnet) -> Cell:
        if subnet.is_ipv6_only and self.requirement.service == "s3":
            return Cell(self.requirement.service, Standing.BLOCKED, detail=_NO_IPV6)
        on = [endpoint for endpoint in self._gateways() if is_on_gateway(endpoint, subnet, self.vpc)]
        return Cell(self.requirement.service, Standing.SERVED, by=on[0].id) if on else self._as_reported()

    def _gateways(self) -> list[Endpoint]:
        names = {service.name for service in self.catalog.find(self.requirement.service)}
        available = (
            endpoint
            for endpoint in self.vpc.endpoints
            if endpoint.type is EndpointType.GATEWAY
            and endpoint.service_name in names
            and endpoint.state is EndpointState.AVAILABLE
        )
        return sorted(available, key=lambda endpoint: endpoint.id)

    # ---- interface endpoints: one answers for the whole VPC, but not every subnet may reach it

    def _endpoint(self) -> Endpoint | None:
        return next((endpoint for endpoint in self.vpc.endpoints if endpoint.id == self.report.by), None)

    def _at_endpoint(self, subnet: Subnet, endpoint: Endpoint) -> Cell:
        in_the_way = obstacles(endpoint, subnet, self.vpc)
        answers = endpoint.state is EndpointState.AVAILABLE and endpoint.subnet_ids
        is_for_all = any(
            action.kind is ActionKind.FIX_DNS and action.endpoint_id == endpoint.id for action in self.plan.actions
        )
        if answers and not in_the_way and not is_for_all:
            return self._served(subnet, endpoint)
        reported = self._as_reported()
        words = "; ".join(dict.fromkeys(obstacle.words for obstacle in in_the_way))
        detail = ": ".join(text for text in (words, reported.detail) if text)
        return Cell(
            reported.service,
            reported.standing,
            reported.by,
            detail if words not in reported.detail else reported.detail,
        )

    def _served(self, subnet: Subnet, endpoint: Endpoint) -> Cell:
        zones = {subnet.zone for subnet in self.vpc.subnets if subnet.id in endpoint.subnet_ids}
        words = ""
        if self.requirement.per_zone and zones and subnet.zone not in zones:
            words = f"served from another zone: {endpoint.id} has no interface in {subnet.zone}"
        return Cell(self.requirement.service, Standing.SERVED, endpoint.id, words)

    # ---- the same for all of them

    def _as_reported(self) -> Cell:
        report, service = self.report, self.requirement.service
        actions = [action for action in self.plan.actions if action.service == service]
        refused = next((action.error for action in actions if action.status is Status.BLOCKED), "")
        planned = next((action.reason for action in actions if action.status is Status.PLANNED), "")
        match report.state:
            case ServiceState.SERVED:
                return Cell(service, Standing.SERVED, report.by)
            case ServiceState.CENTRAL:
                return Cell(service, Standing.CENTRAL, report.by, report.detail)
            case ServiceState.PENDING:
                return Cell(service, Standing.PENDING, report.by, report.detail)
            case ServiceState.BLOCKED:
                return Cell(service, Standing.BLOCKED, report.by, report.detail or refused)
            case ServiceState.MISSING if refused:
                return Cell(service, Standing.BLOCKED, report.by, refused)
            case ServiceState.MISSING:
                return Cell(service, Standing.MISSING, report.by, planned or report.detail)
            case _:
                assert_never(report.state)


def _exempt(service: str, exempted: Exempted) -> Cell:
    until = f"until the end of {exempted.until}: " if exempted.until else ""
    return Cell(service, Standing.EXEMPT, detail=f"{until}{exempted.reason}")


def _action_row(entry: Entry) -> ActionRow:
    return ActionRow(entry.at, status_of(entry), deed_of(entry))


def retirement_notes(actions: Sequence[Action], notes: Sequence[str]) -> tuple[str, ...]:
    """Notes on Lifeline's own endpoints and security groups that nothing requires."""
    going = [
        f"{action.endpoint_id or action.security_group_id} will be deleted on the next run: {action.reason}"
        for action in _planned(actions)
    ]
    kept = [
        f"{action.endpoint_id or action.security_group_id} is kept: {action.error}"
        for action in actions
        if action.status is Status.BLOCKED
    ]
    return (*notes, *going, *kept)


def _planned(actions: Iterable[Action]) -> list[Action]:
    return [action for action in actions if action.status is Status.PLANNED]
