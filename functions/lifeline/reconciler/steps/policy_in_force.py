"""Which policy is in force: the parameter's, or the last valid one while that is wrong; never a wrong one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lifeline.adapters.store.policy import Document, Known, Refused
from lifeline.core.errors import InvalidInputError, TerminalError, TransientError
from lifeline.core.network.model import Catalog
from lifeline.core.notices.policy import Problem
from lifeline.core.policy.policy import Policy, simple_policy
from lifeline.core.policy.service_names import known_names
from lifeline.runtime.settings import StackSettings

UNREADABLE = "PolicyParameter"  # the field where there is no document to speak of: the template's parameter


class Store(Protocol):
    """Where the document comes from, and where the last valid one is kept: `PolicyStore`, or memory in a test."""

    def read(self, parameter_name: str) -> Document:
        """The parameter's newest version. Raises TransientError or TerminalError."""

    def load(self) -> Known:
        """What the ledger keeps."""

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        """Keeps the last valid document."""

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        """Keeps what is wrong, and whether people know."""

    def close(self, refused: Refused, *, now: datetime) -> None:
        """Keeps that it is no longer wrong."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The policy in force, or None where nothing may be applied, and what is wrong if it isn't the parameter's."""

    policy: Policy | None
    problem: Problem | None = None


def stacks_policy(settings: StackSettings) -> Policy:
    """The policy of stacks without a parameter for it: what RequiredServices asks for, and defaults for all else.

    Raises InvalidInputError for an invalid document, which only whoever runs the handler by hand can give.
    """
    policy = simple_policy(settings.required_services)
    return _read_policy(settings.policy_document, policy) if settings.policy_document else policy


def current_policy(
    parameter_name: str, fallback: Policy, store: Store, catalog: Callable[[], Catalog] = Catalog, *, now: datetime
) -> PolicyInForce:
    """The policy in force: `fallback` if no parameter is named, else the parameter's, else the last valid one.

    A new document must name services that the region's catalog has. One that was valid stays so: services may be
    withdrawn, and while the catalog can't be read, a document is neither refused for its names nor accepted again.
    Raises TransientError or TerminalError where the ledger can't be read or written: a run needs it anyway.
    """
    if not parameter_name:
        return PolicyInForce(fallback)
    known = store.load()  # first: a document that another run keeps after this is newer than the one read here
    try:
        document = store.read(parameter_name)
    except TransientError as error:
        return _do_without(Refused(0, UNREADABLE, str(error)), known, fallback, store, now=now, is_passing=True)
    except TerminalError as error:
        return _do_without(Refused(0, UNREADABLE, str(error)), known, fallback, store, now=now)
    try:
        policy = _read_policy(document.text, fallback)
        _check_names(document, known, catalog)
    except InvalidInputError as error:
        return _do_without(Refused(document.version, error.field, error.message), known, fallback, store, now=now)
    if document != known.last_valid:
        store.keep(document, instead_of=known.last_valid, now=now)
    if known.refused:
        store.close(known.refused, now=now)
    return PolicyInForce(policy)


def _check_names(document: Document, known: Known, catalog: Callable[[], Catalog]) -> None:
    """Nothing, unless the document is new and names services that the catalog hasn't, or was refused before and the
    catalog can't be read now.
    """
    if known.last_valid and document.text == known.last_valid.text:
        return
    names = known_names(_read(catalog))
    if names is not None:
        from lifeline.core.policy.reading import check_services  # noqa: PLC0415 - as below

        check_services(document.text, names)
    elif known.refused and known.refused.version == document.version:
        raise InvalidInputError(known.refused.field, known.refused.message)


def _read(catalog: Callable[[], Catalog]) -> Catalog:
    """The region's endpoint services; none while they can't be read."""
    try:
        return catalog()
    except (TransientError, TerminalError) as error:
        return Catalog(why_unread=str(error))


def mark_notified(problem: Problem, store: Store, *, now: datetime) -> None:
    """Keeps that people know of the problem: call it once the notice is sent."""
    store.write_down(Refused(problem.version, problem.field, problem.message, is_notified=True), now=now)


def _do_without(
    refused: Refused, known: Known, fallback: Policy, store: Store, *, now: datetime, is_passing: bool = False
) -> PolicyInForce:
    policy = _last_valid(known, fallback)
    stands = refused.is_same_as(known.refused)
    is_notified = known.refused is not None and stands and known.refused.is_notified
    is_news = not is_notified and not (is_passing and policy)
    if is_news and not stands:
        store.write_down(refused, now=now)
    in_force = known.last_valid.version if policy and known.last_valid else 0
    return PolicyInForce(policy, Problem(refused.field, refused.message, refused.version, in_force, is_news))


def _last_valid(known: Known, fallback: Policy) -> Policy | None:
    """The last valid policy; None where there is none, or where a newer Lifeline no longer takes it for one."""
    try:
        return _read_policy(known.last_valid.text, fallback) if known.last_valid else None
    except InvalidInputError:
        return None


def _read_policy(text: str, fallback: Policy) -> Policy:
    from lifeline.core.policy.reading import read_policy  # noqa: PLC0415 - most stacks have no document

    return read_policy(text, fallback.rules)
