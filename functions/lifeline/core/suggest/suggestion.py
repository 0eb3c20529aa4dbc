"""What to do about each service in a VPC: what its private subnets need, beside what is required and served there."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lifeline.core.network.model import Catalog, Endpoint, EndpointType, Part, SeenTier, Tier, Vpc, suffix_of
from lifeline.core.plan.actions import Plan, ServiceReport, ServiceState
from lifeline.core.plan.cost import Price, cost_of, monthly_cost_usd
from lifeline.core.suggest.evidence import Certainty, Kind, Resident, Source, Witness
from lifeline.core.suggest.witnesses import METRICS_SERVICE
from lifeline.core.wording import write_count


class Advice(StrEnum):
    """What to do about a service, what needs somebody first."""

    ADD = "add"
    NO_ENDPOINT = "no endpoint"
    UNKNOWN = "unknown"
    NOT_USED = "not used"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Line:
    """One service in one VPC. `certainty` is that of its surest witness, None where it has none.

    `state` is how it stands for the private subnets, empty if nothing answers by this name; `by` are the endpoints or
    zones that serve it. `monthly_cost_usd` is what an endpoint would cost, or costs.
    """

    service: str
    verdict: Advice
    certainty: Certainty | None
    is_required: bool
    state: str
    by: tuple[str, ...]
    monthly_cost_usd: Decimal
    witnesses: tuple[Witness, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One VPC: its lines, and the services that a rule of the policy would require, what these add and what is idle.

    `residents` counts who is known to live in its private subnets.
    """

    vpc_id: str
    name: str
    private_subnets: int
    residents: int
    lines: tuple[Line, ...]
    require: tuple[str, ...]
    adds_usd: Decimal
    idle_usd: Decimal
    notes: tuple[str, ...] = ()

    @property
    def rule(self) -> dict[str, object]:
        """The rule of a policy document that requires what is needed in this VPC."""
        name = f"suggested for {self.vpc_id}"
        return {"name": name, "require": list(self.require), "where": {"vpc_ids": [self.vpc_id]}}


@dataclass(frozen=True, slots=True)
class Inhabitants:
    """Who lives in a VPC's private subnets now. `strangers` counts the network interfaces of other kinds or accounts,
    and `is_logged` says that the VPC's queries are logged where they can be read.
    """

    known: tuple[Resident, ...] = ()
    strangers: int = 0
    is_logged: bool = False

    @property
    def why_unasked(self) -> str:
        """Why they could need what nobody was seen to need; empty where all of them were asked."""
        if self.strangers:
            return (
                f"what {write_count(self.strangers, 'network interface')} of other kinds or accounts would need isn't"
            )
        if not self.known:
            return "nobody lives there now, and what others will need isn't"
        without = [one for one in self.known if one.kind is Kind.INSTANCE and not one.roles]
        return f"what {write_count(len(without), 'instance')} without a role would need isn't" if without else ""


@dataclass(frozen=True, slots=True)
class Now:
    """How a VPC stands: what the policy requires, and the plan for that and for everything that is needed."""

    required: frozenset[str]
    plan: Plan
    tiers: Mapping[str, SeenTier]
    is_own: Mapping[str, bool]


def suggest(
    vpc: Vpc,
    found: Iterable[Witness],
    now: Now,
    catalog: Catalog,
    *,
    unread: Mapping[Source, str],
    inhabitants: Inhabitants,
    price: Price,
    creatable: Collection[str] = (),
) -> Suggestion:
    """What to add, keep and retire in the VPC. Nothing counts as unused while a source can't be read: each sees what
    the others don't. Nor does it where somebody lives who can't be asked, or nobody does.
    """
    by_name: dict[str, list[Witness]] = {}
    for witness in found:
        by_name.setdefault(witness.name, []).append(witness)
    endpoints: dict[str, list[Endpoint]] = {}
    for endpoint in vpc.live_endpoints:
        if not endpoint.requester_managed and catalog.find(service := suffix_of(endpoint.service_name)):
            endpoints.setdefault(service, []).append(endpoint)
    judge = _Judge(vpc, now, catalog, unread, inhabitants, price)
    lines = [
        judge.line(name, tuple(by_name.get(name, ())), tuple(endpoints.get(name, ())))
        for name in sorted(by_name.keys() | endpoints.keys() | now.required)
    ]
    order = list(Advice)
    lines.sort(key=lambda line: (order.index(line.verdict), line.service))
    require = [line.service for line in lines if _belongs(line)]
    added = {line.service for line in lines if line.verdict in {Advice.ADD, Advice.KEEP}}
    planned = [action for action in now.plan.planned if action.service in added]
    idle = [line.monthly_cost_usd for line in lines if line.verdict is Advice.NOT_USED and line.by]
    return Suggestion(
        vpc.id,
        vpc.tag("Name") or "",
        sum(tier is not Tier.PUBLIC for tier in now.tiers.values()),
        len(inhabitants.known),
        tuple(lines),
        tuple(sorted(require)),
        cost_of(planned, price),
        sum(idle, Decimal(0)),
        _notes(vpc, require, creatable, inhabitants),
    )


def _belongs(line: Line) -> bool:
    """True for what the rule requires: what is needed, and what is required by now and may be needed."""
    is_open = line.verdict is Advice.UNKNOWN and line.is_required
    return line.verdict in {Advice.ADD, Advice.KEEP} or is_open


def _notes(vpc: Vpc, require: Collection[str], creatable: Collection[str], inhabitants: Inhabitants) -> tuple[str, ...]:
    notes = []
    if any(tagged.tag("lifeline:require") is not None for tagged in (vpc, *vpc.subnets)):
        notes.append("a tag lifeline:require stands in for the rules there: change the tag, not the policy")
    if lacking := sorted(set(require) - set(creatable)) if creatable else []:
        notes.append(f"Lifeline's role may not create {', '.join(lacking)}: add them to CreatableServices")
    if inhabitants.strangers:
        words = write_count(inhabitants.strangers, "network interface")
        notes.append(f"{words} of other kinds or accounts may call services, too: what they need isn't known")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Judge:
    vpc: Vpc
    now: Now
    catalog: Catalog
    unread: Mapping[Source, str]
    inhabitants: Inhabitants
    price: Price

    def line(self, name: str, witnesses: tuple[Witness, ...], endpoints: tuple[Endpoint, ...]) -> Line:
        certainty = min((one.certainty for one in witnesses), key=list(Certainty).index, default=None)
        report = next((report for report in self.now.plan.services if report.service == name), None)
        by = (report.by,) if report and report.by else tuple(endpoint.id for endpoint in endpoints)
        verdict, detail = self._verdict(name, certainty, report, witnesses, is_there=bool(endpoints))
        if verdict is Advice.NOT_USED and endpoints:
            detail = f"{detail}; {self._whose(endpoints)}"
        return Line(
            name,
            verdict,
            certainty,
            name in self.now.required,
            str(report.state) if report and verdict is not Advice.NO_ENDPOINT else "",
            by,
            self._cost(name, endpoints),
            witnesses,
            detail,
        )

    def _verdict(
        self,
        name: str,
        certainty: Certainty | None,
        report: ServiceReport | None,
        witnesses: tuple[Witness, ...],
        *,
        is_there: bool,
    ) -> tuple[Advice, str]:
        none = next((one.why_no_endpoint for one in witnesses if one.why_no_endpoint), "")
        if certainty is Certainty.UNKNOWN:
            return Advice.UNKNOWN, "; ".join(filter(None, ("whether it is needed here isn't known", none)))
        if none:
            return Advice.NO_ENDPOINT, f"{none}; {self._way_out(witnesses)}"
        if certainty is None:
            return self._unwitnessed(name, is_there=is_there)
        served = report and report.state in {ServiceState.SERVED, ServiceState.CENTRAL, ServiceState.PENDING}
        is_required = any(one.name in self.now.required for one in witnesses)
        if is_required or served or is_there:
            return Advice.KEEP, "" if is_required else "no rule requires it, so Lifeline wouldn't repair it"
        return Advice.ADD, report.detail if report and report.state is ServiceState.BLOCKED else ""

    def _unwitnessed(self, name: str, *, is_there: bool) -> tuple[Advice, str]:
        if unread := sorted(self.unread):
            return Advice.UNKNOWN, f"no witness, but {', '.join(unread)} can't be read"
        is_unsure = any(len(tier.possible) > 1 for tier in self.now.tiers.values())
        if is_unsure or self.vpc.unread_words(Part.PREFIX_LIST, Part.NAT_GATEWAYS):
            return Advice.UNKNOWN, "no witness, but which subnets are private isn't known for sure"
        if why := self.inhabitants.why_unasked:
            return Advice.UNKNOWN, f"no witness, but {why} known"
        # Whether access advisor counts PutMetricData isn't settled: that nobody was seen to call says nothing then.
        if name == METRICS_SERVICE and not self.inhabitants.is_logged:
            return Advice.UNKNOWN, "no witness, but access advisor may not see who publishes metrics"
        candidate = ": a candidate for retirement" if is_there else ", so no rule would have to require it"
        return Advice.NOT_USED, f"no witness{candidate}"

    def _way_out(self, witnesses: tuple[Witness, ...]) -> str:
        """Whether those who need it have another way out, as far as it is known who they are."""
        asking = frozenset[str]().union(*(one.subnet_ids for one in witnesses))
        subnets = asking or {id_ for id_, tier in self.now.tiers.items() if tier is not Tier.PUBLIC}
        shut = sorted(id_ for id_ in subnets if self.now.tiers.get(id_) is Tier.ISOLATED)
        if not shut:
            return "it needs the subnets' own way out, such as a NAT gateway"
        return f"it needs another way out, and {', '.join(shut[:3])}{' ...' if len(shut) > 3 else ''} has none"

    def _whose(self, endpoints: tuple[Endpoint, ...]) -> str:
        own = [endpoint.id for endpoint in endpoints if self.now.is_own.get(endpoint.id)]
        others = [endpoint.id for endpoint in endpoints if endpoint.id not in own]
        words = [f"Lifeline will delete {', '.join(own)} once nothing requires it" if own else ""]
        words.append(f"{', '.join(others)} is not Lifeline's: delete it yourself" if others else "")
        return "; ".join(filter(None, words))

    def _cost(self, name: str, endpoints: tuple[Endpoint, ...]) -> Decimal:
        """What its interface endpoints cost in a month, or would cost; gateway endpoints are free."""
        if endpoints:
            zones = sum(len(one.subnet_ids) for one in endpoints if one.type is EndpointType.INTERFACE)
            return monthly_cost_usd(zones, self.price)
        return cost_of([action for action in self.now.plan.actions if action.service == name], self.price)
