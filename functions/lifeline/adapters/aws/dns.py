"""What decides a VPC's DNS, read from Route 53, its Resolver, its Profiles and the VPC's DHCP options."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from itertools import chain
from threading import Lock
from time import monotonic
from typing import Any, Self

from lifeline.adapters.aws.askers import LIVE_RULES, AskersReader
from lifeline.adapters.aws.calls import aws_errors, paced_pages, pages, run_concurrently
from lifeline.adapters.aws.clients import ClientOf, LateClient, client
from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.aws.described import interface_of
from lifeline.adapters.aws.offered import is_not_offered
from lifeline.adapters.aws.pace import Pace
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.network.askers import Askers
from lifeline.core.network.dns import Answered, AnswerKind, DnsAnswer, DnsView, domain_of, is_wildcard
from lifeline.core.network.model import EndpointState, version_of
from lifeline.runtime.observability import logger

KEEP = timedelta(minutes=15)
LIVE_PROFILES = frozenset({"CREATING", "COMPLETE", "UPDATING"})  # statuses of what is, or is about to be, associated

_A_SECOND = 5
_ROUTE53, _RESOLVER, _PROFILES = "Route 53", "Resolver", "Profiles"

_AUTODEFINED = "rslvr-autodefined-"  # Resolver's own: the internet, and one for each zone, which is read as a zone
_VERSIONS = {"A": {4}, "AAAA": {6}, "CNAME": {4, 6}}  # of the addresses to which each type of record leads
_AWS = re.compile(r"(^|\.)(amazonaws|aws)\.|\.aws$")  # the domains of service names
# An endpoint's own names begin so; those of one zone have that at the end (PrivateLink guide: DNS hostnames).
_ENDPOINT_NAME = re.compile(r"(vpce-[0-9a-f]+)-[0-9a-z]+(?:-([^.]+))?\.")
# Of record sets with one of these, Route 53 answers with the one that it chooses (Route 53 guide: routing policies).
_CHOSEN_BY = frozenset({"Failover", "Region", "GeoLocation", "GeoProximityLocation", "CidrRoutingConfig"})
_GONE = frozenset(state for state in EndpointState if state.is_gone)
_AMAZONS_DNS = frozenset({"AmazonProvidedDNS", "169.254.169.253", "fd00:ec2::253"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Lasting:
    """What all readers of an account share: whose turn it is to call, and what never changes."""

    paces: Mapping[str, Pace] = field(
        default_factory=lambda: {service: Pace(_A_SECOND) for service in (_ROUTE53, _RESOLVER, _PROFILES)}
    )
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    zone_names: dict[str, str] = field(default_factory=dict)


class CentralDns:
    """Reads what answers names in a VPC beside its endpoints, and keeps it for a quarter of an hour.

    Route 53 and Resolver grant an account 5 requests a second each (Route 53 guide: quotas), and have no call for many
    VPCs. Ask for those where something is missing, not for all. Calls take turns: those of other runs, and of others in
    the account, may be throttled all the same. `lasting` is what all readers of an account share.
    """

    def __init__(
        self,
        route53: Any = None,
        resolver: Any = None,
        profiles: Any = None,
        ec2: Any = None,
        *,
        denials: Denials | None = None,
        client: ClientOf = client,
        now: Callable[[], datetime] = _now,
        keep: timedelta = KEEP,
    ) -> None:
        self._client = client
        self._route53 = route53 or LateClient("route53", client)
        self._resolver = resolver or LateClient("route53resolver", client)
        self._profiles = profiles or LateClient("route53profiles", client)
        self._ec2 = ec2 or client("ec2")
        self._denials = denials or Denials()
        self._now = now
        self._keep = keep
        self._kept: dict[tuple[str, ...], tuple[datetime, int, Any]] = {}
        self._run = 0
        self.lasting = _Lasting()
        self._dhcp_lock = Lock()
        self._until: float | None = None

    def begin_run(self, *, give_up_after: timedelta) -> None:
        """From now on, only calls whose turn comes within this time are made; what was read until now isn't fresh."""
        self._run += 1
        self._until = monotonic() + give_up_after.total_seconds()

    def apart(self, *, give_up_after: timedelta) -> Self:
        """A reader of the same account for another run: the calls of both take turns, and neither has what the other
        read, nor its time.
        """
        clients = self._route53, self._resolver, self._profiles, self._ec2
        more: dict[str, Any] = {"denials": self._denials, "client": self._client, "now": self._now, "keep": self._keep}
        apart = type(self)(*clients, **more)
        apart.lasting = self.lasting
        apart.begin_run(give_up_after=give_up_after)
        return apart

    def _turn(self, service: str) -> None:
        self.lasting.paces[service].take_turn(self._until)

    def view(self, vpc_id: str, *, region: str, fresh: bool = False) -> DnsView:
        """What decides the VPC's DNS; `fresh` reads it again, unless this run has read it. Whatever many VPCs share is
        read once a run, so that a view is never older than it seems.

        Doesn't raise: what couldn't be read is in `unreadable`, and such a view isn't kept. A service that the
        region doesn't offer answers nothing.
        """
        kept = self._find_kept(("view", vpc_id, region), fresh=fresh)
        if kept:
            view: DnsView = kept[0]
            return view
        found = _merged(
            run_concurrently(
                [
                    partial(self._read, partial(self._zones, vpc_id, region), f"the private hosted zones of {vpc_id}"),
                    partial(
                        self._read, partial(self._rules_of, vpc_id), f"the resolver rules of {vpc_id}", regional=True
                    ),
                    partial(self._read, partial(self._profiles_of, vpc_id), "Route 53 Profiles", regional=True),
                    partial(self._dns_servers, vpc_id),
                ]
            )
        )
        if not (found.unreadable or found.unread):
            self._kept["view", vpc_id, region] = (self._now(), self._run, found)
        return found

    def _read(self, read: Callable[[], DnsView], what: str, *, regional: bool = False) -> DnsView:
        """What `read` finds, or in words why it couldn't. `regional` is for a list that a region may not offer."""
        try:
            return read()
        except (TransientError, TerminalError) as error:
            if is_not_offered(error, regional=regional):
                return DnsView()
            self._denials.note(error)
            words = f"{what} couldn't be read: {error}"
            return DnsView(unreadable=(words,), throttled=(words,) if isinstance(error, TransientError) else ())

    def view_of_zone(self, zone_id: str) -> DnsView:
        """What a private hosted zone of this account answers, whichever VPCs it is associated with. Doesn't raise."""
        return self._read(partial(self._zone_view, zone_id), f"the private hosted zone {zone_id}")

    def _zone_view(self, zone_id: str) -> DnsView:
        name = self._zone_name(zone_id)
        answer = _zone_answer({"Name": name, "HostedZoneId": zone_id, "Owner": {}})
        return DnsView(answers=(self._with_addresses(answer, zone_id),))

    def view_of_profile(self, profile_id: str) -> DnsView:
        """What a Profile brings, whichever VPCs it is associated with. Doesn't raise."""
        return self._read(partial(self._profile, profile_id, ""), f"the Profile {profile_id}")

    def askers(self) -> Askers:
        """Who else resolves names through the region's VPCs, kept like the rest. Ask where private DNS is about to be
        turned on.
        """
        if kept := self._find_kept(("askers",), fresh=False):
            known: Askers = kept[0]
            return known
        servers: dict[str, tuple[str, ...]] = {}
        unread: tuple[str, ...] = ()
        try:
            servers = self.dns_servers()
        except (TransientError, TerminalError) as error:
            self._denials.note(error)
            unread = (f"the VPCs' DHCP options could not be read: {error}",)
        reader = AskersReader(
            partial(self._turn, _RESOLVER), self._resolver, denials=self._denials, client=self._client
        )
        found = reader.read(servers)
        found = replace(found, unread=(*found.unread, *unread))
        if not found.unread:
            self._kept["askers",] = (self._now(), self._run, found)
        return found

    # ---- zones

    def _zones(self, vpc_id: str, region: str) -> DnsView:
        """Zones of any account; not those of a service (`OwningService`), as AWS makes for each endpoint's private DNS.

        EFS and others own zones in the same way: they name their own resources, not the service's API
        (Route 53 API: ListHostedZonesByVPC, HostedZoneOwner).
        """
        found: list[dict[str, Any]] = []
        request: dict[str, str] = {"VPCId": vpc_id, "VPCRegion": region, "MaxItems": "100"}
        with aws_errors("list_hosted_zones_by_vpc"):
            while True:
                self._turn(_ROUTE53)
                page = self._route53.list_hosted_zones_by_vpc(**request)
                found += page["HostedZoneSummaries"]
                if not page.get("NextToken"):
                    break
                request["NextToken"] = page["NextToken"]
        zones = [(zone, _zone_answer(zone)) for zone in found if not zone["Owner"].get("OwningService")]
        answers = tuple(self._with_addresses(answer, zone["HostedZoneId"]) for zone, answer in zones)
        return DnsView(answers=answers)

    def _with_addresses(self, answer: DnsAnswer, zone_id: str) -> DnsAnswer:
        """The answer with the addresses that the zone has for its own name and those under it, if it is one of AWS's.

        Of another account's zone the records can't be read.
        """
        if not _AWS.search(answer.domain):
            return answer
        read = partial(self._records_of, zone_id, answer.domain)
        (addresses, endpoint_id), wildcard, absent_id = self._keeping(("records", zone_id), read)
        return replace(answer, addresses=addresses, endpoint_id=endpoint_id, wildcard=wildcard, absent_id=absent_id)

    def _records_of(self, zone_id: str, domain: str) -> tuple[Answered, Answered, str]:
        """What the zone answers to its own name, and what to all names under it that have no records of their own; and
        the endpoint to which it leads, if the account doesn't have that.

        A hub's zone leads to its endpoint by an alias (whitepaper: centralized access to VPC private endpoints). The
        zone's own name comes first of all records, the asterisk after names that begin with a digit (Route 53 API:
        ListResourceRecordSets).
        """
        try:
            page = self._records(zone_id)
            if page.get("IsTruncated"):
                more = self._records(zone_id, StartRecordName=f"*.{domain}")
                page = {"ResourceRecordSets": [*page["ResourceRecordSets"], *more["ResourceRecordSets"]]}
        except TerminalError as error:
            logger.info("records of a zone not read", extra={"zone_id": zone_id, "error": str(error)})
            return (None, ""), (None, ""), ""
        found = page.get("ResourceRecordSets", [])
        sets = [one for one in found if domain_of(one["Name"]) == domain and one["Type"] in _VERSIONS]
        own, under = ([one for one in sets if is_wildcard(one["Name"]) is is_under] for is_under in (False, True))
        (answered, absent_id), (under_answered, under_absent_id) = self._answered(own), self._answered(under)
        return answered, under_answered, absent_id or under_absent_id

    def _records(self, zone_id: str, **start: str) -> dict[str, Any]:
        self._turn(_ROUTE53)
        with aws_errors("list_resource_record_sets"):
            page = self._route53.list_resource_record_sets(HostedZoneId=zone_id, MaxItems="300", **start)
        return dict(page)

    def _answered(self, sets: list[dict[str, Any]]) -> tuple[Answered, str]:
        """What one name's records answer, of all of which the addresses must be seen, and the endpoint that they lead
        to, if the account doesn't have it. An alias of type A leads to its
        target's IPv4 addresses only, one of type AAAA to IPv6 (Route 53 guide: values specific for alias records). Of
        several record sets, those that are weighted all answer, unless their weight is 0; which of others is chosen, as
        for a failover, isn't read.
        """
        sets = [one for one in sets if one.get("Weight") != 0] or sets
        chosen = [(one["Type"], *_values(one), *_targets(one)) for one in sets if _CHOSEN_BY & one.keys()]
        if len(set(chosen)) > len({kind for kind, *_ in chosen}):
            return (None, ""), ""
        found = {value for one in sets if one["Type"] != "CNAME" for value in _values(one)}
        named = [_ENDPOINT_NAME.match(target) for one in sets for target in _targets(one)]
        versions = {version for one in sets if _targets(one) for version in _VERSIONS[one["Type"]]}
        endpoint_ids = {match[1] for match in named if match}
        if len(endpoint_ids) > 1 or not all(named):
            return (None, ""), ""
        endpoint_id = next(iter(endpoint_ids), "")
        zones = {match[2] or "" for match in named if match}
        theirs = self._addresses_of(endpoint_id, zones) if endpoint_id else ()
        if theirs is None:
            return self._unseen(endpoint_id, is_alone=not found)
        theirs = tuple(address for address in theirs if version_of(address) in versions)
        return (tuple(sorted({*found, *theirs})), endpoint_id if theirs else ""), ""

    def _unseen(self, endpoint_id: str, *, is_alone: bool) -> tuple[Answered, str]:
        """What a name answers whose records lead to an endpoint without addresses that can be seen, and the endpoint if
        the account certainly doesn't have it. One that EC2 still shows as deleted answers nothing; of one that it
        doesn't list, which may be another account's, that isn't known.
        """
        try:
            found = self._found(endpoint_id)
        except TerminalError:
            return (None, ""), ""
        is_deleted = any(one.get("State", "").lower() in _GONE for one in found)
        known: Answered = ((), endpoint_id) if is_deleted and is_alone else (None, "")
        return known, "" if found and not is_deleted else endpoint_id

    def _addresses_of(self, endpoint_id: str, zones: Collection[str] = ("",)) -> tuple[str, ...] | None:
        """The addresses of an endpoint's interfaces in these zones, in all if one is empty, to which many names may
        lead; None if they can't be seen, or there are none.
        """
        by_zone = self._keeping(("addresses", endpoint_id), partial(self._read_addresses_of, endpoint_id))
        return tuple(sorted(address for zone, address in by_zone if "" in zones or zone in zones)) or None

    def _read_addresses_of(self, endpoint_id: str) -> list[tuple[str, str]]:
        """Each address with its zone; none if they can't be seen."""
        try:
            endpoint = self._endpoint(endpoint_id)
            ids = endpoint.get("NetworkInterfaceIds", [])
            filters = [{"Name": "network-interface-id", "Values": ids}]
            found = pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=filters) if ids else []
        except TerminalError as error:
            logger.info("addresses of an endpoint not read", extra={"endpoint_id": endpoint_id, "error": str(error)})
            return []
        return [(one.get("AvailabilityZone", ""), address) for one in found for address in interface_of(one).addresses]

    # ---- rules

    def _rules_of(self, vpc_id: str) -> DnsView:
        filters = [{"Name": "VPCId", "Values": [vpc_id]}]
        key, turn = "ResolverRuleAssociations", partial(self._turn, _RESOLVER)
        found = paced_pages(self._resolver, "list_resolver_rule_associations", key, turn, {"Filters": filters})
        live = (association for association in found if association.get("Status", "COMPLETE") in LIVE_RULES)
        ids = {association["ResolverRuleId"] for association in live}
        return _merged(
            self._read(partial(self._rule_view, rule_id), f"the resolver rule {rule_id}")
            for rule_id in sorted(ids)
            if not rule_id.startswith(_AUTODEFINED)
        )

    def _rule_view(self, rule_id: str, profile_id: str = "") -> DnsView:
        """The rule as an answer, or as a domain that stays here; neither for other types.

        RECURSIVE is Resolver's own. DELEGATE matches delegation records, not names (Route 53 Resolver API:
        ResolverRule).
        """
        rule = self._rule(rule_id)
        domain = domain_of(rule.get("DomainName", ""))
        kind = AnswerKind.PROFILE if profile_id else AnswerKind.RESOLVER_RULE
        named = f"the resolver rule {rule_id} for {domain or 'every domain'}{_through(profile_id)}"
        match rule.get("RuleType"):
            case "FORWARD":
                forward = DnsAnswer(kind, domain, profile_id or rule_id, f"{named}, which forwards it", forwards=True)
                return DnsView(answers=(forward,))
            case "SYSTEM":
                return DnsView(kept_here=(DnsAnswer(kind, domain, profile_id or rule_id, named),))
            case _:
                return DnsView()

    def _rule(self, rule_id: str) -> dict[str, Any]:
        """The rule, read once: its domain and type never change (Route 53 Resolver API: UpdateResolverRule)."""
        if rule_id not in self.lasting.rules:
            self._turn(_RESOLVER)
            with aws_errors("get_resolver_rule"):
                self.lasting.rules[rule_id] = self._resolver.get_resolver_rule(ResolverRuleId=rule_id)["ResolverRule"]
        return self.lasting.rules[rule_id]

    # ---- Profiles

    def _profiles_of(self, vpc_id: str) -> DnsView:
        """What the VPC's Profiles carry: ListHostedZonesByVPC doesn't show it (Route 53 API: ListHostedZonesByVPC)."""
        key, turn = "ProfileAssociations", partial(self._turn, _PROFILES)
        found = paced_pages(self._profiles, "list_profile_associations", key, turn, {"ResourceId": vpc_id})
        live = (association for association in found if association.get("Status", "COMPLETE") in LIVE_PROFILES)
        ids = {association["ProfileId"] for association in live}
        views = {id_: self._read(partial(self._profile, id_, vpc_id), f"the Profile {id_}") for id_ in sorted(ids)}
        return _merged(replace(view, profiles=((id_, view.unreadable),)) for id_, view in views.items())

    def _profile(self, profile_id: str, vpc_id: str) -> DnsView:
        resources = self._keeping(("profile", profile_id), partial(self._resources_of, profile_id))
        return _merged(
            self._read(
                partial(self._resource, resource["ResourceArn"], profile_id, vpc_id),
                f"{resource['ResourceArn']} of the Profile {profile_id}",
            )
            for resource in resources
            if resource.get("Status", "COMPLETE") in LIVE_PROFILES
        )

    def _resources_of(self, profile_id: str) -> list[dict[str, Any]]:
        key, turn = "ProfileResourceAssociations", partial(self._turn, _PROFILES)
        request = {"ProfileId": profile_id}
        return paced_pages(self._profiles, "list_profile_resource_associations", key, turn, request)

    def _resource(self, arn: str, profile_id: str, vpc_id: str) -> DnsView:
        """One resource, told apart by its ARN, for the API doesn't list its type's values.

        A Profile that another account shares shows the ARNs of its resources, not their names: those that can't be
        looked up from here are unreadable. Query logs answer nothing. DNS Firewall's rule groups, and what isn't known
        here, answer nothing either, but may keep others from it.
        """
        kind, _, resource_id = arn.rpartition(":")[2].rpartition("/")
        match kind:
            case "hostedzone":
                name = self._zone_name(resource_id)
                detail = f"the private hosted zone {name} ({resource_id}){_through(profile_id)}"
                answer = DnsAnswer(AnswerKind.PROFILE, name, profile_id, detail)
                return DnsView(answers=(self._with_addresses(answer, resource_id),))
            case "resolver-rule":
                return self._rule_view(resource_id, profile_id)
            case "vpc-endpoint":
                return self._endpoint_of(resource_id, profile_id, vpc_id)
            case "resolver-query-log-config":
                return DnsView()
            case _:
                return DnsView(brought=(f"{kind} {resource_id}",))

    def _endpoint_of(self, endpoint_id: str, profile_id: str, vpc_id: str) -> DnsView:
        """What a Profile's endpoint answers: nothing once it was deleted, though the Profile may still carry it. One of
        the VPC itself is seen as such.
        """
        if _is_deleted(self._found(endpoint_id)):
            return DnsView()
        endpoint = self._endpoint(endpoint_id)
        if endpoint.get("VpcId") == vpc_id:
            return DnsView()
        return _endpoint_view(endpoint, profile_id, self._addresses_of(endpoint_id))

    def _zone_name(self, zone_id: str) -> str:
        """The zone's name, read once: it never changes."""
        if zone_id not in self.lasting.zone_names:
            self._turn(_ROUTE53)
            with aws_errors("get_hosted_zone"):
                found = self._route53.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]
            self.lasting.zone_names[zone_id] = domain_of(found)
        return self.lasting.zone_names[zone_id]

    def _endpoint(self, endpoint_id: str) -> dict[str, Any]:
        found = self._found(endpoint_id)
        if not found or _is_deleted(found):
            words = "was deleted or isn't this account's: which names it answers can't be seen from here"
            raise TerminalError(f"{endpoint_id} {words}")
        return found[0]

    def _found(self, endpoint_id: str) -> list[dict[str, Any]]:
        """The endpoint, if the account has it, or had it until lately."""
        filters = [{"Name": "vpc-endpoint-id", "Values": [endpoint_id]}]
        read = partial(pages, self._ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)
        found: list[dict[str, Any]] = self._keeping(("endpoint", endpoint_id), read)
        return found

    # ---- DHCP options

    def _dns_servers(self, vpc_id: str) -> DnsView:
        """The VPC's custom servers. They serve nothing by themselves, so that not to know them blocks nothing: it is
        only said.
        """
        try:
            servers = self.dns_servers()
        except (TransientError, TerminalError) as error:
            logger.warning("DHCP options not read", extra={"vpc_id": vpc_id, "error": str(error)})
            self._denials.note(error)
            return DnsView(unread=(f"the VPC's DHCP options could not be read: {error}",))
        return DnsView(custom_dns_servers=servers.get(vpc_id, ()))

    def dns_servers(self) -> dict[str, tuple[str, ...]]:
        """The DNS servers that aren't Amazon's, of every VPC of the region, read once a run. Raises ours."""
        with self._dhcp_lock:
            return self._keeping(("dhcp",), self._dns_servers_by_vpc)

    def _dns_servers_by_vpc(self) -> dict[str, tuple[str, ...]]:
        """The DNS servers that aren't Amazon's, in the order in which clients ask them, of every VPC of the region."""
        described = (("describe_vpcs", "Vpcs"), ("describe_dhcp_options", "DhcpOptions"))
        vpcs, options = run_concurrently([partial(pages, self._ec2, operation, key) for operation, key in described])
        servers = {option_set["DhcpOptionsId"]: _servers(option_set) for option_set in options}
        return {
            vpc["VpcId"]: tuple(
                server
                for server in servers.get(vpc.get("DhcpOptionsId", ""), ())
                if server not in _AMAZONS_DNS and server != _resolver_of(vpc)
            )
            for vpc in vpcs
        }

    def _keeping[T](self, key: tuple[str, ...], read: Callable[[], T]) -> T:
        """What several VPCs share, read once a run."""
        kept = self._find_kept(key, fresh=True)
        if kept:
            value: T = kept[0]
            return value
        found = read()
        self._kept[key] = (self._now(), self._run, found)
        return found

    def _find_kept(self, key: tuple[str, ...], *, fresh: bool) -> tuple[Any] | None:
        read_at, run, found = self._kept.get(key, (None, 0, None))
        if read_at is None or self._now() - read_at >= self._keep:
            return None
        return None if fresh and run < self._run else (found,)


def _is_deleted(found: list[dict[str, Any]]) -> bool:
    return any(one.get("State", "").lower() == EndpointState.DELETED for one in found)


def _zone_answer(zone: dict[str, Any]) -> DnsAnswer:
    name = domain_of(zone["Name"])
    owner = zone["Owner"].get("OwningAccount", "")
    of_account = f" of account {owner}" if owner else ""
    detail = f"the private hosted zone {name} ({zone['HostedZoneId']}){of_account}"
    return DnsAnswer(AnswerKind.PRIVATE_ZONE, name, zone["HostedZoneId"], detail)


def _endpoint_view(endpoint: dict[str, Any], profile_id: str, addresses: tuple[str, ...] | None) -> DnsView:
    """What an endpoint of another VPC answers: its private DNS names."""
    endpoint_id = endpoint["VpcEndpointId"]
    entries = [entry.get("DnsName", "") for entry in endpoint.get("DnsEntries", [])]
    own, under = ({domain_of(name) for name in entries if is_wildcard(name) is is_under} for is_under in (False, True))
    named = f"the endpoint {endpoint_id} of {endpoint.get('VpcId')}{_through(profile_id)}"
    known: Answered = (addresses, endpoint_id if addresses else "")
    found = []
    for name in sorted(own | under):
        if name and "vpce" not in name.split("."):
            (there, of), wildcard = (known if name in names else ((), "") for names in (own, under))
            answer = DnsAnswer(AnswerKind.PROFILE, name, profile_id, named, addresses=there, endpoint_id=of)
            found.append(replace(answer, wildcard=wildcard))
    return DnsView(answers=tuple(found))


def _values(record_set: dict[str, Any]) -> list[str]:
    return [record["Value"] for record in record_set.get("ResourceRecords", [])]


def _targets(record_set: dict[str, Any]) -> list[str]:
    """The names to which a record set leads: an alias, or the name of a CNAME."""
    alias = record_set.get("AliasTarget", {}).get("DNSName", "")
    names = [alias] if alias else []
    return [domain_of(name) for name in (*names, *(_values(record_set) if record_set["Type"] == "CNAME" else ()))]


def _through(profile_id: str) -> str:
    return f" through the Profile {profile_id}" if profile_id else ""


def _servers(options: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        value["Value"]
        for entry in options.get("DhcpConfigurations", [])
        if entry.get("Key") == "domain-name-servers"
        for value in entry.get("Values", [])
    )


def _resolver_of(vpc: dict[str, Any]) -> str:
    """The address of the VPC's own resolver: its first block's base plus two (VPC guide: Amazon DNS server)."""
    return str(ip_network(vpc["CidrBlock"])[2])


def _merged(views: Iterable[DnsView]) -> DnsView:
    """The views as one, each part sorted and without repetitions."""
    parts = list(views)
    return DnsView(
        answers=tuple(sorted(set(chain.from_iterable(part.answers for part in parts)))),
        unreadable=tuple(sorted(set(chain.from_iterable(part.unreadable for part in parts)))),
        kept_here=tuple(sorted(set(chain.from_iterable(part.kept_here for part in parts)))),
        custom_dns_servers=tuple(chain.from_iterable(part.custom_dns_servers for part in parts)),
        throttled=tuple(sorted(set(chain.from_iterable(part.throttled for part in parts)))),
        unread=tuple(sorted(set(chain.from_iterable(part.unread for part in parts)))),
        brought=tuple(sorted(set(chain.from_iterable(part.brought for part in parts)))),
        profiles=tuple(chain.from_iterable(part.profiles for part in parts)),
    )
