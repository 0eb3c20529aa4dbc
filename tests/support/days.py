"""The whole handler over hours and days, on an EC2 that refuses what AWS refuses, with one clock for all."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.handlers import reconcile_endpoints
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.home import HOME
from tests.support.strict import Clock, StrictAccount
from tests.support.world import ACCOUNT, REGION, Context, World, flat

HOUR = timedelta(hours=1)
MINUTES = timedelta(minutes=5)
EVERYWHERE = "0.0.0.0/0"


class Days:
    """The emulated account, EC2's strictness in front of it, and one clock for both and for the function."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.clock = clock = Clock()
        self.account = StrictAccount(now=clock, throttling=False)
        self.account.attach(client("ec2"))
        self.turns = self._invocations = 0

        class Now(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override] # noqa: ARG003
                return clock()

        def take_turn(*_: object, **__: object) -> timedelta:
            self.turns += 1
            return timedelta(0)

        monkeypatch.setattr(reconcile_endpoints, "datetime", Now)
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", take_turn)

    def call(self, event: object) -> dict[str, Any]:
        """One invocation's answer."""
        self._invocations += 1
        return self.call_again(event)

    def call_again(self, event: object) -> dict[str, Any]:
        """The same invocation once more, as Lambda tries it where it raised."""
        context = Context(aws_request_id=f"52fdfc07-2182-154f-163f-{self._invocations:012x}")
        answer: dict[str, Any] = json.loads(json.dumps(handler(event, context)))
        return answer

    def look(self, vpc_id: str, **more: object) -> dict[str, Any]:
        (found,) = self.call({"vpc_ids": [vpc_id], **more})["vpcs"]
        return dict(found)

    def sweeps(self, hours: int, *, every: int = 1) -> list[dict[str, Any]]:
        """A sweep after an hour, then one every so many hours, and one at the end; the actions of all of them.

        Where nothing is to happen for days, a few sweeps see as much as one an hour.
        """
        actions: list[dict[str, Any]] = []
        for before, at in pairwise([0, *range(1, hours, every), hours]):
            self.clock.advance((at - before) * HOUR)
            actions += [one for vpc in self.call({"sweep": True})["vpcs"] for one in vpc["actions"]]
        return actions

    def after(self, hours: int) -> list[dict[str, Any]]:
        """One sweep after so long: what it did."""
        self.clock.advance((hours - 1) * HOUR)
        return self.sweeps(1)

    def empty_queue(self) -> None:
        for name in ("changes", "repair-requests"):
            sqs_backends[ACCOUNT][REGION].queues[name]._messages.clear()

    def take_from_queue(self) -> list[dict[str, Any]]:
        """Delivers what was put back, some minutes later, as SQS would."""
        found = self.world.requeue()
        self.empty_queue()
        self.clock.advance(MINUTES)
        assert self._receive(found) == {"batchItemFailures": []}
        return found

    def deliver(self, *events: object, queue: str = "changes") -> None:
        """Delivers events, as the queue would that got them just now."""
        assert self._receive(list(events), queue=queue) == {"batchItemFailures": []}

    def try_to_deliver(self, *events: object, receives: int = 1, queue: str = "changes") -> list[str]:
        """Delivers events for the so many-th time; the ids of the messages that the queue must keep."""
        failures = self._receive(list(events), receives=receives, queue=queue)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failures]

    def ask_for_repair(self, *vpc_ids: str, incident_id: str = "") -> dict[str, Any]:
        """Delivers what the detector asks for."""
        because = [{"kind": "silence", "event_id": incident_id, "time": self.clock().isoformat()}]
        return self._receive([{"vpc_ids": list(vpc_ids), "because": because}], queue="repair-requests")

    def record_silence(self, vpc_id: str, service: str = "monitoring", *, subject: str = "") -> Incident:
        """Records an incident as the detector does, of agents that a canary silenced soon after it was switched on."""
        now, subject = self.clock(), subject or self.live(vpc_id)[0]
        canary = VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries.get(service)
        cause = Cause(
            CauseKind.CANARY,
            Confidence.HIGH,
            f"private DNS of {subject} for {service} was switched on (canary)",
            service=service,
            vpc_id=vpc_id,
            subject=subject,
            is_repairable=True,
        )
        began = min(now, canary.at + MINUTES) if canary else now
        id_ = f"inc-{now:%Y%m%d-%H%M%S}-a1b2c3d4"
        saved = Incidents("ledger", HOME).save(
            Incident(id_, Watch().name, cause, began=began, opened_at=now, checked_at=now)
        )
        assert saved
        return saved

    def _receive(self, bodies: list[Any], *, queue: str = "changes", receives: int = 1) -> dict[str, Any]:
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
        sent = str(int(self.clock().timestamp() * 1000))
        attributes = {"ApproximateReceiveCount": str(receives), "SentTimestamp": sent}
        records = [
            {
                "messageId": f"m-{place}",
                "receiptHandle": "h",
                "body": json.dumps(body),
                "attributes": attributes,
                "eventSourceARN": arn,
            }
            for place, body in enumerate(bodies)
        ]
        return self.call({"Records": records})

    def cut_off(self, table_id: str) -> None:
        self.world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE)

    def connect(self, table_id: str, vpc_id: str) -> None:
        filters = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
        (found,) = self.world.ec2.describe_internet_gateways(Filters=filters)["InternetGateways"]
        self.world.ec2.create_route(
            RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, GatewayId=found["InternetGatewayId"]
        )

    def deletions(self) -> list[str]:
        calls = [one for one in self.account.calls if one.operation == "DeleteVpcEndpoints" and one.accepted]
        return [endpoint_id for one in calls for endpoint_id in one.params["VpcEndpointIds"]]

    def live(self, vpc_id: str) -> list[str]:
        return [one["VpcEndpointId"] for one in self.world.endpoints(vpc_id) if one["State"] != "deleting"]

    def mails(self) -> list[str]:
        """The notices' texts, line by line."""
        return [json.loads(one["Body"])["Message"] for one in self.world.notices()]

    def texts(self) -> list[str]:
        return list(map(flat, self.mails()))
