"""Which organization it is, which accounts that has, and what a member account says of itself."""

from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.errors import TerminalError
from lifeline.core.organization.members import ACTIVE, MemberAccount

_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"


class Organizations:
    """AWS Organizations, read as a delegated administrator."""

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

    def accounts(self) -> tuple[MemberAccount, ...]:
        """All accounts, closed ones included.

        `State` is what counts: `Status` is no longer filled in. Only the management account and delegated
        administrators may ask (Organizations API: ListAccounts, Account). Raises TransientError or TerminalError.
        """
        found = pages(self._client("organizations"), "list_accounts", "Accounts")
        return tuple(MemberAccount(one["Id"], one.get("Name", ""), _state_of(one)) for one in found)

    def organization(self) -> tuple[str, str] | None:
        """The ID of the organization that the account is in, and the account that manages it; None where it is in none.

        Any account may ask (Organizations API: DescribeOrganization). Raises TransientError or TerminalError.
        """
        try:
            with aws_errors("describe_organization"):
                found = self._client("organizations").describe_organization()["Organization"]
        except TerminalError as error:
            if error.code == _NO_ORGANIZATION:
                return None
            raise
        return str(found["Id"]), str(found.get("MasterAccountId", ""))


def _state_of(account: dict[str, Any]) -> str:
    return str(account.get("State") or account.get("Status") or ACTIVE)


def account_name(client: ClientOf) -> str:
    """The name of the account whose clients these are (Account Management API: GetAccountInformation).

    Raises TransientError or TerminalError.
    """
    with aws_errors("get_account_information"):
        return str(client("account").get_account_information().get("AccountName", ""))
