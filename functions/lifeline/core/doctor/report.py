"""The doctor's report: sections of findings, as text for people, as JSON for machines, and as an exit status."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from lifeline.core.doctor.finding import CheckVerdict, Finding
from lifeline.core.wording import inert_json, listed, plain, wrap, write_time

_MARGIN = " " * 11  # as wide as a verdict with what is before and after it


class ExitStatus(IntEnum):
    """How a command ends that examines: the worst finding decides, and a fault is worse than what isn't known."""

    OK = 0
    BAD = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Section:
    """Part of a report: findings of one subject, and beside these whatever else it has to show, as text and as values
    of the same name in JSON. `name` is its name in JSON.
    """

    name: str
    title: str
    findings: tuple[Finding, ...] = ()
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What was examined where, as whom, and what was found. `left_out` says what wasn't examined, and why."""

    region: str
    account: str
    at: datetime
    sections: tuple[Section, ...]
    stack: str = ""
    examined_as: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all sections."""
        return tuple(finding for section in self.sections for finding in section.findings)

    @property
    def status(self) -> ExitStatus:
        """0 if all is well, 1 if something is bad, 2 if nothing is, but something isn't known."""
        found = {finding.verdict for finding in self.findings}
        if CheckVerdict.BAD in found:
            return ExitStatus.BAD
        return ExitStatus.UNKNOWN if CheckVerdict.UNKNOWN in found else ExitStatus.OK


def report_text(report: DoctorReport) -> str:
    """The report for people: section by section, and at the end in a line."""
    stack = f"stack {report.stack}" if report.stack else "no deployed stack"
    where = f"{stack} in {report.region}, account {report.account}, {write_time(report.at)}"
    lines = wrap(f"Lifeline's doctor: {where}.")
    if report.examined_as:
        lines += wrap(f"Examined as {report.examined_as}.")
    for section in report.sections:
        lines += ["", section.title]
        for finding in section.findings:
            lines += _lines(finding)
        if section.text:
            lines += section.text.rstrip("\n").split("\n")
    if report.left_out:
        lines.append("")
        for words in report.left_out:
            lines += wrap(f"Not examined: {words}", rest="  ")
    lines += ["", f"{_counted(report.findings)}."]
    return "".join(f"{line}\n" for line in lines)


def _lines(finding: Finding) -> list[str]:
    lines = wrap(f"{finding.check}: {finding.says}", first=f"  {finding.verdict:<9}", rest=_MARGIN)
    for name, words in (("remedy", finding.remedy), ("why", finding.why)):
        if words:
            lines += wrap(f"{name}: {words}", first=_MARGIN, rest=_MARGIN)
    return lines


def _counted(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.verdict for finding in findings)
    worst_first = (CheckVerdict.BAD, CheckVerdict.UNKNOWN, CheckVerdict.OK)
    return listed([f"{counts[verdict]} {verdict}" for verdict in worst_first])


def report_json(report: DoctorReport) -> dict[str, Any]:
    """The report for machines: docs/schemas/doctor.schema.json says its form."""
    found: dict[str, Any] = {
        "status": int(report.status),
        "region": report.region,
        "account": report.account,
        "stack": report.stack,
        "examined_as": plain(report.examined_as),
        "at": report.at.isoformat(timespec="seconds"),
        "sections": [
            {"name": section.name, "title": section.title, "findings": [*map(_finding_json, section.findings)]}
            | dict(section.values)
            for section in report.sections
        ],
        "left_out": list(report.left_out),
    }
    told: dict[str, Any] = inert_json(found)
    return told


def _finding_json(finding: Finding) -> dict[str, str]:
    told = {"check": finding.check, "verdict": str(finding.verdict), "says": finding.says}
    more = {"remedy": finding.remedy, "why": finding.why}
    return told | {name: words for name, words in more.items() if words}
