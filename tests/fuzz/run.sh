#!/usr/bin/env bash
# run.sh TARGET SECONDS [libFuzzer arguments]: builds one target with coverage and address sanitizer, and runs it from its seeds
set -euo pipefail
cd "$(dirname "$0")/targets"
target=$1 seconds=$2
shift 2
features=()
case $target in livekit_* | flow | numbers) features=(--features hub) ;; esac
triple=$(rustc +nightly -vV | sed -n 's/host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
-Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1"
cargo +nightly build --release --target "$triple" --bin "$target" "${features[@]}"
mkdir -p "corpus/$target" artifacts
"${CARGO_TARGET_DIR:-target}/$triple/release/$target" "corpus/$target" "../seeds/$target" \
  -max_total_time="$seconds" -artifact_prefix=artifacts/ -timeout=10 -rss_limit_mb=2048 "$@"
