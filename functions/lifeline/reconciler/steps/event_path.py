"""The way of events: each sweep makes a dry run whose record must be heard, and compares what was heard, a day at once.

Nothing here stops a run, and nothing is reconciled for it. A dry run changes nothing, so it is made in plan mode and
while the kill switch is on as well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice

from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.pace import Pace
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.event_path.candidate import Candidate, best, candidates, cut_off, with_room
from lifeline.core.event_path.causes import causes_of
from lifeline.core.event_path.comparison import Comparison, Comparisons, mark, names_a_sweep
from lifeline.core.event_path.denial import DryRunDenial, read_dry_run_denial
from lifeline.core.event_path.dry_run import CHANGED_NOTHING, RECORDED, DryRun, DryRunVerdict
from lifeline.core.event_path.proof import LEFT_OUT, EventPath, figure, why_unknown
from lifeline.core.event_path.schedule import longest_pause
from lifeline.core.network.model import Vpc
from lifeline.core.notices.event_path import denied_dry_run_notice, lost_rules_notice, unheard_notice
from lifeline.core.notices.notice import Notice
from lifeline.core.plan.security_group import own_security_groups
from lifeline.core.policy.endpoint_policies import NO_POLICIES
from lifeline.core.policy.policy import Policy
from lifeline.core.requests.request import Request
from lifeline.core.wording import is_call, read_time
from lifeline.reconciler.steps.job import Job, Tools
from lifeline.reconciler.steps.planning import Planning
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger

NOT_SAVED_YET = "NotSavedYet"
# A record may be faster than the run that saves the dry run's request ID. The doctor saves none of its own.
_SAVED_WITHIN = timedelta(seconds=20)
_MOST_PLANNED = 20  # VPCs, to find an endpoint for the dry run
# Dry runs a sweep, where no record comes of those before, or a VPC's tags may have had them denied: as many endpoint
# calls as EC2 takes at once.
_MOST_ASKED = 4
_FOR_TURN = timedelta(seconds=20)
_LOOKUPS_A_SECOND = 2  # CloudTrail API: LookupEvents
_MOST_NAMES = 30  # whose calls a sweep compares …
_LEAST_NAMES = 8  # … and so many where its time is up; more where sweeps are too rare to get through them all in a day
_LEAST_TIME = timedelta(seconds=45)
_LONGEST_WHY = 300
_FOR_COMPARISON = timedelta(seconds=15)


# ---- hearing


def hear(
    requests: Sequence[Request],
    tools: Tools,
    run: Run,
    failed: list[tuple[Request, LifelineError]] | None,
) -> list[Request]:
    """The requests without what changed nothing that Lifeline doesn't know: its own calls, dry runs and denials.

    Notes whether the record of a dry run was among them. Where that can't be saved, the record is added to `failed` and
    comes again.
    """
    if tools.event_path:
        of_probes = [request for request in requests if _may_be_probe(request)]
        if of_probes:
            try:
                _hear_probes(of_probes, tools.event_path, partial(_measure, tools, run), run, failed)
            except LifelineError as error:
                logger.warning("dry run heard, but not saved", error=str(error), run_id=run.id)
                if failed is not None:
                    failed += [(request, error) for request in of_probes]
    return [request for request in requests if not request.is_own and request.failure not in CHANGED_NOTHING]


def _may_be_probe(request: Request) -> bool:
    """Whether it is a probe, its request ID says: only that of a dry run that this stack made counts."""
    is_attempt = request.is_own and request.failure in RECORDED.get(request.trigger.event_name, ())
    return is_attempt and bool(request.request_id) and request.sent_at is not None


def _hear_probes(
    requests: Sequence[Request],
    store: EventPathStore,
    measure: Callable[[float], None],
    run: Run,
    failed: list[tuple[Request, LifelineError]] | None,
) -> None:
    calls = [(request, read_time(request.trigger.time), request.sent_at) for request in requests]

    def step(before: EventPath) -> tuple[EventPath, tuple[EventPath, EventPath]]:
        after = before
        for request, called_at, sent_at in calls:
            if called_at and sent_at:
                after = after.heard(request.request_id, called_at, sent_at)
        return after, (before, after)

    before, after = store.change(step)
    for probe in after.newly_heard(before):
        logger.info("dry run heard", request_id=probe.request_id, event_path_seconds=probe.seconds, run_id=run.id)
        if probe.seconds is not None and (value := figure(probe.seconds)) is not None:
            measure(value)
    known = {probe.request_id for probe in after.probes}
    for request, called_at, _ in calls:
        if request.request_id in known:
            continue
        may_be_saved_yet = request.failure in CHANGED_NOTHING  # the others are real calls that EC2 refused, as a rule
        if may_be_saved_yet and failed is not None and called_at and run.now() - called_at < _SAVED_WITHIN:
            failed.append((request, TransientError("the dry run isn't on record yet", code=NOT_SAVED_YET)))
        else:
            logger.info("call heard that is no known dry run", request_id=request.request_id, run_id=run.id)


def _measure(tools: Tools, run: Run, seconds: float) -> None:
    """Publishes how long events take. A datapoint that can't be published is logged: the next sweep has another."""
    try:
        if tools.metrics:
            tools.metrics.put_event_path(seconds, run.now())
    except LifelineError as error:
        logger.warning("metric not published", error=str(error), run_id=run.id)


def note_changes(requests: Sequence[Request], store: EventPathStore | None, run: Run) -> None:
    """Notes which changes were heard, for the comparison: a batch is one write. A failure is logged."""
    heard = [
        request
        for request in requests
        if request.message_id and request.trigger.kind == "change" and is_call(request.trigger.event_name)
    ]
    if not (heard and store):
        return
    try:
        store.note_heard({mark(one.trigger.event_id) for one in heard}, heard[0].message_id, now=run.now())
    except Exception as error:  # noqa: BLE001 - logged; no change may wait for its own mark
        logger.warning("changes heard, but not noted", error=str(error), run_id=run.id)


# ---- proving


def prove_event_path(job: Job, policy: Policy | None, planning: Planning | None, vpcs: Sequence[Vpc]) -> None:
    """Says how it stands with the dry runs until now, makes the next one, and goes on with the comparison."""
    store, dry_runs = job.tools.event_path, job.tools.dry_runs
    if store is None or dry_runs is None:
        return
    try:
        try:
            if policy is None:
                _save_unasked(store, "there is no valid policy")
            elif not policy.proves_event_path:
                _save_unasked(store, "the policy turns the dry runs off")
            elif job.settings.account_id in policy.unproven_accounts:
                _save_unasked(store, LEFT_OUT)
            else:
                _prove(job, store, dry_runs, planning, vpcs)
        finally:
            _note_causes(job, store)  # people must hear of a silence even where no further dry run can be made
    except Exception as error:  # noqa: BLE001 - logged; the sweep itself is done, and must not be done again for this
        logger.error("event path not proven", error=str(error), run_id=job.run.id)
    if not _has_time(job):
        return
    try:
        if policy and job.settings.account_id in policy.unproven_accounts:
            _forget_comparisons(store)
        else:
            _compare(job, store)
    except Exception as error:  # noqa: BLE001 - the same
        logger.warning("changes not compared", error=str(error), run_id=job.run.id)


def _prove(job: Job, store: EventPathStore, dry_runs: DryRuns, planning: Planning | None, vpcs: Sequence[Vpc]) -> None:
    state = _tell_unheard(store, job)  # whatever time is left: without its metric, the alarm would end
    if not _has_time(job):
        _put_off(job, store, "the last sweep had no time left for it")
        return
    if state.is_due(job.run.now()):
        state = _ask(job, store, dry_runs, planning, vpcs)
    _tell_denied(store, job, state)
    logger.info("event path", extra=_about(state, job))


def _has_time(job: Job) -> bool:
    return job.run.remaining() >= _LEAST_TIME


def _about(state: EventPath, job: Job) -> dict[str, object]:
    return {
        "run_id": job.run.id,
        "account": job.settings.account_id,
        "may_create": state.verdict.value,
        "denied_by": state.denial.by.value if state.denial else "",
        "why": state.why,
        "proven_at": state.proven_at.isoformat() if state.proven_at else "",
        "unheard": len(state.unheard(job.run.now())),
    }


def _tell_unheard(store: EventPathStore, job: Job) -> EventPath:
    """The state, once the alarm's metric and people know what they must."""
    now = job.run.now()
    state = store.read()
    seconds = state.unheard_seconds(now)
    if seconds is None:
        return store.change(lambda before: (before.mended(now), before.mended(now))) if state.is_mended(now) else state
    _measure(job.tools, job.run, seconds)
    logger.error("dry runs not heard", count=len(state.unheard(now)), seconds=seconds, run_id=job.run.id)
    if state.notified_at or (state.is_news(now) and not _tell(job, unheard_notice(state, now))):
        return state
    return store.change(lambda before: (before.announced(now), before.announced(now)))


def _tell(job: Job, notice: Notice) -> bool:
    """True once people know. Of a hub's accounts they hear together, from the detector."""
    return job.tools.causes is not None or job.publish(notice)


def _note_causes(job: Job, store: EventPathStore) -> None:
    """Keeps what a hub's accounts have in common."""
    if job.tools.causes is None:
        return
    now, account = job.run.now(), job.settings.account_id
    names = causes_of(store.read(), now)
    job.tools.causes.change(lambda causes: (causes.seen(account, names, now), None))


def _tell_denied(store: EventPathStore, job: Job, state: EventPath) -> None:
    is_news = state.verdict is DryRunVerdict.DENIED and state.denial_notified_at is None
    if is_news and state.denial and _tell(job, denied_dry_run_notice(state.denial)):
        now = job.run.now()
        store.change(lambda before: (replace(before, denial_notified_at=now), None))


def _save_unasked(store: EventPathStore, why: str) -> EventPath:
    def step(before: EventPath) -> tuple[EventPath, EventPath]:
        after = before.unasked(why)
        return after, after

    return store.change(step)


def _put_off(job: Job, store: EventPathStore, why: str) -> EventPath:
    """The state where this sweep makes no dry run, and the next one may."""
    logger.warning("dry run left to the next sweep", why=why, run_id=job.run.id)
    return store.change(lambda before: (before.put_off(why), before.put_off(why)))


def _ask(
    job: Job, store: EventPathStore, dry_runs: DryRuns, planning: Planning | None, vpcs: Sequence[Vpc]
) -> EventPath:
    """The state after the dry run, or with why none could be made."""
    if not vpcs:
        return _save_unasked(store, "there is no VPC here")
    if planning is None:
        return _put_off(job, store, "the last sweep failed before it had planned anything")
    refused, denied = list[Candidate](), set[str]()
    last: tuple[datetime, DryRun] | None = None
    while len(refused) < _MOST_ASKED:
        others = [vpc for vpc in vpcs if vpc.id not in denied]  # whose tags may be others
        found = candidate_among(others, planning, job.settings.stack_name, refused=refused)
        if found is None or (denied and found.lacks_group):  # a group says nothing of who may create an endpoint
            break
        wait = job.tools.calls.reserve_endpoint_call(now=job.run.now(), patience=min(_FOR_TURN, job.run.patience()))
        if wait is None:
            return _put_off(job, store, "other calls had taken all turns for endpoint calls in the last sweep")
        job.run.sleep(wait)
        called_at = job.run.now()
        said = dry_runs.of_creating(found.action, vpc_id=found.vpc_id, security_group_id=found.security_group_id)
        if last is None or said.is_recorded or not last[1].is_recorded:
            last = called_at, said
        if said.verdict is DryRunVerdict.DENIED and found.has_tags_of_vpc:
            denied.add(found.vpc_id)
        elif said.is_recorded:
            break
        logger.info("dry run refused", code=said.code, vpc_id=found.vpc_id, run_id=job.run.id)
        refused.append(found)
    if last is None:
        return _save_unasked(store, "nothing that the policy requires could be created here")
    return _save_asked(store, dry_runs, job.settings.role_arn, *last)


def _save_asked(
    store: EventPathStore, dry_runs: DryRuns, role_arn: str, called_at: datetime, said: DryRun
) -> EventPath:
    denial = _denial(said, dry_runs, role_arn) if said.verdict is DryRunVerdict.DENIED else None

    if why := why_unknown(said):
        logger.info("dry run says nothing of the role", why=why)

    def step(before: EventPath) -> tuple[EventPath, EventPath]:
        after = before.asked(said, called_at, denial, why)
        return after, after

    return store.change(step)


def candidate_among(
    vpcs: Sequence[Vpc], planning: Planning, owner: str, *, refused: Sequence[Candidate] = ()
) -> Candidate | None:
    """What the dry run is to ask for: the call that Lifeline would really make, were one of the VPCs cut off today.
    What EC2 `refused` isn't asked for again.
    """
    return best(_candidates(planning, vpcs, owner), refused)


def _candidates(planning: Planning, vpcs: Sequence[Vpc], owner: str) -> Iterator[Candidate]:
    ours = sorted(filter(planning.is_ours, vpcs), key=lambda vpc: (not own_security_groups(vpc, owner), vpc.id))
    asking = [*islice((vpc for vpc in ours if planning.desired(cut_off(vpc)).requirements), _MOST_PLANNED)]
    unnamed = replace(planning, endpoint_policies=NO_POLICIES)  # no named policy that can't be used ends dry runs
    for vpc in chain(asking, map(with_room, asking)):
        plans = (one.plan_cut_off(vpc) for one in (planning, unnamed))
        yield from next(filter(None, ([*candidates(vpc, plan, owner)] for plan in plans)), ())


def _denial(said: DryRun, dry_runs: DryRuns, role_arn: str) -> DryRunDenial:
    """Who denied the dry run. After a denial, the next is made a day later, and so is this call of STS's."""
    decoded = ""
    try:
        decoded = dry_runs.decode(said.encoded) if said.encoded else ""
    except LifelineError as error:
        logger.warning("denial not decoded", error=str(error))
    return read_dry_run_denial(said, decoded, role_arn)


# ---- comparing


def _forget_comparisons(store: EventPathStore) -> None:
    """Of an account that the policy leaves out, no comparison is made or shown, and nothing is news."""
    if store.read_comparisons() != Comparisons():
        store.save_comparisons(Comparisons())


def _compare(job: Job, store: EventPathStore) -> None:
    """Goes on with the comparison, as far as this sweep's time allows: somebody may wait for its answer."""
    run = job.run
    known = store.read_comparisons()
    comparisons = known.begun(run.now())
    if comparisons.current:
        comparisons = comparisons.advanced(*_advance(comparisons.current, job, store))
        if comparisons.last and comparisons.current is None:
            _log_comparison(comparisons.last, job)
    comparisons = _tell_lost_rules(comparisons, job, store)
    if comparisons != known:
        store.save_comparisons(comparisons)


def _tell_lost_rules(comparisons: Comparisons, job: Job, store: EventPathStore) -> Comparisons:
    """The same once people know of rules through which hardly any change came. Where not even dry runs came, they know
    more.
    """
    day, rules = comparisons.last, comparisons.news
    if not day or not rules or store.read().was_silent(day.since, job.run.now()):
        return comparisons
    about = {"rules": list(rules), "run_id": job.run.id, "account": job.settings.account_id}
    logger.error("most changes not heard through rules", extra=about)
    return comparisons.announced() if job.publish(lost_rules_notice(day, rules)) else comparisons


def _advance(current: Comparison, job: Job, store: EventPathStore) -> tuple[Comparison, str]:
    """How far it gets, and why Event history can't be read, if it can't."""
    run = job.run
    until = run.now() + min(_FOR_COMPARISON, run.patience())
    heard, pace = store.heard(current.since), Pace(_LOOKUPS_A_SECOND)
    least = max(_LEAST_NAMES, names_a_sweep(longest_pause(job.settings.sweep_schedule)))
    for number in range(max(_MOST_NAMES, least)):
        if not current.name or (number >= least and run.now() >= until):
            break
        try:
            records, is_cut = job.tools.history.named(current.name, current.since, current.until, pace.take_turn)
        except LifelineError as error:
            logger.warning("Event history not read: the next sweep goes on", error=str(error), run_id=run.id)
            return current, str(error)[:_LONGEST_WHY]
        current = current.counted(records, heard, is_cut=is_cut)
    return current, ""


def _log_comparison(last: Comparison, job: Job) -> None:
    about = {"since": last.since.isoformat(), "until": last.until.isoformat(), "missed": last.missed, "cut": last.cut}
    about |= {"run_id": job.run.id, "account": job.settings.account_id}
    logger.info("changes compared", happened=last.happened, heard=last.heard, extra=about)
