"""The notices of an account that Lifeline can't look at: a hub's role there is gone, or a policy denies what must be
read; and that it can look at again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from lifeline.core.denial import Denial, denied_words, read_denial
from lifeline.core.history.change import Change
from lifeline.core.notices.accounts import MOST_ADDRESSED, account_rows
from lifeline.core.notices.notice import Notice, invoke_lines
from lifeline.core.organization.members import MOST_TOLD, AccountStanding, MemberAccount
from lifeline.core.severity import Severity
from lifeline.core.wording import quoted, write_actor, write_count, write_time

MOST_COUNTED = 200  # changes in an account while it can't be read …
_MOST_NAMED = 10  # … and those that its notice names
_NOT_SERVED = "If the account or this region isn't to be served, remove its spoke (see the runbook)."


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
            *_untold(member),
        ),
        done=(
            (
                "Until the role can be assumed again, Lifeline sees neither the account's network nor its agents, and "
                "it repairs nothing there. Its endpoints stay as they are. This doesn't affect other accounts."
            ),
        ),
        next=(
            (
                f"Check that spoke.yaml is deployed in the account and this region, and that {role_arn} trusts this "
                "stack. Lifeline will try again in its next sweep."
            ),
            "If the account is no longer to be served, remove it from the stack's parameter Accounts.",
        ),
        facts={"account": member.account, "name": member.name, "why": member.why, "role": role_arn},
        accounts=(member.account,),
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
    unaffected = "" if is_own else " This doesn't affect other accounts."
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
            *_untold(member),
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
        accounts=() if is_own else (member.account,),
    )


def several_accounts_notice(members: Sequence[MemberAccount]) -> Notice:
    """Write that these accounts are lost, or that they are denied, of which people didn't hear one by one. Of others,
    they may have: so nothing is said of those.
    """
    first, accounts, count = members[0], [member.account for member in members], f"{len(members):,} accounts"
    names = {member.account: _name(member) for member in members}
    rows = (*account_rows(accounts, names.__getitem__), f"AWS said in {first.account}:")
    again = (
        "Lifeline will try again in its next sweep. There will be no notice for each one that can be read again:",
        "the coverage page shows it, and what changes meanwhile is on record.",
    )
    lost = Notice(
        kind="account_lost",
        severity=Severity.WARNING,
        subject=f"[lifeline] {count} lost: their roles can't be assumed",
        happened=(
            f"Lifeline served {count} until now. Its roles there were refused:",
            *rows,
            f"  {first.why}",
        ),
        done=(
            "Until that ends, Lifeline sees neither these accounts' networks nor their agents,",
            "and it repairs nothing there. Their endpoints stay as they are.",
        ),
        next=(
            "Check first what they have in common: the organization's policies, the StackSet of spoke.yaml,",
            "and this stack's parameters OrganizationId, SpokePrefix and RolePath (see the runbook).",
            *again,
        ),
        facts={"accounts": accounts, "why": first.why},
        accounts=tuple(accounts[:MOST_ADDRESSED]),
    )
    if first.standing is not AccountStanding.DENIED:
        return lost
    return replace(
        lost,
        kind="account_denied",
        subject=f"[lifeline] {count} denied: they can't be read",
        happened=(
            f"AWS lets Lifeline into {count}, but denies what it must read there:",
            *rows,
            f"  {denied_words(read_denial(first.why) or Denial(), first.account)}",
            f"  {first.why}",
        ),
        done=(
            "Until that is allowed, Lifeline doesn't see these accounts' networks and repairs nothing there.",
            "Their endpoints stay as they are.",
        ),
        next=(
            "Check first what they have in common: the organization's policies, and the StackSet of spoke.yaml",
            "with its permissions boundary, if it has one (see the runbook).",
            *again,
        ),
    )


def read_account_notice(
    member: MemberAccount, since: datetime, changes: Sequence[Change], *, is_own: bool = False, stack: str
) -> Notice:
    """Write that the account can be looked at again, and which changes were reported since then, the oldest first.

    Of these, Lifeline knew no more than the record, so it names the newest.
    """
    name, account = _name(member), {} if is_own else {"account": member.account}
    whose = "its own account" if is_own else "the account"
    call = invoke_lines(stack, {"history": {"day": since.date().isoformat()}, **account})
    named = changes[-_MOST_NAMED:]
    at_least = "at least " if len(changes) >= MOST_COUNTED else ""
    reported = f"Meanwhile, AWS reported {at_least}{write_count(len(changes), 'change')} there"
    newest = f", of which these are the newest {_MOST_NAMED}:" if len(changes) > len(named) else ":"
    return Notice(
        kind="account_read",
        severity=Severity.INFO,
        subject=f"[lifeline] account {member.account}{name} can be read again",
        happened=(
            f"Since {write_time(since)}, Lifeline could not look at {whose} {member.account}{name}. Now it can.",
            f"{reported}{newest if changes else '.'}",
            *(f"  {_change_line(change)}" for change in named),
        ),
        done=(
            (
                "Lifeline acts on changes there again. A sweep looks at the whole account, and what it does is in "
                "notices of its own."
            ),
        ),
        next=("To see all that is on record of a day:", *call) if changes else (),
        facts={
            "account": member.account,
            "name": member.name,
            "since": since.isoformat(),
            "changes": [
                {"event_id": one.event_id, "event_name": one.event_name, "actor": one.actor, "time": one.at.isoformat()}
                for one in named
            ],
        },
        accounts=() if is_own else (member.account,),
    )


def _change_line(change: Change) -> str:
    return f"{change.event_name} by {write_actor(change.actor) or 'an unknown actor'} at {write_time(change.at)}"


def _untold(member: MemberAccount) -> tuple[str, ...]:
    """That earlier notices were left out, if any were."""
    if member.turns < 2 or not member.told_at:
        return ()
    often = f"It became lost or denied {member.turns} times since the last notice, at {write_time(member.told_at[-1])}."
    return (f"{often} Of one account, Lifeline sends at most {MOST_TOLD} such notices in 24 hours.",)


def _name(member: MemberAccount) -> str:
    return f" ({quoted(member.name)})" if member.name else ""
