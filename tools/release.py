"""Writes what is published to dist/: the artifact, the plain template, the bill of materials, and their hashes.

    make package

The same sources give the same files, byte for byte, in any folder and at any time. All are named after the version and
a hash of what they contain: CloudFormation takes code for new only if its key is new.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.archive import pack
from tools.package import BuildError, build
from tools.plain_template import plain_template
from tools.sbom import LicenceError, bill
from tools.template import ROOT, read_template

DIST = ROOT / "dist"
ARTIFACT, TEMPLATE, BILL = ".zip", ".template.json", ".cdx.json"
SUMS = "SHA256SUMS"


def write_release(dist: Path) -> str:
    """Build the package, and write the files of the release instead of those that were there. Its name."""
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "package"
        build(package)
        return put(package, dist)


def put(package: Path, dist: Path) -> str:
    """Write the files for a package that is built. The name of the release. Raises LicenceError."""
    dist.mkdir(parents=True, exist_ok=True)
    for older in [*dist.glob("lifeline-*"), *dist.glob(SUMS)]:
        older.unlink()
    packed = dist / "lifeline-packed"
    pack(package, packed)
    source = read_template()
    about = source["Metadata"]["AWS::ServerlessRepo::Application"]
    version, licence = about["SemanticVersion"], about["SpdxLicenseId"]
    artifact, template = packed.read_bytes(), plain_template(source)
    name = f"lifeline-{version}-{_sha256(artifact + _written(template))[:12]}"
    template["Parameters"]["ArtifactKey"]["Default"] = f"{name}{ARTIFACT}"
    made = bill(package, version=version, licence=licence, sha256=_sha256(artifact))
    packed.rename(dist / f"{name}{ARTIFACT}")
    (dist / f"{name}{TEMPLATE}").write_bytes(_written(template))
    (dist / f"{name}{BILL}").write_bytes(_written(made))
    sums = "".join(f"{_sha256(file.read_bytes())}  {file.name}\n" for file in sorted(dist.glob(f"{name}.*")))
    (dist / SUMS).write_text(sums, "utf-8")
    return name


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _written(document: dict[str, Any]) -> bytes:
    return f"{json.dumps(document, indent=2)}\n".encode()


def main(arguments: list[str]) -> int:
    """Write the release into the folder that is named, or to dist/. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description="Writes what is published.")
    parser.add_argument("folder", nargs="?", type=Path, default=DIST)
    folder = parser.parse_args(arguments).folder
    try:
        write_release(folder)
    except (BuildError, LicenceError) as error:
        sys.stderr.write(f"Lifeline's package was not built: {error}\n")
        return 1
    sys.stdout.write(f"{folder}/{SUMS}:\n{(folder / SUMS).read_text('utf-8')}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
