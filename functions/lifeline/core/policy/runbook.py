"""The runbook: the page that says what a notice, an event or an alarm means, and what to do about it."""

RUNBOOK = "https://github.com/lifeline-contributors/lifeline/blob/main/docs/operate.md"
# What an address may have (RFC 3986: sub-delims, "@"), and chat and mail take for markup, a mention or its end.
_ESCAPED = str.maketrans({letter: f"%{ord(letter):02X}" for letter in "@()*'"})


def runbook_link(address: str, section: str) -> str:
    """The section of the default runbook. Any other address stays without one, because its sections aren't known, and
    leads to the same page: what could be taken for more than a part of it is percent-encoded (RFC 3986).
    """
    return f"{address}#{section}" if address == RUNBOOK else address.translate(_ESCAPED)
