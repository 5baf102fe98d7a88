#!/usr/bin/env bash
# tests/system/maintenance.sh BUILD - agents are taken down at announced times: who is told, who leaves, when they come
# back; through a master's sudden death and a clock that jumps.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

mover=$build/tests/mover

# gives STATUS COMMAND... : that exit status, both outputs in $work/out.
gives() {
    local status=$1 got
    shift
    timeout 30 "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got = "$status" ] || { echo "status $got"; cat "$work/out"; return 1; }
}

posts() { # PATH BODY STATUS
    [ "$(curl -s -o "$work/out" -w '%{http_code}' -d "$2" "http://$http$1")" = "$3" ] || { cat "$work/out"; return 1; }
}

windows() { # FILTER : of GET /maintenance
    ask "http://$http/maintenance" "$1"
}

window_is() { # WINDOW STATE
    windows ".windows[] | select(.id == \"$1\").state == \"$2\""
}

machine_is() { # WINDOW HOST STATE TASKS
    windows ".windows[] | select(.id == \"$1\").machines[] | select(.hostname == \"$2\") | .state == \"$3\" and .tasks == $4"
}

on_host() { # HOST COUNT : so many tasks run there
    state "(.slaves[] | select(.hostname == \"$1\").id) as \$id | [.frameworks[].tasks[] | select(.slave_id == \$id and .state == \"TASK_RUNNING\")] | length == $2"
}

is_active() { # HOST true|false
    state ".slaves[] | select(.hostname == \"$1\") | .active == $2 and .in_maintenance == ($2 | not)"
}

is_offered() { # HOST true|false
    state ".slaves[] | select(.hostname == \"$1\") | (.offered_resources.cpus > 0) == $2"
}

metric() { # NAME VALUE
    ask "http://$http/metrics/snapshot" ".\"$1\" == $2"
}

start_master --maintenance-notice 12s --agent-timeout 20s --port "$(free_port)" --http-port "$(free_port)" || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
begins "an agent starts" start_agent a1 --hostname one --resources 'cpus:3;mem:512;disk:1000'
begins "and another" start_agent a2 --hostname two --resources 'cpus:3;mem:512;disk:1000'

# --- scheduling -------------------------------------------------------------------------------------------

check "no windows" eval 'gives 0 proffer maintenance --no-headers && [ ! -s "$work/out" ]'
check "without agents there is none" gives 2 proffer maintenance schedule
check "a time has to be one" eval 'gives 2 proffer maintenance schedule --start yesterday one && grep -q "2026-11-29T22:00" "$work/out"'
check "which is not over" eval 'gives 1 proffer maintenance schedule --start 2001-02-03T04:05Z one && grep -q "ago" "$work/out"'
check "an agent is named once" eval 'gives 1 proffer maintenance schedule --start +1h one one && grep -q "named twice" "$work/out"'
check "a window that is not there" eval 'gives 3 proffer maintenance list nothing && gives 3 proffer maintenance start nothing && gives 3 proffer maintenance cancel nothing && gives 3 proffer maintenance stop nothing'
start mover "$mover" 2 leave
mover_pid=$pid
check "a framework runs two tasks" wait_for 20 state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING")] | length == 2'
check "a window is scheduled" eval 'gives 0 proffer maintenance schedule --id disks --start +1h --for 2h --reason "new disks" one && [ "$(cat "$work/out")" = disks ]'
check "it is listed" eval 'gives 0 proffer maintenance list --no-headers && grep -qE "^disks +SCHEDULED +20..-..-..T..:..:..Z +2h +1 +[0-9] +0 yes, 0 no, 0 open, 0 not asked +new disks" "$work/out"'
check "with its agents" eval 'gives 0 proffer maintenance list disks --no-headers && grep -qE "^S[0-9]+ +one +UP +[0-9] +-" "$work/out"'
check "Mesos has it so" ask "http://$http/maintenance/schedule" '.windows[0] | .machine_ids == [{"hostname":"one"}] and .unavailability.duration.nanoseconds == 7200000000000 and (.unavailability.start.nanoseconds / 1e9 - now | . > 3500 and . < 3700)'
check "and the status" ask "http://$http/maintenance/status" '.draining_machines[0].id.hostname == "one" and .down_machines == []'
check "the state shows it" state '.slaves[] | select(.hostname == "one") | .unavailability_reason == "new disks" and .maintenance_window == "disks" and .active'
check "the framework is offered the agent anew, with it" wait_for 20 grep -q '^offered one new disks' "$work/mover.log"
check "at the same time there is no other" eval 'gives 1 proffer maintenance schedule --start +2h two one && grep -q "is in maintenance window disks at that time" "$work/out"'
check "nor under the same name" gives 1 proffer maintenance schedule --id disks --start +9h two
check "the log says who asked" eval 'grep -q "audit: 127.0.0.1:[0-9]* schedules maintenance window disks (.*; agents one; new disks): 200 " "$work/master.log"'
check "it is moved as a whole" eval 'gives 0 proffer maintenance schedule --id disks --replace --start +3h --for 1h --reason later one && gives 0 proffer maintenance list -o json && jq -e ".[0].duration == 3600 and .[0].reason == \"later\"" "$work/out"'
check "it has not begun, and cannot be stopped" eval 'gives 1 proffer maintenance stop disks && grep -q "cancel it" "$work/out"'
check "it is cancelled" eval 'gives 0 proffer maintenance cancel disks && windows ".windows == []"'
check "nothing is planned any more" state '.slaves[] | select(.hostname == "one") | has("unavailability") | not'
check "what is no JSON is refused" posts /maintenance '{"agents":' 400
check "what is no list of agents, too" posts /maintenance '{"agents":"one"}' 400
check "and nobody" posts /maintenance '{"agents":[]}' 400

# --- a window, from its announcement to its end -------------------------------------------------------------

check "both agents are used" eval 'wait_for 20 on_host one 1 && on_host two 1'
check "a window is near" gives 0 proffer maintenance schedule --id near --start +14s --for 5m --grace 2s --reason fans one
check "the framework is asked to leave" wait_for 20 grep -q '^asked one fans' "$work/mover.log"
check "it has said yes" wait_for 20 windows '.windows[0].machines[0].answers[0] | .answer == "ACCEPTED" and .name == "mover"'
check "and moves its task" wait_for 20 on_host two 2
check "the window begins" wait_for 30 window_is near DOWN
check "its agent is down" wait_for 20 machine_is near one DOWN 0
check "which agents shows" eval 'gives 0 proffer agents --no-headers && grep -qE " one .* maintenance " "$work/out"'
check "it is not offered" eval 'is_offered one false && is_active one false'
check "why says so" eval 'gives 0 proffer why mover && grep -qE "1 of 2 agents: in maintenance, from 20..-..-.. ..:..:.. UTC for 5m \(window near: fans\)" "$work/out"'
check "Mesos has it down" ask "http://$http/maintenance/status" '.down_machines == [{"hostname":"one"}]'
check "and the metrics" metric master/slaves_in_maintenance 1
check "it is not to be cancelled" gives 1 proffer maintenance cancel near
check "nor the agent reactivated" eval 'gives 1 proffer reactivate one && grep -q "maintenance window near" "$work/out"'
check "no task was ended by it" eval '! grep -q REASON_AGENT_DRAINING "$work/mover.log"'
check "it is made shorter" gives 0 proffer maintenance schedule --id near --replace --for 2s --reason fans one
check "it is over, and the agent back by itself" wait_for 20 is_active one true
check "it is still listed" window_is near OVER
kill -TERM "$mover_pid"
wait "$mover_pid"
check "it is gone with its tasks" eval 'wait_for 20 on_host one 0 && wait_for 20 on_host two 0'

# --- one who stays, begun by hand --------------------------------------------------------------------------

start stayer "$mover" 4 stay 1
stayer_pid=$pid
check "another framework runs tasks on both" wait_for 20 eval 'on_host one 2 && on_host two 2'
check "a window without an end is scheduled by HTTP" posts /maintenance '{"id":"by-hand","agents":["one","two"],"start_us":'"$(date -d '+8 seconds' +%s)"'000000,"reason":"moving","force":true}' 200
check "its announcement is now" wait_for 20 grep -q '^asked one moving' "$work/stayer.log"
check "it says no, and is asked again" wait_for 20 eval '[ "$(grep -c "^asked one moving" "$work/stayer.log")" -ge 2 ]'
check "its tasks go on until it begins" wait_for 30 window_is by-hand DOWN
check "then they are ended, and told why" wait_for 20 eval '[ "$(grep -c "TASK_KILLED REASON_AGENT_DRAINING" "$work/stayer.log")" = 4 ]'
check "both agents are down" eval 'wait_for 20 machine_is by-hand one DOWN 0 && wait_for 20 machine_is by-hand two DOWN 0'
check "the operator sees what was answered" eval 'gives 0 proffer maintenance list by-hand --no-headers && grep -qE "^S[0-9]+ +one +DOWN +0 +mover +DECLINED" "$work/out"'
check "one is done" eval 'gives 0 proffer maintenance stop by-hand one && wait_for 20 on_host one 3'
check "the other is not" is_active two false

kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
start_master --maintenance-notice 12s --agent-timeout 20s --port "${master##*:}" --http-port "${http##*:}" || exit 1
check "after a sudden death the schedule is the same" eval 'window_is by-hand DOWN && windows "[.windows[].id] | sort == [\"by-hand\", \"near\"]"'
check "the agents come back, and one is down" eval 'wait_for 30 state ".activated_slaves == 1 and ([.slaves[] | select(.connected)] | length) == 2" && is_active two false && on_host one 3'
check "a window may name who is not there yet" eval 'gives 0 proffer maintenance schedule --id new --start +1h --reason young three && grep -q "no agent that is registered now is called three" "$work/out"'
begins "who comes then" start_agent a3 --hostname three --resources 'cpus:1;mem:128;disk:100'
check "is offered with it" wait_for 20 grep -q '^offered three young' "$work/stayer.log"
check "it begins now by an order" eval 'gives 0 proffer maintenance start new --force && is_active three false'
check "and ends so" eval 'gives 0 proffer maintenance stop new && is_active three true'
check "so does the other" eval 'gives 0 proffer maintenance stop by-hand && is_active two true && wait_for 20 state "[.frameworks[].tasks[] | select(.state == \"TASK_RUNNING\")] | length == 4"'
kill -TERM "$stayer_pid"
wait "$stayer_pid"

# --- jobs ---------------------------------------------------------------------------------------------------

check "two of three agents are too many" eval 'gives 1 proffer maintenance schedule --id soon --start +60s --for 5s one two && grep -q "2 of 3 agents would be down at once, .* 50% (--maintenance-limit) have to be forced" "$work/out"'
check "unless it is meant: they have maintenance soon" gives 0 proffer maintenance schedule --force --id soon --start +60s --for 5s --reason cables one two
seq 6 | sed 's/.*/{"cmd":"true","cpus":1,"mem":32,"timeout":"10m"}/' >"$work/jobs"
check "jobs that may take longer go to the third" eval 'gives 0 proffer-batch -o "$work/done" "$work/jobs" && state "([.slaves[] | select(.hostname == \"three\").id]) == ([.completed_frameworks[-1].completed_tasks[].slave_id] | unique)"'
seq 6 | sed 's/.*/{"cmd":"exec sleep 6664","cpus":1,"mem":32}/' >"$work/jobs"
start batch proffer-batch "$work/jobs"
batch_pid=$pid
check "others go anywhere" wait_for 20 eval 'on_host one 3 || on_host two 3'
check "asked to leave, they will" eval 'gives 0 proffer maintenance cancel soon && gives 0 proffer maintenance schedule --force --id soon --start +5s --for 2s --reason cables one two && wait_for 20 windows "[.windows[] | select(.id == \"soon\").machines[].answers[].answer] | length > 0 and all(. == \"ACCEPTED\")" && grep -q "will be taken down for cables" "$work/batch.log"'
check "what is ended by it is lost, not failed" wait_for 30 grep -q 'was lost (its agent is being drained): it runs again' "$work/batch.log"
check "and runs again when the agents are back" wait_for 30 eval 'on_host one 3 || on_host two 3'
kill -INT "$batch_pid"
wait "$batch_pid" 2>/dev/null

# --- a clock that jumps -----------------------------------------------------------------------------------------

jump() { # OFFSET : what the master's clock is off, from now on
    echo "$1" >"$work/clock.new" && mv "$work/clock.new" "$work/clock"
}
faketime=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
if [ -z "$faketime" ]; then
    skip "a clock that jumps" "needs libfaketime"
else
    stop "$master_pid"
    jump +0h
    export FAKETIME_TIMESTAMP_FILE=$work/clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    via="env ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 LD_PRELOAD=$faketime" begins "a master begins whose clock can jump" \
        start_master --maintenance-notice 12s --agent-timeout 20s --port "${master##*:}" --http-port "${http##*:}"
    unset FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC
    check "a window is hours away" gives 0 proffer maintenance schedule --id far --start +5h --for 1h one
    check "and stays so" window_is far SCHEDULED
    jump +19000s
    check "the clock jumps into it" wait_for 90 window_is far DOWN
    jump +24000s
    check "over it" wait_for 90 window_is far OVER
    jump +0s
    check "and back: it is still to come" wait_for 90 window_is far SCHEDULED
    check "and its agent in use" wait_for 30 is_active one true
fi
