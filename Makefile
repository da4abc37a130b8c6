# Pitot. `make help` lists the targets.
GO      ?= go
BIN     := bin/pitot
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Tools are Go modules at pinned versions: nothing is installed outside the module cache.
GOLANGCI := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOFUMPT  := $(GO) run mvdan.cc/gofumpt@v0.12.0

.DEFAULT_GOAL := help
.PHONY: help run build test race lint fmt generate ui ui-check journeys e2e interop senders clients bench fuzz clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## Build the binary, pure Go, into bin/pitot
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/pitot

run: build ## Start Pitot with live demo traffic: http://127.0.0.1:4400
	$(BIN) demo

test: ## Run every test
	$(GO) test ./...

race: ## Run the tests of our packages under the race detector
	$(GO) test -race -short ./...

lint: ## Lint
	$(GO) vet ./...
	$(GOLANGCI) run ./...

fmt: ## Format
	$(GOFUMPT) -w $$(git ls-files '*.go')

generate: ## Write generated docs anew: configuration, metrics, HTTP API
	$(GO) test ./internal/config ./internal/metrics ./internal/api -run 'Reference|OpenAPI' -update

ui: ## Build the web UI anew into web/dist
	cd web && npm ci --silent --ignore-scripts && npm run --silent generate && npm run --silent build

ui-check: ui ## The web UI: types, tests, sizes, and that web/dist is what the sources make
	cd web && npm test --silent
	git diff --exit-code --stat -- web/dist web/src/api/schema.ts
	test -z "$$(git status --porcelain -- web/dist)"

journeys: build ## A real browser through every page
	./web/journeys/run

e2e: build ## Black-box tests of the real binary
	PITOT_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 ./test/e2e/...

interop: build ## The official clients of npm and Go against the gateway, rsyslog against the log API
	./test/interop/run

senders: build ## Real telemetry libraries (JavaScript, Python, Go) against the receivers
	./test/interop/senders/run

# Modules of their own, so that the project depends on none of what they need.
CLIENTS := test/clients test/clients/genkit test/s3 examples
clients: ## Client libraries with the SDK inside, and the examples, against simulated providers
	@for dir in $(CLIENTS); do echo "$$dir"; (cd $$dir && $(GO) vet ./... && $(GO) test -count=1 ./...) || exit 1; done

# A duration, or a count such as 1000x. Go's fuzzing reports the end of a duration
# as a failure now and then when one input takes long; a count has no such end.
FUZZTIME ?= 10s
fuzz: ## Fuzz every target for FUZZTIME each
	@for pkg in $$($(GO) list . ./internal/...); do \
	  for f in $$($(GO) test $$pkg -list '^Fuzz' | grep '^Fuzz'); do \
	    echo "fuzz $$pkg $$f"; $(GO) test $$pkg -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	  done; \
	done

bench: build ## Benchmarks: the gateway beside a bare reverse proxy, the store, the parts
	$(GO) test -run '^$$' -bench . -benchmem . ./internal/llm ./internal/wire ./internal/price ./internal/redact ./internal/journal ./internal/pipeline ./internal/metrics ./internal/events ./internal/gateway
	$(BIN) bench

clean: ## Remove what was built
	rm -rf bin dist
