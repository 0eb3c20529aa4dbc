"""People's names in what CloudTrail says of a caller, replaced by a hash for those who must not keep them."""

import re
from dataclasses import replace

from lifeline.core.requests.request import Request, Trigger
from lifeline.core.wording import fingerprint

_HASHED = re.compile(r"/session-[0-9a-f]{8}$")


def hash_session_names(request: Request, account_id: str) -> Request:
    """The request with a hash in place of each session's name, in its trigger and in what set the work going."""
    because = tuple(
        trigger if _HASHED.search(trigger.actor) else _hashed(trigger, account_id)  # requeued work was hashed before
        for trigger in request.because
    )
    return replace(request, trigger=_hashed(request.trigger, account_id), because=because)


def _hashed(trigger: Trigger, account_id: str) -> Trigger:
    """`deploy-role/session-3f9c2a7b`: the role stays, and one session keeps one hash in an account."""
    role, _, session = trigger.actor.partition("/")
    if not session:
        return trigger
    return replace(trigger, actor=f"{role}/session-{fingerprint(account_id, trigger.actor, length=8)}")
