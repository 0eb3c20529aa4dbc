"""Observe, plan, apply: gives the VPCs that are asked for the endpoints that they miss.

Level-triggered: a request says which VPCs to reconcile, the network says what to do there. The same request twice, late
or out of order changes nothing. Plan mode is the same path without its last step.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lifeline.adapters.aws.calls import beside
from lifeline.adapters.aws.network import MUST_BE_READ
from lifeline.core.denial import read_denial
from lifeline.core.errors import LifelineError
from lifeline.core.guards.mode import Mode
from lifeline.core.notices.policy import policy_notice
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.policy.policy import Policy
from lifeline.core.requests.request import Request
from lifeline.core.requests.session_names import hash_session_names
from lifeline.core.requests.tags import OWN_TAGS, keep_known_tags
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.reconciliation import Reconciliation
from lifeline.reconciler.steps.denied_reads import without_denied_reads
from lifeline.reconciler.steps.epoch import current_epoch, read_region
from lifeline.reconciler.steps.event_path import hear, note_changes
from lifeline.reconciler.steps.job import Job, Tools
from lifeline.reconciler.steps.policy_in_force import PolicyInForce, current_policy, mark_notified, stacks_policy
from lifeline.reconciler.steps.proven import prove_claims
from lifeline.reconciler.steps.requeue import debounce, pace_sweeps, put_back
from lifeline.reconciler.steps.routed import only_routed
from lifeline.reconciler.steps.targets import Targets, find_targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings


def reconcile(
    requests: Sequence[Request],
    *,
    mode: Mode,
    tools: Tools,
    settings: Settings,
    run: Run,
    failed: list[tuple[Request, LifelineError]] | None = None,
) -> tuple[VpcAnswer, ...]:
    """Reconciles each VPC that the requests touch once, however many they are. The answers are in the VPCs' order.

    Requests whose resources can't be looked up, claims that can't be proven yet, and requests for VPCs of which
    something can't be saved are added to `failed`, with the error, and the others are answered.
    Raises TransientError or TerminalError where the network could not be observed, or without `failed`; nothing was
    changed then.
    """
    with beside(partial(note_changes, requests, tools.event_path, run)):
        heard = hear(requests, tools, run, failed)
        return _reconcile(heard, mode=mode, tools=tools, settings=settings, run=run, failed=failed)


def _reconcile(
    waiting: Sequence[Request],
    *,
    mode: Mode,
    tools: Tools,
    settings: Settings,
    run: Run,
    failed: list[tuple[Request, LifelineError]] | None,
) -> tuple[VpcAnswer, ...]:
    waiting = only_routed(waiting, tools.routed, failed)  # before anything else is read: these come by the thousands
    if not waiting:
        return ()
    stacks, catalog = stacks_policy(settings), tools.network.catalog
    in_force = current_policy(settings.policy_parameter, stacks, tools.policies, catalog, now=run.now())
    policy = in_force.policy or stacks
    tools = tools.under(policy)
    is_manual = mode is not settings.mode
    approves = tuple(request.approve for request in waiting if request.approve)
    gatekeeper = Gatekeeper(
        tools.guards, settings, run, approves, policy.without_approval, policy.shares, policy.central
    )
    job = Job(mode, Targets(), tools, settings, run, is_manual=is_manual, owner_tags=policy.owner_tags)
    with beside(gatekeeper.why_stop):
        region = read_region(job)
    job = replace(job, epoch=current_epoch(job, region))
    if not is_manual:
        _notify_of_policy(in_force, job)
    with without_denied_reads(job, waiting, region):
        proven = prove_claims(waiting, tools.history, settings, now=run.now())
        for _, error in proven.failed:
            if tools.denials:
                tools.denials.note(error)
        if failed is not None:
            failed += proven.failed
        told = [as_told(request, in_force.policy, settings.account_id) for request in proven.requests]
        return _find_and_reconcile(told, job, in_force, gatekeeper, failed) if told else ()


def as_told(request: Request, policy: Policy | None, account: str) -> Request:
    """The request as it may get anywhere: without names of sessions if the policy says so or couldn't be read, and with
    those of the tags that decide what is required.
    """
    if policy is None or policy.hash_session_names:
        request = hash_session_names(request, account)
    return keep_known_tags(request, OWN_TAGS | (policy.tag_keys if policy else frozenset()))


def _find_and_reconcile(
    waiting: Sequence[Request],
    job: Job,
    in_force: PolicyInForce,
    gatekeeper: Gatekeeper,
    failed: list[tuple[Request, LifelineError]] | None,
) -> tuple[VpcAnswer, ...]:
    tools, settings, run = job.tools, job.settings, job.run
    debounce_for = (in_force.policy or stacks_policy(settings)).iac_debounce
    is_debounced = bool(settings.queue_url and debounce_for) and not job.is_manual
    targets = find_targets(waiting, tools.lookup, tools.vpcs, job.home, is_debounced=is_debounced)
    for _, error in targets.failed:
        denial = read_denial(str(error))
        if tools.denials and denial and denial.action not in MUST_BE_READ:
            tools.denials.note(error)
    if targets.failed and failed is None:
        raise targets.failed[0][1]
    later = [*targets.beyond, *(request for request, _ in targets.failed)]
    waiting = [request for request in waiting if not any(request is other for other in later)]
    if failed is not None:
        failed += targets.failed
    if is_debounced:
        targets = debounce(targets, tools.queue, during=debounce_for, now=run.now())
    if settings.queue_url and not job.is_manual:
        targets = pace_sweeps(targets, tools.queue, tools.vpcs, job.home, debounce=settings.debounce, now=run.now())
    answers = Reconciliation(replace(job, targets=targets), in_force, gatekeeper, failed).answer(waiting)
    if failed is not None:  # last of all: where a run fails, all of its messages come again
        failed += put_back(targets.beyond, tools.queue)
    return answers


def _notify_of_policy(in_force: PolicyInForce, job: Job) -> None:
    problem = in_force.problem
    if problem and problem.is_news and job.publish(policy_notice(problem, job.settings.policy_parameter)):
        try:
            mark_notified(problem, job.tools.policies, now=job.run.now())
        except LifelineError as error:
            logger.error("policy notice sent, but not saved as sent", error=str(error))
