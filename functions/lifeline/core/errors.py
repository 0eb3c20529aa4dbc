"""Errors, sorted by remedy: try again, or a person must act."""


class LifelineError(Exception):
    """The base of every error that Lifeline raises itself."""


class TransientError(LifelineError):
    """Trying again later can succeed: throttling, a timeout, a resource that AWS is still changing."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TerminalError(LifelineError):
    """Trying again can't succeed: a person must change something first."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class UnreadableError(TerminalError, ValueError):
    """What is stored can't be understood: somebody else wrote it, or another version."""


class UnansweredError(TerminalError):
    """A swap failed halfway, and so did its undoing: nothing answers the service's name, so the next try can't wait."""


class InvalidInputError(TerminalError):
    """A caller sent something unusable; `field` is the path to it, as in `vpc_ids[0]`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", code="InvalidInput")
        self.field = field
        self.message = message


class SettingsError(TerminalError):
    """The function's own environment is unusable; the message names the variable."""
