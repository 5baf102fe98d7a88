#!/usr/bin/env bash
# tests/system/isolators_v2.sh BUILD - the cgroup isolators on a kernel where all controllers are v2: those that user-mode
# Linux has. The others: make check-qemu.
set -u
build=$(cd "${1:?usage: tests/system/isolators_v2.sh BUILD}" && pwd)
cd "$(dirname "$0")/../.." || exit 1

if nm -u "$build/lib/libproffer.so" | grep -q __asan; then
    echo "ok 1 - isolators on cgroup v2 # SKIP the address sanitizer's map does not fit into user-mode Linux"
    echo "1..1"
    exit 0
fi
# shellcheck disable=SC2016 # for the shell inside
script='
status=0
for test in test_isolators_cgroup test_isolators_devices; do
    CMOCKA_MESSAGE_OUTPUT=TAP "$1/tests/$test" || status=1
done
exit $status'
output=$(UML_SECONDS=${SYSTEM_LIMIT:-590} tests/system/uml.sh sh -c "$script" sh "$build")
status=$?
if [ $status = 77 ]; then
    echo "ok 1 - isolators on cgroup v2 # SKIP $output"
    echo "1..1"
    exit 0
fi
printf '%s\n' "$output"
for test in all_of_a_task_ends_when_one_process_is_killed_for_memory a_gpu_is_open_to_whom_it_is_granted_only \
    neighbours_have_gpus_of_one_driver limits_above_requests_are_what_the_kernel_has \
    a_task_uses_memory_up_to_its_limit_above_what_it_requests a_task_without_a_ceiling_is_never_held_back; do
    if grep -q "^ok [0-9]* - $test\$" <<<"$output"; then
        echo "ok - $test on v2"
    else
        echo "not ok - $test on v2"
        status=1
    fi
done
exit $status
