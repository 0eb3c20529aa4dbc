"""The strict stand-in: moto's EC2, with what AWS enforces and moto doesn't.

    account = StrictAccount(now=clock, shuffle=7)
    ec2 = account.attach(boto3.client("ec2"))          # a real client: paginators, errors and all

Every call of an attached client passes here: its faults and its budget, then the rules of its operation, then moto,
then what AWS would show. Clients that aren't attached talk to moto alone: what they make has always been there.
One lock makes each call whole; calls of several threads take turns.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from typing import Any

import boto3
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator

from tests.support.policies import Caller
from tests.support.strict_describe import (
    answer_read,
    refuse_unattached_transit_gateway,
    search_transit_gateway_routes,
)
from tests.support.strict_endpoints import Params, PassOn, create_endpoint, delete_endpoints, modify_endpoint
from tests.support.strict_errors import RefusedError
from tests.support.strict_iam import authorize, authorize_elsewhere
from tests.support.strict_services import GATEWAY, INTERFACE, Service
from tests.support.strict_state import Bucket, Call, Clock, Fault, State, texts_in

__all__ = ["GATEWAY", "INTERFACE", "Bucket", "Call", "Clock", "RefusedError", "Service", "StrictAccount"]

DEPENDENCY = "DependencyViolation"
_READS = ("Describe", "Get", "List", "Search")


@dataclass(kw_only=True, eq=False)
class StrictAccount(State):
    """An account's EC2 in one region, as strict as AWS. Settings and arrangements: see `State`. Of other services, only
    faults, budgets and permissions are AWS's, and which zones and Profiles VPCs share (`strict_associations.py`).

    `listeners` are told of each call before it is made, outside the lock, so that a test can do something in between.
    """

    calls: list[Call] = field(default_factory=list)
    dry_runs: list[Call] = field(default_factory=list)
    call_counts: Counter[str] = field(default_factory=Counter)
    listeners: list[Callable[[str, Params], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lock = RLock()

    def client(self, **settings: Any) -> Any:
        """A new, attached EC2 client."""
        return self.attach(boto3.client("ec2", region_name=self.region, **settings))

    def attach(self, client: Any) -> Any:
        """The client itself, whose calls pass through the stand-in from now on."""
        if "_make_api_call" in vars(client):
            raise ValueError("the client is attached already")
        pass_on = client._make_api_call
        client._make_api_call = partial(self.call, client.meta.service_model, pass_on)
        return client

    def detach(self, client: Any) -> None:
        """Gives the client back to moto alone, for another test: making a client takes a while."""
        del client._make_api_call

    # ---- what tests ask

    def mutations_of(self, resource_id: str) -> list[Call]:
        """The calls that would have changed a resource, accepted or not: those that say its id anywhere."""
        return [call for call in self.calls if call.names(resource_id)]

    def forget_calls(self) -> None:
        """Starts counting anew, after a test has made its arrangements."""
        self.calls.clear()
        self.dry_runs.clear()
        self.call_counts.clear()

    # ---- a call's way

    def call(
        self, model: Any, pass_on: PassOn, operation: str, params: Params, *, caller: Caller | None = None
    ) -> Params:
        """A call of the caller, or of the account's own."""
        for listener in list(self.listeners):
            listener(operation, params)
        with self._lock:
            _validate(model, operation, params)
            self.call_counts[operation] += 1
            try:
                answer = self._answer(model, pass_on, operation, deepcopy(params), caller or self.caller)
            except RefusedError as error:
                self._record(operation, params, error.code)
                raise error.as_client_error(operation) from None
            except ClientError as error:
                self._record(operation, params, error.response["Error"]["Code"])
                raise
            except Exception as error:
                self._record(operation, params, type(error).__name__)
                raise
            self._record(operation, params, "")
            return answer

    def _record(self, operation: str, params: Params, error: str) -> None:
        if params.get("DryRun"):
            self.dry_runs.append(Call(operation, deepcopy(params), self.now(), error))
        elif not operation.startswith(_READS):
            self.calls.append(Call(operation, deepcopy(params), self.now(), error))

    def _answer(self, model: Any, pass_on: PassOn, operation: str, params: Params, caller: Caller | None) -> Params:
        fault = self._next_fault(operation)
        if fault and not fault.after_effect:
            raise fault.error
        self.settle()
        self._take_budget(model.service_name, operation)
        if model.service_name == "ec2":
            authorize(self, caller, operation, params)
            answer = self._carry_out(pass_on, operation, params)
        else:
            authorize_elsewhere(self, caller, model, operation)
            answer = self.dns.answer(self, model.service_name, operation, params, pass_on)
        if fault:
            raise fault.error
        return answer

    def _carry_out(self, pass_on: PassOn, operation: str, params: Params) -> Params:
        if params.get("DryRun"):
            refuse_unknown(self, params)
            raise RefusedError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        if operation in _OWN:
            return _OWN[operation](self, params, pass_on)
        refuse_hidden(self, params)
        if operation.startswith(_READS):
            return answer_read(self, operation, params, pass_on)
        for check in _CHECKS.get(operation, ()):
            check(self, params)
        answer = pass_on(operation, params)
        if operation == "CreateSecurityGroup" and self.groups_hidden_for:
            self.hidden_until[answer["GroupId"]] = self.now() + self.groups_hidden_for
        return answer

    def _next_fault(self, operation: str) -> Fault | None:
        waiting = self.faults[operation]
        if not waiting:
            return None
        fault = waiting[0]
        fault.times -= 1
        if not fault.times:
            waiting.pop(0)
        return fault

    def _take_budget(self, service: str, operation: str) -> None:
        bucket = self.buckets.get(operation)
        if not self.throttling or bucket is None or bucket.take(self.now()):
            return
        if service == "ec2":
            raise RefusedError("RequestLimitExceeded", "Request limit exceeded.")
        raise RefusedError("Throttling", "Rate exceeded")


def _validate(model: Any, operation: str, params: Params) -> None:
    """What botocore refuses before it calls, so that the rules see calls that AWS would see."""
    shape = model.operation_model(operation).input_shape
    if shape is None or operation.startswith(_READS):
        return
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise ParamValidationError(report=report.generate_report())


# ---- the rules of the other operations


def refuse_unknown(state: State, params: Params) -> None:
    """A dry run checks what the call refers to as well (Karpenter's issue 7844), and it comes before all effects."""
    if "VpcId" in params:
        state.vpc(params["VpcId"])
    for subnet_id in params.get("SubnetIds", ()):
        state.subnet(subnet_id)


def refuse_hidden(state: State, params: Params) -> None:
    """EC2 guide: eventual consistency. A call that names what isn't shown yet finds nothing; a filter just misses."""
    for resource_id in texts_in({name: value for name, value in params.items() if name not in {"Filters", "Filter"}}):
        if not state.is_hidden(resource_id):
            continue
        if resource_id.startswith("sg-"):
            raise RefusedError("InvalidGroup.NotFound", f"The security group '{resource_id}' does not exist")
        message = f"The Vpc Endpoint Id '{resource_id}' does not exist"
        raise RefusedError("InvalidVpcEndpointId.NotFound", message)


def refuse_taken_name(state: State, params: Params) -> None:
    """EC2 API: CreateSecurityGroup. Names are unique in the VPC, without regard to case, which moto regards."""
    vpc_id, name = params.get("VpcId", ""), params["GroupName"]
    if name.lower() in {one.name.lower() for one in state.moto.groups.get(vpc_id, {}).values()}:
        message = f"The security group '{name}' already exists for VPC '{vpc_id}'"
        raise RefusedError("InvalidGroup.Duplicate", message)


def refuse_used_group(state: State, params: Params) -> None:
    """EC2 API: DeleteSecurityGroup. A group that an endpoint's interfaces use can't be deleted."""
    kinds: Iterable[str] = (INTERFACE, "GatewayLoadBalancer")
    used = {group_id for kind in kinds for one in state.endpoints(kind) for group_id in one.security_group_ids}
    if params.get("GroupId") in used:
        raise RefusedError(DEPENDENCY, f"resource {params['GroupId']} has a dependent object")


def refuse_used_subnet(state: State, params: Params) -> None:
    """EC2 API: DeleteSubnet. Not while a network interface is there; an endpoint's stay until it is deleted."""
    subnet_id = params["SubnetId"]
    if any(one.subnet.id == subnet_id for one in state.moto.enis.values()):
        raise RefusedError(DEPENDENCY, f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


def refuse_used_vpc(state: State, params: Params) -> None:
    """EC2 API: DeleteVpc. Whatever is in the VPC goes first, but for its default group, main table and default ACL."""
    vpc_id = params["VpcId"]
    endpoints = any(one.vpc_id == vpc_id and one.state != "deleted" for one in state.moto.vpc_end_points.values())
    groups = any(one.name != "default" for one in state.moto.groups.get(vpc_id, {}).values())
    gateways = any(one.vpc and one.vpc.id == vpc_id for one in state.moto.internet_gateways.values())
    if endpoints or groups or gateways:
        raise RefusedError(DEPENDENCY, f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def refuse_two_attributes(state: State, params: Params) -> None:
    """EC2 API: ModifyVpcAttribute. One attribute a call, and DNS hostnames only where DNS support is on."""
    given = sorted(name[0].lower() + name[1:] for name in params if name.startswith("Enable"))
    if len(given) > 1:
        message = f"Fields for multiple attribute types specified: {', '.join(given)}"
        raise RefusedError("InvalidParameterCombination", message)
    wants_names = params.get("EnableDnsHostnames", {}).get("Value")
    if wants_names and not state.is_on(params["VpcId"], "enable_dns_support"):
        raise RefusedError("InvalidParameterValue", "enableDnsHostnames requires enableDnsSupport")


_OWN: dict[str, Callable[[State, Params, PassOn], Params]] = {
    "CreateVpcEndpoint": create_endpoint,
    "ModifyVpcEndpoint": modify_endpoint,
    "DeleteVpcEndpoints": delete_endpoints,
    "SearchTransitGatewayRoutes": search_transit_gateway_routes,
}
_CHECKS: dict[str, tuple[Callable[[State, Params], None], ...]] = {
    "CreateRoute": (refuse_unattached_transit_gateway,),
    "ReplaceRoute": (refuse_unattached_transit_gateway,),
    "CreateSecurityGroup": (refuse_taken_name,),
    "DeleteSecurityGroup": (refuse_used_group,),
    "DeleteSubnet": (refuse_used_subnet,),
    "DeleteVpc": (refuse_used_vpc,),
    "ModifyVpcAttribute": (refuse_two_attributes,),
}
