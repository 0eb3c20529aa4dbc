import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.agents.agent import Agent, Gap, State, Suppression
from lifeline.core.agents.watches import Watch
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident, Phase
from lifeline.core.incidents.lifecycle import News, NewsKind
from lifeline.core.notices.forms import machine_form
from lifeline.core.notices.incident import incident_notice, summary_notice
from lifeline.core.notices.notice import SUBJECT_LENGTH, Sender
from lifeline.core.severity import Severity
from lifeline.core.wording import write_length
from tests.support.agents import expected_agent, minute, recovered_agent, silent_agent

WATCH = Watch()
VPC = "vpc-0a1b2c3d4e5f60718"
EVENT = "8c2f3c5e-1111-4222-8333-abcdefabcdef"
CUT = Cause(
    CauseKind.CUT_OFF,
    Confidence.HIGH,
    "DeleteRoute by deploy-role left no path to the monitoring service",
    evidence=(
        "subnet-0a1b2c3d4e5f60718 is isolated: rtb-0a1b2c3d4e5f60718 has no route out of the VPC",
        f"CloudTrail event {EVENT}",
    ),
    advice="Wait for the endpoint, or bring the route back.",
    service="monitoring",
    vpc_id=VPC,
    vpc_name="app-prod",
    change=Change(minute(-0.5), EVENT, "DeleteRoute", "deploy-role"),
    is_repairable=True,
)
FIXED = replace(
    CUT, fixed_at=minute(9), fix="endpoint vpce-0a1b2c3d4e5f60718 became available (first observed at 09:09:00 UTC)"
)
OWN = Cause(CauseKind.AGENT, Confidence.LOW, "no cause found outside the agent")
FLAPPING = Cause(CauseKind.FLAPPING, Confidence.HIGH, "more than 3 gaps within an hour", vpc_id=VPC)
TWO = (silent_agent("i-0123456789abcdef0"), silent_agent("i-0123456789abcdef1"))
TWELVE = tuple(silent_agent(f"i-0123456789abcde{number:02x}") for number in range(12))


def incident(cause: Cause = CUT, **more: Any) -> Incident:
    return Incident("inc-20260302-0907-ab12cd", WATCH.name, cause, minute(1), minute(7), **more)


def opened(*agents: Agent, cause: Cause = CUT, **more: Any) -> News:
    return News(NewsKind.OPENED, incident(cause, **more), silent=agents, joined=len(agents))


def resolved(*agents: Agent, cause: Cause = FIXED, set_aside: Sequence[Agent] = (), **more: Any) -> News:
    return News(
        NewsKind.RESOLVED, incident(cause, notified_at=minute(7), **more), back=agents, set_aside=tuple(set_aside)
    )


def back(entity: str, at: float = 10, **more: Any) -> Agent:
    return recovered_agent(entity, back_at=minute(at), **more)


def text(news: News, at: float = 7) -> str:
    return incident_notice(news, WATCH, minute(at), "lifeline").text


def prose(news: News, at: float = 7) -> str:
    """The text as if its lines were endless."""
    return " ".join(text(news, at).split())


def subject(news: News, at: float = 7) -> str:
    return incident_notice(news, WATCH, minute(at), "lifeline").subject


def test_what_waits_for_approval_comes_with_the_command_to_paste_until_the_cause_is_gone() -> None:
    waiting = replace(CUT, awaits_approval=True)
    command = f"""\

    sam remote invoke ReconcileEndpoints --stack-name lifeline \\
      --event '{{"approve": "backlog", "vpc_ids": ["{VPC}"]}}'
"""
    assert command in text(opened(*TWO, cause=waiting))
    assert "To approve" not in text(opened(*TWO))
    assert "To approve" not in text(opened(*TWO, cause=replace(waiting, fixed_at=minute(9))))


@pytest.mark.parametrize(
    ("kind", "call", "stays"),
    [
        (CauseKind.CUT_OFF, "DeleteNatGateway", True),
        (CauseKind.WAY_OUT_SHUT, "CreateNetworkAclEntry", True),
        (CauseKind.CUT_OFF, "DeleteVpcEndpoints", False),
        (CauseKind.ENDPOINT_CLOSED, "RevokeSecurityGroupIngress", False),
        (CauseKind.DNS_OFF, "ModifyVpcAttribute", False),
        (CauseKind.OWN_GROUP, "RevokeSecurityGroupEgress", False),
        (CauseKind.ENDPOINT_POLICY, "ModifyVpcEndpoint", False),
    ],
)
def test_who_made_the_change_is_asked_and_what_lifeline_may_repair_is_not_said_to_stay(
    kind: CauseKind, call: str, stays: bool
) -> None:
    cause = replace(CUT, kind=kind, change=Change(minute(-0.5), EVENT, call, "deploy-role"))
    said = prose(opened(*TWO, cause=cause))
    assert "Ask deploy-role whether that change was intended." in said
    assert (f"Lifeline will not undo the {call} call." in said) is stays


def test_an_opened_incident_reads_so() -> None:
    notice = incident_notice(opened(*TWO), WATCH, minute(7), "lifeline")
    assert notice.subject.startswith("[lifeline] 2 agents silent in app-prod: DeleteRoute by deploy-role left")
    assert notice.text == (
        """\
2 CloudWatch agents in vpc-0a1b2c3d4e5f60718 (app-prod) stopped sending metrics.
The first missing datapoint was due at 2026-03-02 09:01:00 UTC.

Why: DeleteRoute by deploy-role (called at 2026-03-02 08:59:30 UTC) left no path
to the monitoring service. Confidence: high (confirmed by the network
configuration). Evidence (for one of the 2 agents):
- subnet-0a1b2c3d4e5f60718 is isolated: rtb-0a1b2c3d4e5f60718 has no route out
  of the VPC

Status: ongoing, no fix detected. Lifeline has queued a check of this VPC.

Next: Wait for the endpoint, or bring the route back. Lifeline will not restore
the deleted route. Ask deploy-role whether that change was intended.

IDs:
  VPC: vpc-0a1b2c3d4e5f60718 (app-prod)
  Subnet: subnet-0a1b2c3d4e5f60718
  Route table: rtb-0a1b2c3d4e5f60718
  Incident: inc-20260302-0907-ab12cd
  CloudTrail event: 8c2f3c5e-1111-4222-8333-abcdefabcdef
  Agents in the CWAgent namespace:
   i-0123456789abcdef0: last seen 2026-03-02 09:00:00 UTC, 6 min overdue
   i-0123456789abcdef1: last seen 2026-03-02 09:00:00 UTC, 6 min overdue
"""
    )


def test_an_updated_incident_reads_so() -> None:
    cause = replace(FIXED, change=None, evidence=())
    known = incident(cause, phase=Phase.RECOVERING, notified_at=minute(7), notified_agents=1)
    agents = (silent_agent("i-0123456789abcdef1", since=minute(9)),)
    notice = incident_notice(
        News(NewsKind.UPDATED, known, silent=agents, back=(back("i-0123456789abcdef0"),), joined=1),
        WATCH,
        minute(18),
        "lifeline",
    )
    assert notice.subject.startswith(
        "[lifeline] 1 more agent silent (recovering) in app-prod, 1 in total: DeleteRoute by "
    )
    assert notice.text == (
        """\
1 more CloudWatch agent in vpc-0a1b2c3d4e5f60718 (app-prod) joined this
incident. Now 1 is silent and 1 is reporting again.

Why: DeleteRoute by deploy-role left no path to the monitoring service.
Confidence: high (confirmed by the network configuration).

Status: recovering. Endpoint vpce-0a1b2c3d4e5f60718 became available (first
observed at 09:09:00 UTC). Agents might need until 09:24 UTC to report again.

Next: Wait until 09:24 UTC. You will be notified when the agents are back, or if
they are still silent.

IDs:
  VPC: vpc-0a1b2c3d4e5f60718 (app-prod)
  Endpoint: vpce-0a1b2c3d4e5f60718
  Incident: inc-20260302-0907-ab12cd
  Agents in the CWAgent namespace:
   i-0123456789abcdef1: last seen 2026-03-02 09:00:00 UTC, 9 min overdue
"""
    )


def test_a_reminder_reads_so() -> None:
    known = incident(
        replace(CUT, change=None, evidence=(), is_repairable=False), notified_at=minute(7), notified_agents=2
    )
    news = News(NewsKind.REMINDER, known, silent=TWO, set_aside=(silent_agent("i-3"),), joined=1)
    notice = incident_notice(news, WATCH, minute(67), "lifeline")
    assert notice.subject.startswith("[lifeline] 2 agents still silent after 1 h 6 min in app-prod: DeleteRoute by ")
    assert notice.text == (
        """\
2 CloudWatch agents in vpc-0a1b2c3d4e5f60718 (app-prod) are still silent, the
longest for 1 h 6 min. 1 joined since the last notice.

Why: DeleteRoute by deploy-role left no path to the monitoring service.
Confidence: high (confirmed by the network configuration).

Status: ongoing, no fix detected. Lifeline won't repair this by itself.

Next: Wait for the endpoint, or bring the route back.

IDs:
  VPC: vpc-0a1b2c3d4e5f60718 (app-prod)
  Incident: inc-20260302-0907-ab12cd
  Agents in the CWAgent namespace:
   i-0123456789abcdef0: last seen 2026-03-02 09:00:00 UTC, 1 h 6 min overdue
   i-0123456789abcdef1: last seen 2026-03-02 09:00:00 UTC, 1 h 6 min overdue
"""
    )


def test_a_resolved_incident_reads_so() -> None:
    aside = silent_agent("i-2", state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED)
    news = resolved(back("i-0123456789abcdef0"), back("i-0123456789abcdef1", at=12), set_aside=[aside], gone=2)
    notice = incident_notice(news, WATCH, minute(13), "lifeline")
    assert notice.subject == (
        "[lifeline] 2 of 5 agents in app-prod reporting again after 11 min: endpoint became available"
    )
    assert notice.text == (
        """\
2 CloudWatch agents in vpc-0a1b2c3d4e5f60718 (app-prod) are reporting again. The
longest silence among them was 11 min; the last agent came back at 2026-03-02
09:12:00 UTC.

Cause of the silence: DeleteRoute by deploy-role (called at 2026-03-02 08:59:30
UTC) left no path to the monitoring service. Confidence: high (confirmed by the
network configuration).

Status: resolved. Likely fix: endpoint vpce-0a1b2c3d4e5f60718 became available
(first observed at 09:09:00 UTC). Lifeline did not restore the deleted route.

Next: No action needed if the agents that did not come back were stopped
intentionally.

IDs:
  VPC: vpc-0a1b2c3d4e5f60718 (app-prod)
  Subnet: subnet-0a1b2c3d4e5f60718
  Route table: rtb-0a1b2c3d4e5f60718
  Endpoint: vpce-0a1b2c3d4e5f60718
  Incident: inc-20260302-0907-ab12cd
  CloudTrail event: 8c2f3c5e-1111-4222-8333-abcdefabcdef
  Agents in the CWAgent namespace:
   i-0123456789abcdef0: silent for 9 min, back at 2026-03-02 09:10:00 UTC
   i-0123456789abcdef1: silent for 11 min, back at 2026-03-02 09:12:00 UTC
   i-2: not expected to report (instance stopped or terminated)
   2 agents terminated or no longer tracked
"""
    )


def test_a_summary_reads_so() -> None:
    cause = replace(OWN, vpc_id="vpc-1")
    rest = [opened(*TWO, cause=cause), resolved(back("i-0123456789abcdef0"), cause=cause)]
    notice = summary_notice(rest, WATCH, minute(13))
    assert notice.subject == "[lifeline] 2 more incidents in vpc-1: 1 opened, 1 resolved; 2 agents silent"
    assert notice.text == (
        """\
There is news about more than 10 incidents among the agents in the CWAgent
namespace. The 10 most severe have their own notices. These are the others, most
severe first:
  opened: 2 agents silent in vpc-1: no cause found outside the agent
   (inc-20260302-0907-ab12cd)
  resolved: i-0123456789abcdef0 in vpc-1 reporting again after 9 min: the agent
   came back on its own (inc-20260302-0907-ab12cd)

Next: Start with the incidents that have their own notices. They might share a
cause with these.

IDs:
  VPC: vpc-1
"""
    )
    assert json.loads(json.dumps(notice.facts))["counts"] == {"opened": 1, "resolved": 1}
    assert (notice.kind, notice.severity) == ("incident_summary", Severity.WARNING)


def test_a_long_summary_counts_what_it_leaves_out() -> None:
    notice = summary_notice([opened(*TWO)] * 40, WATCH, minute(7))
    assert "\n  ... and 30 more\n" in notice.text
    assert notice.subject == f"[lifeline] 40 more incidents in {VPC}: 40 opened; 80 agents silent"


@pytest.mark.parametrize(
    ("news", "at", "line"),
    [
        (opened(TWO[0], cause=OWN), 7, f"i-0123456789abcdef0 silent: {OWN.words}"),
        (opened(*TWELVE, cause=OWN), 7, f"12 agents silent: {OWN.words}"),
        (
            opened(silent_agent("i-1"), cause=Cause(CauseKind.ZONE, Confidence.MEDIUM, "words", zone="us-east-1a")),
            7,
            "i-1 silent in us-east-1a: words",
        ),
        (News(NewsKind.UPDATED, incident(OWN), silent=TWO), 30, f"2 agents still silent: {OWN.words}"),
        (
            News(NewsKind.UPDATED, incident(OWN), silent=TWO, joined=1),
            30,
            f"1 more agent silent, 2 in total: {OWN.words}",
        ),
        (
            opened(expected_agent("i-1", state=State.SILENT, gap=Gap(minute(10), minute(14))), cause=OWN),
            14,
            f"i-1 never reported: {OWN.words}",
        ),
        (
            News(
                NewsKind.REMINDER,
                incident(OWN),
                silent=(expected_agent("i-1", state=State.SILENT, gap=Gap(minute(10), minute(14))),),
            ),
            70,
            f"i-1 not reporting yet after 1 h: {OWN.words}",
        ),
        (resolved(back("i-1"), cause=OWN), 12, "i-1 reporting again after 9 min: the agent came back on its own"),
        (
            resolved(back("i-1"), back("i-2"), cause=OWN),
            12,
            "2 agents reporting again after 9 min: the agents came back on ",
        ),
        (resolved(back("i-1", at=1), cause=OWN), 12, "i-1 reporting again: datapoints arrived late"),
        (resolved(cause=OWN, gone=3), 12, "3 agents no longer expected to report"),
        (resolved(cause=FLAPPING), 12, f"incident closed in {VPC}: it has no agents left"),
        (opened(silent_agent("i-1", is_flapping=True), cause=FLAPPING), 7, f"i-1 flapping in {VPC}: more than 3 gaps "),
        (
            News(NewsKind.REMINDER, incident(FLAPPING), back=(back("i-1", is_flapping=True), back("i-2"))),
            70,
            f"i-1 still flapping in {VPC}: more than 3 gaps",
        ),
        (resolved(back("i-1"), cause=FLAPPING), 70, f"i-1 in {VPC} no longer flapping"),
    ],
)
def test_a_subject_says_who_and_why(news: News, at: float, line: str) -> None:
    assert subject(news, at).startswith(f"[lifeline] {line}")


def test_of_many_agents_the_first_ten_are_named() -> None:
    notified = text(opened(*TWELVE))
    assert notified.startswith("12 CloudWatch agents in ")
    assert "i-0123456789abcde09" in notified
    assert "i-0123456789abcde0a" not in notified
    assert "  ... and 2 more\n" in notified


def test_agents_that_never_reported_are_told_apart() -> None:
    never = expected_agent("i-1", state=State.SILENT, gap=Gap(minute(10), minute(14)))
    assert "   i-1: never reported, expected for 8 min\n" in text(opened(never), at=18)
    assert "It has never reported; the first datapoint was due" in prose(opened(never), at=18)
    assert "1 of them has never reported." in prose(opened(never, TWO[0]), at=18)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (incident(CUT), "Status: ongoing, no fix detected."),
        (incident(FIXED, phase=Phase.RECOVERING), "Agents might need until 09:24 UTC to report again."),
        (incident(FIXED), "Agents normally report again within 15 minutes of a fix."),
        (
            incident(replace(CUT, kind=CauseKind.ENDPOINT_PENDING), phase=Phase.RECOVERING),
            "Status: recovering. An endpoint is not available yet. Once it is, agents will need a few more minutes.",
        ),
    ],
)
def test_how_an_incident_stands_is_told(known: Incident, words: str) -> None:
    assert words in prose(News(NewsKind.REMINDER, known, silent=TWO), at=70)


def test_what_to_do_follows_how_it_stands() -> None:
    def notified(cause: Cause, phase: Phase) -> str:
        return text(News(NewsKind.REMINDER, incident(cause, phase=phase), silent=TWO), at=70)

    assert "Next: Wait for the endpoint" in notified(CUT, Phase.BROKEN)
    assert "estart" not in notified(FIXED, Phase.RECOVERING)
    assert "Next: Restart the agents that are still silent" in notified(FIXED, Phase.BROKEN)


@pytest.mark.parametrize(
    ("is_repairable", "words"),
    [
        (False, "Status: ongoing, no fix detected. Lifeline doesn't know whether there is anything to repair."),
        (True, "no fix detected. Lifeline has queued a check of this VPC."),
    ],
)
def test_a_path_that_is_not_known_is_not_called_broken_nor_the_agents_own(is_repairable: bool, words: str) -> None:
    unknown = Cause(
        CauseKind.PATH_UNKNOWN,
        Confidence.LOW,
        "it isn't known whether subnet-a can reach the monitoring service through vpce-1",
        evidence=("the rules of sg-1 on vpce-1 were not read",),
        is_repairable=is_repairable,
    )
    found = prose(opened(*TWO, cause=unknown))
    assert words in found
    assert "Confidence: low (not everything was read)." in found
    assert "the rules of sg-1 on vpce-1 were not read" in found
    assert "came back on their own" in prose(resolved(back("i-1"), back("i-2"), cause=unknown), 12)


def test_who_did_not_come_back_in_time_is_told() -> None:
    news = News(NewsKind.UPDATED, incident(FIXED), silent=TWO, back=(back("i-1"),))
    notified = prose(news, at=25)
    assert "are still silent, although they were expected back by now. 1 is reporting again." in notified


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (resolved(back("i-1"), cause=OWN), "It was silent for 9 min and came back at 2026-03-02 09:10:00 UTC"),
        (resolved(back("i-1"), cause=OWN), "Status: resolved. Likely fix: the agent came back on its own."),
        (
            resolved(back("i-1"), back("i-2"), cause=OWN),
            "Status: resolved. Likely fix: the agents came back on their own.",
        ),
        (resolved(back("i-1", at=1), cause=OWN), "Its datapoints arrived late; none are missing."),
        (resolved(gone=1), "None of them came back, and none is expected to report."),
        (resolved(), "They were removed from the roster or moved to other incidents."),
        (resolved(back("i-1"), cause=FLAPPING), "is no longer flapping: no gap opened for an hour."),
    ],
)
def test_how_an_incident_ended_is_told(news: News, words: str) -> None:
    assert words in prose(news, at=12)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (incident(notified_cause="AGENT|vpc-1"), "are still silent, and Lifeline has found a better explanation."),
        (
            incident(notified_cause=CUT.key, notified_phase=Phase.RECOVERING),
            "are still silent: what looked like a fix did not last.",
        ),
        (
            incident(replace(CUT, kind=CauseKind.ENDPOINT_PENDING)),
            "are still silent, although they were expected back by now.",
        ),
    ],
)
def test_why_it_is_told_once_more_is_said(known: Incident, words: str) -> None:
    assert words in prose(News(NewsKind.UPDATED, known, silent=TWO), at=25)


@pytest.mark.parametrize(
    ("phase", "cause"),
    [(Phase.BROKEN, CUT), (Phase.RECOVERING, replace(CUT, fixed_at=minute(20)))],
    ids=["of-no-fix", "of-one-that-holds"],
)
def test_that_an_incident_is_more_severe_is_not_told_as_a_fix_that_did_not_last(phase: Phase, cause: Cause) -> None:
    worse = incident(cause, phase=phase, notified_phase=phase, notified_cause=cause.key, severity=Severity.CRITICAL)
    notified = prose(News(NewsKind.UPDATED, worse, silent=TWO), at=25)
    assert "are still silent, and Lifeline now rates the incident as critical." in notified
    assert "did not last" not in notified


def test_an_endpoint_that_does_not_come_up_is_not_called_unseen() -> None:
    pending = incident(replace(CUT, kind=CauseKind.ENDPOINT_PENDING))
    assert "Status: ongoing, the endpoint is not available yet." in prose(
        News(NewsKind.REMINDER, pending, silent=TWO), at=70
    )


@pytest.mark.parametrize("kind", [CauseKind.ROLE, CauseKind.ZONE])
def test_a_cause_that_reaches_over_several_vpcs_names_none(kind: CauseKind) -> None:
    notice = incident_notice(
        opened(*TWO, cause=replace(OWN, kind=kind, vpc_id=VPC, vpc_name="app-prod")), WATCH, minute(7), "lifeline"
    )
    assert notice.facts["vpc_id"] == notice.facts["vpc_name"] == ""
    assert VPC not in notice.text
    assert "app-prod" not in notice.subject + notice.text


@pytest.mark.parametrize("at", [7, 70])
def test_what_happened_stands_before_the_cut_of_a_subject_however_long_the_names_are(at: float) -> None:
    cause = replace(CUT, vpc_name="Shared services of the production network")
    for who in ("i-0123456789abcdef0", "very-long-host-name." * 10):
        for kind in (NewsKind.OPENED, NewsKind.REMINDER):
            line = subject(News(kind, incident(cause), silent=(silent_agent(who),)), at)
            assert len(line) <= SUBJECT_LENGTH
            assert "silent" in line
            assert 'in "Shared services o..."' in line


def test_the_evidence_of_one_is_not_told_as_that_of_all() -> None:
    seen = replace(OWN, evidence=("the instance is running",))
    assert "Evidence (for one of the 2 agents): - the instance" in prose(opened(*TWO, cause=seen))
    assert "Evidence (from one" not in text(opened(TWO[0], cause=seen))
    assert "Evidence (from one" not in text(opened(*TWO, cause=replace(seen, kind=CauseKind.ZONE)))


def test_who_is_not_back_is_named_with_the_reason() -> None:
    away = [silent_agent(f"i-{number}", suppressed_by=Suppression.MAINTENANCE) for number in range(7)]
    notified = text(resolved(back("i-9"), set_aside=away, gone=1), at=12)
    assert "   i-0: not expected to report (a maintenance window is on)\n" in notified
    assert "   ... and 2 more\n   1 agent terminated or no longer tracked\n" in notified


def test_a_repair_that_nobody_saw_is_not_told_as_one() -> None:
    forbidden = replace(OWN, kind=CauseKind.ROLE)
    assert "Status: resolved, no fix detected." in text(resolved(back("i-1"), cause=forbidden), at=12)
    assert subject(resolved(back("i-1"), cause=forbidden), at=12) == "[lifeline] i-1 reporting again after 9 min"


def test_a_silence_of_late_datapoints_has_no_cause() -> None:
    assert "Why:" not in text(resolved(back("i-1", at=1), cause=OWN), at=12)


def test_nothing_is_said_to_be_fixed_where_nobody_came_back() -> None:
    assert "Status:" not in text(resolved(gone=1), at=12)


def test_flapping_agents_are_told_with_their_gaps() -> None:
    news = opened(silent_agent("i-1", is_flapping=True, openings=(minute(7),) * 5), cause=FLAPPING)
    notified = text(replace(news, back=(back("i-0", is_flapping=True),)), at=8)
    assert "   i-0: 1 gap in an hour, reporting now\n   i-1: 5 gaps in an hour, silent for 7 min\n" in notified
    assert notified.startswith(f"2 CloudWatch agents in {VPC} are flapping. They keep going\nsilent")


@pytest.mark.parametrize(
    ("news", "severity"),
    [
        (opened(*TWO), Severity.WARNING),
        (opened(*TWELVE), Severity.CRITICAL),
        (News(NewsKind.UPDATED, incident(notified_agents=9), silent=TWELVE), Severity.CRITICAL),
        (News(NewsKind.UPDATED, incident(notified_agents=10), silent=TWELVE), Severity.WARNING),
        (News(NewsKind.REMINDER, incident(), silent=TWELVE), Severity.WARNING),
        (resolved(back("i-1")), Severity.INFO),
    ],
)
def test_kind_and_severity_are_what_subscriptions_filter_on(news: News, severity: Severity) -> None:
    notice = incident_notice(news, WATCH, minute(12), "lifeline")
    assert (notice.kind, notice.severity) == (f"incident_{news.kind}", severity)


def test_a_summary_is_as_grave_as_its_gravest_news() -> None:
    assert summary_notice([resolved(back("i-1"))], WATCH, minute(12)).severity is Severity.INFO
    assert summary_notice([resolved(back("i-1")), opened(*TWELVE)], WATCH, minute(12)).severity is Severity.CRITICAL


def test_whatever_a_tag_holds_the_notice_is_printable_ascii_in_one_subject_line() -> None:
    cause = replace(CUT, vpc_name="bücher\n\x1b[31m", words="words\tin \u202e tags", evidence=("é",), fix="\x00")
    news = opened(silent_agent("hôst\n"), cause=cause)
    for notice in (incident_notice(news, WATCH, minute(7), "lifeline"), summary_notice([news], WATCH, minute(7))):
        assert all(" " <= letter <= "~" or letter == "\n" for letter in notice.text)
        assert all(" " <= letter <= "~" for letter in notice.subject)
        assert len(notice.subject) <= SUBJECT_LENGTH
    facts = machine_form(
        incident_notice(news, WATCH, minute(7), "lifeline"), Sender("123456789012", "us-east-1", "lifeline"), minute(7)
    )["facts"]
    assert (facts["vpc_name"], facts["summary"]) == ("b?cher??[31m", "words?in ? tags")


def test_a_notice_fits_a_screen_and_never_breaks_an_id() -> None:
    long_id = "service/" + "a" * 100
    cause = replace(CUT, evidence=tuple(f"{line} is known of subnet-0a1b2c3d4e5f60718" for line in range(9)))
    cause = replace(cause, evidence=("AWS said: " + "why it failed, " * 99, *cause.evidence))
    notified = text(opened(silent_agent(long_id), *TWELVE, cause=cause)).splitlines()
    assert len(notified) <= 37
    assert any(long_id in line for line in notified)
    assert [line for line in notified if len(line) > 80 and long_id not in line] == []
    assert "- ... and 6 more" in notified


def test_the_facts_are_json_and_say_the_same() -> None:
    facts = json.loads(json.dumps(incident_notice(opened(*TWELVE), WATCH, minute(7), "lifeline").facts))
    assert len(facts.pop("agents")) == 10
    assert facts == {
        "watch": "cloudwatch-agent",
        "namespace": "CWAgent",
        "news": "opened",
        "time": "2026-03-02T09:07:00+00:00",
        "severity": "critical",
        "incident": "inc-20260302-0907-ab12cd",
        "phase": "broken",
        "began": "2026-03-02T09:01:00+00:00",
        "opened_at": "2026-03-02T09:07:00+00:00",
        "cause": "CUT_OFF",
        "confidence": "high",
        "summary": CUT.words,
        "evidence": list(CUT.evidence),
        "advice": CUT.advice,
        "service": "monitoring",
        "vpc_id": VPC,
        "vpc_name": "app-prod",
        "zone": "",
        "subject": "",
        "change": {
            "event_id": EVENT,
            "event_name": "DeleteRoute",
            "actor": "deploy-role",
            "time": "2026-03-02T08:59:30+00:00",
        },
        "fixed_at": None,
        "fix": "",
        "counts": {"silent": 12, "back": 0, "set_aside": 0, "gone": 0, "joined": 12},
    }


def test_the_facts_of_an_agent_say_when_it_was_seen_and_when_it_was_back() -> None:
    facts = json.loads(json.dumps(incident_notice(resolved(back("i-1")), WATCH, minute(12), "lifeline").facts))
    [notified] = facts["agents"]
    assert notified == {
        "id": "i-1",
        "state": "reporting",
        "last_seen": "2026-03-02T09:00:00+00:00",
        "since": "2026-03-02T09:01:00+00:00",
        "back_at": "2026-03-02T09:10:00+00:00",
        "length_s": 540,
    }


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 s"), (0.5, "30 s"), (65.5, "1 h 5 min"), (60.5, "1 h 30 s"), (2 * 24 * 60 + 61, "2 d 1 h"), (-1, "0 s")],
)
def test_lengths_are_written_in_their_two_greatest_parts(minutes: float, words: str) -> None:
    assert write_length(minute(minutes) - minute(0)) == words
