"""A request to reconcile VPCs."""

from dataclasses import dataclass
from datetime import datetime

from lifeline.core.coexist.claims import Claim
from lifeline.core.coexist.teardown import DEPENDENCY
from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.mode import Mode
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import write_stated

MESSAGE = "message"  # the kind of trigger of a message on a queue, which whoever can send one may have made up


@dataclass(frozen=True, slots=True)
class Request:
    """What to reconcile: named VPCs, the VPCs that the ids of a change belong to, or the whole region for a sweep.

    `is_follow` asks what became of endpoints that were made, `is_release` gives up all that is Lifeline's. `sent_at` is
    when the queue got it, where a queue did: a run that began well after answers it. `requeued` is how often in a row
    runs have put the work back. `because` is what set the work
    going that a run put back. `approve` is the id of a plan that a person approves. `freeze` and `unfreeze` are the
    services that a person takes out of Lifeline's hands in the VPCs, or puts back, EVERYTHING for all. `backlog` are
    those whose backlog a person approves.

    `failure` is EC2's code, without its prefix, where the record is of a call that failed. Its trigger is an `attempt`:
    it changed nothing, but says what someone is about to do. `claim` is what it wanted where it was refused a name, or
    routes, that another endpoint has. `tool` is the infrastructure-as-code tool that made the call, empty where none
    did. `request_id` is CloudTrail's of a call that failed. `is_text` asks for the answer as text. `tries` is how often
    a queue has delivered it.
    """

    trigger: Trigger
    vpc_ids: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    refusals: tuple[InvalidInputError, ...] = ()
    changed_ids: frozenset[str] = frozenset()
    is_sweep: bool = False
    is_own: bool = False
    is_follow: bool = False
    is_release: bool = False
    mode: Mode | None = None
    attempt: int = 0
    requeued: int = 0
    sent_at: datetime | None = None
    message_id: str = ""
    because: tuple[Trigger, ...] = ()
    approve: str = ""
    freeze: tuple[str, ...] = ()
    unfreeze: tuple[str, ...] = ()
    backlog: tuple[str, ...] = ()
    failure: str = ""
    is_text: bool = False
    claim: Claim | None = None
    tool: str = ""
    request_id: str = ""
    tries: int = 0

    @property
    def is_repeated_by_sweep(self) -> bool:
        """True if the next sweep does all that the request asks for, because it tells nothing that only it knows: which
        agents are silent, what a person wants, or what a refused call was to do. What became of new endpoints, a sweep
        looks at wherever nobody did.
        """
        if self.trigger.kind == "attempt":
            return self.is_own or (self.claim is None and self.failure != DEPENDENCY)
        is_asked = self.is_release or self.approve or self.freeze or self.unfreeze or self.backlog
        return not is_asked and (self.is_follow or all(cause.kind in {"change", "sweep"} for cause in self.because))

    @property
    def approves(self) -> tuple[str, ...]:
        """The services for which Lifeline is to act in the VPCs, whatever waits there. A call that names VPCs asks for
        all of them, unless it says which.
        """
        is_plain_call = self.trigger.kind == "call" and bool(self.vpc_ids)
        return self.backlog or self.unfreeze or ((EVERYTHING,) if is_plain_call else ())

    @property
    def asked_for(self) -> tuple[tuple[str, str], ...]:
        """What a call asks for beside a look at the VPCs, for the audit log: its field, and what it did in words."""
        stated = write_stated(self.trigger.by)
        deeds = (
            ("freeze", self.freeze, "frozen manually"),
            ("unfreeze", self.unfreeze, "no longer frozen"),
            ("approve", self.backlog, "approved in the backlog"),
            ("release", (EVERYTHING,) if self.is_release else (), "released manually"),
        )
        return tuple(
            (name, f"{'everything' if EVERYTHING in services else ', '.join(services)} {deed}{stated}")
            for name, services, deed in deeds
            if services
        )

    def field_of(self, vpc_id: str) -> str:
        """Where the call named the VPC, for an error's words."""
        return dict(self.fields).get(vpc_id, "vpc_ids")
