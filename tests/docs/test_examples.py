"""The files in examples/ name what the plain template has, and are what Terraform, AWS and S3 take."""

import json
import re
import shlex
from typing import Any

import pytest
from hcl2.api import loads
from tools.plain_template import PLACE
from tools.release import ARTIFACT, TEMPLATE

from tests.docs.commands import TEMPLATE as SOURCE
from tests.docs.commands import commands, options_of
from tests.docs.pages import blocks, codes, rows
from tests.support.repository import ROOT

EXAMPLES = ROOT / "examples"
PARAMETERS = {**SOURCE["Parameters"], **PLACE}
GROUPS = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
SHOWN = ("ArtifactBucket", "ArtifactKey", "BucketPerRegion")


def read(text: str) -> Any:
    """What hcl2 reads, without the quotes that it may keep around texts and names, and without its own remarks."""
    return plain(loads(text))


def plain(part: Any) -> Any:
    if isinstance(part, dict):
        return {plain(name): plain(value) for name, value in part.items() if not name.startswith("__")}
    if isinstance(part, list):
        return [plain(one) for one in part]
    return json.loads(part) if isinstance(part, str) and part.startswith('"') else part


def terraform(name: str) -> dict[str, Any]:
    return dict(read((EXAMPLES / "terraform" / name).read_text("utf-8")))


def variables() -> dict[str, Any]:
    return {name: variable for one in terraform("variables.tf")["variable"] for name, variable in one.items()}


def stack() -> dict[str, Any]:
    (resource,) = terraform("main.tf")["resource"]
    return dict(resource["aws_cloudformation_stack"]["lifeline"])


def given() -> dict[str, str]:
    """The parameters that the stack is given, by name."""
    return dict(terraform("main.tf")["locals"][0]["parameters"])


def test_the_page_on_packages_has_the_plain_templates_own_parameters() -> None:
    table = rows(ROOT / "docs/packages.md", "Where the artifact is")
    assert [codes(cells[0])[0] for cells in table] == list(PLACE)
    assert [codes(cells[1]) for cells in table] == [[], [".zip"], [PLACE["BucketPerRegion"]["Default"]]]


# ---- Terraform


def test_terraform_names_parameters_that_the_plain_template_has() -> None:
    assert given().keys() <= PARAMETERS.keys()
    assert {name for name, one in PARAMETERS.items() if "Default" not in one} <= given().keys()


def test_terraform_has_a_variable_for_what_a_first_deployment_decides_and_what_companies_demand() -> None:
    assert set(GROUPS[0]["Parameters"]) <= given().keys()
    assert {"PermissionsBoundary", "RolePath", "KmsKeyArn", "NoticesTopicArn"} <= given().keys()
    assert stack()["parameters"] == "${merge(local.parameters, var.more_parameters)}"


@pytest.mark.parametrize("name", sorted(given().keys() - SHOWN))
def test_a_variables_default_is_the_templates(name: str) -> None:
    (variable,) = re.findall(r"var\.(\w+)", given()[name])
    default = variables()[variable]["default"]
    assert (",".join(default) if isinstance(default, list) else default) == PARAMETERS[name]["Default"]


def test_the_template_and_the_artifact_are_those_of_the_release() -> None:
    assert stack()["template_url"] == f"https://${{local.bucket}}/${{var.release}}{TEMPLATE}"
    assert given()["ArtifactKey"] == f"${{var.release}}{ARTIFACT}"
    assert stack()["capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert "template_body" not in stack()


def test_every_variable_is_described_and_used_and_no_other_is() -> None:
    used = set(re.findall(r"var\.(\w+)", (EXAMPLES / "terraform/main.tf").read_text("utf-8")))
    assert used == variables().keys()
    assert all(variable["description"] for variable in variables().values())


def test_the_page_calls_the_module_as_it_wants_to_be_called() -> None:
    (block,) = blocks(EXAMPLES / "README.md", "hcl")
    called = read(block)["module"][0]["lifeline"]
    assert (ROOT / called.pop("source") / "main.tf").exists()
    assert called.keys() <= variables().keys()
    assert {name for name, variable in variables().items() if "default" not in variable} <= called.keys()
    assert called["more_parameters"].keys() <= PARAMETERS.keys() - given().keys()


# ---- StackSets


def stack_set(operation: str) -> dict[str, list[str]]:
    """The options of the page's one command with that operation."""
    script = "\n".join(blocks(EXAMPLES / "README.md", "sh"))
    (found,) = [one for one in commands(script) if one.startswith(f"aws cloudformation {operation} ")]
    return options_of(shlex.split(found)[3:])


def named(operation: str) -> set[str]:
    return {re.findall(r"ParameterKey=(\w+)", one)[0] for one in stack_set(operation)["--parameters"]}


def test_the_stackset_is_service_managed_and_gets_its_template_from_s3() -> None:
    options = stack_set("create-stack-set")
    assert options["--permission-model"] == ["SERVICE_MANAGED"]
    assert options["--capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert options["--template-url"][0].endswith(TEMPLATE)
    assert "--template-body" not in options
    assert "BucketPerRegion" in named("create-stack-set")


def test_the_update_names_every_parameter_that_the_creation_named() -> None:
    assert named("update-stack-set") == named("create-stack-set")


@pytest.mark.parametrize("operation", ["create-stack-instances", "update-stack-set"])
def test_regions_go_side_by_side_and_failures_are_bounded(operation: str) -> None:
    preferences = json.loads(stack_set(operation)["--operation-preferences"][0])
    assert preferences["RegionConcurrencyType"] == "PARALLEL"
    assert 0 < preferences["FailureTolerancePercentage"] < 100
    assert 0 < preferences["MaxConcurrentPercentage"] <= 100


def test_there_is_a_bucket_in_each_region_that_the_stackset_deploys_to() -> None:
    script = "\n".join(blocks(EXAMPLES / "README.md", "sh"))
    filled = set(re.findall(r"aws s3 sync dist s3://(\S+)", script))
    parameters = " ".join(stack_set("create-stack-set")["--parameters"])
    (prefix,) = re.findall(r"ParameterKey=ArtifactBucket,ParameterValue=(\S+)", parameters)
    assert filled == {f"{prefix}-{region}" for region in stack_set("create-stack-instances")["--regions"]}


def test_the_bucket_lets_the_organization_read_releases_and_nothing_else() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    ((bucket, file),) = re.findall(r"put-bucket-policy --bucket (\S+) --policy file://(\S+)", page)
    (statement,) = json.loads((ROOT / file).read_text("utf-8"))["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "s3:GetObject")
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    assert statement["Resource"] == f"arn:aws:s3:::{bucket}/lifeline-*"
