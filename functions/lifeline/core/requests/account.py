"""The account that a message or a call is about."""

from collections.abc import Collection, Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.organization.accounts import ACCOUNT_ID, unserved_words
from lifeline.core.requests.fields import must_be

_FIELD = "account"


def stated_account(message: Mapping[str, Any]) -> str:
    """The account that an event is of, or that a call is for; empty where it says none: the functions' own.

    An event's is AWS's word: EventBridge writes it for whoever sends the event, and no sender can (EventBridge API:
    PutEvents has no such field). Raises InvalidInputError where it is no account's ID.
    """
    if _FIELD not in message:
        return ""
    account = message[_FIELD]
    if not isinstance(account, str) or not ACCOUNT_ID.fullmatch(account):
        raise must_be(_FIELD, "an account ID of 12 digits", account)
    return account


def check_account(message: Mapping[str, Any], accounts: Collection[str]) -> dict[str, Any]:
    """The message of a queue, without its account, which must be one of these; without any, nobody knows.

    Raises InvalidInputError for another.
    """
    account = stated_account(message)
    if account and any(accounts) and account not in accounts:
        raise refuse(unserved_words(account, accounts))
    return dict(without_account(message))


def without_account(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call as its readers know it: which account it is for is settled by then. An event keeps it."""
    if "detail" in call or "detail-type" in call:
        return call
    return {name: value for name, value in call.items() if name != _FIELD}


def refuse(why: str) -> InvalidInputError:
    """The error for an account that can't be asked about now."""
    return InvalidInputError(_FIELD, why)
