"""The command line: Lifeline's calls without JSON in quotes. It only invokes the stack's functions.

`python3.13 -m lifeline_cli --help`, in the repository, with boto3 installed.
"""

import sys
from pathlib import Path

if sys.version_info < (3, 13):  # noqa: UP036 - whoever has an older one should read this, not a SyntaxError
    sys.exit(f"lifeline_cli needs Python 3.13, and this is {sys.version.split()[0]}")

sys.path.append(str(Path(__file__).parents[1] / "functions"))  # the functions' own readers check each call
