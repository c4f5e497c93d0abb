#!/usr/bin/env bash
# Installs what the tests and benchmarks need, and does nothing when all is
# there. On Debian and Ubuntu it installs what is missing; elsewhere it names it.
# When it fails it says why, with what apt or npm said.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${BOXOFFICE_TEST_SETUP:-}" != done ] || exit 0

fail() { echo "setup: $*" >&2; exit 1; }

# quietly WHAT COMMAND…: what the command says is shown when it fails only.
quietly() {
  local what=$1 said
  shift
  said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; fail "$what failed: see above. The command was: $*"; }
}

missing=()
need() { # need PACKAGE COMMAND…: the package is missing unless the command works
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

any() { # any COMMAND…: one of them is there
  local name
  for name; do ! command -v "$name" >/dev/null || return 0; done
  return 1
}

command -v go >/dev/null || fail "Go is missing: install Go 1.26 or later from https://go.dev/dl/"
need gcc any gcc                                # go test -race needs cgo
need libc6-dev test -e /usr/include/stdlib.h    # and its headers
need curl any curl                              # the commands that the page for developers shows
need openssl any openssl                        # a second opinion on the signatures of passes
need nodejs any node                            # the linter of the API's document
need npm any npx
need chromium any chromium chromium-browser google-chrome # the pages, as people see them
need nginx any nginx /usr/sbin/nginx            # proxies and caches in front
need varnish any varnishd /usr/sbin/varnishd
need caddy any caddy
need haproxy any haproxy /usr/sbin/haproxy
postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' || any initdb; }
need postgresql postgres                        # the other database

install() { # install the missing packages
  command -v apt-get >/dev/null || fail "missing: ${missing[*]} (names of Debian packages); install them with this system's own means"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "needs root to install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  # A package's own server need not run: tests start theirs.
  quietly "apt-get update" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
  quietly "apt-get install" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -q --no-install-recommends "${missing[@]}"
}

[ ${#missing[@]} -eq 0 ] || install

# What scripts of pages are made of, and what tests check pages with. npm gets an environment without what
# other programs left in it, but with the way to its registry.
modules() { # modules DIR
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
  local keep=() name
  for name in HOME PATH NODE_EXTRA_CA_CERTS HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy NPM_CONFIG_USERCONFIG npm_config_registry npm_config_cafile; do
    [ -z "${!name:-}" ] || keep+=("$name=${!name}")
  done
  quietly "npm ci in $1" env -i "${keep[@]}" npm --prefix "$1" ci --no-audit --no-fund --loglevel=error
  cp "$1/package-lock.json" "$1/node_modules/.installed"
}
modules ui
modules test/browser
modules test/clients/npm

# The servers that tests run, built from their modules.
quietly "go build nats-server" go -C test/brokers tool -n nats-server
quietly "go build toxiproxy" go -C test/brokers tool -n github.com/Shopify/toxiproxy/v2/cmd/server
quietly "go build stripe-mock" go -C test/stripemock tool -n stripe-mock
