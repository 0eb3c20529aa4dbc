"""What notices about several of a hub's accounts have in common."""

from collections.abc import Callable, Sequence

SHOWN = 10  # accounts; the facts have more
MOST_ADDRESSED = 1000  # accounts: a notice's attributes count towards its size (SNS guide: message attributes)


def account_rows(accounts: Sequence[str], about: Callable[[str], str]) -> list[str]:
    """Write a row for each of the accounts, the first of them, with what is said `about` each."""
    rest = len(accounts) - SHOWN
    more = [f"- and {rest:,} more, which the coverage page has"] if rest > 0 else []
    return [*(f"- {account}{about(account)}" for account in accounts[:SHOWN]), *more]
