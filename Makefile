# Newcomers need two of these: `make run` and `make test`.
export CGO_ENABLED = 0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
KILLS   ?= 100
TOOL    := go tool -modfile=tools.mod

# What the programs do not reach and stays: what pkg/ offers to others, methods that only
# mark a type, the count of statements and the addresses of records, which tests compare, the transaction around a
# request of a test, and raw changes, which migrations to come make.
UNREACHED = ^pkg/|Versioned\.versioned$$|\.anyQuery$$|: Queries$$|: WithTx$$|: RawChanges$$|: Addresses$$

.PHONY: help run build release test test-go test-pages test-race postgres libreoffice chromium check dead fix generate bin/openapi.json prove s3 bench counts spectral clients api-diff
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12
run: build ## start the demo town on an embedded database and print its address and accounts
	bin/bulwark demo
build: ## build bin/bulwark
	go build -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o bin/bulwark ./cmd/bulwark
release: ## build dist/: archives for Linux and Windows, checksums, SBOM; twice the same bytes (needs zip)
	@.ci/release $(VERSION)
test: test-go test-pages ## run every test
test-go: postgres libreoffice ## run the tests that need no browser, on SQLite and on PostgreSQL
	go test -timeout 20m ./...
test-pages: chromium ## try the pages in Chromium (needs Node.js for axe-core); FULL=1: in both languages and widths
	npm ci --prefix internal/pages/browser --silent
	go test -tags browser -timeout 20m -count 1 ./internal/pages/browser
chromium:
	@.ci/chromium
test-race: postgres libreoffice ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./...
postgres:
	@.ci/postgres
libreoffice:
	@.ci/libreoffice
check: bin/openapi.json dead counts ## format, lint, and compare generated files with what they are made from
	go mod tidy -diff
	$(TOOL) golangci-lint run ./...
	@cmp docs/openapi.json $< || { echo "docs/openapi.json is stale: run make generate and commit it"; exit 1; }
	@$(MAKE) --no-print-directory api-diff
dead: # names functions that no program reaches
	@mkdir -p bin
	@$(TOOL) deadcode ./cmd/... ./docs/... >bin/dead.txt
	@! grep -vE '$(UNREACHED)' bin/dead.txt
fix: ## repair what can be repaired by itself
	$(TOOL) golangci-lint run --fix ./...
generate: bin/openapi.json ## write docs/openapi.json from the routes and types
	cp $< docs/openapi.json
bin/openapi.json:
	@mkdir -p bin
	go run ./docs/generate >$@
prove: postgres ## kill servers under work and count what is lost, walk through the workflow at random; KILLS=10 for a quick look
	go test -tags prove -timeout 1h -count 1 -v ./internal/prove -kills $(KILLS) -retries $$(($(KILLS) * 100)) -histories 50
	go test ./api -timeout 2h -count $$(($(KILLS) / 5)) -v -run TestTheWorkflowIsItsModel -walk 50 -rapid.checks 100
	go test ./api -timeout 2h -count 1 -v -run TestOnePersonChangesNoPublishedFigure -collusions 3000 -depth 6
	go test ./pkg/composite -timeout 1h -count 1 -v -run TestMutation -mutations
s3: ## try the store of evidence on a real S3 server, which is built first
	go test -tags s3 -count 1 -v -run TestABucket ./internal/evidence/store
bench: ## run the benchmarks; compare two runs with benchstat
	go test -run '^$$' -bench . -benchmem ./...
counts: ## hold the repository to its numbers of files, long lines, names …; see docs/counts
	go run ./docs/counts
spectral: ## judge docs/openapi.json by the rules of .spectral.yaml (needs Node.js)
	npm ci --prefix docs/spectral --silent
	docs/spectral/node_modules/.bin/spectral lint --ruleset .spectral.yaml --fail-severity warn docs/openapi.json
clients: ## generate a Go and a TypeScript client from docs/openapi.json and compile them (needs Node.js)
	docs/contract/clients
api-diff: ## list what breaks for clients since this branch began; each break needs its line in CHANGELOG.md
	@docs/contract/diff
