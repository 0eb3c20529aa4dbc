"""Names of services as people write them: which ones the region and the named sets have, and the nearest right one."""

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
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    near = [suffix_of(name)] if suffix_of(name) in known else get_close_matches(name, sorted(known), n=1)
    return f"{words}; did you mean {near[0]}?" if near else f"{words}; is the name misspelled?"
