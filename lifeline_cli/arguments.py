"""The commands, and the call that each of them makes."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.wording import nearest
from lifeline_cli.check import DETECT, RECONCILE

_PROGRAM = "lifeline_cli"
Given = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Call:
    """What to send to which function. `is_signed`: the call decides something, so it says who makes it."""

    event: dict[str, Any]
    function: str = RECONCILE
    is_signed: bool = True

    def at(self, account: str | None) -> "Call":
        """The call for this account, if there is one."""
        return replace(self, event=self.event | ({} if account is None else {"account": account}))

    def by(self, who: str) -> "Call":
        """The call with who makes it."""
        return replace(self, event=self.event | {"by": who})


def read(arguments: Sequence[str]) -> Given:
    """What was given: `calls` makes the command's calls out of it. Exits with 2 for wrong arguments.

    Argparse doesn't name the nearest of what a person may have meant, so commands and options are looked up here.
    """
    top, commands = _parsers()
    first = next(iter(arguments), "--help")
    if first not in {*commands, "-h", "--help"}:
        near = nearest(first, commands)
        hint = f"did you mean {near}?" if near else f"see {_PROGRAM} --help"
        top.error("the command comes before its options" if first[:1] == "-" else f"no command is {first!r}; {hint}")
    given, unknown = top.parse_known_args(arguments)
    if unknown:
        wrong = unknown[0].partition("=")[0]
        near = nearest(wrong, re.findall("--[a-z]+", given.parser.format_usage())) if wrong.startswith("-") else ""
        given.parser.error(f"takes no {unknown[0]!r}{near and f'; did you mean {near}?'}")
    return given


def _parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """The parser, and that of each command."""
    common = _common()
    top = argparse.ArgumentParser(prog=_PROGRAM, description="Call the functions of a Lifeline stack.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, words: str, calls: Callable[[Given], tuple[Call, ...]]) -> argparse.ArgumentParser:
        described = f"{words[0].upper()}{words[1:]}."
        command = commands.add_parser(name, help=words, description=described, parents=[common])
        command.set_defaults(calls=calls, parser=command)
        return command

    _vpcs(add("plan", "show what Lifeline would do in these VPCs, or in all", _plan), count="*")
    add("sweep", "reconcile all VPCs now", lambda given: _run(given, {"sweep": True}))
    _vpcs(add("reconcile", "reconcile these VPCs now", lambda given: _run(given, {"vpc_ids": given.vpcs})))
    approve = add("approve", "approve a plan, or the backlog: all of it, or that of some VPCs or services", _approve)
    approve.add_argument("what", metavar="PLAN", help=f"the plan's ID from a notice (plan-…), or {BACKLOG}")
    approve.add_argument("--vpc", dest="vpcs", nargs="+", metavar="VPC", help="only the backlog of these VPCs")
    _services(approve)
    for name, words in (
        ("freeze", "create and repair nothing in these VPCs, and keep what is there"),
        ("unfreeze", "end the freezes of these VPCs, and reconcile them"),
    ):
        freeze = add(name, words, _freeze)
        _vpcs(freeze)
        _services(freeze)
    exempt = add("exempt", "require nothing in these VPCs for some days: Lifeline then deletes its endpoints", _exempt)
    _vpcs(exempt)
    _services(exempt)
    exempt.add_argument("--reason", help="why, in one line")
    length = exempt.add_mutually_exclusive_group()
    length.add_argument("--days", type=int, help="how long (default: 7)")
    length.add_argument("--end", action="store_const", const=0, dest="days", help="end the VPCs' exemptions")
    release = add("release", "delete Lifeline's endpoints and security groups, even if they are needed", _release)
    chosen = release.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--vpc", dest="vpcs", nargs="+", metavar="VPC", help="in these VPCs")
    chosen.add_argument("--all", action="store_true", help="in all VPCs")
    release.add_argument("--plan", action="store_true", help="only show what a release would delete")
    forget = add("forget", "expect nothing of these agents until they report again", _forget)
    forget.add_argument("agents", nargs="+", metavar="AGENT", help="its name in notices, such as an instance's ID")
    forget.add_argument("--watch", help="only in this watch")
    history = add("history", "show the audit log of a VPC, a day or an incident", _history)
    about = history.add_mutually_exclusive_group(required=True)
    about.add_argument("--vpc", dest="vpc_id", metavar="VPC", help="by default, the last 7 days")
    about.add_argument("--day", help="a day in UTC, such as 2026-11-20")
    about.add_argument("--incident", metavar="ID", help="from the change that started it until it was closed")
    history.add_argument("--since", help="with --vpc: a time with its zone, such as 2026-11-20T00:00:00Z")
    history.add_argument("--until", help="with --vpc: a time with its zone")
    incidents = add("incidents", "list the incidents that were opened or closed lately, open ones first", _incidents)
    incidents.add_argument("--days", type=_days, default=7, help="how many days back, with today (default: 7)")
    incidents.add_argument("--open", action="store_true", help="only those that were opened in this time and are open")
    incidents.add_argument("--vpc", dest="vpc_id", metavar="VPC", help="only those of this VPC")
    add("doctor", "examine what Lifeline depends on: exits with 0, 1 if something is bad, 2 if unknown", _doctor)
    suggest = add("suggest", "show what private subnets need, by evidence: see docs/suggest.md", _suggest)
    _vpcs(suggest, count="*")
    suggest.add_argument("--days", type=int, help="how long ago a role's last call may have been (default: 90)")
    return top, commands.choices


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default="lifeline", help="the stack's name (default: lifeline)")
    common.add_argument("--region", help="the stack's Region (default: from your environment or profile)")
    common.add_argument("--profile", help="a profile from your AWS configuration")
    common.add_argument("--account", help="of a hub: the account that the call is about (default: the hub's own)")
    common.add_argument("--by", help="who calls, for notices and the audit log (default: your AWS identity)")
    common.add_argument("--output", choices=("text", "json"), default="text", help="for people or for programs")
    return common


def _vpcs(command: argparse.ArgumentParser, *, count: str = "+") -> None:
    command.add_argument("vpcs", nargs=count, metavar="VPC", help="a VPC's ID")


def _services(command: argparse.ArgumentParser) -> None:
    command.add_argument("--services", nargs="+", metavar="SERVICE", help="only these, such as monitoring or ecr.api")


def _days(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 90:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 90, not {text!r}")


# ---- the calls


def _set(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def _run(given: Given, event: dict[str, Any], *, is_signed: bool = True) -> tuple[Call, ...]:
    """A call that is answered by text for people."""
    return (Call(event | ({"format": "text"} if given.output == "text" else {}), is_signed=is_signed),)


def _plan(given: Given) -> tuple[Call, ...]:
    where = {"vpc_ids": given.vpcs} if given.vpcs else {"sweep": True}
    return _run(given, {**where, "mode": "plan"}, is_signed=False)


def _approve(given: Given) -> tuple[Call, ...]:
    return _run(given, {"approve": given.what} | _set(vpc_ids=given.vpcs, services=given.services))


def _freeze(given: Given) -> tuple[Call, ...]:
    return _run(given, {"vpc_ids": given.vpcs, given.command: given.services or True})


def _exempt(given: Given) -> tuple[Call, ...]:
    return (Call({"exempt": given.vpcs} | _set(services=given.services, days=given.days, reason=given.reason)),)


def _release(given: Given) -> tuple[Call, ...]:
    return _run(given, {"release": True} | _set(vpc_ids=given.vpcs, mode="plan" if given.plan else None))


def _forget(given: Given) -> tuple[Call, ...]:
    return (Call({"forget": given.agents} | _set(watch=given.watch), function=DETECT),)


def _suggest(given: Given) -> tuple[Call, ...]:
    return _run(given, {"suggest": _set(vpc_ids=given.vpcs or None, days=given.days)}, is_signed=False)


def _doctor(given: Given) -> tuple[Call, ...]:
    return _run(given, {"doctor": True}, is_signed=False)


def _history(given: Given) -> tuple[Call, ...]:
    names = ("vpc_id", "day", "incident", "since", "until")
    return (Call({"history": _set(**{name: getattr(given, name) for name in names})}, is_signed=False),)


def _incidents(given: Given) -> tuple[Call, ...]:
    """The audit log of the VPC, or of each day: no call asks for incidents alone."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(given.days))]
    if given.vpc_id:
        span = {"since": f"{days[0].isoformat()}T00:00:00Z", "until": f"{today.isoformat()}T23:59:59Z"}
        return (Call({"history": {"vpc_id": given.vpc_id, **span}}, is_signed=False),)
    return tuple(Call({"history": {"day": day.isoformat()}}, is_signed=False) for day in days)
