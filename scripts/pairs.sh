#!/usr/bin/env bash
# Compares what two revisions cost. Usage: scripts/pairs.sh REV_A REV_B [N] [rush flags…]
# Builds both, runs N (default 5) pairs of rehearsals, one of A and one of B each,
# whichever went second last time first, and prints B ÷ A: the median of the pairs'
# ratios and the interval that holds it in 95 % of such series (binomial, for N
# below 6 the extremes). The machine's speed changes within minutes, so only
# ratios within a pair mean much. SQLite, or PostgreSQL with
# --database-url postgres://…/DATABASE: then each run gets a database of its own
# there, DATABASE_pairs, which is dropped afterwards (createdb, dropdb).
# Each revision's rush tests its own server, so flags must be known to both;
# without any: --fans 4000 --seats 20000 --duration 20s.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
a=$1 b=$2 n=5
shift 2
if [[ ${1:-} =~ ^[0-9]+$ ]]; then n=$1; shift; fi
url= flags=()
while [ $# -gt 0 ]; do
  case $1 in
    --database-url) url=$2; shift 2 ;;
    --database-url=*) url=${1#*=}; shift ;;
    *) flags+=("$1"); shift ;;
  esac
done
[ ${#flags[@]} -gt 0 ] || flags=(--fans 4000 --seats 20000 --duration 20s)

work=$(mktemp -d)
trap 'git worktree remove --force "$work/a" 2>/dev/null || true; git worktree remove --force "$work/b" 2>/dev/null || true; rm -rf "$work"' EXIT

build() { # build SIDE REVISION
  git worktree add -q --detach "$work/$1" "$2"
  (cd "$work/$1" && go build -o "$work/boxoffice-$1" ./cmd/boxoffice)
}
build a "$a"
build b "$b"

rehearse() { # rehearse SIDE: its report, as one line of JSON
  local where=() line code=0
  if [ -n "$url" ]; then
    local base=${url%%\?*} query=
    [ "$base" = "$url" ] || query="?${url#*\?}"
    dropdb --if-exists --force --maintenance-db="$url" "${base##*/}_pairs" >/dev/null 2>&1
    createdb --maintenance-db="$url" "${base##*/}_pairs"
    where=(--database-url "${base}_pairs$query")
  fi
  line=$(env -u BOXOFFICE_DATA -u BOXOFFICE_DATABASE_URL "$work/boxoffice-$1" rush "${flags[@]}" "${where[@]}" --json 2>"$work/said" | tail -1) || code=$?
  if [ $code -ne 0 ] || ! grep -q '"audit":"ok"' <<<"$line"; then
    echo "pairs: the rehearsal of $1 has failed: $line" >&2
    tail -5 "$work/said" >&2
    return 1
  fi
  echo "$line"
}

for ((i = 1; i <= n; i++)); do
  order=(a b)
  (( i % 2 )) || order=(b a)
  for side in "${order[@]}"; do rehearse "$side" >>"$work/$side.json"; done
  echo "pair $i of $n" >&2
done

node - "$work/a.json" "$work/b.json" "$a" "$b" <<'JS'
const { readFileSync } = require("fs");
const [fileA, fileB, nameA, nameB] = process.argv.slice(2);
const read = f => readFileSync(f, "utf8").trim().split("\n").map(l => JSON.parse(l));
const A = read(fileA), B = read(fileB), n = A.length;
const sorted = list => [...list].sort((x, y) => x - y);
const median = list => { const s = sorted(list), m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
// The k-th from either end, as far in as 95 % allow (sign test).
function interval(list) {
  let sum = 0, p = 0.5 ** n, k = 0;
  for (let i = 0; i < n; i++) { sum += p; if (sum > 0.025) break; k = i + 1; p = p * (n - i) / (i + 1); }
  const s = sorted(list);
  return [s[Math.max(0, k - 1)], s[n - Math.max(1, k)]];
}
console.log(`${nameB} ÷ ${nameA}, ${n} pairs, ${A[0].database}, fsync ${A[0].fsync}, ${A[0].cpus} CPUs`);
const cost = r => r.server_cpu_us_per_purchase + (r.database_cpu_us_per_purchase || 0);
for (const [name, of] of [["server_cpu_us_per_purchase", r => r.server_cpu_us_per_purchase], ["with the database's", cost], ["purchases_per_s", r => r.purchases_per_s], ["p99_ms", r => r.p99_ms]]) {
  const ratios = A.map((r, i) => of(B[i]) / of(r));
  const [low, high] = interval(ratios);
  console.log(`  ${name.padEnd(28)} ${median(ratios).toFixed(3)}   [${low.toFixed(3)}, ${high.toFixed(3)}]   medians ${median(A.map(of)).toFixed(1)} → ${median(B.map(of)).toFixed(1)}`);
}
JS
