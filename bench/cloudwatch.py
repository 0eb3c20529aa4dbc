"""A CloudWatch for measuring: GetMetricData over HTTP on loopback, with a datapoint for every series and whole minute,
and ListMetrics, 500 series a page, of the agents that it is told of.

It answers as CloudWatch's JSON protocol does, so that parsing costs what it costs.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from typing import Any

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.series import Series

POINTS = 7
_SERIES_A_PAGE = 500

_listed: list[Series] = []


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_list = self.headers["X-Amz-Target"].endswith(".ListMetrics")
        answer = _page(json.loads(body)) if is_list else _answer(body.count(b'"MetricStat"'))
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


def _page(request: dict[str, Any]) -> bytes:
    start = int(request.get("NextToken", "0"))
    end = start + _SERIES_A_PAGE
    metrics = [
        {
            "Namespace": request["Namespace"],
            "MetricName": series.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        }
        for series in _listed[start:end]
    ]
    return json.dumps({"Metrics": metrics, **({"NextToken": str(end)} if end < len(_listed) else {})}).encode()


def _serve(ports: "Queue[int]", agents: Sequence[Agent]) -> None:
    _listed.extend(series for agent in agents if agent.series for series in (agent.series, *agent.others))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    ports.put(server.server_port)
    server.serve_forever()


@contextmanager
def serving(agents: Sequence[Agent] = ()) -> Iterator[str]:
    """Its address, while the block lasts; in a process of its own, so that its memory isn't measured."""
    ports: Queue[int] = Queue()
    process = Process(target=_serve, args=(ports, agents), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=10)}"
    finally:
        process.terminate()
        process.join()
