"""One invocation of DetectMetricGaps in this process, for `minute.py`: the event comes in, what it took goes out."""

import json
import resource
import sys
import time
import uuid
from dataclasses import dataclass, field

from timing import peak_mb

from lifeline.handlers.detect_metric_gaps import handler


@dataclass
class Context:
    """What Lambda says of an invocation."""

    function_name: str = "DetectMetricGaps"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:DetectMetricGaps"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def main() -> None:
    event = json.load(sys.stdin)
    started = time.perf_counter()
    answer = handler(event, Context())
    took, used = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": took, "cpu": cpu, "mb": peak_mb(), "answer": answer}))


if __name__ == "__main__":
    main()
