"""People's names in what CloudTrail says of a caller, replaced by a hash for those who must not keep them."""

import re
from dataclasses import replace

from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import fingerprint, split_actor

_HASHED = re.compile(r"[^/]+/session-[0-9a-f]{8}")


def hash_session_names(request: Request, account_id: str) -> Request:
    """The request with a hash in place of each session's name, in its trigger and in what set the work going."""
    because = tuple(
        trigger if _is_hashed(trigger) else _hashed(trigger, account_id)  # requeued work was hashed before
        for trigger in request.because
    )
    return replace(request, trigger=_hashed(request.trigger, account_id), because=because)


def _is_hashed(trigger: Trigger) -> bool:
    return bool(_HASHED.fullmatch(split_actor(trigger.actor)[0]))


def _hashed(trigger: Trigger, account_id: str) -> Trigger:
    """`deploy-role/session-3f9c2a7b`: the role stays, and one session keeps one hash in an account."""
    who, service = split_actor(trigger.actor)
    role, _, session = who.partition("/")
    if not session:
        return trigger
    return replace(trigger, actor=f"{role}/session-{fingerprint(account_id, who, length=8)}{service}")
