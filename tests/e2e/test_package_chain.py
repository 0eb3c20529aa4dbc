"""What `make package` writes: the same files twice, and a stack that CloudFormation makes of them without SAM."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tools.local_template import FRAGMENT
from tools.release import ARTIFACT, BILL, SUMS, TEMPLATE
from tools.template import read_template

from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import LONG_AGO, REGION, ROOT, STACK, Account
from tests.e2e.machine import build_site
from tests.e2e.steps import SERVICE_NAME, available_endpoint, delete_default_route, endpoints_in, wait_until_quiet

pytestmark = pytest.mark.chain_more

BUCKET = "lifeline-artifacts"
SOURCES = ("functions", "tools", "template.yaml", "pyproject.toml", "LICENSE", "NOTICE")  # what a release is made of


@dataclass(frozen=True, slots=True)
class Release:
    folder: Path

    @property
    def name(self) -> str:
        (artifact,) = self.folder.glob(f"*{ARTIFACT}")
        return artifact.name.removesuffix(ARTIFACT)

    def read(self, suffix: str) -> bytes:
        return (self.folder / f"{self.name}{suffix}").read_bytes()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make(ROOT, tmp_path_factory.mktemp("dist"))


def make(root: Path, folder: Path) -> Release:
    """As `make package` does, in a checkout at `root`."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tools.release", str(folder)],
        env={**os.environ, "PYTHONPATH": f"{root / 'functions'}:{root}"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Release(folder)


def test_another_folder_gives_the_same_files(release: Release, tmp_path: Path) -> None:
    root = tmp_path / "another" / "checkout"
    root.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root)
    (root / ".envs").symlink_to(ROOT / ".envs")

    again = make(root, tmp_path / "dist")

    assert (again.folder / SUMS).read_text("utf-8") == (release.folder / SUMS).read_text("utf-8")


def test_the_sums_are_those_of_all_other_files(release: Release) -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in release.folder.iterdir()}
    del found[SUMS]
    assert (release.folder / SUMS).read_text("utf-8") == "".join(f"{found[name]}  {name}\n" for name in sorted(found))
    assert found.keys() == {f"{release.name}{suffix}" for suffix in (ARTIFACT, TEMPLATE, BILL)}


def test_the_bill_is_of_this_artifact_and_the_template_takes_it(release: Release) -> None:
    (said,) = json.loads(release.read(BILL))["metadata"]["component"]["hashes"]
    assert said["content"] == hashlib.sha256(release.read(ARTIFACT)).hexdigest()
    key = json.loads(release.read(TEMPLATE))["Parameters"]["ArtifactKey"]["Default"]
    assert key == f"{release.name}{ARTIFACT}"


@pytest.fixture(scope="module")
def account(release: Release) -> Iterator[Account]:
    """The stack that CreateStack makes of the template in S3, with the artifact in the bucket of its region."""
    with Account(minute=MINUTE, parameters={"DebounceSeconds": "2"}).closing() as account:
        account.template.parent.mkdir(parents=True, exist_ok=True)  # where the emulator unpacks code
        account.start()
        account.put_policy()
        bucket = f"{BUCKET}-{REGION}"
        s3 = account.client("s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=f"{release.name}{ARTIFACT}", Body=release.read(ARTIFACT))
        template = json.dumps(on_emulators(json.loads(release.read(TEMPLATE)))).encode()
        s3.put_object(Bucket=bucket, Key=f"{release.name}{TEMPLATE}", Body=template)
        place = {"ArtifactBucket": BUCKET, "BucketPerRegion": "yes"}
        cloudformation = account.client("cloudformation")
        cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=f"https://s3.{REGION}.amazonaws.com/{bucket}/{release.name}{TEMPLATE}",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (account.parameters() | place).items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        account.outputs = account.read_outputs()
        account.enforce_since(LONG_AGO)
        yield account


def on_emulators(template: dict[str, Any]) -> dict[str, Any]:
    """The template with what template.local.yaml adds on emulators."""
    local = read_template(FRAGMENT)
    template["Parameters"] |= local["Parameters"]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"]["Environment"]["Variables"]
            variables |= local["Globals"]["Function"]["Environment"]["Variables"]
    return template


def test_the_stack_repairs_a_deleted_route(account: Account) -> None:
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr="10.50", name="packaged")
    wait_until_quiet(account)
    assert endpoints_in(ec2, site.vpc_id) == []

    delete_default_route(ec2, site)
    endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")

    assert endpoint["ServiceName"] == SERVICE_NAME
    assert endpoint["SubnetIds"] == [site.subnet_id]
    assert account.messages("DeadLetterQueue") == []


def test_its_functions_run_the_artifact(account: Account, release: Release) -> None:
    for output in ("ReconcileEndpointsFunction", "DetectMetricGapsFunction", "CoveragePageFunction"):
        found = account.client("lambda").get_function_configuration(FunctionName=account.outputs[output])
        assert found["CodeSize"] == len(release.read(ARTIFACT))
