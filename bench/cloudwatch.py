"""A CloudWatch for measuring: GetMetricData over HTTP on loopback, with a datapoint for every series and whole minute.

It answers as CloudWatch's JSON protocol does, so that parsing costs what it costs.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue

POINTS = 7


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = _answer(body.count(b'"MetricStat"'))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def _answer(series: int) -> bytes:
    minute = time.time() // 60 * 60 - 60
    points = {
        "Label": "mem_used_percent",
        "Timestamps": [minute - 60 * back for back in range(POINTS)],
        "Values": [1.0] * POINTS,
        "StatusCode": "Complete",
    }
    return json.dumps({"MetricDataResults": [{"Id": f"q{number}", **points} for number in range(series)]}).encode()


def _serve(ports: "Queue[int]") -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    ports.put(server.server_port)
    server.serve_forever()


@contextmanager
def serving() -> Iterator[str]:
    """Its address, while the block lasts; in a process of its own, so that its memory isn't measured."""
    ports: Queue[int] = Queue()
    process = Process(target=_serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}"
    finally:
        process.terminate()
        process.join()
