"""The notice of an account of a hub whose agents can't be checked."""

from collections.abc import Mapping

from lifeline.core.agents.failed_runs import FailedRuns
from lifeline.core.notices.accounts import MOST_ADDRESSED, account_rows
from lifeline.core.notices.notice import Notice
from lifeline.core.severity import Severity
from lifeline.core.wording import write_time


def agents_unknown_notice(account: str, runs: FailedRuns, others: Mapping[str, str] | None = None) -> Notice:
    """Write since when nobody knows how the account's agents are, and why. `others` are further accounts in which that
    lasts, each with its last error.
    """
    accounts, others = sorted(others or {}), others or {}
    errors = (*account_rows(accounts, lambda one: f": {others[one]}"),)
    since = f" since {write_time(runs.since)}" if runs.since else ""
    return Notice(
        kind="agents_unknown",
        severity=Severity.WARNING,
        subject=f"[lifeline] agents of account {account} unknown: its metrics can't be checked",
        happened=(
            f"Checks of the agents in the account {account} have failed{since}, wholly or in part. The last error:",
            f"  {runs.why}",
            *(("The same goes for other accounts, each with its last error:", *errors) if errors else ()),
        ),
        done=(
            (
                "Lifeline doesn't know whether agents there are silent, and won't report any as silent for that "
                "reason. It tries again each minute. This doesn't affect agents of other accounts."
            ),
        ),
        next=(
            (
                "Check what the error names. If the role can't be assumed, or a policy denies the call, the "
                "runbook says what to do. If AWS throttles the account's calls, ask who else makes many of them."
            ),
            "Lifeline won't send this notice again within a day. If the same happens in many accounts at once,",
            "it sends the notices of three in an hour, and then one of all others together.",
        ),
        facts={"account": account, "since": runs.since.isoformat() if runs.since else "", "why": runs.why}
        | ({"others": {one: others[one] for one in accounts}} if others else {}),
        accounts=tuple(accounts[:MOST_ADDRESSED]),
    )
