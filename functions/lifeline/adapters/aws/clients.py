"""boto3 clients, made once a container, with timeouts that fit into a Lambda's life."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
    max_pool_connections=16,
    user_agent_extra="lifeline",
)


@cache
def client(service: str) -> Any:
    """The one client for a service. boto3's own AWS_ENDPOINT_URL variables point it elsewhere for local runs."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
