"""Suggestions as JSON and as text: each service with its witnesses, the rule to paste, and what isn't seen."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from lifeline.core.suggest.evidence import Source, Witness
from lifeline.core.suggest.suggestion import Advice, Line, Suggestion
from lifeline.core.suggest.summary import Remark, Summary
from lifeline.core.wording import few, quoted, shorten, wrap, write_count

_MOST_SHOWN = 2
_MOST_WITNESSES = 20
_FEWER_WITNESSES = (5, 2, 0)
_LARGEST = 5_000_000  # a function's answer may have 6 MB (Lambda quotas: invocation payload)
_MOST_REMARKS = 60
_LONGEST_REMARK = 300
_UNDER = "    "
LOG_DAYS = 7
RULES_REPLACE = (
    "A policy's rules replace RequiredServices in every VPC. If your policy has no rules yet, also add one for what "
    "your other VPCs need: otherwise nothing is required there, and Lifeline deletes its endpoints there after "
    "retire_after_hours"
)
# Route 53 guide: Resolver query logging. CloudWatch pricing: logs that are delivered, and Logs Insights.
SWITCH_ON = (
    "Resolver query logs would say which names are asked for, by VPC and instance, even where they can't be reached. "
    "To switch them on: Route 53 Resolver, Query logging, with a log group of CloudWatch Logs and these VPCs. Route 53 "
    "charges nothing for that. CloudWatch charges 0.50 USD a GB in us-east-1, which is about 2 USD a month for 100,000 "
    "queries a day, and 0.005 USD for each GB that a suggestion searches"
)


@dataclass(frozen=True, slots=True)
class SuggestAnswer:
    """The answer to a call: a suggestion for each VPC, what could not be read, and which VPCs' queries aren't logged.

    `days` is the window of the access advisor. `notes` hold for all VPCs.
    """

    suggestions: tuple[Suggestion, ...]
    unread: Mapping[Source, str]
    unlogged: tuple[str, ...]
    days: int
    notes: tuple[str, ...] = ()


def suggest_json(answer: SuggestAnswer) -> dict[str, Any]:
    """The answer as the function returns it: with fewer witnesses of each service where it would be too large."""
    found = _answer_json(answer, _MOST_WITNESSES)
    for most in _FEWER_WITNESSES:
        if len(json.dumps(found)) <= _LARGEST:
            break
        found = _answer_json(answer, most)
        why = f"only {most} witnesses of each service are named" if most else "no witnesses are named"
        found["notes"].append(f"{why}, because the answer would be too large: ask for some VPCs by vpc_ids")
    return found


def _answer_json(answer: SuggestAnswer, witnesses: int) -> dict[str, Any]:
    return {
        "suggest": [_suggestion_json(one, witnesses) for one in answer.suggestions],
        "sources": [
            {
                "source": str(source),
                "unread": answer.unread.get(source, ""),
                "cannot_see": source.blind_spot,
            }
            for source in Source
        ],
        "days": answer.days,
        "query_logs_off": list(answer.unlogged),
        "notes": list(answer.notes),
    }


def _suggestion_json(one: Suggestion, witnesses: int) -> dict[str, Any]:
    return {
        "vpc_id": one.vpc_id,
        "name": one.name,
        "private_subnets": one.private_subnets,
        "residents": one.residents,
        "services": [_line_json(line, witnesses) for line in one.lines],
        "rule": one.rule if one.require else None,
        "rule_warning": RULES_REPLACE if one.require else "",
        "adds_monthly_usd": float(one.adds_usd),
        "idle_monthly_usd": float(one.idle_usd),
        "notes": list(one.notes),
    }


def _line_json(line: Line, witnesses: int) -> dict[str, Any]:
    return {
        "service": line.service,
        "verdict": str(line.verdict),
        "certainty": str(line.certainty or ""),
        "required": line.is_required,
        "state": line.state,
        "by": list(line.by),
        "monthly_cost_usd": float(line.monthly_cost_usd),
        "detail": line.detail,
        "witnesses": [
            {
                "source": str(one.source),
                "certainty": str(one.certainty),
                "text": one.words,
                "subnet_ids": sorted(one.subnet_ids),
            }
            for one in line.witnesses[:witnesses]
        ],
        "witness_count": len(line.witnesses),
    }


def suggest_text(answer: SuggestAnswer) -> str:
    """The answer for people, in ASCII and 80 columns; the rule to paste isn't broken."""
    lines: list[str] = []
    for one in answer.suggestions:
        lines += [*_block(one), ""]
    if not answer.suggestions:
        lines += ["No VPC with private subnets.", ""]
    lines += [*_cannot_see(answer), ""]
    lines += [line for note in answer.notes for line in [*wrap(f"Note: {note}", rest=_UNDER), ""]]
    lines += wrap(_total(answer.suggestions))
    return "\n".join(lines) + "\n"


def _block(one: Suggestion) -> Iterator[str]:
    name = f" ({quoted(one.name)})" if one.name else ""
    where = write_count(one.private_subnets, "private subnet")
    who = write_count(one.residents, "instance, function or task") if one.residents == 1 else _many(one.residents)
    yield from wrap(f"{one.vpc_id}{name}: {where}, {who}", rest=_UNDER)
    for line in one.lines:
        yield from _line(line)
    if not one.lines:
        yield " no evidence of any need, and nothing is required"
    for note in one.notes:
        yield from wrap(f"note: {note}", first=" ", rest=_UNDER)
    if one.require:
        adds = f"adds {_usd(one.adds_usd)} a month" if one.adds_usd else "adds no monthly cost"
        yield from wrap(f"rule of a policy document, which {adds}, without data:", first=" ", rest=_UNDER)
        yield f"{_UNDER}{json.dumps(one.rule)}"
        yield from wrap(f"{RULES_REPLACE}.", first=_UNDER, rest=_UNDER)


def _many(residents: int) -> str:
    return f"{residents:,} instances, functions and tasks" if residents else "nobody known to live there"


def _line(line: Line) -> Iterator[str]:
    words = [str(line.certainty)] if line.certainty and line.verdict is not Advice.UNKNOWN else []
    words.append("required" if line.is_required else "")
    state = f"{line.state} by {', '.join(line.by)}" if line.by and line.state else line.state
    words.append(state or (f"has {', '.join(line.by)}" if line.by else ""))
    if line.monthly_cost_usd and line.verdict is not Advice.NO_ENDPOINT:
        words.append(f"{'costs' if line.by else 'would cost'} {_usd(line.monthly_cost_usd)} a month")
    about = "; ".join(filter(None, [", ".join(filter(None, words)), line.detail]))
    yield from wrap(f"{line.verdict}: {line.service}{about and f' - {about}'}", first=" ", rest=_UNDER)
    for witness in _different(line.witnesses)[:_MOST_SHOWN]:
        yield from wrap(witness.words, first="   ", rest=_UNDER)
    more = len(line.witnesses) - min(_MOST_SHOWN, len(_different(line.witnesses)))
    if more > 0:
        yield f"   and {write_count(more, 'more witness') if more == 1 else f'{more:,} more witnesses'}"


def _different(witnesses: Sequence[Witness]) -> list[Witness]:
    """The witnesses with the surest of each source first."""
    first = {witness.source: witness for witness in reversed(witnesses)}
    return [
        *(one for one in witnesses if first[one.source] is one),
        *(w for w in witnesses if first[w.source] is not w),
    ]


def _cannot_see(answer: SuggestAnswer) -> Iterator[str]:
    yield f"What was asked, {answer.days} days back ({LOG_DAYS} in query logs), and what each source can't see:"
    for source in Source:
        why = answer.unread.get(source)
        said = f"can't be read: {why}" if why else source.blind_spot
        yield from wrap(f"{source}: {said}", first=" ", rest=_UNDER)
    if answer.unlogged and Source.QUERY_LOGS not in answer.unread:
        yield from wrap(f"{SWITCH_ON}. Not logged: {few(sorted(answer.unlogged), 5)}.", first=" ", rest=_UNDER)


def _total(suggestions: Iterable[Suggestion]) -> str:
    suggestions = tuple(suggestions)
    count = {verdict: sum(line.verdict is verdict for one in suggestions for line in one.lines) for verdict in Advice}
    adds = sum((one.adds_usd for one in suggestions), Decimal(0))
    idle = sum((one.idle_usd for one in suggestions), Decimal(0))
    return (
        f"Suggested: {count[Advice.ADD]} to add ({_usd(adds)} a month), {count[Advice.KEEP]} to keep, "
        f"{count[Advice.NOT_USED]} not used ({_usd(idle)} a month), {count[Advice.UNKNOWN]} unknown, "
        f"{count[Advice.NO_ENDPOINT]} without an endpoint service, in {write_count(len(suggestions), 'VPC')}. "
        "Nothing was changed."
    )


def _usd(amount: Decimal) -> str:
    return f"{amount:,.2f} USD"


# ---- what is kept for the page


def summaries(answer: SuggestAnswer, at: datetime) -> dict[str, Summary]:
    """What is kept of each VPC in the answer, by its ID."""
    return {one.vpc_id: _summary(one, answer, at) for one in answer.suggestions}


def _summary(one: Suggestion, answer: SuggestAnswer, at: datetime) -> Summary:
    remarks = [Remark(str(line.verdict), line.service, _remark_words(line)) for line in one.lines[:_MOST_REMARKS]]
    left = len(one.lines) - _MOST_REMARKS
    notes = [f"{source} can't be read: {why}" for source, why in answer.unread.items()]
    notes += [f"and {write_count(left, 'more service')}"] if left > 0 else []
    notes += [*one.notes, f"What was read goes {answer.days} days back, query logs {LOG_DAYS}"]
    notes += [SWITCH_ON] if one.vpc_id in answer.unlogged else []
    totals = f"The rule adds {one.adds_usd:,.2f} USD a month; what isn't used costs {one.idle_usd:,.2f} USD"
    rule, warning = (json.dumps(one.rule), f"{RULES_REPLACE}.") if one.require else ("", "")
    shown = tuple(shorten(note, 2 * _LONGEST_REMARK) for note in notes)
    return Summary(at, tuple(remarks), totals, shown, rule, warning)


def _remark_words(line: Line) -> str:
    certainty = str(line.certainty or "")
    witness = line.witnesses[0].words if line.witnesses else ""
    price = f"{line.monthly_cost_usd:,.2f} USD a month" if line.monthly_cost_usd else ""
    return shorten("; ".join(filter(None, [certainty, witness, line.detail, price])), _LONGEST_REMARK)
