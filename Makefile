# boxoffice. `make help` lists what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
REDOCLY := @redocly/cli@1.34.5

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-15s\033[0m %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the program into ./boxoffice
	go build -o boxoffice ./cmd/boxoffice

.PHONY: demo
demo: ## Run a node with lively events on http://127.0.0.1:8080
	go run ./cmd/boxoffice serve --demo

.PHONY: assets
assets: ## Bundle the scripts and styles of the pages, into internal/page/dist
	scripts/assets.sh

.PHONY: test
test: setup ## Install what tests need, and run all of them, on both databases
	$(MAKE) test-sqlite
	$(MAKE) test-postgres
	$(MAKE) test-race
	$(MAKE) test-clients

# A package may need more than go test's ten minutes where the machine is slow.
GO_TEST := go test -count=1 -timeout 60m

# SQLite is C, translated to Go, and has locks of its own: watching all that it reads and
# writes would be most of what tests with the race detector do.
UNWATCHED := -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# The packages below internal whose tests open a database.
ASK_A_DATABASE := go list -test -f '{{$$p := .ForTest}}{{if $$p}}{{range .Deps}}{{println $$p .}}{{end}}{{end}}' ./internal/... | \
	sed -n 's|^\([^ ]*\) boxoffice/internal/sqldb/sqldbtest\( .*\)\?$$|\1|p' | sort -u

.PHONY: test-sqlite test-postgres test-race test-clients
test-sqlite: setup ## All tests, on SQLite
	$(GO_TEST) ./test/system ./test/simulate ./test/browser ./... # the longest first
test-postgres: setup ## Those that ask a database, on PostgreSQL
	BOXOFFICE_TEST_DATABASE=postgres $(GO_TEST) ./test/system ./test/simulate
	BOXOFFICE_TEST_DATABASE=postgres $(GO_TEST) -short $$($(ASK_A_DATABASE))
test-race: setup ## The short tests, with the race detector
	$(GO_TEST) -race $(UNWATCHED) -short ./test/simulate ./internal/user ./internal/notify ./...

test-clients: setup ## Purchases by the clients that four generators make of the API's document
	cd test/clients && $(GO_TEST) .

.PHONY: test-embedded
test-embedded: ## Run the tests that need nothing but Go
	go test -count=1 -short ./...

.PHONY: setup
setup: ## Install what tests need (Debian, Ubuntu)
	scripts/setup.sh

.PHONY: lint
lint: setup ## gofmt, go vet, staticcheck, govulncheck, the API's document, tsc, Biome, spelling
	scripts/lint.sh $(STATICCHECK) $(GOVULNCHECK) $(REDOCLY)

.PHONY: fuzz
fuzz: ## Fuzz everything that parses or chooses, 20 s each
	scripts/fuzz.sh 20s

.PHONY: bench
bench: setup ## Measure boxoffice beside pgbench's textbook transaction
	go run ./bench

.PHONY: bench-door
bench-door: ## Rehearse an evening at the doors, 50 gates and 80,000 tickets; three minutes
	go run ./cmd/boxoffice rehearse-door

.PHONY: bench-mails
bench-mails: ## Send 20,000 emails without attachments to a mail server on this machine; a minute
	go test -run - -bench Mails -benchtime 20000x ./internal/notify

.PHONY: pairs
pairs: setup ## Compare what a purchase costs in A=HEAD~1 and B=HEAD, in N=10 pairs of rehearsals; six minutes
	scripts/pairs.sh $${A:-HEAD~1} $${B:-HEAD} $${N:-10}

.PHONY: lighthouse
lighthouse: setup ## Lighthouse over home, search, event and checkout, as a phone and as a desktop
	npm --prefix test/browser/lighthouse ci --no-audit --no-fund --silent
	go run ./test/browser/lighthouse

.PHONY: pictures
pictures: setup ## Take the pictures of pages that the documentation shows
	go run ./test/browser/pictures

.PHONY: simulate
simulate: ## Play N=1000 made-up histories from SEED on, in a simulated house (DATABASE=postgres: on PostgreSQL)
	BOXOFFICE_TEST_DATABASE=$(DATABASE) N=$${N:-1000} go test -count=1 -timeout 24h -v -run TestHistories ./test/simulate

.PHONY: chaos
chaos: setup ## The long series: kills at points of payments, among faults, in an on-sale; outages; N=100000 histories of payments; eight evenings at the doors
	BOXOFFICE_TEST_KILLS=100 go test -count=1 -timeout 60m -v -run 'TestKill' ./test/system
	BOXOFFICE_TEST_KILLS=100 BOXOFFICE_TEST_DATABASE=postgres go test -count=1 -timeout 60m -v -run 'TestKill' ./test/system
	BOXOFFICE_TEST_WEATHER=8 go test -count=5 -timeout 60m -v -run 'TestDatabase|TestNode|TestRolling|TestStandby|TestDiskFull' ./test/system
	go test -count=1 -timeout 60m ./internal/booking -run RandomHistories -rapid.checks=20000
	N=$${N:-100000} go test -count=1 -timeout 24h -run TestHistories ./internal/payment
	for seed in 1 2 3 4 5 6 7 8; do go run ./cmd/boxoffice rehearse-door --flood 0s --seed $$seed || exit 1; done
