"""The runbook: the page that says what a notice, an event or an alarm means, and what to do about it."""

RUNBOOK = "https://github.com/lifeline-contributors/lifeline/blob/main/docs/operate.md"


def runbook_link(address: str, section: str) -> str:
    """The section of the repository's own runbook. Any other address stays as it is: its sections aren't known."""
    return f"{address}#{section}" if address == RUNBOOK else address
