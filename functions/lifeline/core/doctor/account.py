"""What the account itself brings: its organization, whose agents publish there, and what a stack was told."""

from collections.abc import Collection, Mapping
from decimal import Decimal

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.wording import listed

ORGANIZATION_CHECK, AGENTS_CHECK = "organization", "agents"
POLICY_CHECK, SWITCH_CHECK = "policy", "kill switch"


def check_organization(organization: tuple[str, str] | NotRead | None, account: str, *, is_hub: bool) -> Finding:
    """Whose policies count here besides the account's own, by the organization's ID and the account that manages it;
    None is an account that is in no organization.
    """
    if isinstance(organization, NotRead):
        says = "Whether the account is in an organization couldn't be read."
        return unknown(ORGANIZATION_CHECK, says, organization.why)
    if organization is None:
        says = "The account is in no organization."
        remedy = "A hub serves accounts of its organization: join one, or deploy without Accounts."
        return bad(ORGANIZATION_CHECK, says, remedy) if is_hub else ok(ORGANIZATION_CHECK, says)
    organization_id, manager = organization
    if manager == account:
        says = f"The account manages {organization_id}, so service control policies don't limit it."
        return ok(ORGANIZATION_CHECK, says)
    says = f"The account is in {organization_id}, whose service control policies may limit Lifeline's role."
    return ok(ORGANIZATION_CHECK, f"{says} Account {manager} manages them.")


def check_agents(
    agents: Mapping[str, int] | NotRead, cost_an_agent: Decimal | None = None, cut: Collection[str] = ()
) -> Finding:
    """Who has published lately, by watch, and is or would be watched. There was no time to list all of `cut`."""
    if isinstance(agents, NotRead):
        return unknown(AGENTS_CHECK, "Which agents publish metrics couldn't be read.", agents.why)
    total = sum(agents.values())
    if not total and cut:
        return unknown(AGENTS_CHECK, "Which agents publish metrics isn't known.", "there was no time to list them all")
    if not total:
        return ok(AGENTS_CHECK, f"Nobody has published to {listed(sorted(agents))} in 3 hours: nobody to watch.")
    said = listed([f"{'at least ' * (name in cut)}{count:,} to {name}" for name, count in sorted(agents.items())])
    published = f"{'At least ' * bool(cut)}{total:,} agent{'' if total == 1 else 's'} published in the last 3 hours"
    about = "at least" if cut else "about"
    cost = f", which costs {about} {total * cost_an_agent:,.2f} USD a month to watch" if cost_an_agent else ""
    return ok(AGENTS_CHECK, f"{published}{cost}: {said}.")


def check_policy(problem: str, *, has_policy: bool, unserved: str | NotRead = "") -> Finding:
    """Whether the policy in force is the one that the parameter has; `problem` is what is wrong with that, and
    `unserved` which accounts it leaves out of the dry runs that aren't served anyway, in words.
    """
    if not problem and isinstance(unserved, NotRead):
        says = "Whether the accounts that the policy leaves out of the dry runs are served couldn't be read."
        return unknown(POLICY_CHECK, says, unserved.why)
    if not problem and unserved:
        says = f"The policy leaves accounts out of the dry runs, and {unserved}."
        return bad(POLICY_CHECK, says, "Correct prove_event_path.except (docs/policy).")
    if not problem:
        return ok(POLICY_CHECK, "The policy in force is what the stack and its policy document say.")
    then = "the last valid one is in force" if has_policy else "nothing is changed"
    return bad(POLICY_CHECK, f"The policy can't be used, so {then}: {problem}.", "Correct it (docs/policy).")


def check_switch(why_on: str, command: str) -> Finding:
    """Whether the kill switch lets changes through."""
    if not why_on:
        return ok(SWITCH_CHECK, "The kill switch is off, so Lifeline may make changes.")
    return bad(SWITCH_CHECK, f"Lifeline changes nothing: {why_on}.", f"Turn it off when that is over: {command}")
