"""`make emulators`: from the README's commands to a first approved endpoint, in a shell as a reader has it."""

import os
import subprocess
import sys

import pytest

from tests.e2e.documented import command
from tests.e2e.emulators.account import ROOT

pytestmark = pytest.mark.chain_more

README, RUNBOOK = "README.md", "docs/operate.md"
SCRIPT = "\n".join(
    [
        command(README, "make doctor"),
        command(README, "make plan"),
        f"{command(README, 'sam build')} && yes | {command(RUNBOOK, 'sam deploy --parameter-overrides Mode=enforce')}",
        command(RUNBOOK, "python -m lifeline_cli sweep"),
        "python -m lifeline_cli approve backlog",
        "env | grep ^AWS_",
    ]
)


def test_the_commands_of_the_readme_lead_to_an_approved_endpoint() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.shell"],
        input=SCRIPT,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "functions:."},  # as the target has it
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert "vpc-" in done.stderr, shown  # the one that the greeting names
    assert "no deployed stack" in done.stdout, shown
    assert "trail: EC2's write events in us-east-1 are logged" in done.stdout, shown
    assert "Successfully created/updated stack - lifeline" in shown
    assert "in the backlog" in done.stdout, shown
    assert "Done: 2 created, 0 changed, 0 deleted, 0 blocked in 1 VPC." in done.stdout, shown
    addresses = [line for line in done.stdout.splitlines() if line.startswith("AWS_ENDPOINT_URL")]
    assert [line for line in addresses if "=http://127.0.0.1:" not in line] == []
    assert len(addresses) > 1
