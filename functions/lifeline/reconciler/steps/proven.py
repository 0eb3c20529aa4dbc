"""Proven: which claims from the queue are of calls that CloudTrail recorded, because a message may be forged."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import zip_longest

from lifeline.adapters.aws.event_history import EventHistory
from lifeline.core.denial import DENIED_CODES
from lifeline.core.errors import InvalidInputError, LifelineError, TerminalError, TransientError
from lifeline.core.requests.cloudtrail import CHANGE, read_change
from lifeline.core.requests.request import Request
from lifeline.core.requests.vpcs_touched import attempted_on
from lifeline.runtime.settings import Settings

UNPROVEN = "NotInEventHistory"
# How long such a message waits after each try: half an hour in all, six times what CloudTrail takes on average.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 4, 10, 15))
MOST_LOOKED_UP = 10  # claims of a batch …
MOST_OF_ONE = 3  # … and of those on one resource; in turn, so that nobody's calls use up what others' need
_EVENT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Proven:
    """The requests of which all that counts is true, and those that can't be believed yet, with why: TerminalError
    where a policy denies to look, and TransientError otherwise.
    """

    requests: list[Request]
    failed: list[tuple[Request, LifelineError]]


def prove_claims(requests: Sequence[Request], history: EventHistory, settings: Settings) -> Proven:
    """The requests, each claim from the queue as CloudTrail's Event history has it.

    A claim costs a VPC its private DNS, and whoever can change the queue's policy or a rule's targets can send one that
    nobody made. What somebody invokes the function with needs no proof: they could ask for more. Nor does a refused
    deletion: it costs nobody a path, and tools that delete don't wait for CloudTrail.
    """
    proven = Proven([], [])
    by_resource: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        on = attempted_on(request.trigger.event_name, request.changed_ids)
        if request.claim is None or request.sent_at is None or not on:  # without one, it is about nobody
            proven.requests.append(request)
        else:
            by_resource[on].append(request)
    turns = enumerate(zip_longest(*by_resource.values()))
    claims = ((turn, request) for turn, row in turns for request in row if request)
    for place, (turn, request) in enumerate(claims):
        try:
            if turn >= MOST_OF_ONE or place >= MOST_LOOKED_UP:
                raise TransientError("too many claims in one batch", code=UNPROVEN)
            proven.requests.append(_as_recorded(request, history, settings))
        except LifelineError as error:
            is_denied = isinstance(error, TerminalError) and error.code in DENIED_CODES
            proven.failed.append((request, error if is_denied else TransientError(str(error), code=UNPROVEN)))
    return proven


def _as_recorded(request: Request, history: EventHistory, settings: Settings) -> Request:
    event_id = request.trigger.event_id
    record = history.find(event_id) if _EVENT_ID.fullmatch(event_id) else None
    if record is None or record.get("eventSource") != "ec2.amazonaws.com":
        raise InvalidInputError("detail.eventID", f"CloudTrail's Event history has no call {event_id} to EC2")
    event = {"detail-type": CHANGE, "source": "aws.ec2", "detail": record}
    recorded = read_change(event, settings.role_arn, region=settings.region)
    return replace(recorded, sent_at=request.sent_at, message_id=request.message_id, tries=request.tries)
