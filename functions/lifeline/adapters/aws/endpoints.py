"""Apply: one planned action becomes EC2 calls. The only module that changes a network."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_network
from random import sample
from typing import Any, assert_never

from lifeline.adapters.aws.associations import Associations
from lifeline.adapters.aws.calls import aws_errors, begin, unless_done
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.creation import TAGS_REFUSED, creation, group_creation
from lifeline.core.denial import read_denial
from lifeline.core.errors import LifelineError, TerminalError, TransientError, UnansweredError
from lifeline.core.network.model import RULE_WORDS
from lifeline.core.plan.actions import NAMING, REMOVALS, UNANSWERED, Action, ActionKind
from lifeline.core.plan.placement import FULL
from lifeline.core.policy.labels import REFUSED_COPIES, Tagging, refused_words

# The network changed since it was observed, or EC2 doesn't show yet what was just made (EC2 API: eventual consistency).
# Looking again gives the answer, so these are no failures.
_STALE_CODES = frozenset(
    {
        FULL,
        "DuplicateSubnetsInSameZone",
        "InvalidGroup.Duplicate",
        "InvalidGroup.NotFound",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.NotFound",
        "InvalidSecurityGroupID.NotFound",
        "InvalidSubnetID.NotFound",
        "InvalidSubnetId.NotFound",
        "InvalidVpcEndpoint.NotFound",
        "InvalidVpcEndpointId.NotFound",
        "RouteAlreadyExists",
    }
)


# EC2 refuses all of a call of which one subnet, or one route table, has no room left, or a table has such a route (EC2
# API: error codes).
_NO_ROOM = frozenset({FULL, "RouteAlreadyExists", "RouteLimitExceeded"})
_ADDS = frozenset(
    {
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        ActionKind.CREATE_GATEWAY_ENDPOINT,
        ActionKind.ADD_SUBNETS,
        ActionKind.ADD_ROUTE_TABLES,
    }
)
_MOST_PARTS = 25  # so often a part is tried alone; the next run tries what is left
_GONE_GROUP_CODES = frozenset({"InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"})
# AWS's default policy. `ResetPolicy` is for gateway endpoints only (EC2 API: ModifyVpcEndpoint).
_FULL_ACCESS = '{"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]}'
_SWAP_WAITS = (1, 2, 4, 8, 15, 30, 30)  # an endpoint takes a minute to change (EC2 API: OperationInProgress)
_STILL_HELD = ("conflicting DNS domain", "ConflictingDomainExists", "OperationInProgress")
_WAITS = (0, 1, 2, 4)  # seconds before each attempt


class _TagsRefusedError(TerminalError):
    """EC2 created nothing, and its tags may be why."""


@dataclass(frozen=True, slots=True)
class AppliedIds:
    """What an action created or changed. A group that was created has its name, too. `tags` are those that it got if
    they aren't the action's. `left` says in words what is left for a later run or a person. `part` is what was done of
    the action, where EC2 takes only that.
    """

    endpoint_id: str = ""
    security_group_id: str = ""
    security_group_name: str = ""
    tags: Tagging | None = None
    left: str = ""
    part: Action | None = None


class Endpoints:
    """Creates and extends what is Lifeline's own; `owner` is the value of its tag.

    `record` is called with the VPC's ID, the new resource's and the action, as soon as EC2 has created it: what isn't
    on record isn't Lifeline's own. EC2 is asked for more subnets of an endpoint within `asking`: those that aren't on
    record by then count as others'. One for each run, for it remembers which groups are new, and which subnets, by id,
    EC2 refused for want of addresses: these are `full`.
    """

    def __init__(
        self,
        owner: str,
        record: Callable[[str, str, Action], None],
        ec2: Any = None,
        sleep: Callable[[float], None] = time.sleep,
        associations: Associations | None = None,
        asking: Callable[[Action], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._owner = owner
        self._associations = associations
        self._record = record
        self._asking = asking
        self._ec2 = ec2 or client("ec2")
        self._sleep = sleep
        self._new_groups: set[str] = set()
        self.full: set[str] = set()

    def apply(self, action: Action, *, vpc_id: str, security_group_id: str = "") -> AppliedIds:
        """Makes one change. Raises TransientError where another attempt can succeed, TerminalError where it can't,
        and UnansweredError where a swap failed in both directions.
        """
        try:
            return self._in_parts(
                action, partial(self._ask, vpc_id=vpc_id, security_group_id=security_group_id), iter(range(_MOST_PARTS))
            )
        except UnansweredError:
            raise
        except TerminalError as error:
            is_too_new = self._is_too_new(security_group_id, error)
            if is_too_new or error.code in _STALE_CODES or _is_name_still_held(action, error):
                raise TransientError(str(error), code=error.code) from error
            raise

    def _in_parts(self, action: Action, make: Callable[[Action], AppliedIds], tries: Iterator[int]) -> AppliedIds:
        """What EC2 takes of the action. It refuses the whole where one subnet or route table has no room, of which it
        doesn't always tell before. Whoever has one of them must not keep the others from their endpoint.
        """
        try:
            return make(action)
        except TerminalError as error:
            self.full.update(action.subnet_ids if error.code == FULL and len(action.subnet_ids) == 1 else ())
            if error.code not in _NO_ROOM or action.kind not in _ADDS:
                raise
            for part in _halves(action):
                if next(tries, None) is None:
                    break
                with _unless_full():
                    made = self._in_parts(part, make, tries)
                    return replace(made, part=made.part or part, left=f"the rest is left for later: {error}")
            raise

    def _ask(self, action: Action, *, vpc_id: str, security_group_id: str) -> AppliedIds:
        asks = self._asking(action) if self._asking and action.kind is ActionKind.ADD_SUBNETS else nullcontext()
        with asks:
            return self._apply(action, vpc_id, security_group_id)

    def _apply(self, action: Action, vpc_id: str, security_group_id: str) -> AppliedIds:
        match action.kind:
            case ActionKind.FIX_DNS:
                self._fix_dns(action, vpc_id)
            case ActionKind.CREATE_SECURITY_GROUP:
                return self._with_tags(action, partial(self._create_security_group, vpc_id=vpc_id))
            case ActionKind.OPEN_SECURITY_GROUP:
                self._let_in(action.security_group_id, action)
            case ActionKind.CLOSE_SECURITY_GROUP:
                self._shut_out(action.security_group_id, action)
            case ActionKind.CREATE_INTERFACE_ENDPOINT:
                return self._create_interface(action, vpc_id, security_group_id)
            case ActionKind.CREATE_GATEWAY_ENDPOINT:
                return self._create(action, vpc_id)
            case ActionKind.REPLACE_ENDPOINT:
                self._delete(action)
                return self._create_interface(action, vpc_id, security_group_id)
            case (
                ActionKind.ATTACH_SECURITY_GROUP
                | ActionKind.RESET_POLICY
                | ActionKind.RESET_DNS_RECORDS
                | ActionKind.ADD_SUBNETS
                | ActionKind.ADD_ROUTE_TABLES
                | ActionKind.REMOVE_SUBNETS
                | ActionKind.REMOVE_ROUTE_TABLES
                | ActionKind.ENABLE_PRIVATE_DNS
                | ActionKind.DISABLE_PRIVATE_DNS
            ):
                self._modify(action, **_change(action, security_group_id))
            case ActionKind.RETIRE_ENDPOINT | ActionKind.DELETE_SECURITY_GROUP:
                self._take_away(action)
            case (
                ActionKind.SWAP_TO_LOCAL
                | ActionKind.SWAP_TO_CENTRAL
                | ActionKind.ASSOCIATE_CENTRAL
                | ActionKind.DISASSOCIATE_CENTRAL
                | ActionKind.RESTORE_LOCAL
                | ActionKind.DELETE_AUTHORIZATION
            ):
                return AppliedIds(left=self._share(action, vpc_id))
            case (
                ActionKind.MEND_ROUTE
                | ActionKind.AWAIT_ENDPOINT
                | ActionKind.MEND_POLICY
                | ActionKind.OPEN_NETWORK_ACL
                | ActionKind.CONFIRM_OWNERSHIP
                | ActionKind.CORRECT_TAG
            ):
                raise TerminalError(f"{action.kind} is a person's to do")
            case unreachable:
                assert_never(unreachable)
        return AppliedIds()

    def _fix_dns(self, action: Action, vpc_id: str) -> None:
        """Turns attributes on, one a call, support before hostnames as EC2 asks (EC2 API: ModifyVpcAttribute)."""
        for name in sorted(action.attributes, reverse=True):
            with aws_errors(f"modify_vpc_attribute {name} of {vpc_id}"):
                self._ec2.modify_vpc_attribute(VpcId=vpc_id, **{name[0].upper() + name[1:]: {"Value": True}})

    def _delete(self, action: Action) -> None:
        """Deletes one of Lifeline's own. EC2 answers 200 and says in the answer what it didn't delete."""
        with aws_errors(f"delete_vpc_endpoints {action.endpoint_id}"):
            answer = self._ec2.delete_vpc_endpoints(VpcEndpointIds=[action.endpoint_id])
        for refused in answer.get("Unsuccessful", []):
            error = refused.get("Error", {})
            if not str(error.get("Code", "")).endswith(".NotFound"):
                raise TerminalError(f"{action.endpoint_id} was not deleted: {error}", code=str(error.get("Code", "")))

    def _create_interface(self, action: Action, vpc_id: str, security_group_id: str) -> AppliedIds:
        if not security_group_id:
            raise TerminalError("an interface endpoint without a security group would take the VPC's default one")
        return self._create(action, vpc_id, security_group_id)

    def _create(self, action: Action, vpc_id: str, security_group_id: str = "") -> AppliedIds:
        create = partial(self._create_endpoint, vpc_id=vpc_id, security_group_id=security_group_id)
        return self._with_tags(action, create, security_group_id)

    def _with_tags(
        self, action: Action, create: Callable[[Action], AppliedIds], security_group_id: str = ""
    ) -> AppliedIds:
        """What is created; if AWS refuses its tags, with those alone that nobody but the policy says. Whoever may tag a
        VPC could otherwise keep everything from being made there, by a value that an SCP or a tag policy doesn't allow.
        """
        try:
            return create(action)
        except _TagsRefusedError as error:
            if action.spare_tags is None or self._is_too_new(security_group_id, error):
                raise
            try:
                made = create(replace(action, tags=action.spare_tags))
            except _TagsRefusedError:
                raise error from None
            return replace(made, tags=action.spare_tags, left=REFUSED_COPIES)

    def _create_endpoint(self, action: Action, *, vpc_id: str, security_group_id: str) -> AppliedIds:
        """Creates the endpoint, once however often it is tried.

        EC2 refuses a token that was used before for anything else, and a token is no secret: whoever may create
        endpoints somewhere could use it first. Then the endpoint gets a token that nobody could know.
        """
        wanted = creation(action, vpc_id=vpc_id, security_group_id=security_group_id, owner=self._owner)
        try:
            made = self._create_by_token(action.client_token, action, wanted)
        except TerminalError as error:
            if error.code != "IdempotentParameterMismatch":
                raise
            made = self._create_by_token(f"lifeline-{secrets.token_hex(24)}", action, wanted)
        return AppliedIds(endpoint_id=self._created(vpc_id, made, action))

    def _is_too_new(self, security_group_id: str, error: TerminalError) -> bool:
        return security_group_id in self._new_groups and _is_unknown(security_group_id, error)

    def _create_by_token(self, token: str, action: Action, wanted: Mapping[str, Any]) -> str:
        doing = f"create_vpc_endpoint {wanted['ServiceName']} in {wanted['VpcId']}"
        with _tags_named(action), aws_errors(doing):
            answer = self._ec2.create_vpc_endpoint(ClientToken=token, **wanted)
        return str(answer["VpcEndpoint"]["VpcEndpointId"])

    def _modify(self, action: Action, **change: object) -> str:
        with aws_errors(f"modify_vpc_endpoint {action.endpoint_id}"):
            self._ec2.modify_vpc_endpoint(VpcEndpointId=action.endpoint_id, **change)
        return ""

    def _create_security_group(self, action: Action, *, vpc_id: str) -> AppliedIds:
        """Creates the group and lets the VPC in.

        EC2 compares names without regard to case (EC2 API: CreateSecurityGroup), so a name may be taken that no
        observation finds. Then the group gets a number that nobody could have taken before.
        """
        name = action.security_group_name
        try:
            made = self._create_named_group(name, vpc_id, action)
        except TerminalError as error:
            if error.code != "InvalidGroup.Duplicate":
                raise
            name = f"{name}-{secrets.randbelow(10**9) + 10**9}"
            made = self._create_named_group(name, vpc_id, action)
        self._new_groups.add(made)
        is_on_record = begin(partial(self._created, vpc_id, made, action))
        try:
            self._let_in_new(made, action)
        finally:
            is_on_record()  # what isn't is the graver error
        return AppliedIds(security_group_id=made, security_group_name=name)

    def _create_named_group(self, name: str, vpc_id: str, action: Action) -> str:
        with _tags_named(action), aws_errors(f"create_security_group {name} in {vpc_id}"):
            wanted = group_creation(action, vpc_id=vpc_id, name=name, owner=self._owner)
            answer = self._ec2.create_security_group(**wanted)
        return str(answer["GroupId"])

    def _let_in_new(self, security_group_id: str, action: Action) -> None:
        """Lets the VPC into a group that EC2 may not know yet. Raises TransientError if it still doesn't after the
        waits: the next run opens the group.
        """
        for wait in _WAITS:
            self._sleep(wait)
            try:
                return self._let_in(security_group_id, action)
            except TerminalError as error:
                if not _is_unknown(security_group_id, error):
                    raise
                refusal = error
        raise TransientError(str(refusal), code=refusal.code) from refusal

    def _created(self, vpc_id: str, resource_id: str, action: Action) -> str:
        """The resource's ID, once it is on record. Raises TerminalError if it isn't: a person must adopt it then."""
        try:
            self._record(vpc_id, resource_id, action)
        except LifelineError as error:
            words = (
                f'{resource_id} was created, but not recorded: adopt it with {{"adopt": ["{resource_id}"]}} ({error})'
            )
            raise TerminalError(words) from error
        return resource_id

    def _share(self, action: Action, vpc_id: str) -> str:
        """Shares the hub's zones or its Profile, or doesn't any more, and says what is left to do."""
        if self._associations is None:
            raise TerminalError("this run associates no VPCs")
        if action.kind is ActionKind.SWAP_TO_LOCAL:
            return self._swap_to_local(action, vpc_id)
        if action.kind is ActionKind.SWAP_TO_CENTRAL:
            return self._swap_to_central(action, vpc_id)
        if action.kind is ActionKind.RESTORE_LOCAL:
            self._take_name(action, vpc_id)
            return ""
        left: list[str] = []
        for central_id in action.central_ids:
            if action.kind is ActionKind.ASSOCIATE_CENTRAL:
                left.append(self._associations.associate(central_id, vpc_id, action.central_account))
            elif action.kind is ActionKind.DISASSOCIATE_CENTRAL:
                self._associations.disassociate(central_id, vpc_id)
            else:
                self._associations.delete_authorization(central_id, vpc_id, action.central_account)
        return "; ".join(filter(None, left))

    def _swap_to_local(self, action: Action, vpc_id: str) -> str:
        """The endpoint takes the name. If that fails, zones that were let go come back."""
        waits = iter(_SWAP_WAITS)  # all that is undone shares them, since a run has time for one way there and back
        back = zip(action.moving_ids, self._each(ActionKind.ASSOCIATE_CENTRAL, action, vpc_id), strict=True)
        undo = [partial(self._give_back, one, action, waits, partial(self._shares, id_, vpc_id)) for id_, one in back]
        with _or_else(*undo):
            self._take_name(action, vpc_id)
        return ""

    def _swap_to_central(self, action: Action, vpc_id: str) -> str:
        """The hub takes the name from the endpoint, and what is left to do; if AWS refuses that, it gets it back."""
        waits = iter(_SWAP_WAITS)
        let_go = self._each(ActionKind.DISASSOCIATE_CENTRAL, action, vpc_id)
        take_name = partial(self._set_private_dns, action, is_on=True)
        undo = [partial(self._patiently, one, waits, is_undo=True) for one in let_go]
        with _or_else(*undo, partial(self._give_back, take_name, action, waits)):
            self._set_private_dns(action, is_on=False)
            left = [self._patiently(share) for share in self._each(ActionKind.ASSOCIATE_CENTRAL, action, vpc_id)]
        return "; ".join(filter(None, left))

    def _take_name(self, action: Action, vpc_id: str) -> None:
        """Zones let go of the name, and the endpoint takes it: between two calls nothing answers. Beside a Profile, one
        call is all.
        """
        for let_go in self._each(ActionKind.DISASSOCIATE_CENTRAL, action, vpc_id):
            let_go()
        self._patiently(partial(self._set_private_dns, action, is_on=True))

    def _set_private_dns(self, action: Action, *, is_on: bool) -> str:
        with unless_done(lambda: self._has_private_dns(action.endpoint_id) is is_on):
            return self._modify(action, PrivateDnsEnabled=is_on)
        return ""

    def _has_private_dns(self, endpoint_id: str) -> bool:
        with aws_errors(f"describe_vpc_endpoints {endpoint_id}"):
            found = self._ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
        return bool(found[0]["PrivateDnsEnabled"])

    def _shares(self, central_id: str, vpc_id: str) -> bool:
        return self._associations is not None and self._associations.has(central_id, vpc_id)

    def _each(self, kind: ActionKind, action: Action, vpc_id: str) -> list[Callable[[], str]]:
        """A call for each of the zones, so that one that fails stops no other."""
        alone = [replace(action, kind=kind, central_ids=(id_,), endpoint_id="") for id_ in action.moving_ids]
        return [partial(self._share, one, vpc_id) for one in alone]

    def _give_back(
        self,
        call: Callable[[], str],
        action: Action,
        waits: Iterable[int],
        is_kept: Callable[[], bool] = lambda: False,
    ) -> str:
        """The call, which gives the service's name back to what answered it. If that fails, it may have kept the name,
        or the endpoint may have it all the same: AWS's answer to what came before may be lost.
        """
        try:
            return self._patiently(call, waits, is_undo=True)
        except (TransientError, TerminalError) as error:
            with suppress(TransientError, TerminalError):
                if is_kept() or self._has_private_dns(action.endpoint_id):
                    return str(error)
            words = f"{error}; {UNANSWERED} the {action.service} service in the VPC now"
            raise UnansweredError(words, code=error.code) from error

    def _patiently(self, call: Callable[[], str], waits: Iterable[int] = _SWAP_WAITS, *, is_undo: bool = False) -> str:
        """The call, tried again while the name is still held: AWS lets go of it a while after it says so. With
        `is_undo`, whatever can pass is tried again: nobody waits for another run while nothing answers.
        """
        for wait in waits:
            try:
                return call()
            except (TransientError, TerminalError) as error:
                is_passing = is_undo and isinstance(error, TransientError)
                if not is_passing and not any(words in str(error) for words in _STILL_HELD):
                    raise
            self._sleep(wait)
        return call()

    def _take_away(self, action: Action) -> None:
        if action.kind is ActionKind.RETIRE_ENDPOINT:
            self._delete(action)
        else:
            self._delete_security_group(action.security_group_id)

    def _delete_security_group(self, security_group_id: str) -> None:
        """Deletes Lifeline's group; one that is gone is what was wanted.

        EC2 refuses while an interface has it, or it is associated with another VPC (EC2 API: DeleteSecurityGroup). An
        endpoint's interfaces go a minute or two after the endpoint: that passes.
        """
        try:
            with aws_errors(f"delete_security_group {security_group_id}"):
                self._ec2.delete_security_group(GroupId=security_group_id)
        except TerminalError as error:
            if error.code == "DependencyViolation":
                words = (
                    f"{security_group_id} is in use until its endpoint's interfaces are gone, or while it is "
                    "associated with another VPC: it is tried again"
                )
                raise TransientError(words, code=error.code) from error
            if error.code not in _GONE_GROUP_CODES:
                raise

    def _let_in(self, security_group_id: str, action: Action) -> None:
        """Adds the action's rules. EC2 refuses all of a call of which one rule is there: each port has its own."""
        for permission in _permissions(action):
            self._authorize(security_group_id, permission)

    def _shut_out(self, security_group_id: str, action: Action) -> None:
        """Revokes the action's rules; one that is gone, or whose group is, is what was wanted."""
        for permission in _permissions(action):
            try:
                with aws_errors(f"revoke_security_group_ingress {security_group_id}"):
                    self._ec2.revoke_security_group_ingress(GroupId=security_group_id, IpPermissions=[permission])
            except TerminalError as error:
                if error.code not in {"InvalidPermission.NotFound", *_GONE_GROUP_CODES}:
                    raise

    def _authorize(self, security_group_id: str, permission: dict[str, Any]) -> None:
        try:
            with aws_errors(f"authorize_security_group_ingress {security_group_id}"):
                self._ec2.authorize_security_group_ingress(GroupId=security_group_id, IpPermissions=[permission])
        except TerminalError as error:
            if error.code != "InvalidPermission.Duplicate":
                raise


def _permissions(action: Action) -> Iterator[dict[str, Any]]:
    """The rules that an action adds to a security group, or revokes: one permission for each port."""
    ipv4 = [cidr for cidr in action.cidrs if ip_network(cidr).version == 4]
    ipv6 = [cidr for cidr in action.cidrs if ip_network(cidr).version == 6]
    sources: dict[str, Any] = {}
    if ipv4:
        sources["IpRanges"] = [{"CidrIp": cidr, "Description": RULE_WORDS} for cidr in ipv4]
    if ipv6:
        sources["Ipv6Ranges"] = [{"CidrIpv6": cidr, "Description": RULE_WORDS} for cidr in ipv6]
    for low, high in action.ports:
        yield {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, **sources}


def _halves(action: Action) -> Iterator[Action]:
    """The action for a half of its subnets or route tables, then for the others; nothing where it has one. Which are in
    a half is left to chance: whoever fills some could otherwise see to it that only these are ever tried.
    """
    ids = action.subnet_ids or action.route_table_ids
    mixed, middle = sample(ids, len(ids)), (len(ids) + 1) // 2
    for half in (mixed[:middle], mixed[middle:]) if len(ids) > 1 else ():
        chosen = tuple(sorted(half))
        yield action.only_for(chosen, ()) if action.subnet_ids else action.only_for((), chosen)


@contextmanager
def _unless_full() -> Iterator[None]:
    """Passes over a refusal because there is no room."""
    try:
        yield
    except TerminalError as error:
        if error.code not in _NO_ROOM:
            raise


@contextmanager
def _tags_named(action: Action) -> Iterator[None]:
    """EC2 doesn't say which tag a refused creation lacks, so the refusal says which tags it had."""
    try:
        yield
    except TerminalError as error:
        if error.code not in TAGS_REFUSED:
            raise
        words = refused_words(action.tags, action.missing_tags)
        raise _TagsRefusedError(f"{error} ({words})", code=error.code) from error


@contextmanager
def _or_else(*undo: Callable[[], str]) -> Iterator[None]:
    """If something fails, each of these is done, whatever becomes of the others, and the error says what is left."""
    try:
        yield
    except (TransientError, TerminalError) as error:
        kind: type[TransientError | TerminalError] = type(error)
        left = []
        for call in undo:
            try:
                left.append(call())
            except (TransientError, TerminalError) as failure:
                left.append(str(failure))
                kind = UnansweredError if isinstance(failure, UnansweredError) else kind
        if not any(left):
            raise
        raise kind("; ".join(filter(None, (str(error), *left))), code=error.code) from error


def _change(action: Action, security_group_id: str) -> dict[str, object]:
    """What ModifyVpcEndpoint is to change."""
    match action.kind:
        case ActionKind.ATTACH_SECURITY_GROUP:
            return {"AddSecurityGroupIds": [security_group_id]}
        case ActionKind.RESET_POLICY:
            return {"PolicyDocument": action.policy or _FULL_ACCESS}
        case ActionKind.RESET_DNS_RECORDS:
            return {"DnsOptions": {"DnsRecordIpType": "dualstack"}}
        case ActionKind.ENABLE_PRIVATE_DNS | ActionKind.DISABLE_PRIVATE_DNS:
            return {"PrivateDnsEnabled": action.kind is ActionKind.ENABLE_PRIVATE_DNS}
    verb = "Remove" if action.kind in REMOVALS else "Add"
    if action.kind in {ActionKind.ADD_SUBNETS, ActionKind.REMOVE_SUBNETS}:
        return {f"{verb}SubnetIds": list(action.subnet_ids)}
    return {f"{verb}RouteTableIds": list(action.route_table_ids)}


def _is_unknown(security_group_id: str, error: TerminalError) -> bool:
    """The next call may not know a new group yet, nor IAM its tag (EC2 API: eventual consistency). IAM names the
    resource that it refuses. What a statement denies outright doesn't hang on that.
    """
    denial = read_denial(str(error), error.code)
    is_open = error.code in _GONE_GROUP_CODES if denial is None else not denial.is_explicit
    return is_open and security_group_id in str(error)


def _is_name_still_held(action: Action, error: TerminalError) -> bool:
    """An endpoint on its way out holds its private DNS name until it is deleted altogether: that passes."""
    return action.kind in NAMING and "conflicting DNS domain" in str(error)
