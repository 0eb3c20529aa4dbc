"""The notices of the way of events: dry runs that weren't heard, and one that was denied."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.core.event_path.causes import NOT_SWEPT, CauseNews
from lifeline.core.event_path.comparison import Comparison
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import EventPath
from lifeline.core.notices.accounts import MOST_ADDRESSED, account_rows
from lifeline.core.notices.notice import Notice, fit_subject
from lifeline.core.severity import Severity
from lifeline.core.wording import inert, listed, write_count, write_length, write_time

_NEXT_BY = {
    DeniedBy.SERVICE_CONTROL_POLICY: (
        "Ask whoever administers your organization's service control policies to let the role call {calls}."
    ),
    DeniedBy.RESOURCE_CONTROL_POLICY: (
        "Ask whoever administers your organization's resource control policies to let the role call {calls}."
    ),
    DeniedBy.PERMISSIONS_BOUNDARY: (
        "Add what the role needs (see the runbook) to the boundary, or use examples/boundary.json."
    ),
    DeniedBy.IDENTITY_BASED_POLICY: (
        "Compare the role's policies with what it needs (see the runbook). If the stack's parameter CreatableServices "
        "lacks the service, add it."
    ),
}
_TRAIL = (
    "- that a trail logs management events in this region, including write events, and is logging now",
    "- that it doesn't leave out EC2 in its event selectors",
)
_CHECKS = (
    *_TRAIL,
    "- that the stack's EventBridge rules are enabled and have the queue Changes as their target",
    "- that the policy of the queue Changes is the stack's own",
    "- that Lambda receives from the queue: the trigger of ReconcileEndpoints is enabled",
)
_SPOKES_CHECKS = (
    *_TRAIL,
    "- that the account has a stack of the current spoke.yaml, and its rules are enabled with the hub's bus as target",
    "- that no service control policy or boundary keeps the spoke's role for sending from events:PutEvents on that bus",
)
_HUBS_CHECKS = (
    "- in the hub: that the bus has the stack's own policy, and SpokesRule is enabled with the queue Changes as target",
    "- in the hub: that the policy of the queue Changes is the stack's own, and that Lambda receives from the queue",
)
_LATER = "You get one more notice if other accounts are affected, too, and one once it has ended in all of them."
_NEXT = "Check the organization's service control policies, the role's permissions boundary and its own policies."


def unheard_notice(state: EventPath, now: datetime, *, is_member: bool = False) -> Notice:
    """Write that two dry runs in a row weren't heard, what that means, and what to check, in order: in an account that
    a hub serves, the rules lead to the hub's event bus.
    """
    unheard = state.unheard(now)
    since, seconds = state.silent_since(now), state.unheard_seconds(now) or 0.0
    proven = (
        f"was last proven for the dry run at {write_time(state.proven_at)}"
        if state.proven_at
        else "has never been proven"
    )
    calls = " and ".join(write_time(probe.asked_at) for probe in reversed(unheard[:2]))
    return Notice(
        kind="event_path",
        severity=Severity.WARNING,
        subject=f"[lifeline] changes aren't heard: no event for {write_length(timedelta(seconds=seconds))}",
        happened=(
            f"Lifeline made dry runs at {calls}. CloudTrail should have reported each of them to Lifeline's queue",
            f"within 15 minutes, but no event arrived. The event path {proven}.",
        ),
        done=(
            "Until events arrive again, Lifeline finds changes only in its sweep, which is hourly by default.",
            "It still repairs what it finds there, and it still watches agents.",
        ),
        next=(
            "Check, in this order:",
            *((*_SPOKES_CHECKS, *_HUBS_CHECKS) if is_member else _CHECKS),
            "The runbook has the commands. Lifeline keeps trying, and the alarm ends once an event arrives.",
        ),
        facts={
            "unheard": len(unheard),
            "unheard_since": since.isoformat() if since else "",
            "request_ids": [probe.request_id for probe in unheard],
            "proven_at": state.proven_at.isoformat() if state.proven_at else "",
        },
    )


def lost_rules_notice(day: Comparison, rules: Sequence[str]) -> Notice:
    """Write that none or hardly any of a day's changes was heard through these rules, and what to check, in order."""
    return Notice(
        kind="event_path",
        severity=Severity.WARNING,
        subject=fit_subject(
            f"[lifeline] changes aren't heard through {listed(rules)}",
            f"[lifeline] changes aren't heard through {write_count(len(rules), 'rule')}",
        ),
        happened=(
            f"CloudTrail's Event history has changes from {write_time(day.since)} to {write_time(day.until)}",
            "that these rules should have sent to Lifeline, but not even half of their events arrived:",
            *(f"- {rule}: {day.heard_words(rule)}" for rule in rules),
            f"Of all {day.happened:,} changes, {day.heard:,} were heard.",
            *([f"Not heard, for example: {listed([*map(inert, day.missed)])}."] if day.missed else []),
        ),
        done=(
            "Until their events arrive again, Lifeline finds such changes in its sweep, which is hourly by default.",
            "Its dry runs may still be heard, because their events come through AttemptRule.",
        ),
        next=(
            "Check, in this order:",
            "- that the stack's EventBridge rule is there and enabled",
            "- that it has the target that the stack gave it",
            "- that the target's policy lets the rule in",
            "- that the trail logged all day, if some events arrived: its status says when it was started and stopped",
            "The runbook has the commands. You get this notice once, until a day's changes are heard through the rule.",
        ),
        facts={
            "lost_rules": {
                rule: {"happened": day.happened_by.get(rule, 0), "heard": day.heard_by.get(rule, 0)} for rule in rules
            },
            "since": day.since.isoformat(),
            "until": day.until.isoformat(),
            "missed": list(day.missed),
        },
    )


def denied_dry_run_notice(denial: DryRunDenial) -> Notice:
    """Write that Lifeline couldn't create an endpoint today, and who denies it."""
    statement = f" Its statement is {inert(denial.statement)}." if denial.statement else ""
    return Notice(
        kind="dry_run_denied",
        severity=Severity.WARNING,
        subject="[lifeline] Lifeline may not create endpoints: its dry run was denied",
        happened=(
            f"Lifeline made a dry run of {denial.call}, and {denial.by.value} denied it.{statement} EC2 said:",
            f"  {inert(denial.words)}",
        ),
        done=(
            "Nothing has failed yet. If a subnet needed an endpoint now, Lifeline couldn't create it.",
            "Lifeline will try again in a day.",
        ),
        next=(f"The role is {denial.role}.", _NEXT_BY.get(denial.by, _NEXT).format(calls=denial.call)),
        facts={
            "denied_by": denial.by.name.lower(),
            "statement": denial.statement,
            "resource": denial.resource,
            "role": denial.role,
        },
    )


def account_notice(news: CauseNews, state: EventPath, now: datetime, *, is_member: bool) -> Notice:
    """Write of the only account that has the cause what its own sweep would say."""
    if state.denial is None or not news.denied_by:
        return unheard_notice(state, now, is_member=is_member)
    return denied_dry_run_notice(state.denial)


def accounts_notice(news: CauseNews, states: Mapping[str, EventPath], now: datetime) -> Notice:
    """Write which of a hub's accounts have the cause, whose `states` are known, and what to check, in order."""
    count = _accounts(len(news.accounts), " more" if news.told else "")
    in_all = f" ({len(news.accounts) + len(news.told):,} in all)" if news.told else ""
    where = f"in {'each of ' if len(news.accounts) > 1 else ''}{count}{in_all}"
    shared = Notice(
        kind="event_path",
        severity=Severity.WARNING,
        subject=f"[lifeline] changes aren't heard in {count}{in_all}",
        happened=(
            f"Lifeline made two dry runs in a row {where}, and no event of them arrived:",
            *account_rows(news.accounts, lambda account: _since(states.get(account), now)),
        ),
        done=(
            "Until events arrive again, Lifeline finds changes there only in its sweeps, which are hourly by default.",
            "It still repairs what it finds there, and it still watches agents.",
        ),
        next=(
            "Check, in this order, the hub first because it is shared:",
            *_HUBS_CHECKS,
            "- that the organization's trail, if the accounts share one, is logging",
            *_SPOKES_CHECKS,
            f"The runbook has the commands. {_LATER}",
        ),
        facts={"cause": news.name.lower(), "accounts": list(news.accounts), "told_before": list(news.told)},
        accounts=news.accounts[:MOST_ADDRESSED],
    )
    if not news.denied_by:
        return shared
    denials = {account: state.denial for account, state in states.items() if state.denial}
    account, denial = next(iter(sorted(denials.items())), ("", DryRunDenial(news.denied_by)))
    calls = sorted({denial.call, *(one.call for one in denials.values())})
    words = [f"EC2 said in {account}:", f"  {inert(denial.words)}"] if account else []
    return replace(
        shared,
        kind="dry_run_denied",
        subject=f"[lifeline] Lifeline may not create endpoints in {count}{in_all}: dry runs denied",
        happened=(
            f"Lifeline made a dry run of {' or '.join(calls)} {where}, and {news.denied_by.value}",
            "denied it:",
            *account_rows(news.accounts, lambda _: ""),
            *words,
        ),
        done=(
            "Nothing has failed yet. If a subnet there needed an endpoint now, Lifeline couldn't create it.",
            "Lifeline will try again in a day.",
        ),
        next=(_NEXT_BY.get(news.denied_by, _NEXT).format(calls=listed(calls)), _LATER),
    )


def unswept_notice(news: CauseNews, swept: Mapping[str, datetime]) -> Notice:
    """Write which of a hub's accounts aren't swept, since when if `swept` has it, and what to check, in order."""
    count = _accounts(len(news.accounts), " more" if news.told else "")
    return Notice(
        kind="event_path",
        severity=Severity.WARNING,
        subject=f"[lifeline] no sweep of {count} has ended lately",
        happened=(
            f"Two sweeps in a row didn't end in {count}:",
            *account_rows(news.accounts, lambda account: _none_since(swept.get(account))),
        ),
        done=(
            "Until sweeps end again, Lifeline is only sure to find those changes there whose events arrive, and may",
            "make no dry runs. It still repairs what it finds, and it still watches agents.",
        ),
        next=(
            "Check, in this order:",
            "- that the schedule of the hub's sweeps is enabled, and that ReconcileEndpoints can run",
            "- that Lambda receives all messages of the queue RepairRequests: the trigger of ReconcileEndpoints there",
            "- that AWS neither throttles nor refuses what the sweeps read there: the log of ReconcileEndpoints",
            "- that no sweep is in the dead-letter queue: each message there says why it failed",
            f"The runbook has the commands. {_LATER}",
        ),
        facts={"cause": news.name.lower(), "accounts": list(news.accounts), "told_before": list(news.told)},
        accounts=news.accounts[:MOST_ADDRESSED],
    )


def ended_notice(news: CauseNews, states: Mapping[str, EventPath]) -> Notice:
    """Write in which of the accounts of which people heard the cause has ended, and of which that isn't known because
    no dry run says so, by their `states`.
    """
    over = [account for account in news.accounts if _is_over(news, states.get(account))]
    unknown = [account for account in news.accounts if account not in over]
    what, whether, by = "events arrive again", "whether events arrive", ""
    if news.name == NOT_SWEPT:
        what = "sweeps run again"
    elif news.denied_by:
        what, whether = "dry runs aren't denied any more", "whether dry runs would be denied"
        by = f" by {news.denied_by.value}"
    says = list[str]()
    if over:
        says += [f"In {_accounts(len(over))} that you were told of, {what}{by}:", *account_rows(over, lambda _: "")]
    if unknown:
        says.append(f"In {_accounts(len(unknown))} that you were told of, it is no longer known {whether}:")
        says += account_rows(unknown, lambda account: _why(states.get(account)))
    rest = f", not known in {len(unknown):,}" if unknown else ""
    ended = Notice(
        kind="event_path",
        severity=Severity.INFO,
        subject=f"[lifeline] {what} in {_accounts(len(over))}{rest}"
        if over
        else f"[lifeline] no longer known {whether} in {_accounts(len(unknown))}",
        happened=tuple(says),
        done=("Sweeps find all changes in these accounts, whether events arrive or not.",),
        next=("You don't need to do anything.",),
        facts={"cause": news.name.lower(), "accounts": list(news.accounts), "ended": True, "unknown": unknown},
        accounts=news.accounts[:MOST_ADDRESSED],
    )
    return replace(ended, kind="dry_run_denied") if news.denied_by else ended


def _is_over(news: CauseNews, state: EventPath | None) -> bool:
    """True if a dry run says so. None may be made any more. Of sweeps, the detector says it."""
    if news.name == NOT_SWEPT:
        return True
    if state is None:
        return False
    return (
        state.verdict is not DryRunVerdict.UNKNOWN if news.denied_by else any(probe.heard_at for probe in state.probes)
    )


def _why(state: EventPath | None) -> str:
    return f": {inert(state.why)}" if state and state.why else ""


def _accounts(number: int, more: str = "") -> str:
    return f"{number:,}{more} account{'' if number == 1 else 's'}"


def _since(state: EventPath | None, now: datetime) -> str:
    return _none_since(state.silent_since(now) if state else None)


def _none_since(since: datetime | None) -> str:
    return f": none since {write_time(since)}" if since else ""
