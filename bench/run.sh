#!/usr/bin/env bash
# bench/run.sh BUILD - the numbers, as lines "name value unit": medians of RUNS (5) runs, each beside this
# machine's own limit measured in the same run. Needs root and cgroups, as the agent does.
set -u -o pipefail

build=$(cd "${1:?usage: bench/run.sh BUILD}" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
runs=${RUNS:-5}
tasks=${TASKS:-2000}
live=${LIVE_TASKS:-100000}
updates=${UPDATE_TASKS:-20000}
recover=${RECOVER_TASKS:-1000}
agents=${FAILOVER_AGENTS:-10000}
command='true'
# shellcheck source=tests/system/lib.sh
. "$top/tests/system/lib.sh"
system_begin "$build" >/dev/null
trap 'system_end >/dev/null' EXIT
bench=$build/bench

say() { # NAME VALUE UNIT
    printf '%s %s %s\n' "$@"
}
median() { sort -g | awk '{v[NR] = $1} END {print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2)}'; }
quantile() { sort -g | awk -v q="$1" '{v[NR] = $1} END {i = int(q * NR + 0.999999); print v[i < 1 ? 1 : i]}'; }
rss_mb() { awk '/^VmRSS/ {printf "%.1f\n", $2 / 1024}' "/proc/$1/status"; }
# What a keeper has for itself: all else of it is pages of the files that it shares with the agent.
private_mb() { awk '/^Private/ {sum += $2} END {printf "%.1f\n", sum / 1024}' "/proc/$1/smaps_rollup"; }
agent_rss_mb() { # PID
    local reader
    reader=$(reader_of "$1")
    [ "$reader" = "$1" ] && rss_mb "$1" || echo "$(rss_mb "$reader") + $(private_mb "$1")" | bc
}
rss_bytes() { awk '/^VmRSS/ {print $2 * 1024}' "/proc/$1/status"; }
# User and system time of a process and of the children it has waited for, in ms.
cpu_ms() { awk -v tick="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13 + $14 + $15) * 1000 / tick}' "/proc/$1/stat"; }
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
cluster_stop() {
    stop "$agent_pid"
    stop "$master_pid"
}

# --- start -------------------------------------------------------------------------------------------
for ((i = 0; i < runs; i++)); do
    from=$(now_ms)
    start_master || exit 1
    middle=$(now_ms)
    start_agent "start$i" --resources 'cpus:64;mem:16384' || exit 1
    to=$(now_ms)
    echo $((middle - from)) >>"$work/start_master"
    echo $((to - middle)) >>"$work/start_agent"
    rss_mb "$master_pid" >>"$work/master_rss"
    agent_rss_mb "$agent_pid" >>"$work/agent_rss"
    cluster_stop
done
say start_master_ms "$(median <"$work/start_master")" ms
say start_agent_ms "$(median <"$work/start_agent")" ms
say start_ms "$(paste -d+ "$work/start_master" "$work/start_agent" | bc | median)" ms
say master_rss_mb "$(median <"$work/master_rss")" MiB
say agent_rss_mb "$(median <"$work/agent_rss")" MiB

# --- launching ------------------------------------------------------------------------------------------
# The groups that the agent makes for each task, with the same limits, for the bare loop.
parents() {
    local mount=/sys/fs/cgroup dir swap=
    if [ -e $mount/cgroup.controllers ]; then
        dir=$(dirname "$(find $mount/proffer -mindepth 1 -maxdepth 3 -type d -name tasks | head -1)")
        echo "$dir:cpu.weight=10:memory.max=33554432:pids.max=1024"
        return
    fi
    for dir in "$mount"/cpu/bench-limit; do mkdir -p "$dir"; done
    mkdir -p $mount/{cpu,memory,pids}/bench-limit
    echo "$mount/cpu/bench-limit:cpu.shares=64:cpu.cfs_quota_us=6250"
    # Where the kernel accounts swap, none of it.
    [ -e $mount/memory/bench-limit/memory.memsw.limit_in_bytes ] && swap=:memory.memsw.limit_in_bytes=33554432
    echo "$mount/memory/bench-limit:memory.limit_in_bytes=33554432$swap"
    echo "$mount/pids/bench-limit:pids.max=1024"
    if [ -d $mount/unified ]; then
        mkdir -p $mount/unified/bench-limit
        echo $mount/unified/bench-limit
    fi
}
parents_remove() { rmdir /sys/fs/cgroup/*/bench-limit 2>/dev/null; }

start_master || exit 1
start_agent load --isolation cgroup/cpu,cgroup/memory,cgroup/pids,posix/rlimits --resources 'cpus:1;mem:1024' || exit 1
launcher_pid=$(pgrep -P "$agent_pid" -f proffer-launcher)
reader_pid=$(reader_of "$agent_pid")
export PROFFER_MASTER=$master
mapfile -t groups < <(parents)
"$bench/launch" rate 200 'cpus:0.0625;mem:32' "$command" >/dev/null || exit 1
for ((i = 0; i < runs; i++)); do
    "$bench/limit" "$tasks" "${groups[@]}" -- /bin/sh -c "$command" | awk '{print $1}' >"$work/limit.now" || exit 1
    before=$(echo "$(cpu_ms "$master_pid") + $(cpu_ms "$reader_pid") + $(cpu_ms "$launcher_pid")" | bc)
    "$bench/launch" rate "$tasks" 'cpus:0.0625;mem:32' "$command" >"$work/rate.now" || exit 1
    after=$(echo "$(cpu_ms "$master_pid") + $(cpu_ms "$reader_pid") + $(cpu_ms "$launcher_pid")" | bc)
    rate=$(awk '/per_s/ {print $1}' "$work/rate.now") limit=$(cat "$work/limit.now")
    task_cpu=$(awk '/cpu_ms/ {print $1}' "$work/rate.now")
    echo "$rate" >>"$work/rate"
    echo "$limit" >>"$work/limit"
    echo "scale=4; $rate / $limit" | bc >>"$work/ratio"
    echo "scale=4; ($after - $before) / $tasks - $task_cpu" | bc >>"$work/cpu"
done
parents_remove
say launch_rate "$(median <"$work/rate")" tasks/s
say launch_limit "$(median <"$work/limit")" tasks/s
say launch_ratio "$(median <"$work/ratio")" ratio
say cpu_ms_per_task "$(median <"$work/cpu")" ms

# --- latency, idle ------------------------------------------------------------------------------------------
for ((i = 0; i < runs; i++)); do
    "$bench/launch" latency 200 'cpus:0.5;mem:32' "$command" >"$work/latency.now" || exit 1
    quantile 0.5 <"$work/latency.now" >>"$work/p50"
    quantile 0.99 <"$work/latency.now" >>"$work/p99"
done
say launch_latency_p50_ms "$(median <"$work/p50")" ms
say launch_latency_p99_ms "$(median <"$work/p99")" ms
cluster_stop

# --- with all default isolators ---------------------------------------------------------------------------------
# Against bare starts in the same namespaces and groups, and against bare starts for which the kernel does all that it does
# for a contained task: what is mounted in these namespaces, capabilities, the filter.
start_master || exit 1
start_agent contained --resources 'cpus:1;mem:1024' || exit 1
export PROFFER_MASTER=$master
mapfile -t groups < <(parents)
"$bench/launch" rate 200 'cpus:0.0625;mem:32' "$command" >/dev/null || exit 1
for ((i = 0; i < runs; i++)); do
    "$bench/limit" --namespaces "$tasks" "${groups[@]}" -- /bin/sh -c "$command" | awk '{print $1}' >"$work/limit.now" || exit 1
    "$bench/launch" rate "$tasks" 'cpus:0.0625;mem:32' "$command" >"$work/rate.now" || exit 1
    "$bench/limit" --contained "$top/isolators/seccomp/default.json" "$tasks" "${groups[@]}" -- /bin/sh -c "$command" |
        awk '{print $1}' >"$work/full.now" || exit 1
    rate=$(awk '/per_s/ {print $1}' "$work/rate.now") limit=$(cat "$work/limit.now") full=$(cat "$work/full.now")
    echo "$rate" >>"$work/contained_rate"
    echo "$limit" >>"$work/contained_limit"
    echo "$full" >>"$work/contained_full_limit"
    echo "scale=4; $rate / $limit" | bc >>"$work/contained_ratio"
    echo "scale=4; $rate / $full" | bc >>"$work/contained_full_ratio"
done
parents_remove
say contained_rate "$(median <"$work/contained_rate")" tasks/s
say contained_limit "$(median <"$work/contained_limit")" tasks/s
say contained_ratio "$(median <"$work/contained_ratio")" ratio
say contained_full_limit "$(median <"$work/contained_full_limit")" tasks/s
say contained_full_ratio "$(median <"$work/contained_full_ratio")" ratio
cluster_stop

# --- updates --------------------------------------------------------------------------------------------------
# Through agent, checkpoint, master, framework and back as acknowledgements: two a task, from a launcher that runs
# nothing. The limit is what SQLite commits to the same disk, with nothing around it.
start_master || exit 1
start_agent updates --launcher "$bench/instant" --resources 'cpus:64;mem:65536' || exit 1
export PROFFER_MASTER=$master
"$bench/launch" rate "$updates" 'cpus:0.0625;mem:32' "$command" >/dev/null || exit 1
for ((i = 0; i < runs; i++)); do
    "$bench/store" "$work/updates" 0.5 >"$work/store.now" || exit 1
    awk '/commits/ {print $1}' "$work/store.now" >>"$work/commits"
    awk '/syncs/ {print $1}' "$work/store.now" >>"$work/syncs"
    "$bench/launch" rate "$updates" 'cpus:0.0625;mem:32' "$command" >"$work/rate.now" || exit 1
    awk '/per_s/ {print $1 * 2}' "$work/rate.now" >>"$work/update_rate"
done
say update_rate "$(median <"$work/update_rate")" updates/s
say store_commit_limit "$(median <"$work/commits")" commits/s
say store_sync_limit "$(median <"$work/syncs")" syncs/s
cluster_stop

# --- the simulator --------------------------------------------------------------------------------------------------
for ((i = 0; i < runs; i++)); do
    "$build/tests/sim" --from $((i * 100 + 1)) --seeds 100 | awk '/sim_events_per_s/ {print $NF}' >>"$work/sim" || exit 1
done
say sim_events_per_s "$(median <"$work/sim")" events/s

# --- an agent dies and comes back -------------------------------------------------------------------------------------
# From SIGKILL until the next one has adopted all tasks and is registered with them. Tasks must not notice.
adopted() { # COUNT : by the agent, in its containers, and by the master
    [ "$(ask "http://$agent_http/monitor/statistics" length)" = "$1" ] &&
        [ "$(state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING")] | length')" = "$1" ]
}
all_run() { [ "$(grep TASK_RUNNING "$work/recover.log" | cut -d' ' -f1 | sort -u | wc -l)" = "$recover" ]; }
start_master || exit 1
start_agent adopting --resources 'cpus:100;mem:100000' || exit 1
export PROFFER_MASTER=$master
start recover "$build/tests/recorder" recover "$recover" 'cpus:0.05;mem:16' 'exec sleep 1000'
wait_for 120 all_run || exit 1
for ((i = 0; i < runs; i++)); do
    from=$(now_ms)
    kill -KILL "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    start_agent adopting --resources 'cpus:100;mem:100000' || exit 1
    to=$(now_ms)
    wait_for 10 adopted "$recover" || exit 1
    echo $((to - from)) >>"$work/agent_recover"
done
grep '^t' "$work/recover.log" | grep -vE 'TASK_(STAGING|RUNNING)' >&2 && exit 1
say agent_recover_ms "$(median <"$work/agent_recover")" ms
cluster_stop

# --- limits on what runs ------------------------------------------------------------------------------------------------
# The same work bare and as a task that every cgroup isolator holds, one after the other; limits above what it needs.
# Processor time: the wall clock would tell what else this machine does.
start_master || exit 1
start_agent limited --resources 'cpus:64;mem:16384' --isolation \
    cgroup/cpu,cgroup/cpuset,cgroup/devices,cgroup/hugetlb,cgroup/io,cgroup/memory,cgroup/pids || exit 1
export PROFFER_MASTER=$master
"$bench/steady" 20 >/dev/null
for ((i = 0; i < runs; i++)); do
    "$bench/steady" 100 >"$work/bare.now" || exit 1
    proffer run --cpus 4 --mem 512 "$bench/steady" 100 >"$work/held.now" || exit 1
    cat "$work/bare.now" >>"$work/bare"
    cat "$work/held.now" >>"$work/held"
    echo "scale=4; $(cat "$work/held.now") / $(cat "$work/bare.now")" | bc >>"$work/limits_ratio"
done
say steady_bare_ms "$(median <"$work/bare")" ms
say steady_held_ms "$(median <"$work/held")" ms
say limits_overhead_ratio "$(median <"$work/limits_ratio")" ratio
cluster_stop

# --- a thousand live tasks on one agent -----------------------------------------------------------------------------------
# What of ours is resident, and runs, while they sleep: the agent, its launcher, a shim each. Shared pages count once (Pss).
pss_kb() { cat $(printf '/proc/%s/smaps_rollup ' "$@") 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'; }
# Time on a processor, of all threads.
ran_ns() { cat $(printf '/proc/%s/task/*/schedstat ' "$@") 2>/dev/null | awk '{sum += $1} END {printf "%.0f\n", sum}'; }
idle_tasks=${IDLE_TASKS:-1000}
all_idle() { [ "$(grep TASK_RUNNING "$work/idle.log" | cut -d' ' -f1 | sort -u | wc -l)" = "$idle_tasks" ]; }
start_master || exit 1
start_agent idle --resources 'cpus:100;mem:100000' || exit 1
export PROFFER_MASTER=$master
launcher_pid=$(pgrep -P "$agent_pid" -f proffer-launcher)
reader_pid=$(reader_of "$agent_pid")
start idle "$build/tests/recorder" idle "$idle_tasks" 'cpus:0.05;mem:16' 'exec sleep 1000'
wait_for 120 all_idle || exit 1
mapfile -t shims < <(pgrep -P "$launcher_pid")
ours=("$agent_pid" "$launcher_pid" "${shims[@]}")
[ "$reader_pid" = "$agent_pid" ] || ours+=("$reader_pid")
say "rss_mb_$idle_tasks" "$(echo "scale=1; $(pss_kb "${ours[@]}") / 1024" | bc)" MiB
say "shim_kb_$idle_tasks" "$(echo "scale=1; $(pss_kb "${shims[@]}") / $idle_tasks" | bc)" KiB
sleep 2 # what starting left to be done
before=$(ran_ns "${ours[@]}") from=$(now_ms)
sleep "${IDLE_SECONDS:-10}"
after=$(ran_ns "${ours[@]}") to=$(now_ms)
say "idle_cpu_percent_$idle_tasks" "$(echo "scale=4; ($after - $before) / 10000 / ($to - $from)" | bc)" percent
cluster_stop

# --- a master dies and comes back -----------------------------------------------------------------------------------------
for ((i = 0; i < 3; i++)); do
    port=$(free_port)
    PROFFER_MASTER=127.0.0.1:$port "$bench/failover" "$agents" 10 proffer-master --port "$port" \
        --http-port "$(free_port)" --work-dir "$work/failover$i" --log-level error >"$work/failover.now" || exit 1
    awk '/failover_ms/ {print $2}' "$work/failover.now" >>"$work/failover"
    awk '/failover_all_ms/ {print $2}' "$work/failover.now" >>"$work/failover_all"
done
say master_failover_ms "$(median <"$work/failover")" ms
say master_failover_all_ms "$(median <"$work/failover_all")" ms

# --- memory with many tasks ------------------------------------------------------------------------------------
start_master || exit 1
export PROFFER_MASTER=$master
rss_bytes "$master_pid" >"$work/empty"
"$bench/many" "$live" "$master_pid" || exit 1
stop "$master_pid"

# --- Docker -------------------------------------------------------------------------------------------------
# With an Engine of its own, so by a script of its own; where there is none it says so.
"$top/bench/docker.sh" "$build" || exit 1
