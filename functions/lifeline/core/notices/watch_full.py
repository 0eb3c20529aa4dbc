"""The notice of names that report and aren't watched, because the watch has as many as it may have."""

from collections.abc import Sequence

from lifeline.core.agents.watches import Watch
from lifeline.core.notices.notice import Notice, subject_line
from lifeline.core.severity import Severity
from lifeline.core.wording import few, quoted, write_count

_SHOWN = 10


def watch_full_notice(watch: Watch, left_out: Sequence[str]) -> Notice:
    """Write that new names don't join the watch. Whoever may publish metrics can invent any number of them."""
    names = sorted(left_out)
    count = write_count(len(names), "new name")
    return Notice(
        kind="watch_full",
        severity=Severity.WARNING,
        subject=subject_line(f"[lifeline] {count} not watched: watch {quoted(watch.name)} is full"),
        happened=(
            f"The watch {quoted(watch.name)} has as many entities that aren't EC2 instances here as it may",
            f"({watch.most_hosts}). {count.capitalize()} in its metrics can't join:",
            f"- {few(list(map(quoted, names)), _SHOWN)}",
        ),
        done=(
            "Lifeline goes on watching those that it has, and instances that EC2 knows. It won't report if one of the",
            "new ones falls silent.",
        ),
        next=(
            "If they are yours, raise the watch's most_hosts in the policy. Otherwise, find out who publishes metrics",
            f"into the namespace {quoted(watch.namespace)}. To remove names that you don't know from the roster, stop",
            "whoever publishes them, and then have Lifeline forget them (see the runbook).",
            "Lifeline won't send this notice again while it lasts.",
        ),
        facts={"watch": watch.name, "names": names[:_SHOWN], "count": len(names), "most_hosts": watch.most_hosts},
    )
