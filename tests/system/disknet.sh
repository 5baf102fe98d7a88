#!/usr/bin/env bash
# tests/system/disknet.sh BUILD - tasks that take ports or disk that they were not granted, and tasks with a network of
# their own, under a real agent that is killed meanwhile. All of it in a network namespace of its own.
set -u
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" = 0 ] && [ -z "${DISKNET_INSIDE:-}" ] && unshare -n true 2>/dev/null; then
    DISKNET_INSIDE=1 exec unshare -n "$0" "$@"
fi
system_begin "$1"
if [ -z "${DISKNET_INSIDE:-}" ]; then
    skip "ports and disk are held" "needs root and network namespaces"
    exit 0
fi
ip link set lo up || exit 1
listener=$build/tests/test_launcher_network
talker=$build/tests/test_launcher_bridge

# shellcheck disable=SC2119 # it takes flags of its own
start_master || exit 1
run_agent() {
    start_agent a1 --resources 'cpus:4;mem:1024;disk:1000;ports:[31000-31010]' --isolation \
        cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,linux/capabilities,linux/nnp,disk/usage,network/ports,network/bridge \
        --isolator-options 'disk/usage.interval=1;network/ports.interval=1;network/bridge.subnet=10.66.0.0/24'
}
run_agent || exit 1
if grep 'is not used' "$work/a1.log"; then
    skip "ports and disk are held" "this host cannot hold them: see above"
    exit 0
fi

# ends TEXT JOB OPTION... : the job (JSON) fails, and what is told of it has the text.
ends() {
    local text=$1 job=$2
    shift 2
    echo "$job" >"$work/job"
    timeout 90 proffer-batch -m "$master" -q -c 0.1 -M 64 "$@" "$work/job" >"$work/told" 2>&1
    grep -qF -- "$text" "$work/told" && return
    cat "$work/told"
    return 1
}

check "a task that takes another's port is ended, and told why" \
    ends 'it listens on TCP 31007; the ports it was granted: none' "{\"cmd\":\"$listener tcp 31007\",\"name\":\"thief\"}"
check "so is one that writes more than it was granted" \
    ends 'its sandbox uses' '{"cmd":"while :; do dd if=/dev/zero bs=1M count=8 >>f 2>/dev/null; sleep 0.05; done","name":"bomb","disk":24}'

# --- a network of its own -----------------------------------------------------------------------------------

echo "$talker serve 8080" >"$work/job"
start bridged proffer-batch -m "$master" -q -R 'cpus:0.1;mem:64;ports:[31003-31003]' \
    --isolation '{"network":"bridge","port_mappings":[{"host_port":31003,"container_port":8080}]}' "$work/job"
bridged=$pid
answers() { [ "$(timeout 5 cat </dev/tcp/10.66.0.1/31003)" = 10.66.0.1 ]; }
is_clean() { ! ip -br link | grep -qE '^(proffer0|pf)'; }

check "a port of the host leads to a task with a network of its own" wait_for 30 answers
address() { ask "http://$agent_http/monitor/statistics" '.[].statistics.net_address'; }
check "its address stands in the statistics" test "$(address)" = 10.66.0.2

launcher_pid=$(pgrep -P "$agent_pid" -f proffer-launcher)
kill -KILL "$agent_pid" "$launcher_pid"
check "it is reached while agent and launcher are dead" answers
run_agent || exit 1
check "and when they are back" answers
stop "$bridged"
check "nothing of it is left after its end" wait_for 30 is_clean

start bridged proffer-batch -m "$master" -q -R 'cpus:0.1;mem:64;ports:[31003-31003]' \
    --isolation '{"network":"bridge","port_mappings":[{"host_port":31003,"container_port":8080}]}' "$work/job"
check "the port can be had again" wait_for 30 answers
stop "$pid"
check "and is given back again" wait_for 30 is_clean
