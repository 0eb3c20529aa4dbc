"""What routes lead to: noted by every run that observes, and asked before a run begins for what only counts there."""

from collections.abc import Mapping, Sequence
from functools import partial

from lifeline.adapters.store.routed import RoutedStore
from lifeline.core.errors import LifelineError
from lifeline.core.network.model import Vpc
from lifeline.core.requests.request import Request
from lifeline.core.requests.routed import counts_if_routed, matched, noted, targets_of_routes
from lifeline.reconciler.steps.job import Job
from lifeline.runtime.observability import logger


def only_routed(
    requests: Sequence[Request], store: RoutedStore | None, failed: list[tuple[Request, LifelineError]] | None
) -> list[Request]:
    """The requests without those about instances and interfaces that no route leads to: one read, however many.

    Where the ledger can't be read, those that need it are added to `failed` and come again; without `failed`, the error
    is raised.
    """
    if not any(map(counts_if_routed, requests)):
        return list(requests)
    try:
        return matched(requests, store.read() if store else {})
    except LifelineError as error:
        if failed is None:
            raise
        failed += [(request, error) for request in requests if counts_if_routed(request)]
        return [request for request in requests if not counts_if_routed(request)]


def note_routed(vpcs: Sequence[Vpc], job: Job, *, is_region: bool) -> Mapping[str, str]:
    """Saves what the VPCs' routes lead to, and returns what could not be read, in words and by VPC. Without it, events
    are missed until the next run there, and nothing else; what goes with the targets that the routes name may be
    missing by itself.
    """
    if not job.tools.routed:
        return {}
    targets = {vpc.id: targets_of_routes(vpc) for vpc in vpcs}
    attached: Mapping[str, frozenset[str]] = {}
    unread: dict[str, str] = {}
    try:
        attached = job.tools.lookup.attachments_of(frozenset[str]().union(*targets.values()))
    except LifelineError as error:
        logger.warning("attachments of what routes lead to not read", error=str(error), run_id=job.run.id)
        if job.tools.denials:
            job.tools.denials.note(error)
        words = f"what is attached to the network interfaces that routes lead to could not be read: {error}"
        unread = {vpc_id: words for vpc_id, ids in targets.items() if ids}
    try:
        of_vpcs = {
            vpc_id: ids.union(*(attached.get(target_id, frozenset()) for target_id in ids))
            for vpc_id, ids in targets.items()
        }
        job.tools.routed.change(partial(noted, vpcs=of_vpcs, is_region=is_region, keep=unread.keys()))
    except LifelineError as error:
        logger.warning("what routes lead to not saved", error=str(error), run_id=job.run.id)
    return unread
