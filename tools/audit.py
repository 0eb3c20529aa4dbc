"""Looks up known vulnerabilities of every locked package with pip-audit, and says what it couldn't look up.

pip-audit exits with 0 for packages that the advisory data doesn't know, so its own exit status can't be trusted. Here
it is 0 only if every package was checked and none is vulnerable, 1 if one is, and 2 if some were not checked.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.template import ROOT

LOCKS = (ROOT / "functions/requirements.txt", *sorted((ROOT / "requirements").glob("*.txt")))
_PIP_AUDIT = ROOT / ".envs/audit/bin/pip-audit"
_OPTIONS = ("--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json")
_SECONDS = 300
_SHOWN = 3


def verdict(lock: str, answer: Mapping[str, Any] | None, why: str = "") -> tuple[int, list[str]]:
    """One lock's exit status and lines. `answer` is pip-audit's JSON, None if there is none; `why` says why."""
    if answer is None:
        return 2, [f"{lock}: not checked: {why or 'pip-audit gave no answer'}"]
    packages: Sequence[Mapping[str, Any]] = answer.get("dependencies", [])
    skipped = [package for package in packages if "skip_reason" in package]
    bad = [package for package in packages if package.get("vulns")]
    lines = [
        f"{lock}: {package['name']} {package['version']}: {flaw['id']}, {_fixed(flaw)}"
        for package in bad
        for flaw in package["vulns"]
    ]
    if skipped or not packages:
        names = ", ".join(str(package["name"]) for package in skipped[:_SHOWN])
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        reason = f": {names}{more} ({skipped[0]['skip_reason']})" if skipped else ""
        lines.append(f"{lock}: not checked: {len(skipped)} of {len(packages)} packages{reason}")
    checked = len(packages) - len(skipped)
    if checked and not bad:
        lines.append(f"{lock}: no known vulnerability in {checked} packages")
    return (1 if bad else 2 if skipped or not packages else 0), lines


def _fixed(flaw: Mapping[str, Any]) -> str:
    versions = flaw.get("fix_versions") or []
    return f"fixed in {', '.join(versions)}" if versions else "no fixed version yet"


def audit(lock: Path) -> tuple[int, list[str]]:
    """Run pip-audit on one lock."""
    name = str(lock.relative_to(ROOT))
    try:
        done = subprocess.run(  # noqa: S603 - our own command, from our own environment
            [str(_PIP_AUDIT), *_OPTIONS, "-r", str(lock)], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        return verdict(name, json.loads(done.stdout))
    except json.JSONDecodeError:
        return verdict(name, None, (done.stderr.strip().splitlines() or [""])[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        return verdict(name, None, str(error))


def main() -> int:
    """Audit every lock. A vulnerability counts more than what wasn't checked."""
    statuses = []
    for lock in LOCKS:
        status, lines = audit(lock)
        statuses.append(status)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main())
