#!/usr/bin/env bash
# tests/san.sh [NAME...] - the tests under ASan+UBSan, then what has threads under TSan. System scripts run against
# the ASan daemons too. With names only those, as tests/run.sh has them. Each half ends with its count, and all with what
# failed, if anything did.
set -u
cd "$(dirname "$0")/.." || exit 1

# What is freed is kept from use for 64 MiB, not for 256: tasks have limits, and each fork copies the map of it.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=64
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:exitcode=98:suppressions=$PWD/tests/tsan.txt
export UNIT_LIMIT=${UNIT_LIMIT:-900} SYSTEM_LIMIT=${SYSTEM_LIMIT:-900}
threaded="${TSAN_TESTS:-test_link test_link_hostile test_link_keys test_view_http test_http_server test_http_clients test_scheduler test_fetcher test_agent_state test_agent_files test_store}"
failed=

# build FLAGS TARGET... : lines are all that a sanitizer tells of; a hundred programs are linked by what is quick at it.
build() {
    local flags=$1 linker=
    shift
    command -v ld.lld >/dev/null && linker=-fuse-ld=lld
    make -s -j"$(nproc)" CFLAGS='-g1 -O1 -fno-omit-frame-pointer' OPTIMIZE= LDFLAGS="${LDFLAGS:-} $linker" SANITIZE="$flags" "$@"
}

echo "== address, undefined"
build '-fsanitize=address,undefined -fno-sanitize-recover=undefined' BUILD=build/asan all tests || exit 1
LANES=${LANES:-2} tests/run.sh build/asan "$@" || failed="$failed address"

# That nobody uses the stack of a function that has returned costs much, and most where much is forked. So all cores, in
# the clusters that the simulator has.
[ $# != 0 ] || echo "== the stack of who has returned"
for world in any claimers gangs; do
    [ $# != 0 ] || ASAN_OPTIONS=$ASAN_OPTIONS:detect_stack_use_after_return=1 build/asan/tests/sim --world $world --seeds 100 ||
        failed="$failed stack"
done

echo "== threads"
tests=
for name in $threaded; do
    [ -f "tests/unit/$name.c" ] && tests="$tests build/tsan/tests/$name"
done
# shellcheck disable=SC2086
build '-fsanitize=thread' BUILD=build/tsan $tests || exit 1
UNITS_ONLY=1 LANES=${LANES:-2} tests/run.sh build/tsan "$@" || failed="$failed threads"

[ -z "$failed" ] || echo "san: failed:$failed"
[ -z "$failed" ]
