# What a developer and CI do. `make check` is what must be green.
TOOL := go tool -modfile=tools/go.mod
# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v $$(go env CC) >/dev/null && echo -race)
FUZZTIME ?= 30s

.PHONY: build test short fuzz crash year corpus bench generate lint check demo vuln

build: # the binary, into bin/
	go build -o bin/ ./cmd/afterimage

test: # everything, with the race detector where there is a C compiler
	@test -n "$(RACE)" || echo "note: no C compiler, so without the race detector"
	go test $(RACE) -shuffle=on -timeout 20m ./...

short: # what takes seconds
	go test -short ./...

fuzz: # each fuzz target for FUZZTIME
	@go list -f '{{.Dir}}' ./... | while read -r dir; do \
	  for target in $$(grep -hos '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -c6-); do \
	    (cd "$$dir" && echo "$$dir $$target" && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
	  done; done

crash: # long random runs: kill -9 under load, then verify
	AFTERIMAGE_CRASH_ROUNDS=20 go test -count=1 -timeout 60m -v -run Crash ./...

year: # a year of retention against a model of what must be readable, synthetic and on the corpus
	AFTERIMAGE_YEAR=1 go test -count=1 -timeout 120m -v -run '^(TestYear|TestYearCorpus|TestPreviewIsEffect)$$' ./retention

corpus: # the whole path on the whole shared corpus: 20 kills, every event, replay and file; then how fast
	AFTERIMAGE_CORPUS=1 go test -count=1 -timeout 30m -v -run '^(TestCorpus|TestForgottenIsGone)$$' ./cmd/afterimage
	go test -run '^$$' -bench CorpusPublish -benchtime 5x -v ./cmd/afterimage
	go test -run '^$$' -bench CorpusRead -benchtime 3000x -v ./cmd/afterimage
	AFTERIMAGE_BENCH_EVENTS=1000000 go test -run '^$$' -bench CorpusGrowth -benchtime 1x -v ./cmd/afterimage

MILLION := AFTERIMAGE_BENCH_EVENTS=1000000 AFTERIMAGE_BENCH_STORE=$(CURDIR)/bin/bench go test -run '^$$' -timeout 60m -v
bench: # on the shared corpus where it is at hand; questions to a million events, made once into bin/bench
	go test -run '^$$' -bench . -benchmem ./...
	mkdir -p bin/bench
	$(MILLION) -bench 'Investigate|CalledOff|Replay|Neighbours|Aggregate|Estimate' -benchtime 200x ./query
	$(MILLION) -bench 'Similar|Cluster|Coverage' -benchtime 1x ./query ./query/estimate # a run is 500 questions, 1,000 samples
	cd tools/redactbench && go test -run '^$$' -bench . -benchmem . # beside regexp and gitleaks

PROTOGEN := cd tools && go run ./protogen -root ../proto
PROTOS := ../proto/afterimage/v1
GATEWAY := grpc_api_configuration=$(PROTOS)/gateway.yaml
OPENAPI := openapi_configuration=$(PROTOS)/openapi.yaml,allow_merge=true,merge_file_name=openapi,openapi_naming_strategy=simple,simple_operation_ids=true,use_allof_for_refs=true,omit_array_item_type_when_ref_sibling=true
generate: # Go, gateway, OpenAPI and JSON Schema from the protos
	$(PROTOGEN) go:../proto:paths=source_relative go-grpc:../proto:paths=source_relative \
	  grpc-gateway:../proto:paths=source_relative,$(GATEWAY) \
	  openapiv2:../bin:$(GATEWAY),$(OPENAPI)
	cd tools && go run ./openapi make -examples $(PROTOS)/examples.yaml -routes $(PROTOS)/routes.yaml ../bin/openapi.swagger.json ../server/openapi.json
	$(PROTOGEN) -keep afterimage.v1.Event.jsonschema.bundle.json=event.schema.json jsonschema:../docs:target=json-bundle

lint: # the code, and the description of the API
	$(TOOL) golangci-lint run ./...
	cd tools && go run ./openapi lint ../server/openapi.json

check: build # what CI runs
	go vet ./... && cd tools && go vet ./...
	$(MAKE) lint test
	go test -short -run '^$$' -bench . -benchtime 1x ./... # once, so that they run when they are wanted
	cd tools && go test ./...
	.ci/undiff $(MAKE) generate
	go mod tidy -diff && cd tools && go mod tidy -diff

demo: build # try it: serves, publishes a sample, shows it
	bin/afterimage demo

vuln: # needs the network
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...
