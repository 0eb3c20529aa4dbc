"""Commands as the docs have them, run against the emulated account: by the real SAM CLI, and in the AWS CLI's place by
the same models.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jmespath
from botocore import xform_name

from tests.docs.commands import options_of
from tests.docs.pages import blocks
from tests.e2e.emulators.account import ROOT, RUNS, Account
from tests.e2e.emulators.organization import Spoke

ALONE = ("--no-confirm-changeset", "--no-progressbar")  # what a deployment needs where no person is


def command(page: str, begins: str) -> str:
    """The page's one command that begins so."""
    scripts = "\n".join(blocks(ROOT / page, "sh"))
    lines = re.sub(r" (?:&&|\|) ", "\n", scripts).splitlines()
    (found,) = {line.strip() for line in lines if line.strip().startswith(begins)}
    return found


def sam(account: Account, text: str, *more: str, config: Path = ROOT / "samconfig.toml") -> str:
    """What a command of SAM's prints; `more` is what a machine without a person or a profile needs besides."""
    program, *arguments = shlex.split(text)
    assert program == "sam"
    if arguments[0] == "deploy":
        more = ("--template-file", str(account.template), "--config-file", str(config), *more)
    done = subprocess.run(
        [str(ROOT / ".envs/sam/bin/sam"), *arguments, *more],
        env=account.environment(AWS_ENDPOINT_URL=account.endpoint_url),
        cwd=RUNS,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cli(account: Account, *arguments: str, status: int = 0) -> str:
    """What `python -m lifeline_cli` prints, and its complaints."""
    done = subprocess.run(
        [sys.executable, "-m", "lifeline_cli", *arguments],
        env=account.environment(AWS_ENDPOINT_URL=account.endpoint_url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def aws(account: Account | Spoke, text: str, *, files: Path) -> Any:
    """What a command of the AWS CLI answers, or what its `--query` finds there. `file://` is below `files`, or else in
    the repository.
    """
    asked = read_aws(account.client, text, files=files)
    return asked.found_in(getattr(account.client(asked.service), asked.operation)(**asked.request))


class Asked(NamedTuple):
    """A command of the AWS CLI: which operation with what, as boto3 has them, and its `--query`."""

    service: str
    operation: str
    request: dict[str, Any]
    query: str

    def found_in(self, answer: Any) -> Any:
        """What the command prints of the answer."""
        return jmespath.search(self.query, answer)


def read_aws(client_of: Callable[[str], Any], text: str, *, files: Path) -> Asked:
    """The command, by the model of its service."""
    program, service, operation, *arguments = shlex.split(text)
    assert program == "aws"
    service = {"s3api": "s3"}.get(service, service)  # AWS CLI: its `s3` isn't the API
    meta, method = client_of(service).meta, operation.replace("-", "_")
    shape = meta.service_model.operation_model(meta.method_to_api_mapping[method]).input_shape
    known = shape.members if shape else {}
    members = {f"--{xform_name(name, '-')}": name for name in known}
    members |= {f"--no-{one[2:]}": name for one, name in members.items() if known[name].type_name == "boolean"}
    options = options_of(arguments)
    query = options.pop("--query", ["@"])[0]
    options.pop("--output", None)
    request = {
        members[one]: not one.startswith("--no-") and _value(known[members[one]], words, files)
        for one, words in options.items()
    }
    return Asked(service, method, request, query)


def _value(shape: Any, words: Sequence[str], files: Path) -> Any:
    if words and (shape.type_name in {"structure", "map"} or words[0].startswith("[")):
        return json.loads(words[0])
    if shape.type_name == "list":
        return [_structure(shape.member, word) if shape.member.type_name == "structure" else word for word in words]
    if shape.type_name == "boolean":
        return True
    (word,) = words
    if word.startswith("file://"):
        name = word.removeprefix("file://")
        return next(path for path in (files / name, ROOT / name) if path.exists()).read_text("utf-8")
    return int(word) if shape.type_name in {"integer", "long"} else word


def _structure(shape: Any, word: str) -> dict[str, Any]:
    """The AWS CLI's short form of a structure: `Key=team,Value=platform`."""
    pairs = [part.partition("=")[::2] for part in word.split(",")]
    kinds = {name: shape.members[name].type_name for name, _ in pairs}
    return {
        name: [text] if kinds[name] == "list" else text == "true" if kinds[name] == "boolean" else text
        for name, text in pairs
    }
