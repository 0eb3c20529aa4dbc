"""IAM's access advisor: which services a role called, and when last."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.adapters.aws.pace import Pace
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.suggest.evidence import ServiceUse

# IAM publishes no rate for these two. Reports of many roles at once were throttled (indeni/dragoneye#79).
_CALLS_A_SECOND = 5
_BETWEEN_POLLS = 1.0
_GONE = "NoSuchEntity"


class AccessAdvisor:
    """What each role called. A report is a job of some seconds; all are begun before the first is waited for.

    IAM hands a report to the caller that asked for it, and keeps what it knows for 400 days (IAM API:
    GenerateServiceLastAccessedDetails).
    """

    def __init__(
        self, client: ClientOf = client, *, wait: Callable[[float], None] = sleep, pace: Pace | None = None
    ) -> None:
        self._iam: Any = client("iam")
        self._wait = wait
        self._pace = pace or Pace(_CALLS_A_SECOND)

    def read(self, roles: Collection[str], *, until: float) -> tuple[dict[str, tuple[ServiceUse, ...]], dict[str, str]]:
        """By role, what it called, and why that of some roles can't be read; `until` is of the clock `monotonic`.

        A role that is gone called nothing.
        """
        uses: dict[str, tuple[ServiceUse, ...]] = {}
        failed: dict[str, str] = {}
        jobs: dict[str, str] = {}
        for role in sorted(set(roles)):
            with _noted(role, failed):
                jobs[role] = self._begin(role, until)
        for role, job in jobs.items():
            with _noted(role, failed):
                uses[role] = self._report(job, until)
        return uses, failed

    def _begin(self, role: str, until: float) -> str:
        self._pace.take_turn(until)
        with aws_errors(f"access advisor of {role.rpartition('/')[2]}"):
            return str(self._iam.generate_service_last_accessed_details(Arn=role)["JobId"])

    def _report(self, job: str, until: float) -> tuple[ServiceUse, ...]:
        """All pages of a report, once it is complete. Raises ours, TransientError too if that takes too long."""
        found: list[ServiceUse] = []
        more: dict[str, str] = {}
        while True:
            if monotonic() > until:
                raise TransientError("the report took too long", code="Late")
            self._pace.take_turn(until)
            with aws_errors("access advisor's report"):
                answer = self._iam.get_service_last_accessed_details(JobId=job, **more)
            if answer["JobStatus"] == "IN_PROGRESS":
                self._wait(_BETWEEN_POLLS)
                continue
            if answer["JobStatus"] == "FAILED":
                error = answer.get("Error", {})
                raise TerminalError(f"the report failed: {error.get('Message', 'IAM does not say why')}")
            found += [
                ServiceUse(one["ServiceNamespace"], one["LastAuthenticated"], one.get("LastAuthenticatedRegion", ""))
                for one in answer.get("ServicesLastAccessed", ())
                if one.get("LastAuthenticated")
            ]
            if not answer.get("IsTruncated"):
                return tuple(found)
            more = {"Marker": answer["Marker"]}


@contextmanager
def _noted(role: str, failed: dict[str, str]) -> Iterator[None]:
    """Notes why the role's report can't be read, unless the role is gone."""
    try:
        yield
    except LifelineError as error:
        if not (isinstance(error, TerminalError) and error.code == _GONE):
            failed[role] = str(error)
