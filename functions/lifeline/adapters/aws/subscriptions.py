"""Who is subscribed to a topic."""

from dataclasses import replace
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.doctor.finding import NotRead
from lifeline.core.doctor.people import Subscription
from lifeline.core.errors import LifelineError

MOST_FILTERS = 20  # that are read, each by a call


def subscriptions_of(topic_arn: str, client: ClientOf = client) -> tuple[Subscription, ...]:
    """The topic's subscriptions, confirmed or not, with the filter policies of those that are confirmed. Raises ours
    where they can't be listed.
    """
    sns = client("sns")
    found = pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic_arn)
    listed = [
        Subscription(one.get("Protocol", ""), one.get("Endpoint", ""), one.get("SubscriptionArn", "")) for one in found
    ]
    arns = [one.state for one in listed if one.is_confirmed]
    filters: dict[str, str | NotRead] = {arn: _filter_policy(sns, arn) for arn in arns[:MOST_FILTERS]}
    filters |= dict.fromkeys(arns[MOST_FILTERS:], NotRead(f"only those of {MOST_FILTERS} subscriptions are read"))
    return tuple(replace(one, filter_policy=filters.get(one.state, "")) for one in listed)


def _filter_policy(sns: Any, subscription_arn: str) -> str | NotRead:
    """Its text, empty where it has none: then SNS has no such attribute (SNS API: GetSubscriptionAttributes)."""
    try:
        with aws_errors("read a subscription's filter policy"):
            found = sns.get_subscription_attributes(SubscriptionArn=subscription_arn)
    except LifelineError as error:
        return NotRead.because(error)
    return str(found["Attributes"].get("FilterPolicy", ""))
