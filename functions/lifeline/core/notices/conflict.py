"""The notice of a freeze that ends a conflict: who reverted what, what that means, and how to go on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lifeline.core.coexist.conflicts import WINDOW, Conflict, reversal_words
from lifeline.core.coexist.effects import EffectKind
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP
from lifeline.core.network.model import Tier
from lifeline.core.notices.notice import Notice, brief_id, fit_subject, invoke_lines
from lifeline.core.plan.actions import Plan
from lifeline.core.severity import Severity
from lifeline.core.wording import few, listed, write_actor, write_actor_shorter, write_time

_MOST_SUBNETS = 5
_SHARED = {SECURITY_GROUP: "Lifeline's security group", DNS_ATTRIBUTES: "the VPC's DNS attributes"}
_OWN = {SECURITY_GROUP: "its security group", DNS_ATTRIBUTES: "the VPC's DNS attributes"}
_UNSERVED = frozenset({EffectKind.ENDPOINT, EffectKind.PRIVATE_DNS, EffectKind.ROUTE_TABLE})
_CLOSED = "The {} endpoint doesn't accept any traffic."
_SHUT = {
    EffectKind.GROUP_OFF: _CLOSED,
    EffectKind.GROUP: _CLOSED,
    EffectKind.RULE: _CLOSED,
    EffectKind.POLICY: "The {} endpoint's policy doesn't let anyone use the service.",
    EffectKind.DNS_RECORDS: "The {} endpoint's names lead to addresses of one IP version, and clients use the other.",
}


@dataclass(frozen=True, slots=True)
class Frozen:
    """What one reconciliation froze in a VPC: by service, its conflict, the subnets that require it, and its names."""

    plan: Plan
    conflicts: Mapping[str, Conflict]
    clients: Mapping[str, Sequence[str]]
    names: Mapping[str, Sequence[str]]
    stack_name: str


def frozen_notice(frozen: Frozen) -> Notice:
    """Write one notice for everything that a reconciliation froze in a VPC, whoever caused it."""
    vpc_id, keys = frozen.plan.vpc_id, sorted(frozen.conflicts)
    reversals = [reversal for key in keys for reversal in frozen.conflicts[key].reversals]
    named = [write_actor_shorter(reversal.actor) for reversal in reversals if reversal.actor]
    actors, through, people = (list(dict.fromkeys(names[place] for names in named)) for place in range(3))
    things = [_SHARED.get(key, f"the {key} endpoint") for key in keys]
    what, short = listed(things), few([thing.removeprefix("the ") for thing in things], 1)
    times = max(len(conflict.reversals) for conflict in frozen.conflicts.values())
    by_one = f" by {few(people, 1) or 'others'}"
    by = [*(f" by {few(names, 2) or 'others'}" for names in (actors, through, people)), by_one]
    who, window = few(actors, 2), f"within {int(WINDOW.total_seconds() // 3600)} hours"
    deleted = [reversal.id for reversal in reversals if reversal.kind is EffectKind.ENDPOINT]
    if len(keys) == 1 and len(deleted) == len(reversals):
        reverted = (
            f"deleted {len(deleted)} endpoints that Lifeline created for the {keys[0]} service in {vpc_id} {window}"
        )
    else:
        reverted = f"reverted Lifeline's changes to {what} in {vpc_id} {times} times {window}"
    or_served = (
        ""
        if all(key in _SHARED for key in keys)
        else " or another endpoint serves the subnets that require the service"
    )
    verb = "change" if keys == [DNS_ATTRIBUTES] else "create or change"
    kept = listed([_OWN.get(key, f"an endpoint for the {key} service") for key in keys])
    return Notice(
        kind="frozen",
        severity=Severity.CRITICAL,
        subject=fit_subject(
            *(
                f"[lifeline] {short} frozen in {place}: reverted {times} times{callers}"
                for callers in by
                for place in (vpc_id, brief_id(vpc_id))
            ),
            f"[lifeline] {short} frozen: reverted{by_one}",
            end=by_one,
        ),
        happened=(
            f"{who or 'An unknown actor'} {reverted}:",
            *(row for key in keys for row in _reversals(key, frozen.conflicts[key], is_only=len(keys) == 1)),
        ),
        why=("This looks intentional or automated. To avoid a loop, Lifeline has stopped repeating its changes.",),
        done=(
            f"Lifeline won't {verb} {kept} in this VPC until someone ends the freeze{or_served}.",
            *(_consequence(key, frozen) for key in keys),
        ),
        next=tuple(_next(frozen, keys, who)),
        vpc_id=vpc_id,
        resource_ids=tuple(reversal.id for reversal in reversals),
        deleted_ids=tuple(deleted),
        event_ids=tuple(reversal.event_id for reversal in reversals),
        facts={"vpc_id": vpc_id, "frozen": {key: _facts(frozen.conflicts[key]) for key in keys}},
    )


def _reversals(key: str, conflict: Conflict, *, is_only: bool) -> Iterator[str]:
    about = "" if is_only else f"{_SHARED.get(key, key)}: "
    for reversal in conflict.reversals:
        by = f"{reversal.event_name} by {write_actor(reversal.actor) or 'an unknown actor'}"
        by = f" ({by})" if reversal.event_id else " by an unknown actor (no CloudTrail event found)"
        yield f"- {write_time(reversal.at)}: {about}{reversal_words(reversal)}{by}"


def _consequence(key: str, frozen: Frozen) -> str:
    """What no longer works, and for which subnets, by what was reverted last."""
    last = frozen.conflicts[key].reversals[-1]
    if key == DNS_ATTRIBUTES:
        return "While these attributes are off, private DNS doesn't work anywhere in the VPC."
    if key == SECURITY_GROUP:
        return (
            "Interface endpoints that use this security group don't accept any traffic unless another group allows it."
        )
    if last.kind in _UNSERVED:
        names = few(frozen.names.get(key, ()), 2) or key
        return f"None of Lifeline's endpoints serves {names} now. {_unserved(key, frozen)}".strip()
    if last.kind is EffectKind.POLICY and last.part:
        return f"The {key} endpoint doesn't have the policy that your policy document names for it."
    if last.kind in _SHUT:
        return f"{_SHUT[last.kind].format(key)} {_unserved(key, frozen)}".strip()
    return f"The {key} endpoint is still there, but it is less resilient to the failure of a zone."


def _unserved(key: str, frozen: Frozen) -> str:
    tiers = dict(frozen.plan.tiers)
    clients = [subnet_id for subnet_id in sorted(frozen.clients.get(key, ())) if subnet_id in tiers]
    isolated = [client for client in clients if tiers[client] is Tier.ISOLATED]
    others = [client for client in clients if tiers[client] is not Tier.ISOLATED]
    words = f"These subnets can't reach the {key} service: {few(isolated, _MOST_SUBNETS)}. " if isolated else ""
    return words + (
        f"These subnets now need another path to the service: {few(others, _MOST_SUBNETS)}." if others else ""
    )


def _next(frozen: Frozen, keys: Sequence[str], actors: str) -> Iterator[str]:
    vpc_id = frozen.plan.vpc_id
    yield f"Ask {actors or 'whoever made these changes'} why, then choose one:"
    yield "- Let Lifeline make its changes again (this also resets the count of reverted changes):"
    yield from invoke_lines(frozen.stack_name, {"vpc_ids": [vpc_id], "unfreeze": list(keys)})
    services = [key for key in keys if key not in _SHARED]
    if services:
        yield "- Let them create their own endpoint. The freeze ends once it is available and serves these subnets."
        exemption = {"vpc_id": vpc_id, "services": services, "reason": "say why"}
        only = "this service" if len(services) == 1 else "these services"
        where = "the policy document (the SSM parameter that the stack's PolicyParameter names)"
        yield f"- Exempt the VPC from {only} only: add this to the exemptions in {where}:"
        yield f"    {json.dumps(exemption)}"
    yield "- Exempt the VPC from all services:"
    yield f"    aws ec2 create-tags --resources {vpc_id} --tags Key=lifeline:exempt,Value=true"
    tiers = dict(frozen.plan.tiers)
    if any(tiers.get(subnet_id) is Tier.EGRESS for key in services for subnet_id in frozen.clients.get(key, ())):
        yield "- Serve only isolated subnets, in all VPCs: add this to each rule in the policy document:"
        yield '    "where": {"tiers": ["isolated"]}'


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
