"""Who is subscribed to a topic."""

from lifeline.adapters.aws.calls import pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.doctor.people import Subscription


def subscriptions_of(topic_arn: str, client: ClientOf = client) -> tuple[Subscription, ...]:
    """The topic's subscriptions, confirmed or not. Raises ours."""
    found = pages(client("sns"), "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic_arn)
    return tuple(
        Subscription(one.get("Protocol", ""), one.get("Endpoint", ""), one.get("SubscriptionArn", "")) for one in found
    )
