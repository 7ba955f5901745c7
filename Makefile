# What a newcomer needs: make demo, make test. Needed beforehand: Go, git, make.

SHELL      := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
DEMO_FLAGS ?= --once
FUZZTIME   ?= 1m
BENCH_FLAGS ?=
SOAK_SQLITE ?= 50
SOAK_POSTGRES ?= 20
SOAKCOUNT  ?= 5

# golangci-lint and staticcheck are run as Go modules; the first run compiles
# them, which takes minutes.
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help demo test build fmt vet lint race fuzz bench conform soak check deps

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build bin/eroam
	@mkdir -p bin
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/eroam ./cmd/eroam

demo: build ## run the hub with simulated partners on real stations; DEMO_FLAGS= keeps it running afterwards
	bin/eroam demo $(DEMO_FLAGS)

test: vet ## check everything, with the PostgreSQL suite where PostgreSQL can be installed
	@if tools/deps postgres; then export EROAM_REQUIRE_POSTGRES=1; \
	else echo '*** POSTGRESQL IS MISSING: ITS SUITE IS NOT RUN ***'; fi; \
	set -x; go test -timeout 14m ./...

vet:
	@unformatted="$$(gofmt -l .)"; \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...

fmt: ## format the code
	gofmt -w .

lint: ## golangci-lint and staticcheck; the first run compiles them
	go run $(GOLANGCI) run ./...
	go run $(STATICCHECK) ./...

race: ## the tests under the race detector (needs a C compiler)
	go test -race -timeout 30m ./...

fuzz: ## each fuzz target for FUZZTIME
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | sort); do \
	  for name in $$(grep -oE '^func Fuzz[A-Za-z0-9_]*' $$target | cut -d' ' -f2); do \
	    echo "== $$(dirname $$target) $$name"; \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$(dirname $$target); \
	  done; \
	done

bench: build ## relay beside nginx and httputil.ReverseProxy; a million EVSEs, status changes and fan-out; pricing and lint of tariffs; intake of CDRs, a backlog of them, and verifying a million rows (BENCH_FLAGS=-short: small)
	@tools/deps bench
	go run ./bench/relay
	@mkdir -p bin && go build -o bin/bench-tell ./bench/tell
	bin/bench-tell -data "$(EROAM_TEST_DATA)" $(BENCH_FLAGS)
	go run ./bench/tariff -data "$(EROAM_TEST_DATA)"
	go run ./bench/ledger $(BENCH_FLAGS)
	EROAM_BENCH_LEDGER_EVENTS=$(if $(BENCH_FLAGS),30000,333400) go test -run '^$$' -bench '^BenchmarkVerify$$' -benchtime 1x ./internal/ledger

conform: build ## the conformance checks against a built binary, listed one by one
	@if tools/deps postgres; then export EROAM_REQUIRE_POSTGRES=1; fi; \
	go test -count=1 -v ./conform/...

soak: ## kill -9 under load SOAK_SQLITE and SOAK_POSTGRES times, then the other kill and restart tests SOAKCOUNT times
	@if tools/deps postgres; then export EROAM_REQUIRE_POSTGRES=1; \
	else echo '*** POSTGRESQL IS MISSING: ITS PART IS NOT RUN ***'; fi; \
	set -x; EROAM_SOAK_SQLITE=$(SOAK_SQLITE) EROAM_SOAK_POSTGRES=$(SOAK_POSTGRES) EROAM_SOAK_READY=5s go test -count=1 -timeout 0 -v ./internal/soak; \
	EROAM_CLUSTER_STOP=60s go test -count=1 -timeout 0 -v ./internal/cluster; \
	go test -count=$(SOAKCOUNT) -timeout 0 -run 'Kill|Zombie|Restart|Durab' ./...

check: test lint race ## everything before a release

deps: ## install what the tests and benchmarks need (Debian, Ubuntu)
	tools/deps postgres bench
