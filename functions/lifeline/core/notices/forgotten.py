"""The notice of agents that somebody had forgotten: Lifeline reports no silence of theirs until they report again."""

from collections.abc import Iterable, Mapping, Sequence

from lifeline.core.agents.agent import Agent, State, Suppression
from lifeline.core.notices.notice import Notice, subject_line
from lifeline.core.severity import Severity
from lifeline.core.wording import few, quoted, write_count, write_stated

_SHOWN = 10


def newly_forgotten(agents: Iterable[Agent]) -> tuple[Agent, ...]:
    """Return the agents that weren't forgotten before, as they were."""
    return tuple(agent for agent in agents if agent.suppressed_by is not Suppression.FORGOTTEN)


def forgotten_notice(watches: Mapping[str, Sequence[Agent]], *, by: str = "") -> Notice:
    """Write which agents a call forgot, by watch and as they were before, and which of them are silent.

    `by` is who called, as they state it.
    """
    agents = [agent for watched in watches.values() for agent in watched]
    silent = _names(agent for agent in agents if agent.state is State.SILENT)
    incidents = sorted({agent.incident for agent in agents if agent.incident})
    count = write_count(len(_names(agents)), "agent")
    return Notice(
        kind="forgotten",
        severity=Severity.WARNING,
        subject=subject_line(f"[lifeline] {count} forgotten{f', {len(silent)} of them silent' if silent else ''}"),
        happened=(
            f"A call to DetectMetricGaps{write_stated(by)} told Lifeline to forget {count}:",
            *(f"- {quoted(name)}: {_list(_names(watched))}" for name, watched in sorted(watches.items())),
        ),
        done=(
            "Lifeline won't report any of these agents as silent until it has sent data again.",
            *((f"Silent now: {_list(silent)}.",) if silent else ()),
            *((f"Open incidents no longer wait for these agents: {few(incidents, _SHOWN)}.",) if incidents else ()),
        ),
        next=(
            "No action needed if this is intended. Otherwise, check whether the agents are running, and who can invoke",
            "DetectMetricGaps. CloudTrail shows who did, if it records Lambda's data events. Lifeline will watch an",
            "agent again as soon as the agent sends a datapoint.",
        ),
        incident=incidents[0] if len(incidents) == 1 else "",
        facts={
            "forgotten": [{"watch": name, "agents": _names(watched)} for name, watched in sorted(watches.items())],
            "silent": silent,
            **({"stated_by": by} if by else {}),
            "incidents": incidents,
        },
    )


def _names(agents: Iterable[Agent]) -> list[str]:
    return sorted({agent.entity for agent in agents})


def _list(names: Iterable[str]) -> str:
    return few(list(map(quoted, names)), _SHOWN)
