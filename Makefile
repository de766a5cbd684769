# make setup: only sets up .venv.
# make demo: sets up, then runs the default study from raw log to comparison table.
# make init LOG=path: looks at a log of yours and writes a study of it, config/studies/<name>.yaml, which runs as it is.
# make report STUDY=config/studies/x.yaml: rebuilds the reports of a study after a change of its configuration.
# make bundle STUDY=config/studies/x.yaml: packs a study into one file; make reproduce in the unpacked file runs and checks it.
# make verify STUDY=config/studies/x.yaml: says which results are damaged or out of date, and what to do about it.
# make test: sets up, then checks style and runs all tests that this machine can run.
# make long: kills a run 200 times at random moments, and feeds the readers made-up files for ten minutes.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEFAULT := results/studies/default

.PHONY: setup demo init report bundle reproduce verify test long lint format lock environments container docs audit bench bench-models bench-parsers clean

$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "LogAssay needs Python 3.11 or newer; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.lock
	touch $@

setup: $(VENV)/.ready

demo: $(VENV)/.ready
	$(BIN)/snakemake --cores all --rerun-incomplete
	@$(BIN)/python scripts/show_comparison.py --comparison $(DEFAULT)/comparison.parquet --path-shown $(DEFAULT)/comparison.md
	@echo "Reports: $(DEFAULT)/report/comparison_report.en.html (.ko.html), and epoch_report_MODEL.en.html of each trained model"

# LOG may be a pattern in quotes, STUDY names the study, LABELS is a CSV with labels, FORCE=1 overwrites the file.
init: $(VENV)/.ready
	@$(BIN)/python scripts/describe_log.py --input "$$LOG" $(if $(STUDY),--name "$$STUDY") \
		$(if $(LABELS),--labels "$$LABELS") $(if $(FORCE),--force)

report: $(VENV)/.ready
	$(BIN)/snakemake --cores all --rerun-incomplete $(if $(STUDY),--configfile "$$STUDY") -- reports

# Runs the study where its results are not up to date, then writes results/bundles/NAME.tar.gz. INPUTS=no leaves your logs out.
bundle: $(VENV)/.ready
	$(BIN)/snakemake --cores all --rerun-incomplete $(if $(STUDY),--configfile "$$STUDY")
	@$(BIN)/python scripts/bundle_study.py $(if $(STUDY),--study "$$STUDY") $(if $(filter no,$(INPUTS)),--without-inputs)

# In the folder of an unpacked bundle: its study from raw log to reports, then whether the tables are the expected ones.
reproduce: $(VENV)/.ready
	@$(BIN)/python scripts/check_reproduction.py --inputs
	$(BIN)/snakemake --cores all --rerun-incomplete --configfile bundle/study.yaml
	@$(BIN)/python scripts/check_reproduction.py

# What in results/ is damaged, or does not match its inputs, the code or the configuration any more; with remedies.
verify: $(VENV)/.ready
	@$(BIN)/python scripts/verify_results.py $(if $(STUDY),--study "$$STUDY")

test: lint
	$(BIN)/python -m pytest tests -n 2 --dist loadfile --no-loadscope-reorder

# LOGASSAY_SEED=2 kills at other moments.
long: $(VENV)/.ready
	LOGASSAY_KILLS=200 LOGASSAY_FUZZ_SECONDS=600 $(BIN)/python -m pytest -s tests/interruptions tests/hostile/test_fuzz.py

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
	{ grep "^#" requirements.lock; $(VENV)-lock/bin/pip freeze --all | sed "/^pip==/d; s/+cpu//"; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	$(VENV)-lock/bin/python $(PIN)
	rm -rf $(VENV)-lock

# After a change of the packages that envs/*.yaml name themselves: write below them what these need, pinned as in the lock.
PIN := scripts/pin_environments.py --lock requirements.lock --environments $(wildcard envs/*.yaml)
environments: $(VENV)/.ready
	$(BIN)/python $(PIN)

# What an image for --sdm conda apptainer is built from, with all environments: results/Dockerfile. Needs the conda command.
container: $(VENV)/.ready
	@mkdir -p results
	$(BIN)/snakemake --containerize > results/Dockerfile.new
	mv results/Dockerfile.new results/Dockerfile

# Known vulnerabilities of the pinned packages, as PyPI's advisory service lists them; this needs the network.
audit: $(VENV)-audit/.ready
	$(VENV)-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip --strict --progress-spinner off

$(VENV)-audit/.ready:
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install --quiet pip-audit==2.10.1
	touch $@

# Lines a second and memory of each stage beside what others would do, 5 rounds in one run: about five minutes. For example
# make bench ARGS=--quick, or ARGS="--large --real FOLDER" (see scripts/bench_stages.py --help).
bench: $(VENV)/.ready
	@$(MAKE) --silent $(VENV)-bench/.ready || echo "logparser3 is left out: it could not be installed."
	$(BIN)/python scripts/bench_stages.py --formats config/formats.yaml --logparser $(VENV)-bench \
		--output results/bench_stages.json --markdown results/bench_stages.md $(ARGS)

$(VENV)-bench/.ready: envs/bench.txt
	rm -rf $(VENV)-bench
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)-bench -r envs/bench.txt
	touch $@

# Seconds per epoch of each model beside its plain formulation, on the default study's training part.
SPLIT := results/runs/dataset=simulated/grouping=session/split=chronological/seed=1
bench-models: $(VENV)/.ready
	$(BIN)/snakemake --cores all $(SPLIT)/train.parquet
	$(BIN)/python scripts/bench_models.py --train $(SPLIT)/train.parquet --templates $(SPLIT)/templates.parquet \
		--models config/models.yaml --output results/bench_models.json

# How well and how fast the template miners group Loghub's samples (folders NAME with NAME_2k.log and its true templates).
SAMPLES ?= $(or $(LOGASSAY_REAL_DATA),../shared/data)/loghub_2k
bench-parsers: $(VENV)/.ready
	@$(MAKE) --silent $(VENV)-bench/.ready || echo "logparser3 is left out: it could not be installed."
	PYTHONPATH=$(VENV)-bench $(BIN)/python scripts/bench_parsers.py --samples $(SAMPLES) --formats config/formats.yaml \
		--output results/bench_parsers.json --markdown results/bench_parsers.md $(ARGS)

clean:
	rm -rf results .snakemake
