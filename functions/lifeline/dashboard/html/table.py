"""The coverage page's table of subnets and services, and the details below it."""

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from lifeline.core.network.model import SeenTier
from lifeline.core.notices.links import resource_link
from lifeline.dashboard.coverage import Cell, Standing, SubnetRow, VpcCoverage
from lifeline.dashboard.html.markup import Html, code, count, linked, listed, named

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
    Standing.SERVED: "by an endpoint in this VPC",
    Standing.CENTRAL: "by an endpoint elsewhere",
    Standing.PENDING: "an endpoint is on its way",
    Standing.UNKNOWN: "not known, because something was not read",
    Standing.MISSING: "required, but no endpoint answers",
    Standing.BLOCKED: "required, but something prevents it",
    Standing.EXEMPT: "not required, by a rule, a tag or a person",
}
_OPEN = frozenset({Standing.MISSING, Standing.BLOCKED, Standing.UNKNOWN, Standing.PENDING})
_EXPLAINED = _OPEN | {Standing.EXEMPT}
_NAMED_SUBNETS = 3
_DETAILS = 40
# The pieces of a row are made once: a large page has thousands of rows.
_ROW = Html(
    '<tr><th scope="row">{}<small>{}<code>{}</code></small></th><td>{}<small>{}</small></td>{}</tr>'  # title to cells
)
_ROWS = Html('<tr><th scope="row">{}<small>{}</small></th><td>{}<small class="zones">{}</small></td>{}</tr>')
_BELOW = Html("<code>{}</code> ")
_UNASKED = Html('<span class="cell none"><span class="svc">{}</span> <span>not required</span></span>')
_SUM = Html(
    '<span class="cell {}"><i aria-hidden="true">{}</i> <span class="svc">{}</span> {} '
    '<span class="visually-hidden">{}</span></span>'
)
_NARROW = Html("-<wbr>")  # where a narrow column may break an id
_NOTHING = Html()
_FITS_PX = (230, 96)  # the width of the first two columns, and of each further one


@dataclass(frozen=True, slots=True)
class Tally:
    """How subnets stand: cells by standing, and subnets by the worst of theirs. `asking` are those that need something,
    by a rule or a tag, and aren't exempt from all of it.
    """

    cells: Counter[Standing]
    not_served: int
    pending: int
    asking: int = 0

    @property
    def is_healthy(self) -> bool:
        """True where no required service is missing, blocked or pending."""
        return not self.not_served and not self.pending


def tally(vpcs: Iterable[VpcCoverage]) -> Tally:
    """Count these VPCs' cells and subnets. A subnet that misses a service isn't served, whatever else is pending."""
    subnets = [[cell.standing for cell in subnet.cells] for vpc in vpcs for subnet in vpc.subnets]
    not_served = [Standing.MISSING in standings or Standing.BLOCKED in standings for standings in subnets]
    pending = [Standing.PENDING in standings for standings in subnets]
    asking = sum(any(standing is not Standing.EXEMPT for standing in standings) for standings in subnets)
    waiting = sum(map(operator.gt, pending, not_served))
    return Tally(Counter(chain.from_iterable(subnets)), sum(not_served), waiting, asking)


def mark(standing: Standing, words: str) -> Html:
    """The standing's shape, which screen readers skip, and its words."""
    return Html('<i aria-hidden="true">{}</i> {}').format(GLYPHS[standing], words)


def legend() -> Html:
    """What each shape means."""
    rows = (Html("<li>{}: {}</li>").format(_word(standing), meaning) for standing, meaning in MEANINGS.items())
    return Html('<ul class="legend" aria-label="Legend">{}</ul>').format(Html().join(rows))


def sums(counted: Tally) -> Html:
    """How many cells have each standing, the worst first."""
    rows = Html().join(
        Html('<li class="{}">{}</li>').format(standing, mark(standing, f"{counted.cells[standing]:,} {standing}"))
        for standing in Standing
        if counted.cells[standing]
    )
    return Html('<ul class="sums">{}</ul>').format(rows) if rows else rows


def subnet_table(vpc: VpcCoverage, width: int, region: str) -> Html:
    """Each subnet against each service, then the details: what is open and why, and which endpoints serve the rest.

    A table that may be wider than the widget (`width` in px, 0 if not known) scrolls in a frame that Tab reaches.
    """
    if not vpc.subnets:
        return Html('<p class="meta">This VPC has no subnets.</p>')
    services = tuple(dict.fromkeys(cell.service for subnet in vpc.subnets for cell in subnet.cells))
    first, each = _FITS_PX
    label = Html("Subnets of {}").format(vpc.name or vpc.id)
    is_wide = first + each * len(services) > (width or 500)
    return Html(
        '<div class="scroll"{frame}><table aria-label="{label}">'
        '<thead><tr><th scope="col">Subnet</th><th scope="col">Tier, zone</th>{head}</tr></thead>'
        "<tbody>{body}</tbody></table></div>{details}{served_by}"
    ).format(
        frame=Html(' role="group" tabindex="0" aria-label="{}"').format(label) if is_wide else "",
        label=label,
        head=Html().join(map(Html('<th scope="col">{}</th>').format, services)),
        body=Html().join(_row(alike, services) for alike in _alike(vpc.subnets)),
        details=_details(vpc, region),
        served_by=_served_by(vpc, region),
    )


def _alike(subnets: Iterable[SubnetRow]) -> list[list[SubnetRow]]:
    """The subnets that differ in nothing but their name and place together, in their order."""
    groups: dict[tuple[SeenTier, tuple[Cell, ...]], list[SubnetRow]] = {}
    for subnet in subnets:
        groups.setdefault((subnet.tier, subnet.cells), []).append(subnet)
    return list(groups.values())


def _row(alike: Sequence[SubnetRow], services: tuple[str, ...]) -> Html:
    first = alike[0]
    by_service = {cell.service: cell.standing for cell in first.cells}
    cells = _NOTHING.join([_cell(by_service.get(service)) for service in services])
    zones = Html(", ").join(dict.fromkeys(subnet.zone for subnet in alike))
    if len(alike) > 1:
        return _ROWS.format(count(len(alike), "subnet"), _names(alike), first.tier, zones, cells)
    id_ = _NARROW.join(first.id.split("-", 1))
    title, below = (first.name, _BELOW.format(id_)) if first.name else (id_, "")
    return _ROW.format(title, below, first.cidr, first.tier, zones, cells)


@cache
def _cell(standing: Standing | None) -> Html:
    if standing is None:
        return Html('<td class="none">not required</td>')
    return Html('<td class="{}">{}</td>').format(standing, mark(standing, standing))


def _details(vpc: VpcCoverage, region: str) -> Html:
    """Why services are open or exempt: each reason once, with the subnets that it applies to."""
    explained = _grouped(vpc, lambda cell: bool(cell.detail) or (cell.standing in _EXPLAINED and bool(cell.by)))
    worst_first = sorted(explained, key=lambda cell: list(Standing).index(cell.standing))
    rows = listed(
        worst_first,
        _DETAILS,
        lambda cell: Html('<li>{} <b>{}</b>{}{} <span class="meta">{}</span></li>').format(
            _word(cell.standing),
            cell.service,
            cell.by and Html(" {}").format(_by(cell, region)),
            cell.detail and Html(": {}").format(cell.detail),
            _where(explained[cell], len(vpc.subnets)),
        ),
        Html("<li>… and {} more</li>"),
    )
    return Html('<h4>Details</h4><ul class="details">{}</ul>').format(rows) if rows else rows


def _served_by(vpc: VpcCoverage, region: str) -> Html:
    serving = _grouped(vpc, lambda cell: cell.standing not in _EXPLAINED and bool(cell.by) and not cell.detail)
    rows = listed(
        list(serving),
        _DETAILS,
        lambda cell: Html('<li><b>{}</b> served by {} <span class="meta">{}</span></li>').format(
            cell.service, _by(cell, region), _where(serving[cell], len(vpc.subnets))
        ),
        Html("<li>… and {} more</li>"),
    )
    fold = Html('<details><summary>Endpoints in use</summary><ul class="details">{}</ul></details>')
    return fold.format(rows) if rows else rows


def _by(cell: Cell, region: str) -> Html:
    """What serves. An endpoint elsewhere may be another account's, where the console wouldn't find it."""
    return code(cell.by) if cell.standing is Standing.CENTRAL else linked(cell.by, resource_link(cell.by, region))


@cache
def _word(standing: Standing) -> Html:
    return Html('<span class="{}">{}</span>').format(standing, mark(standing, standing))


def _grouped(vpc: VpcCoverage, is_wanted: Callable[[Cell], bool]) -> dict[Cell, list[SubnetRow]]:
    subnets: dict[Cell, list[SubnetRow]] = {}
    for subnet in vpc.subnets:
        for cell in subnet.cells:
            if is_wanted(cell):
                subnets.setdefault(cell, []).append(subnet)
    return subnets


def _where(subnets: list[SubnetRow], of: int) -> Html:
    if len(subnets) == of > 1:
        return Html("in all subnets")
    return Html("in {}").format(_names(subnets))


def _names(subnets: Sequence[SubnetRow]) -> Html:
    names = [subnet.name or subnet.id for subnet in subnets]
    more = len(names) - _NAMED_SUBNETS
    return Html(", ").join(names[:_NAMED_SUBNETS]) + (f" and {count(more, 'more subnet')}" if more > 0 else "")


def vpc_title(vpc: VpcCoverage) -> Html:
    """The VPC's name and id as a heading."""
    return Html("<h3>{}</h3>").format(named(vpc.id, vpc.name))


# ---- all VPCs by service


def services_of(vpcs: Iterable[VpcCoverage]) -> tuple[str, ...]:
    """The services that some subnet there needs or is exempt from, those of most trouble first."""
    trouble: Counter[str] = Counter()
    for vpc in vpcs:
        for subnet in vpc.subnets:
            for cell in subnet.cells:
                trouble[cell.service] += cell.standing in _OPEN
    return tuple(sorted(trouble, key=lambda service: (-trouble[service], service)))


def standings_of(vpc: VpcCoverage, services: Iterable[str]) -> Html:
    """Each service's worst standing in the VPC, and of how many of the subnets that need it."""
    found: dict[str, Counter[Standing]] = {}
    for subnet in vpc.subnets:
        for cell in subnet.cells:
            found.setdefault(cell.service, Counter())[cell.standing] += 1
    return _NOTHING.join([_sum(service, found.get(service)) for service in services])


def _sum(service: str, standings: Counter[Standing] | None) -> Html:
    if standings is None:
        return _UNASKED.format(service)
    worst = min(standings, key=list(Standing).index)
    number, of = standings[worst], standings.total()
    shown = f"{number:,}" if number == of else f"{number:,}/{of:,}"
    return _SUM.format(worst, GLYPHS[worst], service, shown, worst)
