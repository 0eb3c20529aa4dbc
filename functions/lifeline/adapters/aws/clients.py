"""The clients of AWS's services, made once a container, with timeouts that fit into a Lambda's life.

They are botocore's, the very ones that boto3 hands out. boto3 itself would add 65 modules for S3 transfers to each
cold start, and nothing else that is used here (docs/adr/0021).
"""

from collections.abc import Callable
from functools import cache, partial
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.session import Session

from lifeline.adapters.aws.calls import aws_errors

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=3,
    read_timeout=15,
    max_pool_connections=16,
    user_agent_extra="lifeline",
)
_SHARED = ("data_loader", "endpoint_resolver", "exceptions_factory")
_LONGEST_NAME = 64  # IAM API: AssumeRole, RoleSessionName


type ClientOf = Callable[[str], Any]
"""The client for a service: `client`, or those of a member account."""


@cache
def session() -> Session:
    """What makes the clients. The environment says the region and the credentials, as for every AWS SDK."""
    return Session()


class _Made:
    """The one client for each service. Threads may share a client, but not a session that makes one (boto3 guide:
    multithreading): one that asks meanwhile waits.
    """

    def __init__(self, session_of: Callable[[], Session]) -> None:
        self._session_of = session_of
        self._made: dict[str, Any] = {}
        self._making = Lock()

    def __call__(self, service: str) -> Any:
        with self._making:
            if service not in self._made:
                self._made[service] = self._session_of().create_client(service, config=_CONFIG)
            return self._made[service]

    def cache_clear(self) -> None:
        """Forget the clients: the next are made anew."""
        self._made.clear()


# Whatever `session` is when a client is made. The SDKs' AWS_ENDPOINT_URL variables point it elsewhere for local runs.
client = _Made(lambda: session())  # noqa: PLW0108


class LateClient:
    """The client for a service, made when it is first called: a cold start doesn't pay for what few runs need."""

    def __init__(self, service: str, client_of: ClientOf = client) -> None:
        self._service, self._client_of = service, client_of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client_of(self._service), name)


class MemberClients:
    """The clients of a member account: each is made once, and acts with the role there, never with the functions' own.

    The session shares the loader, the endpoint rules and the exceptions of the functions' own: by itself, it would take
    27 MB and 160 ms an account (docs/adr/0022).
    """

    def __init__(self, role_arn: str, session_name: str) -> None:
        self._session, self._role_arn = Session(), role_arn
        for part in _SHARED:
            self._session.register_component(part, session().get_component(part))
        assume = partial(_assume, role_arn, session_name[:_LONGEST_NAME])
        self._credentials = DeferredRefreshableCredentials(assume, "sts-assume-role")
        self._session._credentials = self._credentials  # type: ignore[attr-defined]  # noqa: SLF001 - no other door
        self._made = _Made(lambda: self._session)

    def __call__(self, service: str) -> Any:
        """The account's client for a service."""
        return self._made(service)

    def in_region(self, region: str) -> ClientOf:
        """What makes the account's clients for another region. They aren't kept."""
        return partial(self._session.create_client, region_name=region, config=_CONFIG)

    def enter(self) -> None:
        """Assumes the role, unless that was done within the hour.

        Raises TransientError or TerminalError, with STS's code, where it can't be assumed.
        """
        with aws_errors(f"assume {self._role_arn}"):
            self._credentials.get_frozen_credentials()

    def leave(self) -> None:
        """Forgets the session, so that the next call assumes the role anew: it may be gone, or another by now."""
        self._credentials._frozen_credentials = None  # type: ignore[attr-defined]  # noqa: SLF001 - no other door


def in_region(of_account: ClientOf, region: str) -> ClientOf:
    """What makes an account's clients for another region than the functions' own. They aren't kept."""
    there = getattr(of_account, "in_region", None)  # a function has none
    return there(region) if there else partial(session().create_client, region_name=region, config=_CONFIG)


def _assume(role_arn: str, session_name: str) -> dict[str, str]:
    """Credentials of the role for an hour, the most that a chained role gets (IAM API: AssumeRole).

    STS's regional endpoint gives them, because the tokens of the global one don't hold in opt-in regions (IAM guide:
    managing AWS STS in an AWS Region); botocore takes it by itself.
    """
    credentials = client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session_name)["Credentials"]
    return {
        "access_key": credentials["AccessKeyId"],
        "secret_key": credentials["SecretAccessKey"],
        "token": credentials["SessionToken"],
        "expiry_time": credentials["Expiration"].isoformat(),
    }
