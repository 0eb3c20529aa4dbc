"""Makes the software bill of materials of a package: CycloneDX 1.6, as JSON.

It says what the package's `*.dist-info` say, and nothing about when or where it was made: the same package has the same
bill. Its serial number, which the specification wants to be unique, is derived from the rest. Licences are those that
NOTICE names, because the releases' own metadata has some in words, and one that its licence text contradicts.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from tools.template import ROOT

NOTICE = ROOT / "NOTICE"
_NOTED = re.compile(r"^  ([a-z0-9-]+)  +(\S.*)$", re.MULTILINE)
_NEEDED = re.compile(r"^[A-Za-z0-9._-]+")
_OF_AN_EXTRA = re.compile(r";.*\bextra\b")
_OURS = "lifeline"


class LicenceError(Exception):
    """NOTICE doesn't say a licence; the message names the package."""


def bill(package: Path, *, version: str, licence: str, sha256: str) -> dict[str, Any]:
    """The bill of the package, whose artifact has that hash. Raises LicenceError."""
    texts = (path.read_text("utf-8") for path in package.glob("*.dist-info/METADATA"))
    parts = {name_of(part["Name"]): part for part in map(HeaderParser().parsestr, texts)}
    licences = noted_licences()
    if unknown := sorted(parts.keys() - licences.keys()):
        raise LicenceError(f"NOTICE has no licence of {', '.join(unknown)}")
    refs = {name: f"pkg:pypi/{name}@{parts[name]['Version']}" for name in sorted(parts)}
    needs = {name: sorted(refs.keys() & set(_needed(parts[name]))) for name in refs}
    direct = sorted(refs.keys() - {one for names in needs.values() for one in names})
    ours = {
        "type": "application",
        "bom-ref": _OURS,
        "name": _OURS,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": _licences(licence),
    }
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": ours},
        "components": [
            {
                "type": "library",
                "bom-ref": ref,
                "name": name,
                "version": parts[name]["Version"],
                "licenses": _licences(licences[name]),
                "purl": ref,
            }
            for name, ref in refs.items()
        ],
        "dependencies": [
            {"ref": refs.get(name, name), "dependsOn": [refs[one] for one in names]}
            for name, names in {_OURS: direct, **needs}.items()
        ],
    }
    return {**content, "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content)).urn}


def name_of(written: str) -> str:
    """The name of a package as purls have it, however its metadata writes it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", written).lower()


def noted_licences() -> Mapping[str, str]:
    """The licence of each package that ships, as SPDX writes it."""
    return dict(_NOTED.findall(NOTICE.read_text("utf-8")))


def _needed(part: Message) -> Iterator[str]:
    """The packages that it requires, but for those of an extra, which nobody asked for."""
    for requirement in part.get_all("Requires-Dist", []):
        if not _OF_AN_EXTRA.search(requirement) and (found := _NEEDED.match(requirement)):
            yield name_of(found[0])


def _licences(spdx: str) -> list[dict[str, Any]]:
    return [{"expression": spdx} if " " in spdx else {"license": {"id": spdx}}]
