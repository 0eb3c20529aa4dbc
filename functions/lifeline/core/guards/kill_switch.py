"""The kill switch: whether anything may be changed at all, and how people hear that nothing may."""

from lifeline.core.organization.accounts import ACCOUNT_ID
from lifeline.core.wording import plain

KILL_SWITCH = "KillSwitchParameter"
ON = "the kill switch is on"
_SHOWN = 40


def why_on(name: str, value: str, account: str = "") -> str:
    """Why nothing may be changed, or an empty text. Only `off` lets changes pass everywhere; a list of account IDs
    lets them pass in all other accounts than these.
    """
    said = value.strip().lower()
    if said == "off":
        return ""
    listed = [part.strip() for part in said.split(",")]
    if account and all(map(ACCOUNT_ID.fullmatch, listed)):
        accounts = sorted(set(listed))
        whose = f"account{'s' if len(accounts) > 1 else ''} {', '.join(accounts)}"
        return f"{ON}: the SSM parameter {name} lists the {whose}" if account in accounts else ""
    if said == "on":
        return f'{ON}: the SSM parameter {name} is set to "on"'
    return f"{ON}: the SSM parameter {name} is set to {ascii(value)[:_SHOWN]}, which counts as on (only off is off)"


def switch_command(name: str, value: str) -> str:
    """The command that turns the switch of this name on or off."""
    return f"aws ssm put-parameter --name {name} --type String --overwrite --value {value}"


def why_unreadable(name: str, error: str) -> str:
    """The same where the parameter can't be read, which counts as on."""
    return f"{ON}: the SSM parameter {name} can't be read, which counts as on: {plain(error)}"
