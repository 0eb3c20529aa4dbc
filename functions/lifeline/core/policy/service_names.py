"""Names of services as people write them: which ones the region and the named sets have, and the nearest right one."""

import re
from collections.abc import Collection

from lifeline.core.network.model import Catalog, suffix_of
from lifeline.core.policy.service_sets import NAMED_SETS

# Not in every region (VPC guide: AWS services that integrate with AWS PrivateLink). Who names one has spelt it right.
_IN_SOME_REGIONS = frozenset(
    (
        *("autoscaling", "cloudtrail", "config", "dynamodb", "ec2", "ec2messages", "ecr.api", "ecr.dkr", "ecs"),
        *("ecs-agent", "ecs-telemetry", "eks", "eks-auth", "elasticloadbalancing", "events", "kms", "lambda", "logs"),
        *("monitoring", "oam", "s3", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "states", "sts"),
        *("synthetics", "xray"),
    )
)
# What people call a service that has another name here (VPC guide: services that integrate with AWS PrivateLink).
_ALSO_CALLED = {
    "cloudwatch": "monitoring",
    "cloudwatch-logs": "logs",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "eventbridge": "events",
    "firehose": "kinesis-firehose",
    "kinesis": "kinesis-streams",
    "ses": "email-smtp",
    "step-functions": "states",
    "systems-manager": "ssm",
}
_HOST = re.compile(r"(.+?)(?:\.[a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?")


def known_names(catalog: Catalog) -> frozenset[str] | None:
    """The names of the region's services and of the named sets; None where it isn't known what the region offers."""
    if not catalog.is_read:
        return None
    return frozenset(suffix_of(service.name) for service in catalog.services) | NAMED_SETS.keys()


def unknown_words(name: str, known: Collection[str]) -> str:
    """What is wrong with a name that isn't among the known ones, and the nearest of them."""
    words = f"the region offers no endpoint service named {name}"
    if name in _IN_SOME_REGIONS:
        return f"{words}, although other regions do"
    return f"{words}{suggestion(name, known) or '; is the name misspelled?'}"


def suggestion(name: str, known: Collection[str] = _IN_SOME_REGIONS | NAMED_SETS.keys()) -> str:
    """The known name that somebody probably meant, as the end of a sentence; empty where none comes near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    written = name.strip().lower().replace("_", "-")
    found = _HOST.fullmatch(written)
    short = found[1] if found else suffix_of(written) if "." in written and written not in known else written
    near = [full for full in (short, _ALSO_CALLED.get(short, "")) if full in known]
    near += sorted(full for full in known if full.startswith(f"{short}."))
    near += get_close_matches(short, sorted(known), n=1) + get_close_matches(written, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
