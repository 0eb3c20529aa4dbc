"""The outcome of one run of one watch."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from lifeline.core.agents.agent import Agent, State, Transition, Verdict
from lifeline.core.incidents.lifecycle import NewsKind


@dataclass(frozen=True, slots=True)
class Report:
    """One run's outcome. `states` counts the agents; the lists hold ids, sorted. `failures` are in words.

    `is_part` means that other invocations do the rest, and that the last of them reports for all; `is_unread` that the
    roster or the incidents couldn't be read, so that no agent was counted.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    oldest_gap: timedelta = timedelta()
    open_incidents: int = 0
    notified: tuple[NewsKind, ...] = ()
    failures: tuple[str, ...] = ()
    is_part: bool = False
    is_unread: bool = False

    @property
    def watched(self) -> int:
        """How many agents are on the roster."""
        return sum(self.states.values())

    @classmethod
    def of(
        cls, before: Mapping[str, Agent], verdicts: Mapping[str, Verdict], after: Iterable[Agent], now: datetime
    ) -> Self:
        """Count the agents of `before` by their verdicts, or by their last state where they were not judged."""
        states = {
            entity: verdicts[entity].state if entity in verdicts else agent.state for entity, agent in before.items()
        }
        silent = [agent for agent in after if agent.state is State.SILENT]

        def turned(transition: Transition) -> tuple[str, ...]:
            return tuple(sorted(entity for entity, verdict in verdicts.items() if verdict.transition is transition))

        return cls(
            states=Counter(states.values()),
            silent=tuple(sorted(agent.entity for agent in silent)),
            unknown=tuple(sorted(entity for entity, state in states.items() if state is State.UNKNOWN)),
            opened=turned(Transition.OPENED),
            ended=turned(Transition.ENDED),
            oldest_gap=max((agent.gap.length(now) for agent in silent if agent.gap), default=timedelta()),
        )
