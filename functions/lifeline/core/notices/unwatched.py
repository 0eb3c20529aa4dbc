"""The notice of agents whose silence isn't reported because of a tag of their instances, which anybody may have set."""

from collections.abc import Iterable, Sequence

from lifeline.core.agents.agent import Agent, Suppression
from lifeline.core.agents.instances import is_instance_id
from lifeline.core.agents.watches import Watch
from lifeline.core.notices.notice import Notice, Severity, subject_line
from lifeline.core.policy.policy import EXEMPT
from lifeline.core.wording import few, quoted, write_count

_SHOWN = 10
_LOOK_UP = "aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue="


def unwatched_notice(watch: Watch, agents: Iterable[Agent]) -> Notice:
    """Write which agents are silent without an incident, by which tags, and how to find out who set these."""
    silent = sorted(agents, key=lambda agent: agent.entity)
    exempt = [agent.entity for agent in silent if agent.suppressed_by is Suppression.EXEMPT]
    in_window = [agent.entity for agent in silent if agent.suppressed_by is not Suppression.EXEMPT]
    incidents = sorted({agent.incident for agent in silent if agent.incident})
    count = write_count(len(silent), "agent")
    ids = [agent.entity for agent in silent if is_instance_id(agent.entity)]
    return Notice(
        kind="unwatched",
        severity=Severity.WARNING,
        subject=subject_line(f"[lifeline] silence of {count} not reported because of a tag"),
        happened=(
            f"{count} of the watch {quoted(watch.name)} stopped sending data.",
            "A tag on the instance keeps Lifeline from reporting that:",
            *((f"- {EXEMPT}: {_list(exempt)}",) if exempt else ()),
            *((f"- tags that a maintenance window in the policy selects: {_list(in_window)}",) if in_window else ()),
        ),
        done=tuple(_done(exempt, in_window, incidents)),
        next=(
            "No action needed if this is intended. Otherwise, remove the tag: Lifeline will then report the agent if",
            "it is still silent.",
            *(("To see who set it:", f"    {_LOOK_UP}{ids[0]}") if ids else ()),
        ),
        incident=incidents[0] if len(incidents) == 1 else "",
        facts={"watch": watch.name, "exempt": exempt, "in_maintenance": in_window, "incidents": incidents},
    )


def _done(exempt: Sequence[str], in_window: Sequence[str], incidents: Sequence[str]) -> Iterable[str]:
    if exempt:
        yield f"Lifeline won't report the silence of instances that have the tag {EXEMPT} while the tag applies."
    if in_window:
        yield "Lifeline will report agents in a maintenance window if they are still silent after it."
    if incidents:
        yield f"These incidents no longer wait for the agents: {few(incidents, _SHOWN)}."


def _list(names: Iterable[str]) -> str:
    return few(list(map(quoted, names)), _SHOWN)
