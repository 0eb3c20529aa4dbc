"""EC2 calls as CloudTrail records them, in the envelope that EventBridge delivers.

`record_call` takes a call in boto3's form and gives the event that the account's default bus would carry.

As a command it writes one plausible event for each operation named:

    python -m tests.support.cloudtrail --write events/cloudtrail CreateRoute DeleteRoute
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import botocore.session
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from tests.support.cloudtrail_styles import Json, request_parameters, response_elements
from tests.support.example_calls import ACCOUNT, REGION, example_request, example_response

EXAMPLE_TIME = datetime(2026, 3, 2, 9, 24, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who called. A role's caller has a session name; an IAM user has none."""

    name: str
    session: str = ""
    access_key_id: str = "ASIAEXAMPLE000000000"

    def as_json(self, account: str) -> Json:
        """The record's `userIdentity`."""
        return self._role(account) if self.session else self._user(account)

    def _user(self, account: str) -> Json:
        return {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE0000000000",
            "arn": f"arn:aws:iam::{account}:user/{self.name}",
            "accountId": account,
            "accessKeyId": self.access_key_id,
            "userName": self.name,
        }

    def _role(self, account: str) -> Json:
        return {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE0000000000:{self.session}",
            "arn": f"arn:aws:sts::{account}:assumed-role/{self.name}/{self.session}",
            "accountId": account,
            "accessKeyId": self.access_key_id,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE0000000000",
                    "arn": f"arn:aws:iam::{account}:role/{self.name}",
                    "accountId": account,
                    "userName": self.name,
                },
                "attributes": {"creationDate": "2026-03-02T08:48:05Z", "mfaAuthenticated": "false"},
            },
        }


AWS_CLI = "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 md/arch#x86_64 lang/python#3.13.7"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8"
DEPLOYER = Identity("deploy-role", session="terraform")

# What CloudTrail's Event history has, by event id: a test that changes a record changes it there, too.
RECORDED: dict[str, Json] = {}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why EC2 refused a call, with the code as boto3 shows it."""

    code: str
    message: str


def record_call(
    operation: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None = None,
    *,
    failure: Failure | None = None,
    identity: Identity = DEPLOYER,
    user_agent: str = AWS_CLI,
    at: datetime = EXAMPLE_TIME,
    region: str = REGION,
    account: str = ACCOUNT,
    request_id: str = "",
) -> Json:
    """The event on the bus for one EC2 call, whose request and response are in boto3's form; by a person, unless the
    user agent says otherwise.

    All ids derive from the call (or from `request_id`): the same call at the same time is the same event. It is in
    RECORDED from then on. Raises ValueError where EC2 has no such operation.
    """
    model = operation_model(operation)
    seed = request_id or json.dumps([operation, dict(request), at.isoformat(), region], sort_keys=True, default=str)
    request_id = request_id or _id("request", seed)
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {name: value for name, value in (response or {}).items() if name != "ResponseMetadata"}
    event: Json = {
        "version": "0",
        "id": _id("envelope", seed),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": account,
        "time": moment,
        "region": region,
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": identity.as_json(account),
            "eventTime": moment,
            "eventSource": "ec2.amazonaws.com",
            "eventName": operation,
            "awsRegion": region,
            "sourceIPAddress": "203.0.113.10",
            "userAgent": user_agent,
            # In CloudTrail, unlike in boto3's errors, EC2's codes say whose fault it was.
            **({"errorCode": f"Client.{failure.code}", "errorMessage": failure.message} if failure else {}),
            "requestParameters": request_parameters(model, request),
            "responseElements": None if failure else response_elements(model, answer, request_id),
            "requestID": request_id,
            "eventID": _id("event", seed),
            "readOnly": operation.startswith(("Describe", "Get", "List", "Search")),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
        },
    }
    RECORDED[event["detail"]["eventID"]] = event["detail"]
    return event


def example_event(operation: str) -> Json:
    """One plausible, successful event for any EC2 operation: the same each time, in one imagined network."""
    model = operation_model(operation)
    return record_call(operation, example_request(model), example_response(model), user_agent=TERRAFORM)


def operation_model(operation: str) -> OperationModel:
    """botocore's model of an EC2 operation. Raises ValueError where there is none."""
    try:
        return ec2_model().operation_model(operation)
    except OperationNotFoundError as error:
        raise ValueError(f"EC2 has no operation {operation!r}") from error


@cache
def ec2_model() -> ServiceModel:
    """botocore's model of EC2: loading it takes a second."""
    return botocore.session.get_session().get_service_model("ec2")


def _id(kind: str, seed: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind} {seed}"))


def write_events(folder: Path, operations: list[str]) -> None:
    """One `<EventName>.json` in `folder` for each operation."""
    folder.mkdir(parents=True, exist_ok=True)
    for operation in operations:
        text = json.dumps(example_event(operation), indent=2)
        (folder / f"{operation}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Write one example event for each EC2 operation named.")
    arguments.add_argument("--write", type=Path, required=True, metavar="FOLDER")
    arguments.add_argument("operations", nargs="+", metavar="OPERATION")
    chosen = arguments.parse_args()
    write_events(chosen.write, chosen.operations)
