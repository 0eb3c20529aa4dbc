"""moto, entered and left quickly: what doesn't differ between two tests is made once.

A test's time went into making boto3 clients (their models are parsed for each), and into work that moto repeats for
each test or each call. `emulated_aws` is `mock_aws` without that; an account is as empty in it as in `mock_aws`.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock, RLock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore import session
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.model import ServiceModel
from botocore.session import Session
from moto import mock_aws
from moto.core import models, responses
from moto.core.base_backend import BaseBackend
from moto.core.botocore_stubber import BotocoreStubber
from moto.sns import models as sns
from moto.sns.models import Subscription
from moto.sqs import models as sqs

from lifeline.adapters.aws import clients
from lifeline.adapters.store import table
from tests.support.emulator_answers import prepare_answers
from tests.support.emulator_calls import prepare_calls, unsigned
from tests.support.emulator_items import prepare_items
from tests.support.emulator_requests import prepare_requests

_ATTACHED = "_make_api_call"  # what `StrictAccount.attach` puts over a client's own method


class Clients:
    """boto3's clients, kept from test to test. One with a stand-in attached to it is handed to nobody else."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: defaultdict[object, list[tuple[Any, object]]] = defaultdict(list)
        self._make: Callable[..., Any] = boto3.client

    def client(self, service: str, **settings: Any) -> Any:
        """What `boto3.client` would make here and now: its arguments and the environment decide."""
        arguments = tuple((name, value if isinstance(value, str) else id(value)) for name, value in settings.items())
        environment = tuple((name, os.environ[name]) for name in os.environ if name.startswith("AWS_"))
        key = (service, frozenset(arguments), frozenset(environment))
        with self._lock:
            for made, _ in self._made[key]:
                if _ATTACHED not in vars(made):
                    return made
            made = self._make(service, **settings)
            agent = made._user_agent_creator.to_string()
            made._user_agent_creator.to_string = lambda: agent  # it is put together for each call
            self._made[key].append((made, settings))  # the settings live on: an id names one of two that live
            return made

    create_client = client  # as botocore's session calls it

    @staticmethod
    def get_component(name: str) -> Any:
        """A part of botocore that sessions share."""
        return _session().get_component(name)

    def detach(self) -> None:
        """Gives all clients back to moto alone."""
        for made, _ in (one for several in self._made.values() for one in several):
            vars(made).pop(_ATTACHED, None)


@cache
def _session() -> Session:
    return Session()


_CLIENTS = Clients()


@contextmanager
def emulated_aws() -> Iterator[None]:
    """An empty AWS: `mock_aws`, in which boto3's clients are the ones of the tests before."""
    no_images = {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}  # moto makes 1,300 of them for each test
    with (
        patch.dict(os.environ, no_images),
        mock_aws(),
        unsigned(),
        patch.object(boto3, "client", _CLIENTS.client),
        patch.object(clients, "session", cache(lambda: _CLIENTS)),
    ):
        clients.client.cache_clear()
        try:
            yield
        finally:
            clients.client.cache_clear()
            table.SEEN.clear()
            _CLIENTS.detach()


class _Key:
    """In the place of a key with which moto would sign."""

    def public_key(self) -> None: ...

    def sign(self, *_: object) -> bytes:
        return b""


class _Certificate:
    """In the place of a certificate, and of what it is made with step by step."""

    def public_bytes(self, _: object) -> bytes:
        return b""

    def __getattr__(self, _: str) -> Callable[..., Any]:
        return lambda *_: self


def _prepare() -> None:
    """Lets moto keep what it would work out again for each call or each test, and which never differs."""
    # AWS carries out each call as a whole, a conditional write above all. moto doesn't: calls of threads take turns.
    process, turn = BotocoreStubber.process_request, RLock()
    catalogs: dict[tuple[str, str], Any] = {}

    def process_alone(self: BotocoreStubber, request: Any) -> Any:
        # The region's endpoint services: moto's own, of which it writes hundreds for each call.
        asks_for_catalog = "://ec2." in request.url and "Action=DescribeVpcEndpointServices&" in str(request.body)
        with turn:
            if not asks_for_catalog:
                return process(self, request)
            asked = (request.url, str(request.body))
            if asked not in catalogs:
                catalogs[asked] = process(self, request)
            return catalogs[asked]

    BotocoreStubber.process_request = process_alone
    # The names of a class's methods, for each call. A test may teach the class another one.
    names = responses.method_names_from_class
    names_of = cache(lambda clazz, _methods: names(clazz))
    responses.method_names_from_class = lambda clazz: names_of(clazz, len(vars(clazz)))
    responses.camelcase_to_underscores = cache(responses.camelcase_to_underscores)
    sqs.camelcase_to_underscores = responses.camelcase_to_underscores
    # A key for each subscription, and a certificate for each message. Nobody looks at the signature.
    Subscription.private_key = lambda _: _Key()
    x509 = SimpleNamespace(CertificateBuilder=_Certificate, random_serial_number=lambda: 1)
    notices: Any = sns
    notices.cryptography = SimpleNamespace(x509=x509)
    # What a test leaves, moto fills anew and throws away: the default VPC with its subnets, and so on.
    BaseBackend.reset = lambda _: None
    # 644 patterns of URLs for whoever calls AWS with `requests`. boto3 doesn't.
    models.RESPONSES_METHODS.clear()


def _prepare_clients() -> None:
    """Lets botocore, in this process, read a service's model once, and make the class of its clients once. Sessions, of
    which each account and region may have one, would do so for each client, and keep what they read.
    """
    sessions: Any = session
    sessions.create_loader = cache(sessions.create_loader)
    creator: Any = ClientCreator
    load, create_class = creator._load_service_model, creator._create_client_class
    kept: dict[int, ServiceModel] = {}
    classes: dict[tuple[ServiceModel, object], type] = {}

    def load_once(self: Any, *named: Any) -> ServiceModel:
        model = load(self, *named)
        return kept.setdefault(id(model._service_description), model)

    def create_class_once(self: Any, service: str, model: ServiceModel) -> type:
        key = (model, creator._create_api_method)  # which `calls_made` replaces
        if key not in classes:
            classes[key] = create_class(self, service, model)
        return classes[key]

    creator._load_service_model, creator._create_client_class = load_once, create_class_once
    # Each client has its own memory of events' names, of which all are made by the same rules.
    aliaser: Any = EventAliaser
    alias, names = aliaser._alias_event_name, dict[str, str]()
    aliaser._alias_event_name = lambda self, name: names.get(name) or names.setdefault(name, alias(self, name))


prepare_requests()
prepare_calls()
prepare_answers()
prepare_items()
_prepare()
_prepare_clients()
