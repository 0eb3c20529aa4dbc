"""ReconcileEndpoints: changes from the queue, the scheduled sweep, or a call by hand."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.approvals import Approvals
from lifeline.adapters.central_dns import CentralDns
from lifeline.adapters.endpoints import Endpoints
from lifeline.adapters.exemptions import Exemptions
from lifeline.adapters.grants import Grants
from lifeline.adapters.history import History
from lifeline.adapters.kill_switch import KillSwitch
from lifeline.adapters.ledger import Ledger
from lifeline.adapters.lookup import Lookup
from lifeline.adapters.network import Network
from lifeline.adapters.notices import Topic
from lifeline.adapters.policy_store import PolicyStore
from lifeline.adapters.queue import Queue
from lifeline.apply import Run
from lifeline.batch import reconcile_batch
from lifeline.core.actions import Status
from lifeline.core.exempting import ExemptAsk, exempt_json, read_exempt
from lifeline.core.history import Page
from lifeline.core.history_ask import read_history
from lifeline.core.history_text import page_json
from lifeline.core.report import VpcAnswer, as_json
from lifeline.errors import InvalidInputError
from lifeline.events import read_ask
from lifeline.limiting import Guards, take_approval
from lifeline.observability import logger, metrics
from lifeline.reconcile import Tools, reconcile
from lifeline.settings import Settings


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answers one invocation; for an SQS batch with `batchItemFailures`, else with each VPC's outcome."""
    metrics.add_metric("Runs", MetricUnit.Count, 1)
    settings = Settings.from_environment()
    run = Run(
        id=context.aws_request_id,
        now=lambda: datetime.now(UTC),
        remaining=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()),
        sleep=lambda wait: time.sleep(wait.total_seconds()),
    )
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list):
        answers, kept = reconcile_batch(records, tools=_tools(settings), settings=settings, run=run)
        _count(answers)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
    return _answer(event, settings, run)


def _answer(event: object, settings: Settings, run: Run) -> dict[str, Any]:
    if isinstance(event, dict) and "history" in event:
        return _history(event, settings, run)
    if isinstance(event, dict) and "exempt" in event:
        return _exempt(event, settings, run)
    try:
        ask = read_ask(event, own_role_arn=settings.role_arn)
        tools = _tools(settings)
        ask = take_approval(ask, tools.guards, settings, run)
    except InvalidInputError as error:
        _count(())
        return {"mode": str(settings.mode), "vpcs": [], "errors": [_refusal(error)]}
    mode = settings.mode.weakened_by(ask.mode)
    answers = reconcile([ask], mode=mode, tools=tools, settings=settings, run=run)
    _count(answers)
    told: dict[str, Any] = {"mode": str(mode), "vpcs": [as_json(answer) for answer in answers]}
    return told | ({"errors": [_refusal(error) for error in ask.refusals]} if ask.refusals else {})


def _history(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """What is on record, whatever the mode: it only reads."""
    _count(())
    try:
        now = run.now()
        return {"history": page_json(History(settings.table_name).read(read_history(event, now), now=now))}
    except InvalidInputError as error:
        return {"history": page_json(Page()), "errors": [_refusal(error)]}


def _exempt(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """What is exempt by hand from now on, whatever the mode: it changes no network, only what is asked of it."""
    _count(())
    try:
        ask, now = read_exempt(event), run.now()
        _check_there(ask)
        Exemptions(settings.table_name, keep=settings.ledger_keep).exempt(ask, now=now)
    except InvalidInputError as error:
        return {"exempt": [], "errors": [_refusal(error)]}
    logger.info("exempt by hand", vpc_ids=ask.vpc_ids, services=ask.services, days=ask.days, reason=ask.reason)
    return {"exempt": [exempt_json(ask, vpc_id, now.date()) for vpc_id in ask.vpc_ids]}


def _check_there(ask: ExemptAsk) -> None:
    """Nothing, once each VPC is there; one that is gone may still have its exemption ended."""
    there = {vpc.id for vpc in _kept()[0].observe(ask.vpc_ids)} if ask.days else set(ask.vpc_ids)
    for vpc_id in ask.vpc_ids:
        if vpc_id not in there:
            raise InvalidInputError(ask.field_of(vpc_id), f"{vpc_id} does not exist in this account and region")


def _refusal(error: InvalidInputError) -> dict[str, str]:
    logger.warning("refused", field=error.field, reason=error.message)
    return {"field": error.field, "message": error.message}


@cache
def _kept() -> tuple[Network, CentralDns]:
    """What remembers from one invocation to the next: the region's services, and who answers names in a VPC."""
    return Network(), CentralDns()


def _tools(settings: Settings) -> Tools:
    network, central = _kept()
    return Tools(
        network=network,
        lookup=Lookup(),
        central=central,
        policies=PolicyStore(settings.table_name),
        endpoints=Endpoints(settings.stack_name),
        ledger=Ledger(settings.table_name, keep=settings.ledger_keep),
        queue=Queue(settings.queue_url, settings.dead_letter_queue_url),
        notices=Topic(settings.topic_arn),
        exemptions=Exemptions(settings.table_name, keep=settings.ledger_keep),
        guards=Guards(
            kill_switch=KillSwitch(settings.kill_switch_parameter, settings.table_name),
            grants=Grants(settings.table_name),
            approvals=Approvals(settings.table_name),
        ),
    )


def _count(answers: Iterable[VpcAnswer]) -> None:
    told = list(answers)
    metrics.add_metric("VpcsLookedAt", MetricUnit.Count, len(told))
    for status in Status:
        count = sum(action.status is status for answer in told for action in answer.actions)
        metrics.add_metric(f"Actions{status.capitalize()}", MetricUnit.Count, count)
