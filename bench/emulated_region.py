"""A region for measuring: moto over HTTP in a process of its own, which counts the calls that it gets by service."""

import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from threading import Thread
from time import sleep
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from tests.support.agents import ENVIRONMENT, REGION, create_table, create_topic
from tests.support.world import ACCOUNT, remove_default_vpc
from werkzeug.serving import make_server

_SERVICE = re.compile(r"Credential=[^/]+/[0-9]+/[^/]+/([^/]+)/aws4_request")


class Region:
    """The running emulator: where it is, and what it was asked since the last time."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def delay(self, seconds: float) -> None:
        """From now on, each call is answered so much later."""
        self._pipe.send(seconds)
        self.calls()

    def calls(self) -> Counter[str]:
        """By service, since the last time."""
        self._pipe.send("calls")
        found: Counter[str] = self._pipe.recv()
        return found


@contextmanager
def emulated_region(fill: Callable[[], None]) -> Iterator[Region]:
    """The region, once `fill` has made what is in it; `fill` runs beside the emulator, with the SDK pointed there."""
    ours, theirs = Pipe()
    process = Process(target=_serve, args=(theirs, fill), daemon=True)
    process.start()
    try:
        yield Region(ours.recv(), ours)
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, fill: Callable[[], None]) -> None:
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    calls, application = Counter[str](), DomainDispatcherApplication(create_backend_app)
    delay = [0.0]

    def counted(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        found = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = found[1] if found else "?"
        calls[service] += 1
        sleep(delay[0])
        if service != "route53profiles":
            answer: Iterable[bytes] = application(environ, start)
            return answer
        start("200 OK", [("Content-Type", "application/json")])  # moto has no Profiles, so that nobody has any
        return [b'{"ProfileAssociations": []}']

    server = make_server("127.0.0.1", 0, counted, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ |= {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}
    create_table()
    create_topic()
    remove_default_vpc(ACCOUNT)
    fill()
    calls.clear()
    pipe.send(url)
    while True:
        asked = pipe.recv()
        if asked == "calls":
            pipe.send(Counter(calls))
            calls.clear()
        else:
            delay[0] = asked


def half_served(vpcs: int) -> None:
    """VPCs with a public and two private subnets each. Every other one has an endpoint for `monitoring` in one of them,
    whose private DNS serves both.
    """
    ec2 = boto3.client("ec2", region_name=REGION)
    for number in range(vpcs):
        network = f"10.{number % 250}"
        vpc_id = ec2.create_vpc(CidrBlock=f"{network}.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        subnets = [
            ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"{network}.{place}.0/24", AvailabilityZone=f"{REGION}a")
            for place in range(3)
        ]
        public, private, _ = (subnet["Subnet"]["SubnetId"] for subnet in subnets)
        gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
        table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
        ec2.associate_route_table(RouteTableId=table_id, SubnetId=public)
        if number % 2:
            group = ec2.create_security_group(VpcId=vpc_id, GroupName="endpoints", Description="endpoints")
            https: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
            permission: Any = https | {"IpRanges": [{"CidrIp": f"{network}.0.0/16"}]}
            ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[permission])
            ec2.create_vpc_endpoint(
                VpcId=vpc_id,
                VpcEndpointType="Interface",
                ServiceName=f"com.amazonaws.{REGION}.monitoring",
                SubnetIds=[private],
                SecurityGroupIds=[group["GroupId"]],
                PrivateDnsEnabled=True,
            )
