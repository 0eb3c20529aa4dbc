"""What is published: the application's metadata, its licence, and the notice of what ships.

The rules are those of the SAM guide (AWS SAM template Metadata section properties).
"""

import re
import tomllib

from tools.template import read_template

from tests.support.repository import ROOT

APPLICATION = read_template()["Metadata"]["AWS::ServerlessRepo::Application"]
KNOWN = {
    "Name",
    "Description",
    "Author",
    "SpdxLicenseId",
    "LicenseUrl",
    "ReadmeUrl",
    "Labels",
    "HomePageUrl",
    "SemanticVersion",
    "SourceCodeUrl",
}
FIVE_MB = 5_000_000


def test_the_metadata_keeps_to_the_published_rules() -> None:
    assert set(APPLICATION) <= KNOWN
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,140}", APPLICATION["Name"])
    assert 1 <= len(APPLICATION["Description"]) <= 256
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", APPLICATION["Author"])
    assert len(APPLICATION["Author"]) <= 127
    assert len(APPLICATION["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in APPLICATION["Labels"])
    assert all(isinstance(value, str | list) for value in APPLICATION.values())  # no intrinsic function is supported


def test_whoever_makes_it_public_finds_its_licence_and_its_readme() -> None:
    for name in ("LicenseUrl", "ReadmeUrl"):
        file = ROOT / APPLICATION[name]
        assert 0 < file.stat().st_size <= FIVE_MB
    assert APPLICATION["SpdxLicenseId"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text("utf-8")


def test_the_version_is_a_semantic_one_in_one_place_and_the_changelog_begins_with_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = APPLICATION["SemanticVersion"]
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version)
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    newest = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]
    assert newest == version
    assert project["license"] == APPLICATION["SpdxLicenseId"]


def test_the_notice_names_what_ships_and_nothing_else() -> None:
    locked = (ROOT / "functions" / "requirements.txt").read_text("utf-8")
    shipped = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    named = set(re.findall(r"^  ([a-z0-9-]+)  ", (ROOT / "NOTICE").read_text("utf-8"), re.MULTILINE))
    assert named == shipped
