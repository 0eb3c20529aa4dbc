"""Whole minutes of a region with very many agents, through the queue: what each invocation takes, and its memory.

PYTHONPATH=functions:. .envs/dev/bin/python bench/minute.py [AGENTS]

The handler itself, each invocation in a fresh process, from the sources: the schedule's, then each message of the
detector's queue, one after the other. The ledger and the queue are moto's, over HTTP in a process of its own, and
CloudWatch is a server on loopback: their CPU isn't counted, but they share the machine. A third of the agents is due in
each minute. Then the same in one invocation of all agents, without parts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from bench.cloudwatch import serving
from detect import fleet
from emulated_region import emulated_region
from tests.support.agents import ENVIRONMENT, REGION, TABLE

from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.agent import Agent
from lifeline.core.agents.roster import place
from lifeline.core.agents.watches import Watch

AGES = (125, 185, 245)  # seconds of the newest datapoints: with the default grace, a third more is due each minute
MINUTES = 3
QUEUE = "checks"


def fill(agents: list[Agent]) -> None:
    """The roster and the queue."""
    boto3.client("sqs").create_queue(QueueName=QUEUE)
    roster, now = Roster(TABLE, Watch().name), datetime.now(UTC)
    number = 0
    for chunk in place([], agents):
        newest = {}
        for entity in chunk.agents:
            newest[entity] = now - timedelta(seconds=AGES[number % len(AGES)])
            number += 1
        assert roster.save(type(chunk)(chunk.number, chunk.agents, 0, (), newest))


class Invoked:
    """What an invocation in a fresh process took: seconds of wall and CPU, the peak of its memory, and its answer."""

    def __init__(self, event: Any, **settings: str) -> None:
        done = subprocess.run(  # noqa: S603 - a program of this folder
            [sys.executable, Path(__file__).with_name("invocation.py")],
            input=json.dumps(event),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | settings,
        )
        said = json.loads(done.stdout.splitlines()[-1])
        self.seconds, self.cpu, self.mb = said["seconds"], said["cpu"], said["mb"]
        [self.watch] = said["answer"]["watches"]
        assert not self.watch["silent"], self.watch


def messages(url: str) -> Iterator[dict[str, Any]]:
    """Events with the queue's messages, one each, until it is empty."""
    sqs = boto3.client("sqs")
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages"):
        arn = f"arn:aws:sqs:{REGION}:123456789012:{QUEUE}"
        yield {"Records": [{"messageId": found[0]["MessageId"], "body": found[0]["Body"], "eventSourceARN": arn}]}
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])


@contextmanager
def a_region(agents: list[Agent]) -> Iterator[str]:
    """With the agents on its roster; the queue's address."""
    with serving(agents) as cloudwatch, emulated_region(lambda: fill(agents)) as region:
        os.environ |= {**ENVIRONMENT, "AWS_ENDPOINT_URL": region.url, "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch}
        os.environ |= {"TOPIC_ARN": f"arn:aws:sns:{REGION}:123456789012:notices", "POWERTOOLS_LOG_LEVEL": "ERROR"}
        yield boto3.client("sqs").get_queue_url(QueueName=QUEUE)["QueueUrl"]


def in_parts(agents: list[Agent]) -> None:
    with a_region(agents) as url:
        for minute in range(1, MINUTES + 1):
            first = Invoked({"detect": True}, DETECT_QUEUE_URL=url)
            parts = [Invoked(event, DETECT_QUEUE_URL=url) for event in messages(url)]
            [whole] = [part.watch for part in parts if not part.watch["in_parts"]]
            assert whole["watched"] == len(agents), whole
            took = first.seconds + sum(part.seconds for part in parts)
            print(f"  minute {minute}: {took:.1f} s in all, one after the other, without the processes' starts")
            print(f"    the schedule's {describe([first])}")
            print(f"    {len(parts)} parts      {describe(parts)}; the last {parts[-1].seconds:.1f} s")


def at_once(agents: list[Agent]) -> None:
    with a_region(agents):
        for minute in range(1, MINUTES + 1):
            run = Invoked({"detect": True}, MOST_AGENTS_A_RUN=str(len(agents)))
            print(f"  minute {minute}: {describe([run])}")


def describe(invoked: list[Invoked]) -> str:
    seconds, cpu, mb = ([getattr(one, name) for one in invoked] for name in ("seconds", "cpu", "mb"))
    if len(invoked) == 1:
        return f"{seconds[0]:5.1f} s, CPU with its start {cpu[0]:5.1f} s, {mb[0]:4.0f} MB"
    return (
        f"{max(seconds):5.1f} s the slowest, CPU {max(cpu):5.1f} s at most, {sum(cpu):5.1f} in all, {max(mb):4.0f} MB"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    agents = fleet(count, datetime.now(UTC))
    print(f"{count} agents, in parts:")
    in_parts(agents)
    print(f"{count} agents, in one invocation:")
    at_once(agents)


if __name__ == "__main__":
    main()
