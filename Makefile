# Short names for what contributors do; manage.sh is what users need.
UV ?= uv
LOCK = $(UV) pip compile --universal --generate-hashes --python-version 3.11 --no-header --quiet

.PHONY: test lint format bench lock upgrade

test:
	./manage.sh test

lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy --strict

format:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

# What the gateway costs (docs/performance.md); OPTIONS="--quick" takes a third of the time.
bench:
	.venv/bin/python -m bench $(OPTIONS)

# Pins with hashes for Python 3.11 and later on every platform; what is pinned already stays.
lock:
	$(LOCK) pyproject.toml --group build -o requirements.txt
	$(LOCK) pyproject.toml --group build --extra test -c requirements.txt -o requirements-test.txt

# The same, with the newest versions that pyproject.toml allows.
upgrade:
	rm -f requirements.txt requirements-test.txt
	$(MAKE) lock
