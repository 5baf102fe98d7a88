#!/usr/bin/env bash
# tests/system/reservations.sh BUILD - reservations and volumes by an operator: each is answered when the agent has it on
# disk, or with the reason why not; offers in the way go, tasks do not; no sudden death leaves half of one.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# gives STATUS TEXT COMMAND... : that exit status, and it says that.
gives() {
    local status=$1 words=$2 got
    shift 2
    timeout 60 "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got = "$status" ] && { [ -z "$words" ] || grep -qF -- "$words" "$work/out"; } || { echo "status $got"; cat "$work/out"; return 1; }
}

# posts PATH BODY STATUS TEXT
posts() {
    [ "$(curl -s -o "$work/out" -w '%{http_code}' --max-time 60 -d "$2" "http://$http$1")" = "$3" ] && grep -qF -- "$4" "$work/out" ||
        { cat "$work/out"; return 1; }
}

reserved() { # FILTER : of the one agent's reservations
    ask "http://$http/reservations" "[.reservations[] | $1] | length > 0"
}

# checkpoint TEXT : is it in what the agent has on disk?
checkpoint() {
    grep -qaF -- "$1" "$work"/a1/*.db* "$work"/a1/*/*.db* 2>/dev/null
}

keeper() { # ROLE STEP...
    PROFFER_MASTER=$master timeout 60 "$build/tests/keeper" "$@"
}

resources='cpus:4;mem:512;disk:1000;ports:[31000-31003]'
start_master --port "$(free_port)" --http-port "$(free_port)" || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
start_agent a1 --hostname node1 --resources "$resources" || exit 1
check "an agent is there" wait_for 20 state '.slaves[0].active'
id=$(state '.slaves[0].id')

# --- reservations ---------------------------------------------------------------------------------------------

check "at first nothing is reserved" eval 'gives 0 "" proffer reservation --no-headers && [ ! -s "$work/out" ]'
check "an operator reserves for any role" gives 0 "" proffer reservation add node1 ads 'cpus:2;ports:[31000-31001];disk:200' \
    --principal root --label tier=gold
check "the agent has it on disk by then" checkpoint gold
check "it is shown with its role, who made it and why" eval 'gives 0 "" proffer reservation --no-headers &&
    grep -qx "S0  *node1  *ads  *dynamic  *root  *cpus:2;disk:200;ports:\[31000-31001\]  *-" "$work/out"'
check "and as JSON" reserved 'select(.role == "ads" and .dynamic and .principal == "root" and
    .labels == [{"key": "tier", "value": "gold"}] and .resources.cpus == 2 and .used.cpus == 0)'
check "as Mesos shows it" ask "http://$http/slaves" '.slaves[0].reserved_resources.ads.cpus == 2'
check "the agent shows the same" ask "http://$agent_http/state" '.reserved_resources.ads.cpus == 2'
check "by HTTP likewise, within what is reserved" posts /reservations \
    "{\"agent_id\":\"$id\",\"role\":\"ads/eu\",\"resources\":\"cpus(ads):0.5\",\"principal\":\"eu\"}" 200 "has done it"
check "which is a level of its own" reserved 'select(.role == "ads/eu" and .within == ["ads"] and .resources.cpus == 0.5)'
check "in place of another one" eval 'gives 0 "" proffer reservation add node1 ads/us "cpus(ads/eu):0.5" --instead &&
    reserved "select(.role == \"ads/us\")" && ! reserved "select(.role == \"ads/eu\")"'
check "a refinement's place is the outer role's" eval 'posts /reservations "{\"agent_id\":\"'"$id"'\",\"role\":\"x\",\"resources\":\"cpus(ads):1\"}" 400 "ads"'
check "too much is refused, with what there is" gives 1 "has not so much of it: lacks 7.5 cpus" proffer reservation add node1 web cpus:9.5
check "what is reserved by settings or not at all is not undone" gives 3 "nothing is reserved so for role nobody" proffer reservation remove node1 nobody
check "an agent that is not there is said" gives 3 "no agent has the id" proffer reservation add nowhere web cpus:1
check "what makes no sense is said" posts /reservations "{\"agent_id\":\"$id\",\"resources\":\"cpus:1\"}" 400 "role"
check "so is usage" gives 2 "expected nothing, add AGENT" proffer reservation add node1
check "a label is a pair" gives 2 "must be NAME=VALUE" proffer reservation add node1 web cpus:1 --label x

# --- what is in the way -----------------------------------------------------------------------------------------

start holder proffer-batch --role other <(echo '{"name":"hold","cmd":"sleep 6663","cpus":1,"mem":64}')
check "a task runs" wait_for 30 state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING")] | length == 1'
start greedy "$build/tests/keeper" greedy create=x:900
greedy_pid=$pid
check "another framework comes" wait_for 20 state '[.frameworks[] | select(.active)] | length == 2'
kill -STOP "$greedy_pid" # what it is offered it does not answer
check "which is offered all the rest" wait_for 30 ask "http://$http/offers" '.offers | length > 0'
check "tasks in the way are named" eval 'gives 1 "has 1 of 2 cpus free; 1 is used by task 1.1 of framework" proffer reservation add node1 web cpus:2'
check "offers in the way are taken back" gives 0 "" proffer reservation add node1 web cpus:1
check "now all is reserved, or used" ask "http://$http/slaves" '.slaves[0] | .unreserved_resources.cpus == 1 and .reserved_resources.web.cpus == 1'
kill -CONT "$greedy_pid"
kill -TERM "$greedy_pid"
wait "$greedy_pid" 2>/dev/null

# --- volumes ------------------------------------------------------------------------------------------------------

volume=$work/a1/volumes/ads/db
check "a volume is made of reserved disk" gives 0 "" proffer volume create node1 ads db 40 --principal root
check "it is a folder when that is answered" test -d "$volume"
check "it is shown" eval 'gives 0 "" proffer volume --no-headers && grep -qx "db  *ads  *S0  *node1  *40  *no  *-" "$work/out"'
check "it grows and shrinks" eval 'gives 0 "" proffer volume grow node1 ads db 20 && gives 0 "" proffer volume shrink node1 ads db 30 &&
    ask "http://$http/volumes?role=ads" ".volumes == [{agent_id: \"$id\", hostname: \"node1\", role: \"ads\", id: \"db\", mib: 30, principal: \"root\", shared: false, offered: (.volumes[0].offered), used_by: []}]"'
check "without room it does not" gives 1 "agent" proffer volume grow node1 ads db 5000
check "nor is one made where nothing is reserved" gives 1 "reserve it first" proffer volume create node1 nobody x 10
check "nor the same twice" gives 1 "already" proffer volume create node1 ads db 10
start user "$build/tests/keeper" ads "run=cpus:0.1;mem:32;disk(ads)[db]:1=>touch db/mark; while [ ! -e db/end ]; do sleep 0.05; done"
user_pid=$pid
check "a framework of the role uses it" wait_for 30 test -e "$volume/mark"
check "who uses it is shown" ask "http://$http/volumes" '.volumes[0].used_by | length == 1'
check "it is not destroyed under a task" gives 1 "volume db of role ads is used by task" proffer volume destroy node1 ads db
touch "$volume/end"
begins "the task ends well" wait "$user_pid"
check "one that is not there cannot be destroyed" gives 3 "has no volume nodb" proffer volume destroy node1 ads nodb

# --- sudden deaths --------------------------------------------------------------------------------------------------

kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
start_master --port "${master##*:}" --http-port "${http##*:}" || exit 1
check "a new master knows all of it from the agent" wait_for 30 reserved 'select(.role == "web" and .resources.cpus == 1)'
check "and the volume" ask "http://$http/volumes" '.volumes[0].id == "db"'
check "and goes on with it" gives 0 "" proffer volume grow node1 ads db 1

# The agent stands still: what it was told is not answered, then it is killed, and comes back without it, or with it.
kill -STOP "$(reader_of "$agent_pid")"
proffer reservation add node1 late mem:16 >"$work/late" 2>&1 &
asking=$!
check "it is in the books at once" wait_for 20 reserved 'select(.role == "late")'
check "but not answered while the agent has not said so" kill -0 "$asking"
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
begins "the agent comes back on its folder" start_agent a1 --hostname node1 --resources "$resources"
wait "$asking"
code=$?
check "the operator is told which" eval '[ $code = 0 ] || { [ $code = 1 ] && grep -q "nothing was changed on agent" "$work/late"; }'
check "and that is so" eval 'if [ $code = 0 ]; then reserved "select(.role == \"late\")" ; else ask "http://$http/reservations" "[.reservations[] | select(.role == \"late\")] == []"; fi'
check "the log says who asked for what, and what became of it" eval '
    grep -q "audit: 127.0.0.1:[0-9]*: RESERVE cpus(ads dynamic by root {tier=gold}):2;.* on agent $id: 200 " "$work/master.log" &&
    grep -q "audit: 127.0.0.1:[0-9]*: RESERVE cpus(web dynamic):2 on agent $id: 409 .*task 1.1 " "$work/master.log"'

check "the volume is destroyed, with its folder" eval 'gives 0 "" proffer volume destroy node1 ads db && wait_for 20 test ! -e "$volume"'
check "all is undone, role by role" eval 'gives 0 "" proffer reservation remove node1 ads/us && gives 0 "" proffer reservation remove node1 ads &&
    gives 0 "" proffer reservation remove node1 web cpus:1'
check "the rest is" eval '[ $code != 0 ] || gives 0 "" proffer reservation remove node1 late'
check "nothing is reserved any more" eval 'ask "http://$http/reservations" ".reservations == []" && ask "http://$agent_http/state" ".reserved_resources == {}"'
