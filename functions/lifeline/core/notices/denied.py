"""The notice of reads that AWS denied and that Lifeline does without."""

from collections import defaultdict
from collections.abc import Mapping

from lifeline.core.denial import Denial, denied_words, read_denial
from lifeline.core.notices.accounts import MOST_ADDRESSED
from lifeline.core.notices.notice import Notice, fit_subject
from lifeline.core.severity import Severity
from lifeline.core.wording import few, write_count

_SHOWN = 10


_RECONCILER = "ReconcileEndpoints"
_OF_MANY = (
    "If the same is denied in many accounts of a hub, you hear of three in a day one by one, and of others together."
)


def denied_notice(
    denied: Mapping[str, str],
    function: str = _RECONCILER,
    *,
    is_member: bool = False,
    others: Mapping[str, Mapping[str, str]] | None = None,
) -> Notice:
    """Write which permissions the function lacks: `denied` has AWS's words by permission. With `is_member`, it lacks
    them in an account that a hub serves. `others` are further accounts by permission, each with whose policy denies it.
    """
    others = others or {}
    names, rows = sorted(denied), _rows_of_others(others)
    accounts = sorted({account for by_account in others.values() for account in by_account})
    count = write_count(len(names), "permission")
    return Notice(
        kind="read_denied",
        severity=Severity.WARNING,
        subject=fit_subject(f"[lifeline] AWS denied {few(names, 2)}", f"[lifeline] AWS denied {count} to read"),
        happened=(
            f"AWS denied Lifeline {count} to read:",
            *(f"- {_whose(name, denied[name])}: {denied[name]}" for name in names[:_SHOWN]),
            *((f"- and {len(names) - _SHOWN} more",) if len(names) > _SHOWN else ()),
            *(("The same is denied in other accounts:", *rows) if rows else ()),
        ),
        done=(
            (
                "Lifeline goes on without these reads. Its responses say what it doesn't know because of that, and it",
                "won't make any change that depends on it.",
            )
            if function == _RECONCILER
            else (
                "Lifeline goes on without these reads. It still reports silent agents, but may not find the causes;",
                "its notices say what it doesn't know.",
            )
        ),
        next=(
            *_where_to_change_it(denied, others, function),
            "If the denial is intended, no action is needed. Lifeline won't send this notice again while it lasts.",
            *((_OF_MANY,) if is_member else ()),
        ),
        facts={"denied": {name: denied[name] for name in names}} | ({"others": others} if others else {}),
        accounts=tuple(accounts[:MOST_ADDRESSED]),
    )


def _rows_of_others(others: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """By whose policy denies what, the accounts; those with most accounts first, as far as they are shown."""
    accounts: defaultdict[str, set[str]] = defaultdict(set)
    for by_account in others.values():
        for account, words in by_account.items():
            accounts[words].add(account)
    causes = sorted(accounts, key=lambda words: (-len(accounts[words]), words))
    shown = (f"- {words} in {few(sorted(accounts[words]), _SHOWN)}" for words in causes[:_SHOWN])
    return (*shown, *((f"- and {len(causes) - _SHOWN} more causes",) if len(causes) > _SHOWN else ()))


def _whose(name: str, words: str) -> str:
    """Whose policy denies it, or the permission's name where AWS doesn't say."""
    denial = read_denial(words) or Denial()
    return denied_words(denial, denial.callers_account) if denial.denier and denial.action else name


def _where_to_change_it(
    denied: Mapping[str, str], others: Mapping[str, Mapping[str, str]], function: str
) -> tuple[str, ...]:
    denials = [read_denial(words) or Denial() for words in denied.values()]
    same = {denied_words(denial, "") for denial in denials}
    is_same = all(words in same for by_account in others.values() for words in by_account.values())
    if is_same and all(denial.denier.is_organizations for denial in denials):
        return ("These are policies of your organization: nothing in the account can allow what they deny.",)
    return (
        f"Check the policies of {function}' role, its permissions boundary, and your organization's service",
        "control policies. If another account owns the resource, ask that account to share it.",
    )
