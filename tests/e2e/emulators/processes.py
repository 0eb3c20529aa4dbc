"""Starting the emulators, and leaving nothing of them behind."""

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

HEALTHY_WITHIN_S = 180
STOP_WITHIN_S = 5


class EmulatorError(Exception):
    """Something that the emulated account is made of did not start, or did not do what it was told."""


class Server:
    """One emulator, in a process group of its own together with the workers that it starts."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
            # Standard input is the leash: see `leash.py`.
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_healthy(self, url: str) -> None:
        """Return once `url` answers anything; raise EmulatorError, with the log's end, where it doesn't."""
        end = time.monotonic() + HEALTHY_WITHIN_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if _answers(url):
                return
            time.sleep(0.1)
        raise EmulatorError(f"{self.name} did not start:\n{tail(self.log)}")

    def stop(self) -> None:
        """End the whole group; returns when none of it is left."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
            end = time.monotonic() + STOP_WITHIN_S
            while time.monotonic() < end:
                self._process.poll()
                if not self.is_running():
                    break
                time.sleep(0.05)
        if self._process.stdin:
            self._process.stdin.close()
        if self.is_running():
            raise EmulatorError(f"{self.name} (process group {self._process.pid}) could not be stopped")

    def is_running(self) -> bool:
        """Whether any process of the group is left."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def uninterrupted() -> Iterator[None]:
    """No Ctrl-C while this lasts: whoever presses it twice would leave half of the emulators running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 40) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def run(command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path) -> None:
    """Run a command to its end; raise EmulatorError, with its output, where it fails.

    It gets a process group of its own, which is killed where we are interrupted: `sam build` runs pip.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if status:
        raise EmulatorError(f"{' '.join(command[:2])} failed ({status}):\n{tail(log)}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
