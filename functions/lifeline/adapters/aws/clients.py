"""The clients of AWS's services, made once a container, with timeouts that fit into a Lambda's life.

They are botocore's, the very ones that boto3 hands out. boto3 itself would add 65 modules for S3 transfers to each
cold start, and nothing else that is used here (docs/adr/0021).
"""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.session import Session

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
    max_pool_connections=16,
    user_agent_extra="lifeline",
)


@cache
def session() -> Session:
    """What makes the clients. The environment says the region and the credentials, as for every AWS SDK."""
    return Session()


@cache
def client(service: str) -> Any:
    """The one client for a service. The SDKs' AWS_ENDPOINT_URL variables point it elsewhere for local runs."""
    return session().create_client(service, config=_CONFIG)
