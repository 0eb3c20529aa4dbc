"""What workloads are declared to need, before they run: ECS task definitions and CloudWatch agent configurations.

Pure: from their documents to endpoint services, each with the words that say why.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lifeline.core.wording import quoted

_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)")
_ARN = re.compile(r"arn:[a-z-]+:([a-z0-9-]+):([a-z0-9-]*):")
# Fluent Bit's outputs for AWS, in C and in Go (ECS guide: FireLens).
_OUTPUTS = {
    "cloudwatch": "logs",
    "cloudwatch_logs": "logs",
    "firehose": "kinesis-firehose",
    "kinesis": "kinesis-streams",
    "kinesis_firehose": "kinesis-firehose",
    "kinesis_streams": "kinesis-streams",
    "s3": "s3",
}
_NAME = re.compile(r"[A-Za-z0-9_*.-]+(:[0-9]{1,5})?")  # what a Region or a host may be called, with its port
_LONGEST_IMAGE = 120
_DOCKER_HUB = "registry-1.docker.io"

type Declared = tuple[str, str, str]
"""An endpoint service, or else a host; why; and why no endpoint service answers, empty where one does."""


def named(text: str) -> str:
    """A Region or host that somebody else wrote down: in quotes unless it looks like one, so that it can't pass for
    Lifeline's own words.
    """
    return text if _NAME.fullmatch(text) else quoted(text, _LONGEST_IMAGE)


def of_task(definition: Mapping[str, Any], region: str) -> Iterator[Declared]:
    """What ECS must reach to run a task of this definition (ECS API: TaskDefinition; ECS guide: interface endpoints).

    EFS and FSx are reached at addresses of the VPC, and need no endpoint.
    """
    for container in definition.get("containerDefinitions", ()):
        yield from _of_image(str(container.get("image", "")), region)
        log = container.get("logConfiguration") or {}
        yield from _of_log(log, region)
        for secret in (*container.get("secrets", ()), *log.get("secretOptions", ())):
            yield from _of_value(
                str(secret.get("valueFrom", "")), f"has the secret {quoted(str(secret.get('name', '?')))}", region
            )
        if credentials := (container.get("repositoryCredentials") or {}).get("credentialsParameter"):
            yield from _of_value(str(credentials), "has credentials of a registry", region)
        for file in container.get("environmentFiles", ()):
            yield from _of_value(str(file.get("value", "")), "has an environment file", region)
    for volume in definition.get("volumes", ()):
        windows = (volume.get("fsxWindowsFileServerVolumeConfiguration") or {}).get("authorizationConfig") or {}
        if credentials := windows.get("credentialsParameter"):
            yield from _of_value(str(credentials), "has credentials of a file system", region)


def _of_image(image: str, region: str) -> Iterator[Declared]:
    host, slash, _ = image.partition("/")
    if found := _ECR.fullmatch(host):
        for service in ("ecr.api", "ecr.dkr", "s3"):
            yield _here_or_elsewhere(service, f"pulls {quoted(image, _LONGEST_IMAGE)}", found[1], region)
        return
    is_host = bool(slash) and (":" in host or "." in host)
    if image and host != "localhost":
        name = named(host) if is_host else _DOCKER_HUB
        yield (
            name,
            f"pulls {quoted(image, _LONGEST_IMAGE)}",
            "images come from there, and no endpoint service leads there",
        )


def _of_log(log: Mapping[str, Any], region: str) -> Iterator[Declared]:
    options = log.get("options") or {}
    driver = log.get("logDriver", "")
    if driver == "awslogs":
        yield _here_or_elsewhere("logs", "logs to awslogs", str(options.get("awslogs-region", region)), region)
    if driver == "awsfirelens" and (service := _OUTPUTS.get(str(options.get("Name", "")).lower())):
        where = str(options.get("region", region))
        yield _here_or_elsewhere(service, f"logs to {options['Name'].lower()} by FireLens", where, region)


def _of_value(value: str, why: str, region: str) -> Iterator[Declared]:
    """What an ARN leads to; a name without one is a parameter's (ECS API: Secret)."""
    found = _ARN.match(value)
    service, where = (found[1], found[2] or region) if found else ("ssm", region)
    if service in {"secretsmanager", "ssm", "s3"}:
        yield _here_or_elsewhere(service, why, where, region)


def _here_or_elsewhere(service: str, why: str, where: str, region: str) -> Declared:
    if where == region:
        return service, why, ""
    return f"{service} in {named(where)}", why, f"endpoints of this Region don't answer for {named(where)}"


def of_agent(content: Mapping[str, Any], region: str) -> Iterator[Declared]:
    """What the CloudWatch agent must reach with this configuration (CloudWatch guide: agent configuration file)."""
    agent = _object(content, "agent")
    where = str(agent.get("region") or region)

    def needs(service: str, why: str) -> Declared:
        return _here_or_elsewhere(service, why, where, region)

    yield _here_or_elsewhere("ssm", "is read from Parameter Store", region, region)
    if _object(agent, "credentials").get("role_arn"):
        yield needs("sts", "assumes a role")
    metrics = _object(content, "metrics")
    if metrics:
        destinations = metrics.get("metrics_destinations")
        if not isinstance(destinations, Mapping) or "cloudwatch" in destinations:
            yield needs("monitoring", "publishes metrics")
        if isinstance(destinations, Mapping) and "amp" in destinations:
            yield needs("aps-workspaces", "publishes metrics to Prometheus")
        if "AutoScalingGroupName" in _object(metrics, "append_dimensions"):
            yield needs("ec2", "asks for the tag of the Auto Scaling group")
    logs = _object(content, "logs")
    if logs:
        yield needs("logs", "publishes logs")
    if _object(content, "traces") or "application_signals" in _object(logs, "metrics_collected"):
        yield needs("xray", "publishes traces")


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}
