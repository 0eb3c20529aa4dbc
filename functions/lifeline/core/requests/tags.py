"""Which tags a record says were set or removed, and which of them mean anything to Lifeline."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from lifeline.core.policy.policy import EXEMPT, REQUIRE
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger

ALL_TAGS: Final = ""  # stands for every key: no tag's key is empty (EC2 API: Tag)
OWN_TAGS: Final = frozenset({EXEMPT, REQUIRE})
_MOST_READ = 50  # tags of one call: EC2 allows a resource no more (EC2 guide: tag restrictions)


def tags_changed(event_name: str, parameters: Any) -> frozenset[str]:
    """The keys of the tags that a call set or removed; none for other calls than of tags.

    DeleteTags without tags removes all of a resource's (EC2 API: DeleteTags): ALL_TAGS.
    """
    if event_name not in {"CreateTags", "DeleteTags"} or not isinstance(parameters, dict):
        return frozenset()
    said = parameters.get("tagSet")
    items = said.get("items") if isinstance(said, dict) else None
    if not isinstance(items, list) or not items:
        return frozenset({ALL_TAGS} if event_name == "DeleteTags" else ())
    keys = (item.get("key") for item in items[:_MOST_READ] if isinstance(item, dict))
    return frozenset(key for key in keys if key and isinstance(key, str))


def keep_known_tags(request: Request, known: Collection[str]) -> Request:
    """The request with nothing but the known ones among the tags that its records changed: nothing else is kept."""
    because = tuple(_kept(trigger, frozenset(known)) for trigger in request.because)
    return replace(request, trigger=_kept(request.trigger, frozenset(known)), because=because)


def _kept(trigger: Trigger, known: frozenset[str]) -> Trigger:
    return replace(trigger, tags=known if ALL_TAGS in trigger.tags else trigger.tags & known)
