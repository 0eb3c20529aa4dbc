"""Which of Lifeline's own tags a record says were set or removed."""

from typing import Any, Final

from lifeline.core.policy.policy import EXEMPT, REQUIRE

_OWN: Final = frozenset({EXEMPT, REQUIRE})
_MOST_READ = 50  # tags of one call: EC2 allows a resource no more (EC2 guide: tag restrictions)


def tags_of_lifeline(event_name: str, parameters: Any) -> frozenset[str]:
    """The keys among those of `lifeline:require` and `lifeline:exempt`; none for other calls than of tags.

    DeleteTags without tags removes all of a resource's (EC2 API: DeleteTags), so it may have removed either.
    """
    if event_name not in {"CreateTags", "DeleteTags"} or not isinstance(parameters, dict):
        return frozenset()
    said = parameters.get("tagSet")
    items = said.get("items") if isinstance(said, dict) else None
    if not isinstance(items, list) or not items:
        return _OWN if event_name == "DeleteTags" else frozenset()
    keys = (item.get("key") for item in items[:_MOST_READ] if isinstance(item, dict))
    return frozenset(key for key in keys if key in (EXEMPT, REQUIRE))
