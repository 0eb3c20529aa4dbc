"""Which tool of infrastructure as code made a call, from what CloudTrail records of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

CLOUDFORMATION = "CloudFormation"
_CLOUDFORMATION_ITSELF = "cloudformation.amazonaws.com"

# What the tools say of themselves in `userAgent`, the more particular first: Crossplane's and Pulumi's providers may
# carry Terraform's name beside their own. OpenTofu runs Terraform's providers, which call themselves Terraform.
_AGENTS = (
    ("Crossplane", re.compile(r"\b(?:crossplane-provider|upbound-provider-aws)", re.IGNORECASE)),
    ("Pulumi", re.compile(r"\bPulumi", re.IGNORECASE)),
    ("OpenTofu", re.compile(r"\bOpenTofu\b", re.IGNORECASE)),
    ("Terraform", re.compile(r"\bTerraform\b", re.IGNORECASE)),
    ("CDK", re.compile(r"\baws-cdk\b", re.IGNORECASE)),
    ("Ansible", re.compile(r"\bAnsible/", re.IGNORECASE)),
)
# Tags that tools, or their users for all that a tool makes (default_tags), give what they create.
_TAG_KEYS = (
    (CLOUDFORMATION, re.compile(r"aws:cloudformation:")),
    ("Crossplane", re.compile(r"crossplane-(?:kind|name|providerconfig)$")),
    ("Pulumi", re.compile(r"pulumi(?::|$)", re.IGNORECASE)),
    ("OpenTofu", re.compile(r"opentofu$", re.IGNORECASE)),
    ("Terraform", re.compile(r"terraform(?:[:_-]|$)", re.IGNORECASE)),
)
_MANAGED_BY = re.compile(r"(?:managed|provisioned|created|deployed)[-_ ]?by", re.IGNORECASE)
_MANAGERS = {
    "ansible": "Ansible",
    "cdk": "CDK",
    "cloudformation": CLOUDFORMATION,
    "crossplane": "Crossplane",
    "opentofu": "OpenTofu",
    "pulumi": "Pulumi",
    "terraform": "Terraform",
}


def tool_of(detail: Mapping[str, Any]) -> str:
    """The tool that made the call of a CloudTrail record: `Terraform`, `CloudFormation` …; empty for anybody else.

    CloudFormation calls in its user's name and is named as the caller's address (CloudTrail guide: userIdentity). The
    CDK deploys through it, and so does SAM. The others tell by their user agent, or by a tag in the request; the caller
    chooses both, so let nothing but patience depend on them.
    """
    identity = detail.get("userIdentity")
    invoked_by = identity.get("invokedBy") if isinstance(identity, Mapping) else None
    agent = detail.get("userAgent")
    if _CLOUDFORMATION_ITSELF in (invoked_by, detail.get("sourceIPAddress"), agent):
        return CLOUDFORMATION
    by_agent = (tool for tool, form in _AGENTS if isinstance(agent, str) and form.search(agent))
    return next(by_agent, "") or next(filter(None, map(_by_tag, _tags(detail.get("requestParameters")))), "")


def _by_tag(tag: tuple[str, str]) -> str:
    key, value = tag
    if _MANAGED_BY.fullmatch(key):
        return _MANAGERS.get(value.lower(), "")
    return next((tool for tool, form in _TAG_KEYS if form.match(key)), "")


def _tags(part: object) -> Iterator[tuple[str, str]]:
    """Every pair of a key and a value in a part of a record, in both of the styles that EC2's records have."""
    stack = [part]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            key, value = (item.get(name, item.get(name.capitalize())) for name in ("key", "value"))
            if isinstance(key, str) and isinstance(value, str | int):  # in the newer style `true` is no text
                yield key, str(value)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
