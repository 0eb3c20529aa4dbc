# make test   every check        make demo   the story, on emulators
# Everything is installed below .envs/ from the locks in requirements/; nothing else is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PYTHONDONTWRITEBYTECODE := 1
export SAM_CLI_TELEMETRY := 0
PYTHON ?= python3

DEV := .envs/dev/bin
SAM := .envs/sam/bin/sam
UV := .envs/uv/bin/uv

.PHONY: help setup test lint types template unit chain local-invoke demo docs lock fmt clean plan browser

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready .envs/checkov/.ready ## install all that the checks and the demo need

.envs/uv/.ready: requirements/uv.txt
	@$(PYTHON) -m venv .envs/uv
	@.envs/uv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# One environment a tool: aws-sam-cli, ministack, checkov and our own code pin botocores that exclude each other.
.envs/%/.ready: requirements/%.txt .python-version | .envs/uv/.ready
	@echo "installing .envs/$*"
	@$(UV) venv --quiet --clear --seed --python "$$(cat .python-version)" .envs/$*
	@VIRTUAL_ENV=.envs/$* $(UV) pip sync --quiet --compile-bytecode --require-hashes $<
	@touch $@

test: lint types template unit browser chain ## every check: lint, types, template, unit tests, the page, the deployed chain

lint: .envs/dev/.ready
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	PYTHONPATH=functions $(DEV)/lint-imports

types: .envs/dev/.ready
	$(DEV)/mypy

template: .envs/sam/.ready .envs/checkov/.ready
	$(SAM) validate --lint
	.envs/checkov/bin/checkov --quiet --compact --framework cloudformation --skip-download --file template.yaml

unit: .envs/dev/.ready ## the fast tests: core, adapters, handlers, template
	$(DEV)/pytest -n 2 -m "not chain and not docker and not browser"

browser: .envs/dev/.ready ## the coverage page in a browser (needs Chromium: CHROMIUM, or on the PATH)
	$(DEV)/pytest -m browser -rs

# These mostly wait, so more of them run at once than there are cores.
chain: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## the deployed stack on emulators
	$(DEV)/pytest -n 4 --dist loadfile -m chain

local-invoke: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## sam local invoke for every file in events/ (needs Docker)
	$(DEV)/pytest -m docker -rs

demo: .envs/dev/.ready .envs/sam/.ready .envs/ministack/.ready ## the story on emulators: no AWS account
	@PYTHONPATH=functions:. $(DEV)/python -m tests.e2e.demo

docs: .envs/dev/.ready ## write anew what docs/ takes from the template, the schema and the prices
	@PYTHONPATH=functions:. $(DEV)/python -m tools.permissions
	@PYTHONPATH=functions:. $(DEV)/python -m tools.policy_fields
	@PYTHONPATH=functions:. $(DEV)/python -m tools.cost_tables

plan: .envs/dev/.ready ## what Lifeline would do: VPC=vpc-... [REGION=...] [PROFILE=...] [SERVICES=monitoring,ssm]
	@PYTHONPATH=functions:. $(DEV)/python -m tools.plan \
	  --vpc="$${VPC-}" --region="$${REGION-}" --profile="$${PROFILE-}" --services="$${SERVICES-}"

fmt: .envs/dev/.ready ## format the code
	$(DEV)/ruff check --fix-only .
	$(DEV)/ruff format .

lock: .envs/uv/.ready ## resolve requirements/*.in anew
	@for name in dev sam ministack checkov; do $(MAKE) --no-print-directory requirements/$$name.txt.lock; done
	@$(UV) pip compile $(LOCK_FLAGS) functions/requirements.in -o functions/requirements.txt

LOCK_FLAGS := --quiet --upgrade --python-version 3.13 --universal --generate-hashes --no-header --no-annotate --no-emit-index-url
requirements/%.txt.lock:
	@$(UV) pip compile $(LOCK_FLAGS) requirements/$*.in -o requirements/$*.txt

clean: ## remove what was built and installed
	rm -rf .envs .aws-sam .run .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
