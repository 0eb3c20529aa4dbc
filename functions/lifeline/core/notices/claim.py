"""What people are told when Lifeline makes way for an endpoint that somebody else brings."""

import json
from collections.abc import Iterable

from lifeline.core.guards.freeze import Freeze
from lifeline.core.network.model import Tier
from lifeline.core.notices.notice import Notice, Severity, subject_line
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.wording import wrap, write_time

_MOST_NAMED = 5
_BACK = {
    ActionKind.DISABLE_PRIVATE_DNS: "switched the private DNS of {} off; the endpoint itself stays",
    ActionKind.REMOVE_ROUTE_TABLES: "took {} out of the route tables that theirs names",
    ActionKind.RETIRE_ENDPOINT: "deleted {}",
}


def handed_over_notice(
    freeze: Freeze,
    service: str,
    vpc_id: str,
    *,
    stack_name: str,
    tiers: Iterable[tuple[str, Tier]],
    done: Iterable[Action],
) -> Notice:
    """Whose claim it is, what Lifeline did, whom it leaves without the service, and how it goes on from there.

    `done` is what made way for it. The claim must have an end.
    """
    actions = list(done)
    who = freeze.actor or "somebody unnamed"
    isolated = sorted(subnet_id for subnet_id, tier in tiers if tier is Tier.ISOLATED)
    ends = write_time(freeze.until) if freeze.until else "its end"
    command = json.dumps({"vpc_ids": [vpc_id], "unfreeze": [service]})
    endpoint_ids = sorted({action.endpoint_id for action in actions})
    did = [f"Lifeline {_back(action, freeze)}." for action in actions] or ["Lifeline's own made way."]
    return Notice(
        kind="yielded",
        severity=Severity.WARNING,
        subject=subject_line(f"[lifeline] {service} in {vpc_id}: made way for {who}, apply again now"),
        happened=tuple(wrap(f"{freeze.why}. Theirs goes first: whoever applies it should do so again now.")),
        why=tuple(wrap(_why(freeze))),
        done=(
            *(line for words in did for line in wrap(words)),
            *wrap(f"It does nothing for {service} in {vpc_id} until theirs is available, or until {ends}."),
        ),
        next=(
            *wrap(f"Apply again now. {_without(isolated, service)}"),
            *wrap("Once theirs is available, Lifeline deletes its own."),
            *wrap(
                f"If theirs isn't there by {ends}, Lifeline serves {service} again. To have that now "
                "(theirs is refused again then):"
            ),
            f"    sam remote invoke ReconcileEndpoints --stack-name {stack_name} \\",
            f"      --event '{command}'",
        ),
        ids=(
            *(f"- endpoint: {endpoint_id}" for endpoint_id in endpoint_ids),
            *(f"- route table: {resource_id}" for resource_id in freeze.ids),
            *((f"- CloudTrail event: {freeze.event_id}",) if freeze.event_id else ()),
        ),
        vpc_id=vpc_id,
        facts={
            "vpc_id": vpc_id,
            "service": service,
            "actor": freeze.actor,
            "event_id": freeze.event_id,
            "endpoint_ids": endpoint_ids,
            "route_table_ids": list(freeze.ids),
            "subnet_ids": isolated,
            "until": freeze.until.isoformat() if freeze.until else "",
        },
    )


def _back(action: Action, freeze: Freeze) -> str:
    is_last = action.kind is ActionKind.RETIRE_ENDPOINT and bool(freeze.ids)
    return _BACK[action.kind].format(action.endpoint_id) + (", whose last routes those were" if is_last else "")


def _why(freeze: Freeze) -> str:
    if freeze.ids:
        return "A route table takes one route to a service, so theirs can't have it while Lifeline's does."
    return "In a VPC one endpoint alone can answer a name, so theirs can't while Lifeline's does."


def _without(isolated: list[str], service: str) -> str:
    if not isolated:
        return f"Until then {service} is reached by the subnets' other ways out."
    more = f" and {len(isolated) - _MOST_NAMED} more" if len(isolated) > _MOST_NAMED else ""
    named = ", ".join(isolated[:_MOST_NAMED]) + more
    return (
        f"Until theirs is available, nothing answers {service} privately, and isolated subnets can't reach it: {named}."
    )
