"""`sam local invoke` with every file in events/: the way in which people try a function before they deploy it.

The functions run in containers, on Lambda's own base image and SAM's own runtime emulator, against an emulated account.
SAM itself is loaded once for many of the files (see `sam_main.py`): that takes longer than all else that it does.
"""

import json
import queue
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.emulators.account import ROOT, Account, deployed
from tests.e2e.emulators.containers import reachable_from_containers, why_not

EVENTS = ROOT / "events"
FILES = sorted(EVENTS.rglob("*.json"))
AT_ONCE = 2
WITHIN_S = 600

pytestmark = pytest.mark.docker

SAM = ROOT / ".envs/sam/bin"

type Invocation = subprocess.CompletedProcess[str]
type Invoke = Callable[[list[str]], Invocation]


def function_for(file: Path) -> str:
    by_prefix = {"detect": "DetectMetricGaps", "coverage": "CoveragePage"}
    return by_prefix.get(file.name.partition("-")[0], "ReconcileEndpoints")


def is_right_form(file: Path, answer: Any) -> bool:
    """Whether it is what the function promises for such an event, rather than Lambda's word for an error."""
    event = json.loads(file.read_text(encoding="utf-8"))
    match function_for(file):
        case "CoveragePage":
            return isinstance(answer, str) and is_right_page(event, answer)
        case "DetectMetricGaps" if "forget" in event:
            return "forgotten" in answer
        case "DetectMetricGaps":
            watches = answer.get("watches")
            return "errors" not in answer and bool(watches) and all("states" in watch for watch in watches)
        case _:
            return is_right_look(event, answer)


def is_right_page(event: dict[str, Any], answer: str) -> bool:
    """Whether it is the page, with the VPC that every account has, or else its documentation as Markdown."""
    if "describe" in event:
        return answer.startswith("## ")
    return answer.startswith("<style") and "Lifeline: coverage</h2>" in answer and "<b>vpc-" in answer


def is_right_look(event: dict[str, Any], answer: dict[str, Any]) -> bool:
    if "Records" in event:
        return list(answer) == ["batchItemFailures"]
    for call in ("exempt", "adopt", "hand_over"):
        if call in event:  # it names what isn't in the emulated account
            return [error["field"] for error in answer.get("errors", ())] == [f"{call}[0]"]
    if "suggest" in event:  # which the template's default doesn't allow
        return [error["field"] for error in answer.get("errors", ())] == ["suggest"]
    if "doctor" in event:
        return isinstance(answer.get("status"), int) and isinstance(
            answer.get("text", answer.get("sections")), str | list
        )
    if "history" in event:
        return set(answer) == {"history"} and set(answer["history"]) == {"entries", "more"}
    told = isinstance(answer.get("text"), str) if "format" in event else isinstance(answer.get("vpcs"), list)
    return answer.get("mode") in ("enforce", "plan") and told


@pytest.fixture(scope="session")
def invocations(request: pytest.FixtureRequest) -> Iterator[dict[Path, Future[Invocation]]]:
    """The chosen files' invocations, which run ahead of the tests, two at a time."""
    if reason := why_not():
        pytest.skip(f"sam local invoke needs Docker: {reason}")
    chosen = [file for file in FILES if any(item.name.endswith(f"[{named(file)}]") for item in request.session.items)]
    with ExitStack() as stack:
        account = stack.enter_context(deployed())
        urls = [account.endpoint_url, account.ec2_endpoint_url]
        reachable = stack.enter_context(reachable_from_containers(urls, account.environment(), account.directory))
        arguments = arguments_for(account, reachable)
        # The first one is `sam` itself, and alone: it builds SAM's image, which two at once would both do.
        done = subprocess.run(
            [str(SAM / "sam"), *arguments(chosen[0])],
            env=environment_of(account),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        first: Future[Invocation] = Future()
        first.set_result(done)
        invokers: queue.Queue[Invoke] = queue.Queue()
        for _ in range(AT_ONCE):
            invokers.put(stack.enter_context(loaded_sam(account)))

        def invoke(file: Path) -> Invocation:
            invoker = invokers.get()
            try:
                return invoker(arguments(file))
            finally:
                invokers.put(invoker)

        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        yield {chosen[0]: first} | {file: pool.submit(invoke, file) for file in chosen[1:]}
        pool.shutdown(cancel_futures=True)


def arguments_for(account: Account, reachable: dict[str, str]) -> Callable[[Path], list[str]]:
    variables = account.directory / "env-vars.json"
    variables.write_text(json.dumps({"Parameters": local_variables(account, reachable)}), encoding="utf-8")
    parameters = [f"{name}={value}" for name, value in account.parameters().items()]

    def arguments(file: Path) -> list[str]:
        command = ["local", "invoke", function_for(file), "--config-file", str(ROOT / "samconfig.toml")]
        command += ["--template", str(account.template), "--event", str(file)]
        return [*command, "--env-vars", str(variables), "--skip-pull-image", "--parameter-overrides", *parameters]

    return arguments


def environment_of(account: Account) -> dict[str, str]:
    """SAM asks STS for the account's id: the emulated one's."""
    return account.environment(AWS_ENDPOINT_URL=account.endpoint_url)


@contextmanager
def loaded_sam(account: Account) -> Iterator[Invoke]:
    """SAM's command line, which runs one command after the other."""
    command = [str(SAM / "python"), str(Path(__file__).with_name("emulators") / "sam_main.py")]
    with subprocess.Popen(
        command, env=environment_of(account), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        requests, answers = process.stdin, process.stdout

        def invoke(arguments: list[str]) -> Invocation:
            outputs = {name: account.directory / f"sam-{process.pid}.{name}" for name in ("stdout", "stderr")}
            asked = {
                "arguments": arguments,
                "within_s": WITHIN_S,
                **{name: str(path) for name, path in outputs.items()},
            }
            requests.write(json.dumps(asked) + "\n")
            requests.flush()
            status = int(answers.readline())
            told = {name: path.read_text(encoding="utf-8") for name, path in outputs.items()}
            return subprocess.CompletedProcess(arguments, status, **told)

        yield invoke


def local_variables(account: Account, reachable: dict[str, str]) -> dict[str, str]:
    """What SAM can't know of a stack: its resources' names, and where the emulators are for a container."""
    return {
        "TABLE_NAME": account.outputs["LedgerTable"],
        "KILL_SWITCH_PARAMETER": account.outputs["KillSwitch"],
        "TOPIC_ARN": account.outputs["NoticesTopic"],
        "QUEUE_URL": account.outputs["ChangesQueue"],
        "REPAIR_QUEUE_URL": account.outputs["RepairRequestsQueue"],
        "DETECT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/lifeline-Checks",  # as in the file
        "DEAD_LETTER_QUEUE_URL": account.outputs["DeadLetterQueue"],
        **{name: reachable[address] for name, address in account.addresses().items()},
    }


def named(file: Path) -> str:
    return str(file.relative_to(EVENTS))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_an_event_file_can_be_tried_locally(file: Path, invocations: dict[Path, Future[Invocation]]) -> None:
    done = invocations[file].result()

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert "errorType" not in answer, done.stdout + done.stderr
    assert is_right_form(file, answer), done.stdout + done.stderr
