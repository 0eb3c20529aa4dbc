"""How severe an incident is, and whose: by the policy's rules and the tags, and by what fell silent.

A disposable instance of a group that goes on without it is no reason to wake anyone; a VPC of which nobody reports any
more is one, however few agents it has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.instances import UNMANAGED, Instance, Power, is_instance_id
from lifeline.core.agents.watches import SeverityRule, Watch
from lifeline.core.incidents.incident import Cause, CauseKind, Incident
from lifeline.core.owner import NOBODY, USUAL_TAGS, Owner, OwnerTags, common_owner, owner_of
from lifeline.core.severity import Severity, most_severe

MANY = 10  # silent agents that make an incident critical
_SEVERAL = 2  # silent agents that make a subnet or a VPC a silent one: a single one is a machine
_GROUP_TAG = "aws:autoscaling:groupName"  # EC2 Auto Scaling guide: tag Auto Scaling groups; nobody else can set it
_OF_ONE_MACHINE = frozenset({CauseKind.MACHINE, CauseKind.AGENT, CauseKind.FLAPPING})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the places where agents are silent.

    `instances` are those of the silent agents, as far as EC2 could be read, and `vpc_tags` the tags of their VPCs.
    `reporting` are, by VPC, the instances there that may still report; a VPC of which not all could be read isn't
    among them.
    """

    instances: Mapping[str, Instance] = field(default_factory=dict)
    vpc_tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reporting: Mapping[str, tuple[Instance, ...]] = field(default_factory=dict)

    def instance(self, entity: str) -> Instance | None:
        """The agent's instance, UNMANAGED for a host outside EC2; None if it isn't known."""
        if not is_instance_id(entity):
            return UNMANAGED
        instance = self.instances.get(entity)
        return None if instance is None or instance.power is Power.UNREADABLE else instance

    def has_read(self, vpc_id: str) -> bool:
        """True if the VPC's tags and instances were read, or there is no VPC."""
        return not vpc_id or (vpc_id in self.vpc_tags and vpc_id in self.reporting)


NOT_KNOWN = Surroundings()


@dataclass(frozen=True, slots=True)
class Rater:
    """Says how severe the incidents of one watch are, and whose. `rules` and `keys` are the policy's."""

    watch: Watch
    around: Surroundings = NOT_KNOWN
    rules: tuple[SeverityRule, ...] = ()
    keys: OwnerTags = USUAL_TAGS

    def severity(self, incident: Incident, silent: Sequence[Agent]) -> Severity:
        """The incident's severity; never less than it was, because people have acted on it.

        For each silent agent the first rule that covers it counts, or else the watch's severity, or else what fell
        silent; of all agents, the most severe. Agents of whose surroundings nothing is known are left out if others
        are known, and change nothing of what was known before.
        """
        before = incident.severity
        known = [instance for agent in silent if (instance := self.around.instance(agent.entity))]
        sure = [instance for instance in known if self.around.has_read(instance.vpc_id)]
        if before and not sure and len(silent) < MANY:
            return before
        usual = self.watch.severity or usual_severity(incident.cause, silent, self.around)
        found = [self._by_rule(instance) or usual for instance in sure or known] or [usual]
        return most_severe([*found, *([before] if before else [])])

    def owner(self, incident: Incident, members: Iterable[Agent]) -> Owner:
        """The incident's team and environment: those on which its agents' instances agree, each by its own tags or
        else its VPC's; where they don't, those of the VPC, if it is an incident of one VPC.
        """
        cause = incident.cause
        within = self._vpc_owner(cause.vpc_id) if cause.kind.is_of_one_vpc else NOBODY
        known = [instance for agent in members if (instance := self.around.instance(agent.entity))]
        owners = (owner_of(instance.tags, self.keys, self._vpc_owner(instance.vpc_id)) for instance in known)
        return common_owner(owners, within)

    def _by_rule(self, instance: Instance) -> Severity | None:
        tags = self.around.vpc_tags.get(instance.vpc_id, {})
        return next((rule.severity for rule in self.rules if rule.covers(self.watch.name, instance, tags)), None)

    def _vpc_owner(self, vpc_id: str) -> Owner:
        return owner_of(self.around.vpc_tags.get(vpc_id, {}).items(), self.keys)


def usual_severity(cause: Cause, silent: Sequence[Agent], around: Surroundings) -> Severity:
    """How severe it is by what fell silent, where nobody says anything else.

    | what | severity |
    | --- | --- |
    | ten agents or more, a zone, all of at least two agents in a subnet or a VPC | critical |
    | one instance of an Auto Scaling group in which others report, by a cause of its own | info |
    | anything else, and what isn't known | warning |
    """
    instances = [instance for agent in silent if (instance := around.instance(agent.entity)) and instance.vpc_id]
    if len(silent) >= MANY or cause.kind is CauseKind.ZONE or _is_place_silent(instances, around):
        return Severity.CRITICAL
    if len(silent) == 1 and cause.kind in _OF_ONE_MACHINE and any(_is_spare(one, around) for one in instances):
        return Severity.INFO
    return Severity.WARNING


def _is_place_silent(silent: Sequence[Instance], around: Surroundings) -> bool:
    """True if nobody reports any more in a VPC, or a subnet, in which several agents are silent."""
    for vpc_id, count in Counter(instance.vpc_id for instance in silent).items():
        others = around.reporting.get(vpc_id)
        if others is None or count < _SEVERAL:
            continue
        alive = {instance.subnet_id for instance in others}
        subnets = Counter(instance.subnet_id for instance in silent if instance.vpc_id == vpc_id)
        if not others or any(count >= _SEVERAL and subnet not in alive for subnet, count in subnets.items()):
            return True
    return False


def _is_spare(instance: Instance, around: Surroundings) -> bool:
    """True if it is one of an Auto Scaling group, others of which report."""
    group = instance.tag(_GROUP_TAG)
    others = around.reporting.get(instance.vpc_id, ())
    return bool(group) and any(other.tag(_GROUP_TAG) == group for other in others)
