"""What the chain tests do and look at: each in VPCs of its own, in an account that it shares with others."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from lifeline.adapters.store.roster import Roster
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.e2e.emulators.account import ACCOUNT_ID, REGION, STACK, Account, Inbox
from tests.e2e.emulators.organization import SPOKE_STACK, Spoke
from tests.e2e.machine import Agent, Site, datapoints, find_profile, launch, make_profile, running_agents
from tests.support.world import flat

SERVICE_NAME = f"com.amazonaws.{REGION}.monitoring"
GROUP_NAME = "lifeline-endpoints"
WATCH = "cloudwatch-agent"


# ---- the account -----------------------------------------------------------------------------------------------------


def make_trail(account: Account) -> None:
    """One that logs management events, in a bucket of the emulator that is CloudTrail, too."""
    keys: Any = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    boto3.client("s3", endpoint_url=account.ec2_endpoint_url, **keys).create_bucket(Bucket="trail-bucket")
    trails = account.client("cloudtrail")
    trails.create_trail(Name="main", S3BucketName="trail-bucket", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")


# ---- the network -----------------------------------------------------------------------------------------------------


def delete_default_route(ec2: Any, site: Site) -> None:
    ec2.delete_route(RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0")


def restore_default_route(ec2: Any, site: Site) -> None:
    ec2.create_route(
        RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=site.internet_gateway_id
    )


def endpoints_in(ec2: Any, vpc_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["VpcEndpoints"]
    return [endpoint for endpoint in found if endpoint["State"] != "deleted"]


def available_endpoint(ec2: Any, vpc_id: str) -> dict[str, Any] | None:
    return next((endpoint for endpoint in endpoints_in(ec2, vpc_id) if endpoint["State"] == "available"), None)


def ids_of(endpoints: list[dict[str, Any]]) -> list[str]:
    return [endpoint["VpcEndpointId"] for endpoint in endpoints]


def groups_in(ec2: Any, vpc_id: str) -> list[str]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": [GROUP_NAME]}]
    return [group["GroupId"] for group in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]


# ---- the functions ---------------------------------------------------------------------------------------------------


def reconcile(account: Account, event: dict[str, Any]) -> dict[str, Any]:
    """What ReconcileEndpoints answers to a call by hand."""
    answer = account.invoke("ReconcileEndpointsFunction", event)
    assert not answer.error, answer.logs
    return dict(answer.payload)


def looks(account: Account, event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What it answers of each VPC."""
    return {vpc["vpc_id"]: vpc for vpc in reconcile(account, event)["vpcs"]}


def restart(account: Account, function: str) -> None:
    """The function's containers end, and with them the sessions that it had in other accounts. AWS refuses a session of
    a role that is gone; EC2's emulator doesn't.
    """
    functions, name = account.client("lambda"), account.outputs[function]
    timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=timeout - 1)


def wait_until_quiet(account: Account) -> None:
    """Until no change is on its way: neither with CloudTrail, nor on the queue, nor in a function's hands."""
    account.wait(account.is_quiet, what="an empty queue")


def send(account: Account, bodies: list[str]) -> None:
    """Put messages on the deployed queue as the rules do, with the queue's own delay."""
    sqs, url = account.client("sqs"), account.outputs["ChangesQueue"]

    def put(start: int) -> None:
        batch = bodies[start : start + 10]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(0, len(bodies), 10)))


@contextmanager
def rules_disabled(account: Account, spoke: Spoke | None = None) -> Iterator[None]:
    """None of the stack's rules, or of the spoke's, delivers what happens meanwhile."""
    events = (spoke or account).client("events")
    names = [rule["Name"] for rule in events.list_rules(NamePrefix=SPOKE_STACK if spoke else STACK)["Rules"]]
    assert names
    for name in names:
        events.disable_rule(Name=name)
    try:
        yield
        account.wait(account.is_told_of_all, what="the end of CloudTrail's deliveries")
    finally:
        for name in names:
            events.enable_rule(Name=name)


def dead_letters_about(account: Account, *ids: str) -> list[str]:
    """What was put aside and names any of these: others' are no concern of the test's."""
    return [body for body in account.messages("DeadLetterQueue") if any(id_ in body for id_ in ids)]


def assumed(account: Account, role: str) -> boto3.Session:
    """A session of the stack's role, which somebody of the account may assume for the test's sake."""
    iam = account.client("iam")
    pages = [page["Roles"] for page in iam.get_paginator("list_roles").paginate()]
    (found,) = [known for roles in pages for known in roles if role in known["RoleName"]]
    trust = found["AssumeRolePolicyDocument"]
    everybody = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({**trust, "Statement": [*trust["Statement"], everybody]})
    iam.update_assume_role_policy(RoleName=found["RoleName"], PolicyDocument=document)
    keys = account.client("sts").assume_role(RoleArn=found["Arn"], RoleSessionName="somebody")["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], REGION)


# ---- what is told ----------------------------------------------------------------------------------------------------


def kind_of(notice: dict[str, Any]) -> str:
    return str(notice["MessageAttributes"]["kind"]["Value"])


def text_of(notice: dict[str, Any]) -> str:
    """Its text on one line, so that a sentence is found wherever it was wrapped."""
    return flat(notice["Message"])


def notices_about(inbox: Inbox, *names: str, kind: str = "") -> list[dict[str, Any]]:
    """Those of this kind, or of any, that name one of these."""
    return [
        notice
        for notice in inbox.notices()
        if any(name in notice["Subject"] + notice["Message"] for name in names) and kind in ("", kind_of(notice))
    ]


def told(inbox: Inbox, kind: str, agent: Agent) -> dict[str, Any] | None:
    """The notice of this kind that names the agent's machine, if it has come."""
    return next(iter(notices_about(inbox, agent.instance_id, kind=kind)), None)


def kinds_about(inbox: Inbox, agent: Agent) -> Counter[str]:
    return Counter(map(kind_of, notices_about(inbox, agent.instance_id)))


# ---- the detector -------------------------------------------------------------------------------------------


@contextmanager
def watched_machines(account: Account, site: Site, *, count: int, spoke: Spoke | None = None) -> Iterator[list[Agent]]:
    """Machines, in the account or in a spoke, whose agents report and are on Lifeline's roster. Terminating them in the
    end is no incident.
    """
    there = spoke or account
    ec2, cloudwatch, iam = (there.client(service) for service in ("ec2", "cloudwatch", "iam"))
    profile_arn = find_profile(iam) or make_profile(iam)
    ids = [launch(ec2, site.subnet_id, profile_arn=profile_arn) for _ in range(count)]
    since = datetime.now(UTC)

    def report() -> bool:
        return all(len(datapoints(cloudwatch, instance_id, since=since)) >= 3 for instance_id in ids)

    try:
        with running_agents(there, ids, timedelta(seconds=5)) as agents:
            # Of its own: a datapoint of the second in which it started could be of the one before it.
            account.wait(report, what="datapoints")
            introduce(account, ids, spoke)
            yield agents
    finally:
        ec2.terminate_instances(InstanceIds=ids)


@contextmanager
def watched_machine(account: Account, site: Site, spoke: Spoke | None = None) -> Iterator[Agent]:
    """One such machine."""
    with watched_machines(account, site, count=1, spoke=spoke) as [agent]:
        yield agent


def introduce(account: Account, instance_ids: list[str], spoke: Spoke | None = None) -> None:
    """Have Lifeline put the machines' agents on its roster now: it looks for new ones every 15 minutes."""
    roster = _roster(account, spoke)
    event = {"detect": True, **({"account": spoke.account_id} if spoke else {})}

    def are_known() -> bool:
        roster.save_discovery(datetime.now(UTC) - timedelta(hours=1))
        answer = account.invoke("DetectMetricGapsFunction", event)
        assert not answer.error, answer.logs
        assert "errors" not in answer.payload, answer.payload
        return set(instance_ids) <= watched_agents(account, spoke).keys()

    account.wait(are_known, what=f"{', '.join(instance_ids)} on the roster", every_s=1)


def watched_agents(account: Account, spoke: Spoke | None = None) -> dict[str, Any]:
    """The agents on the roster, as the detector last saw them."""
    return {name: agent for chunk in _roster(account, spoke).read() for name, agent in chunk.agents.items()}


def _roster(account: Account, spoke: Spoke | None) -> Roster:
    table = account.outputs["LedgerTable"]
    ledger = MemberLedger(table, RegionRef(spoke.account_id, REGION)) if spoke else table
    return Roster(ledger, WATCH, account.client("dynamodb"))
