"""Builds what ships to Lambda, once for all functions.

The package is what `functions/requirements.txt` locks and the package `lifeline`, without modules that nothing imports,
with botocore's models cut to the calls that are made, and compiled: /var/task is read-only, so that Lambda would
compile every module at each cold start. It needs Python 3.13 with pip, nothing else. See docs/adr/0021.
"""

import compileall
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

from tools.aws_calls import UnreadableCallError, all_calls
from tools.build import PYTHON
from tools.imported import modules_in, reachable
from tools.service_models import ServiceOperations, cut_models

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "functions"
_START = "lifeline.handlers"
_OF_TOOLS = "look_back"  # the one room of the core that only a tool uses
_TASK = "/var/task"  # where Lambda unpacks it, which tracebacks name
_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
# Native modules whose package works the same without. So the package is the same for x86_64 and arm64.
_NATIVE_BY_CHOICE = ("markupsafe/_speedups.*",)
# What nothing asks for: dateutil's own time zones, for which `tz.gettz` alone looks, the rules of calendars, which
# `tz.tzical` alone reads, Easter's, and Windows'; what botocore has for AWS's runtime in C, and urllib3 for browsers.
_UNASKED = (
    "botocore/crt/auth.py",
    "dateutil/easter.py",
    "dateutil/rrule.py",
    "dateutil/tz/win.py",
    "dateutil/zoneinfo/*",
    "urllib3/contrib/emscripten/*",
)
_NOT_DATA = {".py", ".pyi", ".c"}
_OUR_LEGAL = ("LICENSE", "NOTICE")
_LEGAL = ("METADATA", "LICENSE*", "NOTICE*", "licenses")


class BuildError(Exception):
    """The package can't be built; the message says why and what to do."""


def put_into(artifacts: str) -> None:
    """Put the package into the folder, as SAM asks for each function. Raises BuildError."""
    shutil.copytree(shared(Path(artifacts).parent), artifacts, dirs_exist_ok=True)


def shared(place: Path) -> Path:
    """The package in a folder of its own below `place`, built there if it isn't yet. SAM runs the build a function."""
    place.mkdir(parents=True, exist_ok=True)
    package = place / f".package-{_fingerprint()}"
    with (place / ".package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # sam build --parallel
        if not package.exists():
            for older in place.glob(".package-*"):
                shutil.rmtree(older)
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                build(Path(scratch) / "package")
                (Path(scratch) / "package").rename(package)
    return package


def build(folder: Path) -> None:
    """Build the package into the new folder."""
    _install(folder)
    shutil.copytree(
        FUNCTIONS / "lifeline", folder / "lifeline", ignore=shutil.ignore_patterns("__pycache__", _OF_TOOLS)
    )
    _drop_native(folder)
    _cut_models(folder / "botocore/data")
    _drop_unused(folder)
    for name in _OUR_LEGAL:
        shutil.copy(ROOT / name, folder)
    _compile_texts(folder)
    _compile(folder)


def _cut_models(data: Path) -> None:
    try:
        calls = all_calls(ServiceOperations(data))
    except UnreadableCallError as error:
        raise BuildError(str(error)) from error
    cut_models(data, calls)


def _install(folder: Path) -> None:
    """What is locked, as wheels for Lambda's platform; pip checks their hashes."""
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", str(folder)]
    options += [part for platform in _PLATFORMS for part in ("--platform", platform)]
    options += ["--implementation", "cp", "--python-version", ".".join(map(str, PYTHON))]
    quiet = ["--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *quiet, *options, "-r", str(FUNCTIONS / "requirements.txt")]
    _run(command, "pip couldn't install functions/requirements.txt")


def _drop_native(folder: Path) -> None:
    """Raises BuildError where a package needs a native module, which would be of one architecture."""
    for pattern in _NATIVE_BY_CHOICE:
        for path in folder.glob(pattern):
            path.unlink()
    native = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.so*"))
    if native:
        raise BuildError(f"{', '.join(native)} would run on one of Lambda's architectures only")


def _drop_unused(folder: Path) -> None:
    """Modules that nothing imports, what belongs to them, and what only pip and type checkers read; no licences."""
    modules = modules_in(folder)
    names = reachable(modules, _START)
    if lost := sorted(name for name in modules.keys() - names if name.partition(".")[0] == "lifeline"):
        raise BuildError(
            f"{', '.join(lost)}: no handler imports it, or it imports what functions/requirements.txt doesn't lock"
        )
    used = {modules[name] for name in names}
    unasked = {path for pattern in _UNASKED for path in folder.glob(pattern)}
    packages = {path.parent: path in used for path in modules.values() if path.name == "__init__.py"}
    for path in sorted(filter(Path.is_file, folder.rglob("*"))):
        is_data = path.suffix not in _NOT_DATA and path.name != "py.typed"
        owner = next((packages[parent] for parent in path.parents if parent in packages), False)
        is_kept = path in used or _is_legal(path.relative_to(folder)) or (is_data and owner)
        if path in unasked or not is_kept:
            path.unlink()
    for path in sorted(filter(Path.is_dir, folder.rglob("*")), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _is_legal(path: Path) -> bool:
    """Whether it says the licence or the version of a package that ships."""
    top, *rest = path.parts
    return top.endswith(".dist-info") and bool(rest) and any(Path(rest[0]).match(pattern) for pattern in _LEGAL)


def _compile_texts(folder: Path) -> None:
    """Whatever the environment says of Python (-E), such as how much code is left out."""
    _run([sys.executable, "-E", "-S", "-B", "-m", "tools.compiled_texts", str(folder)], "a module can't be imported")


def _compile(folder: Path) -> None:
    """Bytecode that is never compared with its source: SAM and Lambda don't keep the times of files."""
    # Some environments set this, which would put the bytecode elsewhere; those who compile side by side read it anew.
    sys.pycache_prefix = None
    os.environ.pop("PYTHONPYCACHEPREFIX", None)
    is_complete = compileall.compile_dir(
        folder,
        quiet=1,
        workers=0,
        optimize=0,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(folder),
        prependdir=_TASK,
    )
    if not is_complete:
        raise BuildError("a module can't be compiled; see above")
    bare = [path for path in sorted(folder.rglob("*.py")) if not Path(cache_from_source(path)).exists()]
    if bare:
        raise BuildError(f"{bare[0].relative_to(folder)} has no bytecode, and {len(bare) - 1} other modules haven't")


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise BuildError(f"{failure}:\n{done.stderr}")


def _fingerprint() -> str:
    """Of all that the package is built of."""
    found = hashlib.sha256()
    tools = Path(__file__).parent.glob("*.py")
    sources = (path for path in FUNCTIONS.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    for path in sorted([*tools, *sources, *(ROOT / name for name in _OUR_LEGAL)]):
        content = path.read_bytes()
        found.update(f"{os.path.relpath(path, FUNCTIONS)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]
