#!/usr/bin/env bash
# tests/check_qemu.sh BUILD - what needs a kernel that few machines have: cgroup v2 with cpuset, hugetlb and PSI, two NUMA
# nodes; a Docker Engine on v2, where there is one. Minutes, as every instruction is translated; so it is not part of `make check`.
set -u
build=$(cd "${1:?usage: tests/check_qemu.sh BUILD}" && pwd)
cd "$(dirname "$0")/.." || exit 1

# shellcheck disable=SC2016 # for the shell inside
script='
status=0
for test in test_isolators_cgroup test_isolators_devices; do
    CMOCKA_MESSAGE_OUTPUT=TAP "$1/tests/$test" || status=1
done
tests/system/cores.sh "$1" || status=1
PROFFER_V2_MACHINE=1 tests/system/docker_v2.sh "$1" || status=1
exit $status'
output=$(tests/system/qemu.sh "$build" bash -c "$script" bash "$build")
status=$?
if [ $status = 77 ]; then
    echo "skip: $output"
    exit 0
fi
printf '%s\n' "$output"
# Nothing that this machine is for may have been left out.
if command -v dockerd >/dev/null && ! grep -q '^ok [0-9]* - the kernel has its new memory$' <<<"$output"; then
    echo "not ok: a Docker Engine did not run"
    status=1
fi
for test in memory_comes_from_the_node_that_it_is_bound_to time_that_a_task_waits_is_told \
    a_task_runs_where_it_is_put_and_moves huge_pages_are_for_whom_they_are_granted; do
    if ! grep -q "^ok [0-9]* - $test\$" <<<"$output"; then
        echo "not ok: $test did not run"
        status=1
    fi
done
exit $status
