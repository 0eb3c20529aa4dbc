"""The document in Parameter Store, and what the ledger keeps of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.adapters.store.policy import Document, Known, PolicyStore, Refused
from lifeline.core.errors import TerminalError, TransientError
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "/lifeline/policy"
REFUSED = Refused(7, "rules[0].require[1]", "must be a service")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def store(world: World) -> PolicyStore:
    return PolicyStore("ledger")


def write(text: str, kind: str = "String") -> None:
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name=NAME, Value=text, Type=kind, Overwrite=True)  # type: ignore[arg-type]


def test_a_document_comes_with_its_version(store: PolicyStore) -> None:
    write("{}")
    write('{"version": 1}')
    assert store.read(NAME) == Document('{"version": 1}', 2)


def test_a_missing_parameter_is_for_a_person_to_mend(store: PolicyStore) -> None:
    with pytest.raises(TerminalError, match="/lifeline/policy could not be read: ParameterNotFound"):
        store.read(NAME)


def test_an_encrypted_parameter_is_refused_in_words(store: PolicyStore) -> None:
    write("{}", "SecureString")
    with pytest.raises(TerminalError, match="/lifeline/policy is a SecureString; a policy is a String"):
        store.read(NAME)


def test_throttling_passes(world: World) -> None:
    ssm = boto3.client("ssm")
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", "ThrottlingException", http_status_code=400)
        with pytest.raises(TransientError, match="could not be read: ThrottlingException"):
            PolicyStore("ledger", ssm=ssm).read(NAME)


def test_nothing_is_known_at_first(store: PolicyStore) -> None:
    assert store.load() == Known()


def test_the_last_valid_document_is_kept_for_good(store: PolicyStore, world: World) -> None:
    first, second, third = Document("{}", 1), Document("[]", 2), Document("null", 3)
    store.keep(first, instead_of=None, now=NOW)
    store.keep(second, instead_of=first, now=NOW)
    store.keep(third, instead_of=second, now=NOW)
    assert store.load() == Known(last_valid=third)
    (item,) = (item for item in world.dynamodb.scan(TableName="ledger")["Items"] if item["pk"] == {"S": "POLICY"})
    assert (item["pk"], item["sk"]) == ({"S": "POLICY"}, {"S": "LAST_VALID"})
    assert item["kept_at"] == {"S": "2026-11-22T12:00:00+00:00"}
    assert "expires_at" not in item


def test_what_another_run_kept_meanwhile_stays(store: PolicyStore) -> None:
    first, second, third = Document("{}", 1), Document("[]", 2), Document("null", 3)
    store.keep(first, instead_of=None, now=NOW)
    store.keep(third, instead_of=first, now=NOW)
    store.keep(second, instead_of=first, now=NOW)
    store.keep(second, instead_of=None, now=NOW)
    assert store.load().last_valid == third


def test_a_refusal_is_kept_until_it_is_over(store: PolicyStore, world: World) -> None:
    store.write_down(REFUSED, now=NOW)
    assert store.load() == Known(refused=REFUSED)
    notified = Refused(REFUSED.version, REFUSED.field, REFUSED.message, is_notified=True)
    store.write_down(notified, now=NOW)
    assert store.load() == Known(refused=notified)
    assert REFUSED.is_same_as(notified)
    store.close(notified, now=NOW)
    assert store.load() == Known()
    (item,) = (item for item in world.dynamodb.scan(TableName="ledger")["Items"] if item["pk"] == {"S": "POLICY"})
    assert (item["sk"], item["over_at"]) == ({"S": "REFUSED"}, {"S": "2026-11-22T12:00:00+00:00"})


def test_a_ledger_that_cant_be_reached_is_an_error(world: World) -> None:
    with pytest.raises(TerminalError, match="ledger: read the policy: ResourceNotFound"):
        PolicyStore("no-such-table").load()
    with pytest.raises(TerminalError, match="ledger: keep the policy: ResourceNotFound"):
        PolicyStore("no-such-table").keep(Document("{}", 1), instead_of=None, now=NOW)
