#!/usr/bin/env bash
# tests/system/clock.sh BUILD - the wall clock jumps by hours, and processes stand still for longer than the limit of
# silence: what must go on goes on, what must come back does so in time.
# run.sh: early
. "$(dirname "$0")/lib.sh"
system_begin "$1"

recorder=$build/tests/recorder

heard() { # RECORD COUNT PATTERN : so many tasks had such an update
    [ "$(grep -aE "^t[0-9]+ $3" "$work/$1.log" | cut -d' ' -f1 | sort -u | wc -l)" = "$2" ]
}

ran() { # FLAG... : a task that comes and goes
    [ "$(timeout 30 proffer run --wait 20s "$@" 'echo fine' 2>"$work/err")" = fine ] || { cat "$work/err"; false; }
}

ends_well() { # PID
    wait_for 30 eval "! kill -0 $1 2>/dev/null" && wait "$1"
}

mkdir "$work/go" && chmod 711 "$work" && chmod 755 "$work/go"
waits="while [ ! -e $work/go/\$PROFFER_TASK_ID ]; do sleep 0.1; done"

# --- jumps -------------------------------------------------------------------------------------------------

# jump OFFSET : what the clock of those that look there is off, from now on.
jump() {
    echo "$1" >"$work/clock.new" && mv "$work/clock.new" "$work/clock"
}
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
jumping() {
    jump +0h
    export FAKETIME_TIMESTAMP_FILE=$work/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    via="env ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 LD_PRELOAD=$faketime" start_master --agent-timeout 2s --offer-timeout 1h &&
        via="env ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 LD_PRELOAD=$faketime" start_agent jumper --resources 'cpus:4;mem:512;disk:100'
}

off_by() { # SECONDS HOURS : about so many since 1970
    local off=$(($1 - $(date +%s) - $2 * 3600))
    [ ${off#-} -lt 600 ] || { echo "off by $off s more than $2 h"; return 1; }
}

clocks_jumped() { # HOURS : the master's, by its log, and the agent's, by its latest update
    off_by "$(date -d "$(grep -oE '^[0-9-]+T[0-9:]+' "$work/master.log" | tail -1)" +%s)" "$1" &&
        off_by "$(curl -fsS "http://$http/tasks?limit=100000" | jq '[.tasks[].statuses[].timestamp] | max_by((. - now) * '"${1#+}"') | floor')" "$1"
}

# Tasks that live through the jumps: some that wait, one with a time limit, and one that just takes its time.
hours() { # HOURS... : after each jump tasks come and go, for longer than --agent-timeout
    local hours
    for hours in "$@"; do
        jump "${hours}h"
        check "the clock is off by $hours h: new tasks run" ran
        check "the daemons' clocks have jumped" clocks_jumped "$hours"
        check "for 2.5 s" ran -n waits sh -c 'sleep 2.5; echo fine'
        check "nobody is unreachable, nothing is lost" eval "state '.activated_slaves == 1 and .unreachable_slaves == 0' &&
            heard jumps 0 'TASK_(UNREACHABLE|LOST|GONE|FAILED|KILLED)' && [ \"\$(grep -c ^session '$work/jumps.log')\" = 1 ]"
    done
}

if [ -z "$faketime" ]; then
    skip "the wall clock jumps" "needs libfaketime"
else
    begins "a master and an agent start with a clock that can jump" jumping
    export PROFFER_MASTER=$master PROFFER_HTTP=$http
    # The framework keeps its clock: libfaketime moves the timers of monotonic timerfds, whatever it is told.
    start jumps "$recorder" jumps 2 'cpus:0.5;mem:32' "$waits"
    jumps_pid=$pid
    check "tasks run" wait_for 20 heard jumps 2 TASK_RUNNING
    began=${EPOCHREALTIME/./}
    start limited proffer run -n limited -c 0.5 -M 32 -t 8s 'sleep 6672'
    limited_pid=$pid
    hours +5 -7
    wait "$limited_pid"
    status=$? took=$((${EPOCHREALTIME/./} - began))
    check "a time limit of 8 s is one of 8 s" test $status = 143 -a $took -gt 7900000 -a $took -lt 40000000
    stop "$master_pid"
    via="env ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 LD_PRELOAD=$faketime" begins "a master is started again, with its clock set back by 7 h" \
        start_master --agent-timeout 2s --port "${master##*:}" --http-port "${http##*:}"
    check "and is obeyed" wait_for 20 state '.activated_slaves == 1 and .unreachable_slaves == 0'
    check "new tasks run" ran
    check "with the old ones nothing has happened" heard jumps 0 'TASK_(UNREACHABLE|LOST|GONE|FAILED|KILLED)'
    touch "$work/go/t1" "$work/go/t2"
    begins "what has lived through it finishes" ends_well "$jumps_pid"
    check "all is free again" wait_for 20 state '[.slaves[].used_resources | .cpus, .mem] | add == 0'
    stop "$agent_pid"
    stop "$master_pid"
    unset FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC
fi

# --- standing still ----------------------------------------------------------------------------------------
# Silence is told after 15 s; --agent-timeout comes on top.

start_master --agent-timeout 2s || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
start_agent a1 --hostname one --resources 'cpus:2;mem:128;disk:100' || exit 1
start stopped "$recorder" stopped 2 'cpus:1;mem:32' "while [ ! -e $work/go/stopped-\$PROFFER_TASK_ID ]; do sleep 0.1; done"
stopped_pid=$pid
check "a framework has tasks on one agent" wait_for 20 heard stopped 2 TASK_RUNNING
start_agent a2 --hostname two --resources 'cpus:2;mem:128;disk:100' || exit 1
a2_pid=$(reader_of "$agent_pid")
start other "$recorder" other 2 'cpus:1;mem:32' "while [ ! -e $work/go/other-\$PROFFER_TASK_ID ]; do sleep 0.1; done"
other_pid=$pid
check "another one on another" wait_for 20 heard other 2 TASK_RUNNING

all_well() {
    state '.activated_slaves == 2 and .unreachable_slaves == 0 and ([.frameworks[] | select(.active).tasks[] |
        select(.state == "TASK_RUNNING")] | length) == '"$1"
}
kill -STOP "$master_pid"
touch "$work/go/other-t1" # ends while nobody can be told
check "a master stands still until all have given it up" wait_for 30 \
    eval 'grep -q ^cut "$work/stopped.log" && grep -q ^cut "$work/other.log"'
kill -CONT "$master_pid"
check "it goes on, and all are back in time" wait_for 30 all_well 3
check "what ended meanwhile is told" wait_for 20 heard other 1 TASK_FINISHED
check "nothing else has ended" eval "heard other 0 'TASK_(LOST|GONE|FAILED|KILLED)' && heard stopped 0 'TASK_(LOST|GONE|FAILED|KILLED|FINISHED)'"

sessions=$(grep -c ^session "$work/stopped.log")
kill -STOP "$a2_pid" "$stopped_pid"
touch "$work/go/other-t2" "$work/go/stopped-t1"
check "an agent that stands still is unreachable in time" wait_for 30 state '.unreachable_slaves == 1'
check "its task is so at the framework" eval 'grep ^t2 "$work/other.log" | tail -1 | grep -q TASK_UNREACHABLE'
check "a framework that stands still is not active" wait_for 30 state '[.frameworks[] | select(.name == "stopped").active] == [false]'
check "its tasks go on" state '[.frameworks[] | select(.name == "stopped").tasks[].state] | any(. == "TASK_RUNNING")'
kill -CONT "$a2_pid" "$stopped_pid"
check "both go on, and are back in time" wait_for 30 state '.activated_slaves == 2 and .unreachable_slaves == 0'
check "what ended on the agent is told" wait_for 20 heard other 2 TASK_FINISHED
check "what ended of the framework, too" wait_for 20 heard stopped 1 TASK_FINISHED
check "it is the same framework" eval '[ "$(grep -c ^session "$work/stopped.log")" -gt '"$sessions"' ] &&
    [ "$(grep ^session "$work/stopped.log" | sort -u | wc -l)" = 1 ]'
touch "$work/go/stopped-t2"
begins "all finish" ends_well "$stopped_pid"
begins "those of the other one, too" ends_well "$other_pid"
check "and all is free again" wait_for 20 state '.frameworks == [] and ([.slaves[].used_resources | .cpus, .mem] | add == 0)'
