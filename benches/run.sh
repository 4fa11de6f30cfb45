#!/usr/bin/env bash
# Speed as CPU time and ratios beside the floor. Nothing here is asserted: read it, and compare with the last release's.
# The machine's load falsifies wall-clock figures; CPU time per unit survives it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}

echo "== RTP relayed: µs CPU per packet, beside recv+send alone"
cargo run -q --release -p liandong-media --example relay_bench -- 4 "$seconds"

echo "== SFU: µs CPU per forwarded packet, beside one AES-GCM and one sendto"
cargo run -q --release -p liandong-media --example sfu_bench

echo "== Case steps: acknowledged at 64 clients, SQLite with fsync"
cargo bench -q --bench case_steps -- "$seconds"
