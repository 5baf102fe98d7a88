#!/usr/bin/env bash
# tests/system/preemption.sh BUILD - tasks give way: priorities of roles and tasks, notice, grace, what is freed; through a
# master's sudden death.
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

shows() { # PATTERN COMMAND... : it is in what the command says
    local pattern=$1
    shift
    gives 0 "$@" && grep -qE -- "$pattern" "$work/out" || { cat "$work/out"; return 1; }
}

posts() { # METHOD PATH BODY STATUS
    [ "$(curl -s -o "$work/out" -w '%{http_code}' -X "$1" -d "$3" "http://$http$2")" = "$4" ] || { cat "$work/out"; return 1; }
}

said() { # NAME PATTERN : a daemon or batch that `start` has started
    grep -qE -- "$2" "$work/$1.log"
}

metric() { # NAME VALUE
    ask "http://$http/metrics/snapshot" ".[\"master/$1\"] == $2"
}

runs_in() { # ROLE COUNT
    state "[.frameworks[].tasks[] | select(.role == \"$1\" and .state == \"TASK_RUNNING\")] | length == $2"
}

begin_master() {
    start_master --agent-timeout 20s --preemption --preemption-grace 15s "$@" || exit 1
    export PROFFER_MASTER=$master PROFFER_HTTP=$http
}

begin_master --port "$(free_port)" --http-port "$(free_port)"
begins "an agent starts" start_agent a1 --resources 'cpus:2;mem:512;disk:1000'

# --- set, seen, refused --------------------------------------------------------------------------------

check "a role is given a priority" gives 0 proffer priority set high 10
check "another a negative one" gives 0 proffer priority set low -- -5
check "both are shown" eval 'shows "^high  *10  *yes  *0$" proffer priority --no-headers && shows "^low  *-5  *yes" proffer priority --no-headers'
check "over HTTP too" ask "http://$http/priorities" 'sort_by(.role) == [{"role":"high","priority":10},{"role":"low","priority":-5}]'
check "one is set over HTTP" posts POST /priorities '{"role":"mid","priority":3}' 200
check "and removed" eval 'gives 0 proffer priority remove mid && ask "http://$http/priorities" "length == 2"'
check "what is no number is refused" gives 2 proffer priority set high much
check "what is too much, too" gives 1 proffer priority set high 1000001
check "over HTTP as well" posts POST /priorities '{"role":"mid","priority":"much"}' 400
check "the log says who asked" said master 'audit: 127.0.0.1:[0-9]* sets role high: priority 10: 200 '

# --- notice, grace, what is freed ------------------------------------------------------------------------

printf '{"cmd":"sleep 6663","cpus":1,"mem":64,"name":"%s"}\n' one two >"$work/low.jobs"
printf '{"cmd":"exec sleep 6664","cpus":1,"mem":64,"name":"urgent"}\n' >"$work/high.jobs"
start low proffer-batch --role low --name low "$work/low.jobs"
batches=("$pid")
check "the agent is full" wait_for 20 runs_in low 2
start high proffer-batch --role high --name high --needs "$work/high.jobs"
batches+=("$pid")
check "one who runs there is given notice" wait_for 20 said low '(one|two) has to give way in 1[45] s: role high needs its room .*priority is 10, role low.s -5'
check "the state shows it" state '[.frameworks[].tasks[] | select(.preemption.role == "high")] | length == 1'
check "so do lists of tasks" shows '^[12]\.1 .* RUNNING \(gives way in 1?[0-9]s\) ' proffer tasks
check "who waits is told so" shows 'need jobs: cpus:1;mem:64 are being preempted on agent .*: 1 tasks have notice for ' proffer why high
check "who has to go, too" shows 'task [12]\.1 on agent .* gives way to role high, in ' proffer why low
check "it is counted" metric preemptions_pending 1
check "until then it runs" eval 'runs_in low 2 && runs_in high 0'
check "after its grace it is gone, and the other runs" wait_for 30 runs_in high 1
check "its framework is told why, and has it run again" wait_for 10 said low 'has given way \(preempted: role high needs its room .*terminated by signal 15.*\): it runs again'
check "one is left" runs_in low 1
check "and no more had to go" eval 'metric tasks_preempted 1 && metric preemptions 1'
check "why no more goes, is said" shows 'no more are made: ' proffer why high
check "the master's log says for whom" said master 'audit: task [12]\.1 of framework .* gives way within 15000 ms: role high needs'

# --- a sudden death ---------------------------------------------------------------------------------------

kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
begin_master --port "${master##*:}" --http-port "${http##*:}"
check "priorities outlive the master" wait_for 20 ask "http://$http/priorities" 'length == 2'
check "what runs does, too" wait_for 30 eval 'runs_in high 1 && runs_in low 1'

# --- within a role ------------------------------------------------------------------------------------------

printf '{"cmd":"exec sleep 6665","cpus":1,"mem":64,"name":"inner"}\n' >"$work/inner.jobs"
start inner proffer-batch --role low --name inner --needs --priority 4 "$work/inner.jobs"
batches+=("$pid")
check "in a role the higher task comes first" wait_for 40 eval 'said low "its priority is 4, the task.s 0" && state "[.frameworks[] | select(.name == \"inner\").tasks[] | select(.state == \"TASK_RUNNING\" and .priority == 4)] | length == 1"'
check "and nothing of a higher role goes" runs_in high 1

# --- the end --------------------------------------------------------------------------------------------------

kill -INT "${batches[@]}"
check "interrupted, all of them end, and nothing runs any more" wait_for 30 eval 'runs_in low 0 && runs_in high 0'
