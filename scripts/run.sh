#!/usr/bin/env bash
# The main job on real input: imports a git repository's history, kills its own writer in the middle, reopens, resumes,
# proves the store against git, and ends with a page of figures.
#
#   scripts/run.sh [--check] [REPOSITORY] [OPTION of `zverse prove-git` ...]
#
# REPOSITORY defaults to this checkout; --check only looks whether the folders named are there. Where the store goes,
# the first that fits:
#   $ZVERSE_MEDIUM     a directory; its own granularity is used
#   a DAX mount        persistent memory; its own granularity
#   /dev/shm           memory, with cache-line granularity forced: the real instructions without a persistent medium
#                      behind them, so figures are stamped EMULATED; then once more on $TMPDIR or /tmp with the
#                      granularity that disk really has
# After /dev/shm, and where it was built, a few lines of the hot tier's benchmark follow; ZVERSE_RUN_SPEED=0 leaves
# them out. ZVERSE_TOOL names another `zverse` than that of build/. Ctrl-C ends it with status 32 and leaves nothing
# behind.
set -euo pipefail
work=
clean_up() { [[ -z $work ]] || rm -rf -- "$work"; }
trap clean_up EXIT
trap 'exit 32' INT TERM

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tool=${ZVERSE_TOOL:-$root/build/tools/zverse}

die() { printf 'run: %s\n' "$*" >&2; exit 1; }

only_check=
if [[ ${1:-} == --check ]]; then
    only_check=1
    shift
fi
repository=$root
if (($#)) && [[ $1 != -* ]]; then
    repository=$1
    shift
fi
[[ -d $repository ]] || die "the repository $repository is no directory (seen from $PWD)"
# check_place VARIABLE: where it names a place, stores can be made there.
check_place() {
    local place=${!1:-}
    [[ -z $place || (-d $place && -w $place) ]] || die "$1 is $place, which is no directory that can be written to"
}
check_place ZVERSE_MEDIUM
check_place TMPDIR
[[ -z $only_check ]] || exit 0
[[ -x $tool ]] || die "no program $tool; ./dev build makes it"

# The first writable mount point whose mappings reach the medium itself. Blanks are \040 in /proc/mounts.
dax_mount() {
    local point
    while read -r _ point _ options _; do
        [[ ,$options, == *,dax,* || ,$options, == *,dax=always,* ]] || continue
        printf -v point '%b' "$point"
        if [[ -w $point ]]; then
            printf '%s\n' "$point"
            return
        fi
    done </proc/mounts
}

# prove DIRECTORY [OPTION ...]: a store in a new directory there, gone afterwards.
prove() {
    local place=$1 status=0
    shift
    work=$(mktemp -d "$place/zverse-run-XXXXXX")
    "$tool" prove-git "$work/store" "$repository" "$@" || status=$?
    clean_up
    work=
    return $status
}

# A few lines of build/bench/hot_bench, each beside the raw cost of the same bytes measured in the same run. Its stores
# are made in a folder of ours, because a benchmark that is killed can't remove them.
speed() {
    local bench=${tool%/tools/zverse}/bench/hot_bench
    [[ -x $bench && ${ZVERSE_RUN_SPEED:-1} != 0 ]] || return 0
    printf '\nSpeed on /dev/shm, cache-line granularity forced: 16-byte keys, 100-byte values, a million of them\n'
    printf '(load average %s; a busy machine is a slow one)\n' "$(cut -d' ' -f1 /proc/loadavg)"
    work=$(mktemp -d /dev/shm/zverse-run-XXXXXX)
    ZVERSE_BENCH_DIR=$work "$bench" --benchmark_format=json \
        --benchmark_filter="hot/(raw_write|put_known|batch32/power|get_into|get_missing|multi_get16|recovery/one)" \
        >"$work/figures.json"
    python3 "$root/scripts/speed_lines.py" "$work/figures.json"
    clean_up
    work=
}

if [[ -n ${ZVERSE_MEDIUM:-} ]]; then
    prove "$ZVERSE_MEDIUM" "$@"
    exit
fi
dax=$(dax_mount)
if [[ -n $dax ]]; then
    prove "$dax" "$@"
elif [[ -w /dev/shm ]]; then
    prove /dev/shm --granularity cache_line "$@"
    prove "${TMPDIR:-/tmp}" "$@"
    speed
else
    prove "${TMPDIR:-/tmp}" "$@"
fi
