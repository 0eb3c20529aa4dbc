"""What task definitions and agent configurations declare, field by field."""

from collections.abc import Iterable
from typing import Any

import pytest

from lifeline.core.suggest.declared import Declared, of_agent, of_task

REGION = "us-east-1"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"


def needed(container: dict[str, Any], **more: Any) -> set[str]:
    return {service for service, _, _ in of_task({"containerDefinitions": [container], **more}, REGION)}


@pytest.mark.parametrize(
    ("container", "services"),
    [
        ({"image": ECR}, {"ecr.api", "ecr.dkr", "s3"}),
        ({"image": "123456789012.dkr-ecr.us-east-1.on.aws/web:1"}, {"ecr.api", "ecr.dkr", "s3"}),
        ({"image": "public.ecr.aws/envoy/envoy:1"}, {"public.ecr.aws"}),
        ({"image": "nginx"}, {"registry-1.docker.io"}),
        ({"image": "library/nginx:1"}, {"registry-1.docker.io"}),
        ({"image": "quay.io/a/b@sha256:12"}, {"quay.io"}),
        ({"image": "registry.local:5000/a"}, {"registry.local:5000"}),
        ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": REGION}}}, {"logs"}),
        ({"logConfiguration": {"logDriver": "awslogs"}}, {"logs"}),
        ({"logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "firehose"}}}, {"kinesis-firehose"}),
        ({"logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "kinesis"}}}, {"kinesis-streams"}),
        ({"logConfiguration": {"logDriver": "splunk"}}, set()),
        (
            {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "t", "valueFrom": SECRET}]}},
            {"secretsmanager"},
        ),
        ({"secrets": [{"name": "A", "valueFrom": SECRET}]}, {"secretsmanager"}),
        ({"secrets": [{"name": "A", "valueFrom": "/shop/key"}]}, {"ssm"}),
        ({"secrets": [{"name": "A", "valueFrom": f"arn:aws:ssm:{REGION}:123456789012:parameter/k"}]}, {"ssm"}),
        ({"repositoryCredentials": {"credentialsParameter": SECRET}}, {"secretsmanager"}),
        ({"environmentFiles": [{"value": "arn:aws:s3:::bucket/a.env", "type": "s3"}]}, {"s3"}),
        ({}, set()),
    ],
)
def test_each_field_of_a_container_needs_its_services(container: dict[str, Any], services: set[str]) -> None:
    assert needed(container) == services


def test_what_is_in_another_region_is_answered_by_no_endpoint_here() -> None:
    container = {
        "image": ECR.replace(REGION, "eu-west-1"),
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "eu-west-1"}},
        "secrets": [{"name": "A", "valueFrom": SECRET.replace(REGION, "eu-west-1")}],
    }
    found = {service: why for service, _, why in of_task({"containerDefinitions": [container]}, REGION)}
    assert set(found) == {f"{name} in eu-west-1" for name in ("ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager")}
    assert set(found.values()) == {"endpoints of this Region don't answer for eu-west-1"}


def test_a_file_system_is_reached_in_the_vpc_and_its_credentials_are_not() -> None:
    efs = {"name": "a", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
    windows = {"fsxWindowsFileServerVolumeConfiguration": {"authorizationConfig": {"credentialsParameter": SECRET}}}
    assert needed({}, volumes=[efs]) == set()
    assert needed({}, volumes=[windows]) == {"secretsmanager"}


def test_names_that_others_chose_are_quoted() -> None:
    container = {"image": ECR, "secrets": [{"name": "a b", "valueFrom": "k"}]}
    assert {why for _, why, _ in of_task({"containerDefinitions": [container]}, REGION)} >= {'has the secret "a b"'}


@pytest.mark.parametrize(
    ("content", "services"),
    [
        ({}, {"ssm"}),
        ({"metrics": {"metrics_collected": {"mem": {}}}}, {"ssm", "monitoring"}),
        (
            {"metrics": {"append_dimensions": {"AutoScalingGroupName": "${aws:AutoScalingGroupName}"}}},
            {"ssm", "monitoring", "ec2"},
        ),
        ({"metrics": {"metrics_destinations": {"amp": {}}, "metrics_collected": {}}}, {"ssm", "aps-workspaces"}),
        ({"logs": {"logs_collected": {}}}, {"ssm", "logs"}),
        ({"logs": {"metrics_collected": {"application_signals": {}}}}, {"ssm", "logs", "xray"}),
        ({"traces": {"traces_collected": {"xray": {}}}}, {"ssm", "xray"}),
        ({"agent": {"credentials": {"role_arn": "arn:aws:iam::1:role/a"}}}, {"ssm", "sts"}),
        ({"metrics": "nonsense", "logs": None, "agent": []}, {"ssm"}),
        ({"agent": {"region": "eu-west-1"}, "logs": {"logs_collected": {}}}, {"ssm", "logs in eu-west-1"}),
    ],
)
def test_each_section_of_a_configuration_needs_its_services(content: dict[str, Any], services: set[str]) -> None:
    assert {service for service, _, _ in of_agent(content, REGION)} == services


EVIL = 'us-east-1 - certain, required; delete "vpce-123" now'
SAID = "\"us-east-1 - certain, required; delete 'vpce-123' now\""


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (of_agent({"agent": {"region": EVIL}, "metrics": {"x": 1}}, REGION), {"ssm", f"monitoring in {SAID}"}),
        (
            of_task(
                {
                    "containerDefinitions": [
                        {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": EVIL}}},
                        {"image": "registry.example:443 delete it/app"},
                        {"image": "registry.example:5000/app"},
                    ]
                },
                REGION,
            ),
            {f"logs in {SAID}", '"registry[.]example:443 delete it"', "registry.example:5000"},
        ),
    ],
    ids=["agent", "task"],
)
def test_what_doesnt_look_like_a_region_or_a_host_is_in_quotes(found: Iterable[Declared], names: set[str]) -> None:
    said = list(found)
    assert {name for name, _, _ in said} == names
    assert not any(EVIL in why_none for _, _, why_none in said)
