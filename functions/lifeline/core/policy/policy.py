"""What is required where: the policy, and what it wants of one VPC."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import itemgetter

from lifeline.core.agents.watches import Maintenance, SeverityRule, Tags, Watch
from lifeline.core.network.model import Ranges, SeenTier, Subnet, Tier, Vpc
from lifeline.core.owner import USUAL_TAGS, OwnerTags
from lifeline.core.policy.central import Central
from lifeline.core.policy.document import shown
from lifeline.core.policy.labels import USUAL_LABELS, Labels
from lifeline.core.policy.runbook import RUNBOOK
from lifeline.core.policy.service_sets import expand, is_service
from lifeline.core.wording import write_count

REQUIRE = "lifeline:require"
EXEMPT = "lifeline:exempt"
PRIVATE = frozenset({Tier.ISOLATED, Tier.EGRESS})

MOST_UNKNOWN = 10  # names of no service that tags in a VPC may ask for, each with an action of its own
LEDGER_KEEP = timedelta(days=400)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Services that are required in the subnets which meet every condition; an empty one is met by all but `tiers`."""

    services: frozenset[str]
    per_zone: bool = True
    tiers: frozenset[Tier] = PRIVATE
    vpc_ids: frozenset[str] = frozenset()
    vpc_tags: Tags = ()
    subnet_tags: Tags = ()
    name: str = ""

    def matches(self, vpc: Vpc, subnet: Subnet, tier: Tier) -> bool:
        """True if the subnet, which is of this tier and VPC, meets every condition."""
        return (
            tier in self.tiers
            and (not self.vpc_ids or vpc.id in self.vpc_ids)
            and all(_has_tag(vpc, key, values) for key, values in self.vpc_tags)
            and all(_has_tag(subnet, key, values) for key, values in self.subnet_tags)
        )


class ExemptedBy(StrEnum):
    """Where an exemption is written down."""

    POLICY = "policy"
    TAG = "tag"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Exempted:
    """A VPC or subnet that need not reach some services, or any if `services` is empty; `until` is the last day."""

    subject: str
    services: tuple[str, ...]
    until: date | None
    reason: str
    by: ExemptedBy = field(default=ExemptedBy.POLICY, compare=False)

    def counts_on(self, today: date) -> bool:
        """True until the last day has passed."""
        return self.until is None or today <= self.until

    def spares(self, service: str) -> bool:
        """True if the service is one that the subject need not reach."""
        return not self.services or service in self.services

    @property
    def words(self) -> str:
        """What is exempt from what, for how long and why, as a clause."""
        until = f" until {self.until}" if self.until else ""
        return f"{self.subject} is exempt from {', '.join(self.services) or 'everything'}{until}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many endpoints there may be, whoever made them; AWS's default quotas (VPC guide: AWS PrivateLink quotas)."""

    interface_endpoints_per_vpc: int = 50
    gateway_endpoints_per_region: int = 20


@dataclass(frozen=True, slots=True)
class AllAccounts:
    """What may be done without approval in all accounts of a hub together, beside what each account's limits say."""

    endpoints_per_day: int = 500
    vpcs_per_day: int = 500
    monthly_usd: Decimal = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be done without approval. 0 blocks everything of its kind. The budgets are for what Lifeline adds.

    They are of one account; `all_accounts` are those that a hub's accounts share.
    """

    endpoints_per_run: int = 20
    endpoints_per_day: int = 50
    vpcs_per_run: int = 20
    vpcs_per_day: int = 50
    monthly_usd_per_vpc: Decimal = Decimal(100)
    monthly_usd: Decimal = Decimal(100)
    all_accounts: AllAccounts = field(default_factory=AllAccounts)


@dataclass(frozen=True, slots=True)
class Shares:
    """How the limits are shared, in percent.

    `reserved_percent` are for urgent repairs. Of these, `proven_percent` are for VPCs whose path was known for long; no
    document sets it. `vpc_percent` of the day's endpoints are what one VPC may use for anything else.
    """

    reserved_percent: int = 50
    vpc_percent: int = 25
    proven_percent: int = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """What is required where, whose silence matters, and how Lifeline goes about it.

    `per_zone` is the coverage of what tags ask for. `without_approval` is how much Lifeline may do before it asks.
    `retire_after` is how long an endpoint stays that nothing requires; zero keeps it forever. `is_canary` creates
    endpoints without private DNS and enables that afterwards. `iac_debounce` is how long a change by an
    infrastructure-as-code tool waits; zero is no longer than any other. `ledger_keep` is how long entries of the audit
    log are kept.

    `severities` say how severe the silence of which agents is; the first that covers an agent counts. `owner_tags` are
    the keys of the tags that name the team and the environment.

    With `hash_session_names`, nobody's name is kept or reported. `ports` are what services listen on, where Lifeline
    doesn't know it or isn't to go by what it knows. `gateway_always` are the services that get a
    gateway endpoint even where an interface endpoint serves them. With `acts_on_backlog`,
    nothing waits for approval of the backlog.

    Dry runs prove the event path with `proves_event_path`, though not in `unproven_accounts`.

    `labels` are the names and tags of what is made in EC2. `endpoint_policies` are the names of the endpoints'
    policies by service, and `organization` is what these call by that name. `runbook_url` is where notices and events
    send their readers. `central` is the hub whose endpoints VPCs may share.

    `known_names` are those of the region's services and the named sets, None while they aren't known: a tag that names
    anything else is misspelt.
    """

    rules: tuple[PolicyRule, ...]
    exemptions: tuple[Exempted, ...] = ()
    limits: Quotas = Quotas()
    without_approval: Limits = Limits()
    shares: Shares = Shares()
    fix_dns: bool = False
    per_zone: bool = True
    retire_after: timedelta = timedelta(hours=72)
    is_canary: bool = False
    iac_debounce: timedelta = timedelta(minutes=10)
    watches: tuple[Watch, ...] = (Watch(),)
    maintenance: tuple[Maintenance, ...] = ()
    severities: tuple[SeverityRule, ...] = ()
    owner_tags: OwnerTags = USUAL_TAGS
    sends_events: bool = True
    proves_event_path: bool = True
    unproven_accounts: frozenset[str] = frozenset()
    ledger_keep: timedelta = LEDGER_KEEP
    hash_session_names: bool = False
    ports: tuple[tuple[str, Ranges], ...] = ()
    gateway_always: frozenset[str] = frozenset()
    acts_on_backlog: bool = False
    labels: Labels = USUAL_LABELS
    endpoint_policies: tuple[tuple[str, str], ...] = ()
    organization: str = ""
    runbook_url: str = RUNBOOK
    central: Central | None = None
    known_names: frozenset[str] | None = field(default=None, compare=False, repr=False)

    @property
    def watch_names(self) -> tuple[str, ...]:
        """The names of all watches, under which their incidents are kept."""
        return tuple(watch.name for watch in self.watches)

    @property
    def tag_keys(self) -> frozenset[str]:
        """The keys of the tags by which the rules select VPCs and subnets."""
        return frozenset(key for rule in self.rules for key, _ in (*rule.vpc_tags, *rule.subnet_tags))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One service that some subnets of one VPC must reach; `per_zone` in each of their zones, or else anywhere.
    `is_by_tag` says that no rule asks for it in the VPC, or would in a subnet without a way out.
    """

    service: str
    subnet_ids: frozenset[str]
    per_zone: bool
    is_by_tag: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """One VPC's requirements by service, the exemptions that took some away, and the tags that can't be read, in words.

    `spared` names each service that a subnet would have to reach, were it not for an exemption. `unsure` are the
    requirements of subnets whose tier isn't known and decides, or whose tag `lifeline:exempt` can't be read: nothing is
    made for them, and nothing taken away. `unclear` has such tags in words, by subnet. `held` is the VPC's own:
    somebody wants all of it to be left alone, so nothing is made there.
    """

    requirements: tuple[Requirement, ...]
    exempted: tuple[Exempted, ...] = ()
    problems: tuple[str, ...] = ()
    spared: tuple[tuple[str, str, Exempted], ...] = field(default=(), compare=False)
    unsure: tuple[Requirement, ...] = ()
    held: tuple[str, ...] = ()
    unclear: tuple[tuple[str, str], ...] = ()

    @property
    def services(self) -> frozenset[str]:
        """What a subnet must reach, or may have to."""
        return frozenset(requirement.service for requirement in (*self.requirements, *self.unsure))

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Each subnet, by id, and service that it must reach."""
        return frozenset(
            (subnet_id, requirement.service)
            for requirement in self.requirements
            for subnet_id in requirement.subnet_ids
        )


def simple_policy(services: Sequence[str]) -> Policy:
    """What the stack requires where no document says anything: these services in every private subnet."""
    return Policy(rules=(PolicyRule(expand(services)),))


# ---- what a VPC's subnets must reach


def desired(policy: Policy, vpc: Vpc, tiers: Mapping[str, SeenTier], *, today: date) -> Desired:
    """What the VPC's available subnets must reach on a day (UTC): what is asked of each, without what is exempt.

    A subnet's tag `lifeline:require` stands in for the rules there; a VPC's stands in for them in the whole VPC, and
    asks in its private subnets. Exemptions count whoever asks. A tag that can't be read counts as absent, and one that
    names a service that isn't known asks beside the rules: a slip takes nothing away. Of such names, the first
    MOST_UNKNOWN in the VPC count, and the others are one problem: anybody can tag hundreds of subnets with them. The
    order of rules, subnets and tags makes no difference.
    """
    subnets = sorted((subnet for subnet in vpc.subnets if subnet.state == "available"), key=lambda subnet: subnet.id)
    tagged: tuple[Vpc | Subnet, ...] = (vpc, *subnets)
    tags = {tagged_resource.id: _read_tags(tagged_resource) for tagged_resource in tagged}
    asked = {subnet.id: _asked_for_sure(policy, vpc, subnet, tiers[subnet.id], tags) for subnet in subnets}
    said = [*policy.exemptions, *(_tags_read.exempted for _tags_read in tags.values() if _tags_read.exempted)]
    exemptions: dict[str, list[tuple[int, Exempted]]] = {tagged_id: [] for tagged_id in tags}
    for place, exempted in enumerate(said):
        if exempted.subject in tags and exempted.counts_on(today):
            exemptions[exempted.subject].append((place, exempted))
    used: set[Exempted] = set()
    spared: list[tuple[str, str, Exempted]] = []
    requirements: dict[str, dict[str, bool]] = {}
    unsure: dict[str, dict[str, bool]] = {}
    for subnet_id, (services, maybe) in asked.items():
        placed = sorted((*exemptions[vpc.id], *exemptions[subnet_id]), key=itemgetter(0))
        here = [exempted for _, exempted in placed]
        for service, per_zone in maybe.items():
            if not any(exempted.spares(service) for exempted in here):
                unsure.setdefault(service, {})[subnet_id] = per_zone
        for service, per_zone in services.items():
            sparing = [exempted for exempted in here if exempted.spares(service)]
            used.update(sparing)
            spared += [(subnet_id, service, exempted) for exempted in sparing[:1]]
            if not sparing:
                (unsure if tags[subnet_id].unclear else requirements).setdefault(service, {})[subnet_id] = per_zone
    problems = [problem for _tags_read in tags.values() for problem in _tags_read.problems]
    if beyond := _unknown_beyond(policy, {*requirements, *unsure}):
        for service in beyond:
            requirements.pop(service, None)
            unsure.pop(service, None)
        problems.append(
            f"{vpc.id}: the tags {REQUIRE} there name {write_count(len(beyond), 'more service')} that the region "
            f"doesn't offer, such as {beyond[0]}; nothing is made for them"
        )
    ruled = frozenset[str]().union(*asked_by_rules(policy, vpc, tiers).values())
    return Desired(
        requirements=_as_requirements(requirements, ruled),
        exempted=tuple(sorted(used, key=_in_order)),
        problems=tuple(problems),
        spared=tuple(spared),
        unsure=_as_requirements(unsure, ruled),
        held=(tags[vpc.id].unclear,) if tags[vpc.id].unclear else (),
        unclear=tuple((subnet_id, tags[subnet_id].unclear) for subnet_id in asked if tags[subnet_id].unclear),
    )


def asked_in(policy: Policy, vpc: Vpc, tiers: Mapping[str, SeenTier], *, today: date) -> dict[str, frozenset[str]]:
    """What each of the VPC's subnets must reach, or may have to, by its id: as it is, or would if it had no way out."""
    asked = {subnet.id: set[str]() for subnet in vpc.subnets}
    for want in _with_way_out_or_without(policy, vpc, tiers, today):
        for requirement in (*want.requirements, *want.unsure):
            for subnet_id in requirement.subnet_ids:
                asked[subnet_id].add(requirement.service)
    return {subnet_id: frozenset(services) for subnet_id, services in asked.items()}


def asked_by_rules(policy: Policy, vpc: Vpc, tiers: Mapping[str, SeenTier]) -> dict[str, frozenset[str]]:
    """What the rules ask for in each subnet as it is, or would ask for if it lost its way out.

    Tags that replace the rules don't count: whoever sets one must not take away what the rules put first.
    """
    return {
        subnet.id: frozenset(
            service
            for rule in policy.rules
            if any(rule.matches(vpc, subnet, tier) for tier in {*tiers[subnet.id].possible, Tier.ISOLATED})
            for service in rule.services
        )
        for subnet in vpc.subnets
    }


def spared_in(
    policy: Policy, vpc: Vpc, tiers: Mapping[str, SeenTier], *, today: date
) -> dict[str, dict[str, Exempted]]:
    """What each of the VPC's subnets would have to reach but for an exemption, by its id and the service; as above."""
    spared: dict[str, dict[str, Exempted]] = {subnet.id: {} for subnet in vpc.subnets}
    for want in _with_way_out_or_without(policy, vpc, tiers, today):
        for subnet_id, service, exempted in want.spared:
            spared[subnet_id][service] = exempted
    return spared


def _with_way_out_or_without(policy: Policy, vpc: Vpc, tiers: Mapping[str, SeenTier], today: date) -> Iterator[Desired]:
    for seen in (tiers, dict.fromkeys(tiers, Tier.ISOLATED)):
        yield desired(policy, vpc, seen, today=today)


def _unknown_beyond(policy: Policy, services: Collection[str]) -> list[str]:
    """The services that only tags name and that aren't known, without the first MOST_UNKNOWN."""
    if policy.known_names is None:
        return []
    ruled = frozenset[str]().union(*(rule.services for rule in policy.rules))
    return sorted(set(services) - policy.known_names - ruled)[MOST_UNKNOWN:]


def _as_requirements(asked: Mapping[str, Mapping[str, bool]], ruled: Collection[str]) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(service, frozenset(who), any(who.values()), is_by_tag=service not in ruled)
        for service, who in sorted(asked.items())
    )


def without_require(vpc: Vpc) -> Vpc:
    """The VPC as if nobody had tagged it, or a subnet of it, with `lifeline:require`; itself where nobody has."""
    if all(tagged.tag(REQUIRE) is None for tagged in (vpc, *vpc.subnets)):
        return vpc
    subnets = tuple(replace(subnet, tags=_not_required(subnet)) for subnet in vpc.subnets)
    return replace(vpc, tags=_not_required(vpc), subnets=subnets)


def _not_required(tagged: Vpc | Subnet) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in tagged.tags if key != REQUIRE)


def exempted_subnets(policy: Policy, vpc: Vpc, *, today: date) -> tuple[Exempted, ...]:
    """Every exemption of a subnet that counts today, by the policy or a tag, whether anything is asked of it or not."""
    ids = {subnet.id for subnet in vpc.subnets}
    tags = (_read_tags(candidate).exempted for candidate in sorted(vpc.subnets, key=lambda subnet: subnet.id))
    said = (*policy.exemptions, *(exempted for exempted in tags if exempted))
    return tuple(exempted for exempted in said if exempted.subject in ids and exempted.counts_on(today))


def _has_tag(tagged: Vpc | Subnet, key: str, values: frozenset[str]) -> bool:
    """True if a tag of that key has one of the values. What is there has one of a key; see `as_required`."""
    return any(name == key and value in values for name, value in tagged.tags)


def _asked_for_sure(
    policy: Policy, vpc: Vpc, subnet: Subnet, tier: SeenTier, tags: Mapping[str, "_TagsRead"]
) -> tuple[dict[str, bool], dict[str, bool]]:
    """What is asked of the subnet whichever of the possible tiers is its own, and what only in some of them."""
    if isinstance(tier, Tier):
        return _asked(policy, vpc, subnet, tier, tags), {}
    variants = [_asked(policy, vpc, subnet, possible, tags) for possible in sorted(tier.possible)]
    found = {service: any(asked.get(service) for asked in variants) for asked in variants for service in asked}
    sure = {service for service in found if all(service in asked for asked in variants)}
    maybe = {service: per_zone for service, per_zone in found.items() if service not in sure}
    return {service: per_zone for service, per_zone in found.items() if service in sure}, maybe


def _asked(policy: Policy, vpc: Vpc, subnet: Subnet, tier: Tier, tags: Mapping[str, "_TagsRead"]) -> dict[str, bool]:
    """What is asked of the subnet before exemptions: each service, and whether it is in each zone."""
    of_subnet, of_vpc = tags[subnet.id].required, tags[vpc.id].required
    by_tag = of_subnet if of_subnet is not None else of_vpc
    asked: dict[str, bool] = {}
    if by_tag is not None:
        counts = of_subnet is not None or tier in PRIVATE
        asked = dict.fromkeys(by_tag if counts else (), policy.per_zone)
        if policy.known_names is None or by_tag <= policy.known_names:
            return asked
    for rule in policy.rules:
        if rule.matches(vpc, subnet, tier):
            for service in rule.services:
                asked[service] = asked.get(service, False) or rule.per_zone
    return asked


def _in_order(exempted: Exempted) -> tuple[str, tuple[str, ...], date, str]:
    return exempted.subject, exempted.services, exempted.until or date.max, exempted.reason


# ---- tags


@dataclass(frozen=True, slots=True)
class _TagsRead:
    """Lifeline's tags on one VPC or subnet; `required` is None where the tag is absent or can't be read.

    `unclear` says what is wrong with a tag `lifeline:exempt` that can't be read.
    """

    required: frozenset[str] | None
    exempted: Exempted | None
    problems: tuple[str, ...]
    unclear: str = ""


_NO_TAGS = _TagsRead(None, None, ())


def _read_tags(tagged: Vpc | Subnet) -> _TagsRead:
    if not tagged.tags:
        return _NO_TAGS
    require, exempt = tagged.tag(REQUIRE), tagged.tag(EXEMPT)
    problems: list[str] = []
    required = None if require is None else _services_in(require)
    if require is not None and required is None:
        wrong = f"{tagged.id}: the tag {REQUIRE} is {shown(require)}, which is no list of services or named sets"
        problems.append(f"{wrong} such as monitoring,logs; it counts as absent")
    spares = False if exempt is None else _read_exempt(exempt)
    until = None if isinstance(spares, bool) else spares
    unclear = ""
    if spares is None:
        unclear = f"the tag {EXEMPT} of {tagged.id} is {shown(exempt)}, which is neither true nor a date"
        unclear += " such as 2027-01-31: correct it, or remove it"
        wrong = f"{tagged.id}: the tag {EXEMPT} is {shown(exempt)}, which is neither true nor a date"
        problems.append(f"{wrong} such as 2027-01-31; it exempts nothing")
    exempted = Exempted(tagged.id, (), until, f"tag {EXEMPT}", ExemptedBy.TAG) if spares else None
    return _TagsRead(required, exempted, tuple(problems), unclear)


def required_by_tag(tagged: Vpc | Subnet) -> frozenset[str] | None:
    """The services that the tag `lifeline:require` lists; None where it isn't set or can't be read."""
    return _read_tags(tagged).required


def is_exempt(value: str | None, today: date) -> bool:
    """True if a tag `lifeline:exempt` of this value, None where it isn't set, exempts on a day (UTC)."""
    spares = _read_exempt(value or "")
    return today <= spares if isinstance(spares, date) else spares is True


def exempted_by_tag(tagged: Vpc | Subnet, today: date) -> Exempted | None:
    """What the tag `lifeline:exempt` says; None where it isn't set, can't be read, or its last day (UTC) has passed."""
    exempted = _read_tags(tagged).exempted
    return exempted if exempted and exempted.counts_on(today) else None


def _read_exempt(value: str) -> date | bool | None:
    """What the tag `lifeline:exempt` says: true, false or a last day; None where it can't be read."""
    said = value.strip().lower()
    return said == "true" if said in {"true", "false"} else read_date(said)


def _services_in(value: str) -> frozenset[str] | None:
    """The services that a tag's value lists, with commas or spaces: other AWS services allow no comma in a tag."""
    names = value.replace(",", " ").split()
    return expand(names) if names and all(is_service(name) for name in names) else None


def read_date(text: str) -> date | None:
    """The date in a text; None where it isn't one."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None
