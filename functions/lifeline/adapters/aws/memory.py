"""What a container remembers of an account from one invocation to the next."""

# ruff: noqa: PLC0415 - what reads networks is imported with the first reading: a quiet minute of the detector has none

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from lifeline.adapters.aws.clients import ClientOf, MemberClients, client
from lifeline.adapters.aws.denials import Denials
from lifeline.runtime.settings import StackSettings

if TYPE_CHECKING:
    from lifeline.adapters.aws.dns import CentralDns
    from lifeline.adapters.aws.network import Network

_MOST_ACCOUNTS = 50  # 2 MB each (docs/adr/0022)


@dataclass(frozen=True)
class AccountMemory:
    """The account's clients, the region's services there, who answers names in a VPC, and what AWS denied of all that.
    Only a member account has a `session`.
    """

    client: ClientOf
    denials: Denials
    session: MemberClients | None = None

    @cached_property
    def network(self) -> "Network":
        """The account's networks."""
        from lifeline.adapters.aws.network import Network

        return Network(self.client("ec2"), self.denials)

    @cached_property
    def central(self) -> "CentralDns":
        """Who answers names in the account's VPCs."""
        from lifeline.adapters.aws.dns import CentralDns

        return CentralDns(client=self.client, denials=self.denials)

    def enter(self) -> None:
        """Assumes the role in a member account. Raises TransientError or TerminalError where it can't be assumed."""
        if self.session:
            self.session.enter()

    def leave(self) -> None:
        """Forgets the session in a member account: the next call assumes the role anew."""
        if self.session:
            self.session.leave()


@lru_cache(maxsize=_MOST_ACCOUNTS)
def remember(member_role_arn: str, session_name: str) -> AccountMemory:
    """What is remembered of the account in which this role acts: without one, of the functions' own."""
    session = MemberClients(member_role_arn, session_name) if member_role_arn else None
    denials = Denials()
    return AccountMemory(denials.over(session or client), denials, session)


def memory_of(settings: StackSettings) -> AccountMemory:
    """What is remembered of the account that the settings are for."""
    return remember(settings.member and settings.role_arn, settings.stack_name)
