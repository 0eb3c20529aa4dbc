"""Every command on the pages can be run, as far as that can be checked without AWS."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.commands import SAM, commands, fault
from tests.docs.pages import PAGES, blocks, inline, named
from tests.support.repository import ROOT

COMMAND = re.compile(r"^(make|sam|aws) [a-z]")
NAMES = {f"sam {name}" for name in SAM}  # mentioned in text, not meant to be run
FOUND = [
    (page, command)
    for page in PAGES
    for script in [
        *blocks(page, "sh"),
        *blocks(page, "bash"),
        *filter(COMMAND.match, sorted(set(inline(page)) - NAMES)),
    ]
    for command in commands(script)
]


@pytest.mark.parametrize(("page", "command"), FOUND, ids=lambda one: named(one) if isinstance(one, Path) else one[:60])
def test_every_command_of_the_pages_can_be_run(page: Path, command: str) -> None:
    assert fault(command) == "", command


def test_the_pages_name_commands_of_each_kind() -> None:
    texts = [command for _, command in FOUND]
    for kind in ("make ", "sam remote invoke", "sam local invoke", "sam deploy", "aws ec2 ", "aws ssm "):
        assert any(text.startswith(kind) for text in texts), kind


def test_each_of_sams_commands_in_the_list_is_used() -> None:
    texts = [command for _, command in FOUND]
    assert [name for name in SAM if not any(text.startswith(f"sam {name}") for text in texts)] == []


def test_commands_in_a_list_are_found_too() -> None:
    assert (ROOT / "docs/operate.md", "make doctor REGION=us-east-1 PROFILE=readonly") in FOUND


def test_no_block_of_commands_is_left_out_for_its_language() -> None:
    languages = {
        language for page in PAGES for language in re.findall(r"^ *```(\w*)$", page.read_text("utf-8"), re.MULTILINE)
    }
    assert languages <= {"", "sh", "json", "mermaid", "hcl", "toml"}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("make demonstration", "no target demonstration"),
        ("make plan VPCS=vpc-1", "no variable VPCS"),
        ("make plan VPC=", "no variable VPC="),
        ("jq -r .words", "no answer has .words"),
        ("jq .text", "jq: the pages use -r"),
        ("sam remote invoke Reconcile --stack-name lifeline --event '{}'", "no function"),
        ("sam remote invoke ReconcileEndpoints --stack-name lifeline --event '{\"swep\": true}'", "swep"),
        ('sam remote invoke ReconcileEndpoints --stack-name lifeline --event \'{"vpc_ids": ["vpc-1"]}\'', "VPC ID"),
        ('sam remote invoke ReconcileEndpoints --event \'{"history": {"day": "today"}}\'', "history.day"),
        ("sam remote invoke DetectMetricGaps --event '{\"forget\": []}'", "forget"),
        ("sam local invoke ReconcileEndpoints --event events/none.json", "no events/none.json"),
        ("sam local invoke DetectMetricGaps --event events/sweep.json", "sweep"),
        ("sam deploy --config-env production", "no --config-env"),
        ("sam deploy --parameter-overrides Mod=plan", "no parameter Mod"),
        ("sam deploy --parameter-overrides Mode=dry", "may not be dry"),
        ("sam deploy --parameter-overrides Accounts=", "takes quotes"),
        ("sam deploy --parameter-overrides DebounceSeconds=9000", "may not be 9000"),
        ("sam deploy --force", "no --force"),
        ("sam sync", "not one of"),
        ("aws sqss list-queues", "no sqss"),
        ("aws sqs list-queue", "no list-queue"),
        ("aws sqs purge-queue --queue-name x", "no --queue-name"),
        ("aws sqs purge-queue", "needs QueueUrl"),
        ("aws cloudformation create-stack --stack-name a --template-body file://spoke.yaml", "spoke.yaml needs Hub"),
        ("aws cloudformation delete-stack-instances --stack-set-name a --regions b --no-retain", "no --no-retain"),
        ("aws ssm put-parameter --name /a --value b --type Strings", "may not be Strings"),
        ("aws s3 sync build s3://bucket", "s3 has no sync"),
        (
            "aws cloudformation update-stack --stack-name a --parameters ParameterKey=Mod,UsePreviousValue=true",
            "no parameter Mod",
        ),
        (
            "aws cloudformation update-stack --stack-name a --parameters ParameterKey=Mode,ParameterValue=dry",
            "may not be dry",
        ),
        ("aws cloudformation update-stack --stack-name a --parameters Mode=plan", "isn't ParameterKey="),
        ("aws cloudformation list-stack-sets --call-as ADMIN", "may not be ADMIN"),
        (
            'aws cloudformation update-stack-set --stack-set-name a --operation-preferences \'{"Region": "PARALLEL"}\'',
            "Unknown parameter",
        ),
        ('aws sqs purge-queue --queue-url "$(output Queue)"', "no output Queue"),
        ("output Topic", "no output Topic"),
        ("terraform apply", "nothing checks this command"),
    ],
)
def test_a_command_that_cant_be_run_is_found_out(command: str, words: str) -> None:
    assert words in fault(command)


def test_a_script_is_read_as_a_shell_reads_it() -> None:
    script = "a --x 'p | q' && b  # why\nc \\\n  --y\nname=$(aws x y)\nf() { g \"$1\"; }\nh '{\"a\": 1}' | jq\n"
    assert list(commands(script)) == ["a --x 'p | q'", "b", "c --y", "aws x y", 'g "$1"', "h '{\"a\": 1}'", "jq"]


def test_the_readme_stays_one_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 160


@pytest.mark.parametrize("page", ["README.md", "docs/operate.md"])
def test_a_deployment_is_two_commands_that_ask_for_no_parameter(page: str) -> None:
    """`sam deploy --guided` asks for each, and suggests the template's defaults whatever the existing stack has."""
    deployments = re.findall(r".*sam deploy\b.*", "\n".join(blocks(ROOT / page, "sh")))
    assert "sam build && sam deploy" in [command.strip() for command in deployments]
    assert [command for command in deployments if "--guided" in command or "--config-env" in command] == []


def test_what_a_company_writes_into_samconfig_says_the_same_as_the_options_of_its_commands() -> None:
    page = ROOT / "docs/company.md"
    (own,) = map(tomllib.loads, blocks(page, "toml"))
    options = f"--no-resolve-s3 --s3-bucket {own.pop('s3_bucket')} --tags {own.pop('tags')} --parameter-overrides"
    assert own == {}
    deployments = re.findall(r"sam deploy\b.*", "\n".join(blocks(page, "sh")))
    assert [command for command in deployments if options not in command] == []
    assert "resolve_s3 = true" in (ROOT / "samconfig.toml").read_text("utf-8").splitlines()


def test_what_sam_reads_of_itself_overrides_no_parameter() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    assert "parameter_overrides" not in config["default"]["deploy"]["parameters"]
    assert list(config) == ["version", "default"]  # no other environment that a deployment could forget to name
