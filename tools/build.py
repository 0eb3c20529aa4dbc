"""What `functions/Makefile` runs for `sam build`: builds the package, or says in words why it can't.

    python3.13 -m tools.build ARTIFACTS_DIR

Python 3.6 and later can read this module, so that each of them can say which one is needed.
"""

import sys
from typing import Sequence  # noqa: UP035 - as older versions have it

PYTHON = (3, 13)  # the template's Runtime: bytecode is that of one version


def why_not(version: Sequence[int], implementation: str) -> str:
    """Why this Python can't build the package, and what to do; empty if it can."""
    if (implementation, tuple(version)) == ("cpython", PYTHON):
        return ""
    return (
        f"the functions run on CPython 3.13, so their bytecode must be built by it, not by {implementation} "
        f"{version[0]}.{version[1]}. Put python3.13 on the PATH, or name it: PYTHON=/path/to/python3.13 sam build"
    )


def main(arguments: Sequence[str]) -> int:
    """Build the package into the folder that is named. Returns the exit code."""
    reason = why_not(sys.version_info[:2], sys.implementation.name)
    if not reason:
        from tools.package import BuildError, put_into  # noqa: PLC0415 - in words that only that Python reads

        try:
            put_into(arguments[0])
        except BuildError as error:
            reason = str(error)
    if reason:
        sys.stderr.write(f"Lifeline's package was not built: {reason}\n")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
