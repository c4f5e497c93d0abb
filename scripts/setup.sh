#!/usr/bin/env bash
# Installs what the tests and benchmarks need. On Debian and Ubuntu it installs
# what is missing; elsewhere it names it, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # need PACKAGE COMMAND…: the package is missing unless the command works
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

if ! command -v go >/dev/null; then
  echo "setup: Go is missing: install Go 1.26 or later from https://go.dev/dl/" >&2
  exit 1
fi
need gcc command -v gcc                                        # go test -race needs cgo
need libc6-dev test -e /usr/include/stdlib.h                   # and its headers
need curl command -v curl                                      # the commands that the page at / shows
need nodejs command -v node                                    # the linter of the API's document
need npm command -v npx
need chromium bash -c 'command -v chromium || command -v chromium-browser || command -v google-chrome' # the pages, as people see them
need postgresql bash -c 'ls /usr/lib/postgresql/*/bin/initdb || command -v initdb' # the other database

# The servers that people put in front: caches and proxies, each tried by tests.
for server in nginx varnish:varnishd caddy haproxy; do
  need "${server%%:*}" bash -c "PATH=\$PATH:/usr/sbin; command -v ${server##*:}"
done

install() { # install the missing packages
  if ! command -v apt-get >/dev/null; then
    echo "setup: missing: ${missing[*]} (names of Debian packages); install them with this system's own means" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup: needs root to install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

if [ ${#missing[@]} -gt 0 ]; then
  install
fi

# What the browser tests check pages with.
checks=test/browser
if ! cmp -s $checks/package-lock.json $checks/node_modules/.installed; then
  npm --prefix $checks ci --no-audit --no-fund --silent
  cp $checks/package-lock.json $checks/node_modules/.installed
fi
