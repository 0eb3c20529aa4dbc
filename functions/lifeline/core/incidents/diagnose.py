"""Diagnose why an agent is silent: look for each cause in a fixed order, and explain it from evidence.

| place | cause | when |
| --- | --- | --- |
| 1 | machine | EC2's own status checks of the instance fail |
| 2 | canary | private DNS was turned on right before, and the subnet had another path |
| 3 | network, endpoint policy | `monitoring` can't be reached: no path, endpoint pending, failed, closed, DNS off |
| 4 | own group | the instance's own security groups let nothing out to what serves `monitoring` |
| 5 | network, own group | another need can't be reached, and the instance started since the last datapoint |
| 6 | network, recovered | one of these paths was closed and is open again: with the cause's fix |
| 7 | role | the instance's role may not publish metrics |
| 8 | no profile | the instance has no instance profile; if its agent reported without one, 10 and 11 come first |
| 9 | network | another need was unreachable and is open again, or still is; the agent may have met it before |
| 10 | CloudWatch | nearly all agents, in at least two zones, fell silent together for no other reason |
| 11 | zone | at least three, and as many as still report in their zone, fell silent together for no other reason |
| 12 | path unknown | nothing else was found, and whether a need can be reached isn't known: what decides was not read |
| 13 | agent | nothing else was found, and every path is known |

What surely stops an agent comes before what may stop it: an agent that has its tags from `ec2` keeps sending while
`ec2` can't be reached.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from lifeline.core.agents.instances import UNMANAGED, Health, Power
from lifeline.core.guards.freeze import freeze_words
from lifeline.core.guards.mode import Mode
from lifeline.core.history.change import Change
from lifeline.core.incidents.canary import canary_cause
from lifeline.core.incidents.changes import Field, change_evidence, change_words, clock_words
from lifeline.core.incidents.counter_evidence import (
    counter_evidence,
    had_path,
    ipv6_words,
    outlived_words,
    partial_words,
)
from lifeline.core.incidents.facts import METRICS, WITHOUT_ENDPOINT, Around, Facts, cause_of
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence
from lifeline.core.incidents.late import Others, late_causes
from lifeline.core.incidents.other_names import ClosedEndpoint
from lifeline.core.incidents.recovered import recovered_cause
from lifeline.core.incidents.remedies import network_words, remedy_for, words_of_need
from lifeline.core.incidents.strangers import stranger_words
from lifeline.core.incidents.zones import zone_causes
from lifeline.core.network.egress import Egress, OwnGroups, egress_to, egress_to_central, egress_to_public
from lifeline.core.network.endpoint_policy import PUBLISHING
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.iam_policy import Permission
from lifeline.core.network.model import Ranges
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.packets import ports_in
from lifeline.core.network.ports import HTTPS, ports_of
from lifeline.core.network.tiers import effective_route_table, idle_ways
from lifeline.core.wording import listed, plain, write_time

_WILL_CHECK = (
    "Lifeline will check again, and will try to create an endpoint here if nothing else answers the service's name."
)
_IN_PUBLIC_SUBNET = "Lifeline will try to create an endpoint if the policy requires the service in this public subnet."
_NO_CHANGE = "the audit log has no earlier network change in this VPC that would explain the silence"
_ANSWER_UNREAD = "whether the service's name leads there was not read"
_NO_SWAPS = "no change of these rules is on record, and which groups an instance is given isn't recorded"
_TAKES = timedelta(minutes=5)  # for an endpoint to be made and to become available
_KINDS = {
    Reach.UNREACHABLE: CauseKind.CUT_OFF,
    Reach.NO_ADDRESS: CauseKind.CUT_OFF,
    Reach.PENDING: CauseKind.ENDPOINT_PENDING,
    Reach.FAILED: CauseKind.ENDPOINT_FAILED,
    Reach.CLOSED: CauseKind.ENDPOINT_CLOSED,
    Reach.FILTERED: CauseKind.WAY_OUT_SHUT,
    Reach.DNS_OFF: CauseKind.DNS_OFF,
}


def diagnose(
    facts: Mapping[str, Facts],
    now: datetime,
    *,
    reporting_by_zone: Mapping[str, int],
    quiet_by_zone: Mapping[str, int] | None = None,
    others: Others | None = None,
) -> dict[str, Cause]:
    """Find the cause of each agent's silence, by entity; agents without a cause of their own may share their zone's.
    A step whose facts couldn't be read is skipped.

    `reporting_by_zone` counts the agents of each zone that still report, `quiet_by_zone` those that are about to fall
    silent, and `others` both of all zones; None if they weren't counted.
    """
    known: dict[Hashable, Around] = {}
    found: dict[str, Cause] = {}
    told: dict[str, frozenset[str]] = {}
    for entity, of_agent in facts.items():
        key = Around.key(of_agent)
        around = known[key] = known.get(key) or Around(of_agent)
        if asking := around.interface_of(of_agent):
            around = known[key, asking] = known.get((key, asking)) or Around(of_agent, asking, around.partial)
        found[entity] = _diagnose(of_agent, now, around)
        if found[entity].kind is CauseKind.AGENT:
            closed = around.changes_of_other_names(of_agent, METRICS, now)
            told[entity] = frozenset(plain(_other_name_words(*pair)[0]) for pair in closed)
    quiet = quiet_by_zone or {}
    zones = zone_causes(facts, found, now, reporting_by_zone, quiet)
    return found | zones | (late_causes(facts, found, now, others, quiet, told) if others else {})


def _diagnose(facts: Facts, now: datetime, around: Around) -> Cause:
    check = _Check(facts, now, around)
    sure = facts.sure_needs
    steps: tuple[Callable[[], Cause | None], ...] = (
        check.machine,
        lambda: canary_cause(facts, around, check.closing),
        check.path_to_metrics,
        lambda: check.own_group(METRICS),
        check.sure_need,
        lambda: recovered_cause(facts, around, [path for path in around.paths if path in sure], now),
        check.role,
        check.profile,
        lambda: recovered_cause(facts, around, [path for path in around.paths if path not in sure], now),
        check.likely_need,
        check.unknown_path,
    )
    found = next((cause for step in steps if (cause := step())), None) or check.agent()
    others = stranger_words(facts.agent)
    return replace(found, evidence=(others, *found.evidence)) if others else found


def _kind_of(path: NetworkPath) -> CauseKind:
    """What a closed path is called; a policy that keeps everybody out before what else stands there."""
    if any(obstacle.kind is ObstacleKind.ENDPOINT_POLICY for obstacle in path.obstacles):
        return CauseKind.ENDPOINT_POLICY
    is_by_endpoint = path.reach is Reach.PARTLY and path.endpoint_id
    return CauseKind.ENDPOINT_CLOSED if is_by_endpoint else _KINDS.get(path.reach, CauseKind.WAY_OUT_SHUT)


def _elsewhere_words(change: Change) -> str:
    """Agents may use an HTTP proxy, or another name (CloudWatch agent guide: http_proxy, endpoint_override)."""
    if Field.ENDPOINTS.holds(change.event_name):
        ids = listed(sorted(change.ids), 1)
        return f"unless the agent used {ids}, which {change_words(change)} changed at {write_time(change.at)}"
    there = listed(sorted(change.blocks), 3) or "another network"
    changed = f"{change_words(change)} changed the route there at {write_time(change.at)}"
    return f"unless the agent uses a proxy in {there}: {changed}"


def _other_name_words(closed: ClosedEndpoint, change: Change) -> tuple[str, str]:
    """What closed an endpoint that the agent may use by its own name, or by another one than usual, and why it is."""
    by = f"{closed.id} ({closed.service})"
    use = "use it by another name than its own" if closed.is_by_own_name else "use it"
    return (
        f"{change_words(change)} likely closed {by} at {write_time(change.at)}",
        f"agents that {use} are cut off: {closed.why}",
    )


def _otherwise(remedy: str) -> str:
    """What people can do if Lifeline doesn't."""
    return f"Otherwise, {remedy[0].lower()}{remedy[1:]}"


def _begun_as(kind: CauseKind, path: NetworkPath) -> CauseKind:
    """The kind whose changes begin it: a route that leads nowhere closes whatever is on the way."""
    is_by_route = bool(path.obstacles) and path.obstacles[0].kind is ObstacleKind.ROUTE
    return CauseKind.CUT_OFF if is_by_route else kind


class _Check:
    """The check of one agent. Each step returns a cause, or None to go on with the next step."""

    def __init__(self, facts: Facts, now: datetime, around: Around) -> None:
        self.facts, self.now, self.around, self.paths = facts, now, around, around.paths
        self.against: dict[str, tuple[str, ...]] = {}  # by service: what speaks against its closed path as the cause

    def machine(self) -> Cause | None:
        """EC2 checks a machine from outside: its network makes no difference (EC2 guide: status checks)."""
        if self.facts.health is not Health.IMPAIRED:
            return None
        return self._cause(
            CauseKind.MACHINE,
            Confidence.HIGH,
            "the instance is down: its EC2 status checks fail",
            evidence=("EC2 status checks: impaired",),
            advice="Stop and start the instance, or replace it. Its EC2 status checks say what failed.",
        )

    # ---- the network

    def closing(self, service: str, switched: str) -> Change | None:
        """The change that closed the path to the service, or may have where that isn't known; also one that closed it
        for a while. None where the path is open and nothing on record shows that it ever was closed.

        `switched` is the service whose name a canary took: it leads to a closed path by no change of the VPC's DNS.
        """
        path = self.paths.get(service)
        if path is None:
            return None
        if path.reach.is_open:
            again = recovered_cause(self.facts, self.around, [service], self.now)
            return again.change if again else None
        kind = _begun_as(_kind_of(path), path) if path.reach.is_closed else CauseKind.PATH_UNKNOWN
        behind = self.around.change_on_the_path if service == switched else self.around.change_behind
        return behind(self.facts, kind, service, self.now)

    def path_to_metrics(self) -> Cause | None:
        """What keeps the metrics from `monitoring`."""
        path = self.paths.get(METRICS)
        return self._network_cause(METRICS, path, Confidence.HIGH) if path else None

    def sure_need(self) -> Cause | None:
        """A need that the agent must meet again, because its instance has started since its last datapoint."""
        needs = sorted(self.facts.sure_needs - {METRICS})
        by_groups = (self.own_group(need) for need in needs)
        return self._need_cause(needs, Confidence.HIGH) or next((cause for cause in by_groups if cause), None)

    def likely_need(self) -> Cause | None:
        """A need that the agent met once; it must meet it again if it was restarted, which can't be seen."""
        return self._need_cause(self.facts.needs, Confidence.MEDIUM)

    def _need_cause(self, needs: Iterable[str], confidence: Confidence) -> Cause | None:
        paths = ((need, self.paths[need]) for need in needs if need in self.paths)
        causes = (self._network_cause(need, path, confidence) for need, path in paths)
        return next((cause for cause in causes if cause), None)

    def _network_cause(self, service: str, path: NetworkPath, confidence: Confidence) -> Cause | None:
        if not path.reach.is_closed:
            return None
        kind = _kind_of(path)
        change = self.around.change_behind(self.facts, _begun_as(kind, path), service, self.now)
        is_sure = confidence is Confidence.HIGH
        doubts: tuple[str, ...] = ()
        if change is None:
            if against := counter_evidence(self.facts, service, kind, path, self.now):
                is_cut_off = kind is CauseKind.CUT_OFF
                elsewhere = self.around.change_elsewhere(self.facts, service, self.now) if is_cut_off else None
                self.against[service] = (*against, *([_elsewhere_words(elsewhere)] if elsewhere else []))
                return None
            doubts = (*ipv6_words(self.facts), *outlived_words(self.facts, service, kind, path))
            if service in self.around.partial:
                doubts = (*doubts, *partial_words(self.facts, service))
            has_had_path = had_path(self.facts, service, kind, path)
            if service == METRICS and self.facts.agent.seen_at and not has_had_path:
                confidence = Confidence.MEDIUM
            if METRICS in self.against and not has_had_path:
                doubts = (*self.against[METRICS], *doubts)  # it has another way to CloudWatch, and maybe to this, too
                path = replace(path, is_repairable=False)
        doubts = (*path.uncertainties, *doubts)
        is_repairable = path.is_repairable and not self._is_left(service, path.reach)
        return self._cause(
            kind,
            Confidence.MEDIUM if doubts else confidence,
            network_words(service, path, change, is_sure=is_sure),
            evidence=(
                *path.notes,
                path.words,
                *doubts,
                *self._needed(service),
                self._change_evidence(change),
            ),
            advice=self._network_advice(service, path),
            service=service,
            subject=path.endpoint_id,
            change=change,
            **self._repair(service, path, is_repairable=is_repairable),
        )

    def _is_left(self, service: str, reach: Reach) -> bool:
        """True if Lifeline doesn't even try to repair the path: it is frozen, or nothing requires the service there."""
        return not self.facts.is_asked(service) or self.facts.freeze_of(service, reach) is not None

    def _needed(self, service: str) -> tuple[str, ...]:
        return () if service == METRICS else (f"the agent's metrics, or the policy, show that it uses {service}",)

    def _remedy(self, service: str, path: NetworkPath) -> str:
        subnet, vpc = self.facts.subnet, self.facts.vpc
        table = effective_route_table(subnet, vpc) if subnet and vpc else None
        hub, is_enforced = self.facts.hub, self.facts.mode is Mode.ENFORCE
        is_swap_offered = is_enforced and bool(hub and service in hub.services and path.central_id in hub.ids)
        ports, table_id = self._ports_of(service), table.id if table else ""
        idle = [target_id for target_id, _ in idle_ways(subnet, vpc)] if subnet and vpc else ()
        return remedy_for(service, path, ports, table_id, is_swap_offered=is_swap_offered, idle=idle)

    def _ports_of(self, service: str) -> Ranges:
        return ports_of(service, dict(self.facts.catalog.ports)) or HTTPS

    def _change_evidence(self, change: Change | None, otherwise: str = _NO_CHANGE) -> str:
        if change:
            return change_evidence(change)
        return otherwise if self.facts.is_past_read else ""

    def _network_advice(self, service: str, path: NetworkPath) -> str:
        """What to do about the path, and what an endpoint costs where there is none."""
        advice = self._what_to_do(service, path)
        is_to_make = path.reach in WITHOUT_ENDPOINT and not path.central_id
        price = self.facts.zone_price_words(service) if is_to_make else ""
        return f"{advice} {price}".rstrip()

    def _what_to_do(self, service: str, path: NetworkPath) -> str:
        remedy = self._remedy(service, path)
        in_sentence = f"{remedy[0].lower()}{remedy[1:]}"
        made_at = {made.endpoint_id: made.at for _, made in self.facts.made}.get(path.endpoint_id)
        if path.reach is Reach.PENDING and made_at:
            back_at = clock_words(made_at + _TAKES + RECOVERY_TIME)
            cost = self.facts.cost_words(path.endpoint_id)
            made = f"Lifeline created {path.endpoint_id} at {clock_words(made_at)}{cost and f' ({cost})'}"
            return f"{made}. Agents should report again by {back_at}."
        if not path.is_repairable:
            return remedy
        if frozen := self.facts.freeze_of(service, path.reach):
            key, freeze = frozen
            words = freeze_words(freeze, self.facts.vpc_id, key)
            return f"Lifeline won't repair this: {words}. Otherwise, {in_sentence}"
        left = self.facts.why_left(service, path.reach)
        return f"{left} To fix it: {in_sentence}" if left else self._repair_words(path, remedy, in_sentence)

    def _repair_words(self, path: NetworkPath, remedy: str, in_sentence: str) -> str:
        """What Lifeline will try to do about the path, for only its plan finds what blocks that, such as harm to other
        clients; and what is left to a person.
        """
        if path.unread:
            return f"{_WILL_CHECK} Otherwise, {in_sentence}"
        if path.reach is Reach.NO_ADDRESS and not (self.facts.subnet and self.facts.subnet.is_stranded):
            return f"{_IN_PUBLIC_SUBNET} Otherwise, {in_sentence}"
        gap = self.facts.agent.gap
        until = (gap.opened_at if gap else self.now) + _TAKES + RECOVERY_TIME
        if self.now < until:
            may = "create the endpoint here" if path.reach in {Reach.UNREACHABLE, Reach.FILTERED} else "repair this"
            back = f"Unless a notice says that this is blocked, agents should report again by {clock_words(until)}"
            return f"Lifeline will try to {may}. {back}. If they don't, {in_sentence}"
        return f"Lifeline has not repaired this by {clock_words(until)}. Its notices say what blocks it. {remedy}"

    # ---- what else keeps metrics out

    def _egress(self, service: str) -> Egress | None:
        """Whether the instance's own groups let its requests out on an open path; None if there is nothing to say."""
        path = self.paths.get(service)
        ids, vpc, subnet = self.facts.instance.group_ids, self.facts.vpc, self.facts.subnet
        if path is None or not ids or vpc is None or subnet is None or not path.reach.is_open:
            return None
        vpc = replace(vpc, prefix_lists=tuple({**dict(vpc.prefix_lists), **dict(self.facts.own_lists)}.items()))
        groups, ports = OwnGroups(ids, self.facts.own_groups), self._ports_of(service)
        if endpoint := next((found for found in vpc.endpoints if found.id == path.endpoint_id), None):
            return egress_to(groups, endpoint, subnet, vpc, ports)
        if path.central_id:
            return egress_to_central(groups, path.addresses, subnet, vpc, ports)
        way = egress_to_public(groups, service, subnet, vpc, ports)
        if way.is_open is not False or self.around.is_public(service):
            return way
        is_shut = egress_to_central(groups, (), subnet, vpc, ports).is_open is False
        return way if is_shut else replace(way, unread=_ANSWER_UNREAD)

    def own_group(self, service: str) -> Cause | None:
        """A security group lets out only what its egress rules list (VPC guide: security group rules)."""
        path, way = self.paths.get(service), self._egress(service)
        if path is None or way is None or way.is_open is not False:
            return None
        ids = self.facts.instance.group_ids or frozenset()
        names, on = ", ".join(sorted(ids)), ports_in(self._ports_of(service))
        change = self.around.change_of_groups(self.facts, service, ids, self.now)
        if way.unread and change is None:
            return None
        doubts, seen_at = (*path.uncertainties, *filter(None, [way.unread])), self.facts.agent.seen_at
        # Neither which groups an instance had is on record, nor all that answers names.
        if change is None and seen_at and service == METRICS:
            reported = f"the agent reported until {write_time(seen_at)}"
            either = "it got out then, by other groups or to other addresses, or uses another name, such as a FIPS one"
            doubts = (*doubts, f"{reported}: {either}")
        shut = f"the instance's own security group{f's {names} allow' if len(ids) > 1 else f' {names} allows'}"
        is_moved = change is not None and not Field.OUTBOUND.holds(change.event_name)
        moved = "before this change, the service's name likely led to other addresses" if is_moved else ""
        is_public = is_moved and not path.endpoint_id and not path.central_id
        is_gone = is_public and change is not None and Field.ENDPOINTS.holds(change.event_name)
        otherwise = ", or turn on the VPC's DNS attributes" if is_public else ""
        otherwise = f", or create an endpoint for the {service} service in the VPC" if is_gone else otherwise
        remedy = f"Allow outbound TCP {on} to {way.where} in a security group of the instance{otherwise}."
        is_repairable = is_gone and path.reach is Reach.OPEN_EGRESS and not self._is_left(service, path.reach)
        if is_repairable:
            remedy = f"{self.facts.why_left(service, path.reach) or _WILL_CHECK} {_otherwise(remedy)}"
        return self._cause(
            CauseKind.OWN_GROUP,
            Confidence.MEDIUM if doubts else Confidence.HIGH,
            words_of_need(service, f"{shut} no outbound TCP {on} to {way.where}", is_sure=True),
            evidence=(
                *path.notes,
                path.words,
                *doubts,
                *self._needed(service),
                self._change_evidence(change, _NO_SWAPS),
                moved,
            ),
            advice=remedy,
            service=service,
            subject=names,
            change=change,
            **self._repair(service, path, is_repairable=is_repairable),
        )

    def role(self) -> Cause | None:
        """A role without the permission gets AccessDenied for each call (IAM guide: policy evaluation logic). No agent
        has it without the metadata service: see `profile`.
        """
        role = self.facts.role
        if role is None or role.permission is not Permission.DENIED or not self.facts.instance.has_metadata:
            return None
        subject = role.role or self.facts.instance.profile_arn
        allow = "Allow the role" if role.role else "Give the instance a profile with a role that is allowed"
        return self._cause(
            CauseKind.ROLE,
            Confidence.HIGH,
            role.words or f"role {subject} isn't allowed to call {PUBLISHING}",
            evidence=(f"instance profile {self.facts.instance.profile_arn}", *self._path_words()),
            advice=f"{allow} to call {PUBLISHING}, for example with the managed policy CloudWatchAgentServerPolicy.",
            subject=subject,
        )

    def profile(self) -> Cause | None:
        """Without an instance profile an agent has no credentials, unless a file gives it some."""
        if not self.facts.is_managed:
            return None
        if self.facts.instance.profile_arn and not self.facts.instance.has_metadata:
            return self._cause(
                CauseKind.NO_PROFILE,
                Confidence.MEDIUM,
                "the instance metadata service is off, so the agent gets no credentials from its instance profile",
                evidence=("EC2: HttpEndpoint of the instance's metadata options is disabled", *self._path_words()),
                advice="Turn on the instance metadata service (aws ec2 modify-instance-metadata-options "
                "--http-endpoint enabled). If the agent gets its credentials from a file, check those.",
            )
        if self.facts.instance.profile_arn:
            return None
        return self._cause(
            CauseKind.NO_PROFILE,
            Confidence.MEDIUM,
            "no instance profile gives the agent credentials",
            evidence=("the instance has no instance profile", *self._path_words()),
            advice="Give the instance a profile whose role is allowed to publish metrics. If the agent gets its "
            "credentials "
            "from a file, check those.",
        )

    def unknown_path(self) -> Cause | None:
        """A need of which it isn't known whether it can be reached: then nobody can say that all around is fine."""
        if not self.facts.is_managed:
            return None
        known = [(need, self.paths.get(need) or self._unread_path(need)) for need in (METRICS, *self.facts.needs)]
        unknown = (pair for pair in known if pair[1].reach is Reach.UNKNOWN)
        service, path = next(unknown, (METRICS, None))
        if path is None:
            return None
        change = self.around.change_behind(self.facts, CauseKind.PATH_UNKNOWN, service, self.now)
        remedy = self._remedy(service, path)
        is_repairable = path.is_repairable and not self._is_left(service, path.reach)
        return self._cause(
            CauseKind.PATH_UNKNOWN,
            Confidence.LOW,
            network_words(service, path, None, is_sure=False),
            evidence=(
                *path.uncertainties,
                *path.notes,
                *self._needed(service),
                self._change_evidence(change) if service in self.paths else "",
                self._role_words(),
            ),
            advice=f"{remedy} {self.facts.why_left(service, path.reach) or _WILL_CHECK}" if is_repairable else remedy,
            service=service,
            subject=path.endpoint_id,
            **self._repair(service, path, is_repairable=is_repairable),
        )

    def _unread_path(self, service: str) -> NetworkPath:
        who = self.facts.instance.subnet_id or "the instance"
        words = f"it isn't known whether {who} can reach the {service} service"
        return NetworkPath(Reach.UNKNOWN, words, unread=(self._unread_words(service),))

    def _unread_words(self, service: str) -> str:
        return f"the path from {self.facts.instance.subnet_id or 'its subnet'} to the {service} service was not read"

    def agent(self) -> Cause:
        """What remains: the agent itself. What makes the path to CloudWatch less than sure is said first: whoever can
        lead it into the unknown must not have people look at the agent alone.
        """
        path = self.paths.get(METRICS)
        if path and self.facts.is_managed and (taken := self._taken_words(path)):
            path = replace(path, unread=(*path.unread, taken))
            self.paths = {**self.paths, METRICS: path}
        doubts = path.uncertainties if path and self.facts.is_managed else ()
        if not self.facts.is_managed:
            evidence: tuple[str, ...] = (self._unexamined(),)
        else:
            evidence = tuple(dict.fromkeys((*doubts, *self._checked())))
        as_read = ", as far as it could be read" if self.facts.unreadable or doubts else ""
        words, advice = f"no cause found outside the agent{as_read}", ""
        confidence = Confidence.LOW
        services = dict.fromkeys((METRICS, *self.against)) if self.facts.is_managed else ()
        by_other_names = [
            words
            for service in services
            for pair in self.around.changes_of_other_names(self.facts, service, self.now)
            for words in _other_name_words(*pair)
        ]
        evidence = tuple(dict.fromkeys((*by_other_names, *chain.from_iterable(self.against.values()), *evidence)))
        if METRICS in self.against:
            words, confidence = "likely the agent itself or its endpoint setting", Confidence.MEDIUM
        if METRICS in self.against or by_other_names:
            advice = " Check its endpoint setting too (endpoint_override, a FIPS endpoint, or a proxy)."
        if self.facts.agent.strangers:
            words = "none of its own metrics arrive, but others do under its ID"
            advice = (
                " If its configuration was changed, have Lifeline forget the agent, and watch it by its new metrics."
            )
        where = "host" if self.facts.instance == UNMANAGED else "instance"
        check = f"Check the agent on its {where}: whether it is running, what its log says, and which metrics it sends."
        if self.facts.watch.is_elsewhere or self.facts.instance.power is Power.MISSING:
            advice += " If the instance was terminated there, have Lifeline forget its agent."
        advice += " Check what isn't known of the path to CloudWatch, too." if doubts else ""
        return self._cause(CauseKind.AGENT, confidence, words, evidence=evidence, advice=check + advice)

    def _taken_words(self, path: NetworkPath) -> str:
        """That a change came right before after which it isn't known whether requests arrive; empty if none did."""
        change, past = self.around.change_in_doubt(self.facts, self.now), self.around.past(METRICS)
        if change is None or past is None or not path.reach.is_open:
            return ""
        if not (path.uncertainties or path.central_id or past.is_of_end(change)):
            return ""
        return f"it isn't known whether {change_words(change)} at {write_time(change.at)} closed the path"

    def _unexamined(self) -> str:
        """Why nothing around the agent can be examined."""
        if self.facts.watch.is_elsewhere:
            return "the policy says that this watch's instances are elsewhere, so Lifeline can't examine this one"
        match self.facts.instance.power:
            case Power.MISSING:
                where = "it likely runs in another account or region, or on premises"
                return f"EC2 here doesn't know the instance, so Lifeline can't examine it: {where}"
            case Power.UNREADABLE:
                return "the instance could not be looked up in EC2, so Lifeline can't examine it"
        return "EC2 doesn't know the agent's host, so Lifeline can't examine it"

    def _checked(self) -> Iterator[str]:
        """What was checked and found fine, or couldn't be read."""
        launched_at = self.facts.instance.launched_at
        yield f"the instance is running{f', started {write_time(launched_at)}' if launched_at else ''}"
        known = self.facts.health is Health.OK
        yield "EC2 status checks: ok" if known else "the EC2 status checks could not be read"
        yield from self._path_words()
        for need in self.facts.needs:
            if need in self.paths:
                path = self.paths[need]
                yield f"the path to the {need} service: {'; '.join((path.words, *path.uncertainties))}"
        yield self._role_words()

    def _role_words(self) -> str:
        role = self.facts.role
        if role is None:
            return ""
        is_allowed = role.permission is Permission.ALLOWED
        return role.words or (f"role {role.role} is allowed to publish metrics" if is_allowed else "")

    def _path_words(self) -> tuple[str, ...]:
        path = self.paths.get(METRICS)
        if path is None:
            return (self._unread_words(METRICS),)
        is_open = "the network path is open: " if path.reach.is_open and not path.uncertainties else ""
        is_far = path.reach is Reach.CENTRAL and not path.endpoint_id
        beyond = (f"what lies beyond the VPC on the way to {path.central_id} isn't known",) if is_far else ()
        way = self._egress(METRICS)
        if way and way.unread:
            on = ports_in(self._ports_of(METRICS))
            own, to = "the instance's own security groups allow", f"outbound TCP {on} to {way.where}"
            unknown = f"it isn't known whether {own} {to}: {way.unread}"
            if way.is_open is False:
                unknown = f"{own} no {to}, and {way.unread}"
            return (*path.notes, path.words, unknown, *path.uncertainties, *beyond)
        return (*path.notes, f"{is_open}{path.words}", *path.uncertainties, *beyond)

    def _repair(self, service: str, path: NetworkPath, *, is_repairable: bool) -> dict[str, bool]:
        """Whether Lifeline repairs the path, and whether it waits for approval to do so, as a cause says it."""
        awaits_approval = is_repairable and self.facts.awaits_approval(service, path.reach)
        return {"is_repairable": is_repairable, "awaits_approval": awaits_approval}

    def _cause(self, kind: CauseKind, confidence: Confidence, words: str, **more: object) -> Cause:
        return cause_of(self.facts, replace(Cause(kind, confidence, words), **more))  # type: ignore[arg-type]
