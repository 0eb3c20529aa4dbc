"""The story on emulators, with the clock running: `make demo`.

Everything that is printed is read from the emulated account: its EC2, its CloudWatch, the notices on the stack's topic,
and what the deployed functions answer. A step that doesn't happen in time ends the demo with its name, exit status 1.
"""

import json
import math
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.browser.host import around
from tests.e2e.emulators.account import REGION, ROOT, RUNS, Account, Inbox
from tests.e2e.emulators.processes import EmulatorError
from tests.e2e.machine import Agent, Site, build_site, datapoints, launch, make_profile, running_agents
from tests.e2e.narrator import Actor, Narrator
from tests.e2e.network import default_route
from tests.support.cloudtrail import DEPLOYER

SERVICE_NAME = f"monitoring.{REGION}.amazonaws.com"
TICK = timedelta(minutes=1)
PENDING = timedelta(seconds=45)  # how long the endpoint takes to come up here; in an account a minute or more
LATER = timedelta(seconds=7)  # how long after the silence counts as one the detector should look
IDS = "\n\nIDs:\n"
KEPT = RUNS / "demo"  # what a reader may want to open afterwards

INTRODUCTION = f"""
    Two instances in a subnet publish their memory and disk usage to CloudWatch. Then someone deletes the subnet's route
    to the internet. {SERVICE_NAME} still resolves to public addresses, which the instances can no longer
    reach: their metrics stop arriving, and nobody is notified. Lifeline detects this, repairs it and reports it.
"""
SETTING = f"""
    No AWS account is involved. The real SAM CLI builds this repository's template and deploys it to emulators on
    this machine. EC2 calls become CloudTrail records on the emulated event bus, the deployed rules match them, and
    the functions run in separate processes with the roles that the template gives them. The agents publish only
    while the emulated network has a path to CloudWatch; nothing else tells them what to do. A new endpoint stays
    pending for {PENDING.seconds} s (in AWS, a minute or more). Other steps are faster than in AWS: the agents
    publish every few seconds instead of every minute, and Lifeline considers them silent sooner than it would by
    default.
"""


CHARACTERS = {
    Actor.SOMEBODY: f"works with the role {DEPLOYER.name}, as people and Terraform do",
    Actor.MACHINES: "two EC2 instances, each with a CloudWatch agent",
    Actor.LIFELINE: "the deployed functions: ReconcileEndpoints, DetectMetricGaps and CoveragePage",
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
        (watch,) = account.policy["watches"]
        self._debounce = timedelta(seconds=int(account.parameters()["DebounceSeconds"]))
        self.period = timedelta(seconds=watch["period_seconds"])
        self._overdue = self.period + timedelta(seconds=watch["grace_seconds"])
        self._inbox: Inbox | None = None
        self._notices: list[dict[str, Any]] = []
        self._files: list[tuple[Path, str]] = []
        self._cut_at = datetime.now(UTC)

    # ---- before ------------------------------------------------------------------------------------------------------

    def build_network(self) -> tuple[Site, list[str]]:
        """A VPC with a public subnet, and two instances in it."""
        site = build_site(self._ec2, cidr="10.20", name="shop")
        profile_arn = make_profile(self._account.client("iam"))
        machines = sorted(launch(self._ec2, site.subnet_id, profile_arn=profile_arn) for _ in range(2))
        self._say.tell(
            Actor.SOMEBODY,
            "builds a network and starts two instances in it",
            f"{site.vpc_id} (shop, 10.20.0.0/16) with the public subnet {site.subnet_id} (10.20.1.0/24)",
            f"{site.route_table_id}: 0.0.0.0/0 → {site.internet_gateway_id}",
            *(f"{one} at {self._instance(one)['PrivateIpAddress']}" for one in machines),
            f"their CloudWatch agents publish every {self.period.seconds} s",
        )
        return site, machines

    def meet(self, machines: list[str]) -> None:
        """The agents' data arrive, and Lifeline knows the agents."""
        self._inbox = self._account.subscribe("NoticesTopic")
        with self._step("the machines' metrics arrive"):
            self._wait(
                lambda: all(len(self._seen(one, minutes=5)) >= 2 for one in machines), "datapoints in CloudWatch", 30
            )
        self._say.tell(Actor.MACHINES, "publish: CloudWatch has their mem_used_percent and disk_used_percent")
        with self._step("Lifeline knows the machines' agents"):
            report = self._invoke("DetectMetricGapsFunction", {"detect": True})
            [watch] = report["watches"]
            require(watch["states"]["reporting"] == len(machines), f"DetectMetricGaps answered {report}")
        self._say.tell(
            Actor.LIFELINE,
            f"checks for silent agents every minute; its roster has {watch['watched']} agents, and all are reporting",
        )

    def see_the_network(self, site: Site) -> None:
        """Lifeline's first sweep sees that the path is open; what is missing already would wait for approval."""
        with self._step("the first sweep"):
            answer = self._invoke("ReconcileEndpointsFunction", {"sweep": True})
            [seen] = [one for one in answer["vpcs"] if one["vpc_id"] == site.vpc_id]
            require(seen["actions"] == [], f"the first sweep answered {seen}")
        self._say.tell(
            Actor.LIFELINE,
            f"sweeps the region for the first time: nothing is missing in {site.vpc_id}, whose subnet has a way out",
        )

    def wait_for_moment(self) -> None:
        """Let the detector's next look fall between the silence and the cure, so that it sees both."""
        lead = self._overdue + LATER
        pause = self._next_look(after=datetime.now(UTC) + lead) - lead - datetime.now(UTC)
        self._say.note(
            f"waiting {pause.total_seconds():.0f} s: the detector runs once a minute, an agent counts as silent "
            f"{self._overdue.seconds} s after its last datapoint, and it should be detected before the endpoint is up"
        )
        with self._say.waiting("waiting for the moment to delete the route"):
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
        with self._step("the subnet is isolated"):
            require(default_route(self._ec2, site.subnet_id) is None, "the default route is still there")
            answer = self._invoke("ReconcileEndpointsFunction", {"vpc_ids": [site.vpc_id], "mode": "plan"})
            tier = answer["vpcs"][0]["subnets"].get(site.subnet_id)
            require(tier == "isolated", f"Lifeline calls {site.subnet_id} {tier}")
        self._say.tell(
            Actor.LIFELINE,
            f"asked for a plan: {site.subnet_id} is {tier}",
            f"on its way: CloudTrail → EventBridge rule → queue, where the change waits {self._debounce.seconds} s",
        )

    def get_endpoint(self, site: Site) -> str:
        """The deployed function creates the endpoint, because of the deployed rule; the endpoint's id."""
        with self._step("the endpoint is created"):
            endpoint = self._wait(lambda: self._endpoint(site.vpc_id), f"an endpoint in {site.vpc_id}", 90)
        tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in endpoint["Tags"])
        self._say.tell(
            Actor.LIFELINE,
            f"creates {endpoint['VpcEndpointId']} for {endpoint['ServiceName']}",
            f"address: {', '.join(f'{address} in {subnet}' for address, subnet in self._addresses(endpoint))}",
            f"name:    {endpoint['DnsEntries'][0]['DnsName']}",
            f"private: {SERVICE_NAME}" if endpoint["PrivateDnsEnabled"] else "private DNS is off",
            *(self._describe_group(group["GroupId"]) for group in endpoint["Groups"]),
            f"tags:    {tags}",
            f"state:   {endpoint['State']}",
        )
        notice = self._next_notice("endpoints", site.vpc_id, step="the notice of the endpoint arrives", within_s=30)
        self._say.tell(Actor.LIFELINE, "notifies its subscribers of what it did:")
        self._show(notice)
        return str(endpoint["VpcEndpointId"])

    def fall_silent(self, machines: list[str], endpoint_id: str) -> None:
        """The detector opens one incident for both machines, and knows why."""
        notice = self._next_notice("incident_opened", *machines, step="the incident is opened", within_s=90)
        self._say.tell(
            Actor.MACHINES,
            "are silent. The last datapoints that CloudWatch has:",
            *(f"{one}: {last:%H:%M:%S} UTC ({self._since_cut(last)})" for one, last in self._last(machines).items()),
        )
        self._say.tell(Actor.LIFELINE, "opens one incident for both: which agents are silent, since when and why:")
        self._show(notice)
        with self._step("the notice has the cause, its maker and the cure"):
            for expected in ("DeleteRoute", DEPLOYER.name, endpoint_id):
                require(expected in notice["Message"], f"{expected} is not in the notice")

    def come_up(self, site: Site, endpoint_id: str) -> str:
        """The endpoint is available, and the service's name resolves to its private addresses, which this says."""
        with self._step("the endpoint becomes available"):
            endpoint = self._wait(lambda: self._endpoint(site.vpc_id, "available"), f"{endpoint_id} available", 90)
        addresses = ", ".join(address for address, _ in self._addresses(endpoint))
        self._say.tell(Actor.AWS, f"{endpoint_id} is available: in the VPC, {SERVICE_NAME} is now {addresses}")
        return addresses

    def resume(self, agents: list[Agent]) -> None:
        """Datapoints arrive again."""
        with self._step("the metrics resume"):
            first = {one: self._wait(self._returned(one), f"a datapoint of {one.instance_id}", 60) for one in agents}
        self._say.tell(
            Actor.MACHINES,
            "publish again. The first datapoints after the silence:",
            *(
                f"{one.instance_id}: {at:%H:%M:%S} UTC ({self._since_cut(at)}), {one.path.why}"
                for one, at in first.items()
            ),
        )

    def recover(self, machines: list[str], endpoint_id: str) -> None:
        """The detector closes the incident, says how long it was and what ended it."""
        self._say.note("the detector runs once a minute; its next run detects that they are back")
        notice = self._next_notice("incident_resolved", *machines, step="the recovery is reported", within_s=100)
        self._say.tell(Actor.LIFELINE, "closes the incident, and reports how long it lasted and what ended it:")
        self._show(notice)
        with self._step("the notice has the cure"):
            require(endpoint_id in notice["Message"], f"{endpoint_id} is not in the notice")
        with self._step("two machines, one cause, one incident"):
            kinds = Counter(map(_kind, self._notices))
            require(kinds["incident_opened"] == kinds["incident_resolved"] == 1, f"the notices were {dict(kinds)}")

    # ---- after -------------------------------------------------------------------------------------------------------

    def plan_for_another(self) -> str:
        """What Lifeline would do in a second VPC, whose id it says, and that asking did nothing."""
        site = build_site(self._ec2, cidr="10.30", name="billing", public=False)
        with self._step("the plan for a second VPC"):
            event = {"vpc_ids": [site.vpc_id], "mode": "plan", "format": "text"}
            answer = self._invoke("ReconcileEndpointsFunction", event)
            is_plan = answer["mode"] == "plan" and "monitoring: create an interface endpoint" in answer["text"]
            require(is_plan, f"ReconcileEndpoints answered {answer}")
            require(self._endpoint(site.vpc_id) is None, f"plan mode made an endpoint in {site.vpc_id}")
        self._say.explain(f"""
            {site.vpc_id} is another VPC, whose subnet never had a route out. Invoked with
            {json.dumps(event)}, Lifeline responds:
        """)
        self._say.notice("Plan", answer["text"])
        self._say.tell(Actor.AWS, f"has no endpoint in {site.vpc_id}: a plan changes nothing")
        return site.vpc_id

    def keep_page(self, name: str, what: str, *vpc_ids: str) -> None:
        """Keep the coverage page as a dashboard shows it now, these VPCs on it."""
        event = json.loads((ROOT / "events/coverage-page.json").read_text(encoding="utf-8"))
        with self._step("the coverage page"):
            page = self._invoke("CoveragePageFunction", event)
            is_page = isinstance(page, str) and "<h2>Lifeline: coverage</h2>" in page
            require(is_page, f"CoveragePage answered no page: {page!s:.300}")
            for vpc_id in vpc_ids:
                require(vpc_id in page, f"{vpc_id} is not on the page")
        self._keep(name, around(page), f"the coverage page {what}")

    def link(self) -> None:
        """Say where everything is that was kept, and what to do next."""
        self._say.chapter("Open")
        for file, what in self._files:
            self._say.link(file.as_uri(), what)
        self._say.chapter("Next")
        self._say.link("make plan VPC=vpc-... REGION=... PROFILE=...", "what Lifeline would do in a VPC of yours")
        self._say.link((ROOT / "README.md").as_uri(), "how to deploy it")
        self._say.link((ROOT / "docs/operate.md").as_uri(), "what each notice means, and what to do about it")

    # ---- looking -----------------------------------------------------------------------------------------------------

    def _wait[T](self, look: Any, what: str, within_s: float) -> Any:
        return self._account.wait(look, what=what, within_s=within_s, every_s=0.3)

    def _invoke(self, output: str, event: dict[str, Any]) -> Any:
        answer = self._account.invoke(output, event)
        if answer.error:
            raise EmulatorError(f"{output} failed: {answer.payload}\n{answer.logs}")
        return answer.payload

    def _instance(self, instance_id: str) -> dict[str, Any]:
        found = self._ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return dict(found)

    def _endpoint(self, vpc_id: str, state: str = "") -> dict[str, Any] | None:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        found = self._ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        return next((dict(one) for one in found if not state or one["State"] == state), None)

    def _addresses(self, endpoint: dict[str, Any]) -> list[tuple[str, str]]:
        """Its private addresses, each with its subnet."""
        found = self._ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])
        return [(one["PrivateIpAddress"], one["SubnetId"]) for one in found["NetworkInterfaces"]]

    def _describe_group(self, group_id: str) -> str:
        group = self._ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        rules = [
            f"{rule['IpProtocol']} {rule.get('FromPort', 'all')} from {one['CidrIp']}"
            for rule in group["IpPermissions"]
            for one in rule["IpRanges"]
        ]
        return f"group:   {group['GroupName']} ({group_id}) allows {', '.join(rules) or 'nothing'}"

    def _seen(self, instance_id: str, *, minutes: int) -> list[datetime]:
        """When it published, in steps of its period, as Lifeline reads them."""
        since = datetime.now(UTC) - timedelta(minutes=minutes)
        return datapoints(self._cloudwatch, instance_id, since=since, period=self.period)

    def _last(self, machines: list[str]) -> dict[str, datetime]:
        return {one: self._seen(one, minutes=5)[-1] for one in machines}

    def _returned(self, agent: Agent) -> Callable[[], datetime | None]:
        """A look for the agent's first datapoint since it fell silent."""
        silent_from = self._cut_at + self.period
        return lambda: next((one for one in self._seen(agent.instance_id, minutes=5) if one > silent_from), None)

    def _next_notice(self, kind: str, *names: str, step: str, within_s: float) -> dict[str, Any]:
        """The next notice of this kind that names all these. What else is told meanwhile is shown as well."""

        def arrived() -> dict[str, Any] | None:
            for notice in self._new_notices():
                if _kind(notice) == kind and all(name in notice["Message"] for name in names):
                    return notice
                self._say.tell(Actor.LIFELINE, "notifies its subscribers:")
                self._show(notice)
            return None

        with self._step(step):
            found = self._wait(arrived, f"a notice {kind} about {', '.join(names)}", within_s)
        return dict(found)

    def _new_notices(self) -> Iterator[dict[str, Any]]:
        arrived = self._inbox.notices() if self._inbox else []
        for notice in arrived[len(self._notices) :]:
            self._notices.append(notice)
            name = f"{len(self._notices)}-{_kind(notice)}.txt"
            self._keep(name, f"Subject: {notice['Subject']}\n\n{notice['Message']}", f"mail: {notice['Subject']}")
            yield notice

    def _show(self, notice: dict[str, Any]) -> None:
        """The notice as far as people read it. Its IDs, its links and the code to copy are in the file."""
        text, _, _ = notice["Message"].partition(IDS)
        file, _ = self._files[-1]
        self._say.notice(notice["Subject"], f"{text}\n\n(with IDs and links: {file.relative_to(ROOT)})")

    def _keep(self, name: str, text: str, what: str) -> None:
        """Write a file that the demo links to at its end."""
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / name).write_text(text, encoding="utf-8")
        self._files.append((KEPT / name, what))

    def _next_look(self, *, after: datetime) -> datetime:
        """When the detector's own schedule calls it next, at or after a moment."""
        scheduler = self._account.client("scheduler")
        function = self._account.outputs["DetectMetricGapsFunction"]
        schedules = [
            scheduler.get_schedule(Name=found["Name"], GroupName=found.get("GroupName", "default"))
            for found in scheduler.list_schedules()["Schedules"]
        ]
        created: datetime = next(one["CreationDate"] for one in schedules if f":{function}:" in one["Target"]["Arn"])
        return created + math.ceil((after - created) / TICK) * TICK

    def _step(self, name: str) -> AbstractContextManager[None]:
        return step(self._say, name)

    def _since_cut(self, moment: datetime) -> str:
        return f"{(moment - self._cut_at).total_seconds():+.0f} s"


@contextmanager
def step(say: Narrator, name: str) -> Iterator[None]:
    """A step that is waited for. Whatever goes wrong inside becomes a StoryError with its name."""
    try:
        with say.waiting(f"waiting: {name}"):
            yield
    except EmulatorError as error:
        raise StoryError(f"{name}: {error}") from error


def require(holds: bool, otherwise: str) -> None:
    """Raises EmulatorError, saying what was found otherwise, unless it holds."""
    if not holds:
        raise EmulatorError(otherwise)


def _kind(notice: dict[str, Any]) -> str:
    return str(notice.get("MessageAttributes", {}).get("kind", {}).get("Value", ""))


def tell_story(account: Account, say: Narrator) -> None:
    """From the empty emulators to the verdict. Raises StoryError at the first step that doesn't happen."""
    shutil.rmtree(KEPT, ignore_errors=True)
    with say.waiting("starting the emulators"):
        account.start()
    demo = Demo(account, say)
    site, machines = demo.build_network()
    with running_agents(account, machines, demo.period) as agents:
        with say.waiting("building the stack with sam build", at_once=True):
            account.build()
        with say.waiting("deploying the stack with sam deploy", at_once=True):
            account.deploy()
        demo.meet(machines)
        demo.see_the_network(site)
        demo.wait_for_moment()

        say.chapter("What happens, in seconds since the change")
        demo.cut(site)
        demo.become_isolated(site)
        endpoint_id = demo.get_endpoint(site)
        demo.fall_silent(machines, endpoint_id)
        demo.keep_page("coverage-incident.html", "while the incident was open", site.vpc_id)
        addresses = demo.come_up(site, endpoint_id)
        demo.resume(agents)
        demo.recover(machines, endpoint_id)

    say.chapter("What would Lifeline do in another VPC?")
    other_vpc_id = demo.plan_for_another()
    demo.keep_page("coverage.html", "now", site.vpc_id, other_vpc_id)
    say.verdict(
        f"The subnet still has no route out, and its instances report: {SERVICE_NAME} is {addresses} there.", good=True
    )
    demo.link()


def main() -> int:
    """Tell the story; the exit status."""
    say = Narrator()
    say.title("Lifeline: a private subnet gets its path to CloudWatch back")
    say.explain(INTRODUCTION)
    for actor, who in CHARACTERS.items():
        say.introduce(actor, who)
    say.explain(SETTING)
    return tell(tell_story, Account(pending=PENDING), say)


def tell(story: Callable[[Account, Narrator], None], account: Account, say: Narrator) -> int:
    """Tell a story in an account, which is there only so long; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    say.chapter("Before")
    try:
        with account.closing():
            story(account, say)
    except KeyboardInterrupt:
        say.verdict("interrupted; every process that was started has been stopped", good=False)
        return 130
    except (StoryError, EmulatorError) as error:
        say.verdict(f"the story stopped at: {error}", good=False)
        say.note(f"the emulators' and SAM's logs are in {account.directory}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
