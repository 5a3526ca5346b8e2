# make run: a local network in the foreground · make test: everything CI checks · make venv: just the environment
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
ARGS ?=

.PHONY: venv run sim study test test-host format lint types contract tests mutants docs bench clean proto fuzz flood soak lock \
	audit

venv: $(STAMP)

# An interpreter that went, or became another version, with an update of the system leaves an environment that
# cannot be used, whatever the stamp says.
WORKS := $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
ifneq ($(shell $(WORKS) && echo yes),yes)
.PHONY: $(STAMP)
endif

$(STAMP): requirements.txt requirements-dev.txt setup.py
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(WORKS) || echo "making .venv with $(PYTHON)"
	@$(WORKS) || $(PYTHON) -m venv --clear .venv || { \
		echo "The venv module of $(PYTHON) is needed (Debian: apt install python3-venv), and room on the disk"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: $(STAMP)
	@exec $(BIN)/python -m hypernode devnet $(ARGS)

sim: $(STAMP)  ## a network through faults on virtual time: make sim ARGS="--nodes 50 --hours 24 --faults all --seed 7"
	@exec $(BIN)/python -m hypernode sim run $(ARGS)

study: $(STAMP)  ## what the network does under loss, outages, liars and a plot, for hours: make study ARGS="--only loss"
	@exec $(BIN)/python -m hypernode sim study $(ARGS)

test: $(STAMP) format lint types contract tests docs

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

contract: $(STAMP)
	$(BIN)/lint-imports

tests: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal

test-host: $(STAMP)  ## what needs root or packages of Debian, 12 minutes at most (docs/suite.rst)
	$(BIN)/python -m pytest tests/host -m host -n auto --dist worksteal --session-timeout 720

mutants: $(STAMP)  ## plant forty bugs that the tests must notice, some minutes: make mutants ARGS="--only fork_choice"
	@exec $(BIN)/python -m tests.mutants $(ARGS)

docs: $(STAMP)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

soak: $(STAMP)  ## power cuts, kills and simulated networks by the thousand: make soak ARGS="--minutes 5 --seed 1"
	@exec $(BIN)/python -m tests.soak $(ARGS)

fuzz: $(STAMP)  ## coverage-guided fuzzing, some 20 minutes: make fuzz ARGS="--minutes 5 --executions 1000000"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

flood: $(STAMP)  ## attack a node of a local network in many ways, some ten minutes
	@exec $(BIN)/python -m tests.floods $(ARGS)

bench: $(STAMP)  ## the node's work measured beside bounds of the same run; ARGS=--large for the longest chain
	@$(BIN)/python -m benchmarks $(ARGS)

proto: $(STAMP)  ## regenerate the committed protobuf module (grpcio-tools 1.76.0, not among the requirements)
	$(BIN)/python -m grpc_tools.protoc -I hypernode/wire --python_out=hypernode/wire --pyi_out=hypernode/wire hypernode/wire/command.proto

lock: $(STAMP)  ## requirements.lock: the newest versions that the ranges allow, with their hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-lock.txt
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.lock requirements.txt

audit: $(STAMP)  ## known advisories of what requirements.lock pins; fails too where their source cannot be asked
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-lock.txt
	@$(BIN)/python -m pip_audit --strict --disable-pip --require-hashes -r requirements.lock || { \
		echo "Not in order: advisories above, or their source cannot be asked from here (then nothing is known)"; exit 1; }

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/_build *.egg-info
