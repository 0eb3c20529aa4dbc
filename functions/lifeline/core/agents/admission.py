"""Admission: which new names join a roster, because whoever may publish metrics can invent as many as they like."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256

MOST_HOSTS = 1000  # of a watch whose policy says nothing else
NEW_HOSTS = 100
NEW_INSTANCES = 1000


def admit_hosts(names: Collection[str], on_roster: int, most: int, now: datetime) -> list[str]:
    """The new names for which EC2 can't vouch that join now: NEW_HOSTS at a time, and `most` on the roster in all.

    Those that are on the roster stay, however many there are: an agent that reported is never dropped for a new one.
    """
    return sample(names, min(NEW_HOSTS, max(0, most - on_roster)), now)


def sample(names: Collection[str], most: int, now: datetime) -> list[str]:
    """At most so many of the names, others each time, so that invented ones keep none of the real ones out for good."""
    return sorted(sorted(names, key=lambda name: sha256(f"{now.isoformat()}|{name}".encode()).digest())[:most])
