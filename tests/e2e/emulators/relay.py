"""CloudTrail, for the emulated accounts: each EC2 call that changes something becomes an event on the default bus of
the account in which it was made.

In an account CloudTrail records the call and hands it to EventBridge; no emulator does. So this sits in front of EC2,
reads each call and its answer off the wire, and puts the record on the bus a moment later. Nothing downstream is faked:
whether the event reaches anybody is decided by the rules that were deployed.

Tests ask below `/lifeline/` how far it is, and have it hold calls back, as an EC2 that is slow to answer would.
"""

import json
import queue
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import uuid4

from tests.e2e.emulators.wire import read_request, read_response
from tests.support.cloudtrail import DEPLOYER, Failure, Identity, ec2_model, operation_model, record_call
from tests.support.cloudtrail_styles import Json

ACCOUNT_ID = re.compile(r"\d{12}")
READ_ONLY = ("Describe", "Get", "List", "Search", "Export")
CONTROL = "/lifeline/"

type Environ = dict[str, Any]
type StartResponse = Callable[[str, list[tuple[str, str]]], Any]
type WsgiApplication = Callable[[Environ, StartResponse], Iterable[bytes]]


class Credential(NamedTuple):
    """The part of a signed request's Authorization header that says who calls what, where."""

    access_key_id: str
    region: str
    service: str


def read_credential(authorization: str) -> Credential:
    """Of `AWS4-HMAC-SHA256 Credential=KEY/20260302/us-east-1/ec2/aws4_request, …`; empty where it is unsigned."""
    _, found, rest = authorization.partition("Credential=")
    parts = rest.split(",")[0].strip().split("/")
    return Credential(parts[0], parts[2], parts[3]) if found and len(parts) == 5 else Credential("", "", "")


class Caller(NamedTuple):
    """Who calls, and in which account."""

    identity: Identity
    account: str


class Callers:
    """Who is behind an access key: sessions of roles and users, which IAM's emulator writes down, or the deployer."""

    def __init__(self, sessions: Path, home: str) -> None:
        self._sessions = sessions
        self._home = home

    def identify(self, access_key_id: str) -> Caller:
        """Whoever the key belongs to; a key that nobody wrote down is the deployer's, in the account of that id or at
        home.
        """
        lines = self._sessions.read_text(encoding="utf-8").splitlines() if self._sessions.exists() else []
        for line in lines:
            key, _, arn = line.partition(" ")
            if key == access_key_id:
                _, name, *session = arn.split(":")[-1].split("/", 2)
                return Caller(Identity(name, session="".join(session), access_key_id=key), arn.split(":")[4])
        return Caller(DEPLOYER, access_key_id if ACCOUNT_ID.fullmatch(access_key_id) else self._home)


class Trail:
    """Takes records and puts them on their account's bus, in its own thread: the caller never waits for CloudTrail."""

    def __init__(self, bus: Callable[[str], Any]) -> None:
        """`bus` gives the client of an account's EventBridge, as AWS itself calls it."""
        self._bus = bus
        self._records: queue.Queue[Json] = queue.Queue()
        self.recorded = 0
        self.delivered = 0
        threading.Thread(target=self._deliver, name="trail", daemon=True).start()

    def add(self, event: Json) -> None:
        """Deliver it soon. Records are added one after the other."""
        self.recorded += 1
        self._records.put(event)

    def _deliver(self) -> None:
        while True:
            event = self._records.get()
            try:
                self._put(event)
            except Exception as error:  # noqa: BLE001 -- as in AWS, delivery is best effort: say so and go on
                print(f"trail: {event['detail']['eventName']} is lost: {error}", flush=True)
            self.delivered += 1

    def _put(self, event: Json) -> None:
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"], default=str),
            "Time": event["time"],
        }
        answer = self._bus(event["account"]).put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            print(f"trail: {event['detail']['eventName']} was refused: {answer['Entries']}", flush=True)


class Gate:
    """Lets a few calls of one action pass, and keeps others waiting until it is opened."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._action = ""
        self._left = 0
        self.waiting = 0

    def close(self, action: str, *, after: int) -> None:
        """So many more of this action's calls pass."""
        with self._changed:
            self._action, self._left = action, after

    def open(self) -> None:
        """All pass."""
        with self._changed:
            self._action = ""
            self._changed.notify_all()

    def enter(self, action: str) -> None:
        """Return once the call may pass."""
        with self._changed:
            if action == self._action and self._left:
                self._left -= 1
                return
            self.waiting += 1
            self._changed.wait_for(lambda: action != self._action)
            self.waiting -= 1


class Recorder:
    """WSGI middleware: passes each request on to its caller's account, and records EC2's calls that change something.

    moto takes the account from the header `x-moto-account-id`, unless MOTO_ACCOUNT_ID is set.
    """

    def __init__(self, application: WsgiApplication, callers: Callers, trail: Trail) -> None:
        self._application = application
        self._callers = callers
        self._trail = trail
        # EC2 is consistent where two calls touch one resource. moto's models have no locks of their own.
        self._one_change_at_a_time = threading.Lock()
        self._gate = Gate()
        self._denied = ("", "")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(CONTROL):
            return self._control(environ, start_response)
        credential = read_credential(environ.get("HTTP_AUTHORIZATION", ""))
        caller = self._callers.identify(credential.access_key_id)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = caller.account
        if credential.service != "ec2":
            return self._application(environ, start_response)
        parameters = dict(parse_qsl(_take_body(environ).decode(), keep_blank_values=True))
        action = parameters.get("Action", "")
        if action.startswith(READ_ONLY) or action not in ec2_model().operation_names:
            return self._application(environ, start_response)
        self._gate.enter(action)
        at = datetime.now(UTC)
        agent = environ.get("HTTP_USER_AGENT", "")
        request_id = str(uuid4())  # moto gives every request the same one
        with self._one_change_at_a_time:
            refused = self._refusal(action, parameters, caller, request_id)
            status, body = refused or self._answer(environ, start_response)
            answered = (action, parameters, status, body, caller, credential.region, at, agent)
            self._trail.add(self._record(*answered, request_id=request_id))
        if refused:
            headers = [("Content-Type", "text/xml;charset=UTF-8"), ("Content-Length", str(len(body)))]
            start_response(f"{status} Refused", headers)
        return [body]

    def _refusal(
        self, action: str, parameters: dict[str, str], caller: Caller, request_id: str
    ) -> tuple[int, bytes] | None:
        """EC2's answer to what it doesn't carry out: to a call that is denied, and to a dry run, which moto would carry
        out (EC2 API: DryRun).
        """
        denied, why = self._denied
        if denied == action and caller.identity.session:
            words = (
                f"You are not authorized to perform this operation. User: {caller.identity.name} is not authorized to "
                f"perform: ec2:{action} on resource: * {why}. Encoded authorization failure message: 1a2b3c"
            )
            return 403, _error("UnauthorizedOperation", words, request_id)
        if parameters.get("DryRun") == "true":
            words = "Request would have succeeded, but DryRun flag is set."
            return 412, _error("DryRunOperation", words, request_id)
        return None

    def _control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """GET trail: how far it is. PUT gate?action=…&after=…: hold calls back. DELETE gate: let them pass.
        PUT denied?action=…&why=…: EC2 denies roles this call. DELETE denied: it doesn't any more.
        """
        method = environ["REQUEST_METHOD"]
        if environ["PATH_INFO"].endswith("/denied"):
            asked = dict(parse_qsl(environ["QUERY_STRING"])) if method == "PUT" else {}
            self._denied = (asked.get("action", ""), asked.get("why", ""))
        elif method == "PUT":
            asked = dict(parse_qsl(environ["QUERY_STRING"]))
            self._gate.close(asked["action"], after=int(asked["after"]))
        elif method == "DELETE":
            self._gate.open()
        # What is delivered is read first: it may not seem more than what was recorded.
        delivered = self._trail.delivered
        answer = {"recorded": self._trail.recorded, "delivered": delivered, "held": self._gate.waiting}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _answer(self, environ: Environ, start_response: StartResponse) -> tuple[int, bytes]:
        seen: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            seen.append(status)
            return start_response(status, headers, *rest)

        body = b"".join(self._application(environ, start))
        return int(seen[0].split()[0]), body

    def _record(
        self,
        action: str,
        parameters: dict[str, str],
        status: int,
        body: bytes,
        caller: Caller,
        region: str,
        at: datetime,
        agent: str,
        *,
        request_id: str,
    ) -> Json:
        operation = operation_model(action)
        answer = read_response(operation, status, body)
        error = answer.get("Error") if status >= 400 else None
        return record_call(
            action,
            read_request(operation, parameters),
            None if error else answer,
            failure=Failure(error["Code"], error["Message"]) if error else None,
            identity=caller.identity,
            user_agent=agent,
            at=at,
            region=region,
            account=caller.account,
            request_id=request_id,
        )


def _error(code: str, message: str, request_id: str) -> bytes:
    """EC2's answer to a refused call (EC2 API: error responses)."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        f"<Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    ).encode()


def _take_body(environ: Environ) -> bytes:
    """The request's body, which stays there for the next reader."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body
