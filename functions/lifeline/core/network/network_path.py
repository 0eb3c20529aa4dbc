"""The verdict on one subnet and one service: the path, what stands on it, and what of it was not read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import Ranges
from lifeline.core.network.obstacles import Obstacle
from lifeline.core.network.packets import Flows

NOBODY_LOOKED = "whether a central endpoint answers was not checked"
_SOME_NAMES = "clients also ask for other names of the service, which are answered otherwise"


class Reach(StrEnum):
    """The verdict on one subnet and one service.

    UNKNOWN is an answer of its own: what was not read decides. It is neither open nor served. Where the path
    is closed whatever was not read, that is the verdict: nobody reaches a central endpoint without a route to it.
    """

    SERVED = "served by an endpoint"
    CENTRAL = "served by a central endpoint"
    OPEN_EGRESS = "open by a route out of the VPC"
    OPEN_PUBLIC = "open by an internet gateway"
    PENDING = "the endpoint is pending"
    FAILED = "the endpoint failed"
    CLOSED = "the endpoint is closed"
    PARTLY = "reachable in part"
    FILTERED = "the way out is shut"
    DNS_OFF = "the VPC's DNS is off"
    NO_ADDRESS = "no public address"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """True if what is known lets the service be reached, privately or not."""
        return self in {Reach.SERVED, Reach.CENTRAL, Reach.OPEN_EGRESS, Reach.OPEN_PUBLIC}

    @property
    def is_open_in_part(self) -> bool:
        """True if something of the service can be reached."""
        return self.is_open or self is Reach.PARTLY

    @property
    def is_closed(self) -> bool:
        """True if what is known keeps the service from being reached, whatever wasn't read."""
        return not self.is_open and self is not Reach.UNKNOWN


@dataclass(frozen=True, slots=True)
class NetworkPath:
    """The path from a subnet to a service. `words` is one line; `notes` are more of what it is known from.

    `endpoint_id` is the endpoint that serves, or that should; `central_id` the zone, rule or Profile that answers
    instead, `addresses` with which, none where they were not read. `obstacles` stand between the subnet and that
    endpoint. `unread` are clauses: what was not read and could change the verdict, or what can be done about it;
    `doubts` say why it may not hold although everything was read. `shut` are the subnet's addresses from which
    something of the service can't be reached, though it is served or open: a few, which `excepted` shut, or in
    part; `flows` are they with the ports. `is_partly_out` says that routes lead some public addresses out, and it isn't
    known whether they are the service's. `is_repairable` is False where neither an endpoint of Lifeline's nor one that
    it could make would open the path; if something is `unread`, True only says that one might. `conflict_id` is the
    zone that keeps AWS from accepting one.
    """

    reach: Reach
    words: str
    endpoint_id: str = ""
    central_id: str = ""
    addresses: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    is_repairable: bool = False
    conflict_id: str = ""
    shut: Ranges = ()
    flows: Flows = ()
    excepted: tuple[Obstacle, ...] = ()
    is_partly_out: bool = False

    def cut_beyond(self, service: str, words: str, subnet_id: str, *doubts: str) -> "NetworkPath":
        """The path to a central endpoint, on which something beyond the VPC stands."""
        obstacle = Obstacle(ObstacleKind.BEYOND, words, subnet_id)
        return replace(
            self,
            reach=Reach.UNREACHABLE,
            words=f"the way to the central endpoint for the {service} service is cut",
            obstacles=(obstacle,),
            notes=(self.words, words, *self.notes),
            doubts=(*self.doubts, *doubts),
        )

    @property
    def exception(self) -> str:
        """Why a few of the addresses reach nothing, in words."""
        return "; ".join(obstacle.words for obstacle in self.excepted)

    @property
    def standing(self) -> tuple[Reach, Flows, str]:
        """By what and from where the service can be reached; alike for each way out, and for whatever shuts it off."""
        if not self.reach.is_open_in_part:
            return self.reach if self.reach is Reach.UNKNOWN else Reach.UNREACHABLE, (), ""
        return Reach.OPEN_EGRESS if self.reach is Reach.OPEN_PUBLIC else self.reach, self.flows, self.exception

    @property
    def is_unasked(self) -> bool:
        """True if the verdict is unknown only because nobody has looked who else answers the name."""
        return self.reach is Reach.UNKNOWN and self.unread == (NOBODY_LOOKED,)

    @property
    def uncertainties(self) -> tuple[str, ...]:
        """Everything that makes the verdict less than sure."""
        return (*self.doubts, *self.unread)


def together(paths: Sequence[NetworkPath]) -> NetworkPath:
    """One path for all the names that clients ask for: the worst of theirs, in part where others are open."""
    if unknown := next((path for path in paths if path.reach is Reach.UNKNOWN), None):
        return replace(unknown, is_partly_out=any(path.is_partly_out for path in paths))
    closed = [path for path in paths if not path.reach.is_open_in_part]
    others = [path for path in paths if path.reach.is_open_in_part]
    if not closed:
        first = next((path for path in others if path.shut), others[0])
        unread = tuple(dict.fromkeys(words for path in others for words in path.unread))
        return replace(
            first, unread=unread, doubts=tuple(dict.fromkeys(words for path in others for words in path.doubts))
        )
    if not others:
        return closed[0]
    notes, doubts = (*closed[0].notes, others[0].words), (*closed[0].doubts, _SOME_NAMES)
    is_repairable = closed[0].is_repairable and bool(closed[0].endpoint_id)  # none is made where a hub answers a name
    return replace(closed[0], reach=Reach.PARTLY, notes=notes, doubts=doubts, is_repairable=is_repairable)
