#!/usr/bin/env bash
# Compares what a purchase costs in two revisions.
#
#   scripts/pairs.sh REV_A REV_B [N] [--database-url URL] [rush flags…]
#
# It builds both and runs N (default 5) pairs of rehearsals, one of A and one of B
# each; the revision that went second goes first in the next pair. It prints each
# pair, and then B ÷ A: the median of the pairs' ratios, and the interval that
# holds the true one in 95 % of such series (sign test; below 6 pairs there is no
# such interval, so the extremes are printed). The machine's speed changes within
# minutes, so only ratios within a pair mean much. Ten pairs take about six
# minutes; Ctrl-C ends it early, and prints what the whole pairs say.
#
# The database is SQLite, or PostgreSQL with --database-url
# postgres://…/DATABASE: each run then gets a database of its own there,
# DATABASE_pairs, which is dropped afterwards (createdb, dropdb). Each revision's
# rush tests its own server, so flags must be known to both; when none are given:
# --fans 4000 --seats 20000 --duration 12s.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { echo "pairs: $*" >&2; exit 1; }
[ $# -ge 2 ] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
names=("$1" "$2") n=5
shift 2
if [[ ${1:-} =~ ^[0-9]+$ ]]; then n=$1; shift; fi
[ "$n" -gt 0 ] || fail "0 pairs say nothing"
url='' flags=()
while [ $# -gt 0 ]; do
  case $1 in
    --database-url) url=${2:?--database-url needs a URL}; shift 2 ;;
    --database-url=*) url=${1#*=}; shift ;;
    *) flags+=("$1"); shift ;;
  esac
done
[ ${#flags[@]} -gt 0 ] || flags=(--fans 4000 --seats 20000 --duration 12s)
command -v node >/dev/null || fail "node is missing: it does the sums"
for rev in "${names[@]}"; do
  git rev-parse -q --verify "$rev^{commit}" >/dev/null || fail "there is no revision $rev here"
done
for v in $(compgen -e BOXOFFICE_ || true); do unset "$v"; done # meant for another server

# Everything is in one folder: sources, programs, the rehearsals' data, reports.
work=$(mktemp -d)
export TMPDIR=$work
child=
database=
if [ -n "$url" ]; then
  base=${url%%\?*} query=
  [ "$base" = "$url" ] || query="?${url#*\?}"
  database=${base##*/}_pairs
fi
drop() { dropdb --if-exists --force --maintenance-db="$url" "$database"; }
clean() {
  if [ -n "$child" ]; then kill -KILL "$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; fi # its servers end with it
  [ -z "$database" ] || drop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT
trap 'stopped=130; result; exit 130' INT
trap 'stopped=143; result; exit 143' TERM HUP

build() { # build SIDE REVISION
  mkdir "$work/$1"
  git archive "$2" | tar -x -C "$work/$1"
  echo "pairs: building $2" >&2
  (cd "$work/$1" && go build -trimpath -o "$work/boxoffice-$1" ./cmd/boxoffice) || fail "$2 does not build"
}

rehearse() { # rehearse SIDE: adds its report to the side's, one line of JSON
  local where=() code=0
  if [ -n "$url" ]; then
    drop >/dev/null 2>&1 || true
    createdb --maintenance-db="$url" "$database"
    where=(--database-url "${base}_pairs$query")
  fi
  "$work/boxoffice-$1" rush "${flags[@]}" "${where[@]}" --json >"$work/report" 2>"$work/said" </dev/null &
  child=$!
  wait "$child" || code=$?
  child=
  if [ "$code" -ne 0 ] || ! tail -1 "$work/report" | grep -q '"audit":"ok"'; then
    tail -1 "$work/report" >&2
    tail -5 "$work/said" >&2
    local rev=${names[0]}
    [ "$1" = a ] || rev=${names[1]}
    fail "the rehearsal of $rev failed"
  fi
  tail -1 "$work/report" >>"$work/$1.json"
}

result() { # print what the whole pairs come to
  trap '' INT TERM HUP
  [ -z "${stopped:-}" ] || echo "pairs: stopped" >&2
  figures all
}

figures() { # figures last | all
  [ -s "$work/a.json" ] && [ -s "$work/b.json" ] || return 0
  node - "$1" "$work/a.json" "$work/b.json" "${names[@]}" <<'JS'
const { readFileSync } = require("fs");
const [what, fileA, fileB, nameA, nameB] = process.argv.slice(2);
const read = f => readFileSync(f, "utf8").trim().split("\n").map(l => JSON.parse(l));
let A = read(fileA), B = read(fileB);
const n = Math.min(A.length, B.length);
A = A.slice(0, n), B = B.slice(0, n);
const cost = r => r.server_cpu_us_per_purchase + (r.database_cpu_us_per_purchase || 0);
if (what === "last") {
  const a = cost(A[n - 1]), b = cost(B[n - 1]);
  console.log(`pair ${String(n).padStart(2)}   ${a.toFixed(1)} → ${b.toFixed(1)} µs of CPU a purchase, ${(b / a).toFixed(3)}`);
  process.exit();
}
const sorted = list => [...list].sort((x, y) => x - y);
const median = list => { const s = sorted(list), m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
// The k-th from either end, as far in as 95 % allow (sign test).
function interval(list) {
  let sum = 0, p = 0.5 ** n, k = 0;
  for (let i = 0; i < n; i++) { sum += p; if (sum > 0.025) break; k = i + 1; p = p * (n - i) / (i + 1); }
  const s = sorted(list);
  return [s[Math.max(0, k - 1)], s[n - Math.max(1, k)]];
}
const of = n < 6 ? "the extremes" : "95 % interval";
console.log(`\n${nameB} ÷ ${nameA}: ${n} pair${n > 1 ? "s" : ""}, ${A[0].database}, fsync ${A[0].fsync}, ${A[0].cpus} CPUs`);
console.log(`  ${"".padEnd(26)} median [${of}]   medians of each`);
const rows = [["CPU of servers a purchase", r => r.server_cpu_us_per_purchase]];
if (A[0].database_cpu_us_per_purchase) rows.push(["with the database's", cost]);
rows.push(["purchases a second", r => r.purchases_per_s], ["p99 of holds", r => r.p99_ms]);
for (const [name, of] of rows) {
  const ratios = A.map((r, i) => of(B[i]) / of(r));
  const [low, high] = interval(ratios);
  console.log(`  ${name.padEnd(26)} ${median(ratios).toFixed(3)}  [${low.toFixed(3)}, ${high.toFixed(3)}]   ${median(A.map(of)).toFixed(1)} → ${median(B.map(of)).toFixed(1)}`);
}
JS
}

build a "${names[0]}"
build b "${names[1]}"
for ((i = 1; i <= n; i++)); do
  order=(a b)
  (( i % 2 )) || order=(b a)
  for side in "${order[@]}"; do rehearse "$side"; done
  figures last
done
result
