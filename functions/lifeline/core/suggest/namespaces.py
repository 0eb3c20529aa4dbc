"""From what AWS calls a service to the endpoint services that answer: by IAM's namespace, or by a host's name."""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lifeline.core.network.model import Catalog, suffix_of

_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")
# Hosts of a user's own resources that end as APIs do: mount targets of EFS and FSx (EFS and FSx guides: mounting).
_OWN = frozenset({"efs", "fsx"})
# Served by routes, whatever their names (VPC guide: gateway endpoints); DynamoDB's interface has no private name.
_GLOBAL = "it is a global name, which no regional endpoint answers: use the Region's own name"
_BY_ROUTES = {"s3": "s3", "dynamodb": "dynamodb", "ddb": "dynamodb"}


@dataclass(frozen=True, slots=True)
class Answering:
    """The endpoint services that answer. `is_one_of` says that it isn't known which of them was called, if any.

    `why_none` says why there are none.
    """

    services: tuple[str, ...] = ()
    is_one_of: bool = False
    why_none: str = ""


def by_namespace(namespace: str, catalog: Catalog) -> Answering:
    """The endpoint services of an IAM namespace, such as monitoring for cloudwatch, that the region offers."""
    known = _namespaces()
    mapped = known["any"].get(namespace) or known["all"].get(namespace)
    offered = [full for name in mapped or [namespace] for full in _offered(name, catalog)]
    if offered:
        return Answering(tuple(offered), is_one_of=namespace in known["any"])
    if mapped:
        return Answering(why_none=f"this Region offers no endpoint service for it ({', '.join(mapped)})")
    if namespace in known["none"]:
        return Answering(why_none="Lifeline knows no endpoint service for it")
    return Answering(is_one_of=True, why_none="it isn't known whether AWS has an endpoint service for it")


def by_host(host: str, catalog: Catalog, region: str) -> Answering | None:
    """The endpoint service whose private DNS name covers a host that was asked for; None for hosts that aren't AWS's
    APIs: somebody else's, or a user's own load balancers and databases at AWS.

    An exact name goes before a wildcard, and of wildcards the longest.
    """
    name = host.rstrip(".").lower()
    if found := _covering(name, catalog):
        return Answering((found,))
    domain = next((end for end in _DOMAINS if name.endswith(end)), "")
    if not domain:
        return Answering(why_none="it has no endpoint service") if name == "public.ecr.aws" else None
    *first, last = name.removesuffix(domain).split(".")
    if _REGION.fullmatch(last):
        return _of_region(first, last, catalog, region)
    if last == "s3" and catalog.find("s3"):  # buckets of any Region; those of this one are routed to its endpoint
        return Answering(("s3",), is_one_of=True)
    return None if first else Answering(why_none=_GLOBAL)


def _of_region(first: list[str], where: str, catalog: Catalog, region: str) -> Answering | None:
    """What answers for a name that no private DNS name covers, by its labels before the Region."""
    service = first[-1] if first else ""
    if where != region:
        return Answering(why_none=f"endpoints of this Region don't answer for {where}")
    if (routed := _BY_ROUTES.get(service, "")) and catalog.find(routed):
        return Answering((routed,))
    is_own = len(first) > 1 and service in _OWN
    return None if is_own else Answering(why_none="no endpoint service of this Region has this name")


def _covering(name: str, catalog: Catalog) -> str:
    exact, wild = "", ("", "")
    for service in catalog.services:
        for known in service.private_dns_names:
            pattern = known.rstrip(".").lower()
            if pattern == name:
                exact = exact or suffix_of(service.name)
            elif pattern.startswith("*.") and name.endswith(pattern[1:]) and len(pattern) > len(wild[0]):
                wild = pattern, suffix_of(service.name)
    return exact or wild[1]


def _offered(name: str, catalog: Catalog) -> list[str]:
    """The region's services of this name, or that go on with a number: Timestream's cells."""
    if catalog.find(name):
        return [name]
    cells = {suffix_of(service.name) for service in catalog.services}
    return sorted(one for one in cells if one.startswith(f"{name}") and one.removeprefix(name).lstrip("-").isdigit())


@cache
def _namespaces() -> dict[str, Any]:
    text = files("lifeline.core.suggest").joinpath("namespaces.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
