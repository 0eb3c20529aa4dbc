"""What `sam build` makes: it starts without compiling anything, has what it needs, and nothing else."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tools.build import PYTHON, why_not
from tools.imported import modules_in
from tools.package import BuildError, _compile, _compile_texts, _drop_native, _drop_unused, _install, shared
from tools.template import names_of, read_template

from tests.support.agents import ENVIRONMENT
from tests.support.built import package
from tests.support.repository import ROOT

UNCHECKED_HASH = 0b01  # PEP 552: the bytecode goes by a hash of its source, which nobody compares
MOST_BYTES = 15_200_000
FUNCTIONS = names_of(read_template(), "AWS::Serverless::Function")
HANDLERS = {
    "reconcile_endpoints": "Settings",
    "detect_metric_gaps": "DetectorSettings",
    "coverage_page": "PageSettings",
}
BY_COMPUTED_NAME = {  # modules that import others by a name that no tool can read
    "aws_lambda_powertools.shared.lazy_import": "X-Ray's SDK, where tracing is used",
    "botocore.plugin": "plug-ins that AWS_PLUGINS or a profile names",
    "botocore.vendored.six": "modules of the standard library",
    "dateutil": "its own modules, where they are asked for as attributes",
    "six": "modules of the standard library",
}
OPTIONAL = {  # what those who import it do without, and why it can't be imported
    "botocore.crt.auth": "AWS's runtime in C isn't locked",
    "dateutil.tz.win": "of Windows",
    "urllib3.contrib.emscripten": "of browsers",
    "urllib3.contrib.pyopenssl": "OpenSSL for Python isn't locked",
    "urllib3.contrib.socks": "SOCKS isn't locked",
}


def run_alone(code: str, **environment: str) -> Any:
    """What the code prints as JSON in a process that has the package and the standard library, as on Lambda."""
    variables = {**ENVIRONMENT, "TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:n", "PYTHONPATH": str(package())}
    command = [sys.executable, "-S", "-B", "-c", code]
    done = subprocess.run(  # noqa: S603 - our own text
        command, cwd="/", env=variables | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files() -> list[Path]:
    return [path.relative_to(package()) for path in package().rglob("*") if path.is_file()]


def test_it_has_the_licence_of_lifeline_and_the_notice_of_what_ships() -> None:
    for name in ("LICENSE", "NOTICE"):
        assert (package() / name).read_bytes() == (ROOT / name).read_bytes()


# ---- bytecode


def test_every_module_has_bytecode_that_is_never_compared_with_its_source() -> None:
    for path in modules_in(package()).values():
        content = Path(importlib.util.cache_from_source(str(path))).read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == UNCHECKED_HASH, path


def test_bytecode_is_in_it_where_an_environment_would_have_it_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text("ONE = 1\n")
    _compile(folder)
    assert len(list(folder.rglob("*.pyc"))) == 2


def test_tracebacks_name_the_place_where_lambda_has_the_code() -> None:
    code = "import json, lifeline.core.wording as m; print(json.dumps(m.quoted.__code__.co_filename))"
    names = package() / "lifeline/core/__pycache__"
    assert b"/var/task/lifeline/core/wording.py" in next(names.glob("wording.*.pyc")).read_bytes()
    assert run_alone(code) == str(package() / "lifeline/core/wording.py")


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_is_ready_without_compiling_a_dataclass_or_a_modules_pattern(handler: str) -> None:
    code = f"""
import json, re, sys
compiled, patterns, parser = [], [], re._compiler._parser
def parse(pattern, *more, made=parser.parse):
    frame = sys._getframe(1)
    while "/re/" in frame.f_code.co_filename:
        frame = frame.f_back
    if frame.f_code.co_filename.startswith({str(package())!r}):
        patterns.append(str(pattern))
    return made(pattern, *more)
parser.parse = parse
sys.addaudithook(lambda name, about: compiled.append(str(about)[:300]) if name == "compile" else None)
from lifeline.handlers import {handler} as handler
parser.parse = parse.__kwdefaults__["made"]
from lifeline.runtime.settings import {HANDLERS[handler]} as Settings
from lifeline.core.policy.policy import Policy
handler._tools(*(Settings.from_environment(), Policy(()))[: handler._tools.__code__.co_argcount])
print(json.dumps([about for about in compiled if "__create_fn__" in about] + patterns))
"""
    assert run_alone(code) == []


def test_what_is_compiled_of_texts_is_the_same_whatever_the_environment_says_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("lifeline/runtime/compiled_texts.bin", "lifeline/policy.schema.bin")
    shutil.copytree(package(), tmp_path / "package")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    _compile_texts(tmp_path / "package")
    assert [
        name for name in names if (tmp_path / "package" / name).read_bytes() != (package() / name).read_bytes()
    ] == []


def test_a_policy_document_is_read_without_compiling_its_schema() -> None:
    code = """
import json, sys
from lifeline.core.policy.reading import read_policy
compiled = []
sys.addaudithook(lambda name, about: compiled.append(str(about[1])) if name == "compile" else None)
read_policy('{"version": 1, "rules": [{"require": ["logs"]}]}', ())
print(json.dumps([one for one in compiled if one != "<string>"]))
"""
    assert run_alone(code) == []


# ---- what is in it


def test_it_is_small() -> None:
    assert sum((package() / path).stat().st_size for path in files()) < MOST_BYTES


def test_it_runs_on_either_architecture() -> None:
    assert [path for path in files() if ".so" in path.suffixes] == []


def test_every_module_in_it_can_be_imported() -> None:
    code = f"""
import json
from importlib import import_module
failed = {{}}
for name in {sorted(modules_in(package()))!r}:
    try:
        import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""
    failed = run_alone(code)
    assert [name for name in failed if not name.startswith(tuple(OPTIONAL))] == [], failed


def test_modules_that_import_others_by_a_computed_name_are_known() -> None:
    call = re.compile(r"\b(?:import_module|__import__)\(")
    found = {name for name, path in modules_in(package()).items() if call.search(path.read_text("utf-8"))}
    assert found == set(BY_COMPUTED_NAME)


def test_what_nothing_imports_stays_at_home() -> None:
    names = set(modules_in(package()))
    assert names.isdisjoint({"boto3", "s3transfer", "botocore.stub"})
    assert not any(name.startswith(("aws_lambda_powertools.event_handler", "tests", "tools")) for name in names)
    assert {path.parts[0] for path in files()} >= {"lifeline", "botocore", "urllib3"}
    assert not any(path.suffix in {".pyi", ".c"} or path.name == "py.typed" for path in files())


def test_the_room_of_the_core_that_only_a_tool_uses_stays_at_home() -> None:
    assert (ROOT / "functions/lifeline/core/look_back").is_dir()
    assert not (package() / "lifeline/core/look_back").exists()


def test_the_certificates_and_the_data_of_packages_are_in_it() -> None:
    assert {
        Path("botocore/cacert.pem"),
        Path("botocore/data/endpoints.json"),
        Path("lifeline/policy.schema.json"),
        Path("lifeline/dashboard/html/style.css"),
        Path("lifeline/core/plan/prices.json"),
    } <= set(files())


def test_every_locked_package_ships_with_its_licence() -> None:
    locked = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "functions/requirements.txt").read_text(), re.MULTILINE)
    assert len(locked) > 5
    for name, version in locked:
        folder = package() / f"{name.replace('-', '_')}-{version}.dist-info"
        assert (folder / "METADATA").is_file()
        texts = [path for path in folder.rglob("*") if path.is_file() and path.name.upper().startswith("LICEN")]
        assert texts, name
        assert all(path.stat().st_size > 500 for path in texts)


# ---- how it is built


def test_it_is_built_once_for_all_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        folder.mkdir()
        built.append(folder)

    monkeypatch.setattr("tools.package.build", build)
    (tmp_path / ".package-of-older-sources").mkdir()

    first, second = shared(tmp_path), shared(tmp_path)

    assert first == second
    assert len(built) == 1
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [first.name]


@pytest.mark.parametrize(("version", "implementation"), [((3, 12), "cpython"), ((3, 14), "cpython"), ((3, 13), "pypy")])
def test_another_python_is_refused_in_words(version: tuple[int, int], implementation: str) -> None:
    reason = why_not(version, implementation)
    assert reason.startswith("the functions run on CPython 3.13, so their bytecode must be built by it, not by ")
    assert f"not by {implementation} {version[0]}.{version[1]}. Put python3.13 on the PATH" in reason


@pytest.mark.parametrize(("module", "imported"), [("__init__", []), ("build", ["sys", "typing"])])
def test_every_python_since_36_can_say_so(module: str, imported: list[str]) -> None:
    source = (ROOT / f"tools/{module}.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 7))  # the oldest that ast knows; 3.6 only lacks a name in __future__
    first = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [getattr(node, "module", "sys") for node in first] == imported


@pytest.mark.parametrize("minor", range(6, 13))
def test_an_older_python_that_is_here_says_so(minor: int) -> None:
    command = [f"python3.{minor}", "-B", "-m", "tools.build", "/nowhere/out"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    except FileNotFoundError:
        pytest.skip(f"{command[0]} isn't installed")
    if done.returncode == 127:  # what a shell says
        pytest.skip(f"{command[0]} isn't installed, but something that stands for it")
    assert done.returncode == 1
    assert done.stderr.startswith("Lifeline's package was not built: the functions run on CPython 3.13, so their")
    assert f"not by cpython 3.{minor}. Put python3.13 on the PATH" in done.stderr


def test_the_python_of_the_bytecode_is_the_templates_runtime() -> None:
    assert why_not(PYTHON, "cpython") == ""
    assert read_template()["Globals"]["Function"]["Runtime"] == "python" + ".".join(map(str, PYTHON))


def test_the_makefile_has_a_target_for_each_function_and_sam_uses_it() -> None:
    for name in FUNCTIONS:
        metadata = read_template()["Resources"][name]["Metadata"]
        assert (metadata["BuildMethod"], metadata["WorkingDirectory"]) == ("makefile", ".")
        done = make(f"build-{name}", "--dry-run")
        assert done.returncode == 0
        assert 'tools.build "/nowhere/out"' in done.stdout


def test_that_python_is_missing_is_said_in_words() -> None:
    done = make("build-CoveragePage", "PYTHON=python3.13-that-is-not-there")
    assert done.returncode != 0
    assert "built by Python 3.13, as the functions run on it, but there is no python3.13-that-is-not-" in done.stderr


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--makefile", str(ROOT / "functions/Makefile"), *arguments]
    return subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=ROOT,
        env={**os.environ, "ARTIFACTS_DIR": "/nowhere/out"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", ["import boto3\n", "VALUE = 1\n"])
def test_a_module_of_ours_that_would_be_left_out_fails_the_build(tmp_path: Path, source: str) -> None:
    (tmp_path / "lifeline/handlers").mkdir(parents=True)
    (tmp_path / "lifeline/__init__.py").touch()
    (tmp_path / "lifeline/handlers/__init__.py").write_text("import lifeline.one\n" if "boto3" in source else "")
    (tmp_path / "lifeline/one.py").write_text(source)

    with pytest.raises(BuildError, match=r"lifeline\.one: no handler imports it, or it imports what functions/req"):
        _drop_unused(tmp_path)


def test_native_code_that_would_run_on_one_architecture_only_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast/quick.cpython-313-x86_64-linux-gnu.so").touch()
    (tmp_path / "markupsafe").mkdir()
    (tmp_path / "markupsafe/_speedups.cpython-313-x86_64-linux-gnu.so").touch()

    with pytest.raises(BuildError, match=r"^fast/quick\S+ would run on one of Lambda's architectures only$"):
        _drop_native(tmp_path)


@pytest.mark.parametrize("asking", [("gettz", "dateutil.zoneinfo"), ("tzical", "dateutil.rrule"), ("easter",)])
def test_nothing_asks_for_the_part_of_dateutil_that_is_left_out(asking: tuple[str, ...]) -> None:
    """What calls `gettz` would find the system's time zones alone; what makes a `tzical` would fail."""
    sources = [path for path in package().rglob("*.py") if "dateutil" not in path.parts]
    assert sources
    assert [path for path in sources if any(name in path.read_text() for name in asking)] == []


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.package.FUNCTIONS", tmp_path)
    (tmp_path / "requirements.txt").write_text("six==1.17.0\n")  # without hashes

    with pytest.raises(BuildError, match=r"(?s)pip couldn't install functions/requirements\.txt:.*hashes"):
        _install(tmp_path / "out")
