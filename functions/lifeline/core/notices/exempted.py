"""The notice of an exemption that begins to count: which endpoints nothing requires now, who said so, and until when
that can be undone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.core.coexist.waivers import Waiver
from lifeline.core.history.change import Change
from lifeline.core.network.model import Tier, Vpc, suffix_of
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.notices.notice import Notice, Severity, brief_id, fit_subject, invoke_lines
from lifeline.core.policy.policy import EXEMPT, Exempted, ExemptedBy
from lifeline.core.wording import few, plain, shorten, write_actor, write_person, write_time

_MOST_NAMED = 5
_LONGEST_REASON = 100


@dataclass(frozen=True, slots=True)
class Exempting:
    """What began to count in a VPC: by endpoint, who need not reach its service any more.

    `taggings` are the changes of Lifeline's own tags on record. `after` is how long an unneeded endpoint stays; zero is
    for good.
    """

    vpc: Vpc
    waived: Mapping[str, tuple[Waiver, ...]]
    taggings: Sequence[Change]
    now: datetime
    after: timedelta
    stack_name: str
    is_plan: bool = False

    @property
    def services(self) -> dict[str, str]:
        """The service of each endpoint."""
        endpoints = {endpoint.id: suffix_of(endpoint.service_name) for endpoint in self.vpc.endpoints}
        return {endpoint_id: endpoints[endpoint_id] for endpoint_id in sorted(self.waived)}

    @property
    def service_names(self) -> list[str]:
        """The services, each once."""
        return [*dict.fromkeys(self.services.values())]

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys(waiver for endpoint_id in self.services for waiver in self.waived[endpoint_id]))

    def tagging(self, waiver: Waiver) -> Change | None:
        """The latest change of the tag that the waiver rests on."""
        subjects = {waiver.subject} if waiver.subject else {self.vpc.id, *(subnet.id for subnet in self.vpc.subnets)}
        found = [change for change in self.taggings if waiver.tag in change.tags and subjects & change.ids]
        return max(found, key=lambda change: (change.at, change.event_id), default=None)


def exempted_notice(exempting: Exempting) -> Notice:
    """Write what isn't required any more, by whom, what will become of it, and how to keep it."""
    vpc, services = exempting.vpc, exempting.services
    taggings = list(dict.fromkeys(filter(None, map(exempting.tagging, exempting.waivers))))
    names = few(exempting.service_names, 2)
    is_many = len(services) > 1
    endpoints = "endpoints" if is_many else "endpoint"
    by, by_person = _callers(taggings[0]) if taggings else ("", "")
    ends_at = exempting.now + exempting.after if exempting.after else None
    return Notice(
        kind="exempted",
        severity=Severity.WARNING,
        subject=fit_subject(
            *(
                f"[lifeline] {names} {endpoints} in {place} no longer required{caller}"
                for caller in (by, by_person)
                for place in (vpc.id, brief_id(vpc.id))
            ),
            f"[lifeline] {names} {endpoints} no longer required{by_person}",
            end=by_person,
        ),
        happened=(
            f"Nothing in {vpc.id} requires {'these' if is_many else 'this'} Lifeline {endpoints} any more:",
            *(f"- {id_} ({service}): {_said(exempting.waived[id_])}" for id_, service in services.items()),
        ),
        why=tuple(_why(exempting)),
        done=tuple(_done(exempting, ends_at)),
        next=tuple(_next(exempting, ends_at)),
        vpc_id=vpc.id,
        vpc_name=vpc.tag("Name") or "",
        resource_ids=(*services, *filter(None, (waiver.subject for waiver in exempting.waivers))),
        event_ids=tuple(change.event_id for change in taggings),
        facts={
            "vpc_id": vpc.id,
            "endpoints": services,
            "exempted": [_facts(waiver, exempting.tagging(waiver)) for waiver in exempting.waivers],
            "deleted_from": ends_at.isoformat() if ends_at and not exempting.is_plan else "",
        },
    )


def waiver_words(waiver: Waiver) -> str:
    """Why nobody requires a service, in words that follow its name."""
    exempted = waiver.exempted
    if exempted:
        return f"{_by(exempted)}{f' until the end of {exempted.until}' if exempted.until else ''}{_reason(exempted)}"
    if waiver.subject:
        return f"{waiver.subject} doesn't list it in its tag {waiver.tag}"
    return "neither the policy nor a tag requires it"


def _said(waivers: Sequence[Waiver]) -> str:
    return few(list(map(waiver_words, waivers)), 2)


def _by(exempted: Exempted) -> str:
    match exempted.by:
        case ExemptedBy.TAG:
            return f"{exempted.subject} is exempt because it has the tag {EXEMPT}"
        case ExemptedBy.CALL:
            return f"a call exempted {exempted.subject}"
        case ExemptedBy.POLICY:
            return f"the policy exempts {exempted.subject}"


def _reason(exempted: Exempted) -> str:
    return "" if exempted.by is ExemptedBy.TAG else f', reason "{shorten(plain(exempted.reason), _LONGEST_REASON)}"'


def _why(exempting: Exempting) -> Iterator[str]:
    """Who said so, as far as that is on record."""
    for waiver in exempting.waivers[:_MOST_NAMED]:
        change, subject = exempting.tagging(waiver), waiver.subject or exempting.vpc.id
        if change:
            verb = "set" if change.event_name == "CreateTags" else "removed"
            who = f"{write_actor(change.actor) or 'An unknown actor'} {verb} the tag {waiver.tag}"
            yield f"{who} on {_subject(change, subject)} ({change.event_name}) at {write_time(change.at)}."
        elif waiver.exempted and waiver.exempted.by is ExemptedBy.CALL:
            yield f"Lambda doesn't say who made the call for {subject}; CloudTrail's data events do, if they are on."
        elif waiver.exempted and waiver.exempted.by is ExemptedBy.POLICY:
            yield f"The history of the policy's parameter says who exempted {subject}."
        elif waiver.subject:
            yield f"An unknown actor set the tag {waiver.tag} on {subject}: no CloudTrail event was found."
        else:
            yield f"An unknown actor changed the policy or removed the tag {waiver.tag}: no CloudTrail event was found."


def _subject(change: Change, subject: str) -> str:
    return subject if subject in change.ids else few(sorted(change.ids), 2)


def _done(exempting: Exempting, ends_at: datetime | None) -> Iterator[str]:
    services = few(exempting.service_names, _MOST_NAMED)
    them = "these endpoints" if len(exempting.services) > 1 else "this endpoint"
    yield "Lifeline has changed nothing yet."
    if ends_at is None:
        yield f"It will delete nothing, because RetireAfterHours is 0, but it will no longer repair {them}."
        return
    if exempting.is_plan:
        yield f"It will delete nothing while the stack is in plan mode. In enforce mode, it would delete {them}"
        yield f"after {write_time(ends_at)}."
    else:
        yield f"It will delete {them} after {write_time(ends_at)}, unless something in this VPC requires the {services}"
        yield f"service{'s' if len(exempting.service_names) > 1 else ''} again by then."
    tiers = classify_subnets(exempting.vpc)
    isolated = sorted(subnet_id for subnet_id, tier in tiers.items() if tier is Tier.ISOLATED)
    if isolated:
        yield "After the deletion, these isolated subnets won't be able to reach the service, unless another endpoint"
        yield f"serves them: {few(isolated, _MOST_NAMED)}."


def _next(exempting: Exempting, ends_at: datetime | None) -> Iterator[str]:
    before = f" before {write_time(ends_at)}" if ends_at and not exempting.is_plan else ""
    yield f"No action needed if this is intended. Otherwise, undo it{before}:"
    for waiver in exempting.waivers[:_MOST_NAMED]:
        yield from _undo(waiver, exempting)


def _undo(waiver: Waiver, exempting: Exempting) -> Iterator[str]:
    if waiver.exempted and waiver.exempted.by is ExemptedBy.CALL:
        yield from invoke_lines(exempting.stack_name, {"exempt": [waiver.subject], "days": 0})
    elif waiver.exempted and waiver.exempted.by is ExemptedBy.POLICY:
        yield f"- Remove the exemption of {waiver.subject} from the policy (PolicyParameter)."
    elif waiver.subject:
        yield f"    aws ec2 delete-tags --resources {waiver.subject} --tags Key={waiver.tag}"
    else:
        services = few(exempting.service_names, _MOST_NAMED)
        yield f"- Require {services} by the policy, or by the tag {waiver.tag} of {exempting.vpc.id} or its subnets."


def _callers(change: Change) -> tuple[str, str]:
    """Who made the call, for a subject: in full, and by a person's own name."""
    who, person = (write(change.actor) or "an unknown actor" for write in (write_actor, write_person))
    return f": {change.event_name} by {who}", f": {change.event_name} by {person}"


def _facts(waiver: Waiver, change: Change | None) -> dict[str, str]:
    return {
        "subject": waiver.subject,
        "by": str(waiver.exempted.by) if waiver.exempted else "tag" if waiver.subject else "policy or tag",
        "reason": waiver.exempted.reason if waiver.exempted else "",
        "actor": change.actor if change else "",
        "event_name": change.event_name if change else "",
        "event_id": change.event_id if change else "",
    }
