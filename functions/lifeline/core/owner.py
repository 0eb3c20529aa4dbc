"""Whose a VPC or an instance is, as its tags say: by that, subscriptions and rules choose their notices and events."""

from collections.abc import Iterable
from dataclasses import dataclass

from lifeline.core.wording import inert, shorten

_LONGEST = 256  # EC2 guide: a tag's value; what makes it inert adds to that


@dataclass(frozen=True, slots=True)
class OwnerTags:
    """The keys of the tags that name the team and the environment."""

    team: str = "team"
    env: str = "env"


USUAL_TAGS = OwnerTags()


@dataclass(frozen=True, slots=True)
class Owner:
    """A team and an environment; empty where no tag names one."""

    team: str = ""
    env: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields of a notice or an event, in plain words: whoever may tag a resource chooses the values."""
        return {"team": _shown(self.team), "env": _shown(self.env)}


NOBODY = Owner()


def owner_of(tags: Iterable[tuple[str, str]], keys: OwnerTags, within: Owner = NOBODY) -> Owner:
    """The owner that a resource's tags name. What they don't say is as for the VPC that the resource is `within`."""
    found = dict(tags)
    return Owner(found.get(keys.team, "").strip() or within.team, found.get(keys.env, "").strip() or within.env)


def common_owner(owners: Iterable[Owner], within: Owner = NOBODY) -> Owner:
    """The team and the environment that all owners share; where they differ, or there are none, those of the VPC that
    all of them are `within`.
    """
    found = list(owners)
    teams, envs = {owner.team for owner in found}, {owner.env for owner in found}
    return Owner(
        teams.pop() if len(teams) == 1 else within.team,
        envs.pop() if len(envs) == 1 else within.env,
    )


def _shown(value: str) -> str:
    return shorten(inert(value), _LONGEST)
