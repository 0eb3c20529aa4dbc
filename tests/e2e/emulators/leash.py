"""Ties an emulator's life to that of the program that started it, however that program ends."""

import os
import signal
import sys
import threading


def end_with_parent() -> None:
    """Kill this process group once standard input closes.

    The parent holds the other end of the pipe, so this also works where the parent was killed and could not clean up.
    The group is the emulator's own, with the workers that it started.
    """
    threading.Thread(target=_wait_and_end, name="leash", daemon=True).start()


def _wait_and_end() -> None:
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)
