"""Several accounts in moto, in one process: the hub's world, and the networks of other accounts.

    with emulated_world(monkeypatch) as world, emulated_organization(monkeypatch, Organization(world)) as organization:
        a, b = organization.join("222222222222"), organization.join("333333333333")
        a.make_vpc()                                            # in that account
        ids = alike(lambda spoke: spoke.make_vpc(), a, b)       # two VPCs of the very same ID

moto acts in the account whose access key signs; AssumeRole into a role of another account gives such a key, whether
there is a role or not (`strict_organization.py` minds that). Organizations and Account Management are answered here:
moto's accounts have IDs by chance, and no names.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import boto3
import pytest
from botocore.client import BaseClient
from moto.iam.models import AccessKey, get_account_id_from, iam_backends
from moto.moto_api._internal import mock_random

from tests.support.strict_errors import RefusedError
from tests.support.world import ACCOUNT, World, remove_default_vpc

ORGANIZATION_ID = "o-a1b2c3d4e5"
LISTED_AT_ONCE = 20  # Organizations API: ListAccounts

type Params = dict[str, Any]
type Make = Callable[[Any, str, Params], Any]


@dataclass(slots=True)
class Member:
    """What Organizations says of an account (Organizations API: Account)."""

    name: str
    state: str = "ACTIVE"


class Organization:
    """The accounts of an organization, whose delegated administrator is the hub's account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.members = {ACCOUNT: Member("network")}

    def join(self, account_id: str, *, name: str = "") -> World:
        """An account joins; the hub's world, with the account's empty network in the place of the hub's."""
        self.members[account_id] = Member(name or f"team-{account_id[-3:]}")
        return self.look_into(account_id)

    def look_into(self, account_id: str) -> World:
        """An account's empty network, also of one that isn't in the organization."""

        def client(service: str) -> Any:
            return account_client(service, account_id)

        remove_default_vpc(account_id)
        return replace(self.world, ec2=client("ec2"), client=client)

    def call(self, client: Any, operation: str, params: Params, pass_on: Make) -> Any:
        """The answer to a call of any client."""
        match client.meta.service_model.service_name, operation:
            case "organizations", "ListAccounts":
                return self._list_accounts(account_of(client), params)
            case "account", "GetAccountInformation":
                account_id = account_of(client)
                member = self.members[account_id]
                return {"AccountId": account_id, "AccountName": member.name, "AccountState": member.state}
        return pass_on(client, operation, params)

    def _list_accounts(self, caller: str, params: Params) -> Params:
        """A page, of `State` alone: `Status` has retired (Organizations API: Account)."""
        if caller != ACCOUNT:
            words = "You don't have permissions to access this resource."
            raise RefusedError("AccessDeniedException", words).as_client_error("ListAccounts")
        start = int(params.get("NextToken") or 0)
        end = start + min(int(params.get("MaxResults") or LISTED_AT_ONCE), LISTED_AT_ONCE)
        known = sorted(self.members.items())
        found = [{"Id": account_id, "Name": one.name, "State": one.state} for account_id, one in known[start:end]]
        return {"Accounts": found} | ({"NextToken": str(end)} if end < len(known) else {})


@contextmanager
def emulated_organization[T: Organization](monkeypatch: pytest.MonkeyPatch, organization: T) -> Iterator[T]:
    """Every client in the process acts in the organization."""
    make = cast("Any", BaseClient)._make_api_call

    def call(self: Any, operation: str, params: Params) -> Any:
        return organization.call(self, operation, params, make)

    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", call)
        yield organization


def account_client(service: str, account_id: str) -> Any:
    """A client of the person who operates an account. Its key is the same in each test, so that the client is, too."""
    key = f"ASIASPOK{account_id}"
    keys = iam_backends[account_id]["aws"].access_keys
    keys.setdefault(key, AccessKey(user_name=None, prefix="ASIA", account_id=account_id))
    return boto3.client(service, aws_access_key_id=key, aws_secret_access_key="test")  # type: ignore[call-overload]


def account_of(client: Any) -> str:
    """The account in which a client acts, by the key that signs."""
    return str(get_account_id_from(key_of(client)))


def key_of(client: Any) -> str:
    """The access key that signs a client's calls now."""
    credentials = client._request_signer._credentials
    return str(credentials.get_frozen_credentials().access_key) if credentials else ""


def alike[T](build: Callable[[World], T], *worlds: World) -> list[T]:
    """Builds the same in each account, with the very same IDs."""
    after, made = mock_random.getstate(), []
    for world in worlds:
        mock_random.seed(18)
        made.append(build(world))
    mock_random.setstate(after)
    return made
