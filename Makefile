# 联动 Liandong. Two commands matter: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run web test test-rust test-web lint bench fmt docs prompts clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The property tests' seed: one commit gives one result. `make test SEED=$$RANDOM` goes where nobody has been.
SEED ?= 20261124

run: web ## Build everything and start the hub with the demo city on http://127.0.0.1:8080
	cargo run --release -- demo

web: web/dist/index.html ## Build the console

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web/src web/public -type f 2>/dev/null) web/index.html
	cd web && npm run build
	touch $@

test: ## Install what the tests need and run them all
	tests/setup.sh
	$(MAKE) lint test-web test-rust

lint: web/node_modules/.package-lock.json ## Formatting, clippy, types, Biome
	cargo fmt --all --check
	cd web && npm run lint && npm run typecheck
	cargo clippy --workspace --all-targets -q -- -D warnings

test-web: web/node_modules/.package-lock.json web ## The console's own tests
	cd web && npm test

test-rust: web ## Unit tests on both databases, and the scenarios with real peers
	PROPTEST_RNG_SEED=$(SEED) LIANDONG_TEST_POSTGRES="$$(tests/postgres.sh start)" cargo test --workspace

bench: web ## Speed as CPU time and ratios beside the floor
	benches/run.sh

fmt: ## Format everything
	cargo fmt --all
	cd web && npm run format

docs: ## The API document and the crate docs
	cargo run -q -- openapi > docs/openapi.json
	cargo doc --workspace --no-deps

prompts: ## Make the spoken prompts anew (needs espeak-ng and sox)
	dialplans/prompts/make.sh

clean: ## Remove what was built
	cargo clean
	rm -rf web/dist web/node_modules
