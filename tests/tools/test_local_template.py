"""The template for emulators: the built one, with nothing changed but the emulators' addresses."""

from pathlib import Path

import pytest
from tools.local_template import FRAGMENT, write_local_template
from tools.template import ROOT, read_template


def test_the_local_template_only_adds_the_emulators_addresses(tmp_path: Path) -> None:
    built = tmp_path / "template.yaml"
    built.write_text((ROOT / "template.yaml").read_text("utf-8"), "utf-8")

    local = read_template(write_local_template(built))

    template, fragment = read_template(), read_template(FRAGMENT)
    assert local["Resources"] == template["Resources"]
    assert local["Parameters"] == template["Parameters"] | fragment["Parameters"]
    variables = local["Globals"]["Function"]["Environment"]["Variables"]
    added = variables.keys() - template["Globals"]["Function"]["Environment"]["Variables"].keys()
    assert added == fragment["Globals"]["Function"]["Environment"]["Variables"].keys()
    assert {name.startswith("AWS_ENDPOINT_URL") for name in added} == {True}


def test_a_value_of_the_template_is_never_replaced(tmp_path: Path) -> None:
    built = tmp_path / "template.yaml"
    built.write_text("Parameters:\n  EndpointUrl: {Type: Number}\n", "utf-8")
    with pytest.raises(TypeError, match="may only add"):
        write_local_template(built)
