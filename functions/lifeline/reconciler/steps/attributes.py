"""DNS attributes in one run: what earlier runs read, what this one reads, and what is kept for later ones."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.core.errors import LifelineError
from lifeline.core.network.dns_attributes import (
    CHANGED_BY,
    DnsAttributes,
    attributes_of,
    due,
    noted,
    with_attributes,
)
from lifeline.core.network.model import Vpc
from lifeline.runtime.observability import logger

ASSUMED = "DNS attributes not read yet: the plan takes them to be on, and they are read before anything is changed"

if TYPE_CHECKING:  # the page has none
    from lifeline.reconciler.steps.targets import Targets


@dataclass(slots=True)
class Attributes:
    """One run's knowledge of DNS attributes. Without a store, nothing was read before, and nothing is kept."""

    store: AttributeStore | None = None
    known: dict[str, DnsAttributes] = field(default_factory=dict)
    _read: dict[str, DnsAttributes] = field(default_factory=dict)
    _forgotten: set[str] = field(default_factory=set)
    _confirmed: set[str] = field(default_factory=set)
    _ahead: dict[str, Vpc | None] = field(default_factory=dict)

    def recall(self) -> None:
        """Learn what earlier runs read. Without it, nothing is known, and more is read."""
        try:
            self.known = dict(self.store.read()) if self.store else {}
        except LifelineError as error:
            logger.warning("known DNS attributes not read", error=str(error))

    def see(self, vpc: Vpc) -> Vpc:
        """The VPC with its attributes, as far as they are known."""
        return with_attributes(vpc, self.known.get(vpc.id))

    def read(self, vpcs: Sequence[Vpc], network: Network, now: datetime) -> dict[str, Vpc]:
        """The VPCs as they are now, without those that are gone; each counts as confirmed."""
        ahead, self._ahead = self._ahead, {}
        seen = ahead | {vpc.id: vpc for vpc in network.with_dns([vpc for vpc in vpcs if vpc.id not in ahead])}
        found = {vpc.id: _with_dns_of(vpc, there) for vpc in vpcs if (there := seen.get(vpc.id))}
        for vpc_id, vpc in found.items():
            attributes = attributes_of(vpc, now)
            self.forget(vpc_id)
            if attributes:
                self.known[vpc_id] = self._read[vpc_id] = attributes
        self._confirmed |= found.keys()
        return found

    def read_ahead(self, vpc_ids: Sequence[str], network: Network) -> None:
        """Reads what `read` will be asked for next, beside what must be known before it is."""
        nothing_else = [Vpc(vpc_id, ()) for vpc_id in vpc_ids]
        found = {vpc.id: vpc for vpc in network.with_dns(nothing_else)}
        self._ahead = {vpc_id: found.get(vpc_id) for vpc_id in vpc_ids}

    def due(self, vpc_ids: Iterable[str], most: int) -> list[str]:
        """The few VPCs whose turn it is to be read in this sweep."""
        return due(vpc_ids, self.known, most)

    # ---- under the lease

    def under_lease(self) -> None:
        """From now on, only what is read again counts as confirmed."""
        self._confirmed.clear()

    def outdated(self, vpcs: Sequence[Vpc], network: Network, now: Callable[[], datetime]) -> frozenset[str]:
        """Which of the VPCs, in which something is about to be changed, aren't as they were planned for: gone, or with
        other attributes. What wasn't read since the lease is read now.
        """
        planned = {vpc.id: self.see(vpc) for vpc in vpcs if vpc.id not in self._confirmed}
        found = self.read([*planned.values()], network, now()) if planned else {}
        return frozenset(vpc_id for vpc_id, vpc in planned.items() if found.get(vpc_id) != vpc)

    def is_assumed(self, vpc_id: str) -> bool:
        """True if the VPC's attributes count as on because nobody has read them."""
        return vpc_id not in self.known and vpc_id not in self._confirmed

    def forget(self, vpc_id: str) -> None:
        """Nothing is known of the VPC any more: somebody changed its attributes, or may have."""
        self.known.pop(vpc_id, None)
        self._read.pop(vpc_id, None)
        self._forgotten.add(vpc_id)

    # ---- for later runs

    def save(self, targets: "Targets", there: Collection[str] | None) -> None:
        """Keeps what was read, without what was changed and not read since. A failure is logged: what is remembered
        only plans.
        """
        forgotten = (self._forgotten | changed_in(targets)) - self._read.keys()
        if self.store is None or not (self._read or forgotten or there is not None):
            return
        try:
            self.store.change(partial(noted, read=self._read, forgotten=forgotten, there=there))
        except LifelineError as error:
            logger.warning("known DNS attributes not saved", error=str(error))


def _with_dns_of(vpc: Vpc, read: Vpc) -> Vpc:
    unread = tuple(one for one in read.unread if one not in vpc.unread)
    return replace(vpc, dns_support=read.dns_support, dns_hostnames=read.dns_hostnames, unread=(*vpc.unread, *unread))


def changed_in(targets: "Targets") -> set[str]:
    """The VPCs of which a change says that somebody set an attribute."""
    named = [*targets.requests.items(), *targets.resting.items()]
    return {vpc_id for vpc_id, waiting in named for one in waiting if one.trigger.event_name == CHANGED_BY}
