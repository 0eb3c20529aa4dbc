"""Zones and Profiles that VPCs share, with AWS's rules. No emulator here has authorizations, limits or Profiles.

    account.dns.add_profile("rp-1", owner=account.account_id, resources=["arn:…:hostedzone/Z1"])
    account.attach(boto3.client("route53")); account.attach(boto3.client("route53profiles"))

A private hosted zone is moto's, in the account that made it; which VPCs it is associated with is asked and changed
here, from whichever account. The accounts of an organization share one `Associations`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.route53.models import route53_backends

from tests.support.strict_errors import RefusedError
from tests.support.strict_services import domain_of

if TYPE_CHECKING:
    from tests.support.strict_state import State

type Params = dict[str, Any]
type PassOn = Callable[[str, Params], Params]


@dataclass(slots=True)
class Profile:
    """A Route 53 Profile: who owns it, what it carries, by ARN, and the accounts that it is shared with (RAM)."""

    owner: str
    resources: list[str]
    shared_with: set[str] = field(default_factory=set)
    vpc_ids: list[str] = field(default_factory=list)

    def is_seen_by(self, account_id: str) -> bool:
        return account_id in {self.owner, *self.shared_with}


@dataclass(slots=True)
class Associations:
    """What is associated with which VPC. The quotas are AWS's (Route 53 guide: quotas)."""

    vpcs_a_zone: int = 300
    vpcs_a_profile: int = 1000
    profiles_a_vpc: int = 2
    authorizations_an_account: int = 1000
    authorized: dict[tuple[str, str], str] = field(default_factory=dict)  # zone and VPC, with the zone's account
    profiles: dict[str, Profile] = field(default_factory=dict)

    # ---- for tests: arranging

    def add_profile(
        self, profile_id: str, *, owner: str, resources: Iterable[str], shared_with: Iterable[str] = ()
    ) -> None:
        """A Profile is there from now on."""
        self.profiles[profile_id] = Profile(owner, list(resources), set(shared_with))

    def zones_of(self, vpc_id: str) -> list[str]:
        """The IDs of the private zones of the VPC, in any account."""
        return [zone_id for zone_id, zone, _ in _zones() if vpc_id in _vpc_ids(zone)]

    # ---- a call's way

    def answer(self, state: "State", service: str, operation: str, params: Params, pass_on: PassOn) -> Params:
        """The answer to a call from the account of `state`; refuses what AWS refuses."""
        found = _OPERATIONS.get((service, operation))
        return found(self, state, params) if found else pass_on(operation, params)

    # ---- zones

    def authorize(self, state: "State", params: Params) -> Params:
        """Route 53 API: CreateVPCAssociationAuthorization. The same again changes nothing."""
        zone_id, vpc = _id(params), params["VPC"]
        _own_zone(state, zone_id)
        held = sum(1 for account_id in self.authorized.values() if account_id == state.account_id)
        if (zone_id, vpc["VPCId"]) not in self.authorized and held >= self.authorizations_an_account:
            words = f"You've created the maximum number of authorizations: {self.authorizations_an_account}"
            raise RefusedError("TooManyVPCAssociationAuthorizations", words)
        self.authorized[zone_id, vpc["VPCId"]] = state.account_id
        return {"HostedZoneId": zone_id, "VPC": vpc}

    def take_back(self, state: "State", params: Params) -> Params:
        """Route 53 API: DeleteVPCAssociationAuthorization. The association stays."""
        key = _id(params), params["VPC"]["VPCId"]
        _own_zone(state, key[0])
        if self.authorized.pop(key, None) is None:
            words = "The VPC that you specified is not authorized to be associated with the hosted zone."
            raise RefusedError("VPCAssociationAuthorizationNotFound", words)
        return {}

    def associate(self, state: "State", params: Params) -> Params:
        """Route 53 API: AssociateVPCWithHostedZone, and its errors."""
        zone_id, vpc_id = _id(params), params["VPC"]["VPCId"]
        zone, owner = _zone(zone_id)
        if not zone.private_zone:
            words = "You're trying to associate a VPC with a public hosted zone."
            raise RefusedError("PublicZoneVPCAssociation", words)
        if vpc_id not in state.moto.vpcs:
            raise RefusedError(
                "InvalidVPCId", f"The VPC: {vpc_id} you provided is not authorized to make the association"
            )
        if owner != state.account_id and (zone_id, vpc_id) not in self.authorized:
            words = f"The VPC: {vpc_id} has not authorized to associate with your hosted zone."
            raise RefusedError("NotAuthorizedException", words)
        if domain_of(zone.name) in state.domains_taken(vpc_id):
            words = (
                f"The VPC {vpc_id} in region {state.region} has already been associated with another hosted zone that "
                "has the same name"
            )
            raise RefusedError("ConflictingDomainExists", words)
        if len(zone.vpcs) >= self.vpcs_a_zone:
            words = f"Cannot associate more than {self.vpcs_a_zone} VPCs with a private hosted zone"
            raise RefusedError("LimitsExceeded", words)
        zone.add_vpc(vpc_id, state.region)
        return _change()

    def dissociate(self, state: "State", params: Params) -> Params:
        """Route 53 API: DisassociateVPCFromHostedZone, from the zone's account or the VPC's. Never the last VPC."""
        zone_id, vpc_id = _id(params), params["VPC"]["VPCId"]
        zone, owner = _zone(zone_id)
        if owner != state.account_id and vpc_id not in state.moto.vpcs:
            raise RefusedError("InvalidVPCId", f"The VPC ID {vpc_id} isn't yours")
        if vpc_id not in _vpc_ids(zone):
            raise RefusedError("VPCAssociationNotFound", f"The VPC {vpc_id} and the hosted zone are not associated.")
        if len(zone.vpcs) == 1:
            raise RefusedError("LastVPCAssociation", "The VPC is the last one that is associated with the hosted zone.")
        zone.delete_vpc(vpc_id)
        return _change()

    def list_zones(self, _: "State", params: Params) -> Params:
        """Route 53 API: ListHostedZonesByVPC. It shows zones of all accounts, with their owners."""
        found = [
            {"HostedZoneId": zone_id, "Name": zone.name, "Owner": {"OwningAccount": owner}}
            for zone_id, zone, owner in _zones()
            if params["VPCId"] in _vpc_ids(zone)
        ]
        return {"HostedZoneSummaries": found, "MaxItems": params.get("MaxItems", "100")}

    def limit(self, state: "State", params: Params) -> Params:
        """Route 53 API: GetHostedZoneLimit."""
        zone = _own_zone(state, _id(params))
        return {"Limit": {"Type": params["Type"], "Value": self.vpcs_a_zone}, "Count": len(zone.vpcs)}

    # ---- Profiles

    def associate_profile(self, state: "State", params: Params) -> Params:
        """Route 53 Profiles API: AssociateProfile, and its errors."""
        profile, vpc_id = self._profile(state, params), params["ResourceId"]
        if vpc_id not in state.moto.vpcs:
            raise RefusedError("InvalidParameterException", f"The VPC {vpc_id} isn't yours")
        if vpc_id in profile.vpc_ids:
            raise RefusedError("ResourceExistsException", f"The Profile is already associated with {vpc_id}")
        there = sum(vpc_id in one.vpc_ids for one in self.profiles.values())
        if len(profile.vpc_ids) >= self.vpcs_a_profile or there >= self.profiles_a_vpc:
            raise RefusedError("LimitExceededException", "The limit of Profile associations has been reached")
        profile.vpc_ids.append(vpc_id)
        return {"ProfileAssociation": _association(params["ProfileId"], vpc_id)}

    def dissociate_profile(self, state: "State", params: Params) -> Params:
        """Route 53 Profiles API: DisassociateProfile."""
        profile, vpc_id = self._profile(state, params), params["ResourceId"]
        if vpc_id not in profile.vpc_ids:
            raise RefusedError("ResourceNotFoundException", f"The Profile isn't associated with {vpc_id}")
        profile.vpc_ids.remove(vpc_id)
        return {"ProfileAssociation": _association(params["ProfileId"], vpc_id) | {"Status": "DELETING"}}

    def list_profile_associations(self, state: "State", params: Params) -> Params:
        """Route 53 Profiles API: ListProfileAssociations, of a VPC or a Profile."""
        found = [
            _association(profile_id, vpc_id)
            for profile_id, profile in self.profiles.items()
            if profile.is_seen_by(state.account_id) and params.get("ProfileId", profile_id) == profile_id
            for vpc_id in profile.vpc_ids
            if params.get("ResourceId", vpc_id) == vpc_id
        ]
        return {"ProfileAssociations": found}

    def list_profiles(self, state: "State", _: Params) -> Params:
        """Route 53 Profiles API: ListProfiles. It shows the account's own, and those that are shared with it."""
        found = [
            {"Id": id_, "ShareStatus": "NOT_SHARED" if one.owner == state.account_id else "SHARED_WITH_ME"}
            for id_, one in self.profiles.items()
            if one.is_seen_by(state.account_id)
        ]
        return {"ProfileSummaries": found}

    def list_profile_resources(self, state: "State", params: Params) -> Params:
        """Route 53 Profiles API: ListProfileResourceAssociations."""
        profile = self._profile(state, params)
        found = [
            {"ProfileId": params["ProfileId"], "ResourceArn": arn, "Status": "COMPLETE"} for arn in profile.resources
        ]
        return {"ProfileResourceAssociations": found}

    def _profile(self, state: "State", params: Params) -> Profile:
        profile = self.profiles.get(params["ProfileId"])
        if profile is None or not profile.is_seen_by(state.account_id):
            raise RefusedError("ResourceNotFoundException", f"The Profile {params['ProfileId']} doesn't exist")
        return profile


_OPERATIONS: dict[tuple[str, str], Callable[[Associations, "State", Params], Params]] = {
    ("route53", "CreateVPCAssociationAuthorization"): Associations.authorize,
    ("route53", "DeleteVPCAssociationAuthorization"): Associations.take_back,
    ("route53", "AssociateVPCWithHostedZone"): Associations.associate,
    ("route53", "DisassociateVPCFromHostedZone"): Associations.dissociate,
    ("route53", "ListHostedZonesByVPC"): Associations.list_zones,
    ("route53", "GetHostedZoneLimit"): Associations.limit,
    ("route53profiles", "AssociateProfile"): Associations.associate_profile,
    ("route53profiles", "DisassociateProfile"): Associations.dissociate_profile,
    ("route53profiles", "ListProfileAssociations"): Associations.list_profile_associations,
    ("route53profiles", "ListProfileResourceAssociations"): Associations.list_profile_resources,
    ("route53profiles", "ListProfiles"): Associations.list_profiles,
}


def zones_taken(vpc_id: str) -> frozenset[str]:
    """The domains of the private zones of the VPC, in any account."""
    return frozenset(domain_of(zone.name) for _, zone, _ in _zones() if vpc_id in _vpc_ids(zone))


def _zones() -> Iterator[tuple[str, Any, str]]:
    """moto's zones of all accounts: ID, zone, account."""
    for account_id, partitions in list(route53_backends.items()):
        for backend in list(partitions.values()):
            for zone in list(backend.zones.values()):
                yield zone.id.rpartition("/")[2], zone, account_id


def _zone(zone_id: str) -> tuple[Any, str]:
    found = next(((zone, owner) for id_, zone, owner in _zones() if id_ == zone_id), None)
    if found is None:
        raise RefusedError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
    return found


def _own_zone(state: "State", zone_id: str) -> Any:
    zone, owner = _zone(zone_id)
    if owner != state.account_id:
        raise RefusedError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
    return zone


def _vpc_ids(zone: Any) -> list[str]:
    return [vpc["vpc_id"] for vpc in zone.vpcs]


def _id(params: Params) -> str:
    return str(params["HostedZoneId"]).rpartition("/")[2]


def _change() -> Params:
    return {"ChangeInfo": {"Id": "/change/C1", "Status": "PENDING"}}


def _association(profile_id: str, vpc_id: str) -> Params:
    return {"ProfileId": profile_id, "ResourceId": vpc_id, "Status": "COMPLETE"}
