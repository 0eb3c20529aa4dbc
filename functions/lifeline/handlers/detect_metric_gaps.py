"""DetectMetricGaps: each minute, which agents are silent, why, and which are back.

What only silence needs, and what writes notices, is imported once there is some: a cold start mostly meets a quiet
minute.
"""

# ruff: noqa: PLC0415 - late, as said above

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.clients import LateClient
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.detector_queue import Checks
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.memory import memory_of
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.denial_notices import OF_DETECTOR, DenialNotices
from lifeline.adapters.store.denied_reads import DeniedReadStore
from lifeline.adapters.store.failed_runs import FailedRunStore
from lifeline.adapters.store.full_watches import FullWatch
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.lasting import Turn
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.list_position import ListPosition
from lifeline.adapters.store.member_runs import MemberRuns, is_turn_of
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.policy import PolicyStore, ReadOnlyPolicy
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.agent import State
from lifeline.core.agents.failed_runs import FailedRuns
from lifeline.core.errors import InvalidInputError, LifelineError, TransientError
from lifeline.core.network.model import Catalog
from lifeline.core.organization.accounts import unserved_words
from lifeline.core.organization.members import MemberAccount, MemberAccounts
from lifeline.core.policy.policy import Policy
from lifeline.core.requests.account import refuse
from lifeline.core.requests.detect import CheckPart, Detect, Forget, account_in, read_event
from lifeline.core.requests.scheduled import check_scheduled
from lifeline.core.wording import write_count, write_time
from lifeline.detector.chunks import agents_of
from lifeline.detector.denied_reads import without_denied_reads
from lifeline.detector.event_path import watch_event_path
from lifeline.detector.loop import DetectorTools, WatchRun
from lifeline.detector.parts import SplitRun
from lifeline.detector.report import Report
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.runtime import cold_start
from lifeline.runtime.metrics import publish_metrics
from lifeline.runtime.observability import log_refusal, logger
from lifeline.runtime.settings import DetectorSettings

if TYPE_CHECKING:
    from lifeline.detector.evidence import EvidenceSources

_MOST_NAMED = 100
_FOR_LISTS = timedelta(seconds=40)  # a third of the function's time
_FOR_DNS = timedelta(seconds=30)  # a quarter of the function's time
_COUNTS = {"Silent": State.SILENT, "Unknown": State.UNKNOWN}
_INSTANCE = "InstanceId"  # the first watch with it, but for those elsewhere, expects the instances that are tagged


@logger.inject_lambda_context
def handler(event: Any, context: Any) -> dict[str, Any]:
    """What the run found, watch by watch; `errors` says what in the event is unusable.

    The schedule sends `{"detect": true}`; a person's `{}` does the same, and `{"forget": ["i-…"]}` sets agents aside
    until they report again. Raises TransientError where something couldn't be read, written or sent, after all the
    rest is done: the function's error alarm rings, and the next run makes it good.
    """
    settings = DetectorSettings.from_environment()
    try:
        check_scheduled(event, context.invoked_function_arn, call="detect")
        account, call = account_in(event, checks_queue_url=settings.detect_queue_url)
        request = read_event(call, checks_queue_url=settings.detect_queue_url)
        settings = _settings_for(account, settings)
    except InvalidInputError as error:
        log_refusal(error, context.aws_request_id)
        return {"watches": [], "errors": [{"field": error.field, "message": error.message}]}
    if settings.member:
        return _detect_in_member(request, settings, context)
    if isinstance(request, Detect) and settings.accounts and account == "":
        _begin_members(settings)
    return _detect(request, settings, context)


def _settings_for(account: str, settings: DetectorSettings) -> DetectorSettings:
    """The settings for the account. Raises InvalidInputError for one that the hub's sweeps don't serve."""
    there = settings.of(account)
    if there.member:
        served = [member.account for member in _entered(_members(settings))]
        if account not in served:
            raise refuse(unserved_words(account, served))
    return there


def _members(settings: DetectorSettings) -> tuple[MemberAccount, ...]:
    """The member accounts that are to be served."""
    members = MemberStore(settings.table_name).read() if settings.accounts else MemberAccounts()
    return members.served(settings.accounts)


def _entered(members: Iterable[MemberAccount]) -> list[MemberAccount]:
    """Those whose spokes a sweep has found at work."""
    return [member for member in members if member.standing.is_entered]


def _begin_members(settings: DetectorSettings) -> None:
    """Has the agents of each member account checked by an invocation of its own, once a minute, and watches all of them
    in each run, whoever begins it. Where that fails, the next minute's run does it, and those of the functions' own
    account are checked all the same.
    """
    try:
        runs, now = MemberRuns(settings.table_name), _now()
        members = _members(settings)
        try:
            if runs.reserve(now):
                Checks(settings.detect_queue_url).detect(member.account for member in _entered(members))
        finally:
            _watch_members(settings, runs, members, now)
    except LifelineError as error:
        logger.error("agents of member accounts not checked", error=str(error))


def _watch_members(
    settings: DetectorSettings, runs: MemberRuns, members: Iterable[MemberAccount], now: datetime
) -> None:
    """Sees to it that people hear where an account's sweeps or checks don't take place: both come by queues, whose
    triggers somebody can change, so no run there can tell.
    """
    in_turn = [member for member in members if is_turn_of(member.account, now)]
    swept = {member.account: watch_event_path(settings.of(member.account), now, member) for member in in_turn}
    for account, at in runs.late(_entered(members), now).items():
        late = f"no run has begun since {write_time(at)}: see the trigger of DetectMetricGaps on the queue Checks"
        _note_failure(settings.of(account), late)
    if known := {account: is_swept for account, is_swept in swept.items() if is_swept is not None}:
        from lifeline.detector.shared_causes import note_swept

        note_swept(settings, known, now)


def _detect_in_member(request: Detect | CheckPart | Forget, settings: DetectorSettings, context: Any) -> dict[str, Any]:
    """The same as `_detect` in a member account. What fails there isn't tried again, because the next minute's run
    checks the same agents; it assumes the role anew, which may be gone. People are told once failures last, or agents
    stay unknown.
    """
    try:
        if isinstance(request, Detect):
            MemberRuns(settings.table_name).begin(settings.member, _now())
        memory_of(settings).enter()
        answer = _detect(request, settings, context)
    except LifelineError as error:
        logger.error("agents of a member account not checked", account=settings.member, error=str(error))
        memory_of(settings).leave()
        _note_failure(settings, str(error))
        return {"watches": [], "errors": [{"field": "account", "message": f"{settings.member}: {error}"}]}
    if unknown := sum(watch["states"][State.UNKNOWN] for watch in answer.get("watches", ())):
        _note_failure(settings, f"{write_count(unknown, 'agent')} unknown: CloudWatch or EC2 couldn't be read")
    return answer


def _note_failure(settings: DetectorSettings, why: str) -> None:
    """Keeps that the account's agents are unknown, and tells people once that lasts: of few accounts one by one."""

    def publish(runs: FailedRuns) -> bool:
        from lifeline.core.notices.agents_unknown import agents_unknown_notice

        topic = Topic(settings.topic_arn, settings.sender, chat_topic_arn=settings.chat_topic_arn)
        turns, turn = MemberRuns(settings.table_name).turns(), Turn()
        try:
            turn = turns.take(settings.member, runs.why, _now())
            if turn.is_now:
                topic.publish(agents_unknown_notice(settings.member, runs, turn.others))
        except LifelineError as error:
            logger.error("notice of unknown agents not sent", account=settings.member, error=str(error))
            turns.give_back(turn, _now())
            return False
        return turn.is_now or turn.is_known

    try:
        FailedRunStore(settings.ledger).add(why, now=_now(), publish=publish)
    except LifelineError as error:
        logger.error("failure not saved", account=settings.member, error=str(error))


def _detect(request: Detect | CheckPart | Forget, settings: DetectorSettings, context: Any) -> dict[str, Any]:
    with without_denied_reads(memory_of(settings).denials, DeniedReadStore(settings.ledger), _now()):
        return _look(request, settings, context)


def _look(request: Detect | CheckPart | Forget, settings: DetectorSettings, context: Any) -> dict[str, Any]:
    if isinstance(request, Detect) and not settings.member:
        watch_event_path(settings, _now())
    policy = _policy(settings)
    if isinstance(request, Detect) and settings.accounts and not settings.member:
        from lifeline.detector.shared_causes import tell_causes

        tell_causes(settings, policy, _now())
    watches = policy.watches
    tools = _tools(settings, policy)
    expecting = next((watch for watch in watches if watch.dimension == _INSTANCE and not watch.is_elsewhere), None)
    run_id = request.run_id if isinstance(request, CheckPart) else context.aws_request_id
    runs = {
        watch.name: WatchRun(
            watch,
            tools,
            now=_now(),
            run_id=run_id,
            maintenance=policy.maintenance,
            severities=policy.severities,
            owner_tags=policy.owner_tags,
            finds_expected=watch is expecting,
        )
        for watch in watches
    }
    if isinstance(request, Forget):
        return _forget(request, runs, tools)
    if isinstance(request, CheckPart) and request.watch not in runs:
        error = InvalidInputError("Records[0].body.check.watch", _not_among(runs))
        log_refusal(error, context.aws_request_id)
        return {"watches": [], "errors": [{"field": error.field, "message": error.message}]}
    chosen = {name: run for name, run in runs.items() if isinstance(request, Detect) or name == request.watch}
    reports = {name: _timed(SplitRun(run, settings.agents_a_run), request) for name, run in chosen.items()}
    _announce_denials(settings, tools)
    return _answer(reports, settings, run_id)


def _timed(run: SplitRun, request: Detect | CheckPart) -> tuple[Report, timedelta]:
    """The report and how long it took. What can't be read at all is a failure of this watch alone."""
    started = time.monotonic()
    try:
        report = run.check() if isinstance(request, Detect) else run.check_part(request.part)
    except LifelineError as error:
        logger.error(str(error))
        report = Report(failures=(str(error),), is_unread=True)
    return report, timedelta(seconds=time.monotonic() - started)


def _announce_denials(settings: DetectorSettings, tools: DetectorTools) -> None:
    """One notice of the reads that AWS denied, if any is news. A failure is logged: the next denial says it."""

    def publish(news: Mapping[str, str], others: Mapping[str, Mapping[str, str]]) -> bool:
        from lifeline.core.notices.denied import denied_notice

        try:
            notice = denied_notice(news, "DetectMetricGaps", is_member=bool(settings.member), others=others)
            tools.notices.publish(notice)
        except LifelineError as error:
            logger.error("notice of denied reads not sent", error=str(error))
            return False
        return True

    denied = memory_of(settings).denials.take()
    try:
        DenialNotices(settings.ledger, partition=OF_DETECTOR).announce(denied, publish, now=_now())
    except LifelineError as error:
        logger.error("denied reads not saved", error=str(error))


def _answer(reports: Mapping[str, tuple[Report, timedelta]], settings: DetectorSettings, run_id: str) -> dict[str, Any]:
    done, times = [report for report, _ in reports.values()], [took for _, took in reports.values()]
    _measure(done, settings)
    _end(done, times, run_id)
    failures = [failure for report in done for failure in report.failures]
    if failures:
        raise TransientError(f"{len(failures)} things failed in this run: {failures[0]}")
    return {"watches": [{"watch": name, **_as_json(report)} for name, (report, _) in reports.items()]}


def _as_json(report: Report) -> dict[str, Any]:
    """Counts by state, and the first ids of those that aren't plainly well."""
    named = {"silent": report.silent, "unknown": report.unknown, "opened": report.opened, "ended": report.ended}
    return {
        "watched": report.watched,
        "states": {str(state): report.states.get(state, 0) for state in State},
        **{name: list(entities[:_MOST_NAMED]) for name, entities in named.items()},
        "open_incidents": report.open_incidents,
        "notified": [str(kind) for kind in report.notified],
        "in_parts": report.is_part,
    }


def _forget(request: Forget, runs: Mapping[str, WatchRun], tools: DetectorTools) -> dict[str, Any]:
    """Forgets the agents, and says so first: whoever may invoke the function can end the watch of any agent."""
    from lifeline.core.notices.forgotten import forgotten_notice, newly_forgotten

    if request.watch and request.watch not in runs:
        return {"forgotten": [], "errors": [{"field": "watch", "message": _not_among(runs)}]}
    chosen = {name: run for name, run in runs.items() if not request.watch or name == request.watch}
    rosters = {name: agents_of(run.roster.read()) for name, run in chosen.items()}
    found = {name: [agents[id_] for id_ in request.entities if id_ in agents] for name, agents in rosters.items()}
    if news := {name: newly for name, agents in found.items() if (newly := newly_forgotten(agents))}:
        for name, agents in news.items():
            named = [agent.entity for agent in agents]
            logger.warning("agents forgotten manually", watch=name, agents=named, stated_by=request.by)
        tools.notices.publish(forgotten_notice(news, by=request.by))
    told = {name: {agent.entity for agent in news.get(name, ())} for name in chosen}
    forgotten = (run.chunks.forget(request.entities, told[name], run.now) for name, run in chosen.items())
    deleted = sorted({entity for entities in forgotten for entity in entities})
    known = {agent.entity for agents in found.values() for agent in agents}
    unknown = [
        {
            "field": f"forget[{place}]",
            "message": "reported again meanwhile, so it is watched" if entity in known else "is on no roster",
        }
        for place, entity in enumerate(request.entities)
        if entity not in deleted
    ]
    return {"forgotten": deleted, **({"errors": unknown} if unknown else {})}


def _not_among(watches: Iterable[str]) -> str:
    return f"is not one of the watches: {', '.join(sorted(watches)) or 'none'}"


def _measure(done: Sequence[Report], settings: DetectorSettings) -> None:
    """The run as metrics: those that an alarm needs, because each costs as much as three alarms. `Unknown` is of the
    functions' own account alone: its alarm takes the least, so a 0 of another account would hide that agents are
    unknown, and that `Unknown` is missing says that the own account's runs have stopped.

    What wasn't read isn't counted, for a 0 would say that nobody is silent. Then the metrics are missing, for which an
    alarm waits.
    """
    whole = _whole(done)
    if whole or not done:
        names = _COUNTS if not settings.member else _COUNTS.keys() - {"Unknown"}
        counts = {name: sum(report.states.get(_COUNTS[name], 0) for report in whole) for name in names}
        publish_metrics(counts, unit="Count", stack=settings.stack_name, now=_now())


def _whole(done: Sequence[Report]) -> list[Report]:
    """The reports that count all agents of their watches; none if one of these couldn't be read."""
    whole = [report for report in done if not report.is_part]
    return [] if any(report.is_unread for report in whole) else whole


def _end(reports: Sequence[Report], times: Iterable[timedelta], run_id: str) -> None:
    """The run in a line: how long it took, how many agents in which state, what changed, and what was notified."""
    states = {str(state): sum(report.states.get(state, 0) for report in reports) for state in State}
    notified = [str(kind) for report in reports for kind in report.notified]
    seconds = round(sum(times, timedelta()).total_seconds(), 3)
    failures = sum(len(report.failures) for report in reports)
    about: dict[str, Any] = {"run_id": run_id, "trigger": "detect", "seconds": seconds, "failures": failures}
    about |= {"gaps_opened": sum(len(report.opened) for report in reports)}
    about |= {"gaps_ended": sum(len(report.ended) for report in reports)}
    if whole := _whole(reports):
        about |= {"watched": sum(report.watched for report in whole)}
        about |= {"open_incidents": sum(report.open_incidents for report in whole)}
        about |= {"oldest_gap_seconds": max(report.oldest_gap for report in whole).total_seconds()}
    logger.info("run ended", extra={**about, "states": states, "notified": notified})


def _policy(settings: DetectorSettings) -> Policy:
    """The policy's document; without a valid one, the stack's own."""
    fallback = stacks_policy(settings)
    store = ReadOnlyPolicy(PolicyStore(settings.table_name))

    def catalog() -> Catalog:
        return memory_of(settings).network.catalog()

    decision = current_policy(settings.policy_parameter, fallback, store, catalog, now=_now())
    return decision.policy or fallback


def _tools(settings: DetectorSettings, policy: Policy) -> DetectorTools:
    memory = memory_of(settings)
    table, keep = settings.ledger, policy.ledger_keep
    instances = Instances(LateClient("ec2", memory.client), denials=memory.denials)
    until = time.monotonic() + _FOR_LISTS.total_seconds()
    return DetectorTools(
        cloudwatch=partial(CloudWatch, cloudwatch=memory.client("cloudwatch"), until=until),
        roster=lambda watch: Roster(settings.ledger, watch.name),
        incidents=Incidents(table, settings.home, keep=keep, most_read=None),
        notices=Topic(settings.topic_arn, settings.sender, chat_topic_arn=settings.chat_topic_arn).under(policy),
        bus=Bus(
            settings.stack_name, account=settings.account_id, runbook_url=policy.runbook_url, is_on=policy.sends_events
        ),
        instances=instances,
        times=LatestTimes(table),
        sources=cache(partial(_evidence, settings, policy, instances)),
        repairs=RepairRequests(settings.repair_queue_url, member=settings.member),
        stack=settings.stack_name,
        checks=Checks(settings.detect_queue_url, member=settings.member) if settings.detect_queue_url else None,
        positions=lambda watch: ListPosition(settings.ledger, watch.name),
        full=lambda watch: FullWatch(settings.ledger, watch.name),
    )


def _evidence(settings: DetectorSettings, policy: Policy, instances: Instances) -> "EvidenceSources":
    """What the causes of silences are read from, made once a run."""
    from lifeline.adapters.aws.roles import Roles
    from lifeline.adapters.store.audit import AuditLog
    from lifeline.adapters.store.exemptions import Exemptions
    from lifeline.adapters.store.paths import PathStore
    from lifeline.adapters.store.vpcs import VpcStore
    from lifeline.detector.evidence import EvidenceSources

    memory, table, keep = memory_of(settings), settings.ledger, policy.ledger_keep
    memory.central.begin_run(give_up_after=_FOR_DNS)
    return EvidenceSources(
        instances,
        memory.network,
        memory.central,
        VpcStore(table, keep=keep),
        AuditLog(table, keep=keep),
        Roles(LateClient("iam", memory.client), denials=memory.denials),
        settings.home,
        paths=PathStore(table),
        ports=policy.ports,
        mode=settings.mode,
        fixes_dns=policy.fix_dns and settings.may_fix_dns,
        hub=policy.central if settings.may_associate else None,
        policy=policy,
        exemptions=Exemptions(table),
    )


def _now() -> datetime:
    return datetime.now(UTC)


cold_start.end()
