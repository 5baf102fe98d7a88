#!/usr/bin/env bash
# tests/san.sh - the tests under ASan+UBSan, then what has threads under TSan. System scripts run against
# the ASan daemons too. Ends with the count of both.
set -u
cd "$(dirname "$0")/.." || exit 1

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:exitcode=98:suppressions=$PWD/tests/tsan.txt
threaded="${TSAN_TESTS:-test_link test_link_hostile test_link_keys test_view_http test_http_server test_http_clients test_scheduler test_fetcher test_agent_state test_agent_files test_store}"
status=0

echo "== address, undefined"
make -s -j"$(nproc)" BUILD=build/asan CFLAGS='-g -O1 -fno-omit-frame-pointer' OPTIMIZE= \
    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' all tests || exit 1
UNIT_LIMIT=600 SYSTEM_LIMIT=900 LANES=${LANES:-2} tests/run.sh build/asan "$@" || status=1

echo "== threads"
tests=
for name in $threaded; do
    [ -f "tests/unit/$name.c" ] && tests="$tests build/tsan/tests/$name"
done
make -s -j"$(nproc)" BUILD=build/tsan CFLAGS='-g -O1 -fno-omit-frame-pointer' OPTIMIZE= \
    SANITIZE='-fsanitize=thread' $tests || exit 1
UNITS_ONLY=1 UNIT_LIMIT=600 tests/run.sh build/tsan "$@" || status=1
exit $status
