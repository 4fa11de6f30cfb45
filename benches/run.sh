#!/usr/bin/env bash
# Speed as CPU time and ratios beside the floor. Nothing here is asserted: read it, and compare with the last release's.
# The machine's load falsifies wall-clock figures; CPU time per unit survives it.
# benches/run.sh [SECONDS]: how long each media load lasts (default 5). About five minutes after the build.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
BENCH_TABLE=$(mktemp)
export BENCH_TABLE
out=$(mktemp)
trap 'rm -f "$BENCH_TABLE" "$out"' EXIT

# row FIGURE ASKED MEASURED
row() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$BENCH_TABLE"; }
# The N-th number after the words WORDS in the last output.
number() { grep -F -m1 -- "$1" "$out" | sed "s/.*$1//" | grep -oE '[0-9]+(\.[0-9]+)?' | sed -n "${2}p"; }

cargo build -q --release --benches -p liandong
cargo build -q --release --examples -p liandong-media

echo "== RTP relayed: µs CPU per packet, beside recv+send alone"
cargo run -q --release -p liandong-media --example relay_bench -- "$seconds" | tee "$out"
floor=$(number 'floor (recvfrom + sendto):' 1)
for kind in 'PCMA to PCMA:' 'PCMA to PCMA, recorded:' 'PCMA to PCMU, recorded:'; do
  row "RTP relayed, ${kind%:}" '≤ 8 µs CPU' "$(number "$kind" 1) µs (floor $floor)"
done

echo "== SFU: µs CPU per forwarded packet, beside one AES-GCM and one sendto"
cargo run -q --release -p liandong-media --example sfu_bench | tee "$out"
while IFS='|' read -r name machine whole floor; do
  row "SFU forwarded, $name" '≤ 6 µs CPU' "$machine µs, $whole with sendto (floor $floor)"
done < <(sed -nE 's/^(.*subscribers?) +([0-9.]+) +([0-9.]+) +([0-9.]+)$/\1|\2|\3|\4/p' "$out")

echo "== Case steps in the process: 64 clients, SQLite with fsync"
cargo bench -q --bench case_steps -- 10 | tee "$out"
row 'case steps in the process, 64 clients, SQLite with fsync' '≥ 2000/s' "$(number 's: ' 1)/s, $(grep -oE '[0-9]+ µs CPU each' "$out")"

echo "== The whole hub: the release binary with the demo city, over its own sockets"
cargo bench -q --bench load

echo "== What the browser loads first"
(cd web && node dev/size.mjs) | tee "$out" || true
row 'the desk, first load' '≤ 450 kB gzip' "$(awk '/^desk/ { print $2 }' "$out") kB"

cargo bench -q --bench load -- table
