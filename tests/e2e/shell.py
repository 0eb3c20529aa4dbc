"""A shell in an emulated account, for the commands of the docs as they stand there: `make emulators`.

The stack is deployed by whoever types, from the template that AWS gets. Nothing that is typed reaches AWS, and the
account ends with its shell. Without a terminal, the commands are read from the standard input.
"""

import os
import signal
import subprocess
import sys

from tests.e2e.emulators.account import ACCOUNT_ID, REGION, ROOT, Account
from tests.e2e.emulators.processes import EmulatorError
from tests.e2e.machine import build_site
from tests.e2e.steps import make_trail

PROFILE = "readonly"  # the one that the pages name
# Version 1 of the AWS CLI asks AWS itself for these services, whatever the environment says, unless the command names
# an address (aws/aws-cli: awscli/customizations/overridesslcommonname.py).
AWS_CLI = """() {
    for word in "$@"; do
        case $word in docdb|emr|health|neptune|rds|sqs) set -- --endpoint-url "$AWS_ENDPOINT_URL" "$@"; break;; esac
    done
    command aws "$@"
}"""
FUNCTIONS = {"BASH_FUNC_aws%%": AWS_CLI}  # as bash takes over functions from its environment
GREETING = f"""\
This shell is in an emulated AWS account, {ACCOUNT_ID} in {REGION}. It has a trail, and a VPC whose subnet has no way
out: {{vpc_id}} (orders). Nothing that you type here reaches AWS.
The commands of README.md and docs/ work as they stand there, those of the AWS CLI if you have it installed.
`exit` ends the shell, and with it the account and whatever you deployed.
"""


def environment(account: Account) -> dict[str, str]:
    """What leads SAM, the AWS CLI and the make targets into the account, and nowhere else."""
    config = account.directory / "config"
    keys = "aws_access_key_id = test\naws_secret_access_key = test\n"
    config.write_text(f"[profile {PROFILE}]\nregion = {REGION}\n{keys}", "utf-8")
    found = account.environment(**account.addresses(), AWS_CONFIG_FILE=str(config), PS1="emulated account $ ")
    own = [str(ROOT / ".envs" / name / "bin") for name in ("dev", "sam")]
    kept = {name: value for name, value in found.items() if not name.startswith("MAKE")}  # what the outer make says
    return kept | FUNCTIONS | {"PATH": os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])}


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    account = Account()
    try:
        with account.closing():
            print("starting the emulators", file=sys.stderr)
            account.build()  # once for all, so that no other run builds it while functions run from there
            account.start()
            make_trail(account)
            site = build_site(account.client("ec2"), cidr="10.60", name="orders", public=False)
            print(GREETING.format(vpc_id=site.vpc_id), file=sys.stderr)
            subprocess.run(["bash", "--norc"], env=environment(account), cwd=ROOT, check=False)
    except EmulatorError as error:
        print(f"{error}\nThe logs of the emulators are in {account.directory}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
