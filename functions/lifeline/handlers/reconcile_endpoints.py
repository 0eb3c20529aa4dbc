"""ReconcileEndpoints: changes from the queue, the scheduled sweep, or a manual call.

What only one kind of call needs is imported by that call.
"""

# ruff: noqa: PLC0415 - late, as said above

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.associations import Associations
from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.clients import ClientOf
from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.memory import memory_of
from lifeline.adapters.aws.network import Network
from lifeline.adapters.aws.organizations import Organizations, account_name
from lifeline.adapters.aws.own_metrics import OwnMetrics
from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.causes import CauseStore
from lifeline.adapters.store.denial_notices import DenialNotices
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.failed_runs import FailedRunStore
from lifeline.adapters.store.hub_places import HubPlaceStore
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.policy import PolicyStore, ReadOnlyPolicy
from lifeline.adapters.store.requiring_tags import TagStore
from lifeline.adapters.store.routed import RoutedStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import InvalidInputError, LifelineError
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import IN_PLACE_OF
from lifeline.core.network.ownership import Owned
from lifeline.core.notices.plan_text import plan_text, queued_text
from lifeline.core.plan.actions import Action, Status
from lifeline.core.plan.answer import Refusal, VpcAnswer, priced_json
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.exemptions import ExemptRequest, exempt_json
from lifeline.core.policy.service_names import known_names
from lifeline.core.requests.account import without_account
from lifeline.core.requests.button import WIDGET, read_button
from lifeline.core.requests.calls import read_request, wants_text
from lifeline.core.requests.fields import read_by
from lifeline.core.requests.request import Request
from lifeline.core.requests.scheduled import check_scheduled, is_by_schedule
from lifeline.core.requests.spelling import check_exempted, check_unfreezes, unchecked_freezes
from lifeline.reconciler.gatekeeper import take_approval, take_backlog
from lifeline.reconciler.loop import reconcile
from lifeline.reconciler.members import Hub
from lifeline.reconciler.steps.job import Guards, Tools
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime import cold_start
from lifeline.runtime.invocation import BEGUN_WITHIN, Run
from lifeline.runtime.observability import log_refusal, logger
from lifeline.runtime.settings import Settings

_SCHEDULED = {"sweep": True}  # the input of the schedule in template.yaml


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answers one invocation; for an SQS batch with `batchItemFailures`, else with each VPC's outcome.

    A caller who asks for `format` text gets one `text` in place of `vpcs`: see `core.plan_text`. A button of a
    dashboard gets Markdown.
    """
    started = time.monotonic()
    settings = Settings.from_environment()
    run = Run(
        id=context.aws_request_id,
        now=lambda: datetime.now(UTC),
        remaining=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()),
        sleep=lambda wait: time.sleep(wait.total_seconds()),
    )
    try:
        check_scheduled(event, context.invoked_function_arn, call="sweep")
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return _notified((), [error], settings, settings.mode, is_text=False)
    is_button = isinstance(event, dict) and WIDGET in event
    records = event.get("Records") if isinstance(event, dict) and not is_button else None
    if isinstance(records, list):
        answers, kept = _hub(settings, run).reconcile_batch(records)
        _end(answers, run, trigger="queue", mode=settings.mode, started=started)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}
    run = replace(run, begin_until=run.now() + BEGUN_WITHIN)
    if not is_button:
        by_schedule = is_by_schedule(context.invoked_function_arn)
        return _answer_at(event, settings, run, started, by_schedule=by_schedule)
    from lifeline.core.notices.answer_markdown import answer_markdown

    return {"markdown": answer_markdown(_answer_button(event, settings, run, started))}


def _answer_button(event: Mapping[str, Any], settings: Settings, run: Run, started: float) -> dict[str, Any]:
    """The answer to a button of a dashboard."""
    try:
        return _answer_at(read_button(event), settings, run, started)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return {"errors": [_refusal(error)]}


def _answer_at(
    event: object, settings: Settings, run: Run, started: float, *, by_schedule: bool = False
) -> dict[str, Any]:
    """The answer from the account that the event is about."""
    hub = _hub(settings, run)
    if not isinstance(event, dict):
        return _answer(event, settings, hub, started)
    try:
        is_past = "history" in event  # which is all in the ledger
        there, call = hub.settings_for(event, is_past=is_past), without_account(event)
        if not is_past:
            hub.enter_for(there)
        if _is_whole_sweep(event):
            hub.begin_sweep(read_request(event).trigger, by_schedule=by_schedule)
        is_scheduled = event == _SCHEDULED
        with hub.looking_again(there, is_scheduled=is_scheduled):  # the role may be gone since: whoever waits hears it
            return _answer(call, there, hub, started)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return _notified((), [error], settings, settings.mode, is_text=wants_text(event))


def _is_whole_sweep(event: Mapping[str, Any]) -> bool:
    """True for a sweep that is to change what it finds, of all accounts."""
    return "sweep" in event and event.keys() <= {"sweep", "by", "format"}


def _answer(event: object, settings: Settings, hub: Hub, started: float) -> dict[str, Any]:
    run = hub.run
    others = {"history": _history, "doctor": _doctor, "suggest": _suggest, "exempt": _exempt}
    for call, answer_to in others.items():
        if isinstance(event, dict) and call in event:
            return answer_to(event, settings, run)
    for call, change in (("adopt", _adopt), ("hand_over", _hand_over)):
        if isinstance(event, dict) and call in event:
            return _change_ownership(call, change, event, settings, run)
    try:
        request = read_request(event, own_role_arn=settings.role_arn, region=settings.region)
        tools = _tools_for(run, settings)
        unchecked = _check_services(event, request, tools, settings)
        request = take_approval(request, tools.guards, settings, run)
        request = take_backlog(request, tools, settings)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return _notified((), [error], settings, settings.mode, is_text=wants_text(event))
    mode = settings.mode.weakened_by(request.mode)
    answers = reconcile([request], mode=mode, tools=tools, settings=settings, run=run)
    if mode is settings.mode and (request.is_sweep or any(answer.refusal is None for answer in answers)):
        hub.was_read(settings)
    said = [words for name, words in request.asked_for if name in {"freeze", "unfreeze"}]
    if unchecked:
        said.insert(0, f"frozen as written, because the names couldn't be checked: {', '.join(unchecked)}")
    answers = tuple(
        answer if answer.refusal else replace(answer, note="; ".join(filter(None, (*said, answer.note))))
        for answer in answers
    )
    for refusal in request.refusals:
        log_refusal(refusal, run.id)
    _end(answers, run, trigger=request.trigger.kind, mode=mode, started=started)
    return _notified(answers, request.refusals, settings, mode, is_text=request.is_text)


def _check_services(event: object, request: Request, tools: Tools, settings: Settings) -> tuple[str, ...]:
    """The services that are frozen unchecked. Raises InvalidInputError for names that mean nothing: nothing is done."""
    if not isinstance(event, dict) or not (request.freeze or request.unfreeze):
        return ()
    names, frozen = _known_names(tools.network), set[str]()
    for vpc_id in request.vpc_ids if request.unfreeze else ():
        frozen |= tools.vpcs.load(settings.home.vpc(vpc_id)).frozen.keys()
    check_unfreezes(event, names, frozen)
    return unchecked_freezes(event, names)


def _known_names(network: Network) -> frozenset[str] | None:
    """The names of the region's services and of the named sets; None while it can't be read what the region offers."""
    try:
        return known_names(network.catalog())
    except LifelineError as error:
        logger.warning("endpoint services not read", error=str(error))
        return None


def _notified(
    answers: Sequence[VpcAnswer], errors: Sequence[InvalidInputError], settings: Settings, mode: Mode, *, is_text: bool
) -> dict[str, Any]:
    """The answer as values, or as one text; what in the call was unusable, or is gone, is in `errors` either way."""
    notified: dict[str, Any] = {"mode": str(mode)}
    queued = "" if mode is Mode.PLAN else queued_text(answers)
    unusable = [_refusal(error) for error in errors]
    unusable += [_refusal(answer.refusal) for answer in answers if answer.refusal]
    price = price_in(settings.region)
    if is_text:
        refusals = [Refusal(error.field, error.message) for error in errors]
        notified["text"] = plan_text(answers, price, is_plan=mode is Mode.PLAN, errors=refusals)
        notified["text"] += f"{queued}\n" if queued else ""
    else:
        notified["vpcs"] = [priced_json(answer, price) for answer in answers]
        notified |= {"queued": queued} if queued else {}
    return notified | ({"errors": unusable} if unusable else {})


def _history(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """The audit log, whatever the mode: it only reads."""
    from lifeline.adapters.store.history import History
    from lifeline.core.history.entries import Page
    from lifeline.core.history.text import page_json
    from lifeline.core.requests.history import read_history

    try:
        now = run.now()
        page = History(settings.ledger).read(read_history(event, now), settings.home, now=now)
        return {"history": page_json(page)}
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return {"history": page_json(Page()), "errors": [_refusal(error)]}


def _suggest(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """What private subnets need, whatever the mode: it changes nothing, and only this call pays for what reads it. The
    ledger keeps it for the page.
    """
    from lifeline.adapters.store.suggestions import Suggestions
    from lifeline.core.requests.suggest import read_suggest
    from lifeline.core.suggest.answer import suggest_json, suggest_text, summaries
    from lifeline.reconciler.suggest import suggest_needs

    try:
        request = read_suggest(event, may_read=settings.may_read_evidence)
        tools, client = _tools_for(run, settings), memory_of(settings).client
        answer = suggest_needs(request, tools=tools, client=client, settings=settings, run=run)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        refused: dict[str, Any] = {"suggest": [], "errors": [_refusal(error)]}
        return refused | ({"text": f"Error: {error}\n"} if wants_text(event) else {})
    try:
        kept = {settings.home.vpc(vpc_id): one for vpc_id, one in summaries(answer, run.now()).items()}
        Suggestions(settings.ledger).save(kept, now=run.now())
    except LifelineError as error:  # the page does without
        logger.warning("suggestion not kept", error=str(error))
    unread = {str(source): why for source, why in answer.unread.items()}
    logger.info("suggested", vpcs=len(answer.suggestions), unread=unread, run_id=run.id)
    return {"text": suggest_text(answer)} if request.is_text else suggest_json(answer)


def _doctor(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """An examination by the stack's own role, whatever the mode: it only reads, and makes a dry run."""
    from lifeline.core.doctor.report import report_json, report_text
    from lifeline.core.requests.doctor import read_doctor
    from lifeline.doctor.examination import Examination

    try:
        is_text = read_doctor(event)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        refused: dict[str, Any] = {"doctor": None, "errors": [_refusal(error)]}
        return refused | ({"text": f"Error: {error}\n"} if wants_text(event) else {})
    role, patience = settings.role_arn, run.patience
    report = Examination(settings=settings, at=run.now(), examined_as=role, patience=patience).report()
    return {"status": int(report.status)} | (
        {"text": report_text(report)} if is_text else {"doctor": report_json(report)}
    )


def _exempt(event: Mapping[str, Any], settings: Settings, run: Run) -> dict[str, Any]:
    """What is exempt from now on, whatever the mode: it changes no network, only what is required of it."""
    from lifeline.core.requests.exempt import read_exempt

    try:
        request, now = read_exempt(event), run.now()
        if request.services:
            check_exempted(event, _known_names(memory_of(settings).network))
        _check_there(request, settings)
        refs = [settings.home.vpc(vpc_id) for vpc_id in request.vpc_ids]
        Exemptions(settings.ledger, keep=_ledger_keep(settings, now)).exempt(request, refs, now=now)
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return {"exempt": [], "errors": [_refusal(error)]}
    about: dict[str, Any] = {"services": request.services, "days": request.days, "reason": request.reason}
    for vpc_id in request.vpc_ids:
        logger.info("exempted manually", vpc_id=vpc_id, run_id=run.id, **about)
    return {"exempt": [exempt_json(request, vpc_id, now.date()) for vpc_id in request.vpc_ids]}


def _change_ownership(
    call: str,
    change: Callable[[Mapping[str, Any], Settings, datetime], Mapping[str, Owned]],
    event: Mapping[str, Any],
    settings: Settings,
    run: Run,
) -> dict[str, Any]:
    """Whose the resources are from now on, whatever the mode: it changes no network."""
    try:
        records = change(event, settings, run.now())
    except InvalidInputError as error:
        log_refusal(error, run.id)
        return {call: [], "errors": [_refusal(error)]}
    for id_, record in records.items():
        logger.info("ownership changed manually", call=call, vpc_id=record.vpc_id, resource_id=id_, run_id=run.id)
    return {call: [{"id": id_, "vpc_id": record.vpc_id} for id_, record in records.items()]}


def _adopt(event: Mapping[str, Any], settings: Settings, now: datetime) -> Mapping[str, Owned]:
    from lifeline.core.requests.ownership import adoptable, read_adopt

    ids, by = read_adopt(event), read_by(event)
    kept = memory_of(settings)
    by_kind = [(kind, [id_ for id_ in ids if id_.startswith(f"{kind}-")]) for kind in ("vpce", "sg")]
    found = Lookup(kept.client("ec2")).vpcs_of(by_kind)
    for error in found.failed.values():
        raise error
    vpcs = kept.network.observe(frozenset[str]().union(*found.vpcs.values()))
    vpcs = kept.network.with_groups(vpcs, [id_ for id_ in ids if id_.startswith("sg-")])
    ownership = Ownership(settings.ledger, keep=_ledger_keep(settings, now))
    adopted = adoptable(ids, vpcs, settings.stack_name, ownership.read(settings.home), now=now)
    ownership.adopt(settings.home, adopted, now=now, by=by)
    return adopted


def _hand_over(event: Mapping[str, Any], settings: Settings, now: datetime) -> Mapping[str, Owned]:
    from lifeline.core.requests.ownership import read_hand_over, to_hand_over

    ownership = Ownership(settings.ledger, keep=_ledger_keep(settings, now))
    by = read_by(event)
    records = to_hand_over(read_hand_over(event), ownership.read(settings.home))
    ownership.hand_over(settings.home, records, now=now, by=by)
    return records


def _ledger_keep(settings: Settings, now: datetime) -> timedelta:
    """How long the policy in force keeps an entry of the audit log."""
    stacks, store = stacks_policy(settings), ReadOnlyPolicy(PolicyStore(settings.table_name))
    in_force = current_policy(settings.policy_parameter, stacks, store, memory_of(settings).network.catalog, now=now)
    return (in_force.policy or stacks).ledger_keep


def _check_there(request: ExemptRequest, settings: Settings) -> None:
    """Nothing, once each VPC is there; one that is gone may still have its exemption ended."""
    there = (
        {vpc.id for vpc in memory_of(settings).network.observe(request.vpc_ids)}
        if request.days
        else set(request.vpc_ids)
    )
    for vpc_id in request.vpc_ids:
        if vpc_id not in there:
            raise InvalidInputError(request.field_of(vpc_id), f"{vpc_id} does not exist in this account and region")


def _refusal(error: InvalidInputError | Refusal) -> dict[str, str]:
    return {"field": error.field, "message": error.message}


def _hub(settings: Settings, run: Run) -> Hub:
    return Hub(
        settings,
        run,
        store=MemberStore(settings.table_name),
        organizations=Organizations(),
        enter=lambda there: memory_of(there).enter(),
        leave=lambda there: memory_of(there).leave(),
        tools=partial(_tools_for, run),
        name_of=lambda there: account_name(memory_of(there).client),
    )


def _tools_for(run: Run, settings: Settings) -> Tools:
    tools = _tools(settings)
    tools.central.begin_run(give_up_after=run.remaining() / 2)  # the rest is for what the run does with what it read
    return tools


def _tools(settings: Settings) -> Tools:
    kept = memory_of(settings)
    ownership = Ownership(settings.ledger)

    def record(vpc_id: str, resource_id: str, action: Action) -> None:
        ref, in_place_of = settings.home.vpc(vpc_id), dict(action.tags).get(IN_PLACE_OF, "")
        subnet_ids, now = action.subnet_ids, datetime.now(UTC)
        ownership.created(ref, resource_id, now=now, in_place_of=in_place_of, subnet_ids=subnet_ids)

    def asking(action: Action) -> AbstractContextManager[None]:
        return ownership.asking(settings.home, action.endpoint_id, action.subnet_ids, now=datetime.now(UTC))

    return Tools(
        network=kept.network,
        lookup=Lookup(kept.client("ec2")),
        history=EventHistory(kept.client),
        central=kept.central,
        policies=PolicyStore(settings.table_name),
        endpoints=Endpoints(
            settings.stack_name, record, kept.client("ec2"), associations=_associations(settings), asking=asking
        ),
        hubs=HubReader(settings),
        ownership=ownership,
        vpcs=VpcStore(settings.ledger),
        audit=AuditLog(settings.ledger),
        calls=CallRate(settings.ledger),
        queue=Queue(settings.queue_url, settings.dead_letter_queue_url, member=settings.member),
        exemptions=Exemptions(settings.ledger),
        tags=TagStore(settings.ledger),
        incidents=Incidents(settings.ledger, settings.home),
        routed=RoutedStore(settings.ledger),
        denials=kept.denials,
        denial_notices=DenialNotices(settings.ledger),
        attributes=AttributeStore(settings.ledger),
        endpoint_policies=EndpointPolicyStore(settings.endpoint_policies_prefix),
        event_path=EventPathStore(settings.ledger),
        dry_runs=DryRuns(settings.stack_name, kept.client),
        causes=CauseStore(settings.table_name) if settings.accounts else None,
        metrics=OwnMetrics(settings.stack_name),
        failed_runs=FailedRunStore(settings.ledger) if settings.member else None,
        notices=Topic(settings.topic_arn, settings.sender, chat_topic_arn=settings.chat_topic_arn),
        bus=Bus(settings.stack_name, account=settings.account_id),
        guards=Guards(
            kill_switch=KillSwitch(
                settings.kill_switch_parameter, settings.table_name, account=settings.switch_account
            ),
            limit_usage=LimitUsage(settings.ledger),
            approvals=Approvals(settings.ledger),
            paths=PathStore(settings.ledger),
            usage_of_all=UsageOfAll(settings.table_name) if settings.accounts else None,
            places=HubPlaceStore(settings.table_name),
        ),
    )


def _associations(settings: Settings) -> Associations:
    """What associates the account's VPCs, with the clients of the account whose zones they are to share."""

    def client_in(account: str) -> ClientOf | None:
        return memory_of(settings.of(account)).client if settings.may_enter(account) else None

    return Associations(settings.region, client_in, memory_of(settings).client)


def _end(answers: Sequence[VpcAnswer], run: Run, *, trigger: str, mode: Mode, started: float) -> None:
    """The run in a line: what set it going, how long it took, and what came of how much."""
    actions = Counter(str(action.status) for answer in answers for action in answer.actions)
    seconds = round(time.monotonic() - started, 3)
    counts = {str(status): actions[status] for status in Status}
    about = {"run_id": run.id, "trigger": trigger, "mode": str(mode), "seconds": seconds, "vpcs": len(answers)}
    logger.info("run ended", extra={**about, **counts})


cold_start.end()
