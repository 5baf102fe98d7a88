#!/usr/bin/env bash
# tests/run.sh BUILD [NAME...] - run the tests and say, in the last line, how many passed and failed.
#
# Units (cmocka), fuzzers' corpora, then the system scripts, each with a time limit. With names only those
# whose file name contains one of them. Output of each goes to BUILD/tests/log/; what failed is shown.
set -u

build=${1:?usage: tests/run.sh BUILD [NAME...]}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$build" && pwd)
logs=$build/tests/log
unit_limit=${UNIT_LIMIT:-180}
system_limit=${SYSTEM_LIMIT:-400}
mkdir -p "$logs"

passed=0 failed=0 skipped=0 failures=

wanted() { # name
    [ ${#names[@]} = 0 ] && return 0
    local name
    for name in "${names[@]}"; do
        case $1 in *"$name"*) return 0 ;; esac
    done
    return 1
}
names=("$@")

# run NAME LIMIT COMMAND... - count TAP lines. A program that ends badly without a "not ok" counts as one.
run() {
    local name=$1 limit=$2 log=$logs/$1.log start=$SECONDS ok bad skip status
    shift 2
    wanted "$name" || return 0
    timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
    status=$?
    ok=$(grep -acE '^(ok |not ok .*# SKIP)' "$log") # cmocka says "not ok" of what it skips
    skip=$(grep -acE '^(not )?ok .*# SKIP' "$log")
    bad=$(grep -aE '^not ok ' "$log" | grep -cv '# SKIP')
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "not ok - $name ended with status $status$([ "$status" = 124 ] && echo " (over $limit s)")" >>"$log"
    elif [ "$ok" = 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "not ok - $name ran no test" >>"$log"
    fi
    passed=$((passed + ok - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-32s %4d passed %3d failed %3d skipped %4d s\n' "$name" $((ok - skip)) "$bad" "$skip" \
        $((SECONDS - start))
    if [ "$bad" != 0 ]; then
        failures="$failures $name"
        grep -avE '^ok |^[0-9]+\.\.[0-9]+|^TAP ' "$log" | tail -60 | sed 's/^/    /'
    fi
    grep -aE '^(not )?ok .*# SKIP' "$log" | sed -E 's/^(not )?ok [0-9]*/    skip/'
}

cd "$top" || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP PROFFER_BUILD=$build
for test in "$build"/tests/test_*; do
    [ -x "$test" ] && run "$(basename "$test")" "$unit_limit" "$test"
done
[ -x "$build/tests/sim" ] && run sim "$unit_limit" "$build/tests/sim" --seeds 400
for replay in "$build"/tests/replay_*; do
    [ -x "$replay" ] || continue
    fuzzer=${replay##*/replay_}
    run "replay_$fuzzer" "$unit_limit" "$replay" "tests/fuzz/corpus/$fuzzer"
done
if [ -z "${UNITS_ONLY:-}" ]; then
    for script in tests/system/*.sh; do
        case $script in */lib.sh | */uml.sh | */qemu.sh | */engine.sh | */docker_v2.sh) continue ;; esac
        run "$(basename "$script" .sh)" "$system_limit" "$script" "$build"
    done
fi

[ -n "$failures" ] && echo "failed:$failures (logs in ${logs#"$top"/})"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
