"""Reads the hub that the policy names, once a run, and what leads from VPCs to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages, run_concurrently
from lifeline.adapters.aws.clients import ClientOf
from lifeline.adapters.aws.dns import LIVE_PROFILES, CentralDns
from lifeline.adapters.aws.memory import AccountMemory, memory_of
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.dns import DnsView
from lifeline.core.network.hub import Attachment, GatewayRoute, HubSource, HubView
from lifeline.core.network.model import Vpc
from lifeline.core.policy.central import Central
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import StackSettings

VPCS_A_PROFILE = 1000  # Route 53 guide: quotas on Profiles. No call says whether it was raised
_ROUTES = [{"Name": "state", "Values": ["active", "blackhole"]}]
_PASSES = frozenset({"available", "modifying"})  # EC2 API: TransitGatewayVpcAttachment. To change one cuts nothing


@dataclass(frozen=True, slots=True)
class _Hub:
    """What is the same for all VPCs that look at it."""

    sources: tuple[HubSource, ...]
    vpcs: tuple[Vpc, ...]
    unread: tuple[str, ...]


@dataclass(slots=True)
class HubReader:
    """One run's reader, for VPCs of the account that the settings are for; Route 53's calls for the hub's account wait
    for their turn for `give_up_after` at most. It only reads, and doesn't raise: what can't
    be read is said, and each caller decides what that is worth.
    """

    settings: StackSettings
    give_up_after: timedelta = timedelta(seconds=60)
    _kept: dict[Central, _Hub] = field(default_factory=dict, init=False)
    _tables: dict[str, tuple[GatewayRoute, ...] | None] = field(default_factory=dict, init=False)

    def views(self, central: Central, vpc_ids: Sequence[str]) -> Mapping[str, HubView]:
        """What each of the VPCs sees of the hub."""
        account = central.account or self.settings.own_account_id
        there = self._memory_in(account)
        if there is None:
            words = f"{account}, which has the zones, is no account that this stack serves"
            seen = self._sees(central.profile) if central.profile else None
            sources = (HubSource(central.profile, unread=(words,), is_seen=seen),) if central.profile else ()
            return dict.fromkeys(vpc_ids, HubView(account, sources, unread=(words,)))
        if central not in self._kept:
            self._kept[central] = self._read(central, there)
        hub = self._kept[central]
        accounts = list(dict.fromkeys((memory_of(self.settings), there, memory_of(self.settings.of("")))))
        attachments, misses = self._attachments(accounts, [*vpc_ids, *(vpc.id for vpc in hub.vpcs)])
        tables = self._read_tables([one.client for one in accounts], attachments or ())
        view = HubView(account, hub.sources, hub.vpcs, attachments, tables, hub.unread, misses_attachments=misses)
        return dict.fromkeys(vpc_ids, view)

    def _memory_in(self, account: str) -> AccountMemory | None:
        return memory_of(self.settings.of(account)) if self.settings.may_enter(account) else None

    # ---- the hub's zones and VPCs

    def _read(self, central: Central, there: AccountMemory) -> _Hub:
        is_own = there is memory_of(self.settings)  # whose run has begun
        dns = there.central if is_own else there.central.apart(give_up_after=self.give_up_after)
        read = partial(self._profile, central.profile, there, dns)
        reads = [partial(self._zone, id_, there, dns) for id_ in central.zones] if central.zones else [read]
        sources = tuple(run_concurrently(reads))
        endpoint_ids = sorted({answer.endpoint_id for source in sources for answer in source.answers} - {""})
        try:
            vpcs = there.network.observe(self._vpcs_of(endpoint_ids, there.client)) if endpoint_ids else ()
        except (TransientError, TerminalError) as error:
            there.denials.note(error)
            return _Hub(sources, (), (f"the hub's VPC can't be read: {error}",))
        return _Hub(sources, vpcs, ())

    def _zone(self, zone_id: str, there: AccountMemory, dns: CentralDns) -> HubSource:
        """A zone of the hub's, with how many VPCs it has and takes at most (Route 53 API: GetHostedZoneLimit)."""
        view = dns.view_of_zone(zone_id)
        vpcs, most = self._limit(zone_id, there)
        return HubSource(zone_id, view.answers, vpcs, most, view.unreadable, view.throttled)

    def _limit(self, zone_id: str, there: AccountMemory) -> tuple[int | None, int | None]:
        try:
            with aws_errors(f"get_hosted_zone_limit {zone_id}"):
                limit = there.client("route53").get_hosted_zone_limit(
                    HostedZoneId=zone_id, Type="MAX_VPCS_ASSOCIATED_BY_ZONE"
                )
        except (TransientError, TerminalError) as error:
            self._note(there, error, "limit of a zone not read")
            return None, None
        return int(limit["Count"]), int(limit["Limit"]["Value"])

    def _profile(self, profile_id: str, there: AccountMemory, dns: CentralDns) -> HubSource:
        view: DnsView = dns.view_of_profile(profile_id)
        unread, kept = (view.unreadable, view.throttled), (view.kept_here, view.brought)
        source = HubSource(profile_id, view.answers, None, None, *unread, *kept, self._sees(profile_id))
        try:
            client = there.client("route53profiles")
            found = pages(client, "list_profile_associations", "ProfileAssociations", ProfileId=profile_id)
        except (TransientError, TerminalError) as error:
            self._note(there, error, "associations of a Profile not read")
            return source
        count = sum(one.get("Status", "COMPLETE") in LIVE_PROFILES for one in found)
        return replace(source, vpcs=count, most_vpcs=VPCS_A_PROFILE)

    def _sees(self, profile_id: str) -> bool | None:
        """Whether the VPCs' own account sees the Profile, None where that can't be read. It must, to associate it. What
        GetProfile answers of one that isn't shared, a policy that denies the call answers as well.
        """
        own = memory_of(self.settings)
        try:
            found = pages(own.client("route53profiles"), "list_profiles", "ProfileSummaries")
        except (TransientError, TerminalError) as error:
            self._note(own, error, "Profiles not listed")
            return None
        return any(one["Id"] == profile_id for one in found)

    def _vpcs_of(self, endpoint_ids: Sequence[str], client: ClientOf) -> list[str]:
        filters = [{"Name": "vpc-endpoint-id", "Values": list(endpoint_ids)}]
        found = pages(client("ec2"), "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)
        return sorted({str(one["VpcId"]) for one in found})

    # ---- transit gateways

    def _attachments(
        self, accounts: Sequence[AccountMemory], vpc_ids: Sequence[str]
    ) -> tuple[tuple[Attachment, ...] | None, bool]:
        """The attachments of the VPCs, as these accounts see them, None where none of them can be read; and whether one
        of the accounts couldn't be asked. Which of the gateway's tables one is associated with, the gateway's account
        sees.
        """
        by_vpc = [{"Name": "vpc-id", "Values": list(vpc_ids)}]
        by_resource = [{"Name": "resource-id", "Values": list(vpc_ids)}]
        found: dict[str, dict[str, Any]] = {}
        associations: dict[str, dict[str, Any]] = {}
        failures = 0
        for account in accounts:
            ec2 = account.client("ec2")
            reads = [
                partial(_describe, ec2, "describe_transit_gateway_vpc_attachments", "Vpc", by_vpc),
                partial(_describe, ec2, "describe_transit_gateway_attachments", "", by_resource),
            ]
            try:
                described, associated = run_concurrently(reads)
            except (TransientError, TerminalError) as error:
                failures += 1
                self._note(account, error, "transit gateway attachments not read")
                continue
            found |= {one["TransitGatewayAttachmentId"]: one for one in described}
            associations |= {
                one["TransitGatewayAttachmentId"]: one["Association"] for one in associated if one.get("Association")
            }
        if failures == len(accounts):
            return None, True
        seen = tuple(_attachment(one, associations.get(id_, {})) for id_, one in sorted(found.items()))
        return seen, failures > 0

    def _read_tables(
        self, clients: Sequence[ClientOf], attachments: Iterable[Attachment]
    ) -> Mapping[str, tuple[GatewayRoute, ...]]:
        """The gateways' tables that these accounts can read. A gateway is often a network account's, which shares it
        and not its tables (transit gateway guide: shared transit gateways).
        """
        for table_id in sorted({one.table_id for one in attachments} - {"", *self._tables}):
            reads = (self._routes(client, table_id) for client in clients)
            self._tables[table_id] = next((routes for routes in reads if routes is not None), None)
        return {table_id: routes for table_id, routes in self._tables.items() if routes is not None}

    def _routes(self, client: ClientOf, table_id: str) -> tuple[GatewayRoute, ...] | None:
        """The table's routes; None where they can't be read, or not all: one call shows a thousand."""
        try:
            with aws_errors(f"search_transit_gateway_routes {table_id}"):
                page = client("ec2").search_transit_gateway_routes(TransitGatewayRouteTableId=table_id, Filters=_ROUTES)
        except (TransientError, TerminalError) as error:
            logger.info("a transit gateway's table not read", extra={"table_id": table_id, "error": str(error)})
            return None
        is_whole = not page.get("AdditionalRoutesAvailable") and not page.get("NextToken")
        found = page.get("Routes", [])
        return tuple(map(_route, found)) if is_whole and all(map(_is_told, found)) else None

    @staticmethod
    def _note(there: AccountMemory, error: LifelineError, what: str) -> None:
        logger.info(what, extra={"error": str(error)})
        there.denials.note(error)


def _describe(ec2: Any, operation: str, kind: str, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return pages(ec2, operation, f"TransitGateway{kind}Attachments", Filters=filters)


def _attachment(described: Mapping[str, Any], association: Mapping[str, Any]) -> Attachment:
    is_associated = association.get("State") == "associated"
    return Attachment(
        described["TransitGatewayAttachmentId"],
        described["TransitGatewayId"],
        described["VpcId"],
        frozenset(described.get("SubnetIds", ())),
        described.get("State") in _PASSES,
        association.get("TransitGatewayRouteTableId", "") if is_associated else "",
    )


def _is_told(described: Mapping[str, Any]) -> bool:
    """True if the route says for which block it is, and to which VPCs it leads."""
    to_vpcs = (one for one in described.get("TransitGatewayAttachments", ()) if one.get("ResourceType") == "vpc")
    return "DestinationCidrBlock" in described and all(one.get("ResourceId") for one in to_vpcs)


def _route(described: Mapping[str, Any]) -> GatewayRoute:
    attached = described.get("TransitGatewayAttachments", ())
    vpc_ids = frozenset(one["ResourceId"] for one in attached if one.get("ResourceType") == "vpc")
    return GatewayRoute(described["DestinationCidrBlock"], vpc_ids, described.get("State") == "active")
