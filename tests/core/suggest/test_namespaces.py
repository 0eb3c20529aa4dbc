"""From AWS's names of services to endpoint services: each trap, and the whole map against a region's catalogue."""

from functools import cache

import pytest
from moto import mock_aws

from lifeline.core.network.model import Catalog, EndpointType, Service, suffix_of
from lifeline.core.suggest.namespaces import by_host, by_namespace
from tests.support.strict_services import GATEWAY, default_services
from tools import namespaces as tool

REGION = "us-east-1"


def service(suffix: str, *hosts: str) -> Service:
    return Service(f"com.amazonaws.{REGION}.{suffix}", EndpointType.INTERFACE, private_dns_names=hosts)


def catalog_of(*suffixes: str) -> Catalog:
    return Catalog(tuple(map(service, suffixes)))


@cache
def strict_catalog() -> Catalog:
    """The stand-in's services, with their private DNS names."""
    kinds = {GATEWAY: EndpointType.GATEWAY}
    return Catalog(
        tuple(
            Service(one.name, kinds.get(one.type, EndpointType.INTERFACE), private_dns_names=one.private_dns_names)
            for one in default_services(REGION)
        )
    )


@pytest.mark.parametrize(
    ("namespace", "services"),
    [
        ("cloudwatch", ("monitoring",)),
        ("kinesis", ("kinesis-streams",)),
        ("firehose", ("kinesis-firehose",)),
        ("ecr", ("ecr.api", "ecr.dkr", "s3")),
        ("ecs", ("ecs", "ecs-agent", "ecs-telemetry")),
        ("memorydb", ("memory-db",)),
        ("tag", ("tagging",)),
        ("cloudhsm", ("cloudhsmv2",)),
        ("mobiletargeting", ("pinpoint",)),
        ("aws-marketplace", ("metering-marketplace",)),
        ("appsync", ("appsync-api",)),
        *(
            (name, (name,))
            for name in ("autoscaling", "ec2", "ssm", "ssmmessages", "ec2messages", "sts", "kms", "logs")
        ),
        *((name, (name,)) for name in ("secretsmanager", "elasticloadbalancing", "xray", "application-signals")),
        *((name, (name,)) for name in ("execute-api", "s3", "dynamodb", "sqs", "sns", "lambda", "states", "events")),
    ],
)
def test_a_namespace_needs_all_of_its_endpoint_services(namespace: str, services: tuple[str, ...]) -> None:
    found = by_namespace(namespace, catalog_of(*services, "unrelated"))
    assert found.services == services
    assert not found.is_one_of


@pytest.mark.parametrize(
    ("namespace", "services"),
    [
        ("ses", ("email-smtp",)),  # SMTP only: the API has none
        ("sagemaker", ("sagemaker.api", "sagemaker.runtime")),
        ("codecommit", ("codecommit", "git-codecommit")),
        ("codeartifact", ("codeartifact.api", "codeartifact.repositories")),
        ("airflow", ("airflow.api", "airflow.env", "airflow.ops")),
        ("iot", ("iot.credentials", "iot.data")),
        ("lex", ("models-v2-lex", "runtime-v2-lex")),
        ("bedrock", ("bedrock", "bedrock-agent", "bedrock-agent-runtime", "bedrock-runtime")),
        ("timestream", ("timestream.ingest-cell2", "timestream.query-cell2")),  # numbered by account
    ],
)
def test_of_a_shared_namespace_it_isnt_known_which_service_was_called(
    namespace: str, services: tuple[str, ...]
) -> None:
    found = by_namespace(namespace, catalog_of(*services))
    assert found.services == services
    assert found.is_one_of


def test_a_cell_isnt_taken_for_a_service_whose_name_goes_on() -> None:
    assert by_namespace("sqs", catalog_of("sqs-fips", "sqsx")).services == ()


@pytest.mark.parametrize("namespace", ["cognito-idp", "cognito-identity", "route53resolver", "health", "support"])
def test_what_has_no_endpoint_service_says_so(namespace: str) -> None:
    assert by_namespace(namespace, strict_catalog()).why_none == "Lifeline knows no endpoint service for it"


def test_what_the_region_doesnt_offer_what_is_newer_than_the_map_and_what_nobody_knows() -> None:
    assert "this Region offers no" in by_namespace("cloudwatch", catalog_of("logs")).why_none
    assert by_namespace("cognito-idp", catalog_of("cognito-idp")).services == ("cognito-idp",)
    assert by_namespace("brandnew", catalog_of("brandnew")).services == ("brandnew",)
    assert "isn't known whether" in by_namespace("brandnew", catalog_of("logs")).why_none
    assert by_namespace("iam", Catalog((Service("com.amazonaws.iam", EndpointType.INTERFACE),))).services == ("iam",)


def test_the_map_is_what_its_tool_writes() -> None:
    assert tool.FILE.read_text("utf-8") == tool.text()


# Names that go on where another endpoint service has the host, or that another namespace shares.
_HOSTED_ELSEWHERE = {
    "aws-marketplace": "its endpoint is the metering service's",
    "iot": "the host is that of iot.api",
    "sagemaker": "the host is that of sagemaker.api",
    "states": "sync-states has a host below it",
}


def test_the_map_agrees_with_the_private_dns_names_of_a_regions_catalogue() -> None:
    """The host that the SDKs use for a namespace is the private DNS name of an endpoint service that it maps to."""
    import boto3  # noqa: PLC0415 - moto's catalogue, which is long

    with mock_aws():
        details = boto3.client("ec2", region_name=REGION).describe_vpc_endpoint_services()["ServiceDetails"]
    found: dict[str, set[str]] = {}
    for one in details:
        names = {name["PrivateDnsName"] for name in one.get("PrivateDnsNames", ())}
        found.setdefault(one["ServiceName"], set()).update(names | set(filter(None, [one.get("PrivateDnsName")])))
    catalog = Catalog(
        tuple(
            Service(name, EndpointType.INTERFACE, private_dns_names=tuple(sorted(hosts)))
            for name, hosts in sorted(found.items())
        )
    )
    agree, differ = 0, {}
    for namespace, host in tool.hosts().items():
        mapped = tool.services_of(namespace)
        answering = by_host(f"{host}.{REGION}.amazonaws.com", catalog, REGION)
        if mapped and answering and answering.services:
            if set(answering.services) & set(mapped):
                agree += 1
            else:
                differ[namespace] = answering.services
    assert agree > 100
    assert differ.keys() <= _HOSTED_ELSEWHERE.keys(), differ
    assert len({suffix_of(name) for name in found}) > 100


@pytest.mark.parametrize(
    ("host", "services"),
    [
        ("monitoring.us-east-1.amazonaws.com.", ("monitoring",)),
        ("MONITORING.us-east-1.AMAZONAWS.com", ("monitoring",)),
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", ("ecr.dkr",)),
        ("api.ecr.us-east-1.amazonaws.com", ("ecr.api",)),
        ("bucket.name.s3.us-east-1.amazonaws.com", ("s3",)),
        ("s3.us-east-1.amazonaws.com", ("s3",)),
        ("abc123.execute-api.us-east-1.amazonaws.com", ("execute-api",)),
        ("kinesis-streams.us-east-1.amazonaws.com", ("kinesis-streams",)),
        ("dynamodb.us-east-1.amazonaws.com", ("dynamodb",)),  # without a private name, by routes
        ("123456789012.ddb.us-east-1.amazonaws.com", ("dynamodb",)),
    ],
)
def test_a_name_is_answered_by_the_service_whose_private_name_covers_it(host: str, services: tuple[str, ...]) -> None:
    found = by_host(host, strict_catalog(), REGION)
    assert found is not None
    assert found.services == services


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("sts.amazonaws.com", "global name"),
        ("iam.amazonaws.com", "global name"),
        ("monitoring.eu-west-1.amazonaws.com", "don't answer for eu-west-1"),
        ("evil-s3.us-east-1.amazonaws.com", "no endpoint service of this Region has this name"),
        ("cognito-idp.us-east-1.amazonaws.com", "no endpoint service of this Region has this name"),
        ("public.ecr.aws", "no endpoint service"),
    ],
)
def test_a_name_that_no_endpoint_answers_says_why(host: str, why: str) -> None:
    found = by_host(host, strict_catalog(), REGION)
    assert found is not None
    assert found.services == ()
    assert why in found.why_none


def test_an_exact_name_goes_before_a_wildcard_and_a_longer_one_before_a_shorter() -> None:
    catalog = Catalog(
        (service("a", "*.x.amazonaws.com"), service("b", "*.y.x.amazonaws.com"), service("c", "z.y.x.amazonaws.com"))
    )
    assert by_host("q.x.amazonaws.com", catalog, REGION).services == ("a",)  # type: ignore[union-attr]
    assert by_host("q.y.x.amazonaws.com", catalog, REGION).services == ("b",)  # type: ignore[union-attr]
    assert by_host("z.y.x.amazonaws.com", catalog, REGION).services == ("c",)  # type: ignore[union-attr]


def test_a_buckets_global_name_may_be_of_any_region() -> None:
    found = by_host("bucket.s3.amazonaws.com", strict_catalog(), REGION)
    assert found is not None
    assert (found.services, found.is_one_of) == (("s3",), True)


@pytest.mark.parametrize(
    "host",
    [
        "registry-1.docker.io",
        "example.com",
        "db.c1x2y3.us-east-1.rds.amazonaws.com",
        "internal-web-1.us-east-1.elb.amazonaws.com",
        "fs-0123456789abcdef0.efs.us-east-1.amazonaws.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "vpce-1-2.monitoring.us-east-1.vpce.amazonaws.com",
        "amazonaws.com.evil.example",
    ],
)
def test_other_hosts_are_no_service_of_aws(host: str) -> None:
    assert by_host(host, strict_catalog(), REGION) is None
