#!/usr/bin/env bash
# The linters. Usage: scripts/lint.sh STATICCHECK GOVULNCHECK REDOCLY (package@version each).
set -uo pipefail
failed=0

step() { # step NAME COMMAND…
  local name=$1
  shift
  echo "── $name"
  "$@" || { echo "── $name FAILED"; failed=1; }
}

formatted() {
  local files
  files=$(gofmt -l cmd internal test bench)
  [ -z "$files" ] || { echo "gofmt would change: $files"; return 1; }
}

# Not on every machine can govulncheck reach its database; that is said and passed over.
vulnerabilities() {
  local out status=0
  out=$(go run "$1" ./... 2>&1) || status=$?
  if [ $status -ne 0 ] && grep -qiE 'fetching vulnerabilities|no such host|connection refused|dial tcp|proxyconnect|Forbidden' <<<"$out"; then
    echo "govulncheck: its database cannot be reached from here; passed over"
    return 0
  fi
  [ $status -eq 0 ] || echo "$out"
  return $status
}

# The API's document, as the program prints it, checked by a linter from npm.
# Where npm's registry is out of reach that is said and passed over.
document() {
  local dir status=0
  command -v npx >/dev/null || { echo "npx is missing: install nodejs and npm"; return 1; }
  if ! npx --yes "$1" --version >/dev/null 2>&1; then
    echo "openapi: $1 cannot be fetched from here; passed over"
    return 0
  fi
  dir=$(mktemp -d)
  go run ./cmd/boxoffice openapi >"$dir/openapi.json" && npx --yes "$1" lint "$dir/openapi.json" --config .redocly.yaml 2>"$dir/says" || status=$?
  [ $status -eq 0 ] || cat "$dir/says"
  rm -r "$dir"
  return $status
}

# The formatting and lint rules of ui. scripts/assets.sh installs Biome, and cspell for the step after it.
styled() {
  (cd ui && node_modules/.bin/biome ci .)
}

step gofmt formatted
step "go vet" go vet ./...
step staticcheck go run "$1" ./...
step govulncheck vulnerabilities "$2"
step openapi document "$3"
step assets scripts/assets.sh --check
step biome styled
step spelling ui/node_modules/.bin/cspell lint --config scripts/spelling.json --no-progress --no-summary
step "go mod tidy" go mod tidy -diff
exit $failed
