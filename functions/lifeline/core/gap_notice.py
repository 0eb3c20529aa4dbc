"""What people are told when agents fall silent and when they are back: one notice for all of one run's."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lifeline.core.gaps import Agent, Gap
from lifeline.core.notice import Notice, Severity

MOST_NAMED = 10


def opened_notice(agents: Sequence[Agent], *, namespace: str, now: datetime) -> Notice:
    """These agents fell silent: how many, and the first ten by id with their last datapoint.

    Raises ValueError where there is none, or where one of them has no gap.
    """
    return Notice(
        kind="gap_opened",
        severity=Severity.WARNING,
        subject=f"[lifeline] {_count(agents)} silent: {_names(agents)}",
        text=_text(agents, f"{_count(agents)} of {namespace} fell silent.", lambda agent: _silence(agent, now)),
        facts=_facts(agents, namespace, now),
    )


def resolved_notice(agents: Sequence[Agent], *, namespace: str, now: datetime) -> Notice:
    """These agents report again: how many, and the first ten by id with the length of their gap.

    Raises ValueError where there is none, or where one of them has no gap.
    """
    return Notice(
        kind="gap_resolved",
        severity=Severity.INFO,
        subject=f"[lifeline] {_count(agents)} reporting again: {_names(agents)}",
        text=_text(agents, f"{_count(agents)} of {namespace} reporting again.", _recovery),
        facts=_facts(agents, namespace, now),
    )


def _silence(agent: Agent, now: datetime) -> str:
    gap = _gap(agent)
    last = f"last datapoint {_time(agent.seen_at)}, " if agent.seen_at else ""
    return f"{agent.entity}: {last}the next was due {_time(gap.since)}; silent for {_words(gap.length(now))}"


def _recovery(agent: Agent) -> str:
    gap = _gap(agent)
    if gap.ended_at is None or gap.ended_at == gap.since:
        return f"{agent.entity}: its datapoints arrived late; none is missing since {_time(gap.since)}"
    length = _words(gap.length(gap.ended_at))
    return f"{agent.entity}: silent for {length}, from {_time(gap.since)} to {_time(gap.ended_at)}"


def _text(agents: Sequence[Agent], heading: str, line: Callable[[Agent], str]) -> str:
    lines = [line(agent) for agent in _first(agents)]
    rest = len(agents) - len(lines)
    return "\n".join([heading, "", *lines, *([f"… and {rest} more"] if rest else [])])


def _facts(agents: Sequence[Agent], namespace: str, now: datetime) -> dict[str, object]:
    return {
        "namespace": namespace,
        "count": len(agents),
        "agents": [
            {
                "id": agent.entity,
                "last_seen": agent.seen_at.isoformat() if agent.seen_at else None,
                "due": _gap(agent).since.isoformat(),
                "length_s": int(_gap(agent).length(now).total_seconds()),
            }
            for agent in _first(agents)
        ],
    }


def _first(agents: Sequence[Agent]) -> list[Agent]:
    return sorted(agents, key=lambda agent: agent.entity)[:MOST_NAMED]


def _names(agents: Sequence[Agent]) -> str:
    return ", ".join(agent.entity for agent in _first(agents))


def _count(agents: Sequence[Agent]) -> str:
    if not agents:
        raise ValueError("no agents: nothing to tell")
    return "1 agent" if len(agents) == 1 else f"{len(agents)} agents"


def _gap(agent: Agent) -> Gap:
    if agent.gap is None:
        raise ValueError(f"{agent.entity} has no gap to tell of")
    return agent.gap


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _words(length: timedelta) -> str:
    """Days to seconds, without the parts that are 0: `1 h 5 min`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [
        f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")) if number
    ]
    return " ".join(parts) or "0 s"
