# `make` lists what there is. PYTHON=python3.12 chooses the interpreter, VENV=path the virtual environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.g2-installed
PYTEST := $(BIN)/python -m pytest -n auto

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check docs bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## run g2 on a small training script: what breaks its graphs, then rewrites for it
	@# Both exit with 1 when there is something to tell, and here there is.
	@for command in explain fix; do \
	  echo; echo "\$$ g2 $$command fixtures/quickstart.py"; echo; \
	  $(BIN)/g2 $$command fixtures/quickstart.py || { code=$$?; [ $$code -eq 1 ] || exit $$code; }; \
	done

test: $(INSTALLED) ## run the tests
	$(PYTEST) -m "not slow"

test-all: $(INSTALLED) ## run the tests, the slow ones too
	$(PYTEST)

check: $(INSTALLED) ## ruff, mypy, pyright
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(INSTALLED) ## write the pages of docs/ that are made from the code
	$(BIN)/python -m g2.explain.pages docs
	$(BIN)/python -m g2.rewrite.pages docs

bench: $(INSTALLED) ## measure what g2 costs
	$(BIN)/python bench/run.py

clean: ## remove the virtual environment and what the tools leave behind
	rm -rf $(VENV) build dist g2_torch.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml setup.py g2-torch.pth constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no $(PYTHON). Choose another Python: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "g2 needs Python 3.11 or newer, and $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Choose another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu, install python3-venv." >&2; exit 1; }
	@echo "Installing g2 and torch into $(VENV); the first time takes some minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
