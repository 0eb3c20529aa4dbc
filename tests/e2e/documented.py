"""Commands as the docs have them, run against the emulated account: by the real SAM CLI, and in the AWS CLI's place by
the same models.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name

from tests.docs.commands import options_of
from tests.docs.pages import blocks
from tests.e2e.emulators.account import ROOT, RUNS, Account

ALONE = ("--no-confirm-changeset", "--no-progressbar")  # what a deployment needs where no person is


def command(page: str, begins: str) -> str:
    """The page's one command that begins so."""
    scripts = "\n".join(blocks(ROOT / page, "sh"))
    lines = re.sub(r" (?:&&|\|) ", "\n", scripts).splitlines()
    (found,) = {line.strip() for line in lines if line.strip().startswith(begins)}
    return found


def sam(account: Account, text: str, *more: str) -> str:
    """What a command of SAM's prints; `more` is what a machine without a person or a profile needs besides."""
    program, *arguments = shlex.split(text)
    assert program == "sam"
    if arguments[0] == "deploy":
        more = ("--template-file", str(account.template), "--config-file", str(ROOT / "samconfig.toml"), *more)
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


def aws(account: Account, text: str, *, files: Path) -> dict[str, Any]:
    """What a command of the AWS CLI answers, or what its `--query` finds there. `file://` is below `files`, or else in
    the repository.
    """
    program, service, operation, *arguments = shlex.split(text)
    assert program == "aws"
    client = account.client(service)
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    members |= {f"--no-{one[2:]}": name for one, name in members.items() if shape.members[name].type_name == "boolean"}
    options = options_of(arguments)
    query = options.pop("--query", ["@"])[0]
    request = {
        members[one]: not one.startswith("--no-") and _value(shape.members[members[one]], words, files)
        for one, words in options.items()
    }
    return dict(jmespath.search(query, getattr(client, method)(**request)))


def _value(shape: Any, words: Sequence[str], files: Path) -> Any:
    if words and (shape.type_name in {"structure", "map"} or words[0].startswith("[")):
        return json.loads(words[0])
    if shape.type_name == "list":
        return [dict(_pairs(word)) if shape.member.type_name == "structure" else word for word in words]
    if shape.type_name == "boolean":
        return True
    (word,) = words
    if word.startswith("file://"):
        name = word.removeprefix("file://")
        return next(path for path in (files / name, ROOT / name) if path.exists()).read_text("utf-8")
    return int(word) if shape.type_name in {"integer", "long"} else word


def _pairs(word: str) -> Iterator[tuple[str, str]]:
    """The AWS CLI's short form of a structure: `Key=team,Value=platform`."""
    for part in word.split(","):
        name, _, value = part.partition("=")
        yield name, value
