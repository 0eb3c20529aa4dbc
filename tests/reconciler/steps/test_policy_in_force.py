"""Which policy is in force, what people are told of a wrong one, and that docs/policy.md says what the schema says."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import pytest

from lifeline.adapters.store.policy import Document, Known, Refused
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import Catalog, Tier
from lifeline.core.notices.notice import subject_line
from lifeline.core.notices.policy import Problem, policy_notice
from lifeline.core.policy.policy import desired, simple_policy
from lifeline.core.policy.reading import read_policy
from lifeline.core.policy.service_sets import NAMED_SETS
from lifeline.core.severity import Severity
from lifeline.reconciler.steps.policy_in_force import PolicyInForce, current_policy, mark_notified
from tests.support.builders import CATALOG, subnet, vpc
from tests.support.repository import ROOT

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "/lifeline/policy"
FALLBACK = simple_policy(["monitoring"])
VALID = '{"version": 1, "rules": [{"require": ["logs"]}]}'
WRONG = '{"version": 1, "rules": [{"require": ["logs", "set:x"]}]}'


@dataclass
class MemoryStore:
    """A store without AWS, which notes what is written when."""

    says: Document | LifelineError
    known: Known = field(default_factory=Known)
    writes: list[tuple[str, datetime]] = field(default_factory=list)

    def read(self, parameter_name: str) -> Document:
        assert parameter_name == NAME
        if isinstance(self.says, LifelineError):
            raise self.says
        return self.says

    def load(self) -> Known:
        return self.known

    def keep(self, document: Document, *, instead_of: Document | None, now: datetime) -> None:
        assert instead_of == self.known.last_valid
        self.known = replace(self.known, last_valid=document)
        self.writes.append(("keep", now))

    def write_down(self, refused: Refused, *, now: datetime) -> None:
        self.known = replace(self.known, refused=refused)
        self.writes.append(("write down", now))

    def close(self, refused: Refused, *, now: datetime) -> None:
        assert refused == self.known.refused
        self.known = replace(self.known, refused=None)
        self.writes.append(("close", now))


def decide(store: MemoryStore) -> PolicyInForce:
    return current_policy(NAME, FALLBACK, store, now=NOW)


def problem_of(store: MemoryStore) -> Problem:
    found = decide(store).problem
    assert found
    return found


def notify(store: MemoryStore) -> None:
    mark_notified(problem_of(store), store, now=NOW)


def test_without_a_parameter_the_templates_parameters_are_the_policy() -> None:
    store = MemoryStore(TerminalError("not asked"))
    assert current_policy("", FALLBACK, store, now=NOW) == PolicyInForce(FALLBACK)


def test_a_valid_document_is_in_force_and_kept_once() -> None:
    store = MemoryStore(Document(VALID, 3))
    assert decide(store) == decide(store) == PolicyInForce(read_policy(VALID))
    assert (store.known.last_valid, store.writes) == (Document(VALID, 3), [("keep", NOW)])


def test_a_parameter_that_was_made_anew_is_kept_anew() -> None:
    store = MemoryStore(Document(VALID, 1), Known(last_valid=Document('{"version": 1, "rules": []}', 1)))
    decide(store)
    assert store.known.last_valid == Document(VALID, 1)


def test_a_wrong_document_leaves_the_last_valid_one_in_force() -> None:
    store = MemoryStore(Document(WRONG, 4), Known(last_valid=Document(VALID, 3)))
    found = decide(store)
    assert found.policy == read_policy(VALID)
    assert found.problem
    assert (found.problem.field, found.problem.version, found.problem.in_force) == ("rules[0].require[1]", 4, 3)
    assert store.known.last_valid == Document(VALID, 3)


def test_without_a_valid_document_nothing_is_applied() -> None:
    found = decide(MemoryStore(Document(WRONG, 1)))
    assert found.policy is None
    assert found.problem
    assert found.problem.in_force == 0


def test_a_kept_document_that_a_newer_lifeline_cant_read_is_not_used() -> None:
    found = decide(MemoryStore(Document(WRONG, 4), Known(last_valid=Document('{"version": 0}', 3))))
    assert found.policy is None
    assert found.problem
    assert found.problem.in_force == 0


def test_a_refused_version_is_news_until_it_is_told() -> None:
    store = MemoryStore(Document(WRONG, 4), Known(last_valid=Document(VALID, 3)))
    assert problem_of(store).is_news
    assert problem_of(store).is_news  # the notice could not be sent
    notify(store)
    assert not problem_of(store).is_news
    assert store.writes == [("write down", NOW)] * 2


def test_each_refused_version_is_news() -> None:
    store = MemoryStore(Document(WRONG, 4))
    notify(store)
    store.says = Document(WRONG, 5)
    assert problem_of(store).is_news


def test_once_mended_the_same_is_news_again() -> None:
    store = MemoryStore(TerminalError("/lifeline/policy could not be read: ParameterNotFound"))
    notify(store)
    assert not problem_of(store).is_news
    store.says = Document(VALID, 1)
    assert decide(store).problem is None
    store.says = TerminalError("/lifeline/policy could not be read: ParameterNotFound")
    assert problem_of(store).is_news


def test_a_missing_parameter_leaves_the_last_valid_document_in_force() -> None:
    store = MemoryStore(
        TerminalError("/lifeline/policy could not be read: ParameterNotFound"), Known(Document(VALID, 3))
    )
    found = decide(store)
    assert found == PolicyInForce(
        read_policy(VALID),
        Problem("PolicyParameter", "/lifeline/policy could not be read: ParameterNotFound", 0, 3, is_news=True),
    )


def test_throttling_is_no_news_while_a_valid_document_bridges_it() -> None:
    store = MemoryStore(TransientError("throttled"), Known(last_valid=Document(VALID, 3)))
    found = decide(store)
    assert found.policy == read_policy(VALID)
    assert found.problem == Problem("PolicyParameter", "throttled", 0, 3, is_news=False)
    assert store.writes == []


def test_throttling_without_a_valid_document_is_news() -> None:
    found = decide(MemoryStore(TransientError("throttled")))
    assert found.policy is None
    assert found.problem
    assert found.problem.is_news


def test_throttling_in_between_doesnt_make_a_told_refusal_news() -> None:
    store = MemoryStore(Document(WRONG, 4), Known(last_valid=Document(VALID, 3)))
    notify(store)
    store.says = TransientError("throttled")
    decide(store)
    store.says = Document(WRONG, 4)
    assert not problem_of(store).is_news


def test_the_notice_names_the_field_and_what_holds_meanwhile() -> None:
    notice = policy_notice(
        problem_of(MemoryStore(Document(WRONG, 4), Known(last_valid=Document(VALID, 3)))), "/lifeline/policy"
    )
    assert notice.subject == "[lifeline] policy version 4 rejected: rules[0].require[1]"
    assert notice.text == (
        "Lifeline rejected version 4 of the policy in the SSM parameter /lifeline/policy:\n"
        "  rules[0].require[1]: must be a service such as monitoring or ecr.api, or a\n"
        "   named set such as cloudwatch-agent, not 'set:x'\n\n"
        "Version 3, the last valid one, stays in effect.\n\n"
        "Next: Fix this field and update /lifeline/policy. The new version will take\n"
        "effect on the next run. To see who changed it last:\n"
        "    aws ssm get-parameter-history --name /lifeline/policy \\\n"
        "      --query 'Parameters[-1].[LastModifiedUser,LastModifiedDate]'\n"
    )
    assert (notice.kind, notice.severity) == ("policy", Severity.WARNING)
    assert json.loads(json.dumps(notice.facts))["field"] == "rules[0].require[1]"


def test_the_notice_says_where_nothing_is_applied() -> None:
    notice = policy_notice(
        problem_of(MemoryStore(TerminalError("/lifeline/policy could not be read: AccessDenied"))), "/lifeline/policy"
    )
    assert notice.subject == subject_line(notice.subject) == "[lifeline] policy parameter cannot be read"
    assert "PolicyParameter: /lifeline/policy could not be read: AccessDenied" in notice.text
    assert "so Lifeline won't change anything until this is fixed." in " ".join(notice.text.split())
    assert notice.severity is Severity.CRITICAL


# ---- docs/policy.md

DOCS = (ROOT / "docs/policy.md").read_text("utf-8")
EXAMPLES = re.findall(r"^### \d\. [^#]*?```json\n(.*?)```", DOCS, re.DOTALL | re.MULTILINE)
SCHEMA: dict[str, Any] = json.loads(files("lifeline").joinpath("policy.schema.json").read_text("utf-8"))


def fields(part: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """Every field of the schema by its path: `rules[].where.tiers`."""
    if "$ref" in part:
        part = SCHEMA["definitions"][part["$ref"].rpartition("/")[2]]
    found = {path: part} if path and not path.endswith("]") else {}
    for name, one in part.get("properties", {}).items():
        found |= fields(one, f"{path}.{name}".lstrip("."))
    if isinstance(part.get("items"), dict):
        found |= {name: one for name, one in fields(part["items"], f"{path}[]").items() if name != path}
    return found


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by what their first cell names."""
    section = DOCS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if "| `" in line]
    return {line[0].strip("| `"): line[1:] for line in cells}


def test_the_docs_explain_every_field_of_the_schema_and_no_other() -> None:
    assert set(rows("Fields")) == set(fields(SCHEMA))


def test_the_docs_give_the_schemas_defaults() -> None:
    for path, part in fields(SCHEMA).items():
        if "default" in part:
            assert rows("Fields")[path][0] == f"`{json.dumps(part['default'])}`", path
    reasons = {"exemptions[].reason", "maintenance[].reason"}
    required = {"version", "rules[].require", "watches[].name", "severities[].severity"} | reasons
    required |= {"central.services", "central.cidrs"}
    assert {path for path, cells in rows("Fields").items() if cells[0] == "required"} == required


def test_the_docs_list_every_named_set_with_its_services() -> None:
    notified = {name: frozenset(re.findall(r"`([^`]+)`", cells[0])) for name, cells in rows("Named sets").items()}
    assert notified == dict(NAMED_SETS)


def test_the_docs_have_seven_examples() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^### \d\. ", DOCS, re.MULTILINE)) == 7


AGENT = {"ec2", "monitoring"}


@pytest.mark.parametrize(
    ("place", "requirements"),
    [
        (0, {"app": AGENT, "batch": AGENT}),
        (1, {"app": AGENT | {"logs"}, "batch": AGENT | {"logs"}}),
        (2, {"app": {"ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"}, "edge": {"sqs"}}),
        (3, {"app": AGENT | {"s3"}, "batch": AGENT | {"s3"}}),
        (4, {}),
        (5, {"app": AGENT | {"sts"}, "batch": AGENT | {"sts"}}),
        (6, {}),
    ],
)
def test_each_example_wants_what_the_docs_say(place: int, requirements: dict[str, set[str]]) -> None:
    network = vpc(
        subnet("app", tags=(("workload", "fargate"),)),
        subnet("batch"),
        subnet("edge", tags=(("workload", "lambda"),)),
        id="vpc-0aaaaaaaaaaaaaaaa",
        tags=(("env", "prod"),),
    )
    tiers = {"subnet-app": Tier.ISOLATED, "subnet-batch": Tier.EGRESS, "subnet-edge": Tier.PUBLIC}
    found: dict[str, set[str]] = {}
    for requirement in desired(read_policy(EXAMPLES[place]), network, tiers, today=date(2026, 11, 22)).requirements:
        assert requirement.per_zone
        for subnet_id in requirement.subnet_ids:
            found.setdefault(subnet_id.removeprefix("subnet-"), set()).add(requirement.service)
    assert found == requirements


# ---- names of services


MISSPELT = '{"version": 1, "rules": [{"require": ["logs", "monitorng"]}]}'


def decide_by(store: MemoryStore, catalog: Catalog | LifelineError) -> PolicyInForce:
    def read() -> Catalog:
        if isinstance(catalog, LifelineError):
            raise catalog
        return catalog

    return current_policy(NAME, FALLBACK, store, read, now=NOW)


def test_a_new_document_that_names_a_service_that_isnt_there_is_wrong() -> None:
    store = MemoryStore(Document(MISSPELT, 4), Known(last_valid=Document(VALID, 3)))
    found = decide_by(store, CATALOG)
    assert found.policy == read_policy(VALID)
    assert found.problem
    assert (found.problem.field, found.problem.is_news) == ("rules[0].require[1]", True)
    assert found.problem.message.endswith("named monitorng; did you mean monitoring?")


def test_a_misspelt_service_of_an_exemption_is_wrong_too() -> None:
    exempting = {"vpc_id": "vpc-0123456789abcdef0", "services": ["loggs"], "reason": "moves"}
    text = json.dumps({"version": 1, "rules": [{"require": ["cloudwatch-agent"]}], "exemptions": [exempting]})
    problem = decide_by(MemoryStore(Document(text, 1)), CATALOG).problem
    assert problem
    assert problem.field == "exemptions[0].services[0]"


@pytest.mark.parametrize("catalog", [CATALOG, Catalog(why_unread="denied"), TransientError("throttled")])
def test_a_document_that_was_valid_stays_so_whatever_the_region_offers_now(catalog: Catalog | LifelineError) -> None:
    store = MemoryStore(Document(MISSPELT, 4), Known(last_valid=Document(MISSPELT, 4)))
    assert decide_by(store, catalog) == PolicyInForce(read_policy(MISSPELT))


def test_while_the_catalog_cant_be_read_a_new_document_is_accepted_and_a_refused_one_stays_refused() -> None:
    unread = Catalog(why_unread="denied")
    assert decide_by(MemoryStore(Document(MISSPELT, 1)), unread).problem is None
    store = MemoryStore(Document(MISSPELT, 4), Known(last_valid=Document(VALID, 3)))
    decide_by(store, CATALOG)
    found = decide_by(store, unread)
    assert found.policy == read_policy(VALID)
    assert found.problem
    assert found.problem.field == "rules[0].require[1]"
