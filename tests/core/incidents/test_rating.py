"""How severe an incident is, and whose, by the policy, the tags and what fell silent."""

from dataclasses import replace
from typing import Any

from lifeline.core.agents.instances import Instance, Power
from lifeline.core.agents.watches import SeverityRule, Watch
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.incidents.rating import NOT_KNOWN, Rater, Surroundings, usual_severity
from lifeline.core.owner import Owner, OwnerTags
from lifeline.core.severity import Severity
from tests.support.agents import minute, silent_agent

WATCH = Watch()
VPC, SUBNET, OTHER = "vpc-1", "subnet-1", "subnet-2"
GROUP = "aws:autoscaling:groupName"
AGENT = Cause(CauseKind.AGENT, Confidence.LOW, "the agent itself", vpc_id=VPC)
CUT = replace(AGENT, kind=CauseKind.CUT_OFF, service="monitoring")
INCIDENT = Incident("inc-1", "cloudwatch-agent", AGENT, minute(1), minute(7))
IDS = tuple(f"i-{number:08x}" for number in range(12))
PROD = SeverityRule(Severity.CRITICAL, vpc_tags=(("env", frozenset({"prod"})),))
BATCH = SeverityRule(Severity.INFO, instance_tags=(("tier", frozenset({"batch"})),))


def machine(subnet: str = SUBNET, **tags: str) -> Instance:
    return Instance(Power.RUNNING, vpc_id=VPC, subnet_id=subnet, tags=tuple(tags.items()))


def grouped(name: str = "web", subnet: str = SUBNET) -> Instance:
    return replace(machine(subnet), tags=((GROUP, name),))


def around(*silent: Instance, reporting: tuple[Instance, ...] | None = (), **vpc_tags: str) -> Surroundings:
    """What is known where the first agents are silent. With `reporting` None, it isn't known who still reports."""
    return Surroundings(
        instances=dict(zip(IDS, silent, strict=False)),
        vpc_tags={VPC: vpc_tags},
        reporting={} if reporting is None else {VPC: reporting},
    )


def usual(known: Surroundings, count: int, cause: Cause = AGENT) -> Severity:
    return usual_severity(cause, [silent_agent(id_) for id_ in IDS[:count]], known)


def rated(
    known: Surroundings, count: int = 1, *rules: SeverityRule, watch: Watch | None = None, **more: Any
) -> Severity:
    rater = Rater(watch or Watch(), known, rules)
    return rater.severity(replace(INCIDENT, **more), [silent_agent(id_) for id_ in IDS[:count]])


def owner(known: Surroundings, count: int = 1, keys: OwnerTags | None = None) -> Owner:
    rater = Rater(Watch(), known, keys=keys or OwnerTags())
    return rater.owner(INCIDENT, [silent_agent(id_) for id_ in IDS[:count]])


class TestByWhatFellSilent:
    def test_one_of_a_group_that_goes_on_without_it_is_no_reason_to_wake_anyone(self) -> None:
        assert usual(around(grouped(), reporting=(grouped(),)), 1) is Severity.INFO

    def test_the_last_of_a_group_counts_as_any_other_machine(self) -> None:
        assert usual(around(grouped(), reporting=(grouped("another"), machine())), 1) is Severity.WARNING

    def test_one_of_a_group_cut_off_by_the_network_is_more_than_that(self) -> None:
        assert usual(around(grouped(), reporting=(grouped(),)), 1, CUT) is Severity.WARNING

    def test_it_is_not_known_whether_the_group_goes_on(self) -> None:
        assert usual(around(grouped(), reporting=None), 1) is Severity.WARNING

    def test_a_machine_of_its_own_is_a_warning(self) -> None:
        assert usual(around(machine()), 1) is Severity.WARNING

    def test_two_of_many_are_a_warning(self) -> None:
        assert usual(around(machine(), machine(), reporting=(machine(),)), 2) is Severity.WARNING

    def test_a_subnet_of_which_nobody_reports_is_critical(self) -> None:
        assert usual(around(machine(), machine(), reporting=(machine(OTHER),)), 2) is Severity.CRITICAL

    def test_a_vpc_of_which_nobody_reports_is_critical(self) -> None:
        assert usual(around(machine(), machine(OTHER)), 2) is Severity.CRITICAL

    def test_a_vpc_of_which_not_all_could_be_read_is_not_called_silent(self) -> None:
        assert usual(around(machine(), machine(), reporting=None), 2) is Severity.WARNING

    def test_ten_are_critical_wherever_they_are(self) -> None:
        assert [usual(NOT_KNOWN, count) for count in (9, 10)] == [Severity.WARNING, Severity.CRITICAL]

    def test_a_zone_is_critical(self) -> None:
        assert usual(NOT_KNOWN, 3, replace(AGENT, kind=CauseKind.ZONE)) is Severity.CRITICAL


class TestByThePolicy:
    def test_the_vpcs_tag_decides(self) -> None:
        assert rated(around(machine(), env="prod"), 1, PROD) is Severity.CRITICAL
        assert rated(around(machine(), env="dev"), 1, PROD) is Severity.WARNING

    def test_the_instances_tag_decides_even_where_a_whole_vpc_is_silent(self) -> None:
        assert rated(around(machine(tier="batch"), machine(tier="batch")), 2, BATCH) is Severity.INFO

    def test_the_first_that_covers_an_agent_counts_for_it_and_the_most_severe_for_all(self) -> None:
        batch, web = machine(tier="batch"), machine(tier="web")
        assert rated(around(batch, env="prod"), 1, BATCH, PROD) is Severity.INFO
        assert rated(around(batch, web, env="prod"), 2, BATCH, PROD) is Severity.CRITICAL

    def test_a_watch_has_a_severity_of_its_own_for_what_no_rule_covers(self) -> None:
        watch = Watch(severity=Severity.INFO)
        assert rated(around(machine()), 1, watch=watch) is Severity.INFO
        assert rated(around(machine(), env="prod"), 1, PROD, watch=watch) is Severity.CRITICAL

    def test_a_rule_without_conditions_covers_a_host_that_ec2_does_not_know(self) -> None:
        rater = Rater(Watch(), NOT_KNOWN, (SeverityRule(Severity.CRITICAL),))
        assert rater.severity(INCIDENT, [silent_agent("db.example")]) is Severity.CRITICAL


class TestInTime:
    def test_it_rises_and_never_falls(self) -> None:
        assert rated(around(machine(), machine()), 2, severity=Severity.WARNING) is Severity.CRITICAL
        assert rated(around(machine()), 1, severity=Severity.CRITICAL) is Severity.CRITICAL

    def test_what_can_not_be_read_any_more_changes_nothing(self) -> None:
        assert rated(NOT_KNOWN, 1, severity=Severity.INFO) is Severity.INFO
        assert rated(around(machine(tier="batch"), reporting=None), 1, PROD, severity=Severity.INFO) is Severity.INFO


class TestOwner:
    def test_the_instances_tags_come_first_and_then_its_vpcs(self) -> None:
        known = around(machine(team="payments"), team="platform", env="prod")
        assert owner(known) == Owner("payments", "prod")

    def test_of_agents_of_several_teams_it_is_the_vpcs(self) -> None:
        pair = (machine(team="payments"), machine(team="search"))
        assert owner(around(*pair, team="platform"), 2) == Owner("platform", "")
        assert owner(around(*pair), 2) == Owner()

    def test_the_policy_says_which_tags(self) -> None:
        known = around(machine(Owner="payments", team="x"), Stage="prod")
        assert owner(known, keys=OwnerTags("Owner", "Stage")) == Owner("payments", "prod")

    def test_nobody_is_made_up(self) -> None:
        assert owner(NOT_KNOWN) == owner(around(machine(team="  "))) == Owner()
