"""The mode: whether anything may be changed."""

from enum import StrEnum


class Mode(StrEnum):
    """Whether apply may change anything."""

    ENFORCE = "enforce"
    PLAN = "plan"

    def weakened_by(self, asked: "Mode | None") -> "Mode":
        """Plan if either says plan: a caller may weaken the stack's mode, never strengthen it."""
        return Mode.PLAN if Mode.PLAN in (self, asked) else Mode.ENFORCE
