#!/usr/bin/env bash
# tests/system/agent.sh BUILD - a real agent under a real master: starting, showing, ending, and what goes wrong.
set -u
. "$(dirname "$0")/lib.sh"
system_begin "$1"

agent_get() { # TARGET
    curl -fsS --max-time 20 "http://$agent_http$1"
}

# refuses STATUS TEXT FLAG... : proffer-agent ends by itself with that status and says that.
refuses() {
    local status=$1 text=$2 output got
    shift 2
    output=$(timeout 20 proffer-agent "$@" 2>&1)
    got=$?
    [ $got = "$status" ] && grep -qF -- "$text" <<<"$output" || { echo "$got: $output"; return 1; }
}

# as_task NAME LINE : a task in the background; its shell's id in $task_pid.
as_task() {
    start "$1" proffer run --master "$master" --cpus 0.1 --mem 32 --name "$1" "$2"
    task_pid=$pid
}

is_running() { # NAME
    ask "http://$agent_http/state" \
        "[.frameworks[].executors[].tasks[] | select(.name == \"$1\" and .state == \"TASK_RUNNING\")] | length == 1"
}

nothing_runs() { # PATTERN
    ! pgrep -f "$1"
}

no_groups() { # AGENT: its folder's groups, whose name has the folder's inode
    local inode
    inode=$(printf '%x' "$(stat -c %i "$work/$1")")
    ! find /sys/fs/cgroup -type d -name "agent-*-$inode" 2>/dev/null | grep .
}

start_master || exit 1
start_agent a1 --hostname node1 --attributes 'rack:a;level:2' --resources 'cpus:2;mem:512;disk:100;gpus:1' || exit 1

check "the agent shows itself as Mesos's agents do" eval 'agent_get "/slave(1)/state" | jq -e \
    ".hostname == \"node1\" and .attributes.rack == \"a\" and .resources.cpus == 2.0 and .resources.gpus == 1.0
     and .resources.ports == \"[31000-32000]\" and (.pid | startswith(\"slave(1)@\")) and .topology.threads >= 1"'
check "its counters can be read" eval 'agent_get /metrics/snapshot | jq -e "."\"slave/registered\"" == 1.0"'
check "health answers" agent_get /health

check "a second agent on the same folder is told who has it" \
    refuses 1 "in use by another agent, pid $agent_pid" --master "$master" --work-dir "$work/a1" --port 0
check "a port in use is named" \
    refuses 1 "--port ${agent_http##*:}" --master "$master" --work-dir "$work/a2" --port "${agent_http##*:}"
check "an unknown flag is a usage error with the nearest one" refuses 2 "--work-dir" --workdir "$work/a2"
check "bad resources are refused with what would be right" \
    refuses 1 "--resources: cpus" --work-dir "$work/a2" --resources cpus:many
check "an unknown isolator is refused" refuses 1 "nope" --work-dir "$work/a2" --isolation nope
check "an isolator's setting that cannot be meant is refused" refuses 1 "linux/nnp.allow=perhaps: want yes or no" \
    --work-dir "$work/a2" --isolation default --isolator-options linux/nnp.allow=perhaps
check "and one that is set twice" refuses 1 "linux/nnp.allow is set twice" \
    --work-dir "$work/a2" --isolator-options 'linux/nnp.allow=no;linux/nnp.allow=yes'
check "and an isolator that is named twice, once among the usual ones" refuses 1 "'linux/nnp' is named twice" \
    --work-dir "$work/a2" --isolation 'default, linux/nnp'
check "GPUs that nothing would hold are refused" refuses 1 "gpu/devices, which grants them, is not in use" \
    --work-dir "$work/a2" --port 0 --gpus g=/dev/null
check "so is what cannot be allowed to Docker" refuses 1 "there is no 'devises'" \
    --work-dir "$work/a2" --containerizers docker --docker-allow devises
check "a launcher that is not there is named" refuses 1 "$work/none" --work-dir "$work/a2" --launcher "$work/none"

as_task polite 'echo begun; sleep 7777'
check "a task is shown while it runs" wait_for 15 is_running polite
check "its output can be read" eval 'agent_get "/files/read?offset=0&path=$(agent_get /state |
    jq -r ".frameworks[0].executors[0].directory")/stdout" | jq -e ".data == \"begun\n\""'
check "what it uses is told" eval 'agent_get /monitor/statistics | jq -e ".[0].statistics.processes >= 1"'

as_task stubborn 'trap "" TERM; while :; do sleep 7778; done'
check "a task that ignores SIGTERM runs" wait_for 15 is_running stubborn
stop "$agent_pid"
check "SIGTERM ends the agent with status 0" [ $? = 0 ]
check "nothing of its tasks is left" wait_for 20 eval "nothing_runs 'sleep 7777' && nothing_runs 'sleep 7778'"
check "nor of their groups" wait_for 20 no_groups a1
check "the master knows that it has left" wait_for 20 eval 'state ".slaves | length == 0"'

start_agent a3 --resources 'cpus:1;mem:512' || exit 1
as_task orphan 'sleep 7779'
check "a task runs on another agent" wait_for 15 is_running orphan
launcher_pid=$(pgrep -P "$agent_pid" -f proffer-launcher)
kill -KILL "$launcher_pid"
check "an agent whose launcher dies begins anew by itself" wait_for 15 eval "pgrep -P $agent_pid -f proffer-launcher | grep -vx $launcher_pid"
check "and registers as the one it was" wait_for 15 eval 'state ".activated_slaves == 1 and (.slaves | length) == 1"'
stop "$agent_pid"
check "it can be ended as before" [ $? = 0 ]
check "and leaves no task behind" wait_for 20 nothing_runs 'sleep 7779'
check "nor groups" wait_for 20 no_groups a3
wait "$task_pid"
check "the task's framework has been told" [ $? != 0 ]

text='an agent that is not root warns once and runs tasks'
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$work"
    install -d -o nobody "$work/plain"
    start plain setpriv --reuid=nobody --regid=nogroup --clear-groups \
        "$bin/proffer-agent" --master "$master" --work-dir "$work/plain" --port 0 --hostname plain
    plain_pid=$pid
    wait_for 20 eval 'state ".slaves | length == 1"'
    as_task plain 'id -un'
    wait "$task_pid"
    check "$text" [ "status $?, warnings $(grep -c ' W proffer-agent' "$work/plain.log")" = "status 0, warnings 1" ]
    stop "$plain_pid"
else
    skip "$text" "not root here, or no setpriv"
fi

start_agent a4 || exit 1
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
start_agent a4
check "the folder of an agent that was killed can be used again" [ $? = 0 ]
