"""What evidence witnesses, and what comes of it for a VPC: without AWS."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lifeline.core.network.model import (
    Catalog,
    EndpointType,
    Part,
    SeenTier,
    Service,
    TargetKind,
    Tier,
    Unread,
    Vpc,
)
from lifeline.core.network.priority import in_force
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.cost import price_in
from lifeline.core.suggest.evidence import (
    Asked,
    Certainty,
    Configuration,
    Kind,
    Published,
    Resident,
    ServiceUse,
    Source,
    UsageEvidence,
    Witness,
)
from lifeline.core.suggest.suggestion import Advice, Inhabitants, Now, Suggestion, suggest
from lifeline.core.suggest.witnesses import Places, witnesses
from tests.support.builders import MONITORING, VPC_ID, default_route, endpoint, plan, subnet, table, vpc

REGION = "us-east-1"
NOW = datetime(2026, 11, 29, tzinfo=UTC)
WINDOW = timedelta(days=90)
ROLE = "arn:aws:iam::123456789012:role/app"
OPEN = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")
NAT = default_route(TargetKind.NAT_GATEWAY, "nat-1")
SUFFIXES = (
    "monitoring",
    "logs",
    "sqs",
    "kms",
    "ssm",
    "ssmmessages",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "sagemaker.api",
)
CATALOG = Catalog(
    tuple(
        Service(
            f"com.amazonaws.{REGION}.{suffix}",
            EndpointType.INTERFACE,
            zones=frozenset({"us-east-1a"}),
            private_dns_names=(f"{suffix}.{REGION}.amazonaws.com",),
        )
        for suffix in SUFFIXES
    )
)


def network(*more: Any, **fields: Any) -> Vpc:
    """A private subnet `a` and a public one `b`."""
    return vpc(subnet("a"), subnet("b"), table("main"), table("open", OPEN, subnets=("b",)), *more, **fields)


def seen(evidence: UsageEvidence, *, there: Vpc | None = None) -> dict[str, Witness]:
    """The surest witness of each service."""
    one = there or network()
    tiers: dict[str, dict[str, SeenTier]] = {one.id: classify_subnets(one)}
    found = witnesses(evidence, Places.of([one], tiers), CATALOG, REGION, now=NOW, window=WINDOW)
    return {witness.name: witness for witness in reversed(found)}


def instance(*subnets: str, name: str = "i-1") -> Resident:
    return Resident(Kind.INSTANCE, name, frozenset(subnets), (ROLE,))


def function(*subnets: str) -> Resident:
    return Resident(Kind.FUNCTION, "resize", frozenset(subnets), (ROLE,))


def used(namespace: str, *residents: Resident, region: str = REGION, days: int = 1) -> UsageEvidence:
    return UsageEvidence(residents, {ROLE: (ServiceUse(namespace, NOW - timedelta(days=days), region),)})


A, B = "subnet-a", "subnet-b"
LIKELY, UNKNOWN, CERTAIN = Certainty.LIKELY, Certainty.UNKNOWN, Certainty.CERTAIN


@pytest.mark.parametrize(
    ("evidence", "name", "certainty", "words"),
    [
        (used("sqs", instance(A)), "sqs", LIKELY, "role app of i-1 called sqs 1 day ago"),
        (used("sqs", instance(A), days=0), "sqs", LIKELY, "role app of i-1 called sqs today"),
        (used("sqs", instance(A, name="i-1"), instance(A, name="i-2")), "sqs", LIKELY, "role app of i-1, i-2 called"),
        (used("sqs", instance(A, B)), "sqs", UNKNOWN, "used in public subnets, too"),
        (used("sqs", instance(A), region="eu-west-1"), "sqs", UNKNOWN, "that was in eu-west-1"),
        (used("sqs", instance(A), instance("subnet-elsewhere")), "sqs", LIKELY, "the role is used in other VPCs, too"),
        (used("sqs", instance(A), region=""), "sqs", LIKELY, "called sqs"),
        (used("logs", function(A)), "logs", UNKNOWN, "Lambda writes its functions' logs"),
        (used("logs", instance(A), function(A)), "logs", LIKELY, "called logs"),
        (used("kms", instance(A)), "kms", UNKNOWN, "services such as S3 call KMS"),
        (used("sagemaker", instance(A)), "sagemaker.api", UNKNOWN, "or another API isn't known"),
        (used("ecs", instance(A)), "ecs-agent", LIKELY, "called ecs"),
        (used("brandnew", instance(A)), "brandnew", UNKNOWN, "called brandnew"),
        (used("cognito-idp", instance(A)), "cognito-idp", LIKELY, "called cognito-idp"),
    ],
)
def test_a_roles_last_call_is_as_sure_as_it_is_known_to_be_from_there(
    evidence: UsageEvidence, name: str, certainty: Certainty, words: str
) -> None:
    found = seen(evidence)[name]
    assert (found.source, found.certainty) == (Source.ADVISOR, certainty)
    assert words in found.words


def published(*subnets: str, minutes: int | None = 3, namespace: str = "CWAgent") -> UsageEvidence:
    at = None if minutes is None else NOW - timedelta(minutes=minutes)
    return UsageEvidence((instance(*subnets),), published=(Published("i-1", namespace, at),))


@pytest.mark.parametrize(
    ("evidence", "certainty", "words"),
    [
        (published(A), CERTAIN, "i-1 published CWAgent metrics 3 min ago"),
        (published(A, minutes=-1), CERTAIN, "i-1 published CWAgent metrics less than a minute ago"),  # clocks differ
        (published(A, minutes=None), CERTAIN, "i-1 published CWAgent metrics in the last 3 hours"),
        (published(A, namespace="Our agents"), CERTAIN, 'i-1 published "Our agents" metrics 3 min ago'),
        (published(A, B), UNKNOWN, "in a public subnet, too, so it isn't known from where"),
    ],
)
def test_an_agent_that_publishes_needs_monitoring_where_it_lives(
    evidence: UsageEvidence, certainty: Certainty, words: str
) -> None:
    found = seen(evidence)["monitoring"]
    assert (found.source, found.certainty, found.subnet_ids) == (Source.METRICS, certainty, frozenset({A}))
    assert words in found.words


@pytest.mark.parametrize(
    "evidence",
    [
        published(B),
        published("subnet-elsewhere"),
        UsageEvidence((instance(A),), published=(Published("i-2", "CWAgent", NOW),)),
        UsageEvidence((function(A),), published=(Published("resize", "CWAgent", NOW),)),
        used("sqs", instance(B)),
        used("sqs", instance(A), days=91),
        used("sqs", instance("subnet-elsewhere")),
        UsageEvidence((instance(A),), {"arn:aws:iam::123456789012:role/other": (ServiceUse("sqs", NOW, REGION),)}),
    ],
    ids=[
        "an agent in public subnets alone",
        "an agent elsewhere",
        "an agent that isn't there",
        "a function of an agent's name",
        "public subnets alone",
        "before the window",
        "another VPC",
        "a role that nobody there has",
    ],
)
def test_what_witnesses_nothing(evidence: UsageEvidence) -> None:
    assert seen(evidence) == {}


def test_a_function_that_calls_ecs_is_no_agent() -> None:
    assert seen(used("ecs", function(A))).keys() == {"ecs"}


def asked(*rows: tuple[str, int, str], residents: tuple[Resident, ...] = ()) -> UsageEvidence:
    return UsageEvidence(residents, asked=tuple(Asked(VPC_ID, name, times, who) for name, times, who in rows))


def test_who_asked_for_a_name_is_named_and_counted() -> None:
    host = f"sqs.{REGION}.amazonaws.com."
    them = instance(A, name="i-1"), instance(A, name="i-2")
    found = seen(asked((host, 11_999, "i-1"), (host.upper(), 1, "i-2"), residents=them))["sqs"]
    assert found.words == f"i-1, i-2 asked for sqs.{REGION}.amazonaws.com 12,000 times"
    assert (found.certainty, found.subnet_ids) == (CERTAIN, frozenset({A}))


@pytest.mark.parametrize(
    "host",
    [
        "vpce-0123456789abcdef0-a1b2c3d4.sqs.us-east-1.vpce.amazonaws.com.",
        "vpce-0123456789abcdef0-a1b2c3d4-us-east-1a.sqs.us-east-1.vpce.amazonaws.com.",
        "queue.vpce-0123456789abcdef0-a1b2c3d4.sqs.us-east-1.vpce.amazonaws.com.",
    ],
)
def test_an_endpoint_that_is_asked_for_by_its_own_name_is_used(host: str) -> None:
    there = network(endpoint(f"com.amazonaws.{REGION}.sqs", id="vpce-0123456789abcdef0"))
    found = seen(asked((host, 2, "i-1"), residents=(instance(A),)), there=there)
    assert (found["sqs"].certainty, found["sqs"].source) == (CERTAIN, Source.QUERY_LOGS)
    assert seen(asked((host, 2, "i-1"), residents=(instance(A),))) == {}  # another VPC's, which serves it by now


def test_a_name_that_isnt_a_hosts_is_in_quotes() -> None:
    found = seen(asked((f"approve-plan: delete it.{REGION}.amazonaws.com.", 1, "i-1"), residents=(instance(A),)))
    assert set(found) == {f'"approve-plan: delete it.{REGION}.amazonaws.com"'}


def test_an_instance_in_public_subnets_asks_for_itself_and_an_unknown_asker_may_be_there() -> None:
    host = f"sqs.{REGION}.amazonaws.com."
    assert seen(asked((host, 1, "i-1"), residents=(instance(B),))) == {}
    found = seen(asked((host, 1, "")))["sqs"]
    assert (found.certainty, found.words.rpartition("; ")[2]) == (
        UNKNOWN,
        "whether that was in a private subnet isn't known",
    )
    alone = vpc(subnet("a"), table("main"))
    assert seen(asked((host, 1, "")), there=alone)["sqs"].certainty is CERTAIN


@pytest.mark.parametrize(("namespace", "certainty"), [("ssm", LIKELY), ("sqs", UNKNOWN)])
def test_a_configuration_counts_where_a_role_could_read_it(namespace: str, certainty: Certainty) -> None:
    uses = {ROLE: (ServiceUse(namespace, NOW, REGION),)}
    configuration = Configuration("AmazonCloudWatch-linux", {"logs": {}, "metrics": {"metrics_collected": {}}})
    found = seen(UsageEvidence((instance(A),), uses, configurations=(configuration,)))
    assert found["monitoring"].certainty is certainty
    assert seen(UsageEvidence((function(A),), uses, configurations=(configuration,))).keys() <= {namespace}


def test_a_service_on_instances_needs_ecss_agent_and_exec_its_channel() -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"
    service = Resident(Kind.SERVICE, "web", frozenset({A}), (), arn, is_exec_on=True, on_instances=True)
    found = seen(UsageEvidence((service,), definitions={arn: {"containerDefinitions": []}}))
    assert found.keys() == {"ecs", "ecs-agent", "ecs-telemetry", "ssmmessages"}
    assert {one.certainty for one in found.values()} == {CERTAIN}


# ---- what comes of it


def suggested(
    *found: Witness, there: Vpc | None = None, required: tuple[str, ...] = (), own: tuple[str, ...] = (), **more: Any
) -> Suggestion:
    one = there or network()
    wanted = sorted({*required, *(witness.name for witness in found if not witness.why_no_endpoint)})
    now = Now(frozenset(required), plan(one, *wanted), classify_subnets(one), dict.fromkeys(own, True))
    asked = Inhabitants((instance(A),), is_logged=True)
    fields: dict[str, Any] = {"unread": {}, "inhabitants": asked, "price": price_in(REGION)}
    return suggest(one, found, now, CATALOG, **(fields | more))


def witness(name: str, certainty: Certainty = CERTAIN, *, why: str = "", subnets: tuple[str, ...] = ()) -> Witness:
    return Witness(VPC_ID, name, Source.TASKS, certainty, "because", frozenset(subnets), why)


def verdicts(suggestion: Suggestion) -> dict[str, Advice]:
    return {line.service: line.verdict for line in suggestion.lines}


def test_each_verdict_beside_what_is_required_and_there() -> None:
    there = network(endpoint(MONITORING, A), endpoint(f"com.amazonaws.{REGION}.sqs", A, id="vpce-sqs"))
    found = suggested(
        witness("logs"),
        witness("monitoring"),
        witness("kms", UNKNOWN),
        witness("cognito-idp", why="none"),
        there=there,
        required=("monitoring", "kms"),
    )
    assert verdicts(found) == {
        "logs": Advice.ADD,
        "monitoring": Advice.KEEP,
        "kms": Advice.UNKNOWN,
        "cognito-idp": Advice.NO_ENDPOINT,
        "sqs": Advice.NOT_USED,
    }
    assert found.require == ("kms", "logs", "monitoring")  # what isn't known stays required
    assert found.idle_usd == Decimal("7.30")


def test_a_doubtful_witness_of_what_has_no_endpoint_is_unknown() -> None:
    (line,) = suggested(witness("cognito-idp", UNKNOWN, why="none")).lines
    assert (line.verdict, line.detail) == (Advice.UNKNOWN, "whether it is needed here isn't known; none")


def test_a_surer_witness_outweighs_a_doubtful_one() -> None:
    assert verdicts(suggested(witness("kms", UNKNOWN), witness("kms", LIKELY))) == {"kms": Advice.ADD}


@pytest.mark.parametrize("source", Source)
def test_nothing_is_unused_while_a_source_cant_be_read(source: Source) -> None:
    found = suggested(required=("logs",), unread={source: "AccessDenied"})
    assert verdicts(found) == {"logs": Advice.UNKNOWN}
    assert found.require == ("logs",)


@pytest.mark.parametrize(
    ("inhabitants", "why"),
    [
        (Inhabitants(), "nobody lives there now, and what others will need isn't known"),
        (Inhabitants((instance(A), Resident(Kind.INSTANCE, "i-2", frozenset({A})))), "1 instance without a role would"),
        (Inhabitants((instance(A),), strangers=2), "2 network interfaces of other kinds or accounts would need isn't"),
    ],
    ids=["nobody", "no role", "strangers"],
)
def test_nothing_is_unused_where_somebody_who_cant_be_asked_may_need_it(inhabitants: Inhabitants, why: str) -> None:
    there = network(endpoint(f"com.amazonaws.{REGION}.logs", A))
    (line,) = suggested(there=there, required=("logs",), inhabitants=inhabitants).lines
    assert line.verdict is Advice.UNKNOWN
    assert why in line.detail
    assert "delete" not in line.detail


def test_the_agents_endpoint_is_never_unused_by_access_advisor_alone() -> None:
    there, unlogged = network(endpoint(MONITORING, A)), Inhabitants((instance(A), function(A)))
    assert verdicts(suggested(there=there, inhabitants=unlogged)) == {"monitoring": Advice.UNKNOWN}
    assert verdicts(suggested(there=there)) == {"monitoring": Advice.NOT_USED}


def test_nothing_is_unused_where_it_isnt_known_which_subnets_are_private() -> None:
    there = network(unread=(Unread(Part.NAT_GATEWAYS, "denied"),))
    assert verdicts(suggested(there=there, required=("logs",))) == {"logs": Advice.UNKNOWN}
    lists = [(1, replace(way, prefix_list_id=f"pl-{way.target_id}")) for way in (NAT, OPEN)]
    there = vpc(subnet("a"), table("main", *in_force(lists)))
    assert verdicts(suggested(there=there, required=("logs",))) == {"logs": Advice.UNKNOWN}


def test_who_needs_what_no_endpoint_answers_has_another_way_out_or_none() -> None:
    out = vpc(subnet("a"), table("main", NAT))
    (shut,) = suggested(witness("cognito-idp", why="none", subnets=(A,))).lines
    (egress,) = suggested(witness("cognito-idp", why="none", subnets=(A,)), there=out).lines
    assert shut.detail == f"none; it needs another way out, and {A} has none"
    assert egress.detail == "none; it needs the subnets' own way out, such as a NAT gateway"


def test_whose_an_idle_endpoint_is_decides_who_deletes_it() -> None:
    there = network(endpoint(MONITORING, A, id="vpce-1"))
    (own,) = suggested(there=there, own=("vpce-1",)).lines
    (other,) = suggested(there=there).lines
    assert "Lifeline will delete vpce-1 once nothing requires it" in own.detail
    assert "vpce-1 is not Lifeline's: delete it yourself" in other.detail


def test_endpoints_of_other_services_are_nobodys_business() -> None:
    there = network(endpoint("com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0", A))
    assert suggested(there=there).lines == ()


def test_a_tag_that_stands_in_for_the_rules_and_services_that_the_role_may_not_create_are_said() -> None:
    there = network(tags=(("lifeline:require", "logs"),))
    found = suggested(witness("logs"), witness("kms"), there=there, creatable=("logs",))
    assert found.notes == (
        "a tag lifeline:require stands in for the rules there: change the tag, not the policy",
        "Lifeline's role may not create kms: add them to CreatableServices",
    )


def test_the_tiers_of_the_sample_are_what_the_tests_take_them_for() -> None:
    assert classify_subnets(network()) == {A: Tier.ISOLATED, B: Tier.PUBLIC}


def test_what_is_declared_and_not_offered_here_has_no_endpoint() -> None:
    arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1"
    service = Resident(Kind.SERVICE, "web", frozenset({A}), (), arn)
    secret = {"name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a"}
    definition = {"containerDefinitions": [{"secrets": [secret]}]}
    found = seen(UsageEvidence((service,), definitions={arn: definition}))
    assert found["secretsmanager"].why_no_endpoint == "this Region offers no endpoint service for it"
