"""The calls by which a VPC shares a hub's zones or its Profile, and shares them no more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages, unless_done
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.adapters.aws.dns import LIVE_PROFILES
from lifeline.core.coexist.associated import AUTHORIZATION_LEFT
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.policy.central import is_profile

_ATTEMPTS = 3  # to take an authorization back
# Who shares the zone or the Profile already has what was wanted, and likewise who doesn't any more.
_CONFLICT = "ConflictingDomainExists"
_THERE = "ResourceExistsException"
_GONE = frozenset({"ResourceNotFoundException", "VPCAssociationAuthorizationNotFound", "VPCAssociationNotFound"})
# Another request about the same is under way (APIs of Route 53 and Route 53 Profiles).
_PASSING = frozenset({"ConcurrentModification", "ConflictException", "PriorRequestNotComplete"})


class Associations:
    """Associates VPCs of one account. `client_in` gives the clients of the account whose zones they are."""

    def __init__(
        self, region: str, client_in: Callable[[str], ClientOf | None] = lambda _: None, client: ClientOf = client
    ) -> None:
        self._region = region
        self._client_in = client_in
        self._client = client

    def associate(self, central_id: str, vpc_id: str, account: str) -> str:
        """Associates the VPC with a zone or a Profile; `account` is the zone's if that is another. Once is enough.

        The answer says what is left to do, empty if nothing: an authorization that couldn't be deleted. Whether the
        association came about or not, none must stay (Route 53 guide: associating an Amazon VPC and a private hosted
        zone that you created with different AWS accounts).
        """
        if is_profile(central_id):
            self._associate_profile(central_id, vpc_id)
            return ""
        if not account:
            self._associate_zone(central_id, vpc_id)
            return ""
        self._authorize(central_id, vpc_id, account)
        try:
            self._associate_zone(central_id, vpc_id)
        except (TransientError, TerminalError) as error:
            if left := self._take_back(central_id, vpc_id, account):
                raise type(error)(f"{error}; {left}", code=error.code) from error
            raise
        return self._take_back(central_id, vpc_id, account)

    def disassociate(self, central_id: str, vpc_id: str) -> None:
        """Ends the association. One that is gone is what was wanted."""
        try:
            with unless_done(lambda: not self.has(central_id, vpc_id)):
                self._disassociate(central_id, vpc_id)
        except TerminalError as error:
            if error.code not in _GONE:
                raise

    def has(self, central_id: str, vpc_id: str) -> bool:
        """True if the zone or the Profile is associated with the VPC, as far as AWS says."""
        return self._has_profile(central_id, vpc_id) if is_profile(central_id) else self._has_zone(central_id, vpc_id)

    def delete_authorization(self, zone_id: str, vpc_id: str, account: str) -> None:
        """Deletes what an earlier run left behind."""
        try:
            with _errors(f"delete_vpc_association_authorization {zone_id} {vpc_id}"):
                self._zones_in(account).delete_vpc_association_authorization(**self._of(zone_id, vpc_id))
        except TerminalError as error:
            if error.code not in _GONE:
                raise

    # ---- parts

    def _associate_zone(self, zone_id: str, vpc_id: str) -> None:
        """A name may be taken by the very zone that was to take it."""
        with (
            unless_done(partial(self._has_zone, zone_id, vpc_id), _CONFLICT),
            _errors(f"associate_vpc_with_hosted_zone {zone_id} {vpc_id}"),
        ):
            self._client("route53").associate_vpc_with_hosted_zone(**self._of(zone_id, vpc_id))

    def _associate_profile(self, profile_id: str, vpc_id: str) -> None:
        try:
            with (
                unless_done(partial(self._has_profile, profile_id, vpc_id), _THERE),
                _errors(f"associate_profile {profile_id} {vpc_id}"),
            ):
                names = {"ProfileId": profile_id, "ResourceId": vpc_id, "Name": f"lifeline-{vpc_id}"}
                self._client("route53profiles").associate_profile(**names)
        except TransientError as error:
            if error.code == "LimitExceededException":  # of Profiles that is a quota, and no throttling
                raise TerminalError(str(error), code=error.code) from error
            raise

    def _has_zone(self, zone_id: str, vpc_id: str) -> bool:
        """True if the zone is associated with the VPC."""
        zones = self._client("route53")
        request = {"VPCId": vpc_id, "VPCRegion": self._region}
        with aws_errors("list_hosted_zones_by_vpc"):
            page = zones.list_hosted_zones_by_vpc(**request)
            found = page["HostedZoneSummaries"]
            while page.get("NextToken"):
                page = zones.list_hosted_zones_by_vpc(**request, NextToken=page["NextToken"])
                found += page["HostedZoneSummaries"]
        return any(zone["HostedZoneId"] == zone_id for zone in found)

    def _has_profile(self, profile_id: str, vpc_id: str) -> bool:
        """True if the Profile is associated with the VPC, or is about to be."""
        request = {"ProfileId": profile_id, "ResourceId": vpc_id}
        client = self._client("route53profiles")
        found = pages(client, "list_profile_associations", "ProfileAssociations", **request)
        return any(one.get("Status", "COMPLETE") in LIVE_PROFILES for one in found)

    def _disassociate(self, central_id: str, vpc_id: str) -> None:
        if is_profile(central_id):
            with _errors(f"disassociate_profile {central_id} from {vpc_id}"):
                self._client("route53profiles").disassociate_profile(ProfileId=central_id, ResourceId=vpc_id)
        else:
            with _errors(f"disassociate_vpc_from_hosted_zone {central_id} {vpc_id}"):
                self._client("route53").disassociate_vpc_from_hosted_zone(**self._of(central_id, vpc_id))

    def _authorize(self, zone_id: str, vpc_id: str, account: str) -> None:
        with _errors(f"create_vpc_association_authorization {zone_id} {vpc_id}"):
            self._zones_in(account).create_vpc_association_authorization(**self._of(zone_id, vpc_id))

    def _take_back(self, zone_id: str, vpc_id: str, account: str) -> str:
        """Why the authorization is still there; empty if it isn't."""
        failure: LifelineError | None = None
        for _ in range(_ATTEMPTS):
            try:
                self.delete_authorization(zone_id, vpc_id, account)
            except LifelineError as error:
                failure = error
            else:
                return ""
        return f"the authorization for {vpc_id} in {zone_id} {AUTHORIZATION_LEFT}: {failure}"

    def _zones_in(self, account: str) -> Any:
        there = self._client_in(account)
        if there is None:
            raise TerminalError(f"{account}, which has the zones, is no account that this stack serves")
        return there("route53")

    def _of(self, zone_id: str, vpc_id: str) -> dict[str, Any]:
        return {"HostedZoneId": zone_id, "VPC": {"VPCRegion": self._region, "VPCId": vpc_id}}


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Raises ours in place of botocore's error, and takes for passing what AWS says is."""
    try:
        with aws_errors(doing):
            yield
    except TerminalError as error:
        if error.code in _PASSING:
            raise TransientError(str(error), code=error.code) from error
        raise
