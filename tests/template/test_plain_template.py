"""The plain template is template.yaml without its Transform, and with the artifact's place as parameters.

The limits are those of CloudFormation's API (CreateStack: TemplateBody, TemplateURL).
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]
from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from tools.plain_template import plain_template, translated
from tools.template import names_of, read_template

from tests.support.expanded import expanded

SOURCE = read_template()
PLACE = {"ArtifactBucket", "ArtifactKey", "BucketPerRegion"}
MOST_BYTES_IN_A_CALL = 51_200
MOST_BYTES_IN_S3 = 1_000_000
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")


def plain() -> dict[str, Any]:
    """A copy that may be changed."""
    return deepcopy(_plain())


@cache
def _plain() -> dict[str, Any]:
    return plain_template(SOURCE)


def short(value: Any) -> Any:
    """As YAML has it: `!GetAtt a.b`."""
    match value:
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": f"{name}.{attribute}"}
        case dict():
            return {name: short(part) for name, part in value.items()}
        case list():
            return [short(part) for part in value]
    return value


def parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Every name with its value, however deep."""
    match value:
        case dict():
            for name, part in value.items():
                yield name, part
                yield from parts(part)
        case list():
            for part in value:
                yield from parts(part)


def references(value: Any) -> set[str]:
    """The parameters and resources that intrinsic functions in it name."""
    found = set[str]()
    for function, argument in parts(value):
        match function, argument:
            case "Ref", str(name):
                found.add(name)
            case "Fn::GetAtt", [str(name), _]:
                found.add(name)
            case "Fn::GetAtt", str(path):
                found.add(path.partition(".")[0])
            case "Fn::Sub", str(text):
                found |= set(_VARIABLE.findall(text))
            case "Fn::Sub", [str(text), dict(own)]:
                found |= set(_VARIABLE.findall(text)) - own.keys()
    return found


def lost_references(template: dict[str, Any]) -> set[str]:
    """What it refers to and doesn't have; pseudo parameters (AWS::Region) are always there."""
    names = {one for one in references(template) if not one.startswith("AWS::")}
    used = {str(value[0]) for name, value in parts(template) if name == "Fn::If"}
    used |= {str(one["Condition"]) for one in template["Resources"].values() if "Condition" in one}
    there = template["Parameters"].keys() | template["Resources"].keys()
    return {*(names - there), *(used - template["Conditions"].keys())}


# ---- nothing of SAM


def test_it_has_no_transform_and_no_resource_of_sams() -> None:
    found = plain()
    assert "Transform" not in found
    assert "Globals" not in found
    assert [one for one in found["Resources"].values() if one["Type"].startswith("AWS::Serverless::")] == []
    assert all(name != "Fn::Transform" for name, _ in parts(found))


def test_it_is_valid() -> None:
    found = lint(json.dumps(plain()), config=ManualArgs(regions=["us-east-1"]))
    assert [str(one) for one in found if one.rule.severity == "error"] == []


def test_every_region_has_its_resource_types() -> None:
    """Of the three partitions for which the linter has what CloudFormation publishes of each Region."""
    types = {resource["Type"] for resource in plain()["Resources"].values()}
    regions = [region for region in REGIONS if not re.match(r"us-iso|eu-iso|eusc", region)]
    assert {"eu-south-2", "cn-north-1", "us-gov-west-1"} <= set(regions)
    lacking = {region: types - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)) for region in regions}
    assert {region: lost for region, lost in lacking.items() if lost} == {}
    assert "AWS::Amplify::App" not in PROVIDER_SCHEMA_MANAGER.get_resource_types("us-gov-west-1")


def test_every_reference_leads_somewhere() -> None:
    assert lost_references(plain()) == set()


@pytest.mark.parametrize(
    ("reference", "lost"),
    [
        ({"Ref": "Leger"}, "Leger"),
        ({"Fn::GetAtt": ["Leger", "Arn"]}, "Leger"),
        ({"Fn::Sub": "${Leger.Arn}/index"}, "Leger"),
        ({"Fn::Sub": ["${Id}-${Leger}", {"Id": "1"}]}, "Leger"),
        ({"Fn::If": ["HasLedger", "yes", "no"]}, "HasLedger"),
    ],
)
def test_a_reference_that_leads_nowhere_is_found_out(reference: dict[str, Any], lost: str) -> None:
    found = plain()
    found["Outputs"]["LedgerTable"]["Value"] = reference
    assert lost_references(found) == {lost}


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_it_is_the_same_whatever_region_sam_is_told(region: str) -> None:
    assert translated(SOURCE, region) == expanded()


def test_it_is_too_large_for_a_call_and_small_enough_for_s3() -> None:
    size = len(json.dumps(plain(), indent=2))
    assert MOST_BYTES_IN_A_CALL < len(json.dumps(plain(), separators=(",", ":"))) < size < MOST_BYTES_IN_S3


# ---- all of template.yaml


def test_parameters_and_conditions_are_the_templates_and_those_of_the_artifacts_place() -> None:
    found = plain()
    assert found["Parameters"].keys() - SOURCE["Parameters"].keys() == PLACE
    assert {name: found["Parameters"][name] for name in SOURCE["Parameters"]} == SOURCE["Parameters"]
    assert found["Conditions"].keys() - SOURCE["Conditions"].keys() == {"HasBucketPerRegion"}
    assert {name: short(found["Conditions"][name]) for name in SOURCE["Conditions"]} == SOURCE["Conditions"]


def test_outputs_are_the_templates() -> None:
    assert short(plain()["Outputs"]) == SOURCE["Outputs"]


def test_a_resource_that_isnt_a_function_is_as_the_template_has_it() -> None:
    found = plain()["Resources"]
    for name, resource in SOURCE["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            assert short(found[name]) == resource, name


def test_what_sam_makes_of_the_functions_is_all_that_comes_on_top() -> None:
    made = {name: one["Type"] for name, one in plain()["Resources"].items() if name not in SOURCE["Resources"]}
    assert made == {
        "ReconcileEndpointsChanges": "AWS::Lambda::EventSourceMapping",
        "ReconcileEndpointsRepairs": "AWS::Lambda::EventSourceMapping",
        "DetectMetricGapsEventInvokeConfig": "AWS::Lambda::EventInvokeConfig",
        "DetectMetricGapsParts": "AWS::Lambda::EventSourceMapping",
    }


@pytest.mark.parametrize("name", names_of(SOURCE, "AWS::Serverless::Function"))
def test_a_functions_properties_are_the_templates_as_they_stand_there(name: str) -> None:
    """Intrinsic functions, too: SAM must not put a parameter's default in the parameter's place."""
    properties = short(plain()["Resources"][name]["Properties"])
    globally, own = SOURCE["Globals"]["Function"], SOURCE["Resources"][name]["Properties"]
    for field in ("Description", "Handler", "Role", "Timeout"):
        assert properties[field] == own[field]
    assert properties["Runtime"] == globally["Runtime"]
    assert properties["Architectures"] == globally["Architectures"]
    assert properties["MemorySize"] == own.get("MemorySize", globally["MemorySize"])
    assert properties["LoggingConfig"] == globally["LoggingConfig"] | own["LoggingConfig"]
    variables = globally["Environment"]["Variables"] | own.get("Environment", {}).get("Variables", {})
    assert properties["Environment"]["Variables"] == variables


def test_every_parameter_of_the_template_is_still_used() -> None:
    """None was put in as its default."""
    assert references(plain()["Resources"]) & SOURCE["Parameters"].keys() == (
        references({name: SOURCE[name] for name in ("Globals", "Resources")}) & SOURCE["Parameters"].keys()
    )


# ---- the artifact's place


def test_every_functions_code_is_where_the_parameters_say() -> None:
    functions = [one for one in plain()["Resources"].values() if one["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == 3
    for function in functions:
        bucket = {
            "Fn::If": ["HasBucketPerRegion", {"Fn::Sub": "${ArtifactBucket}-${AWS::Region}"}, {"Ref": "ArtifactBucket"}]
        }
        assert function["Properties"]["Code"] == {"S3Bucket": bucket, "S3Key": {"Ref": "ArtifactKey"}}


def test_the_bucket_must_be_named_and_so_must_the_key_but_in_a_release() -> None:
    parameters = plain()["Parameters"]
    assert "Default" not in parameters["ArtifactBucket"]
    assert "Default" not in parameters["ArtifactKey"]
    assert parameters["BucketPerRegion"]["Default"] == "no"
    for name in PLACE:
        assert len(parameters[name]["Description"]) <= 4000


@pytest.mark.parametrize(
    ("name", "is_allowed"), [("lifeline-artifacts", True), ("s3://lifeline", False), ("Lifeline", False)]
)
def test_a_buckets_name_is_no_address(name: str, is_allowed: bool) -> None:
    pattern = plain()["Parameters"]["ArtifactBucket"]["AllowedPattern"]
    assert bool(re.search(pattern, name)) is is_allowed


# ---- metadata


def test_every_parameter_is_in_one_group_and_the_artifacts_place_comes_first() -> None:
    groups = plain()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert set(groups[0]["Parameters"]) == PLACE
    names = [name for group in groups for name in group["Parameters"]]
    assert sorted(names) == sorted(plain()["Parameters"])


def test_it_says_which_application_it_is_but_no_path_of_the_repository() -> None:
    source = SOURCE["Metadata"]["AWS::ServerlessRepo::Application"]
    found = plain()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert found == {name: value for name, value in source.items() if name not in {"LicenseUrl", "ReadmeUrl"}}
    assert found["SemanticVersion"] == source["SemanticVersion"]


def test_making_it_leaves_the_template_alone() -> None:
    assert read_template() == SOURCE
