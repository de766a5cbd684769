# make demo: sets up, then runs the default study from raw log to comparison table.
# make report STUDY=config/studies/x.yaml: rebuilds the reports of a study after a change of its configuration.
# make test: sets up, then checks style and runs all tests that this machine can run.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEFAULT := results/studies/default

.PHONY: demo report test lint format lock docs bench-models clean

$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "LogAssay needs Python 3.11 or newer; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.lock
	touch $@

demo: $(VENV)/.ready
	$(BIN)/snakemake --cores all
	@$(BIN)/python scripts/show_comparison.py --comparison $(DEFAULT)/comparison.parquet --path-shown $(DEFAULT)/comparison.md
	@echo "Reports: $(DEFAULT)/report/comparison_report.en.html (.ko.html), and epoch_report_MODEL.en.html of each trained model"

report: $(VENV)/.ready
	$(BIN)/snakemake --cores all $(if $(STUDY),--configfile $(STUDY)) -- reports

test: lint
	$(BIN)/python -m pytest tests -n 2 --dist loadfile

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy scripts
	$(BIN)/snakemake --lint

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# The option reference in config/README.md, generated from the schema.
docs: $(VENV)/.ready
	$(BIN)/python scripts/describe_options.py --schema workflow/schemas/config.schema.yaml --readme config/README.md

# After a change of a version in pyproject.toml: resolve everything anew in a fresh environment.
lock:
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet $$($(PYTHON) -c 'import tomllib; \
		p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*p["dependencies"], *p["optional-dependencies"]["dev"])')
	{ grep "^#" requirements.lock; $(VENV)-lock/bin/pip freeze | sed "s/+cpu//"; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	rm -rf $(VENV)-lock

# Seconds per epoch of each model beside its plain formulation, on the default study's training part.
SPLIT := results/runs/dataset=simulated/grouping=session/split=chronological/seed=1
bench-models: $(VENV)/.ready
	$(BIN)/snakemake --cores all $(SPLIT)/train.parquet
	$(BIN)/python scripts/bench_models.py --train $(SPLIT)/train.parquet --templates $(SPLIT)/templates.parquet \
		--models config/models.yaml --output results/bench_models.json

clean:
	rm -rf results .snakemake
