"""Who else resolves names through the region's VPCs, read from Resolver and Directory Service."""

from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.aws.calls import paced_pages, pages
from lifeline.adapters.aws.clients import ClientOf, LateClient, client
from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.aws.offered import is_not_offered
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.network.askers import Askers, Door, DoorKind, Forward
from lifeline.core.network.dns import domain_of
from lifeline.runtime.observability import logger

LIVE_RULES = frozenset({"CREATING", "COMPLETE"})  # statuses of associations that count, or are about to


class AskersReader:
    """Three calls, and one for each inbound endpoint, whatever the number of VPCs. `turn` is taken before each of
    Resolver's.
    """

    def __init__(
        self,
        turn: Callable[[], None],
        resolver: Any = None,
        directories: Any = None,
        *,
        denials: Denials | None = None,
        client: ClientOf = client,
    ) -> None:
        self._resolver = resolver or LateClient("route53resolver", client)
        self._turn = turn
        self._denials = denials or Denials()
        self._directories = directories
        self._client = client

    def read(self, dns_servers: Mapping[str, tuple[str, ...]]) -> Askers:
        """Whoever asks there. Doesn't raise: what couldn't be read is in `unread`."""
        unread: list[str] = []
        inbound = self._attempt(self._inbound, "the inbound Resolver endpoints", unread)
        directories = self._attempt(self._directory_servers, "the directories' DNS servers", unread)
        forwards = self._attempt(self._forwards, "the resolver rules", unread)
        servers = tuple(sorted((vpc_id, found) for vpc_id, found in dns_servers.items() if found))
        return Askers((*inbound, *directories), tuple(forwards), servers, tuple(unread))

    def _inbound(self) -> list[Door]:
        request = {"Filters": [{"Name": "Direction", "Values": ["INBOUND"]}]}
        found = paced_pages(self._resolver, "list_resolver_endpoints", "ResolverEndpoints", self._turn, request)
        return [
            Door(DoorKind.INBOUND, endpoint["Id"], endpoint["HostVPCId"], self._addresses_of(endpoint["Id"]))
            for endpoint in found
            if endpoint.get("Direction") == "INBOUND" and endpoint.get("HostVPCId")
        ]

    def _addresses_of(self, endpoint_id: str) -> frozenset[str]:
        operation, request = "list_resolver_endpoint_ip_addresses", {"ResolverEndpointId": endpoint_id}
        found = paced_pages(self._resolver, operation, "IpAddresses", self._turn, request)
        texts = (one.get("Ip") or one.get("Ipv6") for one in found)
        return frozenset(text for text in texts if text)

    def _forwards(self) -> list[Forward]:
        rules = paced_pages(self._resolver, "list_resolver_rules", "ResolverRules", self._turn, {})
        forwarding = [rule for rule in rules if rule.get("RuleType") == "FORWARD" and rule.get("TargetIps")]
        if not forwarding:
            return []
        operation, key = "list_resolver_rule_associations", "ResolverRuleAssociations"
        found = paced_pages(self._resolver, operation, key, self._turn, {})
        associations = [one for one in found if one.get("Status", "COMPLETE") in LIVE_RULES]
        return [
            Forward(
                rule["Id"],
                domain_of(rule.get("DomainName", "")),
                frozenset(str(target.get("Ip") or target.get("Ipv6")) for target in rule["TargetIps"]),
                tuple(sorted(one["VPCId"] for one in associations if one["ResolverRuleId"] == rule["Id"])),
            )
            for rule in forwarding
        ]

    def _directory_servers(self) -> list[Door]:
        """Of directories that have servers in the VPC; an AD Connector has none (Directory Service API:
        DirectoryDescription).
        """
        found = pages(self._directories or self._client("ds"), "describe_directories", "DirectoryDescriptions")
        return [
            Door(DoorKind.DIRECTORY, one["DirectoryId"], one["VpcSettings"]["VpcId"], frozenset(one["DnsIpAddrs"]))
            for one in found
            if one.get("VpcSettings", {}).get("VpcId") and one.get("DnsIpAddrs")
        ]

    def _attempt[T](self, read: Callable[[], list[T]], what: str, unread: list[str]) -> list[T]:
        try:
            return read()
        except (TransientError, TerminalError) as error:
            if not is_not_offered(error, regional=True):
                self._denials.note(error)
                logger.warning("who else resolves names not read", extra={"what": what, "error": str(error)})
                unread.append(f"{what} could not be read: {error}")
            return []
