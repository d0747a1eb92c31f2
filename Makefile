# make course   run the whole course at its quick size into runs/course     make lab    open it in JupyterLab
# make test     every test, doctest and notebook, with coverage             make lint   style and types
# make build    write notebooks/*.ipynb from notebooks/src                  make lock   renew constraints.txt
# make site     build the website into build/site/html, offline              make dist   wheel and sdist of the last commit
# make colab    run the student pages with Colab's versions, in an environment of their own (ARGS=LESSON for some)
# make bundle   one archive for a class without network, after make site if that is wanted; ARGS=--download adds the wheels it needs
# make js       bundle the explorers' JavaScript, after a change of ucmt_lite/explore/draw/js (needs node)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# More threads make small networks many times slower, and change the last digits.
export OMP_NUM_THREADS ?= 1

.PHONY: course lab colab test lint eslint js build site lock browser dist bundle

course: $(VENV)/lab.stamp
	$(BIN)/ucmt-lite course

lab: $(VENV)/lab.stamp
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory eslint; \
	  else echo "No node here: the explorers' JavaScript was not checked; install node 20.19 or newer for that."; fi

eslint: node_modules/.package-lock.json
	npm run --silent lint

# The bundles are committed; a test tells when one is older than its sources.
js: node_modules/.package-lock.json
	npm run --silent build

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --silent
	touch $@

build: $(VENV)/lab.stamp
	$(BIN)/ucmt-lite course build $(ARGS)

colab: $(VENV)/dev.stamp
	$(BIN)/python tests/colab/stand_in.py $(ARGS)

# Without node the site shows the UMIX lab as a picture: what runs its networks comes from npm.
site: $(VENV)/site.stamp
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory node_modules/.package-lock.json; \
	  else echo "No node here: the site's UMIX lab will be a picture."; fi
	$(BIN)/python docs/site/build.py

# From the commit and not from the folder: files in progress stay out, and every time is the commit's (GNU tar is needed for that).
dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
dist: $(VENV)/dev.stamp
	rm -rf dist && mkdir -p dist/source
	git archive HEAD | tar -x -C dist/source
	cd dist/source && $(abspath $(BIN))/python -c \
	  "from setuptools import build_meta as b; b.build_wheel('..'); b.build_sdist('..')" >/dev/null
	cd dist && rm -rf source && tar -xzf *.tar.gz && \
	  tar --sort=name --mtime=@$$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner -c ucmt_lite-*/ | gzip -n > $$(ls *.tar.gz)
	cd dist && rm -rf ucmt_lite-*/ && sha256sum *

bundle: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
bundle: dist
	$(BIN)/python docs/bundle/build.py $(ARGS)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/lab.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[lab]"
	touch $@

$(VENV)/site.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[lab,site,export]"
	touch $(VENV)/lab.stamp $@

# Touching both stamps spares `make course` after `make test` a second installation.
$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[lab,dev]"
	touch $(VENV)/lab.stamp $@

# The browser test needs Chromium and skips without it; only machines where apt-get may install get it here.
browser:
	command -v chromium || (apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-dejavu-extra) \
	  || echo "No Chromium here and none could be installed: the browser test will be skipped."

# One file for every platform and Python, and one for Binder, which installs it before the repository is copied, so that a new
# commit needs no new environment (a line with -c or -e would have it copied first). Only Linux pins torch (macOS wheels of one version are not for every release),
# and the CUDA libraries that torch brings on Linux are left to torch.
lock: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet uv
	printf 'torch==2.13.0 ; sys_platform == "linux"\n' > $(VENV)/torch.txt
	$(BIN)/uv pip compile pyproject.toml --extra lab --extra dev --extra site --universal --python-version 3.10 -c $(VENV)/torch.txt \
	  --no-annotate --no-header --quiet -o $(VENV)/all.txt
	grep -vE '^(nvidia|cuda|triton|torch=)' $(VENV)/all.txt | cat - $(VENV)/torch.txt | LC_ALL=C sort > constraints.txt
	$(BIN)/uv pip compile pyproject.toml --extra lab --python-version 3.11 --python-platform linux -c constraints.txt \
	  --no-annotate --no-header --quiet -o $(VENV)/binder.txt
	(echo "--extra-index-url https://download.pytorch.org/whl/cpu"; grep -vE '^(nvidia|cuda|triton)' $(VENV)/binder.txt) > binder/requirements.txt
