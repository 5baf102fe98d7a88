#!/usr/bin/env bash
# tests/system/cgroup_v2.sh BUILD - the launcher's tests once more, on a kernel where all controllers are v2.
# run.sh: early
set -u
build=$(cd "${1:?usage: tests/system/cgroup_v2.sh BUILD}" && pwd)
cd "$(dirname "$0")/../.." || exit 1

# shellcheck disable=SC2016 # for the shell inside
# One boot for all; each program prints its own TAP lines.
script='
status=0
for test in test_launcher test_launcher_adopt test_launcher_death test_launcher_limits test_launcher_namespaces \
    test_launcher_rootfs test_launcher_privileges test_launcher_network test_launcher_disk test_launcher_checks \
    test_launcher_looks test_launcher_descriptors test_docker_fetch_groups; do
    CMOCKA_MESSAGE_OUTPUT=TAP "$1/tests/$test" || status=1
done
CMOCKA_MESSAGE_OUTPUT=TAP "$1/tests/test_launcher_fetch" fetch_that_meets_the_memory_of_its_task_fails_it || status=1
exit $status'

if nm -u "$build/lib/libproffer.so" | grep -q __asan; then
    echo "ok 1 - the launcher on cgroup v2 # SKIP the address sanitizer's map does not fit into user-mode Linux"
    echo "1..1"
    exit 0
fi
output=$(UML_SECONDS=${SYSTEM_LIMIT:-590} tests/system/uml.sh sh -c "$script" sh "$build")
status=$?
if [ $status = 77 ]; then
    echo "ok 1 - the launcher on cgroup v2 # SKIP $output"
    echo "1..1"
    exit 0
fi
printf '%s\n' "$output"
if printf '%s\n' "$output" | grep -q '^cgroups: v2$'; then
    echo "ok - the kernel in user-mode Linux has cgroup v2 only"
else
    echo "not ok - the kernel in user-mode Linux has cgroup v2 only"
    status=1
fi
# Nothing that there is only with cgroups may have been left out.
for test in what_takes_more_memory_than_its_container_has_is_ended fetch_that_meets_the_memory_of_its_task_fails_it; do
    if printf '%s\n' "$output" | grep -q "^ok [0-9]* - $test\$"; then
        echo "ok - $test on v2"
    else
        echo "not ok - $test on v2"
        status=1
    fi
done
exit $status
