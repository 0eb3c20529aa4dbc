"""Does anybody hear? A topic sends only to subscriptions that somebody has confirmed, and to these what their filter
policies let through.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.wording import few, quoted, write_count

CHECK = "subscriptions"
CHAT_CHECK = "chat"
_MOST = 5
_ALL_FILTERED = (
    "Every confirmed subscription has a filter policy, and what these let through isn't judged. Alarms have none of "
    "the attributes of notices, so keep one subscription without (docs/operate)."
)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of a topic. `state` is its ARN, or SNS's word for one that isn't confirmed. `filter_policy` is
    what it is sent, as JSON: empty where that is everything.
    """

    protocol: str
    endpoint: str
    state: str
    filter_policy: str | NotRead = ""

    @property
    def is_confirmed(self) -> bool:
        """Whether it is sent anything: only then it has an ARN. Otherwise SNS has a word there, PendingConfirmation or
        Deleted (SNS API: ListSubscriptionsByTopic; SNS guide: confirm the subscription).
        """
        return self.state.startswith("arn:")

    @property
    def words(self) -> str:
        """Its protocol and address."""
        return f"{quoted(self.protocol)} {quoted(self.endpoint)}"


def check_subscriptions(subscriptions: Sequence[Subscription] | NotRead, *, topic: str, check: str = CHECK) -> Finding:
    """Whether at least one subscription of the topic is confirmed, and no filter policy keeps notices from it. What a
    filter policy lets through isn't judged: its values may be anything.
    """
    if isinstance(subscriptions, NotRead):
        return unknown(check, f"Who is subscribed to {topic} couldn't be read.", subscriptions.why)
    waiting = [one for one in subscriptions if not one.is_confirmed]
    confirmed = [one for one in subscriptions if one.is_confirmed]
    pending = f"not confirmed: {few([one.words for one in waiting], _MOST)}" if waiting else ""
    if confirmed:
        says = f"{topic[0].upper()}{topic[1:]} has {write_count(len(confirmed), 'confirmed subscription')}."
        filtered = [one.words for one in confirmed if one.filter_policy and isinstance(one.filter_policy, str)]
        unread = [one.filter_policy for one in confirmed if isinstance(one.filter_policy, NotRead)]
        if filtered:
            says += f" Sent only what its filter policy lets through: {few(filtered, _MOST)}."
        if unread:
            says += f" The filter policies of {len(unread)} were not read."
        says += f" {pending[:1].upper()}{pending[1:]}." if pending else ""
        if len(filtered) + len(unread) < len(confirmed):
            return ok(check, says)
        return unknown(check, says, unread[0].why if unread else _ALL_FILTERED)
    if waiting:
        remedy = "Confirm by the link in AWS's mail. If there is none, subscribe again: links expire after some days."
        return bad(check, f"Nobody hears: of {topic}, {pending}.", remedy)
    if check == CHAT_CHECK:
        return bad(check, f"Nobody is subscribed to {topic}.", "Connect a chat channel (docs/operate).")
    remedy = "Deploy with AlertEmail, or subscribe somebody to the topic, and confirm."
    return bad(check, f"Nobody is subscribed to {topic}, so nobody hears.", remedy)
