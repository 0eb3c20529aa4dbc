"""May the role create an endpoint today? A dry run tells for certain; IAM's policy simulator only gives a hint."""

from collections.abc import Mapping
from typing import Any

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.event_path.candidate import Candidate
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import OF_ENDPOINT, OF_GROUP, DryRun, DryRunVerdict
from lifeline.core.event_path.proof import why_unknown

CHECK, HINT_CHECK = "may create endpoints", "may create endpoints, by simulation"
_ACTION = "ec2:CreateVpcEndpoint"
_LIMITS = "a service control policy, the permissions boundary, or the role's own"


def check_dry_run(
    probe: Candidate | None, answer: DryRun | NotRead | None, denial: DryRunDenial | None = None
) -> Finding:
    """What EC2 said of the dry run, and who denied it, as far as AWS tells."""
    if probe is None or answer is None:
        nothing = "Nothing that is required could be created here."
        return unknown(CHECK, "No dry run was made.", answer.why if isinstance(answer, NotRead) else nothing)
    call = OF_GROUP if probe.lacks_group else f"{OF_ENDPOINT} for {probe.action.service_name}"
    what = f"a dry run of {call} in {probe.vpc_id}"
    if isinstance(answer, NotRead):
        return unknown(CHECK, f"Whether the role may create endpoints isn't known: {what} failed.", answer.why)
    if answer.verdict is DryRunVerdict.ALLOWED and (why := why_unknown(answer)):
        return unknown(CHECK, f"EC2 would let the role begin, as {what} says.", f"{why}.")
    if answer.verdict is DryRunVerdict.ALLOWED:
        return ok(CHECK, f"EC2 would let the role create endpoints, as {what} says.")
    if answer.verdict is DryRunVerdict.UNKNOWN:
        return unknown(CHECK, f"{what[0].upper()}{what[1:]} didn't get as far.", f"{answer.code}: {answer.message}")
    by = denial.by if denial else DeniedBy.NOT_SAID
    whose = f"{by.value}, which may be {_LIMITS}" if by in {DeniedBy.NOT_SAID, DeniedBy.A_STATEMENT} else by.value
    statement = f" Its statement is {denial.statement}." if denial and denial.statement else ""
    says = f"EC2 denied {what}, by {whose}.{statement} It said: {answer.message}"
    return bad(CHECK, says, "Let the role create endpoints there: docs/permissions lists what it needs.")


def check_simulation(result: Mapping[str, Any] | NotRead, role: str) -> Finding:
    """What IAM's policy simulator says of the role.

    It judges the role's policies, its permissions boundary and the organization's policies, but these without their
    conditions' keys (IAM API: SimulatePrincipalPolicy; EvaluationResult). So what it allows may still be denied.
    """
    if isinstance(result, NotRead):
        return unknown(HINT_CHECK, f"Whether {role} may create endpoints couldn't be simulated.", result.why)
    if "EvalDecision" not in result:
        says = f"Whether {role} may create endpoints couldn't be simulated."
        return unknown(HINT_CHECK, says, "IAM's simulator gave no result.")
    if result["EvalDecision"] == "allowed":
        return ok(HINT_CHECK, f"IAM's simulator lets {role} create endpoints. Only the stack's own dry run is certain.")
    if missing := result.get("MissingContextValues"):
        says = f"IAM's simulator can't tell whether {role} may create endpoints."
        return unknown(HINT_CHECK, says, f"Policies ask for {', '.join(sorted(missing))}.")
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        says = f"IAM's simulator says that a service control policy denies {role} {_ACTION}."
        return unknown(HINT_CHECK, says, "It doesn't know its conditions: only the stack's own dry run is certain.")
    whose, remedy = _denier(result)
    return bad(HINT_CHECK, f"{whose} denies {role} {_ACTION}.", remedy)


def _denier(result: Mapping[str, Any]) -> tuple[str, str]:
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        return "The permissions boundary", f"Add {_ACTION} to it, as examples/boundary has it."
    return "The role's own policy", "Deploy the stack again: its template grants it."
