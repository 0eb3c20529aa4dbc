"""The bill of materials is valid CycloneDX, and says of each package that ships what it is and what it needs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from tools.sbom import LicenceError, bill, name_of, noted_licences

from tests.support.built import package
from tests.support.repository import ROOT

SHA256 = "0123456789abcdef" * 4
LOCKED = dict(
    re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "functions/requirements.txt").read_text("utf-8"), re.MULTILINE)
)
DIRECT = re.findall(r"^([a-z0-9-]+)==", (ROOT / "functions/requirements.in").read_text("utf-8"), re.MULTILINE)


def made(folder: Path) -> dict[str, Any]:
    return bill(folder, version="0.2.0", licence="Apache-2.0", sha256=SHA256)


def write(folder: Path, name: str, *lines: str) -> None:
    """The metadata of a package that is installed in the folder."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    text = "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines, "", "Its text.", ""])
    (info / "METADATA").write_text(text, "utf-8")


def needs(found: dict[str, Any], ref: str) -> list[str]:
    (one,) = [entry["dependsOn"] for entry in found["dependencies"] if entry["ref"] == ref]
    return list(one)


# ---- what ships


def test_it_is_valid() -> None:
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made(package())))
    assert fault is None, fault


@pytest.mark.parametrize("lacks", ["bomFormat", "specVersion", "components"])
def test_an_invalid_one_is_found_out(lacks: str) -> None:
    """So that the test above can fail: `components` is made invalid, as the schema doesn't require it."""
    found = made(package())
    if lacks == "components":
        del found["components"][0]["name"]
    else:
        del found[lacks]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found)) is not None


def test_it_has_every_package_that_is_locked_and_no_other() -> None:
    components = made(package())["components"]
    assert {one["name"]: one["version"] for one in components} == LOCKED
    assert [one["purl"] for one in components] == [f"pkg:pypi/{name}@{LOCKED[name]}" for name in sorted(LOCKED)]


def test_what_we_ask_for_is_ours_to_need_and_the_rest_is_needed_by_that() -> None:
    found = made(package())
    assert needs(found, "lifeline") == [f"pkg:pypi/{name}@{LOCKED[name]}" for name in sorted(DIRECT)]
    reached, waiting = set[str](), ["lifeline"]
    while waiting:
        ref = waiting.pop()
        reached.add(ref)
        waiting += [one for one in needs(found, ref) if one not in reached]
    assert reached == {"lifeline", *(one["bom-ref"] for one in found["components"])}


def test_every_licence_is_one_that_spdx_lists_or_a_choice_of_them() -> None:
    for name, licence in noted_licences().items():
        assert not get_spdx_licensing().validate(licence).errors, name


def test_no_licence_contradicts_the_packages_own_metadata() -> None:
    """Where the metadata says more than a word; python-dateutil's says that there are two."""
    for path in package().glob("*.dist-info/METADATA"):
        text = path.read_text("utf-8")
        name = name_of(re.findall(r"^Name: (.*)$", text, re.MULTILINE)[0])
        written = re.findall(r"^License(?:-Expression)?: (.*)$", text, re.MULTILINE)[0]
        if name == "aws-lambda-powertools":  # it says MIT, and its text and a classifier that it is MIT-0
            licence = next(path.parent.rglob("LICENSE")).read_text("utf-8")
            assert licence.startswith("MIT No Attribution")
            assert noted_licences()[name] == "MIT-0"
        else:
            assert written in {noted_licences()[name], "Dual License"}, name


def test_it_names_no_address_and_no_time() -> None:
    text = json.dumps(made(package()))
    assert "//" not in text
    assert "timestamp" not in text


# ---- any package


def test_the_same_package_has_the_same_bill_wherever_it_is(tmp_path: Path) -> None:
    for folder, names in (("one", ["six", "urllib3"]), ("other", ["urllib3", "six"])):
        for name in names:
            write(tmp_path / folder, name)
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    assert json.dumps(one) == json.dumps(other)
    assert bill(tmp_path / "one", version="0.3.0", licence="MIT", sha256=SHA256)["serialNumber"] != one["serialNumber"]


def test_names_are_those_of_purls_however_the_metadata_writes_them(tmp_path: Path) -> None:
    write(tmp_path, "MarkupSafe")
    write(tmp_path, "typing_extensions")
    assert [one["name"] for one in made(tmp_path)["components"]] == ["markupsafe", "typing-extensions"]


def test_what_only_an_extra_needs_is_not_needed(tmp_path: Path) -> None:
    write(
        tmp_path,
        "botocore",
        "Requires-Dist: urllib3 (!=2.2.0,<3) ; python_version >= '3.10'",
        "Requires-Dist: Typing_Extensions>=4",
        'Requires-Dist: six; extra == "all"',
        "Requires-Dist: absent",
    )
    for name in ("urllib3", "typing_extensions", "six"):
        write(tmp_path, name)
    found = made(tmp_path)
    assert needs(found, "pkg:pypi/botocore@1.0") == ["pkg:pypi/typing-extensions@1.0", "pkg:pypi/urllib3@1.0"]
    assert needs(found, "lifeline") == ["pkg:pypi/botocore@1.0", "pkg:pypi/six@1.0"]


def test_a_choice_of_licences_is_an_expression(tmp_path: Path) -> None:
    write(tmp_path, "python-dateutil")
    (one,) = made(tmp_path)["components"]
    assert one["licenses"] == [{"expression": "Apache-2.0 OR BSD-3-Clause"}]


def test_a_package_without_a_licence_in_notice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "colourful")
    with pytest.raises(LicenceError, match="NOTICE has no licence of colourful"):
        made(tmp_path)
