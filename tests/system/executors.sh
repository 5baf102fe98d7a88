#!/usr/bin/env bash
# tests/system/executors.sh BUILD - executors: many tasks in one, messages, and what dies or hangs: the agent under it, the
# executor, its registration; its memory grows with its tasks; with a root of its own, as another user.
. "$(dirname "$0")/lib.sh"
system_begin "$1"
pool=$build/examples/executor/pool
chmod 755 "$work"

agent_get() { # PATH
    curl -fsS --max-time 20 "http://$agent_http$1"
}

# conduct : a framework that does what `tell` says; what it hears is in $heard.
conduct() {
    heard=$work/conductor.log
    rm -f "$work/orders" "$heard"
    mkfifo "$work/orders"
    exec 8<>"$work/orders"
    PROFFER_MASTER=$master PROFFER_TEST=$work "$build/tests/conductor" <"$work/orders" >"$heard" 2>&1 8>&- &
    conductor=$!
    pids+=("$conductor")
}

tell() {
    echo "$*" >&8
}

hears() { # PATTERN
    wait_for 30 grep -qE "$1" "$heard" && return
    echo "not heard: $1"
    tail -20 "$heard"
    return 1
}

# once PATTERN : it was heard, and not twice.
once() {
    hears "$1" && [ "$(grep -cE "$1" "$heard")" = 1 ] && return
    grep -nE "$1" "$heard"
    return 1
}

ends_conductor() {
    tell quit
    wait "$conductor"
    exec 8>&-
}

statistics_of() { # EXECUTOR FILTER
    agent_get /monitor/statistics | jq -er ".[] | select(.executor_id == \"$1\") | $2"
}

has_mem() { # EXECUTOR MIB
    [ "$(statistics_of "$1" .statistics.mem_limit_bytes)" = $(($2 * 1048576)) ]
}

pid_of() { # TASK : of the first process of its container
    ask "http://$http/tasks?limit=1000&order=asc" "[.tasks[] | select(.id == \"$1\")] | last | .statuses[-1].container_status.executor_pid"
}

sandbox_of() {
    ask "http://$http/tasks?limit=1000&order=asc" "[.tasks[] | select(.id == \"$1\")] | last | .statuses[-1].container_status.sandbox"
}

restart_agent() {
    kill -KILL "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    begin_agent
}

mkdir -p "$work/roots/tiny/bin" "$work/roots/tiny/lib64"
begin_agent() {
    start_agent a1 --resources 'cpus:8;mem:2048;disk:1000' --executor-reregister 3s "${flags[@]}"
}
flags=()

start_master || exit 1
begin_agent || exit 1

# --- the example ------------------------------------------------------------------------------------------

# In the background, as `check` would lose what it prints.
PROFFER_MASTER=$master timeout 60 "$build/examples/executor/framework" "$pool" 20 >"$work/example.out" 2>&1
status=$?
finished() {
    [ $status = 0 ] && [ "$(grep -c 'TASK_FINISHED' "$work/example.out")" = 20 ] && return
    cat "$work/example.out"
    return 1
}
check "the example runs 20 tasks in one executor" finished
check "they ran in one container" eval "[ \"\$(find '$work/a1/sandboxes' -mindepth 2 -maxdepth 2 -type d | wc -l)\" = 1 ]"
check "tasks report progress by messages" grep -q '^square.7 says: the square is 49$' "$work/example.out"
check "the end of a task has its result" grep -q '^square.20 TASK_FINISHED .*= the square is 400$' "$work/example.out"
check "the framework asks its executor and is answered" grep -qE '^pool says: [0-9]+ run, [0-9]+ wait$' "$work/example.out"
check "the executor ends itself when it is killed" grep -q 'pool TASK_KILLED .*exited with status 0' "$work/example.out"

# --- what is shown -----------------------------------------------------------------------------------------

conduct
tell executor pool "cpus:0.5;mem:64" - "$pool 8"
tell task t1 "cpus:0.5;mem:100" pool "echo begun; while [ ! -e go.$$ ]; do sleep 0.05; done; echo ended"
check "an executor and its task run" hears '^t1 TASK_RUNNING'
check "the master shows whose task it is" \
    ask "http://$http/state" '.frameworks[] | select(.name == "conductor") | .executors[0].executor_id == "pool" and
        .executors[0].type == "CUSTOM" and any(.tasks[]; .id == "t1" and .executor_id == "pool")'
check "the agent shows it in its executor" eval "agent_get /state | jq -e '
    [.frameworks[] | select(.name == \"conductor\")][0].executors | length == 1 and .[0].executor_id == \"pool\" and
        ([.[0].tasks[].id] | sort) == [\"pool\", \"t1\"]'"
if statistics_of pool .statistics.mem_limit_bytes >/dev/null && [ "$(statistics_of pool .statistics.mem_limit_bytes)" -gt 0 ]; then
    check "the memory of its container is its own and its tasks'" has_mem pool 164
else
    skip "the memory of its container is its own and its tasks'" "no control groups here"
fi
sandbox=$(sandbox_of t1)
check "a task has its executor's sandbox" eval "[ '$sandbox' = '$(sandbox_of pool)' ] && [ -n '$sandbox' ]"

# --- the agent is killed under it ----------------------------------------------------------------------------

kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
touch "$sandbox/go.$$" # it ends, and there is no agent to tell
wait_for 20 eval "! grep -lsa 'while \[ ! -e go\.$$ ' /proc/[0-9]*/cmdline" || true
begin_agent || exit 1
check "what ended while the agent was away is told when it is back" once '^t1 TASK_FINISHED .*\| ended$'
check "the executor goes on" eval "[ \"\$(grep -c '^pool TASK_RUNNING' '$heard')\" -ge 1 ] && ! grep -q '^pool TASK_\(FAILED\|KILLED\)' '$heard'"
tell task t2 "cpus:0.1;mem:10" pool "echo after all \$PROFFER_EXECUTOR_TOKEN"
check "and takes tasks of the new agent" once '^t2 TASK_FINISHED .*\| after all$'
if [ "$(statistics_of pool .statistics.mem_limit_bytes)" -gt 0 ] 2>/dev/null; then
    check "memory is given back when a task has ended" wait_for 20 has_mem pool 64
else
    skip "memory is given back when a task has ended" "no control groups here"
fi
for ((i = 0; i < 40; i++)); do
    tell task "many$i" "cpus:0.05;mem:4" pool "sleep 0.0$((i % 10)); echo $i"
done
hears '^many5 TASK_RUNNING' && restart_agent || not_ok "the agent comes back"
all_told_once() {
    for ((i = 0; i < 40; i++)); do
        once "^many$i TASK_FINISHED .*\| $i\$" || return 1
    done
}
check "of forty tasks around the agent's death each is run and told once" all_told_once

# --- ends ------------------------------------------------------------------------------------------------------

tell task long "cpus:0.1;mem:8" pool "trap 'echo obeyed; exit 0' TERM; while :; do sleep 0.05; done"
check "another one runs" hears '^long TASK_RUNNING'
tell kill long -1
check "a task is killed by its executor" once '^long TASK_FINISHED .*obeyed$'
tell task deaf "cpus:0.1;mem:8" pool "trap '' TERM; while :; do sleep 0.05; done"
hears '^deaf TASK_RUNNING'
tell kill deaf 200
check "by force, when its time is over" once '^deaf TASK_KILLED'
tell say pool "how many"
check "messages are answered" hears '^pool says: 0 run, 0 wait'

tell task victim "cpus:0.1;mem:8" pool "sleep 77$$"
hears '^victim TASK_RUNNING'
kill -KILL "$(pid_of pool)"
check "the tasks of an executor that is killed have failed" once '^victim TASK_FAILED REASON_EXECUTOR_TERMINATED'
check "and nothing of them is left" wait_for 10 eval "! pgrep -f 'sleep 77$$\$' >/dev/null"
check "so has the executor" once '^pool TASK_FAILED'
tell task late "cpus:0.1;mem:8" pool "true"
check "there is no executor for another task" hears '^late TASK_(ERROR|DROPPED)'

# --- those that hang ---------------------------------------------------------------------------------------------

tell executor mute "cpus:0.1;mem:32" - "exec sleep 1000"
tell task waits "cpus:0.1;mem:8" mute "true"
check "an executor that does not subscribe is ended" once '^mute TASK_FAILED REASON_EXECUTOR_REGISTRATION_TIMEOUT'
check "its task with it" once '^waits TASK_FAILED REASON_EXECUTOR_REGISTRATION_TIMEOUT'

tell executor frozen "cpus:0.1;mem:32" - "exec $pool"
tell task inside "cpus:0.1;mem:8" frozen "sleep 1000"
hears '^inside TASK_RUNNING'
kill -STOP "$(pid_of frozen)"
restart_agent || exit 1
check "an executor that does not come back is ended" once '^frozen TASK_FAILED REASON_EXECUTOR_REREGISTRATION_TIMEOUT'
check "its task with it, too" once '^inside TASK_FAILED REASON_EXECUTOR_REREGISTRATION_TIMEOUT'

# --- strangers -----------------------------------------------------------------------------------------------------

socket=$work/a1/executors/agent.sock
check "the socket is there for everybody" eval "[ \"\$(stat -c %a '$socket')\" = 666 ]"
for ((i = 0; i < 200; i++)); do
    curl -s --max-time 2 --unix-socket "$socket" http://agent/ >/dev/null
done
check "who says what cannot be understood is shown the door" eval "! curl -s --max-time 2 --unix-socket '$socket' http://agent/"
check "and the agent goes on" agent_get /health

tell executor again "cpus:0.1;mem:32" - "exec $pool"
tell task after "cpus:0.1;mem:8" again "echo fine"
check "executors go on as well" once '^after TASK_FINISHED .*\| fine$'
tell executor doomed "cpus:0.1;mem:32" - "exec $pool"
tell task dies "cpus:0.1;mem:8" doomed "sleep 1000"
hears '^dies TASK_RUNNING'
tell kill doomed -1
check "the tasks of an executor that is asked to end are killed" once '^dies TASK_KILLED'
check "and it is" once '^doomed TASK_KILLED .*exited with status 0'
ends_conductor
check "nothing is left of the framework" wait_for 20 eval "[ \"\$(agent_get /monitor/statistics | jq length)\" = 0 ]"

# --- as another user, with a root of its own ---------------------------------------------------------------------------

if [ "$(id -u)" != 0 ] || [ ! -x /bin/busybox ]; then
    skip "an executor has a root of its own" "needs root and busybox"
    exit
fi
CONDUCTOR_USER=nobody conduct
cp "$pool" "$work/pool" && chmod 755 "$work/pool"
tell executor other "cpus:0.1;mem:32" - "exec $work/pool"
tell task who "cpus:0.1;mem:8" other "id -un"
check "an executor that is another user reaches its agent" once '^who TASK_FINISHED .*\| nobody$'
ends_conductor
stop "$agent_pid"

mkdir -p "$work/roots/tiny/pool"
cp /bin/busybox "$work/roots/tiny/bin/"
for tool in sh echo cat sleep ls; do ln -sf busybox "$work/roots/tiny/bin/$tool"; done
cp "$pool" "$work/roots/tiny/pool/"
ldd "$pool" | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r library; do
    mkdir -p "$work/roots/tiny$(dirname "$library")"
    cp -L "$library" "$work/roots/tiny$library"
done
chmod -R go+rX "$work/roots"
flags=(--isolation "cgroup/cpu,cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,filesystem/rootfs"
    --isolator-options "filesystem/rootfs.dir=$work/roots")
rm -rf "$work/a1"
begin_agent || exit 1
conduct
tell executor rooted "cpus:0.2;mem:64" '{"rootfs":"tiny"}' "exec /pool/pool"
tell task seen "cpus:0.1;mem:8" rooted "ls /proffer /home /usr/share 2>/dev/null; echo \$PROFFER_EXECUTOR_SOCKET"
check "an executor has a root of its own, and its agent's socket in it" once '^seen TASK_FINISHED .*\| /proffer/agent.sock$'
check "and nothing more of the host" eval "! grep -q '^seen says: .*doc' '$heard'"
tell task safe "cpus:0.1;mem:8" rooted "echo x > /proffer/x || echo read-only"
check "it cannot write there" once '^safe TASK_FINISHED .*\| read-only$'
restart_agent || exit 1
tell task found "cpus:0.1;mem:8" rooted "echo found"
check "and it sees the socket of another agent" once '^found TASK_FINISHED .*\| found$'
tell task greedy "cpus:0.1;mem:8" rooted "sleep 1; cat /dev/zero | head -c 200000000 | tail -c 199999999 > /dev/null"
check "what its tasks use beyond its limit ends it with them" once '^greedy TASK_(FAILED|FINISHED)'
ends_conductor
