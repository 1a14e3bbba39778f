# Two commands are enough on a fresh machine: `make matrix` runs the matrix, `make test` the tests.
# Needs only make and Python 3.9 or newer; everything else goes into .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python3.9; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Tests wait more than they compute, and half of the time one daemon is what they wait for.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 3 ? n + 1 : 4)))
SELECT := $(if $(TF),--tf '$(TF)') $(if $(DEVICE),--device $(DEVICE)) $(if $(CASE),--case '$(CASE)')
ENGINE_OPTION := $(if $(ENGINE),--engine $(ENGINE))

.DEFAULT_GOAL := tfmatrix
.PHONY: help tfmatrix matrix test unit coverage dist torture parity fuzz check bench lock render doctor clean

tfmatrix: .venv/installed ## make the command .venv/bin/tfmatrix, in seconds
	@echo "$(BIN)/tfmatrix is there. Try it on a script of yours:"
	@echo "  $(BIN)/tfmatrix run my.py --tf 2.9,2.15,2.21"
	@echo "make help shows the other targets."

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@echo
	@echo "  TF='>=2.10' DEVICE=cuda CASE='layers-*' ENGINE=local choose what is run; ARGS=… is passed on"

matrix: .venv/installed ## run the matrix of matrix.yaml; results/latest has the report
	$(BIN)/tfmatrix run $(SELECT) $(ENGINE_OPTION) $(ARGS)

test: .venv/installed-dev ## run the tests, real TensorFlow included
	$(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder $(ARGS)

unit: .venv/installed-dev ## run the tests that need neither Docker nor TensorFlow
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit tests/fuzz $(ARGS)

coverage: .venv/installed-dev ## the same with a report of the lines that they reach, in build/coverage
	$(BIN)/coverage run -m pytest tests/unit tests/fuzz -q $(ARGS)
	$(BIN)/coverage html
	$(BIN)/coverage report --skip-covered

dist: .venv/installed-dev ## build the wheel and the source distribution into dist/
	$(BIN)/uv build --python $(BIN)/python --no-build-isolation --out-dir dist .

torture: .venv/installed-dev ## run hostile scripts and failing machines for real; see SECURITY.md
	$(BIN)/python -m pytest tests/torture tests/engines/test_podman.py tests/engines/test_rootless.py -m 'torture or not torture' $(ARGS)

parity: .venv/installed-dev ## show that forked cells say what fresh processes say
	$(BIN)/python -m pytest tests/engines/test_parity.py -m parity $(ARGS)

fuzz: .venv/installed-fuzz ## fuzz what comes from outside, guided by coverage (ARGS='--inputs 500000 matrix')
	$(BIN)/python -m tests.fuzz.fuzz $(ARGS)

check: .venv/installed-dev ## types and style
	$(BIN)/mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/installed ## measure tfmatrix against loops, tox and the floor (ARGS=--quick: a few minutes)
	$(BIN)/python -m bench $(ARGS)

lock: .venv/installed ## resolve the environments anew, as of each release's date
	$(BIN)/tfmatrix lock $(SELECT) $(ARGS)

render: .venv/installed ## write each environment's Dockerfile and locked requirements
	$(BIN)/tfmatrix render $(SELECT) $(ARGS)

doctor: .venv/installed ## say what works on this machine, and how to mend what doesn't
	$(BIN)/tfmatrix doctor

clean: .venv/installed ## remove the images, environments and runs that this tool made
	$(BIN)/tfmatrix clean $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "tfmatrix needs Python 3.9 or newer: make matrix PYTHON=/path/to/python3"; exit 2; }
	@test -w . || { echo "$(CURDIR) cannot be written, and make puts .venv there; to fix it: git clone $(CURDIR) to a folder of yours"; exit 2; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv/installed-fuzz: .venv/installed-dev tests/fuzz/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r tests/fuzz/requirements.txt
	@touch $@
