#!/usr/bin/env bash
# test.sh TARGET_DIR: builds the crate and runs its tests against the library in ZVERSE_LIB_DIR, without a network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for needed in cargo rustc; do
    if ! command -v "$needed" >/dev/null; then
        echo "rust: SKIPPED, $needed is not installed (./dev setup installs it)"
        exit 77
    fi
done
# What another compiler left there it would not understand.
version=$(rustc --version | cut -d' ' -f2)
export CARGO_TARGET_DIR=$1/$version LD_LIBRARY_PATH=$ZVERSE_LIB_DIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
status=0
cargo test --offline --locked --lib --tests --no-fail-fast 2>&1 | tee "$1.log" || status=$?
awk '/^test result:/ { passed += $4; failed += $6; skipped += $8 }
     END { printf "cases: %d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$1.log"
exit "$status"
