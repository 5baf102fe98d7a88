#!/usr/bin/env bash
# tests/system/drain.sh BUILD - agents taken out of use and back: drain, deactivate, reactivate, gone.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# gives STATUS COMMAND... : that exit status, both outputs in $work/out.
gives() {
    local status=$1 got
    shift
    timeout 30 "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got = "$status" ] || { echo "status $got"; cat "$work/out"; return 1; }
}

agent_state() { # HOST STATE
    proffer agents --no-headers | grep -qE " $1 .* $2 "
}

on_host() { # HOST COUNT : so many tasks run there
    state "(.slaves[] | select(.hostname == \"$1\").id) as \$id | [.frameworks[].tasks[] | select(.slave_id == \$id and .state == \"TASK_RUNNING\")] | length == $2"
}

metric() { # NAME VALUE
    ask "http://$http/metrics/snapshot" ".\"$1\" == $2"
}

nobody_runs() { # COMMAND LINE
    ! pgrep -f -x -- "$1"
}

# left PID STATUS : that daemon has ended so.
left() {
    wait_for 20 eval "! kill -0 $1 2>/dev/null" || return 1
    wait "$1"
    [ $? = "$2" ]
}

id_of() { # HOST
    state ".slaves[] | select(.hostname == \"$1\").id"
}

start_master --agent-timeout 20s || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
begins "an agent starts" start_agent a1 --hostname one --resources 'cpus:2;mem:512;disk:1000'
a1_pid=$agent_pid
begins "and another" start_agent a2 --hostname two --resources 'cpus:2;mem:512;disk:1000'
a2_pid=$agent_pid
one=$(id_of one) two=$(id_of two)

# --- deactivate -----------------------------------------------------------------------------------------

check "a host is deactivated by its name" eval 'gives 0 proffer deactivate --reason "a look at its fans" one && grep -qx "$one" "$work/out"'
check "which agents shows" agent_state one deactivated
check "as the state does" state ".slaves[] | select(.hostname == \"one\") | .deactivated == true and .active == false and .connected == true"
check "and the metrics" metric master/slaves_deactivated 1
seq 4 | sed 's/.*/{"cmd":"sleep 6661","cpus":1,"mem":32}/' >"$work/jobs"
start batch proffer-batch "$work/jobs"
batch_pid=$pid
check "jobs go to the other one" wait_for 20 on_host two 2
check "and wait for more" on_host one 0
check "it is reactivated by the end of its id" eval 'gives 0 proffer reactivate "${one##*-}" && agent_state one active'
check "and used at once" wait_for 20 on_host one 2
check "deactivated again, it keeps what runs" eval 'gives 0 proffer deactivate "$one" && on_host one 2'
check "twice is no error" gives 0 proffer deactivate "$one"
check "and it is used again" gives 0 proffer reactivate one

# --- drain ------------------------------------------------------------------------------------------------

# Those that ran on "one" are lost, without counting as failed, and run again when there is room.
check "an agent is drained, and that is waited for" eval 'gives 0 proffer drain --wait --reason "new disks" one'
check "nothing runs there" on_host one 0
check "which agents shows" agent_state one drained
check "as the state does" state ".slaves[] | select(.hostname == \"one\") | .deactivated == true and .drain_info.state == \"DRAINED\" and .drain_info.config.mark_gone == false"
check "and the metrics" metric master/slaves_drained 1
check "what ran there is told why" state '[.frameworks[].completed_tasks[] | select(.state == "TASK_KILLED") | .statuses[-1].reason] | unique == ["REASON_AGENT_DRAINING"]'
check "its jobs were lost, not failed" grep -q 'was lost (its agent is being drained): it runs again' "$work/batch.log"
check "the other one works on" on_host two 2
check "reactivated, it gets them back" eval 'gives 0 proffer reactivate one && wait_for 20 on_host one 2'
kill -INT "$batch_pid"
wait "$batch_pid" 2>/dev/null
check "they end" wait_for 20 nobody_runs 'sleep 6661'

stubborn='trap "" TERM; while :; do sleep 0.1; done'
start stubborn proffer run -n stubborn --kill-grace 60s "$stubborn"
check "a task that will not end runs" wait_for 20 state '[.frameworks[].tasks[] | select(.name == "stubborn" and .state == "TASK_RUNNING")] | length == 1'
host=$(state '(.frameworks[].tasks[] | select(.name == "stubborn").slave_id) as $id | .slaves[] | select(.id == $id).hostname')
began=${EPOCHREALTIME/./}
check "a drain's grace ends it soon" gives 0 proffer drain --grace 100ms --wait "$host"
check "sooner than its own would" test $((${EPOCHREALTIME/./} - began)) -lt 40000000
check "and it is used again" gives 0 proffer reactivate "$host"

# --- a master that dies in the middle -------------------------------------------------------------------------

deaf='trap "echo told >>'$work'/told" TERM; while [ ! -e '$work'/go ]; do sleep 0.05; done'
touch "$work/told" && chmod 666 "$work/told" && chmod 711 "$work"
jq -nc --arg cmd "$deaf" '{cmd: $cmd, cpus: 2, mem: 32}' >"$work/jobs"
start deaf proffer-batch --kill-grace 60s -o "$work/deaf" "$work/jobs"
check "a task that takes its time runs" wait_for 20 state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING")] | length == 1'
host=$(state '(.frameworks[].tasks[0].slave_id) as $id | .slaves[] | select(.id == $id).hostname')
check "its agent is being drained" eval 'gives 0 proffer drain "$host" && agent_state "$host" draining'
check "it cannot be reactivated before that is over" eval 'gives 1 proffer reactivate "$host" && grep -q "still being drained" "$work/out"'
kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
start master proffer-master --port "${master##*:}" --http-port "${http##*:}" --agent-timeout 20s --work-dir "$work/master"
master_pid=$pid
check "the next master goes on with it" wait_for 30 agent_state "$host" draining
check "says the kill again" wait_for 20 test -s "$work/told"
check "offers nothing of it" eval 'state "[.frameworks[].offers[]? | .slave_id] | length == 0" || state "[.slaves[] | select(.hostname == \"$host\").offered_resources.cpus] == [0]"'
touch "$work/go"
check "and sees the end" wait_for 30 agent_state "$host" drained
check "its job runs again elsewhere" wait_for 30 grep -q '1 jobs: 1 succeeded' "$work/deaf.log"
check "it is used again" gives 0 proffer reactivate "$host"

# --- gone -------------------------------------------------------------------------------------------------

check "gone has to be meant" eval 'gives 2 proffer gone two && grep -q -- "--yes" "$work/out" && agent_state two active'
start lost proffer run -n lost -c 2 'exec sleep 6662'
check "a task runs" wait_for 20 pgrep -f -x 'sleep 6662'
host=$(state '(.frameworks[].tasks[] | select(.name == "lost").slave_id) as $id | .slaves[] | select(.id == $id).hostname')
id=$(id_of "$host")
[ "$host" = one ] && gone_pid=$a1_pid || gone_pid=$a2_pid
check "its agent is said to be gone" eval 'gives 0 proffer gone --yes --reason burnt "$host" && grep -qx "$id" "$work/out"'
check "its task is told so" wait_for 20 state '[.frameworks[].completed_tasks[], .completed_frameworks[].completed_tasks[] | select(.name == "lost" and .state == "TASK_GONE_BY_OPERATOR")] | length == 1'
check "what ran there ends" wait_for 20 nobody_runs 'sleep 6662'
begins "and the agent, with an error" left "$gone_pid" 1
check "it is in no list" state "[.slaves[] | select(.id == \"$id\")] | length == 0"
check "it cannot be gone twice" eval 'gives 1 proffer gone "$id" && grep -q "gone already" "$work/out"'
check "one that never was is not found" eval 'gives 3 proffer gone nobody-S7 && gives 3 proffer drain nobody && gives 3 proffer deactivate nobody && gives 3 proffer reactivate nobody'

# --- gone when drained --------------------------------------------------------------------------------------

begins "an agent comes" start_agent a3 --hostname three --resources 'cpus:1;mem:128;disk:100'
a3_pid=$agent_pid
check "drained to be gone, it is" gives 0 proffer drain --gone --wait three
begins "its agent has left" left "$a3_pid" 1

# --- over HTTP ------------------------------------------------------------------------------------------------

post() { # PATH BODY STATUS
    [ "$(curl -sS --max-time 20 -o "$work/answer" -w '%{http_code}' -d "$2" "http://$http$1")" = "$3" ] || { cat "$work/answer"; return 1; }
}
for path in drain deactivate reactivate gone; do
    check "POST /agents/$path of an agent that is not there" eval "post /agents/$path '{\"agent_id\":\"nobody\"}' 404 && jq -e '.code == 404 and (.message | test(\"nobody\"))' '$work/answer'"
    check "without one" eval "post /agents/$path '{}' 400 && jq -e '.message | test(\"agent_id\")' '$work/answer'"
done
check "a grace that is none" eval 'post /agents/drain "{\"agent_id\":\"x\",\"max_grace_ms\":-1}" 400'
