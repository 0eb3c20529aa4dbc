"""Named sets: what a workload needs of AWS, so that a policy can name the workload."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

NAMED_SETS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # CloudWatch guide: agent configuration file. `ec2` because the agent asks for its Auto Scaling group's tag, and
        # sends no host metric at all until it has it (amazon-cloudwatch-agent: ec2tagger). Logs are a section of their
        # own, which the basic configuration lacks: whoever ships logs asks for `logs`, too.
        "cloudwatch-agent": frozenset({"ec2", "monitoring"}),
        # Systems Manager guide: VPC endpoints. SSM Agent 3.3.40.0 and later does without `ec2messages`, which Regions
        # launched since 2024 don't have.
        "ssm-session-manager": frozenset({"ssm", "ssmmessages"}),
        # ECS guide: interface VPC endpoints. Fargate needs no `ecs*` endpoint; `logs` is for the awslogs driver.
        "ecs-fargate": frozenset({"ecr.api", "ecr.dkr", "logs", "s3"}),
        # ECR guide: interface VPC endpoints. Image layers come from S3.
        "ecr-pull": frozenset({"ecr.api", "ecr.dkr", "s3"}),
        # EKS guide: private clusters. What nodes need to join and pods to get images and credentials, whether by Pod
        # Identity (`eks-auth`) or by a role for a service account (`sts`).
        "eks-private": frozenset({"ec2", "ecr.api", "ecr.dkr", "eks-auth", "s3", "sts"}),
        # Secrets Manager guide: VPC endpoints. The service calls KMS itself.
        "secrets": frozenset({"secretsmanager"}),
    }
)


def expand(names: Iterable[str]) -> frozenset[str]:
    """The services that the names stand for: a set's members, or the name itself, which is a service then."""
    return frozenset(service for name in names for service in NAMED_SETS.get(name, (name,)))


_SERVICE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


def is_service(text: str) -> bool:
    """True for what can be a service's name, as `ecr.api`, or that of a named set."""
    return bool(_SERVICE.fullmatch(text))
