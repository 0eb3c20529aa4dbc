"""The detector on the deployed chain: its own schedule, its loop to ReconcileEndpoints, its parts.

In a file of its own, and so in an account of its own: it may run beside the other chain tests.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.roster import Roster
from tests.e2e.emulators.account import Account, Inbox
from tests.e2e.machine import Agent, Site, build_site, datapoints, launch, make_profile, running_agents
from tests.e2e.test_chain import (
    MINUTE_S,
    available_endpoint,
    delete_default_route,
    endpoints_in,
    rules_disabled,
    wait_until_quiet,
)

pytestmark = pytest.mark.chain

WATCH = "cloudwatch-agent"


@pytest.fixture(scope="session")
def profile_arn(account: Account) -> str:
    """Of an instance profile with which an agent may publish."""
    return make_profile(account.client("iam"))


def test_the_detectors_own_schedule_tells_of_a_silence_and_of_its_end(
    account: Account, ec2: Any, profile_arn: str
) -> None:
    site = build_site(ec2, cidr="10.90", name="silence")
    inbox = account.subscribe("NoticesTopic")

    with watched_machine(account, site, profile_arn) as agent:
        agent.pause()
        opened = account.wait(
            lambda: told(inbox, "incident_opened", agent), what="the incident's notice", within_s=2 * MINUTE_S
        )
        agent.resume()
        resolved = account.wait(
            lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice", within_s=2 * MINUTE_S
        )

    assert "nothing found around it: the agent itself" in text_of(opened)
    assert "came back on its own" in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}
    assert endpoints_in(ec2, site.vpc_id) == []


def test_a_gap_whose_cloudtrail_event_was_lost_is_healed_by_the_detector(
    account: Account, ec2: Any, profile_arn: str
) -> None:
    site = build_site(ec2, cidr="10.91", name="lost-event")
    inbox = account.subscribe("NoticesTopic")
    wait_until_quiet(account)

    with watched_machine(account, site, profile_arn) as agent:
        with rules_disabled(account):
            delete_default_route(ec2, site)
        opened = account.wait(
            lambda: told(inbox, "incident_opened", agent), what="the incident's notice", within_s=2 * MINUTE_S
        )
        endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=MINUTE_S)
        resolved = account.wait(
            lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice", within_s=2 * MINUTE_S
        )

    assert "no route out and no endpoint leads to monitoring" in text_of(opened)
    assert "no network change of this VPC that explains it is on record" in text_of(opened)
    assert f"endpoint {endpoint['VpcEndpointId']}" in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}


def test_a_roster_too_long_for_one_run_is_looked_at_in_parts(account: Account, ec2: Any, profile_arn: str) -> None:
    site = build_site(ec2, cidr="10.92", name="parts")
    inbox = account.subscribe("NoticesTopic")

    with (
        watched_machine(account, site, profile_arn) as one,
        watched_machine(account, site, profile_arn) as other,
        most_agents_a_run(account, 1),
    ):
        assert account.invoke("DetectMetricGapsFunction", {"detect": True}).payload["watches"][0]["in_parts"]
        one.pause()
        other.pause()
        opened = account.wait(
            lambda: told(inbox, "incident_opened", one), what="the incident's notice", within_s=2 * MINUTE_S
        )

    assert other.instance_id in text_of(opened)
    assert account.queue_depth("DeadLetterQueue") == 0


# ---- helpers ---------------------------------------------------------------------------------------------------------


@contextmanager
def watched_machine(account: Account, site: Site, profile_arn: str) -> Iterator[Agent]:
    """A machine whose agent reports and is on Lifeline's roster. In the end it is terminated, which is no incident."""
    ec2, cloudwatch = account.client("ec2"), account.client("cloudwatch")
    instance_id = launch(ec2, site.subnet_id, profile_arn=profile_arn)
    since = datetime.now(UTC)
    try:
        with running_agents(account, [instance_id], timedelta(seconds=5)) as [agent]:
            # Of its own: a datapoint of the second in which it started could be of the one before it.
            account.wait(
                lambda: len(datapoints(cloudwatch, instance_id, since=since)) >= 3, what="datapoints", within_s=30
            )
            introduce(account, instance_id)
            yield agent
    finally:
        ec2.terminate_instances(InstanceIds=[instance_id])


def introduce(account: Account, instance_id: str) -> None:
    """Have Lifeline put the machine's agent on its roster now: it looks for new ones every 15 minutes."""
    roster = Roster(account.outputs["LedgerTable"], WATCH, account.client("dynamodb"))

    def is_known() -> bool:
        roster.save_discovery(datetime.now(UTC) - timedelta(hours=1))
        answer = account.invoke("DetectMetricGapsFunction", {"detect": True})
        assert not answer.error, answer.logs
        return any(instance_id in chunk.agents for chunk in roster.read())

    account.wait(is_known, what=f"{instance_id} on the roster", within_s=30)


@contextmanager
def most_agents_a_run(account: Account, number: int) -> Iterator[None]:
    """Have the detector take a roster of more agents than this for too long."""
    functions, name = account.client("lambda"), account.outputs["DetectMetricGapsFunction"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def configure(variables: dict[str, str]) -> None:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    configure({**before, "MOST_AGENTS_A_RUN": str(number)})
    try:
        yield
    finally:
        configure(before)


def told(inbox: Inbox, kind: str, agent: Agent) -> dict[str, Any] | None:
    """The notice of this kind that names the agent's machine, if it has come."""
    return next((one for one in notices_about(inbox, agent) if kind_of(one) == kind), None)


def kinds_about(inbox: Inbox, agent: Agent) -> Counter[str]:
    return Counter(map(kind_of, notices_about(inbox, agent)))


def notices_about(inbox: Inbox, agent: Agent) -> list[dict[str, Any]]:
    return [one for one in inbox.notices() if agent.instance_id in one["Message"]]


def text_of(notice: dict[str, Any]) -> str:
    """Its text on one line, so that a sentence is found wherever it was wrapped."""
    return " ".join(notice["Message"].split())


def kind_of(notice: dict[str, Any]) -> str:
    return str(notice["MessageAttributes"]["kind"]["Value"])
