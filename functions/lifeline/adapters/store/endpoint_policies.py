"""Endpoint policies in Parameter Store: all that are under the stack's prefix, read when a policy names one."""

from collections.abc import Mapping
from itertools import count
from typing import Any

from lifeline.adapters.aws.calls import paced_pages
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import TerminalError
from lifeline.core.policy.endpoint_policies import StoredPolicy

_A_PAGE = 10  # Systems Manager API: GetParametersByPath, MaxResults
_MOST_PAGES = 20  # each takes part of a run's time, and a policy document names a few; one more may be empty


class EndpointPolicyStore:
    """The SSM parameters right under the prefix, which ends in a slash."""

    def __init__(self, prefix: str, *, ssm: Any = None) -> None:
        self.prefix = prefix
        self._ssm = ssm or client("ssm")

    def read(self) -> Mapping[str, StoredPolicy]:
        """Each parameter by the last part of its name. Raises ours, also where they are more than a run has time for.
        What is encrypted stays encrypted.
        """
        path, pages = self.prefix.removesuffix("/"), count()

        def begin_page() -> None:
            if next(pages) > _MOST_PAGES:
                words = f"there are more than {_MOST_PAGES * _A_PAGE} parameters under {path}: delete those without use"
                raise TerminalError(words, code="TooMany")

        found = paced_pages(self._ssm, "get_parameters_by_path", "Parameters", begin_page, {"Path": path})
        return {one["Name"].removeprefix(self.prefix): StoredPolicy(one["Value"], one["Type"]) for one in found}
