"""Run a command: exits with 0, with 1 if anything failed or was refused, with 2 for wrong arguments, and with 130 if it
is interrupted.

`doctor` exits with 1 if it found a fault, and with 2 if it found none but couldn't examine everything, or anything.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lifeline.core.errors import InvalidInputError
from lifeline_cli.arguments import Call, read
from lifeline_cli.check import check_call
from lifeline_cli.incidents import incidents_in
from lifeline_cli.text import text_of

if TYPE_CHECKING:
    from lifeline_cli.deployed import Deployed

_FAILED, _UNKNOWN = 1, 2
_INTERRUPTED = 130  # as shells have it of Ctrl-C
_NO_BOTO3 = "boto3 isn't installed: install it, or run make cli ARGS=..., which has it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the command's calls and print the answer. Returns the exit status."""
    given = read(sys.argv[1:] if arguments is None else arguments)
    failed = _UNKNOWN if given.command == "doctor" else _FAILED
    calls = [call.at(given.account) for call in given.calls(given)]
    try:
        for call in calls:
            check_call(call.function, call.event, datetime.now(UTC))
            if call.is_signed and given.by is not None:
                check_call(call.function, call.by(given.by).event, datetime.now(UTC))
    except InvalidInputError as error:
        given.parser.error(str(error))
    try:
        from lifeline_cli.deployed import Deployed, FailedError  # noqa: PLC0415 - help and checks do without boto3
    except ModuleNotFoundError:
        sys.stderr.write(f"{_NO_BOTO3}\n")
        return failed
    try:
        stack = Deployed(given.stack, region=given.region, profile=given.profile)
        answer = _joined([_answer(stack, call, given.by) for call in calls])
        if given.command == "incidents":
            found = incidents_in(answer.pop("history")["entries"], only_open=given.open)
            answer = {"incidents": found, **answer}
    except FailedError as error:
        sys.stderr.write(f"{error}\n")
        return failed
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. If the function was already invoked, it goes on.\n")
        return _INTERRUPTED
    if given.output == "json":
        sys.stdout.write(f"{json.dumps(answer, indent=2)}\n")
    else:
        sys.stdout.write(text_of(answer, only_open=getattr(given, "open", False)))
    errors = answer.get("errors", ())
    if "text" not in answer:  # which has them
        sys.stderr.writelines(f"{error['field']}: {error['message']}\n" for error in errors)
    return failed if errors else int(answer.get("status", 0))


def _answer(stack: "Deployed", call: Call, by: str | None) -> dict[str, Any]:
    """The function's answer: all pages of it, if it is of the audit log."""
    if call.is_signed:
        call = call.by(stack.caller() if by is None else by)
    answer = stack.invoke(call.function, call.event)
    pages = [answer]
    while more := (pages[-1].get("history") or {}).get("more"):
        query = call.event["history"] | {"next": more["next"]}
        pages.append(stack.invoke(call.function, call.event | {"history": query}))
    return _joined(pages)


def _joined(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The pages of the audit log as one; any other answer is alone."""
    if len(answers) == 1:
        return answers[0]
    errors = [error for answer in answers for error in answer.get("errors", ())]
    entries = [entry for answer in answers for entry in answer["history"]["entries"]]
    return {"history": {"entries": entries, "more": None}} | ({"errors": errors} if errors else {})


if __name__ == "__main__":
    sys.exit(main())
