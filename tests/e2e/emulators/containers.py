"""Containers that can reach the emulated account: for `sam local invoke`, which runs each function in one."""

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.emulators.processes import EmulatorError, Server

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
IMAGE = f"public.ecr.aws/lambda/python:3.13-{_ARCHITECTURES.get(platform.machine(), platform.machine())}"
_BRIDGE = Path(__file__).with_name("bridge_main.py")


def why_not() -> str:
    """Why no function can run in a container here; empty where one can."""
    if sys.platform != "linux":
        return "the bridge to the emulators needs Linux"
    if not _succeeds("docker", "info"):
        return "no Docker engine answers (docker info)"
    if not _succeeds("docker", "image", "inspect", IMAGE):
        return f"the image {IMAGE} is missing (docker pull {IMAGE})"
    return ""


@contextmanager
def reachable_from_containers(urls: list[str], environment: Mapping[str, str], logs: Path) -> Iterator[dict[str, str]]:
    """For each URL on 127.0.0.1, the one by which containers reach the same server, as long as the block lasts."""
    # A socket's path must be short, and the repository may lie deep.
    with tempfile.TemporaryDirectory(prefix="lifeline-") as folder:
        ports = [url.rpartition(":")[2] for url in urls]
        here = [part for port in ports for part in (f"unix:{folder}/{port}", f"tcp:127.0.0.1:{port}")]
        there = [part for port in ports for part in (f"tcp:0.0.0.0:{port}", f"unix:/sockets/{port}")]
        container_id = Path(folder) / "container"
        docker = [
            "docker",
            "run",
            "--rm",
            "--interactive",
            "--cidfile",
            str(container_id),
            "--entrypoint",
            "python3.13",
        ]
        docker += ["--volume", f"{folder}:/sockets", "--volume", f"{_BRIDGE}:/bridge_main.py:ro", IMAGE]
        servers = [Server("bridge", [sys.executable, str(_BRIDGE), *here], environment, logs / "bridge.log", logs)]
        try:
            command = [*docker, "/bridge_main.py", *there]
            servers.append(Server("bridge's container", command, environment, logs / "bridge-container.log", logs))
            address = _address(container_id)
            yield {url: f"http://{address}:{port}" for url, port in zip(urls, ports, strict=True)}
        finally:
            for server in reversed(servers):
                server.stop()


def _address(container_id: Path) -> str:
    """The container's address on Docker's bridge, once it has one."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    for _ in range(100):
        if container_id.exists() and (found := container_id.read_text(encoding="utf-8")):
            command = ["docker", "inspect", "--format", template, found]
            asked = subprocess.run(command, capture_output=True, text=True, check=False)
            if address := asked.stdout.strip():
                return address
        time.sleep(0.1)
    raise EmulatorError("the bridge's container got no address")


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
