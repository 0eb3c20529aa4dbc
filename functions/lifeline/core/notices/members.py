"""The notice of an account that a hub can no longer look at."""

from lifeline.core.notices.notice import Notice
from lifeline.core.organization.members import MemberAccount
from lifeline.core.severity import Severity
from lifeline.core.wording import inert, write_time


def lost_account_notice(member: MemberAccount, role_arn: str) -> Notice:
    """Write that the account's role can't be assumed any more, what that means, and what to check."""
    name = f" ({inert(member.name)})" if member.name else ""
    refused = f" was refused at {write_time(member.tried_at)}" if member.tried_at else " was refused"
    return Notice(
        kind="account_lost",
        severity=Severity.WARNING,
        subject=f"[lifeline] account {member.account}{name} lost: its role can't be assumed",
        happened=(
            f"Lifeline served the account {member.account}{name} until now. Its role{refused}:",
            f"  {member.why}",
        ),
        done=(
            (
                "Until the role can be assumed again, Lifeline sees neither the account's network nor its agents, and "
                "it repairs nothing there. Its endpoints stay as they are. Other accounts aren't affected."
            ),
        ),
        next=(
            (
                f"Check that spoke.yaml is deployed in the account and this region, and that {role_arn} trusts this "
                "stack (docs/organization.md). Lifeline will try again in its next sweep."
            ),
            "If the account is no longer to be served, remove it from the stack's parameter Accounts.",
        ),
        facts={"account": member.account, "name": member.name, "why": member.why, "role": role_arn},
    )
