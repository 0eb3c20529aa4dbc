"""CoveragePage: a CloudWatch dashboard's custom widget as HTML. It only reads; its buttons call ReconcileEndpoints.

What only a hub's page or a plan in words needs is imported by these.
"""

# ruff: noqa: PLC0415 - late, as said above

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.memory import memory_of
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.history import History
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.policy import PolicyStore
from lifeline.adapters.store.roster import Roster
from lifeline.adapters.store.suggestions import Suggestions
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import InvalidInputError, LifelineError
from lifeline.dashboard.collect import PageTools, cover, plan_of
from lifeline.dashboard.html.page import ButtonTargets, render_page, render_text
from lifeline.dashboard.request import DOCUMENTATION, WidgetRequest, read_widget
from lifeline.dashboard.sources import Sources
from lifeline.runtime import cold_start
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import PageSettings

if TYPE_CHECKING:
    from lifeline.dashboard.organization import OrganizationTools

_FOR_DNS = timedelta(seconds=30)  # half of the function's time


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> str:
    """Return the page, a VPC's plan or an error as HTML, or for `{"describe": true}` the documentation as Markdown.

    It never raises, so that the dashboard shows a message in words; the details are in the log.
    """
    try:
        request = read_widget(event)
        return DOCUMENTATION if request.is_describe else _show(request, context.invoked_function_arn)
    except InvalidInputError as error:
        logger.warning("refused", field=error.field, reason=error.message)
        return render_text("Invalid request", f"{error.field}: {error.message}")
    except LifelineError as error:
        logger.error("page not rendered", error=str(error))
        return render_text("The coverage page is unavailable", f"{error}\n\nRefresh the widget to try again.")
    except Exception:  # noqa: BLE001 - whatever went wrong, the viewer gets words and the log gets the trace
        logger.exception("page not rendered")
        return render_text("The coverage page is unavailable", "Unexpected error. See the CoveragePage log.")


def _show(request: WidgetRequest, own_arn: str) -> str:
    settings, now = PageSettings.from_environment(), _now()
    calls = ButtonTargets(page=own_arn, reconcile=settings.reconcile_arn, log_group=settings.reconcile_log_group)
    if settings.accounts and not (request.account or request.plan or request.vpc_ids):
        from lifeline.dashboard.html.organization import render_organization
        from lifeline.dashboard.organization import survey

        organization = survey(_organization_tools(settings), settings, now)
        logger.info("page rendered", accounts=len(organization.accounts), notes=organization.notes)
        return render_organization(organization, calls, request.view)
    name = ""
    if request.account:
        from lifeline.dashboard.organization import account_in

        name = account_in(request.account, settings, MemberStore(settings.table_name).read).name
        settings = settings.of(request.account)
    if settings.accounts:
        calls = replace(calls, account=settings.account_id)
    try:
        return _live(request, name, settings, calls, now)
    except InvalidInputError:
        raise
    except LifelineError as error:
        if not settings.member:
            raise
        logger.error("account not shown", account=settings.member, error=str(error))
        memory_of(settings).leave()  # the role may be gone: the next view assumes it anew
        if request.plan:
            return render_text(f"Plan for {request.plan}", f"Account {settings.member} can't be opened: {error}")
        from lifeline.dashboard.html.organization import render_closed

        return render_closed(settings.member, name, str(error), calls, request.view)


def _live(request: WidgetRequest, name: str, settings: PageSettings, calls: ButtonTargets, now: datetime) -> str:
    """The account as it is now. Raises TransientError or TerminalError where it can't be looked at."""
    memory_of(settings).enter()
    tools = _tools(settings)
    if request.plan:
        from lifeline.core.notices.plan_text import plan_text
        from lifeline.core.plan.cost import price_in

        answer = plan_of(request.plan, tools=tools, settings=settings, now=now)
        return render_text(f"Plan for {request.plan}", plan_text([answer], price_in(settings.region), is_plan=True))
    coverage = cover(request.vpc_ids, tools=tools, settings=settings, now=now)
    coverage = replace(coverage, account_name=name, is_member=bool(settings.member))
    logger.info("page rendered", vpcs=len(coverage.vpcs), notes=coverage.notes)
    return render_page(coverage, calls, request.view)


def _organization_tools(settings: PageSettings) -> "OrganizationTools":
    from lifeline.dashboard.organization import OrganizationTools

    return OrganizationTools(
        members=MemberStore(settings.table_name),
        vpcs=VpcStore(settings.table_name),
        event_path=EventPathStore(settings.table_name),
        kill_switch=KillSwitch(settings.kill_switch_parameter, settings.table_name),
    )


def _tools(settings: PageSettings) -> PageTools:
    memory = memory_of(settings)
    memory.central.begin_run(give_up_after=_FOR_DNS)
    table = settings.ledger
    return PageTools(
        network=memory.network,
        lookup=Lookup(memory.client("ec2")),
        central=memory.central,
        hubs=HubReader(settings, give_up_after=_FOR_DNS),
        sources=Sources(
            ownership=Ownership(table),
            vpcs=VpcStore(table),
            history=History(table),
            incidents=Incidents(table, settings.home),
            exemptions=Exemptions(table),
            policies=PolicyStore(settings.table_name),
            endpoint_policies=EndpointPolicyStore(settings.endpoint_policies_prefix),
            kill_switch=KillSwitch(
                settings.kill_switch_parameter, settings.table_name, account=settings.switch_account
            ),
            limit_usage=LimitUsage(table),
            usage_of_all=UsageOfAll(settings.table_name) if settings.accounts else None,
            places=HubPlaceStore(settings.table_name),
            approvals=Approvals(table),
            paths=PathStore(table),
            times=LatestTimes(table),
            suggestions=Suggestions(table),
            roster=partial(Roster, table),
            event_path=EventPathStore(table),
        ),
    )


def _now() -> datetime:
    return datetime.now(UTC)


cold_start.end()
