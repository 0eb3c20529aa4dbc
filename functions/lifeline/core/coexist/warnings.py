"""What people were warned of, so that they hear of a waiver once, and not each time that somebody toggles a tag."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.core.coexist.vpc_state import VpcState

DAY = timedelta(hours=24)
MOST_A_DAY = 3  # notices of a VPC, whatever they are about


def settle(state: VpcState, standing: Collection[str], now: datetime) -> VpcState:
    """The state without the warnings whose reason is gone. Those of the last day are kept apart: if the reason is back
    by then, it is news only once that day is over.
    """
    ended = {key: at for key, at in state.warned.items() if key not in standing}
    recent = {key: at for key, at in {**state.warned_before, **ended}.items() if now - at < DAY}
    warned = {key: at for key, at in state.warned.items() if key in standing}
    return replace(state, warned=warned, warned_before=recent)


def due(state: VpcState, keys: Iterable[str], now: datetime) -> frozenset[str]:
    """Those of which people are to be warned now: none once they got MOST_A_DAY notices of the VPC within a day."""
    times = {at for at in (*state.warned.values(), *state.warned_before.values()) if now - at < DAY}
    before = {key for key, at in state.warned_before.items() if now - at < DAY}
    return frozenset(keys) - state.warned.keys() - before if len(times) < MOST_A_DAY else frozenset()
