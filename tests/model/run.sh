#!/usr/bin/env bash
# Runs the protocol models in spin: run.sh [PATTERN] runs the rows of rows.txt whose name matches. A row that must fail
# has to fail by the violation it names: a model that can't catch the mistake it was written for proves nothing.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pattern=${1:-.}
memory_mib=${ZVERSE_MODEL_MEMORY_MIB:-2500}

for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed (./dev setup installs it)"
        exit 77
    fi
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# run_row NAME MODEL MUST SECONDS OPTIONS...: writes one line of the table, beginning with ok, BAD or "bounded".
run_row() {
    local name=$1 model=$2 must=$3 seconds=$4 began=$SECONDS
    shift 4
    local folder=$scratch/$name search=(-DMEMLIM="$memory_mib") pan=(-m2000000)
    # A bounded row covers as many different states as it can in its time, in a fixed table of bits.
    [[ $must == bounded ]] && search=(-DBITSTATE) && pan=(-m100000 -w28)
    mkdir "$folder" && cp "$here/$model" "$folder/model.pml" && cd "$folder" || return
    if ! { spin "$@" -a model.pml && gcc -O2 -DSAFETY "${search[@]}" -o pan pan.c; } >build.txt 2>&1; then
        row BAD "did not build: $(tail -n1 build.txt)"
        return
    fi
    timeout -s INT -k 5 "$seconds" ./pan "${pan[@]}" >out.txt 2>&1
    local errors states complete=yes violation
    errors=$(grep -oP 'errors: \K\d+' out.txt || echo none)
    states=$(grep -oP '^\s*\K[\d.e+]+(?= states, stored)' out.txt | head -n1)
    violation=$(grep -oP '^pan:1: \K.*(?= \(at depth)' out.txt)
    grep -q 'Search not completed' out.txt && complete=no
    case $must in
        pass)
            if [[ $errors == 0 && $complete == yes ]]; then
                row ok "every state, no error"
            else
                row BAD "${violation:-not explored to the end}"
            fi
            ;;
        bounded)
            if [[ $errors == 0 ]]; then row ok "no error within $seconds s"; else row BAD "${violation:-no result}"; fi
            ;;
        fail:*)
            if [[ $errors != 0 && $errors != none ]] && grep -qE "${must#fail:}" <<<"$violation"; then
                row ok "caught: ${violation:0:50}"
            else
                row BAD "not caught: ${violation:-no violation}"
            fi
            ;;
    esac
}

# row RESULT TEXT: the line of the row that is running.
row() {
    printf '%-4s %-20s %-8s %12s states %4d s  %s\n' \
        "$1" "$name" "${must%%:*}" "${states:-0}" $((SECONDS - began)) "$2" >"$scratch/$name.row"
}

names=()
while read -r name model must seconds options; do
    [[ -z $name || $name == \#* ]] && continue
    [[ $name =~ $pattern ]] || continue
    names+=("$name")
    while (($(jobs -rp | wc -l) >= 2)); do wait -n; done
    # shellcheck disable=SC2086  # the options are words
    (run_row "$name" "$model" "$must" "$seconds" $options) &
done <"$here/rows.txt"
wait

if ((${#names[@]} == 0)); then
    echo "no row of rows.txt matches $pattern" >&2
    exit 1
fi

good=0
for name in "${names[@]}"; do
    cat "$scratch/$name.row" 2>/dev/null || echo "BAD  $name: no result"
    [[ -f $scratch/$name.row ]] && grep -q '^ok' "$scratch/$name.row" && good=$((good + 1))
done
echo "cases: $good passed, $((${#names[@]} - good)) failed, 0 skipped"
((${#names[@]} > 0 && good == ${#names[@]}))
