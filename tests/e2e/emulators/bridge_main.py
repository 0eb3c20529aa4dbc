"""Forwards connections, in both ways: `bridge_main.py FROM TO [FROM TO …]`, each `unix:/path` or `tcp:address:port`.

A container has a loopback address of its own, and the emulators listen on this machine's alone. So one of these runs
here and listens on a socket in a folder; another runs in a container that has the folder, and listens on the
container's address. Nothing of it can be reached from another machine. Only the standard library is used: a Lambda
image has no more.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _open(address: str) -> Streams:
    kind, _, where = address.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    host, port = where.rsplit(":", 1)
    return await asyncio.open_connection(host, int(port))


async def _listen(address: str, handle: Callable[..., Awaitable[None]]) -> None:
    kind, _, where = address.partition(":")
    if kind == "unix":
        await asyncio.start_unix_server(handle, where)
        return
    host, port = where.rsplit(":", 1)
    await asyncio.start_server(handle, host, int(port))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _forward(source: str, target: str) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await _open(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    await _listen(source, handle)


async def _run(addresses: list[str]) -> None:
    for source, target in zip(addresses[::2], addresses[1::2], strict=True):
        await _forward(source, target)
    await asyncio.Event().wait()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_run(sys.argv[1:]))
