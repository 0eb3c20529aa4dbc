"""Configurations of the CloudWatch agent in Parameter Store."""

import json
from functools import partial
from math import inf
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, in_time, paced_pages, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.suggest.evidence import Configuration

# The only names that the agent's managed policy lets it read (CloudWatch guide: CloudWatchAgentServerPolicy).
_PREFIX = "AmazonCloudWatch-"
_MOST = 100


class AgentConfigurations:
    """The parameters with such names."""

    def __init__(self, client: ClientOf = client) -> None:
        self._ssm: Any = client("ssm")

    def read(self, *, until: float = inf) -> tuple[Configuration, ...]:
        """The first configurations by name. A parameter that isn't a JSON object is none. Raises ours, TransientError
        too if it takes longer than `until` of the clock `monotonic`.
        """
        begin = [{"Key": "Name", "Option": "BeginsWith", "Values": [_PREFIX]}]
        request = {"ParameterFilters": begin}
        listed = paced_pages(self._ssm, "describe_parameters", "Parameters", partial(in_time, until), request)
        names = sorted(one["Name"] for one in listed if one.get("Type") == "String")[:_MOST]
        texts = run_concurrently([partial(self._text, name, until) for name in names])
        found = ((name, _object(text)) for name, text in zip(names, texts, strict=True))
        return tuple(Configuration(name, content) for name, content in found if content)

    def _text(self, name: str, until: float) -> str:
        in_time(until)
        with aws_errors(f"get_parameter {name}"):
            return str(self._ssm.get_parameter(Name=name)["Parameter"]["Value"])


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
