"""The template as CloudFormation gets it: expanded by SAM's own translator, which the SAM CLI brings along."""

import json
import subprocess
from copy import deepcopy
from functools import cache
from typing import Any

from tools.template import read_template

from tests.support.repository import ROOT

_PYTHON = ROOT / ".envs/sam/bin/python"
_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {"AWS::Region": "us-east-1"})))
"""


def expanded() -> dict[str, Any]:
    """A copy that may be changed."""
    return deepcopy(_expand())


@cache
def _expand() -> dict[str, Any]:
    template = _as_json(read_template())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/package.zip"
    done = subprocess.run(  # noqa: S603
        [str(_PYTHON), "-c", _TRANSLATE],
        input=json.dumps(template),
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _as_json(value: Any) -> Any:
    """YAML's short `!GetAtt a.b` as JSON has it, a list."""
    match value:
        case {"Fn::GetAtt": str(path)}:
            return {"Fn::GetAtt": path.split(".", 1)}
        case dict():
            return {name: _as_json(part) for name, part in value.items()}
        case list():
            return [_as_json(part) for part in value]
    return value
