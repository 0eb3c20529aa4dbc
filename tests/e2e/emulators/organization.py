"""The organization of the emulated account, and the other accounts on the same emulators.

spoke = account.account("222222222222")
spoke.deploy_spoke(template, {"HubAccountId": ACCOUNT_ID})
spoke.client("ec2").delete_route(...)
account.organization.set_state("222222222222", "SUSPENDED")
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

MANAGEMENT = "111111111111"  # the organization's management account: not the hub's, as AWS advises
ADMINISTRATOR = "OrganizationAccountAccessRole"  # in each account that an organization makes
SPOKE_STACK = "lifeline-spoke"

_SOON = {"Delay": 1, "MaxAttempts": 120}  # botocore's waiters ask every 30 s


class Keys(NamedTuple):
    """What signs a request."""

    access_key_id: str
    secret: str = "test"
    token: str | None = None


class Organization:
    """Which accounts there are, and in which state. It is a file that the emulators read at each call."""

    id = "o-a1b2c3d4e5"

    def __init__(self, file: Path, hub: str) -> None:
        self._file = file
        self._administrators = [hub]
        self._accounts: dict[str, dict[str, str]] = {}
        self.add(MANAGEMENT, "management")
        self.add(hub, "network")

    def add(self, account_id: str, name: str = "") -> None:
        """The account joins, or is named otherwise."""
        state = self._accounts.get(account_id, {}).get("state", "ACTIVE")
        self._accounts[account_id] = {"name": name or f"team-{account_id[-3:]}", "state": state}
        self._write()

    def remove(self, account_id: str) -> None:
        """The account leaves."""
        del self._accounts[account_id]
        self._write()

    def set_state(self, account_id: str, state: str) -> None:
        """ACTIVE, SUSPENDED, PENDING_CLOSURE, … (Organizations API: Account)."""
        self._accounts[account_id]["state"] = state
        self._write()

    def is_open(self, account_id: str) -> bool:
        """Whether its state is ACTIVE."""
        return self._accounts[account_id]["state"] == "ACTIVE"

    def delegate(self, *account_ids: str) -> None:
        """These are the delegated administrators, and none else."""
        self._administrators = [*account_ids]
        self._write()

    def is_administrator(self, account_id: str) -> bool:
        """Whether it may act for the management account."""
        return account_id in self._administrators

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._accounts

    def _write(self) -> None:
        content = {
            "id": self.id,
            "management": MANAGEMENT,
            "administrators": self._administrators,
            "accounts": self._accounts,
        }
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(json.dumps(content), encoding="utf-8")
        fresh.replace(self._file)


class Spoke:
    """One of the other accounts. Whoever operates it does so with the role that Organizations makes in each."""

    def __init__(self, account_id: str, client: Callable[[str, Keys], Any]) -> None:
        self.account_id = account_id
        self._client = client
        self._keys = self._administrator()

    def _administrator(self) -> Keys:
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        trust = {"Effect": "Allow", "Principal": {"AWS": self.account_id}, "Action": "sts:AssumeRole"}
        iam, sts = (self._client(service, Keys(self.account_id)) for service in ("iam", "sts"))
        made = iam.create_role(RoleName=ADMINISTRATOR, AssumeRolePolicyDocument=_document(trust))["Role"]
        iam.put_role_policy(RoleName=ADMINISTRATOR, PolicyName="all", PolicyDocument=_document(everything))
        asked = {"RoleArn": made["Arn"], "RoleSessionName": "admin", "DurationSeconds": 43_200}
        return _keys(sts.assume_role(**asked))

    def client(self, service: str) -> Any:
        """A boto3 client of the person who operates the account."""
        return self._client(service, self._keys)

    def assume(self, role: str, session: str = "somebody") -> Callable[[str], Any]:
        """Clients of a session of one of the account's roles, whose trust policy then also names the account."""
        iam = self.client("iam")
        found = iam.get_role(RoleName=role)["Role"]
        trust = {"Effect": "Allow", "Principal": {"AWS": self.account_id}, "Action": "sts:AssumeRole"}
        document = _document(*found["AssumeRolePolicyDocument"]["Statement"], trust)
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)
        keys = _keys(self.client("sts").assume_role(RoleArn=found["Arn"], RoleSessionName=session))
        return lambda service: self._client(service, keys)

    def deploy_spoke(
        self, template: Path, parameters: Mapping[str, str], *, by_change_set: bool = False, name: str = SPOKE_STACK
    ) -> dict[str, str]:
        """Deploy the spoke's template. Returns the stack's outputs."""
        cloudformation = self.client("cloudformation")
        return deploy_plain(cloudformation, name, template, parameters, by_change_set=by_change_set)


def deploy_plain(
    cloudformation: Any, name: str, template: Path, parameters: Mapping[str, str], *, by_change_set: bool = False
) -> dict[str, str]:
    """Deploy a template without transforms: as stack sets do, or by a change set, as `aws cloudformation deploy` does,
    which may also update the stack. Returns the stack's outputs. Raises WaiterError where it fails.
    """
    asked = {
        "StackName": name,
        "TemplateBody": template.read_text(encoding="utf-8"),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    if by_change_set:
        _apply_change_set(cloudformation, asked)
    else:
        cloudformation.create_stack(**asked)
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=_SOON)
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}


def _apply_change_set(cloudformation: Any, asked: dict[str, Any]) -> None:
    name = asked["StackName"]
    stacks = cloudformation.describe_stacks()["Stacks"]
    kind = "UPDATE" if name in {one["StackName"] for one in stacks} else "CREATE"
    both = {"StackName": name, "ChangeSetName": f"deploy-{uuid4().hex}"}
    cloudformation.create_change_set(ChangeSetType=kind, **{**asked, **both})
    cloudformation.get_waiter("change_set_create_complete").wait(**both, WaiterConfig=_SOON)
    cloudformation.execute_change_set(**both)
    cloudformation.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=name, WaiterConfig=_SOON)


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _keys(answer: Mapping[str, Any]) -> Keys:
    made = answer["Credentials"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
