"""The notice of a freeze that ends a fight: who undid what, what it means, and how to go on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lifeline.core.coexist.conflicts import WINDOW, Conflict, Reversal, reversal_words
from lifeline.core.coexist.effects import EffectKind
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP
from lifeline.core.network.model import Tier
from lifeline.core.notices.notice import Notice, Severity, subject_line
from lifeline.core.plan.actions import Plan
from lifeline.core.wording import wrap, write_time

_MOST_SUBNETS = 5
_SHARED = {SECURITY_GROUP: "Lifeline's security group", DNS_ATTRIBUTES: "the VPC's DNS attributes"}
_NAMELESS = frozenset({EffectKind.ENDPOINT, EffectKind.PRIVATE_DNS, EffectKind.ROUTE_TABLE})
_CLOSED = frozenset({EffectKind.GROUP_OFF, EffectKind.GROUP, EffectKind.RULE})


@dataclass(frozen=True, slots=True)
class Frozen:
    """What one look froze in a VPC: the fights by service, whose subnets require it, and what it is called there."""

    plan: Plan
    conflicts: Mapping[str, Conflict]
    clients: Mapping[str, Sequence[str]]
    names: Mapping[str, Sequence[str]]
    stack_name: str


def frozen_notice(frozen: Frozen) -> Notice:
    """One notice for all that a look froze in a VPC, whoever's hand it was."""
    vpc_id = frozen.plan.vpc_id
    keys = sorted(frozen.conflicts)
    what, who = " and ".join(_SHARED.get(key, key) for key in keys), _who(frozen)
    short = f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else keys[0]
    hours = int(WINDOW.total_seconds() // 3600)
    times = max(len(conflict.reversals) for conflict in frozen.conflicts.values())
    opening = f"{who} undid what Lifeline did for {what} in {vpc_id} {times} times within {hours} hours."
    return Notice(
        kind="frozen",
        severity=Severity.CRITICAL,
        subject=subject_line(f"[lifeline] frozen in {vpc_id}: {short}, undone {times} times by {who}"),
        happened=(*wrap(opening), *_times(frozen)),
        why=tuple(wrap("Whoever does it means it, or runs something that does: doing it again would never end.")),
        done=(
            *wrap(f"Lifeline does nothing more there for {what} until somebody unfreezes it."),
            *(line for key in keys for line in _meaning(key, frozen)),
        ),
        next=tuple(_next(frozen, keys, who)),
        ids=tuple(_ids(frozen)),
        vpc_id=vpc_id,
        facts={"vpc_id": vpc_id, "frozen": {key: _facts(frozen.conflicts[key]) for key in keys}},
    )


def _who(frozen: Frozen) -> str:
    names = dict.fromkeys(
        reversal.actor for conflict in frozen.conflicts.values() for reversal in conflict.reversals if reversal.actor
    )
    shown = list(names)[:2]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{' and '.join(shown)}{more}" if shown else "somebody"


def _times(frozen: Frozen) -> Iterator[str]:
    for key, conflict in sorted(frozen.conflicts.items()):
        yield ""
        yield f"{_SHARED.get(key, key)}:"
        for reversal in conflict.reversals:
            yield from wrap(f"{write_time(reversal.at)}: {reversal_words(reversal)}", first="  ", rest="    ")
            yield from (line for text in _by(reversal) for line in wrap(text, first="    ", rest="      "))


def _by(one: Reversal) -> tuple[str, ...]:
    if not one.event_id:
        return ("by somebody (CloudTrail told nobody who)",)
    return f"{one.event_name} by {one.actor or 'somebody unnamed'}", f"CloudTrail event {one.event_id}"


def _meaning(key: str, frozen: Frozen) -> Iterator[str]:
    """What is left without it, and for whom: by the last thing that was undone."""
    kind = frozen.conflicts[key].reversals[-1].kind
    if key == DNS_ATTRIBUTES:
        yield from wrap("While these are off, private DNS answers nobody in the VPC.")
    elif key == SECURITY_GROUP:
        yield from wrap("Interface endpoints that rely on the group let nobody in who isn't let in by another.")
    elif kind in _NAMELESS:
        named = ", ".join(frozen.names.get(key, ())[:2]) or key
        yield from wrap(f"No endpoint of Lifeline's answers {named} there. {_left(key, frozen)}")
    elif kind in _CLOSED:
        yield from wrap(f"The endpoint answers for {key} but lets nobody in. {_left(key, frozen)}")
    else:
        yield from wrap(f"The endpoint for {key} goes on without it: another zone's failure is felt there, too.")


def _left(key: str, frozen: Frozen) -> str:
    tiers = dict(frozen.plan.tiers)
    clients = [subnet_id for subnet_id in sorted(frozen.clients.get(key, ())) if subnet_id in tiers]
    isolated = [client for client in clients if tiers[client] is Tier.ISOLATED]
    others = [client for client in clients if tiers[client] is not Tier.ISOLATED]
    words = f"{_few(isolated)} can't reach {key} at all. " if isolated else ""
    return (words + (f"{_few(others)}: only by another way out, if the name leads there." if others else "")).strip()


def _few(subnet_ids: Sequence[str]) -> str:
    more = len(subnet_ids) - _MOST_SUBNETS
    shown = ", ".join(subnet_ids[:_MOST_SUBNETS])
    return f"{shown} and {more} more subnets" if more > 0 else shown


def _next(frozen: Frozen, keys: Sequence[str], who: str) -> Iterator[str]:
    vpc_id = frozen.plan.vpc_id
    request = json.dumps({"vpc_ids": [vpc_id], "unfreeze": list(keys)})
    yield from wrap(f"Ask {'those who changed it' if who == 'somebody' else who} why. Then one of these:")
    yield from wrap("- To have Lifeline do it again, once they agree (this also forgets the count):")
    yield f"    sam remote invoke ReconcileEndpoints --stack-name {frozen.stack_name} --event '{request}'"
    yield from wrap("- To leave it to them: once an endpoint of theirs serves, the freeze ends.", rest="  ")
    services = [key for key in keys if key not in _SHARED]
    if services:
        why = {"vpc_id": vpc_id, "services": services, "reason": "say why"}
        yield "- To leave it as it is, add this to the policy's exemptions (PolicyParameter):"
        yield f"    {json.dumps(why)}"
    yield "- To have nothing at all required in this VPC:"
    yield f"    aws ec2 create-tags --resources {vpc_id} --tags Key=lifeline:exempt,Value=true"
    tiers = dict(frozen.plan.tiers)
    if any(tiers.get(subnet_id) is Tier.EGRESS for key in services for subnet_id in frozen.clients.get(key, ())):
        yield "- Subnets with another way out need none: set the stack's Scope to isolated."


def _ids(frozen: Frozen) -> Iterator[str]:
    ids = {reversal.id for conflict in frozen.conflicts.values() for reversal in conflict.reversals} - {
        frozen.plan.vpc_id
    }
    undone = f"; undone: {', '.join(sorted(ids))}" if ids else ""
    yield from wrap(f"VPC {frozen.plan.vpc_id}{undone}")


def _facts(conflict: Conflict) -> list[dict[str, str]]:
    return [
        {
            "at": reversal.at.isoformat(),
            "what": reversal_words(reversal),
            "actor": reversal.actor,
            "event_name": reversal.event_name,
            "event_id": reversal.event_id,
        }
        for reversal in conflict.reversals
    ]
