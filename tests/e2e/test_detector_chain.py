"""The detector on the deployed chain: its loop to ReconcileEndpoints, its events, its parts."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import fastjsonschema
import pytest

from tests.e2e.emulators.account import ROOT, Account
from tests.e2e.machine import Agent, Site, build_site
from tests.e2e.steps import (
    available_endpoint,
    delete_default_route,
    kinds_about,
    notices_about,
    rules_disabled,
    text_of,
    told,
    wait_until_quiet,
    watched_agents,
    watched_machine,
    watched_machines,
)

pytestmark = pytest.mark.chain

require_valid = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/event.schema.json").read_text("utf-8")))


class Healed(NamedTuple):
    """A gap that nobody told Lifeline of, and what was heard of it until it was over."""

    site: Site
    agent: Agent
    endpoint: dict[str, Any]
    opened: dict[str, Any]
    resolved: dict[str, Any]
    kinds: Counter[str]
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def healed(watched: Account) -> Healed:
    """A route is deleted, CloudTrail's record of it is lost, and yet it ends well."""
    ec2 = watched.client("ec2")
    site = build_site(ec2, cidr="10.91", name="lost-event")
    inbox = watched.subscribe("NoticesTopic")
    listener = watched.listen("what-lifeline-says", {"source": ["lifeline"]})
    wait_until_quiet(watched)

    with watched_machine(watched, site) as agent:
        with rules_disabled(watched):
            delete_default_route(ec2, site)
        opened = watched.wait(lambda: told(inbox, "incident_opened", agent), what="the incident's notice")
        endpoint = watched.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
        resolved = watched.wait(lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice")

    def events() -> list[dict[str, Any]]:
        return [event for event in listener.events() if event["detail"].get("vpc_id") == site.vpc_id]

    expected = {"Lifeline Action", "Lifeline Incident Opened", "Lifeline Incident Resolved"}
    watched.wait(lambda: expected <= {event["detail-type"] for event in events()}, what=" and ".join(sorted(expected)))
    return Healed(site, agent, endpoint, opened, resolved, kinds_about(inbox, agent), events())


def test_a_gap_whose_cloudtrail_event_was_lost_is_healed_by_the_detector(healed: Healed) -> None:
    opened, resolved = text_of(healed.opened), text_of(healed.resolved)

    assert "neither a route out of the VPC nor an endpoint leads to the monitoring service" in opened
    assert "the audit log has no earlier network change in this VPC that would explain the silence" in opened
    assert f"endpoint {healed.endpoint['VpcEndpointId']}" in resolved
    assert healed.kinds == {"incident_opened": 1, "incident_resolved": 1}


def test_a_rule_of_the_users_own_gets_the_incident_and_the_action_as_the_schema_says(healed: Healed) -> None:
    for event in healed.events:
        require_valid(event["detail"])
    assert {event["source"] for event in healed.events} == {"lifeline"}
    assert {event["detail"]["stack"] for event in healed.events} == {"lifeline-local"}

    (opened,) = of_type(healed, "Lifeline Incident Opened")
    assert (opened["agents"], opened["cause"]) == ([healed.agent.instance_id], "CUT_OFF")
    (resolved,) = of_type(healed, "Lifeline Incident Resolved")
    assert resolved["incident"] == opened["incident"]
    made = [action for action in of_type(healed, "Lifeline Action") if action["action"] == "create_interface_endpoint"]
    assert [(action["status"], action["endpoint_id"]) for action in made] == [
        ("done", healed.endpoint["VpcEndpointId"])
    ]
    assert made[0]["subnet_ids"] == [healed.site.subnet_id]


def test_a_roster_too_long_for_one_run_is_looked_at_in_parts(watched: Account) -> None:
    site = build_site(watched.client("ec2"), cidr="10.92", name="parts")
    inbox = watched.subscribe("NoticesTopic")
    aside = set(watched.messages("DeadLetterQueue"))

    with watched_machines(watched, site, count=2) as agents, most_agents_a_run(watched, 1):
        assert watched.invoke("DetectMetricGapsFunction", {"detect": True}).payload["watches"][0]["in_parts"]
        for agent in agents:
            agent.pause()
        # One look may see the first fall silent, and a later one the other, which then joins what was told.
        names = [agent.instance_id for agent in agents]
        incidents = watched.wait(lambda: incidents_of(watched, names), what="an incident for each machine")
        opened = watched.wait(
            lambda: notices_about(inbox, *names, kind="incident_opened"), what="the incident's notice"
        )

    assert len(opened) <= len(incidents)
    assert set(watched.messages("DeadLetterQueue")) == aside


# ---- helpers ---------------------------------------------------------------------------------------------------------


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


def incidents_of(account: Account, names: list[str]) -> set[str]:
    """The incidents that the agents are in, once each of them is in one."""
    found = watched_agents(account)
    incidents = {found[name].incident for name in names}
    return set() if "" in incidents else incidents


def of_type(healed: Healed, detail_type: str) -> list[dict[str, Any]]:
    return [event["detail"] for event in healed.events if event["detail-type"] == detail_type]
