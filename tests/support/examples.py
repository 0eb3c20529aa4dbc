"""How many examples a property needs whose examples take long."""

from hypothesis import settings


def examples(few: int, *, soak: int) -> int:
    """`few` with every change, `soak` in `make soak`."""
    return soak if settings.get_current_profile_name() == "soak" else few
