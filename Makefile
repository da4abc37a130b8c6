# Pitot. `make help` lists the targets.
GO      ?= go
BIN     := bin/pitot
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Tools are Go modules at pinned versions: nothing is installed outside the module cache.
GOLANGCI := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOFUMPT  := $(GO) run mvdan.cc/gofumpt@v0.12.0

.DEFAULT_GOAL := help
.PHONY: help run build test race lint fmt generate ui ui-check journeys e2e endurance cluster cluster-short scaling interop senders clients bench fuzz release cross manifests deploy-check clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## Build the binary, pure Go, into bin/pitot
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/pitot

run: build ## Start Pitot with live demo traffic: http://127.0.0.1:4400
	$(BIN) demo

test: ## Run every test
	$(GO) test ./...

race: ## Run the tests of our packages under the race detector
	$(GO) test -race -short -timeout 20m ./...

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

# What the tests do each day, for long. Each variable can be set to less.
endurance: build ## The tests of kills, full disks, overload, open streams and clock steps, for hours
	PITOT_BIN=$(CURDIR)/$(BIN) PITOT_KILLS=$${PITOT_KILLS:-1000} PITOT_SENDER_KILLS=$${PITOT_SENDER_KILLS:-50} PITOT_FULL_DISKS=$${PITOT_FULL_DISKS:-10} \
	PITOT_OVERLOAD=$${PITOT_OVERLOAD:-10m} PITOT_STREAMS=$${PITOT_STREAMS:-10000} PITOT_SOAK=$${PITOT_SOAK:-1h} PITOT_CLOCK_STEPS=1 \
	$(GO) test -count=1 -v -parallel 1 -timeout 8h -run '$(or $(ENDURANCE),TestKill|TestAcknowledgedSpansSurvive|TestFullDisk|TestOverload|TestManyStreams|TestSoak|TestClockSteps|TestPoisonedEngine)' ./test/e2e

# Outside stores to test with, each built from its own module.
UPSTREAM := bin/upstream
$(UPSTREAM)/%:
	@mkdir -p $(UPSTREAM)
	cd test/cluster/upstream/$* && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ $$($(GO) list -f '{{.ImportPath}}' tool)

cluster: build $(UPSTREAM)/victorialogs $(UPSTREAM)/victoriametrics $(UPSTREAM)/prometheus ## Replicas over clusters of outside stores, and what happens when parts fail (a quarter of an hour, and the builds)
	PITOT_BIN=$(CURDIR)/$(BIN) PITOT_UPSTREAM=$(CURDIR)/$(UPSTREAM) $(GO) test -count=1 -timeout 60m -parallel 2 -v ./test/cluster

cluster-short: build ## The part of it that needs nothing but Pitot itself (four minutes)
	PITOT_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 -short -timeout 10m -parallel 3 ./test/cluster

scaling: build $(UPSTREAM)/victorialogs $(UPSTREAM)/victoriametrics ## Measure the numbers of docs/scaling.md
	PITOT_BIN=$(CURDIR)/$(BIN) PITOT_UPSTREAM=$(CURDIR)/$(UPSTREAM) PITOT_SCALE=1 $(GO) test -count=1 -timeout 60m -run TestScale -v ./test/cluster

interop: build ## The official clients of npm and Go against the gateway, rsyslog against the log API
	./test/interop/run

senders: build ## Real telemetry libraries (JavaScript, Python, Go) against the receivers
	./test/interop/senders/run

# Modules of their own, so that the project depends on none of what they need.
CLIENTS := test/clients test/clients/genkit test/s3 test/oidc examples
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

# Systems to build for, such as linux/amd64,darwin/arm64; all where none is named.
SYSTEMS ?=
release: ## Build archives, bills of materials, the image's file tree and checksums into dist/
	$(GO) run ./deploy/release -version $(VERSION) -out dist $(if $(SYSTEMS),-systems $(SYSTEMS))

CROSS ?= linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
cross: ## Compile for the systems that this one is not
	@for system in $(CROSS); do echo "$$system"; \
	  CGO_ENABLED=0 GOOS=$${system%/*} GOARCH=$${system#*/} $(GO) build -trimpath -o /dev/null ./cmd/pitot || exit 1; done

manifests: ## Write deploy/kubernetes anew from the Helm chart
	cd test/deploy && $(GO) test -count=1 -run TestManifests . -update

deploy-check: build ## Check the chart against the types of Kubernetes, run its pods, build the image, check the other files of deploy/
	cd test/deploy && $(GO) vet ./... && PITOT_BIN=$(CURDIR)/$(BIN) $(GO) test -count=1 ./...

clean: ## Remove what was built
	rm -rf bin dist
