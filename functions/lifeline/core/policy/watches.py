"""Who is watched and when silence is expected, as a policy document says it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from lifeline.core.agents.watches import Maintenance, Rules, SeverityRule, Watch
from lifeline.core.errors import InvalidInputError
from lifeline.core.policy.document import check_names, read_tags, shown
from lifeline.core.policy.service_sets import expand
from lifeline.core.severity import Severity

_ALWAYS_NEEDED = "monitoring"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_watches(said: Sequence[Mapping[str, Any]]) -> tuple[Watch, ...]:
    """The watches in the document's order; what an entry leaves out is as in `Watch()` and `Rules()`.

    Raises InvalidInputError where two have one name.
    """
    check_names("watches", [mapping["name"] for mapping in said])
    return tuple(_watch(mapping) for mapping in said)


def _watch(said: Mapping[str, Any]) -> Watch:
    names = {key: said[key] for key in ("name", "namespace", "dimension", "metric", "metric_prefix") if key in said}
    return Watch(
        **names,
        rules=_rules(said),
        needs=expand(said.get("needs", ())) - {_ALWAYS_NEEDED},
        most_hosts=int(said.get("most_hosts", Watch().most_hosts)),
        is_elsewhere=said.get("instances") == "elsewhere",
        severity=Severity(said["severity"]) if "severity" in said else None,
    )


def _rules(said: Mapping[str, Any]) -> Rules:
    usual = Rules()
    return Rules(
        period=_seconds(said, "period_seconds", usual.period),
        grace=_seconds(said, "grace_seconds", usual.grace),
        warm_up=_seconds(said, "warm_up_seconds", usual.warm_up),
        forget_after=timedelta(days=said["forget_after_days"]) if "forget_after_days" in said else usual.forget_after,
        longest_period=max(
            _seconds(said, "longest_period_seconds", usual.longest_period),
            _seconds(said, "period_seconds", usual.period),
        ),
        recover_after=int(said.get("recover_after", usual.recover_after)),
    )


def _seconds(said: Mapping[str, Any], field: str, usual: timedelta) -> timedelta:
    return timedelta(seconds=said[field]) if field in said else usual


def read_severities(said: Sequence[Mapping[str, Any]], watches: Sequence[Watch]) -> tuple[SeverityRule, ...]:
    """How severe whose silence is, in the document's order. Raises InvalidInputError for a watch that there isn't."""
    names = [watch.name for watch in watches]
    for place, mapping in enumerate(said):
        _check_watches(f"severities[{place}].where.watches", mapping.get("where", {}).get("watches", ()), names)
    return tuple(_severity_rule(mapping) for mapping in said)


def _severity_rule(said: Mapping[str, Any]) -> SeverityRule:
    where = said.get("where", {})
    return SeverityRule(
        severity=Severity(said["severity"]),
        watches=frozenset(where.get("watches", ())),
        vpc_tags=read_tags(where.get("vpc_tags", {})),
        instance_tags=read_tags(where.get("instance_tags", {})),
    )


# ---- maintenance


def read_maintenance(said: Sequence[Mapping[str, Any]], watches: Sequence[Watch]) -> tuple[Maintenance, ...]:
    """The times in which silence is expected, in the document's order.

    Raises InvalidInputError where one ends before it begins, is at no moment of the calendar, or is for a watch that
    there isn't.
    """
    names = [watch.name for watch in watches]
    for place, mapping in enumerate(said):
        _check_watches(f"maintenance[{place}].where.watches", mapping.get("where", {}).get("watches", ()), names)
    return tuple(_maintenance(mapping, f"maintenance[{place}]") for place, mapping in enumerate(said))


def _check_watches(field: str, said: Sequence[str], names: Sequence[str]) -> None:
    for place, name in enumerate(said):
        if name not in names:
            known = ", ".join([*names[:3], *(["..."] if names[3:] else [])]) or "the watches: there are none"
            raise InvalidInputError(f"{field}[{place}]", f"{shown(name)} is not one of {known}")


def _maintenance(said: Mapping[str, Any], field: str) -> Maintenance:
    where = said.get("where", {})
    start, end = (_moment(said[key], f"{field}.{key}") if key in said else None for key in ("from", "until"))
    if start and end and end <= start:
        raise InvalidInputError(f"{field}.until", f"{shown(said['until'])} is not after from, {shown(said['from'])}")
    return Maintenance(
        reason=said["reason"],
        start=start,
        end=end,
        days=frozenset(map(_DAYS.index, said.get("days", ()))),
        at=time.fromisoformat(said.get("at", "00:00")),
        length=timedelta(minutes=said.get("minutes", 0)),
        watches=frozenset(where.get("watches", ())),
        entities=frozenset(where.get("entities", ())),
        vpc_ids=frozenset(where.get("vpc_ids", ())),
        instance_tags=read_tags(where.get("instance_tags", {})),
    )


def _moment(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise InvalidInputError(field, f"{shown(text)} is not a moment of the calendar") from error
