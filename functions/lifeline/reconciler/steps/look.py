"""What a hub keeps of each sweep of an account, for the page of the organization."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal

from lifeline.core.errors import LifelineError
from lifeline.core.guards.limits import own_interfaces
from lifeline.core.incidents.incident import Incident
from lifeline.core.network.model import Vpc
from lifeline.core.organization.look import AccountLook
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.plan.cost import Price, cost_of, monthly_cost_usd, price_in
from lifeline.reconciler.steps.job import Job
from lifeline.runtime.observability import logger

_MAKES = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_WORST_FIRST = [*reversed(ServiceState)]


def look(
    job: Job, vpcs: Collection[Vpc], answers: Collection[VpcAnswer], watches: Iterable[str], at: datetime
) -> AccountLook | None:
    """What the sweep saw; None in a stack that serves its own account alone, whose page reads everything itself."""
    if not job.settings.accounts:
        return None
    return summed(vpcs, answers, _open_incidents(job, watches), price_in(job.settings.region), at)


def _open_incidents(job: Job, watches: Iterable[str]) -> tuple[Incident, ...] | None:
    """None where it isn't known whether agents are silent: the detector's runs fail, or the ledger can't be read."""
    store, failed = job.tools.incidents, job.tools.failed_runs
    if store is None:
        return None
    try:
        if failed and failed.read().last(job.run.now()):
            return None
        return tuple(incident for name in watches for incident in store.read_open(name))
    except LifelineError as error:
        logger.warning("open incidents not read", error=str(error))
        return None


def summed(
    vpcs: Iterable[Vpc],
    answers: Iterable[VpcAnswer],
    incidents: Collection[Incident] | None,
    price: Price,
    at: datetime,
) -> AccountLook:
    """The figures. What this sweep made counts, although nobody has observed it yet."""
    vpcs, answers = [*vpcs], [answer for answer in answers if answer.refusal is None]
    standings = Counter(map(_standing, answers))
    made = [action for answer in answers for action in answer.actions if action.is_done]
    own = [endpoint for vpc in vpcs for endpoint in vpc.endpoints if endpoint.on_record and not endpoint.state.is_gone]
    interfaces = sum(len(own_interfaces(vpc)) for vpc in vpcs)
    return AccountLook(
        at=at,
        served=standings[ServiceState.SERVED],
        pending=standings[ServiceState.PENDING],
        unknown=standings[ServiceState.UNKNOWN],
        missing=standings[ServiceState.MISSING],
        blocked=standings[ServiceState.BLOCKED],
        endpoints=len(own) + sum(action.kind in _MAKES for action in made),
        cost_usd=_cost(interfaces, made, price),
        incidents=None if incidents is None else len(incidents),
        silent=None if incidents is None else sum(incident.notified_agents for incident in incidents),
    )


def _cost(interfaces: int, made: Collection[Action], price: Price) -> Decimal:
    return monthly_cost_usd(interfaces, price) + cost_of(made, price)


def _standing(answer: VpcAnswer) -> ServiceState:
    """How the VPC's worst service stands; served where none is required."""
    found = {_became(report, answer.actions) for report in answer.services}
    worst = next((state for state in _WORST_FIRST if state in found), ServiceState.SERVED)
    return ServiceState.SERVED if worst is ServiceState.CENTRAL else worst


def _became(report: ServiceReport, actions: Iterable[Action]) -> ServiceState:
    """How the service stands after the sweep: what is missing may be on its way by now, or be blocked."""
    if report.state is not ServiceState.MISSING:
        return report.state
    of_it = {one.status for one in actions if one.service == report.service and one.kind not in REMOVALS}
    if Status.BLOCKED in of_it:
        return ServiceState.BLOCKED
    return ServiceState.PENDING if of_it == {Status.DONE} else ServiceState.MISSING
