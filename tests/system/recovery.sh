#!/usr/bin/env bash
# tests/system/recovery.sh BUILD - tasks outlive their agent: it is killed, upgraded, loses its launcher or a
# shim, comes back with other resources, a damaged checkpoint, a full disk.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

agent_get() { # PATH
    curl -fsS --max-time 20 "http://$agent_http$1"
}

task() { # NAME : the latest of that name as the master shows it
    ask "http://$http/tasks?limit=100000&order=asc" "[.tasks[] | select(.name == \"$1\")] | last"
}

task_is() { # NAME FILTER
    local shown
    shown=$(task "$1") && jq -e "$2" <<<"$shown"
}

task_runs() {
    task_is "$1" '.state == "TASK_RUNNING"'
}

runs_on_agent() { # NAME : as the agent itself shows it
    agent_get /state | jq -e "[.frameworks[].executors[].tasks[]] | any(.name == \"$1\" and .state == \"TASK_RUNNING\")"
}

pid_of() { # NAME : of the task's first process
    task "$1" | jq -r '.statuses[0].container_status.executor_pid'
}

sandbox_of() {
    task "$1" | jq -r '.statuses[0].container_status.sandbox'
}

agent_id() {
    state '.slaves[0].id'
}

alive() {
    kill -0 "$1" 2>/dev/null
}

gone() {
    ! alive "$1"
}

# waits NAME CODE : starts a task that says "begun", waits for the file `go` in its sandbox, says "ended" and
# exits with CODE; the client's process is in $pid.
waits() {
    start "$1" proffer run -n "$1" -c 1 -M 64 "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo ended; exit $2"
    wait_for 20 task_runs "$1"
}

# ended_well CODE SANDBOX : what the client says, when it has come to its end, and all of the output is there
ended_well() {
    [ "$ended" = "$1" ] && [ "$(tr '\n' ' ' <"$2/stdout")" = "begun ended " ] && return 0
    echo "status $ended; output: $(<"$2/stdout")"
    return 1
}

ends() { # PID : sets $ended; not in a subshell, which could not wait
    wait "$1"
    ended=$?
}

kill_hard() { # PID of an agent
    kill -KILL "$1"
    wait "$1" 2>/dev/null
    wait_for 10 gone "$1"
}

# The agent again, on the same port: those who fetch output know where it was.
again() { # FLAG...
    start_agent a1 --port "${agent_http##*:}" --hostname one --resources "$resources" "$@"
}

# What an agent says that cannot start; its status must be 1.
refused() { # PATTERN FLAG...
    local pattern=$1 status
    shift
    timeout 30 proffer-agent --master "$master" --port 0 --hostname one "$@" >"$work/refused" 2>&1
    status=$?
    [ $status = 1 ] && grep -qE "$pattern" "$work/refused" && return 0
    echo "status $status: $(<"$work/refused")"
    return 1
}

resources='cpus:4;mem:1024;disk:100;ports:[31000-31009]'
agent_http=0.0.0.0:0
start_master --agent-timeout 20s || exit 1
begins "an agent starts" again
export PROFFER_MASTER=$master PROFFER_HTTP=$http
id=$(agent_id)
outlives_launcher() { # without cgroups nobody could find a task whose launcher died
    [ "$(state '.slaves[0].isolation | any(startswith("cgroup/"))')" = true ]
}

# --- the agent is killed ----------------------------------------------------------------------------------

# Nothing else happens that could wake it.
waits alone 4
alone_client=$pid alone_pid=$(pid_of alone)
kill_hard "$agent_pid"
touch "$(sandbox_of alone)/go"
check "the only task of an agent that was killed ends" wait_for 10 gone "$alone_pid"
begins "the next agent starts" again
check "its end, told right behind the launcher's first word, is heard" wait_for 10 gone "$alone_client"
ends "$alone_client"
check "as it was" test "$ended" = 4

waits first 7
first_client=$pid
waits second 3
second_client=$pid
first_pid=$(pid_of first) second_pid=$(pid_of second)
first_sandbox=$(sandbox_of first) second_sandbox=$(sandbox_of second)
kill_hard "$agent_pid"
check "tasks go on when their agent is killed" eval "alive $first_pid && alive $second_pid"
touch "$second_sandbox/go"
check "one ends while it is away" wait_for 10 gone "$second_pid"
begins "the next agent starts at once on the same folder" again
check "it says what it has found" grep -q 'recovered 2 tasks' "$work/a1.log"
check "it is the same agent to the master" test "$(agent_id)" = "$id"
check "the task that goes on is running, for master and agent" wait_for 20 eval 'task_runs first && runs_on_agent first'
check "what it uses is shown" wait_for 20 eval 'agent_get /monitor/statistics | jq -e ".[0].statistics.processes >= 1"'
ends "$second_client"
check "the end that nobody saw is told as it was, with all output" ended_well 3 "$second_sandbox"
check "it is still the same process" test "$(pid_of first)" = "$first_pid"
kill_hard "$agent_pid"
begins "again it is killed and started" again
touch "$first_sandbox/go"
ends "$first_client"
check "a task that has outlived two agents ends as if nothing had been" ended_well 7 "$first_sandbox"

# --- output while the agent comes and goes ------------------------------------------------------------------

lines_of() { # FILE
    wc -l <"$1" 2>/dev/null || echo 0
}

more_lines() { # FILE : than now, twenty at least
    local wanted=$(($(lines_of "$1") + 20))
    wait_for 20 eval "[ \$(lines_of '$1') -ge $wanted ]"
}

both_go_on() {
    more_lines "$work/counted.out" && more_lines "$work/followed.out"
}

proffer run -n counted -c 1 -M 64 'while [ ! -e go ]; do echo line $((i += 1)); sleep 0.01; done; echo end' \
    >"$work/counted.out" 2>"$work/counted.err" &
client=$!
wait_for 20 task_runs counted
sandbox=$(sandbox_of counted)
proffer logs -f counted >"$work/followed.out" 2>"$work/followed.err" &
follower=$!
pids+=("$client" "$follower")
check "output is shown as it comes" both_go_on
kill_hard "$agent_pid"
check "the task writes on without its agent" more_lines "$sandbox/stdout"
begins "the agent comes back" again
check "and so does output" both_go_on
reader=$(reader_of "$agent_pid")
kill -STOP "$reader"
more_lines "$sandbox/stdout"
kill -CONT "$reader"
check "an agent that stood still is no matter" both_go_on
kill_hard "$agent_pid"
rm -f "$work/a1/agent.port"
before=$agent_http
begins "the agent comes back on another port" start_agent a1 --hostname one --resources "$resources"
check "which is another one" test "$agent_http" != "$before"
check "and is asked there" both_go_on
kill_hard "$agent_pid"
touch "$sandbox/go"
check "the task ends while it is away" wait_for 20 grep -qx end "$sandbox/stdout"
before=$agent_http
begins "the agent comes back" start_agent a1 --hostname one --resources "$resources"
check "on the port that the kernel gave it before" test "$agent_http" = "$before"
ends "$client"
check "the task has ended well" test $ended = 0
check "all of its output is here, in order, nothing twice" cmp "$work/counted.out" "$sandbox/stdout"
ends "$follower"
check "proffer logs -f has ended well" test $ended = 0
check "with the same" cmp "$work/followed.out" "$sandbox/stdout"
check "both have said what happened" grep -q 'trying again' "$work/counted.err" "$work/followed.err"

# --- the agent is asked to leave its tasks ------------------------------------------------------------------

waits upgraded 0
client=$pid task_pid=$(pid_of upgraded) sandbox=$(sandbox_of upgraded)
kill -USR1 "$agent_pid"
wait "$agent_pid"
check "an agent that is asked to leave its tasks ends with status 0" test $? = 0
check "and leaves them" alive "$task_pid"
check "one that has too little for them is refused" refused 'lacks .*cpus' --work-dir "$work/a1" --resources 'cpus:0.5;mem:1024'
check "and leaves them, too" alive "$task_pid"
resources='cpus:3;mem:512;disk:100;ports:[31000-31009]'
begins "one that has less, but enough, is taken" again --attributes 'rack:b'
check "with what it has now" state '.slaves | length == 1 and .[0].resources.cpus == 3 and .[0].attributes.rack == "b"'
check "as the same agent" test "$(agent_id)" = "$id"
check "with the task" wait_for 20 eval 'task_runs upgraded && state ".slaves[0].used_resources.cpus == 1"'
check "a second agent on the same folder is refused" refused 'in use by another agent' --work-dir "$work/a1"
check "which disturbs nobody" runs_on_agent upgraded
touch "$sandbox/go"
ends "$client"
check "the task ends well" ended_well 0 "$sandbox"

# --- killed while there was no agent --------------------------------------------------------------------------

waits doomed 0
client=$pid task_pid=$(pid_of doomed)
kill_hard "$agent_pid"
check "a task can be killed while its agent is down" proffer kill doomed
begins "the agent comes back" again
check "and the task is killed" wait_for 20 task_is doomed '.state == "TASK_KILLED"'
check "really" wait_for 20 gone "$task_pid"
wait "$client" 2>/dev/null

# --- launcher and shim ------------------------------------------------------------------------------------------

if outlives_launcher; then
    waits bereft 5
    client=$pid task_pid=$(pid_of bereft) sandbox=$(sandbox_of bereft)
    launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)
    kill -KILL "$launcher"
    check "an agent that loses its launcher begins anew by itself" wait_for 20 grep -q 'the launcher died: beginning anew' "$work/a1.log"
    check "as the same process, with another one" wait_for 20 eval "pgrep -P $agent_pid -f proffer-launcher | grep -vx $launcher"
    check "the task goes on" wait_for 20 eval "alive $task_pid && runs_on_agent bereft"
    launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)
    kill -KILL "$launcher" "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    check "it goes on without agent and launcher" alive "$task_pid"
    begins "the agent comes back" again
    check "with the task" wait_for 20 runs_on_agent bereft
    touch "$sandbox/go"
    ends "$client"
    check "which ends as if nothing had been" ended_well 5 "$sandbox"

    waits shimless 0
    client=$pid task_pid=$(pid_of shimless)
    kill -KILL "$(ps -o ppid= -p "$task_pid" | tr -d ' ')"
    check "a task that loses its shim is ended, and told to have failed" wait_for 20 task_is shimless \
        '.state == "TASK_FAILED" and (.statuses | last | .reason == "REASON_EXECUTOR_TERMINATED")'
    check "nothing of it is left" wait_for 20 gone "$task_pid"
    wait "$client" 2>/dev/null

    for _ in 1 2 3 4; do
        launcher=
        wait_for 20 eval 'launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)' || break
        kill -KILL "$(pgrep -P "$agent_pid" -f proffer-launcher)"
        wait_for 20 eval "! alive $agent_pid || pgrep -P $agent_pid -f proffer-launcher | grep -vx '$launcher'"
    done
    check "an agent whose launchers die again and again ends" wait_for 20 gone "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    begins "and may be started again" again
else
    skip "an agent that loses its launcher begins anew by itself" "no cgroups here: tasks end with it"
fi

# --- a full disk ------------------------------------------------------------------------------------------------

ran() { # STATUS STDOUT COMMAND
    local out
    out=$(timeout 60 proffer run --wait 30s -c 0.5 -M 32 "$3" 2>"$work/err")
    [ $? = "$1" ] && [ "$out" = "$2" ] && return 0
    echo "out: $out; err: $(<"$work/err")"
    return 1
}
if [ "$(id -u)" = 0 ] && mkdir "$work/small" && mount -t tmpfs -o size=4m proffer-test "$work/small" 2>/dev/null; then
    trap 'umount -l "$work/small"; system_end' EXIT
    kill -USR1 "$agent_pid"
    wait "$agent_pid"
    cp -a "$work/a1/." "$work/small"
    start_small() {
        start_agent a1 --work-dir "$work/small" --port "${agent_http##*:}" --hostname one --resources "$resources"
    }
    begins "an agent starts on a small disk" start_small
    waits kept 0
    client=$pid task_pid=$(pid_of kept)
    # The log has room that it has used already, which must be gone before it cannot grow.
    dd if=/dev/zero of="$work/small/filler" bs=4k 2>/dev/null
    is_full() {
        timeout 20 proffer run -c 0.5 -M 32 true >"$work/out" 2>&1
        grep -q 'write it down\|write down' "$work/out"
    }
    check "when the disk is full, new tasks are refused, and why is said" wait_for 60 is_full
    check "it is said in the log, once" test "$(grep -c 'checkpoint cannot be written' "$work/a1.log")" = 1
    check "and in the metrics" eval 'agent_get /metrics/snapshot | jq -e ".\"slave/checkpoint_failing\" == 1"'
    check "what runs goes on" alive "$task_pid"
    proffer kill kept >/dev/null
    check "and can be killed" wait_for 20 gone "$task_pid"
    check "but nobody is told what is not written" task_is kept '.state == "TASK_RUNNING" or .state == "TASK_KILLING"'
    rm "$work/small/filler"
    check "when there is room again, it is told" wait_for 20 task_is kept '.state == "TASK_KILLED"'
    check "and tasks are taken" ran 0 fine 'echo fine'
    wait "$client" 2>/dev/null
    kill -TERM "$agent_pid"
    wait "$agent_pid"
    begins "back to the other disk" again
else
    skip "when the disk is full, new tasks are refused" "needs root and a tmpfs"
fi

# --- checkpoints that cannot be used -------------------------------------------------------------------------------

waits forgotten 0
client=$pid task_pid=$(pid_of forgotten)
kill_hard "$agent_pid"
cp -a "$work/a1/checkpoint" "$work/good"
printf 'this is no checkpoint, and long enough to be looked at %0600d' 0 >"$work/a1/checkpoint/agent.db"
rm -f "$work/a1/checkpoint/"*-wal
check "a damaged checkpoint is refused, with advice" refused 'checkpoint/agent.db is not used: .*move it away' --work-dir "$work/a1"
check "and tasks are left alone" alive "$task_pid"
rm -r "$work/a1/checkpoint"
cp -a "$work/good" "$work/a1/checkpoint"
begins "with the right one it is as before" again
check "with the task" wait_for 20 runs_on_agent forgotten
kill_hard "$agent_pid"
id=$(agent_id)
mv "$work/a1/checkpoint" "$work/away"
begins "without one the agent begins anew" again
check "as another agent" eval "[ -n '$(agent_id)' ] && state '[.slaves[].id] | any(. != \"$id\")'"
check "and what belongs to nobody is removed" wait_for 20 gone "$task_pid"
kill -KILL "$client"
wait "$client" 2>/dev/null

# --- in order -----------------------------------------------------------------------------------------------------------

waits ordered 0
client=$pid task_pid=$(pid_of ordered)
stop "$agent_pid"
check "an agent that is asked to end ends well" test $? = 0
check "and its tasks with it" gone "$task_pid"
check "which is told" wait_for 20 task_is ordered '.state == "TASK_KILLED"'
wait "$client" 2>/dev/null
begins "it may come again" again
check "and takes tasks" ran 0 fine 'echo fine'
stop "$agent_pid"
group=$(printf 'agent-%x-%x' $(stat -c '%d %i' "$work/a1"))
nothing_left() { # in any of the folder's groups, and of its records
    [ -z "$(find /sys/fs/cgroup -path "*/$group/*" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] &&
        [ -z "$(find "$work/a1/records" -name '*.run' -o -name '*.exit')" ]
}
check "in the end nothing is left of all that ran" wait_for 20 nothing_left
