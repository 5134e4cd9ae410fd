#!/usr/bin/env bash
# install_test.sh BUILD_DIR: installs into an empty folder, then builds and runs the example as a stranger would, with
# nothing but pkg-config, and with nothing but CMake: each once with the shared library, once with the static one; and the
# example in C.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$1

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
DESTDIR=$stage/root meson install -C "$build" --no-rebuild --quiet

pc=$(find "$stage/root" -name zverse.pc)
prefix=$(pkg-config --variable=prefix "$pc")
libdir=$(pkg-config --variable=libdir "$pc")
export PKG_CONFIG_PATH=${pc%/*}
flags() { pkg-config --define-variable=prefix="$stage/root$prefix" "$@" zverse; }

compile() {
    local program=$1
    shift
    # The flags are words.
    # shellcheck disable=SC2046
    "${CXX:-c++}" $(flags --cflags) "$source/examples/quickstart.cpp" -o "$stage/$program" "$@"
}

# shellcheck disable=SC2046
compile shared $(flags --libs)
soname=$(objdump -p "$stage/shared" | awk '/NEEDED.*libzverse/ { print $2 }')
[[ $soname == libzverse.so.1 ]] || { echo "linked against '$soname', not libzverse.so.1"; exit 1; }
LD_LIBRARY_PATH=$stage/root$libdir "$stage/shared" "$stage/store"

# The static library needs what it was built on; `pkg-config --static` would go on to what those would need.
mapfile -t requires < <(flags --print-requires-private | sed 's/ .*//')
# shellcheck disable=SC2046
compile static "$stage/root$libdir/libzverse.a" $(pkg-config --libs "${requires[@]}") -pthread
if objdump -p "$stage/static" | grep -q 'NEEDED.*libzverse'; then
    echo "the static program still needs the shared library"
    exit 1
fi
"$stage/static" "$stage/store"  # the same store again: its versions go on

c_flags() { pkg-config --define-variable=prefix="$stage/root$prefix" "$@" zverse-c; }
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 -pedantic -Wall -Wextra -Werror $(c_flags --cflags) "$source/examples/quickstart.c" \
    -o "$stage/c" $(c_flags --libs)
LD_LIBRARY_PATH=$stage/root$libdir "$stage/c" "$stage/c-store"

if ! command -v cmake >/dev/null; then
    echo "SKIPPED: the CMake package was not tried, since there is no cmake"
    exit 77
fi
mkdir "$stage/cmake"
cat >"$stage/cmake/CMakeLists.txt" <<'TEXT'
cmake_minimum_required(VERSION 3.20)
project(stranger CXX)
find_package(zverse 0.1 REQUIRED)
add_executable(shared ${EXAMPLE})
target_link_libraries(shared zverse::zverse)
add_executable(static ${EXAMPLE})
target_link_libraries(static zverse::static)
TEXT
cmake -S "$stage/cmake" -B "$stage/cmake/build" -DEXAMPLE="$source/examples/quickstart.cpp" \
    -DCMAKE_PREFIX_PATH="$stage/root$prefix" >/dev/null
cmake --build "$stage/cmake/build" >/dev/null
for program in shared static; do "$stage/cmake/build/$program" "$stage/store"; done
echo "installed, linked both ways by pkg-config and by CMake, and from C, ran"
