# `make check` is what continuous integration runs, less what needs real engines; some minutes.
.DEFAULT_GOAL := check
.PHONY: check format lint types tidy unit test manual texts lock
BIN := .venv/bin

check: lint types tidy unit

format: ## write the format and the fixes that ruff is sure of
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

$(BIN)/ruff: ## a fresh clone, or one that was only run: what the checks need
	./sextet setup --test

format lint types tidy unit manual texts: $(BIN)/ruff

lint:
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types:
	$(BIN)/mypy

tidy:
	$(BIN)/python tools/tidy.py

unit: ## unit and play tests: no engine, no socket to anything real
	$(BIN)/python -m pytest -q -m "not scenario and not browser and not simulation"

test: ## all tests, as ./sextet test
	./sextet test

manual: ## write docs/manual/reference from the declarations
	$(BIN)/python tools/manual.py

texts: ## add the texts of the pages that are new to the catalogues of other languages
	$(BIN)/python tools/texts.py

lock: ## choose the newest versions again; needs pip-tools on the PATH
	pip-compile -q $(LOCK_FLAGS) --extra build -o requirements.lock pyproject.toml
	pip-compile -q $(LOCK_FLAGS) --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
LOCK_FLAGS := --upgrade --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links
