"""Makes the plain CloudFormation template: what SAM's own translator makes of template.yaml, and where the artifact is.

Service-managed StackSets take no template with a Transform, unless their execution role is a custom one (CloudFormation
guide: custom execution role template). The translator is in SAM's environment, so it runs there.
"""

import json
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tools.template import ROOT

REGION = "us-east-1"  # SAM wants one; nothing in the result depends on it, as a test holds
_PYTHON = ROOT / ".envs/sam/bin/python"
_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {"AWS::Region": sys.argv[1]})))
"""
_APPLICATION = "AWS::ServerlessRepo::Application"
_PATHS = {"LicenseUrl", "ReadmeUrl"}  # of the repository: they lead nowhere from the plain template
PLACE: Mapping[str, Any] = {  # the plain template's own parameters
    "ArtifactBucket": {
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "ConstraintDescription": "the name of an S3 bucket",
        "Description": (
            "The S3 bucket with the artifact, in the stack's region; or what the names of several begin with. See "
            "BucketPerRegion."
        ),
    },
    "ArtifactKey": {
        "Type": "String",
        "AllowedPattern": "^.+$",
        "ConstraintDescription": "the key of an object in S3",
        "Description": "The key of the artifact in the bucket. Another key updates the functions.",
    },
    "BucketPerRegion": {
        "Type": "String",
        "AllowedValues": ["yes", "no"],
        "Default": "no",
        "Description": (
            "Set to yes if there is a bucket in each region, and its name is ArtifactBucket, a hyphen and the region, "
            "such as lifeline-artifacts-eu-west-1."
        ),
    },
}
_GROUP = {"Label": {"default": "Where the artifact is"}, "Parameters": [*PLACE]}
_CODE = {
    "S3Bucket": {
        "Fn::If": ["HasBucketPerRegion", {"Fn::Sub": "${ArtifactBucket}-${AWS::Region}"}, {"Ref": "ArtifactBucket"}]
    },
    "S3Key": {"Ref": "ArtifactKey"},
}


def plain_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template without a Transform. It may be changed: a release gives ArtifactKey its default."""
    plain = translated(template)
    plain["Parameters"] |= deepcopy(PLACE)
    plain["Conditions"] |= {"HasBucketPerRegion": {"Fn::Equals": [{"Ref": "BucketPerRegion"}, "yes"]}}
    metadata = plain["Metadata"]
    metadata[_APPLICATION] = {name: value for name, value in metadata[_APPLICATION].items() if name not in _PATHS}
    metadata["AWS::CloudFormation::Interface"]["ParameterGroups"].insert(0, _GROUP)
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"] = deepcopy(_CODE)
    return plain


def translated(template: Mapping[str, Any], region: str = REGION) -> dict[str, Any]:
    """The template as SAM expands it. Where the functions' code is stays open: CodeUri is any address."""
    asked = _as_json(template)
    asked["Globals"]["Function"]["CodeUri"] = "s3://bucket/artifact.zip"
    done = subprocess.run(  # noqa: S603 - our own words
        [str(_PYTHON), "-c", _TRANSLATE, region],
        input=json.dumps(asked),
        env={"AWS_DEFAULT_REGION": region},
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
