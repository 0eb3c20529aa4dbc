"""Whether an instance's role may publish metrics, as IAM's policy simulator says."""

from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.adapters.aws.denials import Denials
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.network.iam_policy import Permission, RoleVerdict

_PUBLISH = "cloudwatch:PutMetricData"
_NAMESPACE_KEY = "cloudwatch:namespace"
_GONE = "NoSuchEntity"


class Roles:
    """The account's roles, behind its instance profiles. Make one for each run: it remembers every answer."""

    def __init__(self, iam: Any = None, denials: Denials | None = None) -> None:
        self._iam = iam or LateClient("iam")
        self._denials = denials or Denials()
        self._known: dict[tuple[str, str], RoleVerdict] = {}

    def may_publish(self, profile_arn: str, namespace: str) -> RoleVerdict:
        """Whether the profile's role may put metrics into the namespace: UNSURE where IAM can't say, with the reason.

        The simulator knows the role's policies and its permissions boundary, and the organization's policies in part
        (IAM API: SimulatePrincipalPolicy); a session's policies and an endpoint's it doesn't.
        """
        key = (profile_arn, namespace)
        if key not in self._known:
            self._known[key] = self._judge(profile_arn, namespace)
        return self._known[key]

    def _judge(self, profile_arn: str, namespace: str) -> RoleVerdict:
        profile = profile_arn.rpartition("/")[2]
        try:
            role = self._role_of(profile)
        except (TransientError, TerminalError) as error:
            self._denials.note(error)
            return _unreadable(error, "", f"instance profile {profile}")
        if not role:
            return RoleVerdict(Permission.DENIED, "", f"the instance profile {profile} has no role")
        try:
            return _verdict(self._simulate(role, namespace), role, namespace)
        except (TransientError, TerminalError) as error:
            self._denials.note(error)
            return _unreadable(error, role, f"role {_name(role)}")

    def _role_of(self, profile: str) -> str:
        """The ARN of the profile's role, empty where it has none; it has one at most (IAM guide: instance profiles)."""
        with aws_errors(f"get_instance_profile {profile}"):
            answer = self._iam.get_instance_profile(InstanceProfileName=profile)
        return next((str(role["Arn"]) for role in answer["InstanceProfile"]["Roles"]), "")

    def _simulate(self, role: str, namespace: str) -> dict[str, Any]:
        with aws_errors(f"simulate_principal_policy {_name(role)}"):
            answer = self._iam.simulate_principal_policy(
                PolicySourceArn=role,
                ActionNames=[_PUBLISH],
                ContextEntries=[
                    {"ContextKeyName": _NAMESPACE_KEY, "ContextKeyValues": [namespace], "ContextKeyType": "string"}
                ],
            )
        results = answer.get("EvaluationResults", [])
        return dict(results[0]) if results else {}


def _verdict(result: dict[str, Any], role: str, namespace: str) -> RoleVerdict:
    decide = partial(RoleVerdict, role=role)
    decision, missing = result.get("EvalDecision"), result.get("MissingContextValues", [])
    what = f"{_PUBLISH} in namespace {namespace}"
    if decision == "allowed":
        return decide(Permission.ALLOWED, words=f"the role {_name(role)} allows {what}")
    if missing or decision is None:
        keys = f": its policies ask for {', '.join(sorted(missing))}" if missing else ""
        words = f"the policy simulator can't tell whether {_name(role)} allows {what}{keys}"
        return decide(Permission.UNSURE, words=words)
    verb = "forbids" if decision == "explicitDeny" else "doesn't allow"
    return decide(Permission.DENIED, words=f"{_who_denies(result, role)} {verb} {what}")


def _who_denies(result: dict[str, Any], role: str) -> str:
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        return f"the organization of role {_name(role)}"
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return f"the permissions boundary of role {_name(role)}"
    return f"the role {_name(role)}"


def _unreadable(error: TransientError | TerminalError, role: str, what: str) -> RoleVerdict:
    if error.code == _GONE:
        return RoleVerdict(Permission.DENIED, role, f"the {what} doesn't exist any more")
    return RoleVerdict(Permission.UNSURE, role, f"the {what} could not be checked: {error.code}")


def _name(role_arn: str) -> str:
    return role_arn.rpartition("/")[2]
