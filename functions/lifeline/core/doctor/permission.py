"""May the role create an endpoint today? A dry run tells for certain; IAM's policy simulator only gives a hint."""

from collections.abc import Mapping, Sequence
from typing import Any

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.doctor.networks import Site
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import DryRun, DryRunVerdict
from lifeline.core.event_path.proof import why_unknown
from lifeline.core.network.model import MANAGED_BY, Catalog, EndpointType, Service, Vpc
from lifeline.core.plan.actions import Action, ActionKind

CHECK, HINT_CHECK = "may create endpoints", "may create endpoints, by simulation"
_ACTION = "ec2:CreateVpcEndpoint"
_LIMITS = "a service control policy, the permissions boundary, or the role's own"
_REASON = "a dry run, which creates nothing"


def probe_of(sites: Sequence[Site], catalog: Catalog, owner: str) -> tuple[Vpc, Action] | None:
    """The creation to try as a dry run: of a required service, in a VPC with a security group of Lifeline's own if
    there is one. None where nothing is required.
    """
    choices = [(site, service) for site in sites for name in sorted(site.services) for service in catalog.find(name)]
    if not choices:
        return None
    site, service = min(choices, key=lambda choice: not _own_group(choice[0].vpc, owner))
    return site.vpc, _creation(site, service, _own_group(site.vpc, owner))


def _creation(site: Site, service: Service, group_id: str) -> Action:
    name = service.name.rpartition(".")[2]
    if service.type is EndpointType.GATEWAY:
        tables = tuple(sorted(table.id for table in site.vpc.route_tables))[:1]
        kind = ActionKind.CREATE_GATEWAY_ENDPOINT
        return Action(kind, _REASON, name, service.name, route_table_ids=tables, private_dns=False)
    fitting = [
        subnet.id for subnet in site.vpc.subnets if subnet.id in site.private_ids and service.is_in_zone_of(subnet)
    ]
    return Action(
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        _REASON,
        name,
        service.name,
        subnet_ids=tuple(sorted(fitting))[:1],
        security_group_id=group_id,
        private_dns=False,
    )


def _own_group(vpc: Vpc, owner: str) -> str:
    return next((group.id for group in vpc.security_groups if group.tag(MANAGED_BY) == owner), "")


def check_dry_run(
    probe: tuple[Vpc, Action] | None, answer: DryRun | NotRead | None, denial: DryRunDenial | None = None
) -> Finding:
    """What EC2 said of the dry run, and who denied it, as far as AWS tells."""
    if probe is None or answer is None:
        return unknown(CHECK, "No dry run was made.", "No private subnet requires a service that AWS offers here.")
    vpc, action = probe
    what = f"a dry run of CreateVpcEndpoint for {action.service_name} in {vpc.id}"
    if isinstance(answer, NotRead):
        return unknown(CHECK, f"Whether the role may create endpoints isn't known: {what} failed.", answer.why)
    if answer.verdict is DryRunVerdict.ALLOWED:
        return ok(CHECK, f"EC2 would let the role create endpoints, as {what} says.")
    if answer.verdict is DryRunVerdict.UNKNOWN:
        return unknown(CHECK, f"{what[0].upper()}{what[1:]} didn't get as far.", f"{answer.code}: {answer.message}")
    lacks_group = action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and not action.security_group_id
    if why := why_unknown(answer, denial or DryRunDenial(DeniedBy.NOT_SAID), lacks_group=lacks_group):
        return unknown(CHECK, f"EC2 denied {what}.", f"{why}. EC2 said: {answer.message}")
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
