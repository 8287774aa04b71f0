# make demo | test | quick | soak | coverage | lint | bench | docs | clean: each sets up .venv first, when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# A worker more than cores, since some wait for a browser or a process of theirs; a thread a worker. Files stay whole, since a page's
# examples build on each other.
WORKERS = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

demo: .venv/ready
	@$(BIN)/recurra demo

test: .venv/ready
	@$(PYTEST)

quick: .venv/ready
	@$(PYTEST) tests -m "not slow and not clock"

# The long form of every fuzz and fault suite: hours. One worker a core; a test's examples stay in one worker.
soak: .venv/ready
	@RECURRA_SOAK=1 $(PYTEST) tests -m "soak or sampled or hypothesis"

coverage: .venv/ready
	@$(PYTEST) --cov=recurra --cov-report=term:skip-covered

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tools/plain_words.py

format: .venv/ready
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/ready
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: .venv/ready
	@$(BIN)/python docs/make_reference.py
	@$(PYTEST) docs tests/test_docs.py

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis

.venv/ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Recurra needs Python 3.11 or newer; no '$(PYTHON)' here. Install it, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Recurra needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V). Name another: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Setting up .venv (once; PyTorch is a large download) ..."
	@rm -f $@
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' \
	  || { echo "The packages could not be installed: the lines above say why. Check the network and the disk, then run make again."; exit 1; }
	@touch $@

.PHONY: demo test quick soak coverage lint format bench docs clean
