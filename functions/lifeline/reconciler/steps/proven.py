"""Proven: which claims from the queue are of calls that CloudTrail recorded, because a message may be forged."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest

from lifeline.adapters.aws.event_history import EventHistory
from lifeline.core.coexist.claims import CLAIM_HOLDS
from lifeline.core.denial import DENIED_CODES
from lifeline.core.errors import InvalidInputError, LifelineError, TerminalError, TransientError
from lifeline.core.requests.cloudtrail import CHANGE, read_change
from lifeline.core.requests.request import Request
from lifeline.core.requests.vpcs_touched import attempted_on
from lifeline.core.wording import principal_in, read_time
from lifeline.runtime.settings import Settings

UNPROVEN = "NotInEventHistory"
# How long such a message waits after each try: half an hour in all, six times what CloudTrail takes on average.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 10, 15))
MOST_LOOKED_UP = 10  # claims of a batch …
MOST_OF_ONE = 3  # … and of one caller's on one resource; in turn by who called, so nobody's use up what others need
_EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Proven:
    """The requests of which all that counts is true, and those that can't be believed yet, with why: TerminalError
    where a policy denies to look, and TransientError otherwise.
    """

    requests: list[Request]
    failed: list[tuple[Request, LifelineError]]


def prove_claims(requests: Sequence[Request], history: EventHistory, settings: Settings, *, now: datetime) -> Proven:
    """The requests, each claim from the queue as CloudTrail's Event history has it.

    A claim costs a VPC its private DNS, and whoever can change the queue's policy or a rule's targets can send one that
    nobody made. What somebody invokes the function with needs no proof: they could ask for more. Nor does a refused
    deletion: it costs nobody a path, and tools that delete don't wait for CloudTrail. A claim that is over by its own
    time isn't looked up: those that are replayed would take the look-ups of those that count.
    """
    proven = Proven([], [])
    by_caller: dict[str, dict[str, list[Request]]] = defaultdict(partial(defaultdict, list))
    for request in sorted(requests, key=lambda request: -request.tries):  # whoever waited goes first
        on = attempted_on(request.trigger.event_name, request.changed_ids)
        if request.claim is None or request.sent_at is None or not on:  # without one, it is about nobody
            proven.requests.append(request)
        elif (at := read_time(request.trigger.time)) and at <= now - CLAIM_HOLDS:
            proven.requests.append(replace(request, claim=None))
        else:
            by_caller[principal_in(request.trigger.actor)][on].append(request)
    looked_up = Counter[tuple[str, str]]()
    for request in _in_turn(_in_turn(on_each.values()) for on_each in by_caller.values()):
        (on,) = request.changed_ids
        whose = principal_in(request.trigger.actor), on
        try:
            if looked_up[whose] >= MOST_OF_ONE or looked_up.total() >= MOST_LOOKED_UP:
                raise TransientError("too many claims in one batch", code=UNPROVEN)
            looked_up[whose] += 1
            proven.requests.append(_as_recorded(request, history, settings))
        except LifelineError as error:
            is_denied = isinstance(error, TerminalError) and error.code in DENIED_CODES
            proven.failed.append((request, error if is_denied else TransientError(str(error), code=UNPROVEN)))
    return proven


def _in_turn(rows: Iterable[Iterable[Request]]) -> Iterator[Request]:
    """One of each, again and again until there is none."""
    return (request for turn in zip_longest(*rows) for request in turn if request)


def _as_recorded(request: Request, history: EventHistory, settings: Settings) -> Request:
    event_id = request.trigger.event_id
    record = history.find(event_id) if _EVENT_ID.fullmatch(event_id) else None
    if record is None or record.get("eventSource") != "ec2.amazonaws.com":
        raise InvalidInputError("detail.eventID", f"CloudTrail's Event history has no call {event_id} to EC2")
    event = {"detail-type": CHANGE, "source": "aws.ec2", "detail": record}
    recorded = read_change(event, settings.role_arn, region=settings.region)
    return replace(recorded, sent_at=request.sent_at, message_id=request.message_id, tries=request.tries)
