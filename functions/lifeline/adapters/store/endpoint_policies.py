"""Endpoint policies in Parameter Store: all that are under the stack's prefix, read when a policy names one."""

from collections.abc import Mapping
from typing import Any

from lifeline.adapters.aws.calls import pages
from lifeline.adapters.aws.clients import client
from lifeline.core.policy.endpoint_policies import StoredPolicy


class EndpointPolicyStore:
    """The SSM parameters right under the prefix, which ends in a slash."""

    def __init__(self, prefix: str, *, ssm: Any = None) -> None:
        self.prefix = prefix
        self._ssm = ssm or client("ssm")

    def read(self) -> Mapping[str, StoredPolicy]:
        """Each parameter by the last part of its name. Raises ours. What is encrypted stays encrypted."""
        found = pages(self._ssm, "get_parameters_by_path", "Parameters", Path=self.prefix.removesuffix("/"))
        return {one["Name"].removeprefix(self.prefix): StoredPolicy(one["Value"], one["Type"]) for one in found}
