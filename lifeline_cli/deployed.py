"""The deployed stack: its functions by name, and who the caller is. Each failure is one sentence."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

_LONGEST_BY = 64  # of a call's `by`
# A function answers within 5 minutes. A call that is sent again after a timeout would be done twice.
_CONFIG = Config(read_timeout=310, retries={"total_max_attempts": 1})


class FailedError(Exception):
    """What failed, in a sentence for people."""


class Deployed:
    """A stack in the account and Region of a session. Raises FailedError where AWS or a function fails."""

    def __init__(self, stack: str, *, region: str | None = None, profile: str | None = None) -> None:
        self._stack = stack
        try:
            self._session = boto3.Session(profile_name=profile, region_name=region)
        except BotoCoreError as error:
            raise FailedError(_sentence(error)) from error
        self._outputs: dict[str, str] = {}

    def caller(self) -> str:
        """Whose credentials these are, as short as `by` may be: user/dana, assumed-role/admin/dana."""
        arn = str(self._ask("sts", "get_caller_identity")["Arn"])
        identity = arn.split(":", 5)[5]
        return identity if len(identity) <= _LONGEST_BY else identity.rpartition("/")[2][:_LONGEST_BY]

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """What the function answers."""
        answer = self._ask("lambda", "invoke", FunctionName=self._name_of(function), Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            said = payload.get("errorMessage") if isinstance(payload, dict) else None
            raise FailedError(f"{function} failed: {said or payload}")
        return dict(payload)

    def _name_of(self, function: str) -> str:
        """The function's name, from the stack's outputs."""
        if not self._outputs:
            (stack,) = self._ask("cloudformation", "describe_stacks", StackName=self._stack)["Stacks"]
            self._outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
        name = self._outputs.get(f"{function}Function")
        if not name:
            raise FailedError(f"The stack {self._stack} has no function {function}: is it Lifeline's?")
        return name

    def _ask(self, service: Any, operation: str, **given: Any) -> Any:
        try:
            return getattr(self._session.client(service, config=_CONFIG), operation)(**given)
        except (BotoCoreError, ClientError) as error:
            raise FailedError(self._said(error)) from error

    def _said(self, error: BotoCoreError | ClientError) -> str:
        if isinstance(error, ClientError):
            said = error.response["Error"]
            # CloudFormation's code for a stack that isn't there is the one for every wrong input.
            if said.get("Code") == "ValidationError" and "does not exist" in said.get("Message", ""):
                return f"There is no stack {self._stack} in {self._session.region_name}: see --stack and --region."
        return _sentence(error)


def _sentence(error: Exception) -> str:
    match error:
        case NoCredentialsError():
            return "There are no AWS credentials: pass --profile, or set them in the environment."
        case NoRegionError():
            return "No Region is set: pass --region, or set one in the environment or the profile."
        case _:
            return str(error)
