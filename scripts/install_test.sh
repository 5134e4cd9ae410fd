#!/usr/bin/env bash
# install_test.sh BUILD_DIR: installs into an empty folder, then builds and runs the example as a stranger would, with
# nothing but pkg-config: once with the shared library, once with the static one.
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
[[ $soname == libzverse.so.0 ]] || { echo "linked against '$soname', not libzverse.so.0"; exit 1; }
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
echo "installed, linked both ways, ran"
