"""Endpoint policies for a run: those that the policy document names, as Parameter Store has them."""

from dataclasses import replace

from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.core.errors import LifelineError
from lifeline.core.policy.endpoint_policies import NO_POLICIES, EndpointPolicies
from lifeline.core.policy.policy import Policy
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings


def read_endpoint_policies(policy: Policy, store: EndpointPolicyStore | None, settings: Settings) -> EndpointPolicies:
    """What the policy names, with the parameters. None is read where none is named. What can't be read isn't known:
    then no endpoint is made that should have one of them.
    """
    if not policy.endpoint_policies:
        return NO_POLICIES
    variables = {
        "account": settings.account_id,
        "organization": policy.organization,
        "region": settings.region,
    }
    prefix = settings.endpoint_policies_prefix
    found = EndpointPolicies(dict(policy.endpoint_policies), prefix=prefix, variables=variables)
    try:
        return replace(found, stored=store.read() if store else {})
    except LifelineError as error:
        logger.warning("endpoint policies not read", error=str(error))
        return replace(found, unread=str(error))
