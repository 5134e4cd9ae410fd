#!/usr/bin/env bash
# ./dev bench report [OUT]: runs zverse-bench in all the shapes that the goals of scripts/bench_report.py name, and makes
# its page and table. Reports that OUT has already are measured again.
set -euo pipefail
out=${1:-build/report}
memory=${ZVERSE_BENCH_DIR:-/dev/shm}
disk=${ZVERSE_BENCH_DISK_DIR:-/tmp}
read -ra more <<<"${ZVERSE_BENCH_ARGS:-}"
mkdir -p "$out"

# measure NAME ARG...: one run of zverse-bench, kept as OUT/NAME.json. Never at real-time priority: engines have threads
# in the background, which would not run then.
measure() {
    local name=$1
    shift
    echo "== $name" >&2
    build/bench/zverse-bench --durability power "$@" "${more[@]}" --json "$out/$name.json" \
        >"$out/$name.txt"
}

in_memory=(--store "$memory" --granularity "${ZVERSE_BENCH_GRANULARITY:-cache_line}")
measure memory "${in_memory[@]}" --engine all --suite micro,ycsb --threads 1,2
measure versions "${in_memory[@]}" --engine all --suite versions,recovery
measure hundred "${in_memory[@]}" --engine zverse,rocksdb --suite versions --versions-per-key 100 \
    --label hundred
measure disk --store "$disk" --engine zverse,rocksdb,lmdb,wiredtiger --suite durability --threads 1,2,16 --num 20000 \
    --label disk
measure large-4k "${in_memory[@]}" --engine all --suite micro --workload fillrandom --value-size 4096 --num 100000 \
    --label 4k
measure large-64k "${in_memory[@]}" --engine all --suite micro --workload fillrandom --value-size 65536 --num 20000 \
    --label 64k
measure scale "${in_memory[@]}" --engine zverse,rocksdb,lmdb,wiredtiger --suite scale --cache-size 128MiB
measure machine "${in_memory[@]}" --suite pmem,simd,numa --duration 0.2
echo "== layouts" >&2
build/bench/layout_bench >"$out/layouts.txt"
python3 scripts/bench_report.py "$out"/{memory,versions,hundred,disk,large-4k,large-64k,scale,machine}.json \
    --layouts "$out/layouts.txt" --html "$out/index.html" --markdown "$out/table.md"
echo "$out/index.html and $out/table.md"
