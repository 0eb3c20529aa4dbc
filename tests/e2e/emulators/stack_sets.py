"""Service-managed StackSets, which no emulator has: what CloudFormation does in an organization's accounts.

As the CloudFormation API reference has it: an operation goes on in the background, and on the service's orders, stacks
are never in the management account; suspended accounts are skipped; a parameter that an update doesn't name takes its
default; a StackSet is deleted once it is empty. Here an operation is done when somebody first asks whether any runs.

Whatever a request says that isn't known here is refused: a command that changes says so, and isn't half obeyed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.emulators.account import ACCOUNT_ID, REGION, Account
from tests.e2e.emulators.organization import MANAGEMENT, Spoke, deploy_plain
from tests.e2e.emulators.processes import EmulatorError

_DONE = "SUCCEEDED"

type Change = Callable[[], None]

# What each operation may be asked, beside the set's name and on whose behalf.
_STACK = ("TemplateBody", "Capabilities", "Parameters")
_WHERE = ("DeploymentTargets", "Regions", "OperationPreferences")
_KNOWN = {
    "create_stack_set": {*_STACK, "PermissionModel", "AutoDeployment", "ManagedExecution"},
    "update_stack_set": {*_STACK, "OperationPreferences"},
    "create_stack_instances": {*_WHERE},
    "delete_stack_instances": {*_WHERE, "RetainStacks"},
    "list_stack_set_operations": set[str](),
    "list_stack_instances": set[str](),
    "delete_stack_set": set[str](),
}


@dataclass(eq=False)
class StackSets:
    """The StackSets of the organization's delegated administrator: here, one. `units` are the accounts of each OU,
    `states` what is known of each instance, and `failing` why none can be deployed in an account.
    """

    hub: Account
    units: dict[str, list[str]]
    states: dict[str, str] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    _name: str = ""
    _template: str = ""
    _parameters: dict[str, str] = field(default_factory=dict)
    _targets: set[str] = field(default_factory=set)
    _deployed: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    _pending: list[tuple[str, Change]] = field(default_factory=list)

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """CloudFormation's answer. Raises EmulatorError for what it would refuse, or isn't known here."""
        asked = dict(request)
        name, caller = asked.pop("StackSetName"), asked.pop("CallAs")
        if caller != "DELEGATED_ADMIN" or not self.hub.organization.is_administrator(ACCOUNT_ID):
            raise EmulatorError(f"{operation}: the caller is no delegated administrator")
        if unknown := asked.keys() - _KNOWN[operation]:
            raise EmulatorError(f"{operation}: {sorted(unknown)} isn't known here")
        if operation == "create_stack_set":
            self._name = name
        if name != self._name:
            raise EmulatorError(f"{operation}: there is no {name}")
        return dict(getattr(self, f"_{operation}")(asked) or {})

    def join(self, account_id: str, unit: str) -> None:
        """The account is moved to the OU: auto-deployment gives it its stack."""
        self.units[unit].append(account_id)
        if unit in self._targets:
            self._deploy([account_id])

    def _create_stack_set(self, asked: dict[str, Any]) -> None:
        assert asked["PermissionModel"] == "SERVICE_MANAGED"
        assert asked["AutoDeployment"] == {"Enabled": True, "RetainStacksOnAccountRemoval": False}
        assert asked["ManagedExecution"] == {"Active": True}
        self._template = asked["TemplateBody"]
        self._parameters = dict(self._given(asked["Parameters"]))

    def _update_stack_set(self, asked: dict[str, Any]) -> None:
        self._tolerates_failures(asked)
        self._template, self._parameters = asked["TemplateBody"], dict(self._given(asked["Parameters"]))
        self._pending.append(("UPDATE", lambda: self._deploy(list(self.states))))

    def _create_stack_instances(self, asked: dict[str, Any]) -> None:
        self._tolerates_failures(asked)
        self._targets |= set(asked["DeploymentTargets"]["OrganizationalUnitIds"])
        accounts = self._accounts(asked)
        self._pending.append(("CREATE", lambda: self._deploy(accounts)))

    def _delete_stack_instances(self, asked: dict[str, Any]) -> None:
        self._tolerates_failures(asked)
        assert asked["RetainStacks"] is False
        accounts = [one for one in self._accounts(asked) if one in self.states]
        self._pending.append(("DELETE", lambda: self._delete(accounts)))

    def _list_stack_set_operations(self, _asked: dict[str, Any]) -> dict[str, Any]:
        running, self._pending = self._pending, []
        for _, change in running:
            change()
        return {"Summaries": [{"Action": action, "Status": "RUNNING"} for action, _ in running]}

    def _list_stack_instances(self, _asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "Summaries": [
                {
                    "Account": account,
                    "Region": REGION,
                    "Status": "CURRENT" if state == _DONE else "OUTDATED",
                    "StackInstanceStatus": {"DetailedStatus": state},
                    **({"StatusReason": self.failing[account]} if account in self.failing else {}),
                }
                for account, state in sorted(self.states.items())
            ]
        }

    def _delete_stack_set(self, _asked: dict[str, Any]) -> None:
        if self._pending or self.states:
            raise EmulatorError(f"StackSetNotEmptyException: {self.states}")
        self._name = ""

    # ---- in the accounts

    def _deploy(self, accounts: list[str]) -> None:
        for account in accounts:
            if not self.hub.organization.is_open(account):
                self.states[account] = "SKIPPED_SUSPENDED_ACCOUNT"
                continue
            if account in self.failing:
                self.states[account] = "FAILED"
                continue
            wanted = (self._template, self._parameters)
            if self._deployed.get(account) == wanted:  # a change set without a change fails
                continue
            with TemporaryDirectory(dir=self.hub.directory) as folder:
                file = Path(folder) / "template.yaml"
                file.write_text(self._template, "utf-8")
                client = self._place(account).client("cloudformation")
                by_change_set = account in self._deployed
                deploy_plain(client, self.stack, file, self._parameters, by_change_set=by_change_set)
            self.states[account], self._deployed[account] = _DONE, wanted

    def _delete(self, accounts: list[str]) -> None:
        for account in accounts:
            del self.states[account]
            if self._deployed.pop(account, None):
                self._place(account).client("cloudformation").delete_stack(StackName=self.stack)

    @property
    def stack(self) -> str:
        """The name of the stack in each account, which CloudFormation ends as it likes."""
        return f"StackSet-{self._name}-1c8c2d8e-4f2b-4a53-9d0e-6f5b1a2c3d4e"

    def _place(self, account: str) -> Account | Spoke:
        return self.hub if account == ACCOUNT_ID else self.hub.account(account)

    # ---- what a request says

    def _given(self, parameters: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        for one in parameters:
            name = one["ParameterKey"]
            yield name, self._parameters[name] if one.get("UsePreviousValue") else one["ParameterValue"]

    def _accounts(self, asked: Mapping[str, Any]) -> list[str]:
        assert asked["Regions"] == [REGION]
        targets = asked["DeploymentTargets"]
        found = [one for unit in targets["OrganizationalUnitIds"] for one in self.units[unit] if one != MANAGEMENT]
        if "Accounts" in targets:
            assert targets["AccountFilterType"] == "INTERSECTION"
            found = [one for one in found if one in targets["Accounts"]]
        return found

    def _tolerates_failures(self, asked: Mapping[str, Any]) -> None:
        """By default, the first account's failure keeps all others from their stack."""
        preferences = asked["OperationPreferences"]
        assert preferences["FailureTolerancePercentage"] == 100
        assert preferences["ConcurrencyMode"] == "SOFT_FAILURE_TOLERANCE"
