"""The notice of a hand-over: Lifeline steps back because someone else creates the same endpoint."""

from collections.abc import Iterable
from dataclasses import replace

from lifeline.core.guards.freeze import Freeze
from lifeline.core.network.model import SeenTier, Tier
from lifeline.core.notices.notice import Notice, brief_id, fit_subject, invoke_lines
from lifeline.core.notices.plan_text import action_lines, resource_ids
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.severity import Severity
from lifeline.core.wording import few, write_actor, write_actor_shorter, write_count, write_time

_MOST_NAMED = 5


def handed_over_notice(
    freeze: Freeze,
    service: str,
    vpc_id: str,
    *,
    stack_name: str,
    tiers: Iterable[tuple[str, SeenTier]],
    done: Iterable[Action],
    is_required: bool,
) -> Notice:
    """Write whose endpoint takes precedence, what Lifeline did, which subnets go without, and what happens next.

    `done` are the actions that made room for it. The claim must have an end. What isn't required in the VPC isn't taken
    back.
    """
    actions = list(done)
    who, through, person = (name or "an unknown actor" for name in write_actor_shorter(freeze.actor))
    isolated = sorted(subnet_id for subnet_id, tier in tiers if tier is Tier.ISOLATED)
    ends = write_time(freeze.until) if freeze.until else "its end"
    what = "routes" if freeze.ids else "DNS name"
    unfreeze = invoke_lines(stack_name, {"vpc_ids": [vpc_id], "unfreeze": [service]})
    return Notice(
        kind="handed_over",
        severity=Severity.WARNING,
        subject=fit_subject(
            *(
                f"[lifeline] {service} {what} in {place} handed over to {caller}: try again"
                for caller in (who, through, person)
                for place in (vpc_id, brief_id(vpc_id))
            ),
            f"[lifeline] {service} {what} handed over to {person}",
            end=f" to {person}",
        ),
        happened=(f"{freeze.why}. The caller's endpoint takes precedence over Lifeline's.",),
        why=(_why(freeze),),
        done=(
            f"Lifeline made {write_count(len(actions), 'change')}:",
            *action_lines(replace(action, reason="") for action in actions),
            f"It won't change anything else for the {service} service in this VPC until the new endpoint is available",
            f"or until {ends}, whichever comes first.",
        ),
        next=(
            f"Have {write_actor(freeze.actor) or 'the caller'} try again now (with Terraform: run terraform apply",
            "again).",
            _meanwhile(isolated, service),
            *(_afterwards(freeze, actions, what, ends, unfreeze) if is_required else _for_good(service, actions, what)),
        ),
        vpc_id=vpc_id,
        resource_ids=(*resource_ids(actions), *freeze.ids),
        event_ids=(freeze.event_id,),
        facts={
            "vpc_id": vpc_id,
            "service": service,
            "actor": freeze.actor,
            "event_id": freeze.event_id,
            "endpoint_ids": sorted({action.endpoint_id for action in actions}),
            "route_table_ids": list(freeze.ids),
            "subnet_ids": isolated,
            "until": freeze.until.isoformat() if freeze.until else "",
        },
    )


def _afterwards(
    freeze: Freeze, actions: Iterable[Action], what: str, ends: str, unfreeze: Iterable[str]
) -> tuple[str, ...]:
    own = "" if freeze.ids else "Once the new endpoint is available, Lifeline will delete its own. "
    which = "the new endpoint" if freeze.ids else "it"
    back = f"{own}If {which} isn't available by {ends}, Lifeline will take the {what} back."
    if _is_deleted(actions):
        back = f"If the new endpoint isn't available by {ends}, Lifeline will create its own again."
    return back, "To have it do so now (the caller's next attempt will then fail):", *unfreeze


def _for_good(service: str, actions: Iterable[Action], what: str) -> tuple[str, str]:
    back = "create its own again" if _is_deleted(actions) else f"take the {what} back"
    return (
        f"While neither the policy nor a tag requires the {service} service in this VPC, Lifeline won't {back},",
        "even if the new endpoint never comes. If somebody needs the service there, require it.",
    )


def _is_deleted(actions: Iterable[Action]) -> bool:
    return any(action.kind is ActionKind.RETIRE_ENDPOINT for action in actions)


def _why(freeze: Freeze) -> str:
    if freeze.ids:
        return "A route table can have only one route to a service."
    return "Only one endpoint in a VPC can have private DNS for a service."


def _meanwhile(isolated: list[str], service: str) -> str:
    if not isolated:
        return (
            f"Until the new endpoint is available, the subnets reach the {service} service through their other paths."
        )
    named = few(isolated, _MOST_NAMED)
    return f"Until the new endpoint is available, these isolated subnets can't reach the {service} service: {named}."
