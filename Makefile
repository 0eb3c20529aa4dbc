# make test   every check        make demo   the story, on emulators
# Everything is installed below .envs/ from the locks in requirements/; nothing outside this folder is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# Without its bytecode, each process of each run would rewrite the asserts of all tests and compile them again.
unexport PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0
PYTHON ?= python3

DEV := .envs/dev/bin
SAM := .envs/sam/bin/sam
UV := .envs/uv/bin/uv

.PHONY: help setup test lint types template unit chain chain-more soak local-invoke demo demo-organization emulators compare docs spoke lock fmt clean plan look-back doctor suggest namespaces cli policy browser audit mutants package

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready .envs/checkov/.ready ## install what the checks and the demo need

.envs/uv/.ready: requirements/uv.txt
	@$(PYTHON) -m venv .envs/uv
	@.envs/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# One environment a tool: aws-sam-cli, ministack, checkov and our own code pin botocores that exclude each other.
.envs/%/.ready: requirements/%.txt .python-version | .envs/uv/.ready
	@echo "installing .envs/$*" >&2
	@$(UV) venv --quiet --clear --seed --python "$$(cat .python-version)" .envs/$*
	@VIRTUAL_ENV=.envs/$* $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	@touch $@

# The chain mostly waits for its emulators, and needs no quiet machine: so all else runs beside it.
SIDE_BY_SIDE := -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
test: ## every check: lint, types, template, unit tests, the page, the deployed chain
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory $(SIDE_BY_SIDE) chain lint types template unit browser

lint: .envs/dev/.ready
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	PYTHONPATH=functions $(DEV)/lint-imports

types: .envs/dev/.ready
	$(DEV)/mypy

template: .envs/sam/.ready .envs/checkov/.ready
	$(SAM) validate --lint
	.envs/sam/bin/cfn-lint spoke.yaml
	.envs/checkov/bin/checkov --quiet --compact --framework cloudformation --skip-download --file template.yaml spoke.yaml

unit: .envs/dev/.ready ## the fast tests: core, adapters, handlers, template
	$(DEV)/pytest -n 2 --dist worksteal -m "not chain and not chain_more and not soak and not docker and not browser"

browser: .envs/dev/.ready ## test the coverage page in a browser (needs Chromium, in CHROMIUM or on the PATH)
	$(DEV)/pytest -m browser -rs

# One process for each deployed account: they mostly wait, so more of them run at once than there are cores.
ON_EMULATORS := $(DEV)/pytest tests/e2e -n 3
OR_NONE := || [ $$? = 5 ]  \# pytest's exit status where no test is selected

chain: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## the deployed stack on emulators
	$(ON_EMULATORS) -m chain

chain-more: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## further deployed stacks on emulators
	$(ON_EMULATORS) -m chain_more $(OR_NONE)

soak: .envs/dev/.ready ## a day of 5,000 agents, simulated, and many more examples of each property (slow)
	$(DEV)/pytest -n 2 --dist worksteal -m soak $(OR_NONE)

local-invoke: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## run sam local invoke for every file in events/ (needs Docker)
	$(DEV)/pytest -m docker -rs

demo: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## run the demo on emulators, without an AWS account
	@PYTHONPATH=functions:. $(DEV)/python -m tests.e2e.demo

demo-organization: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## run the demo of a hub with two other accounts
	@PYTHONPATH=functions:. $(DEV)/python -m tests.e2e.demo_organization

# Not part of `make test`: it measures, and needs a quiet machine.
compare: .envs/dev/.ready .envs/c7n/.ready ## measure a sweep beside Cloud Custodian, on an emulated region: VPCS="100 500"
	@PYTHONPATH=functions:. $(DEV)/python -m bench.custodian $${VPCS:-100 500}

package: .envs/dev/.ready .envs/sam/.ready ## write what is published to dist/: artifact, plain template, SBOM, hashes
	@PYTHONPATH=functions:. $(DEV)/python -m tools.release

docs: .envs/dev/.ready ## regenerate the pages and tables in docs/ that come from the template, the schema and the prices
	@PYTHONPATH=functions:. $(DEV)/python -m tools.parameters
	@PYTHONPATH=functions:. $(DEV)/python -m tools.permissions
	@PYTHONPATH=functions:. $(DEV)/python -m tools.policy_fields
	@PYTHONPATH=functions:. $(DEV)/python -m tools.cost_tables

spoke: .envs/dev/.ready ## regenerate spoke.yaml, the template for a hub's other accounts
	@PYTHONPATH=functions:. $(DEV)/python -m tools.spoke

emulators: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## open a shell in an emulated account, for the commands of the docs
	@PYTHONPATH=functions:. $(DEV)/python -m tests.e2e.shell

plan: .envs/dev/.ready ## print what Lifeline would do in a region, all or some VPCs: [VPC=vpc-...] [REGION=...] [REGIONS=all] [FORMAT=csv] [POLICY=file] [SERVICES=monitoring,ssm] [PROFILE=...]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.plan \
	  --vpc="$${VPC-}" --region="$${REGION-}" --regions="$${REGIONS-}" --profile="$${PROFILE-}" \
	  --services="$${SERVICES-}" --policy="$${POLICY-}" --format="$${FORMAT-}"

look-back: .envs/dev/.ready ## print what 90 days of network changes tell: [FROM=folder of CloudTrail files] [REGION=...] [PROFILE=...] [FORMAT=json] [NAMES=hash]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.look_back --from="$${FROM-}" \
	  --region="$${REGION-}" --profile="$${PROFILE-}" --format="$${FORMAT-}" --names="$${NAMES-}"

doctor: .envs/dev/.ready ## examine what Lifeline depends on: [STACK=lifeline] [REGION=...] [PROFILE=...] [FORMAT=json] [LOOKBACK=yes] [NAMES=hash]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.doctor \
	  --stack="$${STACK-}" --region="$${REGION-}" --profile="$${PROFILE-}" --format="$${FORMAT-}" \
	  --look-back="$${LOOKBACK-}" --names="$${NAMES-}"

suggest: .envs/dev/.ready ## print what private subnets need, from evidence: [VPC=vpc-...] [REGION=...] [FORMAT=json] [STACK=lifeline] [SERVICES=monitoring,ssm] [PROFILE=...]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.suggest \
	  --vpc="$${VPC-}" --region="$${REGION-}" --profile="$${PROFILE-}" --stack="$${STACK-}" \
	  --services="$${SERVICES-}" --format="$${FORMAT-}"

namespaces: .envs/dev/.ready ## regenerate the map from IAM's namespaces to endpoint services
	@PYTHONPATH=functions:. $(DEV)/python -m tools.namespaces

# xargs splits ARGS at blanks outside of quotes, so that --reason 'moves to the hub' is one argument.
cli: .envs/dev/.ready ## make one of Lifeline's calls: ARGS="plan vpc-..." [ARGS=--help]
	@printf '%s' "$${ARGS-}" | xargs $(DEV)/python -m lifeline_cli

policy: .envs/dev/.ready ## print the policy for the upgrade of a stack that has many parameters: [STACK=lifeline] [REGION=...] [PROFILE=...]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.upgrade \
	  --stack="$${STACK-}" --region="$${REGION-}" --profile="$${PROFILE-}"

fmt: .envs/dev/.ready ## format the code
	$(DEV)/ruff check --fix-only .
	$(DEV)/ruff format .

lock: .envs/uv/.ready ## resolve requirements/*.in again
	@for name in uv audit dev sam ministack checkov c7n; do $(MAKE) --no-print-directory requirements/$$name.txt.lock; done
	@$(UV) pip compile $(LOCK_FLAGS) functions/requirements.in -o functions/requirements.txt

LOCK_FLAGS := --quiet --upgrade --python-version 3.13 --universal --generate-hashes --no-header --no-annotate --no-emit-index-url
requirements/%.txt.lock:
	@$(UV) pip compile $(LOCK_FLAGS) requirements/$*.in -o requirements/$*.txt

# Not part of `make test`, which must give the same answer tomorrow.
audit: .envs/audit/.ready .envs/dev/.ready ## look up known vulnerabilities of everything that is locked (needs the network)
	@PYTHONPATH=functions:. $(DEV)/python -m tools.audit

# Not part of `make test`: it takes the better part of an hour.
mutants: .envs/dev/.ready ## change single things in the core's rooms and see whether a test fails: [SIZE=300] [SEED=14]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.mutants --size="$${SIZE-300}" --seed="$${SEED-14}"

clean: ## remove everything that was built and installed
	rm -rf .envs .aws-sam .run dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
