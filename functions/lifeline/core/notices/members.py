"""The notices of an account that a hub can't look at: its role is gone, or a policy denies what it must read."""

from lifeline.core.denial import Denial, denied_words, read_denial
from lifeline.core.notices.notice import Notice
from lifeline.core.organization.members import MemberAccount
from lifeline.core.severity import Severity
from lifeline.core.wording import inert, write_time

_NOT_SERVED = "If the account or this region isn't to be served, remove its spoke (docs/organization.md)."


def lost_account_notice(member: MemberAccount, role_arn: str) -> Notice:
    """Write that the account's role can't be assumed any more, what that means, and what to check."""
    name = _name(member)
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


def denied_account_notice(member: MemberAccount, *, is_own: bool = False) -> Notice:
    """Write that a policy denies what must be read in the account, whose it is, and who can change that. With `is_own`,
    the account is that of Lifeline's functions.
    """
    name, denial = _name(member), read_denial(member.why) or Denial()
    whose = (
        "It is a policy of the organization: whoever administers that can change it. Nothing in the account can."
        if denial.denier.is_organizations
        else "Check the role's policies, its permissions boundary, and the organization's service control policies."
    )
    unaffected = "" if is_own else " Other accounts aren't affected."
    return Notice(
        kind="account_denied",
        severity=Severity.WARNING,
        subject=f"[lifeline] account {member.account}{name} denied: {denial.action or 'reading it'}",
        happened=(
            f"AWS denies what Lifeline must read in its own account {member.account}:"
            if is_own
            else f"AWS lets Lifeline into the account {member.account}{name}, but denies what it must read there:",
            f"  {denied_words(denial, member.account)}",
            f"  {member.why}",
        ),
        done=(
            (
                "Until that is allowed, Lifeline doesn't see the account's network and repairs nothing there. Its "
                f"endpoints stay as they are.{unaffected}"
            ),
        ),
        next=(
            whose,
            "Lifeline will try again in its next sweep, and not before. It won't send this notice again meanwhile.",
            *(() if is_own else (_NOT_SERVED,)),
        ),
        facts={
            "account": member.account,
            "name": member.name,
            "why": member.why,
            "action": denial.action,
            "denied_by": str(denial.denier),
        },
    )


def _name(member: MemberAccount) -> str:
    return f" ({inert(member.name)})" if member.name else ""
