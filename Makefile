# Two commands a newcomer needs: make demo, make test. uv does the work; when it is missing it is
# put into a private environment (.uv/), so that nothing of the machine is changed.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --quiet
# Else each of the tests' many processes compiles all it imports anew: a third of their time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test setup acceptance soak drill bench lint clean

# Ctrl-C (status 130) is how a demo ends.
demo: $(UV)
	@$(RUN) fsapp demo || test $$? -eq 130

# The acceptance suite mostly waits for events: four workers keep two cores busy, and
# files begin in their order, so that those with few and long tests are not the last ones.
test: $(UV) lint
	$(RUN) pytest -n 4 --dist loadfile --no-loadscope-reorder

setup: $(UV)
	$(UV) sync --quiet

# On a real FreeSWITCH; SWITCH=lab: on the lab switch, where more can wait beside each other.
SWITCH ?= freeswitch
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder
WORKERS_freeswitch := -n 3 $(SIDE_BY_SIDE)
WORKERS_lab := -n 8 $(SIDE_BY_SIDE)
acceptance: $(UV)
	$(RUN) pytest tests/acceptance --switch=$(SWITCH) $(if $(filter embedded,$(MODE)),--embedded) \
		$(WORKERS_$(SWITCH))

SOAK_EXAMPLES ?= 2000
FUZZED := tests/calls/test_model.py tests/web/test_fuzz.py tests/soak/test_refusals.py \
	tests/switch/test_frame_fuzz.py tests/acceptance/test_openapi.py

# Twice SOAK_MINUTES minutes (10), then the fuzz tests with SOAK_EXAMPLES examples each (a tenth
# for each route, a sixth for refusals, a twentieth for each operation of openapi.json) and the faults
# that last as long as in real life. Each part runs whatever the ones before it found; the exit
# status is not 0 when an invariant was broken in any.
soak: $(UV)
	@failed=0; \
	$(RUN) python -m tests.soak || failed=1; \
	$(RUN) python -m tests.soak.endurance || failed=1; \
	SOAK_EXAMPLES=$(SOAK_EXAMPLES) $(RUN) pytest --hypothesis-show-statistics $(FUZZED) || failed=1; \
	$(RUN) pytest tests/acceptance --at-length -m at_length || failed=1; \
	exit $$failed

# On a real FreeSWITCH, five minutes; the exit status is 1 unless nobody was lost.
drill: $(UV)
	$(RUN) python -m tests.drill

# Figures beside figures (docs/bench.md); the workloads on a real FreeSWITCH need FSAPP_FREESWITCH.
bench: $(UV)
	$(RUN) python -m tests.bench

lint: $(UV)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

clean:
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache bench-results

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv
