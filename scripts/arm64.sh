#!/usr/bin/env bash
# Cross build of the library and its tests for aarch64, and the tests marked 'arm64' under qemu-user.
#
# This shows that the code is right, not that it is ordered right: qemu-user on x86 never shows a weak memory order.
# GoogleTest and xxHash are built from the distribution's own sources into a private root, because installing arm64
# packages beside the native ones may upgrade half a system. The other libraries are optional and stay off here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build-arm64
root=$PWD/build-arm64-root
cxx=(aarch64-linux-gnu-g++)
command -v ccache >/dev/null && cxx=(ccache "${cxx[@]}")

for needed in aarch64-linux-gnu-g++ qemu-aarch64; do
    if ! command -v "$needed" >/dev/null; then
        echo "arm64: SKIPPED, $needed is not installed (./dev setup installs it)"
        exit 77
    fi
done

# library NAME VERSION LIBS: a pkg-config file for a library of the private root.
library() {
    {
        printf 'prefix=%s\nName: %s\nDescription: %s for aarch64\nVersion: %s\n' "$root" "$1" "$1" "$2"
        printf 'Libs: -L${prefix}/lib %s -pthread\nCflags: -I${prefix}/include\n' "$3"
    } >"$root/lib/pkgconfig/$1.pc"
}

# archive NAME SOURCE FLAGS...: one source file as a static library of the private root.
archive() {
    local name=$1 source=$2
    shift 2
    "${cxx[@]}" -O2 -w -fPIC "$@" -c "$source" -o "$root/lib/$name.o"
    aarch64-linux-gnu-ar rcs "$root/lib/lib$name.a" "$root/lib/$name.o"
}

make_root() {
    local googletest=/usr/src/googletest gtest_version xxhash_version
    gtest_version=$(pkg-config --modversion gtest)
    xxhash_version=$(pkg-config --modversion libxxhash)
    mkdir -p "$root"/{include,lib/pkgconfig}
    cp -r "$googletest/googletest/include/gtest" "$googletest/googlemock/include/gmock" "$root/include/"
    cp /usr/include/xxhash.h "$root/include/"
    local flags=(-std=c++17 -I"$root/include")
    archive gtest "$googletest/googletest/src/gtest-all.cc" "${flags[@]}" -I"$googletest/googletest"
    archive gtest_main "$googletest/googletest/src/gtest_main.cc" "${flags[@]}"
    archive gmock "$googletest/googlemock/src/gmock-all.cc" "${flags[@]}" -I"$googletest/googlemock"
    printf '#define XXH_STATIC_LINKING_ONLY\n#define XXH_IMPLEMENTATION\n#include <xxhash.h>\n' >"$root/lib/xxhash.c"
    archive xxhash "$root/lib/xxhash.c" -x c -I"$root/include"
    library libxxhash "$xxhash_version" -lxxhash
    library gtest "$gtest_version" -lgtest
    library gtest_main "$gtest_version" '-lgtest_main -lgtest'
    library gmock "$gtest_version" '-lgmock -lgtest'
    touch "$root/complete"
}

# What the cross file can't know: where the private root is, and whether there is ccache.
local_cross_file() {
    printf "[properties]\npkg_config_libdir = ['%s']\n" "$root/lib/pkgconfig"
    if command -v ccache >/dev/null; then
        printf "[binaries]\nc = ['ccache', 'aarch64-linux-gnu-gcc']\ncpp = ['ccache', 'aarch64-linux-gnu-g++']\n"
    fi
}

[[ -f $root/complete ]] || make_root
if [[ ! -f $build/build.ninja ]]; then
    local_cross_file >"$root/local.ini"
    meson setup "$build" --cross-file cross/aarch64-linux-gnu.ini --cross-file "$root/local.ini" \
        --wrap-mode=nofallback -Dwerror=true -Doptimization=1 -Dbench=false -Dpmem=disabled -Dnuma=disabled -During=disabled -Dzstd=disabled
fi

# The library and the programs of suite arm64: the others would be compiled for nothing.
suite_programs() {
    meson introspect --tests "$build" | python3 -c '
import json, os, sys
build = os.path.realpath(sys.argv[1]) + "/"
for test in json.load(sys.stdin):
    if any(suite.endswith("arm64") for suite in test["suite"]):
        print(*(os.path.realpath(word)[len(build):] for word in test["cmd"] if os.path.realpath(word).startswith(build)))
' "$build" | tr ' ' '\n' | sort -u
}
mapfile -t programs < <(suite_programs)
((${#programs[@]})) || { echo "arm64: no test is marked arm64"; exit 1; }
ninja -C "$build" libzverse.a "${programs[@]}"

export ZVERSE_EXPECT_KERNELS=neon,scalar
export ZVERSE_ORACLE_OPERATIONS=${ZVERSE_ARM64_ORACLE_OPERATIONS:-20000}
rm -f "$build/meson-logs/arm64.json"
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$(nproc)" --logbase arm64 \
    --suite arm64 -t 10 || true
[[ -f $build/meson-logs/arm64.json ]]
