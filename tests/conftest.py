"""How much Hypothesis tries: a little with every change, much in `make soak`, which CI runs as well.

And how often Python searches for garbage.
"""

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

# How long an example takes, or the making of one, says how busy the machine is: neither fails a test.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# With every change the same examples, so that what fails is the change's; new ones are for the soak.
settings.register_profile("unit", _PATIENT, max_examples=50, derandomize=True)
settings.register_profile("soak", _PATIENT, max_examples=1000)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("soak" if _is_soak(config) else "unit")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a soak, `-m soak`, the property tests take part, with many more examples."""
    if _is_soak(config):
        for item in items:
            if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
                item.add_marker(pytest.mark.soak)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays: it is never searched for garbage. What tests make is, ten times less often
    than usual: it refers to models and caches that stay as well.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(20_000)


def _is_soak(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "soak")
