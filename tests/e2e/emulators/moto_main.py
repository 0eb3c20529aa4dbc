"""moto's server as the accounts' EC2 and CloudWatch, with CloudTrail in front. Started by `processes`, ends with it."""

import argparse
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

from tests.e2e.emulators import realism
from tests.e2e.emulators.leash import end_with_parent
from tests.e2e.emulators.relay import Callers, Recorder, Trail
from tests.support.event_history import teach_event_history
from tests.support.moto_filters import teach_dry_runs

NOT_EMULATED = ("/route53profiles/",)


def only_emulated(application: Any) -> Any:
    """Answers 404, as a region without the service does, where moto would fail for want of a backend."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        if any(service in environ.get("HTTP_AUTHORIZATION", "") for service in NOT_EMULATED):
            start_response("404 Not Found", [("Content-Type", "application/json")])
            return [b'{"message": "not emulated"}']
        return application(environ, start_response)

    return front


def main() -> None:
    """Serve until the parent is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bus", required=True, help="where EventBridge is")
    parser.add_argument("--sessions", type=Path, required=True, help="who is behind which access key")
    parser.add_argument("--account", required=True, help="whose the other keys are")
    parser.add_argument("--pending-s", type=float, required=True, help="how long an endpoint takes to come up")
    chosen = parser.parse_args()

    end_with_parent()
    teach_event_history()
    teach_dry_runs()
    realism.apply(pending=timedelta(seconds=chosen.pending_s))

    @cache
    def bus(account: str) -> Any:
        """An account's EventBridge, as AWS itself calls it: its access key is the account's id."""
        return boto3.client("events", endpoint_url=chosen.bus, aws_access_key_id=account, aws_secret_access_key="test")

    application = only_emulated(DomainDispatcherApplication(create_backend_app))
    recorder = Recorder(application, Callers(chosen.sessions, chosen.account), Trail(bus))
    run_simple("127.0.0.1", chosen.port, recorder, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
