"""Named endpoint policies that can't be used: what somebody makes of an endpoint's policy meanwhile, a person hears."""

from collections.abc import Iterator, Mapping

from lifeline.core.coexist.conflicts import Conflict
from lifeline.core.coexist.effects import EffectKind
from lifeline.core.network.model import Catalog, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.policy.endpoint_policies import EndpointPolicies, policy_print

_REMEDY = "mend the parameter, and Lifeline sets the policy again, or set it yourself"


def unusable_policies(vpc: Vpc, policies: EndpointPolicies, catalog: Catalog, owner: str) -> dict[str, str]:
    """By the id of Lifeline's own endpoint for which a policy is named that can't be used there, why it can't."""
    services = {one.id: catalog.named(one.service_name, one.type) for one in vpc.own_endpoints(owner)}
    found = {id_: policies.choose(service, vpc, id_).refusal for id_, service in services.items() if service}
    return {id_: refusal for id_, refusal in found.items() if refusal}


def changed_meanwhile(
    plan: Plan, vpc: Vpc, unusable: Mapping[str, str], conflicts: Mapping[str, Conflict]
) -> Iterator[Action]:
    """An action, for a person, for each endpoint that serves and whose policy isn't the one that Lifeline set.
    `unusable` says why Lifeline can't set it again. One whose policy lets nobody in has an action in the plan.
    """
    effects = [effect for conflict in conflicts.values() for effect in conflict.effects]
    given = {effect.id: effect.part for effect in effects if effect.kind is EffectKind.POLICY}
    serving = {path.endpoint_id for report in plan.services for _, path in report.paths}
    told = {action.endpoint_id for action in plan.actions if action.kind is ActionKind.RESET_POLICY}
    for endpoint in vpc.live_endpoints:
        was_named, refusal = given.get(endpoint.id, ""), unusable.get(endpoint.id, "")
        is_news = endpoint.id in serving - told and policy_print(endpoint.policy) != was_named
        if was_named and refusal and is_news:
            reason = f"the policy of {endpoint.id} is no longer the one that Lifeline set, and can't be set again"
            action = Action.on(ActionKind.MEND_POLICY, endpoint, f"{reason}: {refusal}")
            yield action.only_for((), ()).blocked(_REMEDY)
