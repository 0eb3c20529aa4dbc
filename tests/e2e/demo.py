"""The story on emulators, with the clock running: `make demo`.

Everything that is printed is read from the emulated account: its EC2, its CloudWatch, the notices on the stack's topic,
and what the deployed functions answer. A step that doesn't happen in time ends the demo with its name, exit status 1.
"""

import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.emulators.account import REGION, Account, Inbox
from tests.e2e.emulators.processes import EmulatorError
from tests.e2e.machine import Agent, Site, build_site, datapoints, launch, running_agent
from tests.e2e.narrator import Actor, Narrator
from tests.e2e.network import default_route

SERVICE_NAME = f"monitoring.{REGION}.amazonaws.com"
TICK = timedelta(minutes=1)

INTRODUCTION = f"""
    A machine in a subnet publishes its memory and disk use to CloudWatch. Then somebody takes away the subnet's route
    to the internet. {SERVICE_NAME} still resolves to public addresses, which the machine can no longer reach: its
    metrics stop, and nobody is told. Lifeline is the application that notices, repairs and tells.
"""
SETTING = """
    No AWS account is involved. The real SAM CLI builds this repository's template and deploys it to emulators on this
    machine; EC2 calls become CloudTrail records on the emulated bus, the deployed rules pick theirs, and the functions
    run in processes of their own, with the roles that the template gives them. The machine's agent publishes only while
    the emulated network has a way to CloudWatch; nothing tells it what should happen.
"""


CHARACTERS = {
    Actor.SOMEBODY: "operates the network, as people and Terraform do",
    Actor.MACHINE: "an EC2 instance with a CloudWatch agent on it",
    Actor.LIFELINE: "the two deployed functions: ReconcileEndpoints and DetectMetricGaps",
    Actor.AWS: "EC2, CloudWatch, CloudTrail, EventBridge and the rest, as emulated here",
}


class StoryError(Exception):
    """A step of the story that did not happen; the message names it."""


class Demo:
    """The story, step by step, in an account that has been deployed to."""

    def __init__(self, account: Account, narrator: Narrator) -> None:
        self._account = account
        self._say = narrator
        self._ec2 = account.client("ec2")
        self._cloudwatch = account.client("cloudwatch")
        parameters = account.parameters()
        self._settle = _seconds(parameters, "SettleSeconds")
        self.period = _seconds(parameters, "AgentPeriodSeconds")
        self._overdue = self.period + _seconds(parameters, "GapGraceSeconds")
        self._inbox: Inbox | None = None
        self._notices_told = 0
        self._cut_at = datetime.now(UTC)

    # ---- before ------------------------------------------------------------------------------------------------------

    def build_network(self) -> tuple[Site, str]:
        """A VPC with a public subnet, and an instance in it."""
        site = build_site(self._ec2, cidr="10.20", name="shop")
        instance_id = launch(self._ec2, site.subnet_id)
        address = self._instance(instance_id)["PrivateIpAddress"]
        self._say.tell(
            Actor.SOMEBODY,
            "builds a network and starts a machine in it",
            f"{site.vpc_id} (10.20.0.0/16) with the public subnet {site.subnet_id} (10.20.1.0/24)",
            f"{site.route_table_id}: 0.0.0.0/0 → {site.internet_gateway_id}",
            f"{instance_id} at {address}, its CloudWatch agent publishes every {self.period.seconds} s",
        )
        return site, instance_id

    def meet(self, instance_id: str) -> None:
        """The agent's data arrive, and Lifeline knows the agent."""
        self._inbox = self._account.subscribe("NoticesTopic")
        with _step("the machine's metrics arrive"):
            self._wait(lambda: len(self._seen(instance_id, minutes=5)) >= 2, "two datapoints in CloudWatch", 30)
        self._say.tell(Actor.MACHINE, "publishes: CloudWatch has its mem_used_percent and disk_used_percent")
        with _step("Lifeline knows the machine's agent"):
            report = self._invoke("DetectMetricGapsFunction", {"detect": True})
            _require(instance_id in _ids(report["reporting"]), f"DetectMetricGaps answered {report}")
        self._say.tell(Actor.LIFELINE, f"looks every minute who is silent; now it has {instance_id} on its roster")

    def wait_for_moment(self) -> None:
        """Let the detector's next look fall between the silence and the endpoint, so that it sees both."""
        lead = (self._overdue + self._settle) / 2
        look = self._next_look(after=datetime.now(UTC) + lead)
        pause = look - lead - datetime.now(UTC)
        self._say.note(
            f"waiting {pause.total_seconds():.0f} s: the detector looks once a minute, a change rests "
            f"{self._settle.seconds} s before Lifeline acts, and the silence should be seen before the cure"
        )
        time.sleep(max(0.0, pause.total_seconds()))

    # ---- the story ---------------------------------------------------------------------------------------------------

    def cut(self, site: Site) -> None:
        """Somebody deletes the default route."""
        self._say.start_clock()
        self._cut_at = datetime.now(UTC)
        self._ec2.delete_route(RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0")
        self._say.tell(
            Actor.SOMEBODY,
            f"deletes the route 0.0.0.0/0 → {site.internet_gateway_id} from {site.route_table_id}",
        )

    def become_isolated(self, site: Site) -> None:
        """The subnet has no way out, in EC2 and in Lifeline's eyes."""
        with _step("the subnet is isolated"):
            _require(default_route(self._ec2, site.subnet_id) is None, "the default route is still there")
            answer = self._invoke("ReconcileEndpointsFunction", {"vpc_ids": [site.vpc_id], "mode": "plan"})
            tier = answer["vpcs"][0]["subnets"].get(site.subnet_id)
            _require(tier == "isolated", f"Lifeline calls {site.subnet_id} {tier}")
        self._say.tell(
            Actor.LIFELINE,
            f"asked what it sees, without acting: {site.subnet_id} is {tier}",
            f"the change itself is on its way: CloudTrail → EventBridge rule → queue, where it rests "
            f"{self._settle.seconds} s",
        )

    def fall_silent(self, instance_id: str) -> None:
        """The detector opens a gap and says so."""
        notice = self._next_notice("gap_opened", instance_id, step="the gap is opened", within=timedelta(seconds=90))
        last = self._seen(instance_id, minutes=5)[-1]
        self._say.tell(
            Actor.MACHINE, f"is silent: CloudWatch's last datapoint is of {last:%H:%M:%S} UTC ({self._since_cut(last)})"
        )
        self._say.tell(Actor.LIFELINE, "opens a gap, and says so to its subscribers:")
        self._say.notice(notice["Subject"], notice["Message"])

    def get_endpoint(self, site: Site) -> str:
        """The deployed function creates the endpoint, because of the deployed rule; its private addresses."""
        with _step("the endpoint is created"):
            endpoint = self._wait(lambda: self._endpoint(site.vpc_id), f"an endpoint in {site.vpc_id}", 90)
        interfaces = self._ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])
        placed = [f"{one['PrivateIpAddress']} in {one['SubnetId']}" for one in interfaces["NetworkInterfaces"]]
        addresses = ", ".join(one["PrivateIpAddress"] for one in interfaces["NetworkInterfaces"])
        group_ids = [group["GroupId"] for group in endpoint["Groups"]]
        tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in endpoint["Tags"])
        self._say.tell(
            Actor.LIFELINE,
            f"creates {endpoint['VpcEndpointId']} for {endpoint['ServiceName']}",
            f"address: {', '.join(placed)}",
            f"name:    {endpoint['DnsEntries'][0]['DnsName']}",
            f"private DNS {'on' if endpoint['PrivateDnsEnabled'] else 'off'}: {SERVICE_NAME} is now {addresses}",
            *(self._describe_group(group_id) for group_id in group_ids),
            f"tags:    {tags}",
        )
        with _step("the endpoint becomes available"):
            self._wait(
                lambda: (self._endpoint(site.vpc_id) or {}).get("State") == "available",
                f"{endpoint['VpcEndpointId']} available",
                60,
            )
        self._say.tell(Actor.AWS, f"{endpoint['VpcEndpointId']} is available")
        for notice in self._new_notices():
            self._show_other(notice)
        return addresses

    def resume(self, instance_id: str, agent: Agent) -> None:
        """Datapoints arrive again."""
        before = self._cut_at + self.period

        def returned() -> list[datetime]:
            return [one for one in self._seen(instance_id, minutes=5) if one > before]

        with _step("the metrics resume"):
            first = self._wait(returned, f"a datapoint of {instance_id} after the cut", 60)[0]
        self._say.tell(
            Actor.MACHINE,
            f"publishes again: a datapoint of {first:%H:%M:%S} UTC ({self._since_cut(first)}), {agent.path.why}",
        )

    def recover(self, instance_id: str) -> None:
        """The detector closes the gap and says how long it was."""
        self._say.note("the detector's next look is up to a minute away")
        notice = self._next_notice(
            "gap_resolved", instance_id, step="the recovery is told", within=timedelta(seconds=100)
        )
        self._say.tell(Actor.LIFELINE, "closes the gap, and says how long it was:")
        self._say.notice(notice["Subject"], notice["Message"])

    # ---- after -------------------------------------------------------------------------------------------------------

    def plan_for_another(self) -> None:
        """What Lifeline would do in a second VPC, and that asking did nothing."""
        site = build_site(self._ec2, cidr="10.30", name="billing", public=False)
        with _step("the plan for a second VPC"):
            answer = self._invoke("ReconcileEndpointsFunction", {"vpc_ids": [site.vpc_id], "mode": "plan"})
            vpc = answer["vpcs"][0]
            _require(answer["mode"] == "plan" and vpc["outcome"] == "planned", f"ReconcileEndpoints answered {answer}")
            _require(self._endpoint(site.vpc_id) is None, f"plan mode made an endpoint in {site.vpc_id}")
        self._say.explain(f"""
            {site.vpc_id} is another VPC, whose subnet never had a way out. Asked with
            {{"vpc_ids": ["{site.vpc_id}"], "mode": "plan"}}, Lifeline answers:
        """)
        for subnet_id, tier in vpc["subnets"].items():
            self._say.tell(Actor.LIFELINE, f"{subnet_id} is {tier}")
        for action in vpc["actions"]:
            what = action["action"].replace("_", " ")
            self._say.tell(
                Actor.LIFELINE,
                f"would {what}" + (f" for {action['service_name']}" if action.get("service_name") else ""),
                *(f"in {subnet_id}" for subnet_id in action.get("subnet_ids") or ()),
                f"because {action['reason']}",
            )
        self._say.tell(Actor.AWS, f"has no endpoint in {site.vpc_id}: a plan changes nothing")

    # ---- looking -----------------------------------------------------------------------------------------------------

    def _wait[T](self, look: Any, what: str, within_s: float) -> Any:
        return self._account.wait(look, what=what, within_s=within_s, every_s=0.3)

    def _invoke(self, output: str, event: dict[str, Any]) -> Any:
        answer = self._account.invoke(output, event)
        _require(not answer.error, f"{output} failed: {answer.payload}\n{answer.logs}")
        return answer.payload

    def _instance(self, instance_id: str) -> dict[str, Any]:
        found = self._ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return dict(found)

    def _endpoint(self, vpc_id: str) -> dict[str, Any] | None:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        found = self._ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        return dict(found[0]) if found else None

    def _describe_group(self, group_id: str) -> str:
        group = self._ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        rules = [
            f"{rule['IpProtocol']} {rule.get('FromPort', 'all')} from {one['CidrIp']}"
            for rule in group["IpPermissions"]
            for one in rule["IpRanges"]
        ]
        return f"group:   {group['GroupName']} ({group_id}) lets in {', '.join(rules) or 'nothing'}"

    def _seen(self, instance_id: str, *, minutes: int) -> list[datetime]:
        return datapoints(self._cloudwatch, instance_id, since=datetime.now(UTC) - timedelta(minutes=minutes))

    def _next_notice(self, kind: str, instance_id: str, *, step: str, within: timedelta) -> dict[str, Any]:
        """The first notice of this kind about the machine. What else was told meanwhile is shown as well."""

        def arrived() -> dict[str, Any] | None:
            for notice in self._new_notices():
                if _kind(notice) == kind and instance_id in notice["Message"]:
                    return notice
                self._show_other(notice)
            return None

        with _step(step):
            found = self._wait(arrived, f"a notice {kind} about {instance_id}", within.total_seconds())
        return dict(found)

    def _show_other(self, notice: dict[str, Any]) -> None:
        self._say.tell(Actor.LIFELINE, "tells its subscribers:")
        self._say.notice(notice["Subject"], notice["Message"])

    def _new_notices(self) -> Iterator[dict[str, Any]]:
        notices = self._inbox.notices() if self._inbox else []
        while self._notices_told < len(notices):
            self._notices_told += 1
            yield notices[self._notices_told - 1]

    def _next_look(self, *, after: datetime) -> datetime:
        """When the detector's own schedule calls it next, at or after a moment."""
        scheduler = self._account.client("scheduler")
        function = self._account.outputs["DetectMetricGapsFunction"]
        schedules = [
            scheduler.get_schedule(Name=found["Name"], GroupName=found.get("GroupName", "default"))
            for found in scheduler.list_schedules()["Schedules"]
        ]
        created: datetime = next(one["CreationDate"] for one in schedules if one["Target"]["Arn"].endswith(function))
        return created + math.ceil((after - created) / TICK) * TICK

    def _since_cut(self, moment: datetime) -> str:
        return f"{(moment - self._cut_at).total_seconds():+.0f} s"


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a StoryError with the step's name."""
    try:
        yield
    except EmulatorError as error:
        raise StoryError(f"{name}: {error}") from error


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise EmulatorError(otherwise)


def _ids(found: Any) -> list[str]:
    return list(found) if isinstance(found, list) else []


def _kind(notice: dict[str, Any]) -> str:
    return str(notice.get("MessageAttributes", {}).get("kind", {}).get("Value", ""))


def _seconds(parameters: dict[str, str], name: str) -> timedelta:
    return timedelta(seconds=int(parameters[name]))


def tell_story(account: Account, say: Narrator) -> None:
    """From the empty emulators to the verdict. Raises StoryError at the first step that doesn't happen."""
    account.start()
    demo = Demo(account, say)
    site, instance_id = demo.build_network()
    with running_agent(account, instance_id, demo.period) as agent:
        say.note("building and deploying the stack: sam build, sam deploy --config-env local")
        account.deploy()
        demo.meet(instance_id)
        demo.wait_for_moment()

        say.chapter("The story, in seconds since the change")
        demo.cut(site)
        demo.become_isolated(site)
        demo.fall_silent(instance_id)
        addresses = demo.get_endpoint(site)
        demo.resume(instance_id, agent)
        demo.recover(instance_id)

    say.chapter("What would Lifeline do elsewhere?")
    demo.plan_for_another()
    say.verdict(
        f"The subnet has no way out, and the machine in it reports: {SERVICE_NAME} is {addresses} there.", good=True
    )


def main() -> int:
    """Tell the story; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    say = Narrator()
    say.title("Lifeline: a private subnet gets its way to CloudWatch back")
    say.explain(INTRODUCTION)
    for actor, who in CHARACTERS.items():
        say.introduce(actor, who)
    say.explain(SETTING)
    say.chapter("Before")
    account = Account()
    try:
        with account.closing():
            tell_story(account, say)
    except KeyboardInterrupt:
        say.verdict("interrupted; everything that was started is stopped", good=False)
        return 130
    except (StoryError, EmulatorError) as error:
        say.verdict(f"the story stopped at: {error}", good=False)
        say.note(f"the emulators' and SAM's logs are in {account.directory}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
