# Options: MIN_COVERAGE= measures no coverage; JOBS is the number of test
# processes; TESTS picks tests, and takes any further argument of pytest.
MIN_COVERAGE ?= 90
JOBS ?= 2
TESTS ?=
BIN := .venv/bin
LINT := .venv-lint/bin

.PHONY: help train test programs report films chaos control fuzz coverage lint format bench soak clean venv venv-lint
.DEFAULT_GOAL := help

help:
	@echo 'make train     learn the green bowl task: runs/quickstart'
	@echo 'make test      run every test, and hold line coverage at 90%'
	@echo 'make programs  the tests of whole programs, and of what keeps a clock'
	@echo 'make coverage  the same, and list the lines no test reached'
	@echo 'make lint      style and types'
	@echo 'make format    format the code in place'
	@echo 'make report    docs/results.md and .html, from docs/results/records'
	@echo 'make films     train on four tasks, and film it for the report: an hour'
	@echo 'make bench     measure speed'
	@echo 'make chaos     a run of many processes, killed 30 times'
	@echo 'make control   a policy at 10 Hz for ten minutes, and twelve faults'
	@echo 'make fuzz      10,000 malformed requests to awopt-serve'
	@echo 'make soak      10,000 episodes of each task, half an hour'
	@echo 'make clean     delete what builds and tests left; keeps runs'

train: venv
	$(BIN)/awopt-train --gin_file run/quickstart.gin \
	  --root_dir runs/quickstart

test: venv
	$(BIN)/python -m pytest -n $(JOBS) -m 'not programs' \
	  $(if $(MIN_COVERAGE),--cov --cov-fail-under=$(MIN_COVERAGE)) $(TESTS)

# One at a time: each has several processes.
programs: venv
	$(BIN)/python -m pytest -m programs

coverage: venv
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report=term-missing $(TESTS)

lint: venv-lint
	$(LINT)/ruff check .
	$(LINT)/ruff format --check .
	$(LINT)/mypy

format: venv-lint
	$(LINT)/ruff check --fix .
	$(LINT)/ruff format .

report: venv
	$(BIN)/awopt-report

# The first training exports the policy from before practice, the second goes on.
films: venv
	for task in indiscriminate_grasping green_bowl middle_bin compostables; do \
	  for more in 'TrainConfig.practice_episodes = 0' ''; do \
	    $(BIN)/awopt-train --gin_file base/trial.gin \
	      --gin_file task/$$task.gin --gin_file variant/awopt.gin \
	      --gin_bindings "$$more" --root_dir runs/films/$$task || exit; \
	  done; \
	  $(BIN)/python -m awopt_agent.trials.evidence.films runs/films/$$task \
	    docs/results/films/$$task.mp4 || exit; \
	done

bench: venv
	$(BIN)/python -m tests.benchmarks

chaos: venv
	$(BIN)/python -m tests.benchmarks.chaos

control: venv
	$(BIN)/python -m tests.benchmarks.control

fuzz: venv
	$(BIN)/python -m tests.benchmarks.serve_fuzz

soak: venv
	$(BIN)/python -m tests.benchmarks.soak

clean:
	rm -rf build dist *.egg-info .coverage* htmlcov .*_cache
	find awopt_agent data tests -name __pycache__ -prune -exec rm -rf {} +

venv:
	@bash .ci/venv run

venv-lint:
	@bash .ci/venv lint
