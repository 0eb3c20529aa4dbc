"""What set Lifeline going."""

from dataclasses import asdict, dataclass, field
from typing import Any

MOST_CAUSES = 10  # causes that travel with requeued work


@dataclass(frozen=True, slots=True)
class Trigger:
    """Who or what set Lifeline going: for the ledger, never for a decision.

    `ids` are the resources that a record names, `blocks` the address blocks if it names nothing else in their place,
    `rule_action` is what a network ACL's new entry does, `allow` or `deny`, and `tags` are the keys of the tags that it
    set or removed: once the policy is known, those that decide what is required.
    They stay behind when work is put back, and don't tell one trigger from another. `by` is who makes a call, as they
    state it: nobody has checked that.
    """

    kind: str
    event_id: str = ""
    event_name: str = ""
    actor: str = ""
    time: str = ""
    ids: frozenset[str] = field(default=frozenset(), compare=False)
    tags: frozenset[str] = field(default=frozenset(), compare=False)
    by: str = ""
    blocks: frozenset[str] = field(default=frozenset(), compare=False)
    rule_action: str = field(default="", compare=False)


def as_json(trigger: Trigger) -> dict[str, Any]:
    """The trigger without what its record names: that may be thousands of ids, and the ledger has it."""
    left_out = {"ids", "blocks", "rule_action", "tags"}
    return {name: value for name, value in asdict(trigger).items() if name not in left_out}
