"""Policies that let callers in before: what one of Lifeline's own endpoints lets through may end without it.

Whether a policy that names addresses or accounts means anybody hangs on the VPC's blocks, and on whose interfaces are
there. Whoever may change those must not have Lifeline open the endpoint to everybody, so a policy that let callers in,
and that nobody has changed since, stays. One whose time is over doesn't, whatever else it names: whoever wrote that
chose the time. Time alone is to blame only for what was let in when it was last seen: who takes a block away long after
another one's time is over gets nothing reset.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from lifeline.core.network.endpoint_policy import hangs_on_network, is_shut
from lifeline.core.network.model import Endpoint, Vpc
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.cost import Price, block
from lifeline.core.policy.endpoint_policies import canonical, policy_print

_TIMES = ("aws:currenttime", "aws:epochtime")  # what a policy may end by (IAM guide: global condition context keys)
_STAYS = (
    "its policy let callers in before and hasn't changed since, but the VPC's blocks, or the accounts that have "
    "interfaces there, have: change it if the endpoint is to serve others, or name it in the policy document"
)


def depending_on_network(vpc: Vpc) -> tuple[Endpoint, ...]:
    """The endpoints on record as Lifeline's, whatever their tags say, whose policies' verdicts hang on the network."""
    return tuple(one for one in vpc.live_endpoints if one.on_record and hangs_on_network(one, vpc))


def letting_in(vpc: Vpc, before: Mapping[str, str], seen_at: Mapping[str, datetime]) -> dict[str, str]:
    """By the id of an endpoint that Lifeline made, the fingerprint of a policy whose verdict hangs on the network, and
    that lets callers in, or did when it was first seen. One without its tag is remembered, too: whoever may tag could
    have it forgotten otherwise.
    """
    known = still_letting_in(vpc, before, seen_at)
    prints = {endpoint.id: (policy_print(endpoint.policy), endpoint) for endpoint in depending_on_network(vpc)}
    return {id_: now for id_, (now, endpoint) in prints.items() if known.get(id_) == now or not is_shut(endpoint, vpc)}


def last_open(
    vpc: Vpc, let_in: Mapping[str, str], before: Mapping[str, str], seen_at: Mapping[str, datetime]
) -> dict[str, datetime]:
    """By the same ids, when the policy was last seen to let callers in; of one that no time ends, when it first was,
    which isn't written again in each run.
    """
    there = {endpoint.id: endpoint for endpoint in vpc.endpoints}

    def is_noted(id_: str) -> bool:
        is_same = before.get(id_) == let_in[id_]
        return is_same and (is_shut(there[id_], vpc) or not _names_a_time(there[id_].policy))

    found = {id_: seen_at.get(id_, vpc.read_at) if is_noted(id_) else vpc.read_at for id_ in let_in}
    return {id_: at for id_, at in found.items() if at}


def _names_a_time(policy: str) -> bool:
    plain = canonical(policy).lower()
    return any(key in plain for key in _TIMES)


def still_letting_in(vpc: Vpc, let_in: Mapping[str, str], seen_at: Mapping[str, datetime]) -> dict[str, str]:
    """Those of `let_in` without the policies that only the time has shut since: at the time when they were last seen to
    let callers in, they would let in some of the network as it is now.
    """
    there = {endpoint.id: endpoint for endpoint in vpc.endpoints}

    def is_over(id_: str) -> bool:
        endpoint, at = there.get(id_), seen_at.get(id_)
        return bool(endpoint and at and is_shut(endpoint, vpc) and not is_shut(endpoint, replace(vpc, read_at=at)))

    return {id_: now for id_, now in let_in.items() if not is_over(id_)}


def leave_policies(plan: Plan, vpc: Vpc, let_in: Mapping[str, str], price: Price) -> Plan:
    """The plan without resetting those policies to the default. One that the policy document names is given anyway."""
    prints = {endpoint.id: policy_print(endpoint.policy) for endpoint in vpc.endpoints if endpoint.id in let_in}

    def is_left(action: Action) -> bool:
        is_default = action.kind is ActionKind.RESET_POLICY and not action.policy
        return is_default and let_in.get(action.endpoint_id, "") == prints.get(action.endpoint_id)

    return block(plan, is_left, _STAYS, price)
