#!/usr/bin/env bash
# tests/run.sh BUILD [NAME...] - run the tests and say, in the last line, how many passed and failed.
#
# System scripts, units (cmocka) and fuzzers' corpora, each with a time limit. LANES of them (4) run at a time, as most
# wait most of the time: none may know of another. A script that takes long has a line "# run.sh: early", and is among the
# first. With names only those whose file name contains one of them. Output of each goes to BUILD/tests/log/; what failed
# is shown.
set -u

build=${1:?usage: tests/run.sh BUILD [NAME...]}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$build" && pwd)
logs=$build/tests/log
unit_limit=${UNIT_LIMIT:-420}
system_limit=${SYSTEM_LIMIT:-600}
lanes=${LANES:-4}
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

# --- running ------------------------------------------------------------------------------------------

declare -A name_of=() limit_of=() began=() lane_of=() # by process

# start NAME LIMIT COMMAND... : in a lane that is free, or becomes so.
start() {
    local name=$1 limit=$2 lane=0
    shift 2
    wanted "$name" || return 0
    while [ ${#name_of[@]} -ge "$lanes" ]; do finish; done
    while [[ " ${lane_of[*]} " = *" $lane "* ]]; do lane=$((lane + 1)); done
    PROFFER_TEST_LANE=$lane timeout --kill-after=10 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null &
    name_of[$!]=$name limit_of[$!]=$limit began[$!]=$SECONDS lane_of[$!]=$lane
}

# finish : wait for one, whichever it is.
finish() {
    local pid status
    wait -n -p pid "${!name_of[@]}"
    status=$?
    count "${name_of[$pid]}" "${limit_of[$pid]}" "$status" $((SECONDS - began[$pid]))
    unset "name_of[$pid]" "limit_of[$pid]" "began[$pid]" "lane_of[$pid]"
}

# timeout passes it on, to all that it has started.
end() {
    [ ${#name_of[@]} = 0 ] || kill -TERM "${!name_of[@]}" 2>/dev/null
    wait
    exit 130
}
trap end INT TERM

# count NAME LIMIT STATUS SECONDS : TAP lines. A program that ends badly without a "not ok" counts as one.
count() {
    local name=$1 limit=$2 status=$3 took=$4 log=$logs/$1.log ok bad skip
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
    printf '%-32s %4d passed %3d failed %3d skipped %4d s\n' "$name" $((ok - skip)) "$bad" "$skip" "$took"
    if [ "$bad" != 0 ]; then
        failures="$failures $name"
        grep -avE '^ok |^[0-9]+\.\.[0-9]+|^TAP ' "$log" | tail -60 | sed 's/^/    /'
    fi
    grep -aE '^(not )?ok .*# SKIP' "$log" | sed -E 's/^(not )?ok [0-9]*/    skip/'
}

start_scripts() { # [GREP'S FLAG] : those that are early; with -L, the others
    local script
    [ -z "${UNITS_ONLY:-}" ] || return 0
    for script in $(grep -lx ${1:-} '# run\.sh: early' tests/system/*.sh); do
        case $script in */lib.sh | */uml.sh | */qemu.sh | */engine.sh) continue ;; esac
        start "$(basename "$script" .sh)" "$system_limit" "$script" "$build"
    done
}

start_units() {
    local test
    for test in "$build"/tests/test_*; do
        [ -x "$test" ] && start "$(basename "$test")" "$unit_limit" "$test"
    done
    [ -x "$build/tests/sim" ] && start sim "$unit_limit" "$build/tests/sim" --seeds 400
    for test in "$build"/tests/replay_*; do
        [ -x "$test" ] && start "$(basename "$test")" "$unit_limit" "$test" "tests/fuzz/corpus/${test##*/replay_}"
    done
}

cd "$top" || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP PROFFER_BUILD=$build
set -m # what is started here may be interrupted, and is not told to ignore that
start_scripts
start_units
start_scripts -L
while [ ${#name_of[@]} -gt 0 ]; do finish; done

# Once more at the end, where it is still seen when the rest is cut off.
for name in $failures; do
    echo "failed: $name (${logs#"$top"/}/$name.log)"
    awk '/^#/ { if (shown) print; next } { shown = /^not ok / && !/# SKIP/ } shown' "$logs/$name.log" | head -40 | cut -c1-300 | sed 's/^/    /'
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
