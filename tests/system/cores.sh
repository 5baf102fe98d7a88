#!/usr/bin/env bash
# tests/system/cores.sh BUILD - cores of one's own, devices of one's own, limits of live tasks: real daemons, a real
# kernel, a framework that changes its mind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh
system_begin "${1:-}"

if [ "$(id -u)" != 0 ] || [ "$(nproc)" -lt 2 ] || ! [ -e /sys/fs/cgroup/cpuset -o -e /sys/fs/cgroup/cgroup.controllers ]; then
    skip "cores of one's own" "it takes root, two processors and cpusets"
    exit
fi
guard

isolation=cgroup/cpu,cgroup/cpuset,cgroup/devices,cgroup/io,cgroup/memory,cgroup/pids,gpu/devices,posix/rlimits
# Devices that do nothing stand in for GPUs.
agent_flags=(--isolation "$isolation" --gpus 'g0=/dev/full;g1=/dev/random')

say() { echo "$*" >&5; }
told() { grep -q -- "$1" "$work/limiter.out"; }
begin() { begins "a master and an agent with cpusets" start_both; }
start_both() { start_master && start_agent agent "${agent_flags[@]}"; }
statistics() { ask "http://$agent_http/monitor/statistics" "$1"; }
topology() { state "[.slaves[0].topology.numa_nodes[].$1] | join(\",\")"; }
stats_of() { statistics ".[] | select(.source == \"$1\") | .statistics.$2"; }

begin
mkfifo "$work/commands"
exec 5<>"$work/commands"
export PROFFER_MASTER=$master
PROFFER_TEST=$work "$build/tests/limiter" <"$work/commands" >"$work/limiter.out" 2>"$work/limiter.log" 5>&- &
pids+=($!)

if ! ask "http://$agent_http/state" '.flags, (.isolation // [] | index("cgroup/cpuset"))' >/dev/null ||
    grep -q 'cgroup/cpuset is not used' "$work/agent.log"; then
    skip "cores of one's own" "$(grep -o 'cgroup/cpuset is not used.*' "$work/agent.log" | head -1)"
    exit
fi
all=$(topology cpus) # by node; and as one list, as the kernel has it:
pool=$(cat /sys/fs/cgroup/cpuset/cpuset.effective_cpus /sys/fs/cgroup/cpuset.cpus.effective 2>/dev/null | head -1)
check "offers show all cores as free" test "$(topology threads.free_cpus)" = "$all"

# --- cores -------------------------------------------------------------------------------------------

say "run shared cpus:0.1;mem:32 - - echo x; exec sleep 1000"
check "a task without a wish runs" wait_for 20 told "shared TASK_RUNNING cpus=$pool mems= exclusive=0"
say "run own cpus:1;mem:32 exclusive - echo \$PROFFER_CPUS; grep Cpus_allowed_list /proc/self/status; exec sleep 1000"
check "another one has a core of its own" wait_for 20 told "own TASK_RUNNING cpus=[0-9]* mems=[0-9]* exclusive=1"
core=$(sed -n 's/^own TASK_RUNNING cpus=\([0-9]*\) .*/\1/p' "$work/limiter.out" | head -1)
sandbox_of() { ask "http://$agent_http/state" ".frameworks[0].executors[].tasks[]?, .frameworks[0].tasks[]? | select(.id == \"$1\") | .sandbox" | head -1; }
check "the first one is moved off it while it runs" wait_for 10 eval '[ "$(stats_of shared cpuset_cpus)" != "$pool" ]'
check "the kernel holds the second one to it" test "$(stats_of own cpuset_cpus)" = "$core"
check "the offer shows that it is taken" wait_for 10 eval '[ "$(topology threads.free_cpus)" != "$all" ]'
check "the status JSON shows it" wait_for 10 eval '[ "$(state ".frameworks[] | .tasks[] | select(.id == \"own\") | .statuses[-1].container_status.cpus")" = "$core" ]'
say "run whole cpus:0.5;mem:32 exclusive - true"
check "what is not whole is refused, and why" wait_for 20 told 'whole TASK_ERROR .*exclusive cores are whole'

# --- limits ------------------------------------------------------------------------------------------

say "limits shared cpus:0.7;mem:100;swap:16 77"
check "limits of a live task change" wait_for 20 told 'shared limits ok'
check "the kernel has the new ceiling" wait_for 10 eval '[ "$(stats_of shared cpus_limit)" = 0.7 ]'
check "and the new number of processes" wait_for 10 eval '[ "$(stats_of shared pids_limit)" = 77 ]'
check "the master shows the new limits" wait_for 10 eval '[ "$(state ".frameworks[] | .tasks[] | select(.id == \"shared\") | .limits.mem")" = 100 ]'
say "limits shared mem:8 0"
check "less than it is granted is refused" wait_for 20 told 'shared limits .*less than what it is granted'
say "limits shared io_read@/dev/null:1 0"
check "what an isolator cannot do is refused with its reason" wait_for 20 told 'shared limits cgroup/io: io_read: /dev/null is no disk'
check "and all is as it was" wait_for 10 eval '[ "$(stats_of shared cpus_limit)" = 0.7 ]'
say "limits nobody cpus:1 0"
check "of a task that is not there it is said so" wait_for 20 told 'nobody limits there is no such task'

# --- devices -----------------------------------------------------------------------------------------

try='for d in /dev/full /dev/random; do if (: <$d); then echo yes; else echo no; fi; done 2>/dev/null; echo $PROFFER_GPUS; exec sleep 1000'
say "run g1 cpus:0.1;mem:32;gpus:1 - - $try"
say "run g2 cpus:0.1;mem:32;gpus:1 - - $try"
say "run g3 cpus:0.1;mem:32 - - $try"
check "two tasks have a device each" wait_for 20 eval 'told "g1 TASK_RUNNING .*gpus=g[01]" && told "g2 TASK_RUNNING .*gpus=g[01]" && told "g3 TASK_RUNNING .*gpus= "'
stdout_of() { cat "$work"/agent/sandboxes/*/"$1".*/stdout | tr '\n' ' '; }
opens() { # what each can open is what its name says
    local g1 g2 g3
    g1=$(stdout_of g1) g2=$(stdout_of g2) g3=$(stdout_of g3)
    [ "$g3" = "no no  " ] && case "$g1/$g2" in
        "yes no g0 /no yes g1 " | "no yes g1 /yes no g0 ") ;;
        *) false ;;
    esac
}
check "each opens its own and not the other's; a third opens none" wait_for 20 opens

metrics() { ask "http://$agent_http/metrics/snapshot" "$1"; }
check "metrics sum up what all use" metrics '."containers/mem_total_bytes" > 0 and ."containers/processes" >= 5'

# --- another agent -----------------------------------------------------------------------------------

kill -KILL "$agent_pid" && wait "$agent_pid" 2>/dev/null
begins "another agent takes up the tasks" start_agent agent "${agent_flags[@]}"
check "the core is still its own" wait_for 20 eval '[ "$(topology threads.free_cpus)" != "$all" ] && [ "$(stats_of own cpuset_cpus)" = "$core" ]'
check "and the limits are those of before" wait_for 10 eval '[ "$(stats_of shared cpus_limit)" = 0.7 ]'
say "kill own"
check "when it ends the others have the core again" wait_for 20 eval '[ "$(stats_of shared cpuset_cpus)" = "$pool" ]'
check "and it is offered again" wait_for 20 eval '[ "$(topology threads.free_cpus)" = "$all" ]'
