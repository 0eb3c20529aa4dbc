"""The notice of an exemption that begins to count: which endpoints nothing requires now, or which subnets lack one, who
said so, and until when that can be undone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from lifeline.core.coexist.waivers import Waiver
from lifeline.core.history.change import Change
from lifeline.core.network.model import Tier, Vpc, suffix_of
from lifeline.core.network.way_out import usable_tiers
from lifeline.core.notices.notice import Notice, brief_id, fit_subject, invoke_lines
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Exempted, ExemptedBy
from lifeline.core.severity import Severity
from lifeline.core.wording import few, plain, quoted, shorten, write_actor, write_actor_shorter, write_count, write_time

_MOST_NAMED = 5
_MOST_SUBNETS = 50
_LONGEST_REASON = 100
_FEW = 2  # changes of a tag in that time that are no toggling
_TOGGLED_WITHIN = timedelta(hours=48)  # a tag that is toggled is in one notice in 24 hours
_LIKELY_WITHIN = timedelta(days=7)


@dataclass(frozen=True)
class Exempting:
    """What began to count in a VPC: by endpoint, who need not reach its service any more.

    `taggings` are the changes on record of tags that decide what is required. `after` is how long an unneeded endpoint
    stays; zero is for good. `kept_for` are the isolated subnets for which an endpoint stays all the same. `unserved`
    are isolated subnets without a path to a service that they need not reach, with who said so.
    """

    vpc: Vpc
    waived: Mapping[str, tuple[Waiver, ...]]
    taggings: Sequence[Change]
    now: datetime
    after: timedelta
    stack_name: str
    is_plan: bool = False
    kept_for: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unserved: Mapping[tuple[str, str], tuple[Waiver, ...]] = field(default_factory=dict)

    @property
    def services(self) -> dict[str, str]:
        """The service of each endpoint."""
        endpoints = {endpoint.id: suffix_of(endpoint.service_name) for endpoint in self.vpc.endpoints}
        return {endpoint_id: endpoints[endpoint_id] for endpoint_id in sorted(self.waived)}

    @property
    def service_names(self) -> list[str]:
        """The services of the endpoints, each once."""
        return [*dict.fromkeys(self.services.values())]

    @cached_property
    def lacking(self) -> dict[str, list[str]]:
        """By isolated subnet, the services to which it has no path."""
        found: dict[str, list[str]] = {}
        for subnet_id, service in sorted(self.unserved):
            found.setdefault(subnet_id, []).append(service)
        return found

    @property
    def all_services(self) -> list[str]:
        """The services of the endpoints and those that subnets lack, each once."""
        return [*dict.fromkeys([*self.service_names, *(service for _, service in sorted(self.unserved))])]

    @cached_property
    def waivers(self) -> tuple[Waiver, ...]:
        """All of them, each once."""
        of_endpoints = [waiver for endpoint_id in self.services for waiver in self.waived[endpoint_id]]
        of_subnets = [waiver for pair in sorted(self.unserved) for waiver in self.unserved[pair]]
        return tuple(dict.fromkeys([*of_endpoints, *of_subnets]))

    def tagging(self, waiver: Waiver) -> Change | None:
        """The latest change of the tag that the waiver rests on. Where it isn't sure that any tag was the cause, one
        that is old counts for nothing.
        """
        found = [
            change for change in self._taggings_of(waiver) if waiver.subject or self.now - change.at <= _LIKELY_WITHIN
        ]
        return max(found, key=lambda change: (change.at, change.event_id), default=None)

    def count_toggles(self, waiver: Waiver) -> int:
        """How often the tag was set or removed lately."""
        return len({change.event_id for change in self._taggings_of(waiver) if self.now - change.at < _TOGGLED_WITHIN})

    def _taggings_of(self, waiver: Waiver) -> list[Change]:
        subjects = [waiver.subject] if waiver.subject else [self.vpc.id, *(subnet.id for subnet in self.vpc.subnets)]
        found = dict.fromkeys(change for subject in subjects for change in self._taggings_by_id.get(subject, ()))
        return [change for change in found if waiver.tags & change.tags]

    @cached_property
    def _taggings_by_id(self) -> dict[str, list[Change]]:
        found: dict[str, list[Change]] = {}
        for change in self.taggings:
            for resource_id in change.ids:
                found.setdefault(resource_id, []).append(change)
        return found


def exempted_notice(exempting: Exempting) -> Notice:
    """Write what isn't required any more, by whom, what will become of it, and how to keep it."""
    vpc, services = exempting.vpc, exempting.services
    taggings = list(dict.fromkeys(filter(None, map(exempting.tagging, exempting.waivers))))
    names = few(exempting.all_services, 2)
    what = f"{names} endpoint{'s' if len(services) > 1 else ''}" if services else f"no path to {names}"
    end = " no longer required" if services else ", not required"
    by = _callers(taggings[0]) if taggings else [""]
    ends_at = exempting.now + exempting.after if exempting.after else None
    return Notice(
        kind="exempted",
        severity=Severity.WARNING,
        subject=fit_subject(
            *(f"[lifeline] {what} in {place}{end}{caller}" for caller in by for place in (vpc.id, brief_id(vpc.id))),
            f"[lifeline] {what}{end}{by[-1]}",
            end=by[-1],
        ),
        happened=tuple(_happened(exempting)),
        why=tuple(_why(exempting)),
        done=tuple(_done(exempting, ends_at)),
        next=tuple(_next(exempting, ends_at)),
        vpc_id=vpc.id,
        vpc_name=vpc.tag("Name") or "",
        resource_ids=(
            *services,
            *exempting.lacking,
            *filter(None, (waiver.subject for waiver in exempting.waivers)),
        ),
        event_ids=tuple(change.event_id for change in taggings),
        facts={
            "vpc_id": vpc.id,
            "endpoints": services,
            "unserved": exempting.lacking,
            "exempted": [_facts(waiver, exempting) for waiver in exempting.waivers],
            "deleted_from": ends_at.isoformat() if ends_at and services and not exempting.is_plan else "",
        },
    )


def _happened(exempting: Exempting) -> Iterator[str]:
    vpc, services = exempting.vpc, exempting.services
    if services:
        are = "these Lifeline endpoints" if len(services) > 1 else "this Lifeline endpoint"
        yield f"Nothing in {vpc.id} requires {are} any more:"
        yield from (f"- {id_} ({service}): {_said(exempting.waived[id_])}" for id_, service in services.items())
    if exempting.unserved:
        yield f"These subnets in {vpc.id} have no route out of the VPC, and reach no endpoint for the services in"
        yield "brackets. Nothing requires these services there any more:"
    lacking = exempting.lacking
    for subnet_id, names in list(lacking.items())[:_MOST_SUBNETS]:
        waivers = dict.fromkeys(waiver for service in names for waiver in exempting.unserved[subnet_id, service])
        yield f"- {subnet_id} ({few(names, _MOST_NAMED)}): {_said(list(waivers))}"
    if len(lacking) > _MOST_SUBNETS:
        yield f"- {write_count(len(lacking) - _MOST_SUBNETS, 'more subnet')}"


def waiver_words(waiver: Waiver) -> str:
    """Why nobody requires a service, in words that follow its name."""
    exempted = waiver.exempted
    if exempted:
        return f"{_by(exempted)}{f' until the end of {exempted.until}' if exempted.until else ''}{_reason(exempted)}"
    if waiver.keys:
        tags = _tags(waiver.keys)
        if waiver.subject:
            return f"a rule of the policy required it by the {tags} of {waiver.subject}, and no longer does"
        by_tag = f"no tag {REQUIRE} lists it"
        return f"{by_tag}, and no rule that requires it selects this VPC any more: such rules go by the {tags}"
    if waiver.subject:
        return f"the tag {waiver.tag} of {waiver.subject} doesn't ask for it"
    return "neither the policy nor a tag requires it"


def _said(waivers: Sequence[Waiver]) -> str:
    return few(list(map(waiver_words, waivers)), 2)


def _tags(keys: Iterable[str]) -> str:
    """`tag env`, `tags env, tier`: the policy's keys are somebody's words, too."""
    names = [quoted(key) for key in sorted(keys)]
    return f"tag{'s' if len(names) > 1 else ''} {few(names, _MOST_NAMED)}"


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
            verb, tags = "set" if change.event_name == "CreateTags" else "removed", waiver.tags & change.tags
            who = f"{write_actor(change.actor) or 'An unknown actor'} {verb} the {_tags(tags)}"
            yield f"{who} on {_subject(change, subject)} ({change.event_name}) at {write_time(change.at)}."
        elif waiver.exempted and waiver.exempted.by is ExemptedBy.CALL:
            yield f"Lambda doesn't say who made the call for {subject}; CloudTrail's data events do, if they are on."
        elif waiver.exempted and waiver.exempted.by is ExemptedBy.POLICY:
            yield f"The history of the policy's parameter says who exempted {subject}."
        elif waiver.subject:
            verb = "changed" if waiver.keys else "set"
            yield f"An unknown actor {verb} the {_tags(waiver.tags)} on {subject}: no CloudTrail event was found."
        elif waiver.keys:
            about = _tags(waiver.tags)
            yield f"What ended it isn't known: no CloudTrail event about the {about} was found. The history of the"
            yield "policy's parameter shows whether the policy was changed."
        else:
            yield f"An unknown actor changed the policy or removed the tag {waiver.tag}: no CloudTrail event was found."
        if change and (count := exempting.count_toggles(waiver)) > _FEW:
            yield f"The {_tags(waiver.tags)} of {subject} changed {count} times in the 48 hours before this notice."


def _subject(change: Change, subject: str) -> str:
    return subject if subject in change.ids else few(sorted(change.ids), 2)


def _done(exempting: Exempting, ends_at: datetime | None) -> Iterator[str]:
    yield f"Lifeline hasn't {'changed anything yet' if exempting.services else 'created any endpoint for them'}."
    if exempting.services:
        yield from _will_delete(exempting, ends_at)
    if exempting.unserved:
        services = few(sorted({service for _, service in exempting.unserved}), _MOST_NAMED)
        yield f"It won't create a {services} endpoint for these subnets unless something requires one."


def _will_delete(exempting: Exempting, ends_at: datetime | None) -> Iterator[str]:
    services = few(exempting.service_names, _MOST_NAMED)
    them = "these endpoints" if len(exempting.services) > 1 else "this endpoint"
    if ends_at is None:
        yield "It will delete nothing, because the policy's retire_after_hours is 0, but it will no longer repair"
        yield f"{them}."
        return
    if exempting.is_plan:
        yield f"It will delete nothing while the stack is in plan mode. In enforce mode, it would delete {them}"
        yield f"after {write_time(ends_at)}."
    else:
        yield f"It will delete {them} after {write_time(ends_at)}, unless something in this VPC requires the {services}"
        yield f"service{'s' if len(exempting.service_names) > 1 else ''} again by then."
    kept_for = sorted({subnet_id for id_ in exempting.services for subnet_id in exempting.kept_for.get(id_, ())})
    tiers = usable_tiers(exempting.vpc)
    isolated = sorted(subnet_id for subnet_id, tier in tiers.items() if tier is Tier.ISOLATED)
    if kept_for:
        yield "An endpoint stays while it is the only path of one of these isolated subnets, which nobody exempted:"
        yield f"{few(kept_for, _MOST_NAMED)}."
    elif isolated:
        yield "After the deletion, these isolated subnets won't be able to reach the service, unless another endpoint"
        yield f"serves them: {few(isolated, _MOST_NAMED)}."


def _next(exempting: Exempting, ends_at: datetime | None) -> Iterator[str]:
    is_ending = ends_at and exempting.services and not exempting.is_plan
    before = f" before {write_time(ends_at)}" if ends_at and is_ending else ""
    yield f"No action needed if this is intended. Otherwise, undo it{before}:"
    for waiver in exempting.waivers[:_MOST_NAMED]:
        yield from _undo(waiver, exempting)


def _undo(waiver: Waiver, exempting: Exempting) -> Iterator[str]:
    if waiver.exempted and waiver.exempted.by is ExemptedBy.CALL:
        yield from invoke_lines(exempting.stack_name, {"exempt": [waiver.subject], "days": 0})
    elif waiver.exempted and waiver.exempted.by is ExemptedBy.POLICY:
        yield f"- Remove the exemption of {waiver.subject} from the policy (PolicyParameter)."
    elif waiver.subject and waiver.keys:
        yield f"- Set the {_tags(waiver.keys)} of {waiver.subject} back to the previous value."
    elif waiver.subject:
        yield f"    aws ec2 delete-tags --resources {waiver.subject} --tags Key={waiver.tag}"
    else:
        services = few(exempting.all_services, _MOST_NAMED)
        yield f"- Require {services} by the policy, or by the tag {REQUIRE} of {exempting.vpc.id} or its subnets."


def _callers(change: Change) -> list[str]:
    """Who made the call, for a subject: fullest first, and by a person's own name last."""
    return [f": {change.event_name} by {who or 'an unknown actor'}" for who in write_actor_shorter(change.actor)]


def _facts(waiver: Waiver, exempting: Exempting) -> dict[str, object]:
    change = exempting.tagging(waiver)
    return {
        "subject": waiver.subject,
        "by": str(waiver.exempted.by) if waiver.exempted else "tag" if waiver.subject else "policy or tag",
        "tags": sorted(waiver.tags),
        "reason": waiver.exempted.reason if waiver.exempted else "",
        "actor": change.actor if change else "",
        "event_name": change.event_name if change else "",
        "event_id": change.event_id if change else "",
        "changes_in_48_hours": exempting.count_toggles(waiver),
    }
