"""CloudWatch late or unreachable: nearly all agents of a region fell silent together, and nothing else explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from lifeline.core.agents.instances import UNMANAGED, Power
from lifeline.core.incidents.facts import Facts
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence
from lifeline.core.incidents.zones import FEWEST, largest_group, reported_without_profile, span_of, together_words

NEARLY_ALL = Fraction(9, 10)
_ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Others:
    """How many of the watch's agents still report, and how many more are `quiet`: about to fall silent."""

    reporting: int
    quiet: int = 0


def late_causes(
    facts: Mapping[str, Facts],
    causes: Mapping[str, Cause],
    now: datetime,
    others: Others,
    quiet_by_zone: Mapping[str, int],
    told: Mapping[str, frozenset[str]],
) -> dict[str, Cause]:
    """CloudWatch's cause, by entity, for agents without one of their own that fell silent together.

    With those that are about to they are at least FEWEST, in at least two zones, and nearly all that reported until
    then. Zones don't fail together: what all agents have in common is the region's CloudWatch (AWS guide: fault
    isolation boundaries). All hosts that EC2 doesn't know count as one more zone. One that follows later shares the
    cause of the open incident. Those that reported without an instance profile count as if they had no cause. What may
    have silenced agents that use other names (`told`, by entity) is said if it may have silenced them all.
    """
    of_file = {entity for entity, cause in causes.items() if reported_without_profile(facts[entity], cause)}
    unexplained = {entity for entity, cause in causes.items() if not cause.kind.is_explained}
    left = {entity: facts[entity].since(now) for entity in unexplained | of_file}
    if not left:
        return {}
    span = span_of([facts[entity] for entity in left])
    group = largest_group(sorted((since, entity) for entity, since in left.items()), span)
    zones = {_zone_of(facts[entity]) for entity in group} | {zone for zone, few in quiet_by_zone.items() if few}
    together = len(group) + others.quiet
    found: dict[str, Cause] = {}
    is_everywhere = len(zones - {""}) > 1 and not _shares_path([causes[entity] for entity in group])
    if group and is_everywhere and together >= FEWEST and together >= NEARLY_ALL * (together + others.reporting):
        vpcs = {facts[entity].vpc_id for entity in group}
        vpc_id = vpcs.pop() if len(vpcs) == 1 and not others.quiet else ""
        shared = frozenset[str].intersection(*(told.get(entity, frozenset()) for entity in group))
        late = _cause(len(group), len(of_file & set(group)), others, sorted(zones - {""}), vpc_id, sorted(shared))
        found = dict.fromkeys(group, late)
    for entity, since in left.items():
        open_ = (cause for cause, start in facts[entity].earlier if abs(since - start) <= 2 * span)
        earlier = next((cause for cause in open_ if cause.kind is CauseKind.CLOUDWATCH), None)
        if earlier:
            found[entity] = earlier
    return found


def _zone_of(facts: Facts) -> str:
    """The agent's zone; empty if it couldn't be read."""
    instance = facts.instance
    is_elsewhere = facts.watch.is_elsewhere or instance == UNMANAGED or instance.power is Power.MISSING
    return _ELSEWHERE if is_elsewhere else instance.zone


def _shares_path(causes: Sequence[Cause]) -> bool:
    """True if all of them are in one VPC whose path isn't known: that may be what they have in common."""
    return len({cause.vpc_id for cause in causes}) == 1 and all(
        cause.kind is CauseKind.PATH_UNKNOWN for cause in causes
    )


def _cause(silent: int, of_file: int, others: Others, zones: list[str], vpc_id: str, told: list[str]) -> Cause:
    """The cause of them all; `vpc_id` is the VPC that all of them are in, empty if there are several."""
    otherwise = (
        f"{of_file} of them reported until then, but get no credentials from an instance profile now"
        if of_file
        else "nothing else that was read explains it"
    )
    where = ", ".join(zone for zone in zones if zone != _ELSEWHERE)
    where += " and elsewhere" if _ELSEWHERE in zones else ""
    deployed = ", and what was last deployed everywhere"
    if vpc_id:
        deployed = f", what was last deployed everywhere, and the ways out of {vpc_id}, such as its NAT gateways"
    return Cause(
        CauseKind.CLOUDWATCH,
        Confidence.MEDIUM,
        "CloudWatch is late or unreachable",
        evidence=(
            together_words(silent, where, quiet=others.quiet, reporting=others.reporting),
            *(told or [otherwise]),
            *([f"all of them are in {vpc_id}: its way out may be what they have in common"] if vpc_id else []),
        ),
        advice=f"Check the AWS Health Dashboard for CloudWatch in this region{deployed}.",
    )
