"""What Lifeline associated a VPC with: a hub's zones and Profile, and what may be left of it in the zone's account."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lifeline.core.plan.actions import ASSOCIATES, HALFWAY, UNANSWERED, Action, ActionKind, Plan, Status
from lifeline.core.policy.central import is_profile
from lifeline.core.wording import write_time

AUTHORIZATION_LEFT = "couldn't be deleted, and a later run will try again"
_SEEN_WITHIN = timedelta(minutes=15)
_REFUSED_FOR = timedelta(days=1)
_FINISHED_WITHIN = timedelta(days=1)  # a swap that stopped halfway; later, a person is asked once more


@dataclass(frozen=True, slots=True)
class Association:
    """One of them: since when. It is saved before the call, so that a run that dies leaves none that nobody knows.

    `account` is the zone's while an authorization may be left there. With `is_refused`, AWS didn't make the
    association, and the authorization is all that may be left; `why` are AWS's words. `is_made` once AWS certainly made
    it. `swapping_since` is since when a swap that was approved lets it go, None once that is done or undone.
    """

    at: datetime
    account: str = ""
    is_refused: bool = False
    is_made: bool = False
    why: str = ""
    swapping_since: datetime | None = None


type Associated = Mapping[str, Association]
"""The associations by the ID of the zone or the Profile."""


def own_ids(associated: Associated) -> frozenset[str]:
    """The zones and Profiles that Lifeline associated."""
    return frozenset(id_ for id_, association in associated.items() if not association.is_refused)


def refused_lately(associated: Associated, *, now: datetime) -> dict[str, str]:
    """The zones and Profiles that AWS refused within a day, in its words: until then, nothing waits for these."""
    return {id_: one.why for id_, one in associated.items() if one.why and now - one.at < _REFUSED_FOR}


def note_planned(associated: Associated, actions: Iterable[Action], *, now: datetime) -> dict[str, Association]:
    """The associations with those that are about to be made, or to be made again should a swap fail."""
    found = dict(associated)
    for action in (action for action in actions if action.is_planned):
        for id_ in action.moving_ids:
            known, account = found.get(id_), _account_of(action, id_)
            if action.kind in ASSOCIATES:
                found[id_] = Association(now, account, is_made=bool(known and known.is_made))
            elif action.kind is ActionKind.SWAP_TO_LOCAL:
                known = known or Association(now, is_refused=True)
                found[id_] = replace(known, account=account or known.account, swapping_since=now)
    return found


def settle_done(associated: Associated, done: Iterable[Action], *, now: datetime) -> dict[str, Association]:
    """The associations as the run leaves them.

    AWS may refuse one that is there all the same: it was made before, for another service, or as the first of several.
    An action that is done and says something all the same has left its authorization, and so has a swap that failed and
    whose zones came back, if it says so. One that AWS refused for now, or that is blocked since an earlier attempt, may
    have been made.
    """
    found, done = dict(associated), tuple(done)
    there = {id_ for id_, one in associated.items() if one.is_made} | set(_made_by(done))
    for action in done:
        for id_ in action.moving_ids:
            account = _account_of(action, id_)
            match action.kind, action.status:
                case ActionKind.ASSOCIATE_CENTRAL | ActionKind.SWAP_TO_CENTRAL, Status.DONE:
                    found[id_] = Association(now, account if action.error else "", is_made=True)
                case ActionKind.ASSOCIATE_CENTRAL | ActionKind.SWAP_TO_CENTRAL, Status.FAILED:
                    why = action.error if id_ == _refused_of(action) and id_ not in there else ""
                    found[id_] = Association(now, account, id_ not in there, id_ in there, why)
                case ActionKind.DELETE_AUTHORIZATION, Status.DONE if id_ in found:
                    found[id_] = replace(found[id_], account="")
                case ActionKind.DELETE_AUTHORIZATION, _:
                    found[id_] = replace(found.get(id_, Association(now, is_refused=True)), account=account)
                case ActionKind.SWAP_TO_LOCAL, Status.PLANNED | Status.FAILED if AUTHORIZATION_LEFT in action.error:
                    found[id_] = replace(_swapped(found.get(id_), action, now), account=account)
                case ActionKind.SWAP_TO_LOCAL, status if id_ in found:
                    known = replace(_swapped(found[id_], action, now), account="")
                    found[id_] = replace(known, is_refused=True, is_made=False) if status is Status.DONE else known
                case ActionKind.DISASSOCIATE_CENTRAL | ActionKind.RESTORE_LOCAL, Status.DONE if id_ in found:
                    found[id_] = replace(found[id_], is_refused=True, is_made=False)
    kept = {*refused_lately(found, now=now), *(id_ for id_, one in found.items() if _is_swapping(one, now))}
    return {id_: one for id_, one in found.items() if one.account or not one.is_refused or id_ in kept}


def _swapped(known: Association | None, action: Action, now: datetime) -> Association:
    """The association after a swap: one that could neither be finished nor undone goes on."""
    known = known or Association(now, is_refused=True)
    return known if UNANSWERED in action.error else replace(known, swapping_since=None)


def _is_swapping(association: Association | None, now: datetime) -> bool:
    since = association.swapping_since if association else None
    return since is not None and now - since < _FINISHED_WITHIN


def _made_by(done: Iterable[Action]) -> Iterator[str]:
    """What AWS certainly made: all that a done action asked for, and what comes before that which a failed one names.
    A swap that failed has let go again what it made.
    """
    for action in done:
        if action.kind in ASSOCIATES and action.is_done:
            yield from action.moving_ids
        elif refused := _refused_of(action):
            yield from action.central_ids[: action.central_ids.index(refused)]


def _refused_of(action: Action) -> str:
    """Which of several a failed association names, or else the first; empty for any other action."""
    if action.kind is not ActionKind.ASSOCIATE_CENTRAL or not action.is_failed:
        return ""
    return next((id_ for id_ in action.central_ids if id_ in action.error), action.central_ids[0])


def is_left(associated: Associated) -> bool:
    """True if an authorization may be left in another account."""
    return any(association.account for association in associated.values())


def has_any(associated: Associated) -> bool:
    """True if something of Lifeline's may be there, or left."""
    return bool(own_ids(associated)) or is_left(associated)


def leftovers(associated: Associated) -> Iterator[Action]:
    """What deletes the authorizations that runs left behind. An association that is still to come makes its own."""
    for id_, association in sorted(associated.items()):
        if association.account:
            yield Action(
                ActionKind.DELETE_AUTHORIZATION,
                f"a run left the VPC's authorization for {id_} behind, and it has no use",
                central_ids=(id_,),
                central_account=association.account,
            )


def with_doubts(associated: Associated, plan: Plan, *, now: datetime) -> Plan:
    """The plan, in which a person is asked before anything is associated again that somebody else let go, and not
    before a swap is finished, or undone, that they approved.
    """

    def asking(action: Action) -> Action:
        if action.asks == HALFWAY and all(_is_swapping(associated.get(id_), now) for id_ in action.central_ids):
            return replace(action, asks="")
        ended = [id_ for id_ in action.central_ids if _is_ended(associated.get(id_), now)]
        if action.kind is not ActionKind.ASSOCIATE_CENTRAL or not ended:
            return action
        words = f"Lifeline associated {ended[0]} at {write_time(associated[ended[0]].at)}, and somebody ended that"
        return replace(action, asks=f"{action.asks}; {words}" if action.asks else f"needs approval: {words}")

    return replace(plan, actions=tuple(map(asking, plan.actions)))


def _is_ended(association: Association | None, now: datetime) -> bool:
    """True of an association that AWS certainly made, and that had time to be seen."""
    return association is not None and association.is_made and now - association.at > _SEEN_WITHIN


def released(associated: Associated) -> Iterator[Action]:
    """What gives up all that Lifeline associated."""
    for id_ in sorted(own_ids(associated)):
        reason = "a person releases everything of Lifeline's here"
        yield Action(ActionKind.DISASSOCIATE_CENTRAL, reason, central_ids=(id_,))


def _account_of(action: Action, central_id: str) -> str:
    """The account that has to authorize it: a Profile is shared as a whole (RAM)."""
    return "" if is_profile(central_id) else action.central_account
