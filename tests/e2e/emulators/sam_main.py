"""SAM's command line, loaded once for many commands, by SAM's own Python: loading takes longer than most of them.

Each line of standard input is the arguments of one command as JSON, with the files that its output goes to. It runs in
a process forked for it, as `sam` would run it, and its exit status is answered as a line.
"""

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Any

cli = import_module("samcli.cli.main").cli
# What SAM loads only when `sam local invoke` needs it.
for _name in ("cli_common.invoke_context", "invoke.cli", "lib.local_lambda"):
    import_module(f"samcli.commands.local.{_name}")
import_module("samcli.lib.providers.sam_stack_provider")


def run(asked: dict[str, Any]) -> int:
    """The exit status of the command, which a process of its own has run to its end."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        signal.alarm(asked["within_s"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        cli(asked["arguments"], prog_name="sam")
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 -- whatever it is, this process may not go on as its parent would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)
