"""From evidence to witnesses: what each piece says of which VPC's private subnets, and how sure that is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.network.model import Catalog, SeenTier, Tier, Vpc, suffix_of
from lifeline.core.suggest.declared import Declared, named, of_agent, of_task
from lifeline.core.suggest.evidence import Asked, Certainty, Kind, Resident, ServiceUse, Source, UsageEvidence, Witness
from lifeline.core.suggest.namespaces import Answering, by_host, by_namespace
from lifeline.core.wording import few, quoted, write_count, write_length

_AGENTS = ("ecs-agent", "ecs-telemetry")  # which ECS's agent asks for, on an instance alone
_OF_CONTAINER_INSTANCES = ("ecs", *_AGENTS)
METRICS_SERVICE = "monitoring"  # CloudWatch's, to which agents publish
# vpce-<id>-<letters>.<service>.<region>.vpce.amazonaws.com, with the zone after the letters or not (PrivateLink guide:
# access an AWS service using an interface endpoint).
_OWN_NAME = re.compile(r"(?:^|\.)(vpce-[0-9a-f]+)-[a-z0-9-]+\.[a-z0-9.-]+\.vpce\.amazonaws\.com")
_NAMED = 2
_MINUTE = timedelta(minutes=1)
_NOT_OFFERED = "this Region offers no endpoint service for it"


@dataclass(frozen=True, slots=True)
class Places:
    """Which subnets are whose, and which are public. What isn't known to be public counts as private. `service_of` has
    the service of each endpoint, by its VPC and its ID.
    """

    vpc_of: Mapping[str, str]
    public: frozenset[str]
    service_of: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, vpcs: Iterable[Vpc], tiers: Mapping[str, Mapping[str, SeenTier]]) -> "Places":
        """The places of these VPCs, by the tiers of each one's subnets."""
        vpcs = tuple(vpcs)
        public = {id_ for vpc in vpcs for id_, tier in tiers[vpc.id].items() if tier is Tier.PUBLIC}
        service_of = {
            (vpc.id, endpoint.id): suffix_of(endpoint.service_name) for vpc in vpcs for endpoint in vpc.live_endpoints
        }
        return cls({subnet.id: vpc.id for vpc in vpcs for subnet in vpc.subnets}, frozenset(public), service_of)

    def private(self, resident: Resident) -> dict[str, frozenset[str]]:
        """By VPC: the private subnets that the resident lives in."""
        found: dict[str, set[str]] = {}
        for subnet_id in resident.subnet_ids - self.public:
            if subnet_id in self.vpc_of:
                found.setdefault(self.vpc_of[subnet_id], set()).add(subnet_id)
        return {vpc_id: frozenset(subnet_ids) for vpc_id, subnet_ids in found.items()}


def witnesses(
    evidence: UsageEvidence, places: Places, catalog: Catalog, region: str, *, now: datetime, window: timedelta
) -> tuple[Witness, ...]:
    """Every witness that the evidence has, the surest first, and of these by source. A use before the window witnesses
    nothing.
    """
    found = [
        *_asked(evidence, places, catalog, region),
        *_published(evidence, places, now),
        *_declared_by_tasks(evidence, places, region),
        *_declared_by_agents(evidence, places, region, now, window),
        *_used(evidence, places, catalog, region, now, window),
    ]
    found = [one if _is_offered(one, catalog) else replace(one, why_no_endpoint=_NOT_OFFERED) for one in found]
    order = [*Certainty, *Source]
    return tuple(
        sorted(dict.fromkeys(found), key=lambda one: (*map(order.index, (one.certainty, one.source)), one.name))
    )


def _is_offered(witness: Witness, catalog: Catalog) -> bool:
    return bool(witness.why_no_endpoint) or bool(catalog.find(witness.name))


def _asked(evidence: UsageEvidence, places: Places, catalog: Catalog, region: str) -> Iterator[Witness]:
    """The log names the VPC, and instances. Those that live in public subnets alone ask for themselves."""
    lives_in = {resident.name: resident for resident in evidence.residents if resident.kind is Kind.INSTANCE}
    askers: dict[tuple[str, str], list[Asked]] = {}
    for asked in evidence.asked:
        resident = lives_in.get(asked.instance)
        if resident is None or asked.vpc_id in places.private(resident):
            askers.setdefault((asked.vpc_id, asked.name.rstrip(".").lower()), []).append(asked)
    with_public = {places.vpc_of[subnet_id] for subnet_id in places.public}
    for (vpc_id, host), of_host in askers.items():
        answering = _of_endpoint(host, vpc_id, places) or by_host(host, catalog, region)
        if answering is None:
            continue
        known = [lives_in[asked.instance] for asked in of_host if asked.instance in lives_in]
        subnets = frozenset[str]().union(*(places.private(resident)[vpc_id] for resident in known))
        who = few([quoted(resident.name) for resident in sorted(known)], _NAMED) or "something in the VPC"
        words = f"{who} asked for {quoted(host, 120)} {write_times(sum(asked.times for asked in of_host))}"
        doubt = ""
        if answering.is_one_of:
            doubt = "of which Region's bucket isn't known"
        elif not known and vpc_id in with_public:
            doubt = "whether that was in a private subnet isn't known"
        certainty = Certainty.UNKNOWN if doubt else Certainty.CERTAIN
        words += f"; {doubt}" if doubt else ""
        for name in answering.services or (named(host),):
            yield Witness(vpc_id, name, Source.QUERY_LOGS, certainty, words, subnets, answering.why_none)


def _of_endpoint(host: str, vpc_id: str, places: Places) -> Answering | None:
    """What an endpoint of this VPC answers by a name of its own, which clients may use instead of private DNS."""
    found = _OWN_NAME.search(host)
    service = places.service_of.get((vpc_id, found[1])) if found else None
    return Answering((service,)) if service else None


def _published(evidence: UsageEvidence, places: Places, now: datetime) -> Iterator[Witness]:
    """CloudWatch has the metrics of this Region alone, so who published them reached its service here."""
    lives_in = {resident.name: resident for resident in evidence.residents if resident.kind is Kind.INSTANCE}
    for one in evidence.published:
        resident = lives_in.get(one.instance)
        if resident is None:
            continue
        words = f"{resident.words} published {quoted(one.namespace)} metrics {_minutes_ago(one.at, now)}"
        is_elsewhere_too = bool(resident.subnet_ids & places.public)
        words += "; it has an interface in a public subnet, too, so it isn't known from where" * is_elsewhere_too
        certainty = Certainty.UNKNOWN if is_elsewhere_too else Certainty.CERTAIN
        for vpc_id, subnet_ids in places.private(resident).items():
            yield Witness(vpc_id, METRICS_SERVICE, Source.METRICS, certainty, words, subnet_ids)


def _declared_by_tasks(evidence: UsageEvidence, places: Places, region: str) -> Iterator[Witness]:
    for resident in evidence.residents:
        definition = evidence.definitions.get(resident.task_definition)
        if definition is None:
            continue
        name = resident.task_definition.rpartition("/")[2]
        said: list[Declared] = [
            (service, f"task definition {quoted(name)} {why}", none)
            for service, why, none in of_task(definition, region)
        ]
        if resident.is_exec_on:
            said.append(("ssmmessages", f"{resident.words} has ECS Exec turned on", ""))
        if resident.on_instances:
            said += [(service, f"{resident.words} runs on instances", "") for service in _OF_CONTAINER_INSTANCES]
        for vpc_id, subnet_ids in places.private(resident).items():
            for service, why, none in said:
                yield Witness(vpc_id, service, Source.TASKS, Certainty.CERTAIN, why, subnet_ids, none)


def _declared_by_agents(
    evidence: UsageEvidence, places: Places, region: str, now: datetime, window: timedelta
) -> Iterator[Witness]:
    """Which instances read a configuration isn't written anywhere. Those whose role called Systems Manager may well;
    of the others it isn't known, for a first call that never got through shows nowhere.
    """
    readers: dict[tuple[str, bool], set[str]] = {}
    for resident in evidence.residents:
        if resident.kind is Kind.INSTANCE and resident.roles:
            uses = [use for role in resident.roles for use in evidence.uses.get(role, ())]
            called = any(use.namespace == "ssm" and now - use.at <= window for use in uses)
            for vpc_id, subnet_ids in places.private(resident).items():
                readers.setdefault((vpc_id, called), set()).update(subnet_ids)
    for configuration in evidence.configurations:
        for service, why, none in of_agent(configuration.content, region):
            words = f"agent configuration {quoted(configuration.name)} {why}; which instances use it isn't known"
            for (vpc_id, called), among in readers.items():
                certainty = Certainty.LIKELY if called else Certainty.UNKNOWN
                yield Witness(vpc_id, service, Source.CONFIGS, certainty, words, frozenset(among), none)


def _used(
    evidence: UsageEvidence, places: Places, catalog: Catalog, region: str, now: datetime, window: timedelta
) -> Iterator[Witness]:
    users: dict[str, list[Resident]] = {}
    for resident in evidence.residents:
        for role in resident.roles:
            users.setdefault(role, []).append(resident)
    for role, uses in evidence.uses.items():
        for use in uses:
            if now - use.at <= window:
                yield from _of_use(use, role, users.get(role, []), places, catalog, region, now)


def _of_use(
    use: ServiceUse, role: str, users: list[Resident], places: Places, catalog: Catalog, region: str, now: datetime
) -> Iterator[Witness]:
    answering = by_namespace(use.namespace, catalog)
    here: dict[str, list[Resident]] = {}
    for resident in users:
        for vpc_id in places.private(resident):
            here.setdefault(vpc_id, []).append(resident)
    doubt = _doubt(use, users, places, region)
    for vpc_id, residents in here.items():
        subnets = frozenset[str]().union(*(places.private(resident)[vpc_id] for resident in residents))
        who = few([resident.words for resident in sorted(residents)], _NAMED)
        words = f"role {quoted(role.rpartition('/')[2])} of {who} called {use.namespace} {_ago(now - use.at)}"
        on_instance = any(resident.kind is Kind.INSTANCE for resident in residents)
        services = tuple(name for name in answering.services if on_instance or name not in _AGENTS)
        certainty = Certainty.UNKNOWN if doubt or answering.is_one_of else Certainty.LIKELY
        reasons = [doubt] if doubt else []
        if not doubt and any(
            resident.subnet_ids - places.private(resident).get(vpc_id, frozenset()) for resident in users
        ):
            reasons.append("the role is used in other VPCs, too")
        if answering.is_one_of and services:
            reasons.append(f"whether that was {' or '.join(services)} or another API isn't known")
        words += "".join(f"; {reason}" for reason in reasons)
        for name in services or (use.namespace,):
            yield Witness(vpc_id, name, Source.ADVISOR, certainty, words, subnets, answering.why_none)


def _doubt(use: ServiceUse, users: list[Resident], places: Places, region: str) -> str:
    """Why the call may not have been made from these private subnets, or not by what lives there; else empty."""
    if use.region not in {"", region, "aws-global"}:
        return f"that was in {use.region}, and whether it ever did in this Region isn't known"
    if any(resident.subnet_ids & places.public for resident in users):
        return "the role is used in public subnets, too, so it isn't known from where"
    if use.namespace == "logs" and all(resident.kind is Kind.FUNCTION for resident in users):
        # Lambda guide: CloudWatch Logs. Lambda sends what functions print, by the functions' roles.
        return "Lambda writes its functions' logs by their roles without their VPC, so it may have been that alone"
    if use.namespace == "kms":
        return "services such as S3 call KMS in a role's name by themselves, so it may have been that alone"
    return ""


def _ago(age: timedelta) -> str:
    days = max(age.days, 0)
    return "today" if days == 0 else f"{write_count(days, 'day')} ago"


def _minutes_ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "in the last 3 hours"
    age = (now - at) // _MINUTE * _MINUTE
    return f"{write_length(age)} ago" if age >= _MINUTE else "less than a minute ago"


def write_times(number: int) -> str:
    """How often, for people."""
    return "once" if number == 1 else f"{number:,} times"
