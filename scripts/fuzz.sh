#!/usr/bin/env bash
# Runs every fuzz test for a while. Usage: scripts/fuzz.sh TIME
set -euo pipefail
time=${1:-20s}
grep -rlE '^func Fuzz' --include='*_test.go' internal | while read -r file; do
  dir=./$(dirname "$file")
  grep -oE '^func (Fuzz[A-Za-z0-9]+)' "$file" | awk '{print $2}' | while read -r name; do
    echo "── $dir $name"
    go test "$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$time"
  done
done
