#!/usr/bin/env bash
# probes_test.sh LIBRARY: the probes that tracers find in the library are those that docs/probes.md lists.
set -euo pipefail
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
found=$(readelf -n "$1" | awk '/Provider: zverse/ { getline; print $2 }' | sort -u)
listed=$(sed -n 's/^| `\([a-z]*__[a-z]*\)`.*/\1/p' "$source/docs/probes.md" | sort -u)
if [[ -z $found ]] && ! grep -q 'ZVERSE_HAVE_SDT 1' "$(dirname "$1")/src/zverse_config.h"; then
    echo "SKIPPED: built without sys/sdt.h, so there are no probes"
    exit 77
fi
diff <(echo "$listed") <(echo "$found") && echo "probes: $(wc -w <<<"$found"), as listed"
