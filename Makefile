# Two commands matter: `make book` and `make test`. Each does its own set-up.
SHELL  := bash
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= cpu
JOBS   ?= 3
THREADS ?= 1
PY     := $(VENV)/bin/python

# nbval runs every notebook again, in Binder's environment, and compares; the plugin brings the tolerance.
# They come last: JupyterLab's test begins by making that environment, and nobody waits for it. Nor for the pages,
# which the first test of them builds.
NOTEBOOKS := -p tests.notebooks.tolerance --nbval $(wildcard notebooks)

# One thread gives the same floats everywhere; a third process works while others wait for a browser or a kernel.
export OMP_NUM_THREADS ?= 1
export IMPLICIT_TUTORIAL_LIVE ?= 0
# What Python has compiled is kept: thirty processes import PyTorch here.
unexport PYTHONDONTWRITEBYTECODE
# The kernels' debugger would print a note of its own.
export PYDEVD_DISABLE_FILE_VALIDATION = 1

.DEFAULT_GOAL := help
.PHONY: help book test serve notebooks sweeps bench lint format clean setup
.DELETE_ON_ERROR:

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1\t/' | expand -t 18
	@echo
	@echo "  TORCH=gpu make book   takes the CUDA build of PyTorch (several gigabytes) instead of the CPU one"

book: setup  ## build the book into _build/html (executes the notebooks; warnings are errors)
	@$(PY) tools/build_book.py

test: setup  ## everything CI runs: lint, unit tests, notebooks against their stored outputs, browser, Lab, Binder
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	$(PY) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder tests $(NOTEBOOKS)

serve: book  ## build, then serve the book on http://127.0.0.1:8000
	@$(PY) -m http.server 8000 --bind 127.0.0.1 --directory _build/html

notebooks: setup  ## re-execute every notebook and store its outputs
	@$(PY) tools/make_notebooks.py

bench: $(VENV)/.stamp-bench book  ## measure the speed of training beside other ways to do it (some minutes, an idle machine)
	@$(PY) -m benchmarks --threads $(THREADS)

sweeps: setup  ## list the stored studies, and make anew those whose code has changed (STUDIES="--timings width …")
	@$(PY) -m implicit_tutorial.book --list
	@$(PY) -m implicit_tutorial.book $(STUDIES)

lint: setup  ## ruff: rules and formatting
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

format: setup  ## let ruff mend what it can
	@$(PY) tools/format_chapters.py
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

clean:  ## remove what was built (the environment stays; delete .venv to start over)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

# ---- set-up: a stamp a stage, each redone only when what it stands for has changed ----
setup: $(VENV)/.stamp-package

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp-torch-$(TORCH): tools/install_torch.py | $(PY)
	@$(PY) tools/install_torch.py $(TORCH)
	@rm -f $(VENV)/.stamp-torch-* && touch $@

$(VENV)/.stamp-requirements: requirements.txt $(VENV)/.stamp-torch-$(TORCH)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.stamp-bench: benchmarks/requirements.txt $(VENV)/.stamp-package
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	@touch $@

$(VENV)/.stamp-package: pyproject.toml $(VENV)/.stamp-requirements
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
