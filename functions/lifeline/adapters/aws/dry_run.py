"""Dry runs of what creates an endpoint: they change nothing, and say whether the role may do so today."""

from dataclasses import replace
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws.calls import ours
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.adapters.aws.creation import TAGS_REFUSED, creation, group_creation
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.event_path.dry_run import OF_ENDPOINT, OF_GROUP, DryRun
from lifeline.core.plan.actions import Action, ActionKind

_ENCODED = "Encoded authorization failure message:"


class DryRuns:
    """Asks EC2 as the role whose clients these are; `owner` is the value of Lifeline's tag."""

    def __init__(self, owner: str, client: ClientOf = client) -> None:
        self._owner = owner
        self._client = client

    def of_creating(self, action: Action, *, vpc_id: str, security_group_id: str = "") -> DryRun:
        """EC2's answer to the call that `Endpoints` would make for the action, which creates an endpoint or a security
        group, without its client token: a token is EC2's memory of a call, and the real one must not be taken for this.
        Where the tags are refused, it is the answer with the spare ones, which the real creation tries as well.

        Raises TransientError where EC2 couldn't answer, and TerminalError where it wasn't asked, or took no notice of
        `DryRun`, as some emulators do.
        """
        said = self._ask(action, vpc_id, security_group_id)
        if action.spare_tags is None or said.code not in TAGS_REFUSED:
            return said
        return self._ask(replace(action, tags=action.spare_tags), vpc_id, security_group_id)

    def _ask(self, action: Action, vpc_id: str, security_group_id: str) -> DryRun:
        if action.kind is ActionKind.CREATE_SECURITY_GROUP:
            name, call = action.security_group_name, OF_GROUP
            ask = partial(self._client("ec2").create_security_group, DryRun=True)
            wanted = group_creation(action, vpc_id=vpc_id, name=name, owner=self._owner)
        else:
            name, call = action.service_name, OF_ENDPOINT
            ask = partial(self._client("ec2").create_vpc_endpoint, DryRun=True)
            wanted = creation(action, vpc_id=vpc_id, security_group_id=security_group_id, owner=self._owner)
        doing = f"dry run of {call} {name} in {vpc_id}"
        try:
            answer = ask(**wanted)
        except ClientError as error:
            refusal = ours(error, doing)
            if isinstance(refusal, TransientError):
                raise refusal from error
            return _read(error.response, call)
        except BotoCoreError as error:
            raise ours(error, doing) from error
        made = answer.get("GroupId") or answer.get("VpcEndpoint", {}).get("VpcEndpointId", "nothing that it named")
        raise TerminalError(f"{doing}: it was carried out, and created {made}: delete that", code="CarriedOut")

    def decode(self, encoded: str) -> str:
        """The denial's details as JSON (STS API: DecodeAuthorizationMessage). Raises ours."""
        sts = self._client("sts")  # late: hardly any run needs it
        try:
            return str(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
        except (ClientError, BotoCoreError) as error:
            raise ours(error, "decode the denial of a dry run") from error


def _read(response: Any, call: str) -> DryRun:
    said = str(response.get("Error", {}).get("Message", ""))
    message, _, encoded = said.partition(_ENCODED)
    return DryRun(
        code=str(response.get("Error", {}).get("Code", "")),
        message=message.rstrip(),
        request_id=str(response.get("ResponseMetadata", {}).get("RequestId", "")),
        encoded=encoded.strip(),
        call=call,
    )
