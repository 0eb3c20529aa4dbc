"""Zones: many agents of one zone fell silent at once, and nothing else explains it."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from lifeline.core.incidents.facts import METRICS, Facts
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.wording import write_count

FEWEST = 3
_SHORTEST_SPAN = timedelta(minutes=2)


def is_undecided(facts: Facts, cause: Cause) -> bool:
    """True if something else could still explain it better: no cause was found, or one that is only likely."""
    is_likely_need = cause.confidence is Confidence.MEDIUM and cause.service not in {"", METRICS}
    is_likely = (is_likely_need and cause.kind is not CauseKind.CANARY) or reported_without_profile(facts, cause)
    return is_likely or not cause.kind.is_explained


def reported_without_profile(facts: Facts, cause: Cause) -> bool:
    """True if no instance profile gives the agent credentials, but it has reported since its instance started: a file
    likely gives it some.
    """
    has_reported = facts.agent.seen_at is not None and not facts.has_started_anew
    return cause.kind is CauseKind.NO_PROFILE and has_reported


def zone_causes(
    facts: Mapping[str, Facts],
    causes: Mapping[str, Cause],
    now: datetime,
    reporting_by_zone: Mapping[str, int],
    quiet_by_zone: Mapping[str, int],
) -> dict[str, Cause]:
    """The zone's cause, by entity, for agents without one of their own that fell silent together.

    They are at least FEWEST, and as many as still report in their zone, by `reporting_by_zone`; their silences began
    within two periods of each other. Those of `quiet_by_zone`, who are about to fall silent, count with them: of a
    zone that fails, the first agents are silent a minute or two before the others. Where most agents of every zone are
    about to, it is no zone's fault, and none counts so. One that follows later shares the
    cause of its zone's open incident. A need that is only likely, a path that isn't known, or an agent that reported
    without an instance profile, yields to it where agents of other zones still report, and none of them fell silent of
    it at that time: a new setting restarts agents in all zones.
    """
    if all(quiet_by_zone.get(zone, 0) > count for zone, count in reporting_by_zone.items()):
        reporting_by_zone = Counter(reporting_by_zone) + Counter(quiet_by_zone)
        quiet_by_zone = {}
    left: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    widespread = _widespread(facts, causes, now)
    for entity, cause in causes.items():
        zone = facts[entity].instance.zone
        is_elsewhere = any(count for other, count in reporting_by_zone.items() if other != zone)
        is_needs = cause.kind is not CauseKind.AGENT and (entity in widespread or not is_elsewhere)
        if is_undecided(facts[entity], cause) and zone and not is_needs:
            left[zone].append((facts[entity].since(now), entity))
    found: dict[str, Cause] = {}
    for zone, silences in sorted(left.items()):
        span = span_of([facts[entity] for _, entity in silences])
        reporting, quiet = reporting_by_zone.get(zone, 0), quiet_by_zone.get(zone, 0)
        for group in _groups(sorted(silences), span, fewest=max(1, max(FEWEST, reporting) - quiet)):
            cause = _zone_cause(zone, [causes[entity] for entity in group], reporting, quiet)
            found |= dict.fromkeys(group, cause)
        for since, entity in silences:
            earlier = _earlier(facts[entity], since, span)
            if earlier:
                found[entity] = earlier
    return found


def span_of(facts: Iterable[Facts]) -> timedelta:
    """Within what time the silences of these agents must begin to count as one."""
    return max([_SHORTEST_SPAN, *(of_agent.two_periods for of_agent in facts)])


def largest_group(silences: list[tuple[datetime, str]], span: timedelta) -> list[str]:
    """The most entities whose silences, given in their order, began within `span` of each other."""
    start, end = _largest(silences, span)
    return [entity for _, entity in silences[start:end]]


def _widespread(facts: Mapping[str, Facts], causes: Mapping[str, Cause], now: datetime) -> frozenset[str]:
    """The agents with a cause that is only likely, or an unknown path, for which others fell silent in another zone,
    within two periods of them.
    """
    undecided = (entity for entity, cause in causes.items() if is_undecided(facts[entity], cause))
    needy = [entity for entity in undecided if causes[entity].kind is not CauseKind.AGENT]
    times: defaultdict[str, defaultdict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for entity in sorted(needy, key=lambda entity: facts[entity].since(now)):
        times[causes[entity].key][facts[entity].instance.zone].append(facts[entity].since(now))
    return frozenset(
        entity
        for entity in needy
        for zone, others in times[causes[entity].key].items()
        if zone != facts[entity].instance.zone
        and _has_near(others, facts[entity].since(now), max(_SHORTEST_SPAN, facts[entity].two_periods))
    )


def _has_near(times: Sequence[datetime], time: datetime, span: timedelta) -> bool:
    """Whether one of the times, which are in their order, lies within `span` of that time."""
    place = bisect_left(times, time - span)
    return place < len(times) and times[place] <= time + span


def _earlier(facts: Facts, since: datetime, span: timedelta) -> Cause | None:
    """The cause of an open incident of its zone that began when it fell silent."""
    near = (cause for cause, began in facts.earlier if abs(since - began) <= 2 * span)
    of_zones = (cause for cause in near if cause.kind is CauseKind.ZONE)
    return next((cause for cause in of_zones if cause.zone == facts.instance.zone), None)


def _groups(silences: list[tuple[datetime, str]], span: timedelta, *, fewest: int) -> Iterator[list[str]]:
    """The entities whose silences began within `span` of each other, each in one group at most, the largest first."""
    left = silences
    while len(left) >= fewest:
        start, end = _largest(left, span)
        if end - start < fewest:
            return
        yield [entity for _, entity in left[start:end]]
        left = left[:start] + left[end:]


def _largest(silences: Sequence[tuple[datetime, str]], span: timedelta) -> tuple[int, int]:
    """From where to just before where the most of the silences, in their order, lie within `span`."""
    best, start = (0, 0), 0
    for end, (since, _) in enumerate(silences, start=1):
        while since - silences[start][0] > span:
            start += 1
        if end - start > best[1] - best[0]:
            best = (start, end)
    return best


def together_words(silent: int, where: str, *, quiet: int, reporting: int, there: str = "") -> str:
    """How many fell silent together, how many are about to, and how many reported later, as a clause. The rest publish
    so seldom that nothing was due from them since: whether they still report isn't known.
    """
    following = f", and {quiet} {'is' if quiet == 1 else 'are'} about to" if quiet else ""
    later = f"{write_count(reporting, 'other')}{there} {'has' if reporting == 1 else 'have'} reported since"
    return f"{write_count(silent, 'agent')} in {where} fell silent together{following}; {later}"


def _zone_cause(zone: str, causes: Sequence[Cause], reporting: int, quiet: int) -> Cause:
    """One cause for all of them, with the evidence that they have in common."""
    vpcs = {(cause.vpc_id, cause.vpc_name) for cause in causes}
    vpc_id, vpc_name = vpcs.pop() if len(vpcs) == 1 else ("", "")
    shared = set.intersection(*(set(cause.evidence) for cause in causes))
    return Cause(
        CauseKind.ZONE,
        Confidence.MEDIUM,
        f"agents in {zone} fell silent together",
        evidence=(
            together_words(len(causes), zone, quiet=quiet, reporting=reporting, there=" there"),
            *(line for line in causes[0].evidence if line in shared),
        ),
        advice=f"Check the AWS Health Dashboard for {zone}, and what was last deployed to these instances.",
        vpc_id=vpc_id,
        vpc_name=vpc_name,
        zone=zone,
    )
