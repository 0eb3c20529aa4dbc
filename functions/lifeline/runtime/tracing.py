"""Parts of a run in its X-Ray trace, without the X-Ray SDK, whose import alone took 0.2 s and more."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

_HEADER = b'{"format": "json", "version": 1}\n'
_within: ContextVar[str] = ContextVar("_within", default="")


@dataclass(slots=True)
class Subsegment:
    """One part while it runs; `numbers` are what it counted, by which traces can be searched."""

    numbers: dict[str, float] = field(default_factory=dict)


@contextmanager
def subsegment(name: str) -> Iterator[Subsegment]:
    """The block as a part of the invocation's trace, below the part that it runs in; a fault where it raises.

    Nothing is sent where this invocation isn't sampled, or where there is no daemon, as under `sam local invoke`. What
    is sent may be lost, and stops nothing (X-Ray guide: sending segment documents to the daemon).
    """
    part, id_, started, fault = Subsegment(), token_hex(8), time.time(), True
    above = _within.get()
    token = _within.set(id_)
    try:
        yield part
        fault = False
    finally:
        _within.reset(token)
        _send({"name": name, "id": id_, "start_time": started, "end_time": time.time()}, part, above, fault=fault)


def _send(document: dict[str, Any], part: Subsegment, above: str, *, fault: bool) -> None:
    address, trace = _daemon(), _trace()
    if address is None or trace.get("Sampled") != "1" or not {"Root", "Parent"} <= trace.keys():
        return
    document |= {"type": "subsegment", "trace_id": trace["Root"], "parent_id": above or trace["Parent"]}
    document |= {"annotations": part.numbers} if part.numbers else {}
    document |= {"fault": True} if fault else {}
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.settimeout(0)
            daemon.sendto(_HEADER + json.dumps(document).encode(), address)
    except OSError:
        return  # a trace is a convenience: without it the log still has each part's seconds


def _trace() -> dict[str, str]:
    """What Lambda says of this invocation's trace: `Root=1-…;Parent=…;Sampled=1` (Lambda guide: X-Ray)."""
    parts = (part.partition("=") for part in os.environ.get("_X_AMZN_TRACE_ID", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in parts}


def _daemon() -> tuple[str, int] | None:
    """Where the daemon listens, as Lambda says; None elsewhere, in a local run, and where tracing is off."""
    is_off = os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in {"1", "true"}
    if is_off or os.environ.get("AWS_SAM_LOCAL") == "true":
        return None
    host, _, port = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "").partition(":")
    return (host, int(port)) if host and port.isdecimal() else None
