"""Labels: the names and tags that Lifeline gives what it makes in EC2, as the policy says.

All of them are passed in the call that creates a resource, so that tag policies and SCPs that demand tags at creation
are met. Which resources are Lifeline's own is decided by its own tag and the ledger's record, never by a label: a
label's key can't be one of Lifeline's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import MANAGED_BY, Vpc
from lifeline.core.wording import nearest

type Tagging = tuple[tuple[str, str], ...]
"""Tags by key: each key once."""

NAME = "Name"
MOST_TAGS = 50 - 2  # of a resource (EC2 guide: tag restrictions), without Lifeline's own two
OF_GROUPS = "endpoints"  # what stands for `{service}` in a security group's name: it is for all of a VPC's endpoints
_LONGEST_NAME = 255 - len("-1000000000")  # of a group (EC2 API: CreateSecurityGroup), with room for its number
_OWN_PREFIX = "lifeline:"
_RESERVED_PREFIX = "aws:"
_VARIABLE = re.compile(r"\{([^{}]*)\}")
# The longest that each variable stands for: a stack's name has up to 128 characters (CloudFormation guide).
_LONGEST = {"stack": 128, "service": 64, "vpc": 21, "region": 25, "account": 12}
_NAME_LETTERS = re.compile(r"[A-Za-z0-9 ._:/@+=-]*")  # that a tag's value and a group's name may both have


@dataclass(frozen=True, slots=True)
class Labels:
    """`tags` for everything, keys that are `copied` from the VPC, and the pattern of names.

    A key in both is the VPC's tag where it has it, and else the one in `tags`.
    """

    tags: Tagging = ()
    copied: tuple[str, ...] = ()
    pattern: str = "lifeline-{service}"

    def tags_in(self, vpc: Vpc) -> Tagging:
        """The policy's tags for what is made in the VPC, in their keys' order."""
        said = dict(self.tags)
        return tuple(sorted({**said, **{key: value for key, value in vpc.tags if key in self.copied}}.items()))

    def spare_in(self, vpc: Vpc) -> Tagging | None:
        """The policy's own tags alone, where the VPC has one to copy; None where it has none."""
        return self.tags if self.tags_in(vpc) != self.tags else None

    def missing_in(self, vpc: Vpc) -> tuple[str, ...]:
        """The keys that can't be copied, because the VPC hasn't the tag and the policy says no value for it."""
        return tuple(key for key in self.copied if vpc.tag(key) is None and key not in dict(self.tags))

    def name(self, **variables: str) -> str:
        """A resource's name. One that EC2 would refuse, because a group's mustn't look like an ID, gets a prefix."""
        name = _VARIABLE.sub(lambda found: variables[found[1]], self.pattern).strip()
        return (f"lifeline-{name}" if name.lower().startswith("sg-") else name)[:_LONGEST_NAME]


USUAL_LABELS = Labels()


def missing_words(keys: Sequence[str], vpc: Vpc) -> str:
    """That the VPC lacks tags that were to be copied from it; empty where it has all."""
    if not keys:
        return ""
    named = ", ".join(key + "".join(f" (but {other})" for other, _ in vpc.tags if _alike(key, other)) for key in keys)
    tags, them = ("tag", "it") if len(keys) == 1 else ("tags", "them")
    return (
        f"{vpc.id} doesn't have the {tags} {named} to copy (copy_tags in the policy), so what Lifeline creates there "
        f"won't have {them} either"
    )


REFUSED_COPIES = (
    "AWS refused the tags that are copied from the VPC (copy_tags in the policy), so it has the policy's own alone: "
    "correct the VPC's, and give them to it"
)


def refused_words(tags: Tagging, missing: Sequence[str]) -> str:
    """Which tags a creation had that EC2 refused, and which were missing, for whoever demands others."""
    had = ", ".join((*(key for key, _ in tags), NAME, MANAGED_BY))
    lacking = f", but not {', '.join(missing)}, which the VPC doesn't have to copy" if missing else ""
    return (
        f"it was passed the tags {had}{lacking}; if an SCP or a tag policy demands others at creation, add them to "
        "tags or copy_tags in the policy"
    )


def read_labels(document: Mapping[str, Any]) -> Labels:
    """The labels of a policy document that keeps to the schema.

    Raises InvalidInputError for keys and patterns that EC2 would refuse, or that are Lifeline's own.
    """
    tags, copied = document.get("tags", {}), document.get("copy_tags", [])
    for key in sorted(tags):
        _check_key(f"tags.{key}", key, tags)
    for place, key in enumerate(copied):
        _check_key(f"copy_tags[{place}]", key, copied)
    keys = {*tags, *copied}
    if len(keys) > MOST_TAGS:
        words = f"and copy_tags name {len(keys)} keys; a resource can have {MOST_TAGS} besides Lifeline's own"
        raise InvalidInputError("tags", words)
    if other := next((key for key in sorted(tags) for name in copied if key != name and _alike(key, name)), ""):
        raise InvalidInputError(f"tags.{other}", "differs from a key in copy_tags only by upper and lower case")
    return Labels(tuple(sorted(tags.items())), tuple(copied), _read_pattern(document))


def _check_key(field: str, key: str, keys: Sequence[str] | Mapping[str, str]) -> None:
    """IAM compares the keys of tags without regard to case (IAM guide: tags for access control), so two that differ
    only by it would be one to a policy.
    """
    lower = key.lower()
    if lower == NAME.lower():
        raise InvalidInputError(field, "is the name that Lifeline gives what it makes; did you mean name_pattern?")
    if lower.startswith(_OWN_PREFIX):
        words = f"begins with {_OWN_PREFIX}, as Lifeline's own tags do, such as {MANAGED_BY}; choose another key"
        without = key[len(_OWN_PREFIX) :]
        raise InvalidInputError(field, words + (f", such as {without}" if without else ""))
    if lower.startswith(_RESERVED_PREFIX):
        raise InvalidInputError(field, f"begins with {_RESERVED_PREFIX}, which AWS reserves for its own tags")
    if other := next((name for name in keys if name != key and _alike(name, key)), ""):
        raise InvalidInputError(field, f"differs from {other} only by upper and lower case, which IAM ignores")


def _alike(key: str, other: str) -> bool:
    return key.lower() == other.lower()


def _read_pattern(document: Mapping[str, Any]) -> str:
    field = "name_pattern"
    pattern = str(document.get(field, USUAL_LABELS.pattern))
    for name in _VARIABLE.findall(pattern):
        if name not in _LONGEST:
            raise InvalidInputError(field, f"has no variable {{{name}}}{_nearest(name)}")
    literal = _VARIABLE.sub("", pattern)
    if wrong := _NAME_LETTERS.sub("", literal):
        words = f"has the character {wrong[0]!a}; letters, digits, spaces and . _ - : / @ + = are allowed"
        raise InvalidInputError(field, f"{words}, and variables such as {{service}}")
    if "{service}" not in pattern:
        raise InvalidInputError(
            field, "must have {service}, so that endpoints and their security group can be told apart"
        )
    longest = len(literal) + sum(_LONGEST[name] for name in _VARIABLE.findall(pattern))
    if longest > _LONGEST_NAME:
        raise InvalidInputError(field, f"makes names of up to {longest} characters; {_LONGEST_NAME} are the most")
    return pattern


def _nearest(name: str) -> str:
    near = nearest(name, _LONGEST, cutoff=0.4)
    every = ", ".join(f"{{{known}}}" for known in _LONGEST)
    return f"; did you mean {{{near}}}?" if near else f"; the variables are {every}"
