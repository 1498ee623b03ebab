# A fresh Linux machine needs Python 3.10 to 3.13, git and make; the rest is installed into .venv.
# Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
BUILDING := $(VENV)/.building
RUN := $(VENV)/bin/python

PAPER_EFFECTS := mda_delay mda_overdrive mda_ambience mda_ringmod mda_combo mda_dynamics mda_multiband mda_thruzero mda_leslie

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow bench weekly-report identifiability gradient-lab style-controllers style-benchmark lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(INSTALLED) ## Train on synthetic sound for some minutes, write a report, and match one sound to another
	@set -e; run_dir=runs/demo/$$(date +%Y-%m-%d_%H-%M-%S); set -x; \
	$(RUN) train.py experiment=demo run_dir=$$run_dir; \
	$(RUN) evaluate.py run=$$run_dir; \
	$(RUN) train.py experiment=style_demo run_dir=$$run_dir/controller; \
	$(VENV)/bin/fxstyle generate --count 1 --seconds 6 --out $$run_dir/sounds; \
	$(VENV)/bin/fxstyle effects render distortion --set drive_db=30 $$run_dir/sounds/000000_guitar_melody.wav $$run_dir/reference.wav; \
	$(VENV)/bin/fxstyle match $$run_dir/sounds/000000_guitar_melody.wav $$run_dir/reference.wav --effect distortion --run $$run_dir/controller --renders 128 --out $$run_dir/match

test: $(INSTALLED) ## Run all tests but the slow ones
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m 'not slow' --numprocesses 2 --dist loadfile

test-slow: $(INSTALLED) ## Run the long studies
	$(RUN) -m pytest -m slow

bench: $(INSTALLED) ## Run the benchmarks
	$(RUN) -m pytest -o addopts= tests/benchmarks --benchmark-only

weekly-report: $(INSTALLED) ## Repeat the study of docs/representation.md (RECORDINGS=folder, MODEL=vae or vae_pooled)
	@test -n "$(RECORDINGS)" || { echo "make: give a folder of recordings, as in: make weekly-report RECORDINGS=DIR" >&2; exit 2; }
	@set -e; run_dir=runs/weekly_report/$$(date +%Y-%m-%d_%H-%M-%S); set -x; \
	$(RUN) train.py experiment=weekly_report model=$(or $(MODEL),vae) audio=folder audio.root=$(RECORDINGS) run_dir=$$run_dir; \
	$(RUN) evaluate.py run=$$run_dir

identifiability: $(INSTALLED) ## Repeat docs/identifiability.md (RECORDINGS=folder)
	@test -n "$(RECORDINGS)" || { echo "make: give a folder of recordings, as in: make identifiability RECORDINGS=DIR" >&2; exit 2; }
	$(VENV)/bin/fxstyle doctor identifiability mda_weekly mda_paper --recordings "$(RECORDINGS)" --out docs/identifiability.md --overwrite

gradient-lab: $(INSTALLED) ## Repeat docs/gradients.md (PLUGINS="names of further effects" are tried too)
	OMP_NUM_THREADS=1 $(RUN) -m fxstyle.commands.gradient_lab --out docs $(if $(PLUGINS),--plugins $(PLUGINS))

style-benchmark: $(INSTALLED) ## Compare all ways to transfer a style (RECORDINGS=folder, EFFECTS=set, CONTROLLERS={name: run, ...}, START=name)
	@test -n "$(RECORDINGS)" || { echo "make: give a folder of recordings, as in: make style-benchmark RECORDINGS=DIR" >&2; exit 2; }
	$(RUN) evaluate.py experiment=style_benchmark dataset="$(RECORDINGS)" effects=$(or $(EFFECTS),mda_paper) \
	  "controllers=$(or $(CONTROLLERS),null)" start=$(or $(START),null)

style-controllers: $(INSTALLED) ## Train the controllers of docs/style_transfer.md (RECORDINGS=folder)
	@test -n "$(RECORDINGS)" || { echo "make: give a folder of recordings, as in: make style-controllers RECORDINGS=DIR" >&2; exit 2; }
	@set -e; out=runs/style_controllers; audio="audio=folder audio.root=$(RECORDINGS) test=false"; set -x; \
	$(RUN) train.py experiment=style_transfer effects=style_many $$audio trainer.max_epochs=28 run_dir=$$out/all; \
	$(RUN) train.py experiment=weekly_report effects=mda_paper $$audio data.clip_samples=65536 run_dir=$$out/vae; \
	for effect in $(PAPER_EFFECTS); do \
	  $(RUN) train.py experiment=style_transfer effects=$$effect $$audio trainer.max_epochs=6 data.train_items=1000 \
	    data.val_items=48 run_dir=$$out/each/$$effect; \
	  $(RUN) train.py experiment=style_grant2023 effects=$$effect $$audio model.encoder.run=$$out/vae \
	    data.train_items=300 +trainer.max_time=00:00:01:20 run_dir=$$out/grant/$$effect; \
	done

lint: $(INSTALLED) ## Check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean: ## Remove .venv and all caches; runs/ stays
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find fxstyle tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An installation that was broken off can look whole to pip, so it is started again from an empty folder.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null || { \
	  echo "make: fxstyle needs Python 3.10 to 3.13, but $(PYTHON) is `$(PYTHON) --version 2>&1 | tail -n 1`;" \
	    "choose another, as in: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) cannot make environments; install its venv package (Debian: apt install python3-venv)" >&2; \
	  exit 2; }
	@set -e; rm -f $@; \
	if [ -e $(BUILDING) ] || ! $(RUN) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --clear --without-pip $(VENV); touch $(BUILDING); $(RUN) -m ensurepip --upgrade >/dev/null; \
	fi; \
	touch $(BUILDING); \
	$(RUN) -m pip install --progress-bar off -c constraints.txt -e '.[dev]'; \
	rm $(BUILDING); touch $@
