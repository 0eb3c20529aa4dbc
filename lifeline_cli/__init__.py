"""The command line: Lifeline's calls without JSON in quotes. It only invokes the stack's functions.

`python3.13 -m lifeline_cli --help`, in the repository, with boto3 installed.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "functions"))  # the functions' own readers check each call
