# `make help` lists what can be made. Everything sets itself up on a fresh machine.
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers unit bench-quality bench-train docs site clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# torch comes first and pinned: a range would let pip pick a build with gigabytes of CUDA libraries.
$(VENV)/torch.stamp: constraints.txt
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up: torch" && $(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -c constraints.txt torch
	@touch $@

$(VENV)/run.stamp: $(VENV)/torch.stamp pyproject.toml
	@echo "setting up: sosie" && $(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@echo "setting up: development tools" && $(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

# The page is tested in a real browser. Where none can be set up (this needs root), its tests are skipped and say so.
$(VENV)/browser.stamp:
	@mkdir -p $(VENV)
	@if test -z "$$CHROMIUM" && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	  echo "setting up: a browser for the tests"; \
	  { apt-get install -y -qq chromium fonts-noto-cjk || { apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk; }; } \
	    >/dev/null 2>&1 || echo "no browser: install chromium, or set CHROMIUM to the file of one"; \
	fi
	@touch $@

demo: $(VENV)/run.stamp ## look-alikes in a real catalogue of 54 products, as a table and as a page; SERVE=1 goes on serving
	@$(VENV)/bin/sosie demo
	@$(if $(SERVE),$(VENV)/bin/sosie serve --store sosie-demo/vendure)

test: lint types layers unit ## everything that has to hold before a commit

lint: $(VENV)/dev.stamp ## style
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .

types: $(VENV)/dev.stamp ## strict types
	@$(VENV)/bin/mypy

layers: $(VENV)/dev.stamp ## rooms import only downwards
	@$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports

unit: $(VENV)/dev.stamp $(VENV)/browser.stamp ## the tests
	@$(VENV)/bin/python -m pytest -n 2

bench-quality: $(VENV)/run.stamp ## how good the answers are, on every data set of SOSIE_DATA (../shared/data)
	@$(VENV)/bin/python benchmarks/quality

bench-train: $(VENV)/dev.stamp ## what training comes to, on every data set; stop it whenever you like, it goes on
	@$(VENV)/bin/python benchmarks/training

docs: $(VENV)/dev.stamp ## write again the pages that are made from the code
	@for page in cli api formats settings recipes; do $(VENV)/bin/python docs/generate_$$page.py || exit 1; done

site: docs ## the pages as a site, in site/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet

clean: ## remove what was set up
	rm -rf $(VENV) sosie-demo
