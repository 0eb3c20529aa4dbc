"""The coverage page's table of subnets and services, and what the table leaves to words."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lifeline.dashboard.coverage import Cell, Standing, SubnetRow, VpcCoverage
from lifeline.dashboard.html.markup import code, count, named, text

GLYPHS = {
    Standing.MISSING: "✕",
    Standing.BLOCKED: "■",
    Standing.UNKNOWN: "?",
    Standing.PENDING: "◐",
    Standing.EXEMPT: "○",
    Standing.CENTRAL: "◆",
    Standing.SERVED: "●",
}
MEANINGS = {
    Standing.MISSING: "required, and no endpoint answers",
    Standing.BLOCKED: "something holds it back",
    Standing.UNKNOWN: "something that decides was not read",
    Standing.PENDING: "under way",
    Standing.EXEMPT: "not required, by a rule, a tag or a person",
    Standing.CENTRAL: "by an endpoint elsewhere",
    Standing.SERVED: "by an endpoint here",
}
_OPEN = frozenset({Standing.MISSING, Standing.BLOCKED, Standing.UNKNOWN, Standing.PENDING})
_NOTIFIED = _OPEN | {Standing.EXEMPT}
_NAMED_SUBNETS = 3
_REASONS = 40
_FITS_PX = (230, 96)  # what the first two columns and each further one take


@dataclass(frozen=True, slots=True)
class Tally:
    """How a VPC's subnets stand: cells by standing, and subnets by the worst of theirs."""

    cells: Counter[Standing]
    not_served: int
    pending: int

    @property
    def is_well(self) -> bool:
        """True where no required service is missing, blocked or pending."""
        return not self.not_served and not self.pending


def tally(vpcs: Iterable[VpcCoverage]) -> Tally:
    """What these VPCs come to. A subnet with a service missing or blocked isn't served, whatever else is pending."""
    cells: Counter[Standing] = Counter()
    not_served = pending = 0
    for vpc in vpcs:
        for subnet in vpc.subnets:
            standings = [cell.standing for cell in subnet.cells]
            cells.update(standings)
            if Standing.MISSING in standings or Standing.BLOCKED in standings:
                not_served += 1
            elif Standing.PENDING in standings:
                pending += 1
    return Tally(cells, not_served, pending)


def mark(standing: Standing, words: str = "") -> str:
    """A standing by its shape and its word; the shape isn't read aloud."""
    return f'<i aria-hidden="true">{GLYPHS[standing]}</i> {words or standing}'


def legend() -> str:
    """What each shape means."""
    rows = "".join(
        f'<li><span class="{standing}">{mark(standing)}</span> {MEANINGS[standing]}</li>'
        for standing in (
            Standing.SERVED,
            Standing.CENTRAL,
            Standing.PENDING,
            Standing.UNKNOWN,
            Standing.MISSING,
            Standing.BLOCKED,
            Standing.EXEMPT,
        )
    )
    return f'<ul class="legend" aria-label="What the shapes mean">{rows}</ul>'


def sums(counted: Tally) -> str:
    """How many cells stand how, the worst first."""
    rows = "".join(
        f'<li class="{standing}">{mark(standing, f"{counted.cells[standing]:,} {standing}")}</li>'
        for standing in Standing
        if counted.cells[standing]
    )
    return f'<ul class="sums">{rows}</ul>' if rows else ""


def subnet_table(vpc: VpcCoverage, width: int) -> str:
    """Each subnet against each service; in words what is open and why, and what serves the rest.

    Where the table may be wider than the widget (`width` in px, 0 if not known), it scrolls in a frame that Tab
    reaches.
    """
    if not vpc.subnets:
        return '<p class="meta">No subnet with requirements.</p>'
    services = tuple(dict.fromkeys(cell.service for subnet in vpc.subnets for cell in subnet.cells))
    head = "".join(f'<th scope="col">{text(service)}</th>' for service in services)
    body = "".join(_row(subnet, services) for subnet in vpc.subnets)
    first, each = _FITS_PX
    label = f"Subnets of {text(vpc.name or vpc.id)}"
    frame = f' role="group" tabindex="0" aria-label="{label}"' if first + each * len(services) > (width or 500) else ""
    return (
        f'<div class="scroll"{frame}><table aria-label="{label}">'
        f'<thead><tr><th scope="col">Subnet</th><th scope="col">Tier, zone</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{_reasons(vpc)}{_served_by(vpc)}"
    )


def _row(subnet: SubnetRow, services: tuple[str, ...]) -> str:
    by_service = {cell.service: cell for cell in subnet.cells}
    cells = "".join(_cell(by_service.get(service)) for service in services)
    id_ = text(subnet.id).replace("-", "-<wbr>", 1)  # where a narrow column may break it
    title, below = (text(subnet.name), f"<code>{id_}</code> ") if subnet.name else (id_, "")
    return (
        f'<tr><th scope="row">{title}<small>{below}<code>{text(subnet.cidr)}</code></small></th>'
        f"<td>{text(subnet.tier)}<small>{text(subnet.zone)}</small></td>{cells}</tr>"
    )


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return '<td class="none">not required</td>'
    return f'<td class="{cell.standing}">{mark(cell.standing)}</td>'


def _reasons(vpc: VpcCoverage) -> str:
    """Why services are open or exempt, each reason once with the subnets that it holds for."""
    notified = _grouped(vpc, lambda cell: bool(cell.detail) or (cell.standing in _NOTIFIED and bool(cell.by)))
    worst_first = sorted(notified, key=lambda cell: list(Standing).index(cell.standing))
    rows = "".join(_reason(cell, notified[cell], len(vpc.subnets)) for cell in worst_first[:_REASONS])
    more = len(worst_first) - _REASONS
    rows += f"<li>… and {count(more, 'reason')} more</li>" if more > 0 else ""
    return f'<h4>Why</h4><ul class="why">{rows}</ul>' if rows else ""


def _reason(cell: Cell, subnets: list[SubnetRow], of: int) -> str:
    by = f" {code(cell.by)}" if cell.by else ""
    detail = f": {text(cell.detail)}" if cell.detail else ""
    where = f' <span class="meta">{_where(subnets, of)}</span>'
    service = f"<b>{text(cell.service)}</b>"
    return f'<li><span class="{cell.standing}">{mark(cell.standing)}</span> {service}{by}{detail}{where}</li>'


def _served_by(vpc: VpcCoverage) -> str:
    found = _grouped(vpc, lambda cell: cell.standing not in _NOTIFIED and bool(cell.by) and not cell.detail)
    rows = "".join(
        f"<li><b>{text(cell.service)}</b> {cell.standing} by {code(cell.by)} "
        f'<span class="meta">{_where(subnets, len(vpc.subnets))}</span></li>'
        for cell, subnets in list(found.items())[:_REASONS]
    )
    more = len(found) - _REASONS
    rows += f"<li>… and {count(more, 'endpoint')} more</li>" if more > 0 else ""
    return f'<details><summary>What serves them</summary><ul class="why">{rows}</ul></details>' if rows else ""


def _grouped(vpc: VpcCoverage, wanted: Callable[[Cell], bool]) -> dict[Cell, list[SubnetRow]]:
    found: dict[Cell, list[SubnetRow]] = {}
    for subnet in vpc.subnets:
        for cell in subnet.cells:
            if wanted(cell):
                found.setdefault(cell, []).append(subnet)
    return found


def _where(subnets: list[SubnetRow], of: int) -> str:
    if len(subnets) == of:
        return "in every subnet" if of > 1 else f"in {text(subnets[0].name or subnets[0].id)}"
    shown = ", ".join(text(subnet_row.name or subnet_row.id) for subnet_row in subnets[:_NAMED_SUBNETS])
    more = len(subnets) - _NAMED_SUBNETS
    return f"in {shown}" + (f" and {count(more, 'more', 'more')}" if more > 0 else "")


def vpc_title(vpc: VpcCoverage) -> str:
    """The VPC's name and id as a heading."""
    return f"<h3>{named(vpc.id, vpc.name)}</h3>"
