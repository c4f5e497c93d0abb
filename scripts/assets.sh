#!/usr/bin/env bash
# Bundles the scripts and styles of the pages. Usage: scripts/assets.sh [--check]
# Sources are in ui; the output, internal/page/dist, is committed, so that building
# the program needs no Node. --check changes nothing; it fails when TypeScript finds
# an error, or when the committed output differs from what the sources make.
set -euo pipefail
cd "$(dirname "$0")/.."
ui=ui dist=internal/page/dist

if ! cmp -s $ui/package-lock.json $ui/node_modules/.installed; then
  npm --prefix $ui ci --no-audit --no-fund --loglevel=error
  cp $ui/package-lock.json $ui/node_modules/.installed
fi

bundle() { # bundle DIR
  go tool esbuild $ui/{app,map,tickets,sw,gate,gate-decoder,gate-sw}.ts $ui/{style,gate}.css --outdir="$1" \
    --alias:d3-transition=./$ui/map/interrupt.ts --bundle --minify --format=esm --target=es2020 --charset=utf8 --legal-comments=none --log-level=warning
}

if [ "${1:-}" != --check ]; then
  bundle $dist
  exit
fi
$ui/node_modules/.bin/tsc --project $ui
made=$(mktemp -d)
trap 'rm -r "$made"' EXIT
bundle "$made"
diff -rq "$made" $dist || { echo "$dist differs from what $ui makes: run make assets, and commit"; exit 1; }
