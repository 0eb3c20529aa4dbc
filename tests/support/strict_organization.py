"""The strict stand-in for several accounts: who assumes which role, what it may do there, and how often.

    organization = StrictOrganization(world, hub=Caller(policy=…, context={"aws:PrincipalArn": …}))
    with emulated_organization(monkeypatch, organization):
        a = organization.join("222222222222")
        organization.add_role("arn:aws:iam::222222222222:role/lifeline-reconcile", trust=…, policy=…)
        organization.deny("222222222222", "ec2:CreateVpcEndpoint")

STS lets a role be assumed as AWS does: the caller's policy and the role's trust policy both allow it (IAM guide:
cross-account policy evaluation logic). Calls that the session signs pass the account's `StrictAccount` in the client's
region, with the role's policies and the account's service control policies, and each account and region has its own
budgets (EC2 guide: request throttling). Calls that other keys sign talk to moto alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from threading import RLock
from typing import Any

from tests.support.organization import ORGANIZATION_ID, Make, Organization, Params, account_of, key_of
from tests.support.policies import Caller, Values, why_refused
from tests.support.strict import StrictAccount
from tests.support.strict_associations import Associations
from tests.support.strict_describe import search_transit_gateway_routes
from tests.support.strict_errors import RefusedError
from tests.support.strict_state import Clock
from tests.support.world import REGION, World

type Statement = Mapping[str, Any]

SCP = "service control policy"
EVERYTHING: Statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
CLOSED = {"SUSPENDED", "PENDING_CLOSURE", "CLOSED"}
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)  # STS API: AssumeRole
_LONGEST_CHAIN = 3600  # seconds: of a session that another role's session asked for (STS API: AssumeRole)


@dataclass(frozen=True)
class Role:
    """Who may assume a role, and what it may do. Without a policy, everything."""

    trust: tuple[Statement, ...]
    policy: tuple[Statement, ...] = (EVERYTHING,)


class StrictOrganization(Organization):
    """The organization's accounts, each as strict as AWS. `hub` is who signs with the environment's credentials."""

    def __init__(
        self, world: World, *, hub: Caller, now: Callable[[], Any] | None = None, throttling: bool = True
    ) -> None:
        super().__init__(world)
        self.hub = hub
        self.roles: dict[str, Role] = {}
        self.scps: dict[str, tuple[Statement, ...]] = {}
        self.now, self.throttling = now or Clock(), throttling
        self.dns = Associations()
        self._places: dict[tuple[str, str], StrictAccount] = {}
        self._sessions: dict[str, Caller] = {}
        self._ended: set[str] = set()
        self._lock = RLock()

    # ---- for tests: arranging

    def add_role(self, arn: str, *, trust: Iterable[Statement], policy: Iterable[Statement] = (EVERYTHING,)) -> None:
        """A role is there from now on, or says something else."""
        self.roles[arn] = Role(tuple(trust), tuple(policy))

    def remove_role(self, arn: str) -> None:
        """A role is gone, and with it every session of it: EC2 and the other services each say so in their own words
        (EC2 API: error codes, AuthFailure; common errors, InvalidClientTokenId).
        """
        del self.roles[arn]
        self._ended |= {key for key, one in self._sessions.items() if one.context["aws:PrincipalArn"] == arn}

    def deny(self, account_id: str, *actions: str) -> None:
        """A service control policy denies these actions in the account, whoever asks. None: nothing any longer."""
        denial = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
        self.scps[account_id] = (EVERYTHING, denial) if actions else ()

    def place(self, account_id: str, region: str = REGION) -> StrictAccount:
        """An account in a region, which has its own faults and budgets."""
        with self._lock:
            if (account_id, region) not in self._places:
                self._places[account_id, region] = StrictAccount(
                    account_id=account_id, region=region, now=self.now, throttling=self.throttling, dns=self.dns
                )
            return self._places[account_id, region]

    def caller_of(self, client: Any) -> Caller | None:
        """Whose session signs the client's calls; None for the hub's own."""
        return self._sessions.get(key_of(client))

    # ---- a call's way

    def call(self, client: Any, operation: str, params: Params, pass_on: Make) -> Any:
        """The answer to a call of any client, as AWS would give it."""
        model, key = client.meta.service_model, key_of(client)
        if key in self._ended:
            raise _ended(model.service_name).as_client_error(operation)
        caller = self._sessions.get(key)
        if (model.service_name, operation) == ("sts", "AssumeRole"):
            return self._assume(client, params, caller or self.hub, pass_on)
        answer = partial(super().call, client, pass_on=pass_on)
        if caller is None:
            return self._share(client, operation, params, answer)
        place = self._place_of(caller, client)
        return place.call(model, answer, operation, params, caller=self._limited(caller))

    def _share(self, client: Any, operation: str, params: Params, pass_on: Callable[[str, Params], Any]) -> Any:
        """The answer to somebody whom no policy limits. Of zones, Profiles and transit gateways, that is AWS's all the
        same.
        """
        place = self.place(account_of(client))
        try:
            if operation == "SearchTransitGatewayRoutes":
                return search_transit_gateway_routes(place, params)
            return self.dns.answer(place, client.meta.service_model.service_name, operation, params, pass_on)
        except RefusedError as error:
            raise error.as_client_error(operation) from None

    def _place_of(self, caller: Caller, client: Any) -> StrictAccount:
        region = client.meta.region_name
        return self.place(caller.account, REGION if region == "aws-global" else region)  # IAM and Route 53 have none

    def _assume(self, client: Any, params: Params, caller: Caller, pass_on: Make) -> Params:
        arn, name = params["RoleArn"], params["RoleSessionName"]

        def assume(operation: str, params: Params) -> Params:
            _check_session(params, is_chained=bool(re.search(":role/|:assumed-role/", caller.name)))
            self._authorize(caller, arn, params)
            return dict(pass_on(client, operation, params))

        answer = self._place_of(caller, client).call(client.meta.service_model, assume, "AssumeRole", params)
        account_id = arn.split(":")[4]
        self._sessions[answer["Credentials"]["AccessKeyId"]] = Caller(
            account=account_id,
            policy=self.roles[arn].policy,
            context={"aws:PrincipalArn": arn},
            arn=f"arn:aws:sts::{account_id}:assumed-role/{arn.rpartition('/')[2]}/{name}",
        )
        return answer

    def _authorize(self, caller: Caller, arn: str, params: Params) -> None:
        """Raises RefusedError, in the same words where there is no such role, or its account was closed."""
        account_id = arn.split(":")[4]
        role = self.roles.get(arn, Role(trust=()))
        is_closed = account_id in self.members and self.members[account_id].state in CLOSED
        keys = {"sts:RoleSessionName": params["RoleSessionName"], **self._of_account(account_id, "Resource")}
        keys |= {"sts:ExternalId": params["ExternalId"]} if "ExternalId" in params else {}
        trust = () if is_closed else [one | {"Resource": "*"} for one in map(dict, role.trust)]
        limited = self._limited(caller)
        why = why_refused(limited, "sts:AssumeRole", arn, resource_policy=trust, context=keys, owner=account_id)
        if why:
            because = f" {why}" if "explicit deny" in why else ""
            words = f"User: {caller.name} is not authorized to perform: sts:AssumeRole on resource: {arn}{because}"
            raise RefusedError("AccessDenied", words)

    def _limited(self, caller: Caller) -> Caller:
        """The caller with what its account's organization allows at most, and the keys that AWS sets for it."""
        scps = self.scps.get(caller.account)
        keys = {**caller.context, **self._of_account(caller.account, "Principal")}
        return replace(caller, context=keys, limits={**caller.limits, SCP: scps} if scps else caller.limits)

    def _of_account(self, account_id: str, kind: str) -> dict[str, Values]:
        """IAM guide: global condition keys. An account outside of an organization has no OrgID."""
        keys: dict[str, Values] = {f"aws:{kind}Account": account_id}
        return keys | ({f"aws:{kind}OrgID": ORGANIZATION_ID} if account_id in self.members else {})


def _ended(service: str) -> RefusedError:
    if service == "ec2":
        return RefusedError("AuthFailure", "AWS was not able to validate the provided access credentials")
    return RefusedError("InvalidClientTokenId", "The security token included in the request is invalid.")


def _check_session(params: Params, *, is_chained: bool) -> None:
    name = params["RoleSessionName"]
    if not _SESSION_NAME.fullmatch(name):
        words = f"Value '{name}' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]*"
        raise RefusedError("ValidationError", f"1 validation error detected: {words}")
    if is_chained and params.get("DurationSeconds", 0) > _LONGEST_CHAIN:
        limit = "exceeds the 1 hour session limit for roles assumed by role chaining"
        raise RefusedError("ValidationError", f"The requested DurationSeconds {limit}")
