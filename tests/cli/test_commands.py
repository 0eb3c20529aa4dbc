"""The command line: each command's call, its text, and its failures, with a stub in AWS's place."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound
from lifeline_cli.__main__ import main

from tests.support.repository import ROOT

VPC = "vpc-0123456789abcdef0"
PLAN = "plan-0123456789abcdef"
ME = "user/dana"
TEXT = {"format": "text"}
TODAY = datetime.now(UTC).date().isoformat()


class Stub:
    """A session and its clients. It answers each invocation with the next of `answers`."""

    def __init__(self) -> None:
        self.region_name = "us-east-1"
        self.arn = "arn:aws:iam::123456789012:user/dana"
        self.answers: list[Any] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.error: BaseException | None = None
        self.failed = False

    def client(self, *_: Any, **__: Any) -> "Stub":
        if self.error:
            raise self.error
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": self.arn}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        if StackName != "lifeline":
            said: Any = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": said}, "DescribeStacks")
        names = ("ReconcileEndpoints", "DetectMetricGaps")
        return {"Stacks": [{"Outputs": [{"OutputKey": f"{one}Function", "OutputValue": f"x-{one}"} for one in names]}]}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        self.sent.append((FunctionName, json.loads(Payload)))
        answer = self.answers.pop(0) if self.answers else {"text": "Nothing to do.\n"}
        found: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(answer).encode())}
        return found | ({"FunctionError": "Unhandled"} if self.failed else {})


@pytest.fixture
def aws() -> Iterator[Stub]:
    stub = Stub()
    with patch.object(boto3, "Session", return_value=stub):
        yield stub


def entry(**more: str) -> Mapping[str, str]:
    return {"at": "2026-11-20T09:07:00+00:00", "kind": "incident", "vpc_id": VPC, "text": "words", **more}


def page(*entries: Mapping[str, str], more: str = "") -> dict[str, Any]:
    return {"history": {"entries": list(entries), "more": {"next": more} if more else None}}


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        (f"plan {VPC}", {"vpc_ids": [VPC], "mode": "plan", **TEXT}),
        ("plan", {"sweep": True, "mode": "plan", **TEXT}),
        ("plan --output json", {"sweep": True, "mode": "plan"}),
        ("sweep", {"sweep": True, "by": ME, **TEXT}),
        ("doctor", {"doctor": True, **TEXT}),
        ("doctor --account 222222222222 --output json", {"doctor": True, "account": "222222222222"}),
        (
            f"freeze {VPC} --account 222222222222",
            {"vpc_ids": [VPC], "freeze": True, "account": "222222222222", "by": ME, **TEXT},
        ),
        (
            "history --incident inc-1 --account 222222222222",
            {"history": {"incident": "inc-1"}, "account": "222222222222"},
        ),
        (f"reconcile {VPC}", {"vpc_ids": [VPC], "by": ME, **TEXT}),
        (f"approve {PLAN}", {"approve": PLAN, "by": ME, **TEXT}),
        ("approve backlog", {"approve": "backlog", "by": ME, **TEXT}),
        (
            f"approve backlog --vpc {VPC} --services logs",
            {"approve": "backlog", "vpc_ids": [VPC], "services": ["logs"], "by": ME, **TEXT},
        ),
        (f"freeze {VPC}", {"vpc_ids": [VPC], "freeze": True, "by": ME, **TEXT}),
        (f"freeze {VPC} --services logs", {"vpc_ids": [VPC], "freeze": ["logs"], "by": ME, **TEXT}),
        (f"unfreeze {VPC} --by NET-42", {"vpc_ids": [VPC], "unfreeze": True, "by": "NET-42", **TEXT}),
        (f"exempt {VPC} --days 3 --reason why", {"exempt": [VPC], "days": 3, "reason": "why", "by": ME}),
        (f"exempt {VPC} --end", {"exempt": [VPC], "days": 0, "by": ME}),
        (f"release --vpc {VPC} --plan", {"release": True, "vpc_ids": [VPC], "mode": "plan", "by": ME, **TEXT}),
        ("release --all", {"release": True, "by": ME, **TEXT}),
        ("forget i-1 --watch a", {"forget": ["i-1"], "watch": "a", "by": ME}),
        (
            f"history --vpc {VPC} --since 2026-11-20T00:00:00Z",
            {"history": {"vpc_id": VPC, "since": "2026-11-20T00:00:00Z"}},
        ),
        ("history --incident inc-1", {"history": {"incident": "inc-1"}}),
        ("suggest", {"suggest": {}, "format": "text"}),
        (f"suggest {VPC} --days 30", {"suggest": {"vpc_ids": [VPC], "days": 30}, "format": "text"}),
        ("incidents --days 1", {"history": {"day": TODAY}}),
        ("incidents --open --days 1", {"history": {"day": TODAY}}),
        (
            f"incidents --vpc {VPC} --days 1",
            {"history": {"vpc_id": VPC, "since": f"{TODAY}T00:00:00Z", "until": f"{TODAY}T23:59:59Z"}},
        ),
    ],
)
def test_each_command_makes_one_call(aws: Stub, arguments: str, event: Mapping[str, Any]) -> None:
    aws.answers = [{**page(), "exempt": [], "forgotten": []} | ({"text": ""} if "format" in event else {})]
    assert main(arguments.split()) == 0
    function = "x-DetectMetricGaps" if "forget" in event else "x-ReconcileEndpoints"
    assert aws.sent == [(function, event)]


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_doctors_status_is_the_exit_status(aws: Stub, capsys: pytest.CaptureFixture[str], status: int) -> None:
    aws.answers = [{"status": status, "text": "0 bad.\n"}, {"status": status, "doctor": {"status": status}}]
    assert main(["doctor"]) == status
    assert capsys.readouterr().out == "0 bad.\n"
    assert main(["doctor", "--output", "json"]) == status
    assert json.loads(capsys.readouterr().out)["doctor"] == {"status": status}


def test_answers_are_tables(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    aws.answers = [
        {"exempt": [{"vpc_id": VPC, "services": [], "until": "2026-11-27"}]},
        page(entry(incident="inc-1", event="opened"), entry(incident="inc-2", event="closed")),
    ]
    main(["exempt", VPC])
    assert capsys.readouterr().out.splitlines()[1] == f"{VPC}  all       2026-11-27"
    main(["incidents", "--days", "1"])
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert first.split() == ["inc-1", "2026-11-20T09:07:00+00:00", "open", VPC, "words"]
    assert second.split() == ["inc-2", "earlier", "2026-11-20T09:07:00+00:00", VPC, "words"]


HISTORY = (
    entry(incident="inc-old", event="closed", at="2026-11-20T08:00:00+00:00", text="closed early"),
    entry(kind="change", at="2026-11-20T08:30:00+00:00"),
    entry(incident="inc-first", event="opened", at="2026-11-20T09:00:00+00:00", cause="CUT_OFF"),
    entry(incident="inc-over", event="opened", at="2026-11-20T09:10:00+00:00"),
    entry(incident="inc-over", event="closed", at="2026-11-20T09:30:00+00:00", text="closed late", fix="a route"),
    entry(incident="inc-last", event="opened", at="2026-11-20T09:20:00+00:00"),
)


def test_open_incidents_come_first_and_the_latest_before_others(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    aws.answers = [page(*HISTORY), page(*HISTORY)]
    main(["incidents", "--days", "1"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["inc-last", "inc-first", "inc-over", "inc-old"]
    assert rows[2][1:3] == ["2026-11-20T09:10:00+00:00", "2026-11-20T09:30:00+00:00"]
    assert rows[2][-2:] == ["closed", "late"]
    main(["incidents", "--days", "1", "--open"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["inc-last", "inc-first"]


def test_programs_get_each_incident_once_with_its_times_and_its_fix(
    aws: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers = [page(*HISTORY)]
    main(["incidents", "--days", "1", "--output", "json"])
    found = {one["incident"]: one for one in json.loads(capsys.readouterr().out)["incidents"]}
    assert found.keys() == {"inc-old", "inc-first", "inc-over", "inc-last"}
    assert found["inc-over"] == {
        "incident": "inc-over",
        "opened": "2026-11-20T09:10:00+00:00",
        "closed": "2026-11-20T09:30:00+00:00",
        "vpc_id": VPC,
        "text": "closed late",
        "fix": "a route",
    }
    assert (found["inc-old"]["opened"], found["inc-first"]["closed"]) == (None, None)
    assert found["inc-first"]["cause"] == "CUT_OFF"


def test_where_none_is_open_that_is_said_of_the_time_that_was_looked_at(
    aws: Stub, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers = [page(HISTORY[0])]
    main(["incidents", "--days", "1", "--open"])
    assert capsys.readouterr().out == "No incident that was opened in this time is open.\n"


def test_all_pages_of_the_audit_log_are_read(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    aws.answers = [page(entry(text="one"), more="here"), page(entry(text="two"))]
    assert main(["history", "--day", "2026-11-20", "--output", "json", "--account", "222222222222"]) == 0
    assert [one["text"] for one in json.loads(capsys.readouterr().out)["history"]["entries"]] == ["one", "two"]
    assert aws.sent[1][1] == {"history": {"day": "2026-11-20", "next": "here"}, "account": "222222222222"}


@pytest.mark.parametrize(
    ("arn", "by"),
    [
        ("arn:aws-us-gov:sts::123456789012:assumed-role/admin/dana@example.com", "assumed-role/admin/dana@example.com"),
        (f"arn:aws:sts::123456789012:assumed-role/{'r' * 60}/dana", "dana"),
        ("arn:aws:iam::123456789012:root", "root"),
    ],
)
def test_the_caller_is_named_in_the_length_that_a_call_takes(aws: Stub, arn: str, by: str) -> None:
    aws.arn = arn
    main(["sweep"])
    assert aws.sent[0][1]["by"] == by


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "vpc-1"],
        ["approve", "x"],
        ["history"],
        ["sweep", "--by", "x" * 65],
        ["exempt", VPC, "--days", "91"],
        ["sweep", "--account", "22"],
    ],
)
def test_wrong_arguments_are_refused_before_credentials_are_needed(aws: Stub, arguments: list[str]) -> None:
    aws.error = NoCredentialsError()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, aws.sent) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("plna", "no command is 'plna'; did you mean plan?"),
        ("Freeze", "no command is 'Freeze'; did you mean freeze?"),
        ("xyzzy", "no command is 'xyzzy'; see lifeline_cli --help"),
        ("--region us-east-1 plan", "the command comes before its options"),
        ("plan --regoin us-east-1", "takes no '--regoin'; did you mean --region?"),
        (f"exempt {VPC} --reson=x", "takes no '--reson=x'; did you mean --reason?"),
        ("sweep now", "takes no 'now'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(
    capsys: pytest.CaptureFixture[str], arguments: str, words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {words}\n")


def test_without_boto3_wrong_arguments_are_still_refused_and_a_sentence_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "lifeline_cli.deployed", raising=False)
    with pytest.raises(SystemExit):
        main(["plan", "vpc-1"])
    assert "vpc_ids[0]: must be a VPC ID" in capsys.readouterr().err
    assert main(["plan"]) == 1
    assert capsys.readouterr().err == "boto3 isn't installed: install it, or run make cli ARGS=..., which has it.\n"


def test_make_passes_quoted_words_on_as_one_argument_and_runs_nothing_in_them(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nprintf '[%s]' \"$@\"\n", "utf-8")
    python.chmod(0o755)
    words = f"exempt {VPC} --reason 'moves to the $(hub)'"
    make = ["make", "-s", "-C", str(ROOT), "-o", ".envs/dev/.ready", "cli", f"DEV={tmp_path}"]
    done = subprocess.run([*make, "ARGS=" + words.replace("$", "$$")], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == f"[-m][lifeline_cli][exempt][{VPC}][--reason][moves to the $(hub)]"


def test_a_failure_is_one_sentence(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--stack", "other"]) == 1
    assert capsys.readouterr().err == "There is no stack other in us-east-1: see --stack and --region.\n"
    aws.failed, aws.answers = True, [{"errorMessage": "no ledger"}]
    assert main(["plan"]) == 1
    assert capsys.readouterr().err == "ReconcileEndpoints failed: no ledger\n"
    aws.error = NoCredentialsError()
    assert main(["plan"]) == 1
    assert capsys.readouterr().err.startswith("There are no AWS credentials: ")
    with patch.object(boto3, "Session", side_effect=ProfileNotFound(profile="none")):
        assert main(["plan", "--profile", "none"]) == 1
    assert capsys.readouterr().err == "The config profile (none) could not be found\n"


def test_whoever_interrupts_it_reads_that_the_function_goes_on(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    aws.error = KeyboardInterrupt()
    assert main(["release", "--vpc", VPC]) == 130
    assert capsys.readouterr().err == "Interrupted. If the function was already invoked, it goes on.\n"


def test_a_doctor_that_could_not_be_asked_says_that_nothing_is_known(
    aws: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--stack", "other"]) == 2
    aws.error = NoCredentialsError()
    assert main(["doctor"]) == 2
    assert "There are no AWS credentials: " in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "lifeline_cli.deployed", raising=False)
    assert main(["doctor"]) == 2


def test_what_the_function_refuses_is_told_once_and_fails(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    aws.answers = [{"forgotten": [], "errors": [{"field": "forget[0]", "message": "is on no roster"}]}]
    assert main(["forget", "i-1"]) == 1
    assert capsys.readouterr() == ("", "forget[0]: is on no roster\n")
