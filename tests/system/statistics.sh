#!/usr/bin/env bash
# tests/system/statistics.sh BUILD - what an agent says of a task that runs (/monitor/statistics) and of all of them
# (/metrics/snapshot) is what stands in the kernel's files, read before and after.
set -u
. "$(dirname "$0")/lib.sh"
system_begin "$1"

if [ "$(id -u)" != 0 ] || [ ! -e /sys/fs/cgroup/memory/memory.stat ]; then
    skip "statistics are the kernel's" "needs root and cgroup v1; v2 is in tests/system/isolators_v2.sh"
    exit 0
fi
# shellcheck disable=SC2119 # it takes flags of its own
start_master || exit 1
start_agent a1 --resources 'cpus:4;mem:1024;disk:1000' --pids-max 99 --isolator-options disk/usage.interval=1 \
    --isolation cgroup/cpu,cgroup/memory,cgroup/pids,cgroup/io,disk/usage || exit 1
if grep 'is not used' "$work/a1.log"; then
    skip "statistics are the kernel's" "this host lacks isolators: see above"
    exit 0
fi

# Two that have done something, and then do nothing: figures stand still.
cat >"$work/jobs" <<'END'
{"cmd":"head -c 5000000 /dev/zero >f; i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; sleep 1000 & sleep 1000 & echo x >up; wait","name":"busy","cpus":0.2,"mem":64,"disk":50}
{"cmd":"echo x >up; exec sleep 1000","name":"idle","cpus":0.1,"mem":32,"disk":50}
END
start batch proffer-batch -m "$master" -q "$work/jobs"
sandbox_of() { ask "http://$agent_http/state" ".frameworks[].executors[] | select(.tasks[].name == \"$1\").directory"; }
is_up() { [ -e "$(sandbox_of "$1")/up" ]; }
check "two tasks are at work" eval 'wait_for 60 is_up busy && wait_for 60 is_up idle'
sandbox=$(sandbox_of busy)
group=$(groups_of "$work/a1" | grep '^/sys/fs/cgroup/memory/' | grep "/$(basename "$sandbox")$")
group=${group#/sys/fs/cgroup/memory/}
above=$(dirname "$group")
check "its group is found" test -d "/sys/fs/cgroup/memory/$group"

statistic() {
    ask "http://$agent_http/monitor/statistics" \
        "[.[] | select(.source == \"$(basename "$sandbox" | sed 's/\.[^.]*$//')\")][0].statistics.$1 // 0"
}
metric() { ask "http://$agent_http/metrics/snapshot" ".\"containers/$1\" // 0"; }
file() { cat "/sys/fs/cgroup/$1"; }
field() { awk -v key="$2" '$1 == key { print $2 }' "/sys/fs/cgroup/$1"; }
number() { wc -l <"/sys/fs/cgroup/$1"; }

# same TEXT FIGURE... -- COMMAND... : the figure lies between what the file says before and after; in time, as one that was
# measured earlier may stand there for a while. SCALE: how many of the file's are one of the figure's.
same() {
    local text=$1 figure=()
    shift
    while [ "$1" != -- ]; do figure+=("$1"); shift; done
    shift
    between() {
        local before value after
        before=$("$@") value=$("${figure[@]}") after=$("$@")
        said="$value, and the kernel $before to $after"
        awk -v a="$before" -v v="$value" -v b="$after" -v scale="${scale:-1}" -v slack="${slack:-0}" \
            'BEGIN { exit !(a != "" && v * scale >= a - slack && v * scale <= b + slack) }'
    }
    if wait_for 20 between "$@"; then
        ok "$text"
    else
        between "$@"
        not_ok "$text: $said"
    fi
}

same "memory in use" statistic mem_total_bytes -- file "memory/$group/memory.usage_in_bytes"
same "memory of its own" statistic mem_rss_bytes -- field "memory/$group/memory.stat" rss
same "memory of files" statistic mem_cache_bytes -- field "memory/$group/memory.stat" cache
same "the most memory" statistic mem_peak_bytes -- file "memory/$group/memory.max_usage_in_bytes"
same "its limit" statistic mem_limit_bytes -- file "memory/$group/memory.limit_in_bytes"
same "major faults" statistic mem_major_faults -- field "memory/$group/memory.stat" pgmajfault
same "threads" statistic threads -- file "pids/$group/pids.current"
same "processes" statistic processes -- number "pids/$group/cgroup.procs"
same "how many it may have" statistic pids_limit -- file "pids/$group/pids.max"
same "periods" statistic cpus_nr_periods -- field "cpu/$group/cpu.stat" nr_periods
same "periods in which it was held back" statistic cpus_nr_throttled -- field "cpu/$group/cpu.stat" nr_throttled
scale=1000000000 slack=1000 same "for how long" statistic cpus_throttled_time_secs -- field "cpu/$group/cpu.stat" throttled_time
scale=100000 same "its processors" statistic cpus_limit -- file "cpu/$group/cpu.cfs_quota_us"
# Beside v1 controllers the cgroup2 mount has it; and shows less than a microsecond of neither.
if [ -e "/sys/fs/cgroup/unified/$group/cpu.stat" ]; then
    scale=1000000 slack=1 same "processor time of its own" statistic cpus_user_time_secs -- field "unified/$group/cpu.stat" user_usec
    scale=1000000 slack=1 same "and of the kernel for it" statistic cpus_system_time_secs -- field "unified/$group/cpu.stat" system_usec
    same "all: processor time" metric cpu_user_us -- field "unified/$above/cpu.stat" user_usec
else
    skip "processor time" "there is no cgroup2 mount"
fi
same "disk" statistic disk_used_bytes -- eval 'du -s --block-size=1 "$sandbox" | cut -f1 #'
same "files" statistic disk_files -- eval 'find "$sandbox" | wc -l #'

# --- all of them ----------------------------------------------------------------------------------------------

same "all: memory in use" metric mem_total_bytes -- file "memory/$above/memory.usage_in_bytes"
same "all: memory of their own" metric mem_rss_bytes -- field "memory/$above/memory.stat" total_rss
same "all: memory of files" metric mem_cache_bytes -- field "memory/$above/memory.stat" total_cache
same "all: threads" metric threads -- file "pids/$above/pids.current"
stop "$pid" || true # it says that it was interrupted
