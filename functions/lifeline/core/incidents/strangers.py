"""What arrives under a silent agent's id although it isn't the agent's own, in words."""

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.series import Series
from lifeline.core.wording import plain, shorten

_LONGEST = 40


def stranger_words(agent: Agent) -> str:
    """Which other metrics arrive under the agent's id; empty where none do. Whoever sends them chose their names."""
    named = dict.fromkeys(map(_named, agent.strangers))
    return f"other metrics arrive under this ID ({', '.join(named)})" if named else ""


def _named(series: Series) -> str:
    return f"{_quoted(series.metric)} by {_quoted(', '.join(series.shape))}"


def _quoted(text: str) -> str:
    return f'"{shorten(plain(text), _LONGEST)}"'
