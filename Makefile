# The tasks of a developer; Scripts/ does the work.

.DEFAULT_GOAL := help
.PHONY: help run build dist test test-citus check bench crash openapi format lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build docs-assets ## Build and start the server on http://127.0.0.1:8000 (options: ARGS="--port 9000")
	.build/release/chat-api serve $(ARGS)

build: setup-build ## Build the release binary, .build/release/chat-api
	Scripts/build

dist: setup-build ## Pack an archive that runs without Swift
	Scripts/dist

test: setup-build setup-test ## Run every test (options: ARGS="--filter NAME")
	Scripts/test $(ARGS)

test-citus: setup-test ## Run the tests of the store on Citus, if PostgreSQL has the extension
	@Scripts/test-citus

check: setup-build ## Run every test and all other checks, as CI does
	Scripts/check

bench: build setup-test ## Measure the server, see docs/performance.md (options: ARGS="--rounds 3 --seconds 3", --growth, --live, --inbox, --publish)
	@Scripts/setup bench
	Scripts/bench $(ARGS)

crash: build setup-test ## Kill the server under load and audit the database (options: ARGS="--kills 5", --seed)
	env -u TEST_DATABASE_URL Scripts/with-postgres python3 -m Checks.Crash $(ARGS)

openapi: setup-build setup-test ## Renew the OpenAPI document that the tests compare with, after changing the API
	UPDATE_OPENAPI=1 Scripts/test --filter DocumentationTests

format: ## Format the Swift sources
	swift format -i -r -p Package.swift Sources Tests Checks Benchmarks Examples

lint: ## Check the formatting of the Swift sources
	swift format lint --strict -r -p Package.swift Sources Tests Checks Benchmarks Examples

clean: ## Remove all build products
	rm -rf .build public/docs

.PHONY: docs-assets setup-build setup-test
docs-assets: setup-build
	Scripts/docs-assets

setup-build:
	@Scripts/setup build

setup-test: setup-build
	@Scripts/setup test
