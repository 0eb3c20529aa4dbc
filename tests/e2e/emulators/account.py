"""An AWS account on this machine, with Lifeline deployed into it by the real SAM CLI.

    with deployed() as account:
        account.client("ec2").delete_route(...)

It may be the hub of others on the same emulators: see `organization.py`.

EC2 and CloudWatch are moto's, all else is ministack's, and CloudTrail stands between them (see `relay.py`). IAM is
enforced: each function calls ministack with a session of the role that the template gives it. Everything listens on
127.0.0.1 alone, on ports that were free, and writes below `.run/`.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import boto3
from botocore.config import Config
from tools.local_template import FRAGMENT, NAME, write_local_template
from tools.template import read_template

from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import RegionRef
from tests.e2e.emulators.organization import Keys, Organization, Spoke
from tests.e2e.emulators.processes import EmulatorError, Server, free_port, run, uninterrupted
from tests.support.world import with_text

ROOT = Path(__file__).resolve().parents[3]
RUNS = ROOT / ".run"
BUILDS = RUNS / "builds"
TEMPLATE = ROOT / "template.yaml"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
STACK = "lifeline-local"
POLICY = "/lifeline/policy"
# Shorter times than by default, so that nobody waits here as long as in an account.
TIMES = {
    "iac_debounce_seconds": 0,
    "watches": [{"name": "cloudwatch-agent", "period_seconds": 5, "grace_seconds": 20}],
}
DEPLOYER = Keys("test")  # of the account's administrator
QUEUES = ("ChangesQueue", "RepairRequestsQueue")  # the outputs of the queues that ReconcileEndpoints receives from
PENDING = timedelta(seconds=3)  # how long an endpoint takes to come up: a minute or more in a real account
MINUTE = timedelta(minutes=1)
PATIENCE_S = 300  # how long to wait for what must become true: a busy machine may be slow, and none is too slow

_ON_MOTO = ("ec2", "cloudtrail", "cloudwatch", "route53", "route53resolver")
_CONFIG = Config(retries={"total_max_attempts": 3}, connect_timeout=5, read_timeout=330, max_pool_connections=32)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned. `error` is Lambda's word for a failure, empty where it returned normally."""

    payload: Any
    error: str
    read_logs: Callable[[], str]

    @property
    def logs(self) -> str:
        """The end of the function's log: for the message of a failure, since reading it takes longer than the call."""
        return self.read_logs()


class Trail(NamedTuple):
    """How many of EC2's calls CloudTrail recorded, how many records it delivered, and how many calls are held back."""

    recorded: int
    delivered: int
    held: int


class Account:
    """The emulated account. Use it inside `closing`: nothing that it started outlives that."""

    def __init__(
        self,
        *,
        parameters: Mapping[str, str] | None = None,
        policy: Mapping[str, Any] | None = None,
        pending: timedelta = PENDING,
        minute: timedelta = MINUTE,
    ) -> None:
        """`parameters` are the stack's, and `policy` the fields of its policy, where they differ from the defaults.
        `minute` is how long a minute takes for schedules, and for messages that wait for minutes.
        """
        self._parameters = dict(parameters or {})
        self.policy: dict[str, Any] = {"version": 1, **TIMES, **(policy or {})}
        self._pending = pending
        self._minute = minute
        self._servers: list[Server] = []
        self._session = boto3.Session(region_name=REGION)
        self._clients: dict[tuple[str, Keys], Any] = {}
        self._spokes: dict[str, Spoke] = {}
        self._clients_lock = threading.Lock()
        self.outputs: dict[str, str] = {}
        RUNS.mkdir(exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(prefix=time.strftime("%H%M%S-"), dir=RUNS))
        self.organization = Organization(self.directory / "organization.json", ACCOUNT_ID)
        self.endpoint_url = f"http://127.0.0.1:{free_port()}"
        self.ec2_endpoint_url = f"http://127.0.0.1:{free_port()}"

    # ---- life --------------------------------------------------------------------------------------------------------

    @contextmanager
    def closing(self) -> Iterator[Self]:
        """Whatever is started inside is stopped at the end. The logs stay where something went wrong."""
        keep = False
        try:
            yield self
        except Exception:
            keep = True
            raise
        finally:
            self.stop()
            if not keep:
                shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Start the emulators. The account is empty but for the default VPC that every account has."""
        self._start_ministack()
        self._start_moto()
        _connect_default_vpc(self.client("ec2"))

    def stop(self) -> None:
        """End all that was started, the last one first. Raises EmulatorError where something would stay behind."""
        with uninterrupted():
            while self._servers:
                self._servers.pop().stop()

    def deploy(self) -> None:
        """`sam build`, where it wasn't built yet, and `sam deploy` of the repository's own template."""
        self.build()
        self.put_policy()
        overrides = [f"{name}={value}" for name, value in self.parameters().items()]
        self._sam(
            *("deploy", "--stack-name", STACK, "--template-file", str(self.template), "--no-confirm-changeset"),
            *("--no-progressbar", "--parameter-overrides", *overrides),
        )
        self.outputs = self.read_outputs()

    def put_policy(self) -> None:
        """Write the policy document to the parameter that the stack reads."""
        text = json.dumps(self.policy)
        self.client("ssm").put_parameter(Name=POLICY, Value=text, Type="String", Overwrite=True)

    def enforce_since(self, began: datetime, account_id: str = ACCOUNT_ID) -> None:
        """From now on the ledger says that the stack has enforced in the account since then, and has swept the region
        since: what a test makes was made since, and nothing of it is in the backlog.
        """
        ledger = VpcStore(self.outputs["LedgerTable"], self.client("dynamodb"))
        state = VpcState(enforced_since=began, swept_at=began)
        ledger.save(RegionRef(account_id, REGION), VpcState(), state, now=datetime.now(UTC))

    def build(self) -> None:
        """`sam build` of the repository's own template, once for the same sources, whoever asks."""
        finished = self.template.parent / "finished"
        with (RUNS / "sam.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if finished.exists():
                return
            self._sam("build", "--template-file", str(TEMPLATE), "--build-dir", str(self.template.parent))
            write_local_template(self.template.with_name("template.yaml"))
            finished.touch()
            _remove_old_builds(keep=3)

    def _sam(self, command: str, *options: str) -> None:
        sam = [str(ROOT / ".envs/sam/bin/sam"), command, "--config-file", str(ROOT / "samconfig.toml"), *options]
        environment = self.environment(AWS_ENDPOINT_URL=self.endpoint_url)
        run(sam, environment, self.directory / f"sam-{command}.log", RUNS)

    @cached_property
    def template(self) -> Path:
        """The template as it is built, and deployed here: with the emulators' addresses."""
        return BUILDS / _fingerprint() / NAME

    def parameters(self) -> dict[str, str]:
        """The stack's parameters: this run's own, and where the emulators are."""
        ours = {
            "DebounceSeconds": "5",
            "PolicyParameter": POLICY,
            "ReplayPrincipals": "arn:aws:iam::*:root",  # the tests, which put messages on the queue as the rules do
        }
        return ours | self._parameters | self._places()

    def _places(self) -> dict[str, str]:
        """Where the emulators are, as parameters of the local template."""
        return {"EndpointUrl": self.endpoint_url, "Ec2EndpointUrl": self.ec2_endpoint_url}

    def addresses(self) -> dict[str, str]:
        """The variables that lead AWS's SDKs to the emulators: those that functions have by the local template."""
        variables = read_template(FRAGMENT)["Globals"]["Function"]["Environment"]["Variables"]
        return {name: self._places()[value["Ref"]] for name, value in variables.items()}

    # ---- use ---------------------------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        """A boto3 client of the person who operates the account."""
        return self._client(service, DEPLOYER)

    def relay(self) -> Any:
        """EventBridge as AWS's own services see it: they may put events with sources like `aws.ec2`."""
        return self._client("events", Keys(ACCOUNT_ID))

    def account(self, account_id: str, *, is_member: bool = True) -> Spoke:
        """Another account, which is there from the first time on: in the organization, unless `is_member` is false."""
        if account_id not in self._spokes:
            if is_member and account_id not in self.organization:
                self.organization.add(account_id)
            spoke = self._spokes[account_id] = Spoke(account_id, self._client)
            _connect_default_vpc(spoke.client("ec2"))
        return self._spokes[account_id]

    def invoke(self, output: str, event: Mapping[str, Any]) -> Answer:
        """Call the function that the stack's output names, and wait for what it returns."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs[output], Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        return Answer(payload, answer.get("FunctionError", ""), lambda: self.logs(output))

    def logs(self, output: str, *, lines: int = 200) -> str:
        """The end of the function's log, one event a line."""
        function = self.client("lambda").get_function_configuration(FunctionName=self.outputs[output])
        group = function.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{self.outputs[output]}"
        logs = self.client("logs")
        try:
            pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
        except logs.exceptions.ResourceNotFoundException:
            return ""
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        return "\n".join(event["message"].rstrip() for event in events[-lines:])

    def subscribe(self, output: str) -> "Inbox":
        """A queue that receives whatever is published on the topic that the stack's output names."""
        return Inbox(self, self.outputs[output])

    def listen(self, name: str, pattern: Mapping[str, Any]) -> "Listener":
        """A queue that receives what matches the pattern on the default bus, by a rule of the account's owner."""
        return Listener(self, name, pattern)

    def queue_depth(self, output: str) -> int:
        """How many messages the queue holds: waiting, delayed or being worked on."""
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "Delayed", "NotVisible")]
        sqs = self.client("sqs")
        found = sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def messages(self, output: str) -> list[str]:
        """The bodies of all that the queue holds, also delayed or being worked on, without receiving any."""
        query = urlencode({"QueueUrl": self.outputs[output]})
        found = _ask(f"{self.endpoint_url}/_ministack/sqs/messages?{query}")["messages"]
        queues = [queue for regions in found.values() for queues in regions.values() for queue in queues.values()]
        return [str(message["Body"]) for queue in queues for message in queue]

    def trail(self) -> Trail:
        """How far CloudTrail is with EC2's calls."""
        return Trail(**_ask(f"{self.ec2_endpoint_url}/lifeline/trail"))

    def is_told_of_all(self) -> bool:
        """Whether every call of EC2 so far is on the bus, and at its rules' targets."""
        found = self.trail()
        return found.recorded == found.delivered

    def is_quiet(self) -> bool:
        """Whether no change is on its way: with CloudTrail, on the queue, or in a function's hands."""
        before = self.trail()
        if before.recorded != before.delivered or any(map(self.queue_depth, QUEUES)):
            return False
        return self.trail() == before  # a function that ended meanwhile may have made calls

    def report_calls(self, called: Mapping[str, Sequence[tuple[str, datetime | None, str]]]) -> None:
        """From now on, IAM's access advisor reports what each role called: namespace, time and Region."""
        (self.directory / "called.json").write_text(json.dumps(called, default=datetime.isoformat), "utf-8")

    @contextmanager
    def holding(self, action: str, *, after: int) -> Iterator[None]:
        """EC2 answers so many more of these calls, and keeps others waiting until the block is left."""
        gate = f"{self.ec2_endpoint_url}/lifeline/gate"
        _ask(f"{gate}?{urlencode({'action': action, 'after': after})}", method="PUT")
        try:
            yield
        finally:
            _ask(gate, method="DELETE")

    @contextmanager
    def denying(self, action: str, why: str) -> Iterator[None]:
        """EC2 denies roles this call, as AWS says it, until the block is left."""
        denied = f"{self.ec2_endpoint_url}/lifeline/denied"
        _ask(f"{denied}?{urlencode({'action': action, 'why': why})}", method="PUT")
        try:
            yield
        finally:
            _ask(denied, method="DELETE")

    def wait[T](
        self, look: Callable[[], T | None], *, what: str, within_s: float = PATIENCE_S, every_s: float = 0.5
    ) -> T:
        """The first true answer of `look`. Raises EmulatorError, saying what was waited for, where none comes."""
        end = time.monotonic() + within_s
        while True:
            if found := look():
                return found
            if time.monotonic() > end:
                raise EmulatorError(f"not within {within_s:.0f} s: {what}")
            time.sleep(every_s)

    # ---- parts -------------------------------------------------------------------------------------------------------

    def _start_ministack(self) -> None:
        home = self.directory / "ministack"
        home.mkdir()
        environment = self.environment(
            AUTH="true",
            BIND_HOST="127.0.0.1",
            MINISTACK_HOST="127.0.0.1",
            GATEWAY_PORT=self.endpoint_url.rpartition(":")[2],
            MINISTACK_ACCOUNT_ID=ACCOUNT_ID,
            MINISTACK_REGION=REGION,
            TMPDIR=str(home),
            STATE_DIR=str(home / "state"),
            S3_DATA_DIR=str(home / "s3"),
            # It would listen for IoT devices on every address, and would tidy up other people's containers.
            IOT_MTLS_ENABLED="0",
            SFTP_ENABLED="0",
            DOCKER_HOST="unix:///nonexistent",
            LIFELINE_SESSIONS=str(self._sessions),
            LIFELINE_ORGANIZATION=str(self.directory / "organization.json"),
            LIFELINE_CALLED=str(self.directory / "called.json"),
            LIFELINE_MINUTE_S=str(self._minute.total_seconds()),
            LIFELINE_UNPACKED=str(self.template.parent / "unpacked"),
            **self.addresses(),  # for functions that are deployed from the template as AWS gets it
        )
        python = str(ROOT / ".envs/ministack/bin/python")
        command = [python, str(ROOT / "tests/e2e/emulators/ministack_main.py")]
        self._serve("ministack", command, environment, f"{self.endpoint_url}/_ministack/health")

    def _start_moto(self) -> None:
        command = [str(ROOT / ".envs/dev/bin/python"), "-m", "tests.e2e.emulators.moto_main"]
        command += ["--port", self.ec2_endpoint_url.rpartition(":")[2], "--bus", self.endpoint_url]
        command += ["--sessions", str(self._sessions), "--account", ACCOUNT_ID]
        command += ["--pending-s", str(self._pending.total_seconds())]
        environment = self.environment(PYTHONPATH=str(ROOT))
        self._serve("moto", command, environment, f"{self.ec2_endpoint_url}/moto-api/data.json")

    def _serve(self, name: str, command: list[str], environment: Mapping[str, str], health_url: str) -> None:
        server = Server(name, command, environment, self.directory / f"{name}.log", ROOT)
        self._servers.append(server)
        server.wait_until_healthy(health_url)

    def _client(self, service: str, keys: Keys) -> Any:
        with self._clients_lock:  # a session makes one client at a time
            if (service, keys) not in self._clients:
                url = self.ec2_endpoint_url if service in _ON_MOTO else self.endpoint_url
                self._clients[service, keys] = self._session.client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=url,
                    config=_CONFIG,
                    aws_access_key_id=keys.access_key_id,
                    aws_secret_access_key=keys.secret,
                    aws_session_token=keys.token,
                )
            return self._clients[service, keys]

    @property
    def _sessions(self) -> Path:
        return self.directory / "sessions"

    def read_outputs(self) -> dict[str, str]:
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        found = {output["OutputKey"]: output["OutputValue"] for stack in stacks for output in stack.get("Outputs", ())}
        if not found:
            raise EmulatorError("the stack has no outputs")
        return found

    def environment(self, **more: str) -> dict[str, str]:
        """Ours without anything of AWS's: no profile, no credentials and no endpoint of this machine may get in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "MOTO_"))}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        ours = {
            # The package is built by python3.13 and its pip.
            "PATH": f"{ROOT / '.envs/dev/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            # Nothing may be written beside the sources, and yet SAM and moto take seconds to compile at each start.
            "PYTHONPYCACHEPREFIX": str(RUNS / "pycache"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(self.directory / "sam"),
        }
        return {**kept, **ours, **more}


@contextmanager
def deployed(
    *, minute: timedelta = MINUTE, policy: Mapping[str, Any] | None = None, **parameters: str
) -> Iterator[Account]:
    """An account with the stack in it, which has enforced for long, with what differs from the defaults in its policy
    and its parameters.
    """
    with Account(parameters=parameters, policy=policy, minute=minute).closing() as account:
        account.start()
        account.deploy()
        account.enforce_since(LONG_AGO)
        yield account


def _fingerprint() -> str:
    """Of all that `sam build` reads: what is built of the same sources is the same."""
    found = hashlib.sha256()
    files = [path for folder in ("functions", "tools") for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in sorted([TEMPLATE, FRAGMENT, *(path for path in files if "__pycache__" not in path.parts)]):
        content = path.read_bytes()
        found.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def _remove_old_builds(*, keep: int) -> None:
    """All but the newest few: another run may still be deploying the one before."""
    builds = sorted(filter(Path.is_dir, BUILDS.iterdir()), key=lambda path: path.stat().st_mtime, reverse=True)
    for build in builds[keep:]:
        shutil.rmtree(build, ignore_errors=True)


def _ask(url: str, *, method: str = "GET") -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def _connect_default_vpc(ec2: Any) -> None:
    """Give the default VPC its internet gateway and route: AWS's has them, moto's doesn't."""
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc_id = ec2.describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"]
    main = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "association.main", "Values": ["true"]}]
    table_id = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)


class Mailbox:
    """A queue of the account's owner, to which one service may deliver, and what has come so far, in this order."""

    def __init__(self, account: Account, service: str) -> None:
        self._sqs = account.client("sqs")
        self._service = service
        self._url = self._sqs.create_queue(QueueName=f"inbox-{time.time_ns()}")["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn = str(asked["Attributes"]["QueueArn"])
        self._read: list[dict[str, Any]] = []

    def admit(self, source_arn: str) -> None:
        """Let the service deliver what comes from there."""
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": self._service},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})

    def received(self) -> list[dict[str, Any]]:
        """Everything that came so far."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._read.append(self.opened(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return list(self._read)

    def opened(self, body: str) -> dict[str, Any]:
        """What is inside a message."""
        return dict(json.loads(body))


class Inbox(Mailbox):
    """A mailbox on a topic: what subscribers of the stack would be told."""

    def __init__(self, account: Account, topic_arn: str) -> None:
        super().__init__(account, "sns.amazonaws.com")
        self.admit(topic_arn)
        account.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self.arn)

    def notices(self) -> list[dict[str, Any]]:
        """Every notice so far, as SNS wraps it: `Subject`, `Message`, `MessageAttributes`."""
        return self.received()

    def opened(self, body: str) -> dict[str, Any]:
        """The notice, with its mail's text alone as its message."""
        return with_text(json.loads(body))


class Listener(Mailbox):
    """A mailbox on the default bus: what a rule of the account's owner would set going."""

    def __init__(self, account: Account, name: str, pattern: Mapping[str, Any]) -> None:
        super().__init__(account, "events.amazonaws.com")
        events = account.client("events")
        self.admit(events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"])
        failed = events.put_targets(Rule=name, Targets=[{"Id": "mailbox", "Arn": self.arn}])["FailedEntryCount"]
        if failed:
            raise EmulatorError(f"the rule {name} got no target")

    def events(self) -> list[dict[str, Any]]:
        """Every event so far, as EventBridge wraps it: `source`, `detail-type`, `detail`."""
        return self.received()
