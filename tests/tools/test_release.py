"""What `make package` writes for a package: four files, the same wherever they are written."""

import json
import subprocess
from pathlib import Path

import pytest
from tools.package import BuildError
from tools.release import ARTIFACT, BILL, SUMS, TEMPLATE, main, put

from tools import release

METADATA = "Metadata-Version: 2.4\nName: six\nVersion: 1.17.0\n"


def package(folder: Path, code: str = "one = 1\n") -> Path:
    info = folder / "six-1.17.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA, "utf-8")
    (folder / "six.py").write_text(code, "utf-8")
    return folder


@pytest.fixture
def template(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small template, since SAM's translator takes seconds."""
    monkeypatch.setattr(release, "plain_template", lambda _: {"Parameters": {"ArtifactKey": {"Type": "String"}}})


@pytest.mark.usefixtures("template")
def test_the_same_package_gives_the_same_files_in_any_folder(tmp_path: Path) -> None:
    one = put(package(tmp_path / "package"), tmp_path / "dist")
    other = put(package(tmp_path / "other" / "package"), tmp_path / "other" / "dist")
    assert one == other
    assert (tmp_path / "dist" / SUMS).read_bytes() == (tmp_path / "other/dist" / SUMS).read_bytes()


@pytest.mark.usefixtures("template")
def test_the_sums_are_those_that_sha256sum_takes(tmp_path: Path) -> None:
    put(package(tmp_path / "package"), tmp_path / "dist")
    done = subprocess.run(  # noqa: S603 - our own words
        ["sha256sum", "--check", "--strict", SUMS],  # noqa: S607
        cwd=tmp_path / "dist",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK") == 3


@pytest.mark.usefixtures("template")
def test_another_package_has_another_name_and_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    before = put(package(tmp_path / "package"), dist)
    (dist / "mine.txt").write_text("kept", "utf-8")
    after = put(package(tmp_path / "other", code="two = 2\n"), dist)
    assert before != after
    assert {file.name for file in dist.iterdir()} == {
        "mine.txt",
        SUMS,
        *(f"{after}{suffix}" for suffix in (ARTIFACT, TEMPLATE, BILL)),
    }


@pytest.mark.usefixtures("template")
def test_another_template_has_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = put(package(tmp_path / "package"), tmp_path / "dist")
    monkeypatch.setattr(release, "plain_template", lambda _: {"Parameters": {"ArtifactKey": {}}, "Outputs": {}})
    assert put(tmp_path / "package", tmp_path / "dist") != before


@pytest.mark.usefixtures("template")
def test_the_template_takes_the_releases_own_artifact(tmp_path: Path) -> None:
    name = put(package(tmp_path / "package"), tmp_path / "dist")
    written = json.loads((tmp_path / "dist" / f"{name}{TEMPLATE}").read_text("utf-8"))
    assert written["Parameters"]["ArtifactKey"]["Default"] == f"{name}{ARTIFACT}"


def test_a_package_that_cant_be_built_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Path) -> None:
        raise BuildError("pip is missing")

    monkeypatch.setattr(release, "build", fail)
    (tmp_path / SUMS).write_text("old", "utf-8")
    assert main([str(tmp_path)]) == 1
    assert (tmp_path / SUMS).read_text("utf-8") == "old"
    assert "pip is missing" in capsys.readouterr().err
