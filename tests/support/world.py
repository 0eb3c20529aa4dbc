"""A small AWS account in moto, and the settings and context of a deployed function in it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends
from moto.sqs.models import sqs_backends

from lifeline.adapters.aws import pace
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from tests.support.agents import TABLE, create_table
from tests.support.emulator import emulated_aws
from tests.support.event_history import teach_event_history
from tests.support.home import HOME
from tests.support.moto_filters import teach_dry_runs, teach_moto_filters
from tests.support.tuning import settle

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/lifeline-ReconcileRole"


@dataclass(frozen=True)
class Context:
    """What Lambda passes beside the event."""

    function_name: str = "lifeline-ReconcileEndpoints"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lifeline-ReconcileEndpoints"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    remaining_ms: int = 290_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def own_client(service: str) -> Any:
    """A client of the account that the environment's credentials are of."""
    return boto3.client(service)  # type: ignore[call-overload]


@dataclass(frozen=True)
class World:
    """The emulated account: its network, and the stack's queues and table. `client` makes clients of the network's
    account.
    """

    ec2: Any
    sqs: Any
    dynamodb: Any
    queue_url: str
    dead_letter_queue_url: str
    notices_url: str
    repair_queue_url: str
    client: Callable[[str], Any] = own_client

    def make_vpc(self, *, cidr: str = "10.0.0.0/16", dns: bool = True) -> str:
        vpc_id = str(self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])
        self.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": dns})
        return vpc_id

    def make_subnet(self, vpc_id: str, cidr: str = "10.0.1.0/24", zone: str = "us-east-1a") -> str:
        made = self.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def main_table(self, vpc_id: str) -> str:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
        return str(self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])

    def open_to_internet(self, vpc_id: str) -> str:
        gateway_id = str(self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        table_id = self.main_table(vpc_id)
        self.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
        return table_id

    def hub_zone(self, vpc_id: str, name: str, *addresses: str) -> str:
        """A private hosted zone of a service's name in the VPC, with a record of these addresses, or without one."""
        route53 = self.client("route53")
        made = route53.create_hosted_zone(
            Name=name,
            CallerReference=f"{vpc_id} {name}",
            HostedZoneConfig={"PrivateZone": True, "Comment": ""},
            VPC={"VPCRegion": "us-east-1", "VPCId": vpc_id},
        )
        zone_id = str(made["HostedZone"]["Id"]).rpartition("/")[2]
        if addresses:
            values = [{"Value": address} for address in addresses]
            record: Any = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": values}
            changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
            route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
        return zone_id

    def endpoints(self, vpc_id: str) -> list[dict[str, Any]]:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        found: list[dict[str, Any]] = self.ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        return [endpoint for endpoint in found if endpoint["State"] != "deleted"]

    def groups(self, vpc_id: str) -> list[dict[str, Any]]:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["lifeline-endpoints"]}]
        found: list[dict[str, Any]] = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return found

    def notices(self) -> list[dict[str, Any]]:
        """What SNS delivered, with the notice's text in the place of the form for machines, which is in `Form`."""
        return [one | {"Body": json.dumps(with_text(json.loads(one["Body"])))} for one in self.forms()]

    def forms(self) -> list[dict[str, Any]]:
        return self._messages(self.notices_url)

    def dead_letters(self) -> list[dict[str, Any]]:
        return self._messages(self.dead_letter_queue_url)

    def requeue(self, *, follow: bool = False) -> list[dict[str, Any]]:
        """The work that was put back, or the asks to follow endpoints, however long they are delayed."""
        return [body for body in self._waiting("changes") if body.get("follow", False) is follow]

    def asked(self) -> list[dict[str, Any]]:
        """What Lifeline's own functions ask ReconcileEndpoints to look at."""
        return self._waiting("repair-requests")

    def _waiting(self, queue: str) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in sqs_backends[ACCOUNT][REGION].queues[queue]._messages]

    def _messages(self, url: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += batch
        return found


def with_text(body: dict[str, Any]) -> dict[str, Any]:
    """SNS's envelope of a notice, read as a person would."""
    form = json.loads(body["Message"])
    return body | {"Message": form["text"], "Form": form}


def flat(text: str) -> str:
    """A text as if its lines were endless."""
    return " ".join(text.replace("\\\n", " ").split())


def enforce_since(began: datetime) -> None:
    """From now on the ledger says that the stack has enforced since then, and has swept the region since."""
    state = VpcState(enforced_since=began, swept_at=began)
    VpcStore(TABLE).save(HOME, VpcState(), state, now=datetime.now(UTC))


def enforce_newly() -> None:
    """From now on the ledger is that of a stack that was deployed just now."""
    before = VpcStore(TABLE).load(HOME)
    VpcStore(TABLE).save(HOME, before, VpcState(), now=datetime.now(UTC))


@contextmanager
def emulated_world(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[World]:
    """The account, with the environment that the template gives the function, and the policy of a stack without a
    document. `settings` override both: see `tuning`.

    The stack has enforced there for long: whatever a test makes was made since, so nothing of it is in the backlog.
    """
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("MOTO_ACCOUNT_ID", raising=False)  # it would pin the calls of all accounts to one
    monkeypatch.setattr(pace, "sleep", lambda _: None)  # nobody waits for Route 53's five calls a second here
    teach_moto_filters()
    teach_dry_runs()
    teach_event_history()
    with emulated_aws():
        remember.cache_clear()
        world = _fill(monkeypatch, settings)
        enforce_since(LONG_AGO)
        yield world
    remember.cache_clear()


def _fill(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> World:
    sqs, sns, dynamodb = boto3.client("sqs"), boto3.client("sns"), boto3.client("dynamodb")
    names = ("changes", "dead-letters", "heard", "repair-requests")
    # What a test took from a queue doesn't come back, however long the machine takes for the rest of it.
    urls = [sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "43200"})["QueueUrl"] for name in names]
    topic_arn = sns.create_topic(Name="notices")["TopicArn"]
    heard_arn = sqs.get_queue_attributes(QueueUrl=urls[2], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=heard_arn)
    create_table()
    usual = {
        "STACK_NAME": "lifeline",
        "MODE": "enforce",
        "REQUIRED_SERVICES": "monitoring",
        "iac_debounce_seconds": 0,
        "monthly_usd": 500,
        "send_events": False,
        "prove_event_path": False,
        "TABLE_NAME": "ledger",
        "TOPIC_ARN": topic_arn,
        "QUEUE_URL": urls[0],
        "DEAD_LETTER_QUEUE_URL": urls[1],
        "REPAIR_QUEUE_URL": urls[3],
        "DETECT_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/lifeline-Checks",  # as in events/
        "ROLE_ARN": ROLE_ARN,
        "POWERTOOLS_METRICS_NAMESPACE": "Lifeline",
        **settings,
    }
    settle(monkeypatch, usual)
    ec2 = boto3.client("ec2")
    remove_default_vpc(ACCOUNT)
    return World(ec2, sqs, dynamodb, urls[0], urls[1], urls[2], urls[3])


def remove_default_vpc(account_id: str) -> None:
    """Leaves the account without any VPC. By EC2's API, it would take a dozen calls a test."""
    ec2 = ec2_backends[account_id][REGION]
    for of_zone in ec2.subnets.values():
        of_zone.clear()
    ec2.internet_gateways.clear()
    for vpc_id in list(ec2.vpcs):
        ec2.delete_vpc(vpc_id)
