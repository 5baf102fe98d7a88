#!/usr/bin/env bash
# tests/system/partition.sh BUILD - agents and a framework in network namespaces of their own, under a master with
# keys; their links are cut (both ways, one way, shortly, for long) and healed.
# run.sh: early
. "$(dirname "$0")/lib.sh"
system_begin "$1"

if [ "$(id -u)" != 0 ]; then
    skip "links are cut and healed" "needs root"
    exit 0
fi
if ! ip netns add "proffer-$$-probe" 2>"$work/why" || ! ip netns del "proffer-$$-probe"; then
    skip "links are cut and healed" "no network namespaces: $(head -1 "$work/why")"
    exit 0
fi

# --- the network ----------------------------------------------------------------------------------------
# Each namespace has a link to ours, 10.A.B.(4n+1) here and 10.A.B.(4n+2) there. The master has 10.A.B.1.

net=10.$((64 + RANDOM % 128)).$((RANDOM % 256))
while ip route get "$net.1" 2>/dev/null | grep -qE '^local| dev pf'; do
    net=10.$((64 + RANDOM % 128)).$((RANDOM % 256))
done
spaces=0

# What is made, removed: at the end, or when this script was killed and cannot do it.
network_end() { # PID OF THE SCRIPT
    local space pid
    for space in $(ip netns list | grep -oE "^proffer-$1-[a-z]+"); do
        for pid in $(ip netns pids "$space"); do kill -KILL "$pid"; done
        ip netns del "$space"
    done
    for space in $(ip -br link | grep -oE "^pf$1[a-z]+"); do ip link del "$space"; done
    ip addr del "$net.1/32" dev lo
}
export net
export -f network_end
trap 'status=$?; network_end $$ >/dev/null 2>&1; (exit $status); system_end' EXIT
guard "network_end $$"

space_add() { # NAME
    local here=pf$$$1 space=proffer-$$-$1
    spaces=$((spaces + 1))
    ip netns add "$space" &&
        ip link add "$here" type veth peer name uplink netns "$space" &&
        ip addr add "$net.$((spaces * 4 + 1))/30" dev "$here" && ip link set "$here" up &&
        ip -n "$space" addr add "$net.$((spaces * 4 + 2))/30" dev uplink &&
        ip -n "$space" link set lo up && space_up "$1" $spaces
}

space_up() { # NAME NUMBER
    ip -n "proffer-$$-$1" link set uplink up && ip -n "proffer-$$-$1" route replace "$net.1" via "$net.$(($2 * 4 + 1))"
}

# sever NAME : the link goes down.
sever() {
    ip -n "proffer-$$-$1" link set uplink down
}

# deafen FROM-NAME NUMBER / deafen TO-NAME NUMBER : what comes from, or goes to, that namespace is lost on its way, and
# nobody is told: frames go to a hardware address that is not there.
deafen() {
    case $1 in
        from-*) ip -n "proffer-$$-${1#*-}" neigh replace "$net.$(($2 * 4 + 1))" lladdr 02:00:00:00:00:99 dev uplink nud permanent ;;
        to-*) ip neigh replace "$net.$(($2 * 4 + 2))" lladdr 02:00:00:00:00:99 dev "pf$$${1#*-}" nud permanent ;;
    esac
}

hear() { # as deafen
    case $1 in
        from-*) ip -n "proffer-$$-${1#*-}" neigh del "$net.$(($2 * 4 + 1))" dev uplink ;;
        to-*) ip neigh del "$net.$(($2 * 4 + 2))" dev "pf$$${1#*-}" ;;
    esac
}

within() { # NAME COMMAND... : not by `ip netns exec`, which would hide the cgroups
    nsenter --net="/run/netns/proffer-$$-$1" "${@:2}"
}

# --- the cluster ------------------------------------------------------------------------------------------

certificates_begin || exit 1
certificate master clients list
master_key=$key
: >"$work/list"
for name in a b c d framework; do
    certificate $name server "$master_key"
    echo "$key $name" >>"$work/list"
done

network() {
    ip addr add "$net.1/32" dev lo && space_add a && space_add b && space_add c && space_add d && space_add f
}
network || exit 1
start_master --address "$net.1" --keys "$work/master.keys" --agent-timeout 2s || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http

agents_start() { # NAME...
    local name number
    for name in "$@"; do
        number=$(($(printf '%d' "'$name") - 96))
        via="nsenter --net=/run/netns/proffer-$$-$name" start_agent "$name" --keys "$work/$name.keys" \
            --address "$net.$((number * 4 + 2))" --hostname "$name" --resources 'cpus:2;mem:128;disk:100' || return 1
        printf -v "agent_$name" %s "$agent_http"
    done
}
agents_start a b c || exit 1

# record NAME SPACE COUNT COMMAND : a framework whose updates go to $work/NAME.log
record() {
    start "$1" env PROFFER_KEYS="$work/framework.keys" ${2:+nsenter --net=/run/netns/proffer-$$-$2} \
        "$build/tests/recorder" "$1" "$3" 'cpus:1;mem:32' "$4"
}

heard() { # RECORD COUNT PATTERN : so many tasks had such an update
    [ "$(grep -aE "^t[0-9]+ $3" "$work/$1.log" | cut -d' ' -f1 | sort -u | wc -l)" = "$2" ]
}

# last RECORD AGENT STATE... : the last states of the tasks on that agent, sorted.
last() {
    local record=$1 agent=$2
    shift 2
    [ "$(grep -aE "^t[0-9]+ .* $agent$" "$work/$record.log" | awk '{s[$1] = $2} END {for (t in s) print s[t]}' | sort | paste -sd' ')" = "$*" ]
}

sessions_opened() {
    ask "http://$http/metrics/snapshot" '.["link/sessions_opened"]'
}

# Each task waits for a file of its own.
mkdir "$work/go" && chmod 711 "$work" && chmod 755 "$work/go"
waits='while [ ! -e '$work'/go/'
record inside "" 6 "$waits\$PROFFER_TASK_ID ]; do sleep 0.1; done"
inside_pid=$pid
check "agents in three namespaces run six tasks" wait_for 30 heard inside 6 'TASK_RUNNING'
id_of() { # HOSTNAME
    state ".slaves[] | select(.hostname == \"$1\").id"
}
id_a=$(id_of a) id_b=$(id_of b) id_c=$(id_of c)
task_on() { # AGENT NUMBER : its first or second task
    grep -aE "^t[0-9]+ TASK_RUNNING .* $1$" "$work/inside.log" | cut -d' ' -f1 | sort -u | sed -n "$2p"
}
agents_start d || exit 1
record cutoff f 2 "$waits\$PROFFER_TASK_ID-cutoff ]; do sleep 0.1; done"
cutoff_pid=$pid
check "a framework in one more has tasks on a fourth agent" wait_for 30 heard cutoff 2 'TASK_RUNNING'

# --- shortly -----------------------------------------------------------------------------------------------

opened=$(sessions_opened)
sever a && sever f && deafen from-b 2 && deafen to-c 3
# A task that ends meanwhile: its update must not be lost.
short=$(task_on "$id_a" 1)
touch "$work/go/$short"
sleep 3 # the length of the cut is what is tested
check "while a link is cut, its framework hears nothing of an end" heard inside 0 'TASK_FINISHED'
space_up a 1 && space_up f 5 && hear from-b 2 && hear to-c 3
check "after a short cut it does" wait_for 20 heard inside 1 'TASK_FINISHED'
check "no task was called unreachable, nor told anew" eval "heard inside 0 'TASK_UNREACHABLE' && heard inside 0 '.*REREGISTERED'"
check "and no session was lost" test "$(sessions_opened)" = "$opened"

# --- for long ------------------------------------------------------------------------------------------------

sever a && sever f && deafen from-b 2 && deafen to-c 3
all_unreachable() {
    state '.unreachable_slaves == 3 and .activated_slaves == 1' && heard inside 5 'TASK_UNREACHABLE'
}
# 15 s of silence, then the 2 s of --agent-timeout.
check "agents cut off, or in one direction only, are unreachable in time" wait_for 40 all_unreachable
check "their tasks are so at the framework" eval 'last inside "$id_a" TASK_FINISHED TASK_UNREACHABLE &&
    last inside "$id_b" TASK_UNREACHABLE TASK_UNREACHABLE && last inside "$id_c" TASK_UNREACHABLE TASK_UNREACHABLE'
check "what they had is offered no more" state '[.slaves[] | select(.active)] | length == 1'
holds() { # NAME ADDRESS COUNT [STATE] : the agent's own view, from where it is
    local answer
    answer=$(within "$1" curl -fsS --max-time 20 "http://$2/state") && [ -n "$answer" ] &&
        jq -e "[.frameworks[].executors[].tasks[].state | select(test(\"${4:-}\"))] | length == $3" <<<"$answer"
}
still() { # NAME ADDRESS COUNT
    holds "$@" TASK_RUNNING
}
check "but they run" eval 'still a "$agent_a" 1 && still b "$agent_b" 2 && still c "$agent_c" 2'
check "the framework that is cut off is not active" wait_for 30 state '[.frameworks[] | select(.name == "cutoff").active] == [false]'
check "but its tasks go on" state '[.frameworks[] | select(.name == "cutoff").tasks[].state] == ["TASK_RUNNING", "TASK_RUNNING"]'
# One task of each ends while nobody can hear of it.
touch "$work/go/$(task_on "$id_b" 1)" "$work/go/$(task_on "$id_c" 1)" "$work/go/t1-cutoff"
check "a task that ends so waits to be told" eval 'wait_for 20 still b "$agent_b" 1 && wait_for 20 still c "$agent_c" 1'
check "for as long as it takes" heard inside 1 'TASK_FINISHED'

space_up a 1 && space_up f 5 && hear from-b 2 && hear to-c 3
check "healed, all are back in time" wait_for 30 state '.unreachable_slaves == 0 and .activated_slaves == 4'
check "what runs is RUNNING again, and why is told" wait_for 20 heard inside 3 'TASK_RUNNING REASON_AGENT_REREGISTERED'
check "what ended is told" wait_for 20 eval 'last inside "$id_a" TASK_FINISHED TASK_RUNNING &&
    last inside "$id_b" TASK_FINISHED TASK_RUNNING && last inside "$id_c" TASK_FINISHED TASK_RUNNING'
check "the framework is back, by its id" wait_for 30 eval 'state "[.frameworks[] | select(.name == \"cutoff\").active] == [true]" &&
    [ "$(grep -c ^session "$work/cutoff.log")" = 2 ] && [ "$(grep ^session "$work/cutoff.log" | sort -u | wc -l)" = 1 ]'
check "and hears what ended meanwhile" wait_for 20 heard cutoff 1 'TASK_FINISHED'

# --- the end ---------------------------------------------------------------------------------------------------

touch "$work"/go/t{1..6} "$work"/go/t{1,2}-cutoff
ends_well() { # PID
    wait_for 30 eval "! kill -0 $1 2>/dev/null" && wait "$1"
}
begins "all tasks finish, each once" ends_well "$inside_pid"
begins "those of the other framework, too" ends_well "$cutoff_pid"
check "none was launched twice" eval '[ "$(ls -d "$work"/[abcd]/sandboxes/*/*.* | wc -l)" = 8 ]'
books() {
    state '[.slaves[].used_resources | .cpus, .mem] | add == 0' && state '.frameworks == []' &&
        holds a "$agent_a" 0 && holds b "$agent_b" 0 && holds c "$agent_c" 0 && holds d "$agent_d" 0
}
check "the books of all agree that nothing runs" wait_for 20 books
