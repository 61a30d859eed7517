# Every target runs in a virtual environment of its own tool; `make setup` builds them from requirements/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PYTHONPATH := $(CURDIR)
# Each tool is compiled at its first start, not again at every one.
unexport PYTHONDONTWRITEBYTECODE

# As contracts/settings.py reads it: of the environment, else of the env file.
export TOOLS_DIR := $(or $(TOOLS_DIR),$(strip $(shell sed -n 's/^ *TOOLS_DIR *=//p' $(or $(ENV_FILE),.env) 2>/dev/null | tail -n 1)),$(CURDIR)/.tools)
venv = $(TOOLS_DIR)/venvs/$(1)/bin/python
CORE := $(call venv,core)
# What a target prints is its own: setting up is told on stderr.
SETUP := >&2 python3 -m runner.setup

# Settings of the targets below: make generate_web_events RATE=500 SECONDS=60
RATE ?= 1000
EVENTS ?=
SECONDS ?=
SEED ?= 1
TEST_WORKERS ?= 2
SHAPE ?= steady
FORMAT ?= purchases
FILE ?=
FROM ?=
AS_OF ?=
TRIALS ?=
CUSTOMER_VALUE ?=
OFFER_COST ?=
MODEL ?= churn
VERSION ?=
# A query reaches its program by the environment: the shell would read its quotes, backticks and line ends.
export Q ?=
export SESSION ?=
REASON ?=
SEEDS ?= 1
FAULT ?=
PARTS ?=
FULL ?=

##@ The journey
demo: setup  ## Everything: set up, start, a year of events, marts, lake, segments, a table of what went where
	$(CORE) -m runner.demo
up: setup  ## Start the stack and everything that flows; print the pages
	$(CORE) -m runner up
down:  ## Stop the stack, keep its data
	@python3 -m runner.stop
status: setup  ## Each part: health, port, memory
	@$(CORE) -m runner status
logs: setup  ## Last lines of each part's log: make logs PART=kafka
	@$(CORE) -m runner logs $(PART)
clean:  ## Stop the stack and remove its data and results (what was installed stays)
	@python3 -m runner.stop --remove-data
verify: setup  ## Check the invariants I1 to I8 against the running stack
	$(CORE) -m verify

##@ Send events
generate_web_events: setup  ## Simulated web events: RATE= SHAPE=steady|daily EVENTS= SECONDS= SEED=
	$(CORE) -m generators web_events --rate "$(RATE)" --shape "$(SHAPE)" --events "$(EVENTS)" --seconds "$(SECONDS)" --seed "$(SEED)"
generate_streaming_purchases: setup  ## Simulated purchases: RATE= SHAPE= EVENTS= SECONDS= SEED=
	$(CORE) -m generators purchases --rate "$(RATE)" --shape "$(SHAPE)" --events "$(EVENTS)" --seconds "$(SECONDS)" --seed "$(SEED)"
replay: setup  ## Stream a real CSV: FILE=… FORMAT=purchases|rees46
	$(CORE) -m generators replay "$(FILE)" --format "$(FORMAT)"

synth:  ## New customers like those of a table, over REST, with a report: FROM=customers.csv|.parquet
	@$(SETUP) synth
	$(call venv,synth) -m synth "$(FROM)"

##@ Look
topics: setup  ## Topics: partitions, offsets, lag, last messages, dead letters
	@$(CORE) -m runner.topics
sql: setup  ## Read-only query on ClickHouse: Q="select …"
	@$(CORE) -m runner.query clickhouse "$$Q"
psql: setup  ## Read-only query on Postgres: Q="select …"
	@$(CORE) -m runner.query postgres "$$Q"

dlq: setup  ## Records set aside, by reason, with samples
	@$(CORE) -m runner.dead_letters show
dlq-replay: setup  ## Send the records set aside once more, after a fix: REASON=
	@$(CORE) -m runner.dead_letters retry --reason "$(REASON)"

##@ The batch side
marts: setup  ## dbt build, as known at the end of AS_OF=YYYY-MM-DD (default: now); FULL=1: every row anew
	$(if $(FULL),DBT_FULL_REFRESH=1) $(CORE) -m runner.batch marts --as-of "$(AS_OF)"
segments: setup  ## Marts, Iceberg, Spark K-Means segments and their report
	$(CORE) -m runner.batch segments --as-of "$(AS_OF)"
churn: setup  ## Marts, gate, churn models compared on later customers, registry, scores: TRIALS= CUSTOMER_VALUE= OFFER_COST=
	$(CORE) -m runner.batch churn --as-of "$(AS_OF)" $(if $(TRIALS),--trials "$(TRIALS)") $(if $(CUSTOMER_VALUE),--customer-value "$(CUSTOMER_VALUE)") $(if $(OFFER_COST),--offer-cost "$(OFFER_COST)")
clv: setup  ## Marts, then purchases and value to come of each customer, with intervals and holdout error
	$(CORE) -m runner.batch lifetime --as-of "$(AS_OF)"
cart: setup  ## Marts, then which carts are abandoned: XGBoost; with SESSION=key why that one is, by the newest run
ifdef SESSION
	@$(call venv,models) -W ignore -m spark_ml.carts.session --session "$$SESSION"
else
	$(CORE) -m runner.batch carts --as-of "$(AS_OF)"
endif
notebook: setup  ## An analyst's walk through segments and churn, executed: var/reports/customers.ipynb
	$(call venv,models) -m spark_ml.notebook
truth: setup  ## Results against what the simulator planted: parameters, uplift, churn, segments
	$(call venv,models) -W ignore -m judge
rollback: setup  ## Back to the model's champion before, or to a version: MODEL=churn VERSION=
	$(call venv,models) -m spark_ml.registry.rollback --model "$(MODEL)" --version "$(VERSION)"

##@ With Docker
docker-up:  ## The same stack in containers, pages printed: PROFILES=core,batch,ui,models
	@python3 -m runner.docker up
docker-demo:  ## A year of events through the running containers, and what went where: DEMO_CUSTOMERS= …
	@python3 -m runner.docker demo
docker-synth:  ## New customers like those of a table, over REST, from a container: FROM=customers.csv|.parquet
	@python3 -m runner.docker synth "$(FROM)"
docker-down:  ## Stop the containers, keep their data
	@python3 -m runner.docker down
docker-clean:  ## Stop the containers and remove their data (images stay)
	@python3 -m runner.docker down --remove-data

##@ Develop
resnapshot: setup  ## Replicate Postgres anew after its replication slot was lost
	$(CORE) -m cdc.snapshot
jobs-upgrade: setup  ## Stop the Flink job with a savepoint and start this version of it there
	$(CORE) -m flink_jobs.upgrade
setup:  ## Install what is missing: virtual environments, jars, MinIO
	@$(SETUP)
env: setup  ## Write .env with random secrets where it is missing
	@$(CORE) -m runner env
render: setup  ## Render DDL, connector and dbt sources from contracts/
	$(CORE) -m contracts.render
	$(CORE) docker/clickhouse/render.py
setup-dev:
	@$(SETUP) all dev synth compose chromium
# The long files first, so that none is left to run alone.
test: setup-dev  ## Unit, contract, integration and end-to-end tests: TEST_WORKERS= files at a time
	$(call venv,dev) -m pytest --numprocesses=$(TEST_WORKERS) --dist=loadfile --no-loadscope-reorder tests/integration tests/contract tests/unit
	$(call venv,dev) -m pytest tests/e2e
test-docker:  ## The compose file, run: takes a Docker engine, or root with dockerd and debootstrap; about half an hour
	@$(SETUP) dev minio compose
	$(call venv,dev) -m pytest -p no:cacheprovider tests/docker
lint:  ## ruff, mypy, sqlfluff
	@$(SETUP) dev
	$(call venv,dev) -m ruff check . && $(call venv,dev) -m ruff format --check . && $(call venv,dev) -m mypy contracts && $(call venv,dev) -m sqlfluff lint dbt/models
chaos: setup  ## Break each part of the running stack under load; what comes back, and what is lost: SEEDS= FAULT=
	$(CORE) -m chaos --seeds "$(SEEDS)" --fault "$(FAULT)"
freshness: setup  ## How old the newest row of each of the warehouse's sources is
	$(call venv,dbt) dbt/freshness.py
docs: setup  ## dbt's documentation site, with lineage: var/docs/index.html
	$(call venv,dbt) dbt/docs.py
bench: setup  ## Measure, after a demo; writes bench/results.json, the README's figures and a page of plots: PARTS=
	$(CORE) -m bench $(PARTS)
	$(call venv,spark) -m bench.page

help:
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z_-]+:.*##/ {printf "  %-30s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: chaos resnapshot synth docker-up docker-synth docker-down docker-clean dlq dlq-replay jobs-upgrade demo up down status logs clean verify generate_web_events generate_streaming_purchases replay topics sql psql marts segments setup setup-dev env render test lint bench help docs freshness test-docker docker-demo truth churn rollback clv cart notebook
