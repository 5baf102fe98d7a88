#!/usr/bin/env bash
# tests/system/pods.sh BUILD - groups of tasks under a real agent, which is killed at every step of their life. All of it in a
# network namespace of its own.
set -u
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" = 0 ] && [ -z "${PODS_INSIDE:-}" ] && unshare -n true 2>/dev/null; then
    PODS_INSIDE=1 exec unshare -n "$0" "$@"
fi
system_begin "$1"
if [ -z "${PODS_INSIDE:-}" ]; then
    skip "groups of tasks" "needs root and network namespaces"
    exit 0
fi
ip link set lo up || exit 1
talker=$build/tests/test_launcher_groups
bridged=$build/tests/test_launcher_bridge

start_master --agent-timeout 60s || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
run_agent() {
    start_agent a1 --port "${agent_http##*:}" --resources 'cpus:8;mem:2048;disk:1000;ports:[31000-31010]' --isolation \
        cgroup/cpu,cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,namespaces/ipc,namespaces/uts,namespaces/net,volume/group,volume/persistent,linux/capabilities,linux/nnp,network/bridge \
        --isolator-options 'network/bridge.subnet=10.66.0.0/24' "$@"
}
agent_http=0.0.0.0:0
run_agent || exit 1
if grep 'is not used' "$work/a1.log"; then
    skip "groups of tasks" "this host cannot hold them: see above"
    exit 0
fi

# --- what is said and seen ------------------------------------------------------------------------------------

# group NAME TASK... : writes $work/NAME.json; its share is in $share, more JSON for the group.
group() {
    local name=$1 tasks
    shift
    tasks=$(IFS=,; echo "$*")
    echo "{\"id\":\"$name\"${share:+,$share},\"tasks\":[$tasks]}" >"$work/$name.json"
}

# task ID PART COMMAND [MORE] : of a group, as JSON.
task() {
    jq -cn --arg id "$1" --arg part "$2" --arg command "$3" \
        "{id:\$id,part:\$part,command:\$command,resources:\"cpus:0.2;mem:64\"${4:+,$4}}"
}

# begin NAME : runs the group in the background; $pid.
begin() {
    start "$1" proffer run --group "$work/$1.json"
}

says() { # NAME PATTERN : the client has said that
    grep -qE "$2" "$work/$1.log"
}

# ended_before TASK TASK : by the agent's clock; what is told of them has an order for each task alone.
ended_before() {
    ask "http://$http/tasks?limit=1000&order=asc" \
        "[.tasks[] | select(.id == \"$1\")][-1].statuses[-1].timestamp <= [.tasks[] | select(.id == \"$2\")][-1].statuses[-1].timestamp"
}

# ended_with TEXT PID CODE : not in a subshell, which could not wait.
ended_with() {
    wait "$2"
    code=$?
    check "$1" test $code = "$3"
}

shown() { # TASK FILTER
    ask "http://$http/tasks?limit=1000&order=asc" "[.tasks[] | select(.id == \"$1\")] | last | $2"
}

sandbox() { # TASK
    shown "$1" '.statuses[0].container_status.sandbox'
}

# Nothing of any group is left on the agent.
is_clean() {
    [ "$(ask "http://$agent_http/monitor/statistics" length)" = 0 ] &&
        [ -z "$(groups_of "$work/a1" | grep -E '/[^/]*\.[0-9a-f]{16}$')" ] && ! ip -br link | grep -qE '^(proffer0|pf)'
}

# What it has started beside itself ends with it, a moment later.
kill_agent() {
    kill -KILL "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    wait_for 20 flock -n "$work/a1/agent.lock" true
}

hold='while [ ! -e go ]; do sleep 0.05; done'
side='trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'
has_sandbox() { # TASK : what others of its group do is no sign that it is seen
    [ "$(sandbox "$1")" != null ]
}
go() { # TASK : lets it go on
    wait_for 20 has_sandbox "$1"
    touch "$(sandbox "$1")/go"
}
data='"mounts":[{"volume":"data","path":"data"}]'
at_media='"mounts":[{"volume":"data","path":"/media","read_only":true}]'

# --- the order, volumes ---------------------------------------------------------------------------------------

share='"volumes":["data"]'
group pod1 \
    "$(task one init 'echo one >>data/log' "$data")" \
    "$(task two init 'echo two >>data/log' "$data")" \
    "$(task side sidecar "echo side >>data/log; $side" "$data")" \
    "$(task main main "while ! grep -q side /media/log; do sleep 0.05; done; cat /media/log; $hold" "$at_media")"
begin pod1
group1=$pid
check "the main of a group runs" wait_for 20 says pod1 '^main TASK_RUNNING'
check "each saw the volume of the group where it wants it" wait_for 10 grep -qx side "$(sandbox main)/stdout"
check "inits came one after the other, then the sidecar, then the main" test "$(tr '\n' ' ' <"$(sandbox main)/stdout")" = "one two side "
check "the state shows what is in a group, as Mesos does" \
    shown side '.group.id == "pod1" and .group.part == "SIDECAR" and .executor_id == "pod1"'
check "so does the list" wait_for 20 eval 'proffer tasks | grep -q "side (sidecar of pod1)"'
folder=$(echo "$(dirname "$(sandbox main)")"/pod1.*)
go main
ended_with "it ends with 0 when all mains have finished" "$group1" 0
check "its sidecar is ended then, and may finish" says pod1 '^side TASK_FINISHED'
check "nothing is left of it but sandboxes" wait_for 10 is_clean
check "the volume is in the folder of the group, one of the sandboxes" test -s "$folder/volumes/data/log"

# --- the example ----------------------------------------------------------------------------------------------

sed -n '/^```json$/,/^```$/{/```/!p}' "$(dirname "$0")/../../docs/pods.md" >"$work/example.json"
if busybox --list 2>/dev/null | grep -qx httpd && [ -d /srv ]; then
    begin example
    ended_with "the example in docs/pods.md works" "$pid" 0
else
    skip "the example in docs/pods.md works" "needs busybox with httpd, and /srv"
fi

# --- the end --------------------------------------------------------------------------------------------------

share=
group pod2 "$(task side sidecar "$side")" "$(task bad main "$hold; exit 3")" "$(task good main "sleep 1000")"
begin pod2
check "two mains run together" wait_for 20 says pod2 '^good TASK_RUNNING'
go bad
ended_with "a main that fails is the end of all, and its code the group's" "$pid" 3
check "the others say whose end it was, and why" says pod2 \
    '^good TASK_KILLED: ended with its group: task bad is TASK_FAILED: exited with status 3; terminated by signal 15'

group pod3 "$(task first init 'exit 4')" "$(task later main 'echo never')"
begin pod3
ended_with "an init that fails is the end of all" "$pid" 4
check "what had not come to its turn never starts" says pod3 '^later TASK_KILLED: .*it had not been started'

group pod4 "$(task side sidecar "$side")" "$(task main main 'sleep 1000')"
begin pod4
wait_for 20 says pod4 '^main TASK_RUNNING'
kill -TERM "$pid"
ended_with "a group is killed as one" "$pid" 143
check "the main first" ended_before main side
check "and nothing is left of it" wait_for 10 is_clean

group pod5 "$(task side sidecar 'exit 5')" "$(task main main 'sleep 1000')"
begin pod5
ended_with "so is it when a sidecar ends while mains are there" "$pid" 5
group pod6 "$(task side sidecar 'exit 5' '"may_end":true')" "$(task main main 'sleep 0.5')"
begin pod6
ended_with "unless it may" "$pid" 0

echo '{"id":"pod7","tasks":[{"id":"a","command":"true","resources":"cpus:0.1;mem:32","part":"init"}]}' >"$work/pod7.json"
begin pod7
ended_with "what is no group is refused" "$pid" 125
check "with a reason" says pod7 'none of its tasks is a main one'

for more in '--user nobody' '--env A=b' '--timeout 1s' '--image busybox' '--health-command true'; do
    # shellcheck disable=SC2086 # two words
    proffer run --group "$work/pod6.json" $more >"$work/said" 2>&1
    check "'$more' is refused, as nobody would do it" eval "[ $? = 2 ] && grep -q 'in its file' '$work/said'"
done

group sick "$(task side sidecar 'exec sleep 1000' '"health_check":{"command":"exit 9","interval":"50ms","grace":"0s","failures":2}')" \
    "$(task main main 'sleep 1000')"
begin sick
ended_with "a sidecar that is not well is the end of all" "$pid" 143
check "and says why" says sick '^side TASK_FAILED: its health check failed 2 times in a row: its command exited with status 9'
group twice "$(task main main true '"health_check":{"command":"true","tcp":true}')"
begin twice
ended_with "a check of two kinds is refused" "$pid" 2
group engine "$(task main main true '"docker":{"image":"busybox"}')"
begin engine
ended_with "so is a task for an Engine" "$pid" 2
check "and why is said" says engine "do not run in an Engine's containers"

# --- a persistent volume --------------------------------------------------------------------------------------

on=$(proffer agents -o name)
proffer reservation add "$on" dev disk:100 >/dev/null
proffer volume create "$on" dev kept 10 --shared >/dev/null
proffer volume create "$on" dev own 10 >/dev/null
# keeping ID PART COMMAND VOLUME MOUNT...
keeping() {
    task "$1" "$2" "$3" "\"resources\":\"cpus:0.2;mem:64;disk(dev)[$4]:10\",\"mounts\":[{\"volume\":\"$4\",$5}]"
}
group lasting1 "$(keeping put init 'echo one >in/log' kept '"path":"in"')" \
    "$(keeping more sidecar "echo two >>at/log; $side" kept '"path":"at"')" \
    "$(keeping look main 'while ! grep -q two log/log; do sleep 0.05; done; cat log/log; ! touch log/x' kept '"path":"log","read_only":true')"
start lasting1 proffer run --role dev --group "$work/lasting1.json"
ended_with "a shared volume is had by several of a group" "$pid" 0
check "each where it wants it" test "$(tr '\n' ' ' <"$(sandbox look)/stdout")" = "one two "
group lasting2 "$(keeping look2 main 'cat there/log' kept '"path":"there"')"
start lasting2 proffer run --role dev --group "$work/lasting2.json"
ended_with "it is there for the next one" "$pid" 0
check "with what is in it" test "$(tr '\n' ' ' <"$(sandbox look2)/stdout")" = "one two "
group lasting3 "$(keeping one main true own '"path":"v"')" "$(keeping two main true own '"path":"v"')"
start lasting3 proffer run --role dev --wait 1s --group "$work/lasting3.json"
ended_with "one that is not shared is granted to one task" "$pid" 125
check "and that is said" says lasting3 'volume own is not shared and one has it: name it there, elsewhere in the mounts alone'

# lent ID PART COMMAND MOUNT... : mounts what another has
lent() {
    task "$1" "$2" "$3" "\"mounts\":[{\"volume\":\"own\",$4}]"
}
disk_used() {
    ask "http://$http/slaves" '.slaves[0].used_resources.disk'
}
group lasting4 "$(lent fill init 'echo one >in/log' '"path":"in"')" \
    "$(keeping has main "$hold; echo two >>v/log" own '"path":"v"')" \
    "$(lent reads main "while ! grep -q two log/log; do sleep 0.05; done; cat log/log; ! touch log/x; $hold" '"path":"log","read_only":true')"
start lasting4 proffer run --role dev --group "$work/lasting4.json"
lasting4=$pid
wait_for 20 says lasting4 '^reads TASK_RUNNING'
check "the volume of one is used once" test "$(disk_used)" = 10
go has
check "it is mounted by others of its group, read-only or not" \
    wait_for 20 eval '[ "$(tr "\n" " " <"$(sandbox reads)/stdout")" = "one two " ]'
has_ended() { # TASK : though that does not count yet
    shown "$1" '.statuses[-1] | .state == "TASK_RUNNING" and (.message | startswith("exited with status 0;"))'
}
wants_own() {
    proffer run --role dev --wait 1s -R 'cpus:0.1;mem:32;disk(dev)[own]:10' true >"$work/wants" 2>&1
}
check "while they do, its task has not ended for others" wait_for 20 has_ended has
check "and nobody else gets it" eval '! wants_own && grep -q "own" "$work/wants"'
kill_agent
run_agent || exit 1
check "nor when another agent has come" eval '! wants_own'
check "nor can it be destroyed" eval '! proffer volume destroy "$on" dev own >/dev/null 2>&1'
go reads
ended_with "then all have ended" "$lasting4" 0
check "as they did" says lasting4 '^has TASK_FINISHED: exited with status 0'
check "and the volume is there for others" wants_own
group lasting5 "$(lent alone main true '"path":"in"')"
start lasting5 proffer run --role dev --wait 1s --group "$work/lasting5.json"
ended_with "what no task of the group has is not mounted" "$pid" 125
check "and that is said, too" says lasting5 'task alone: mounts: there is no volume own among its resources'

# --- the network ----------------------------------------------------------------------------------------------

share='"network":"none","hostname":"the-pod"'
group net1 "$(task server sidecar "exec $talker serve")" \
    "$(task asks main "uname -n; until $talker ask | grep hello; do sleep 0.05; done; $hold")"
begin net1
net1=$pid
wait_for 20 says net1 '^asks TASK_RUNNING'
check "tasks of a group talk over 127.0.0.1, in a network of their own" wait_for 20 grep -qx hello "$(sandbox asks)/stdout"
check "under the name of the group" grep -qx the-pod "$(sandbox asks)/stdout"
check "a stranger cannot" test "$(proffer run -c 0.1 -M 32 "$talker ask")" = refused
check "nor can one without a network" test "$(proffer run -c 0.1 -M 32 --isolation '{"network":"none"}' "$talker ask")" = refused
go asks
ended_with "and it ends" "$net1" 0

share='"network":"bridge","ports":[{"container_port":8080}]'
group net2 "$(task server main "exec $bridged serve 8080" '"ports":1')" \
    "$(task asks main "until $bridged ask 127.0.0.1 8080 | grep 127.0.0.1; do sleep 0.05; done; sleep 1000")"
begin net2
net2=$pid
wait_for 20 says net2 '^server TASK_RUNNING'
port=$(shown server '.resources.ports' | grep -oE '[0-9]+' | head -1)
answers() { [ "$(timeout 5 cat </dev/tcp/10.66.0.1/"$port")" = 10.66.0.1 ]; }
check "a port of the host leads to the group" wait_for 20 answers
check "and 127.0.0.1 is shared there, too" wait_for 20 grep -qx 127.0.0.1 "$(sandbox asks)/stdout"
kill_agent
check "it is reached while no agent is there" answers
run_agent || exit 1
check "and when one is back" answers
stop "$net2"
check "nothing of it is left after its end" wait_for 20 is_clean

# A holder whose shim stands still is killed, but has not ended.
shim_of() { # GROUP : of its holder, which has its record open
    for pid in $(pgrep -x proffer-shim); do
        ls -l "/proc/$pid/fd" 2>/dev/null | grep -q " $work/a1/records/$1\.[0-9a-f]*\.run$" && echo "$pid" && return
    done
    return 1
}
is_dead() { # PID
    ! grep -q '^State' "/proc/$1/status" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}
ports_used() {
    ask "http://$http/slaves" '.slaves[0].used_resources.ports'
}
share='"network":"bridge","ports":[{"container_port":8080}]'
group net3 "$(task alone main "$hold" '"ports":1')"
begin net3
net3=$pid
wait_for 20 says net3 '^alone TASK_RUNNING'
used=$(ports_used)
shim=$(shim_of net3)
init=$(cat "/proc/$shim/task/$shim/children" | cut -d' ' -f1)
kill -STOP "$shim"
go alone
check "the holder is killed when the last task has ended" wait_for 20 is_dead "$init"
check "until it has ended, that one is not told to have ended" shown alone '.state == "TASK_RUNNING"'
check "and its port is not free" test "$(ports_used)" = "$used"
kill -CONT "$shim"
ended_with "then it is told how it ended" "$net3" 0
check "and nothing is left" wait_for 20 is_clean

# One that ends before the others has its port as long as that leads to the group.
ports_of() { # TASK
    shown "$1" '.resources.ports' | grep -oE '[0-9]+' | head -1
}
asks_for() { # PORT : whether a task can have it
    proffer run -R "cpus:0.1;mem:32;ports:[$1-$1]" --wait 1s true >"$work/asked" 2>&1
}
group net4 "$(task brief main "$hold" '"ports":1')" "$(task lasts main "$hold")"
begin net4
net4=$pid
wait_for 20 says net4 '^lasts TASK_RUNNING'
port=$(ports_of brief)
go brief
check "a task of a group has ended whose port leads to it, and that is said" wait_for 20 has_ended brief
check "nobody else can have the port" eval "! asks_for $port && grep -q 'ports' '$work/asked'"
kill_agent
run_agent || exit 1
check "nor when another agent has come" eval "! asks_for $port"
check "nothing else is told of it" has_ended brief
as_shown='[.state, .resources, (.statuses[-1] | [.state, .timestamp, .message, .container_status])]'
listed() { # TASK : without how long it has been so
    proffer tasks | grep "^$1 " | sed -E 's/ +[^ ]+$//'
}
before="$(shown brief "$as_shown") $(listed brief) $(ports_used)"
kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
start_master --agent-timeout 60s --port "${master##*:}" --http-port "${http##*:}" || exit 1
check "another master shows and counts it as the last one did" \
    wait_for 20 eval '[ "$(shown brief "$as_shown") $(listed brief) $(ports_used)" = "$before" ]'
check "nor has anybody else the port" eval "! asks_for $port"
go lasts
ended_with "it is told at the end of the group" "$net4" 0
check "as it was" says net4 '^brief TASK_FINISHED: exited with status 0'
check "and the port is free" asks_for "$port"

# What the launcher has refused no other launcher knows.
nowhere='"ports":1,"isolation":{"rootfs":"nowhere"}'
refused="it asks for a root of its own"
group net5 "$(task fails sidecar 'echo never' "\"may_end\":true,$nowhere")" \
    "$(task stays main "trap '' TERM; echo up; $hold" '"kill_grace":"600s"')"
begin net5
net5=$pid
wait_for 20 says net5 '^stays TASK_RUNNING'
wait_for 10 grep -q up "$(sandbox stays)/stdout"
check "a launch that was refused is not told while the port leads there" shown fails '.state == "TASK_STAGING"'
kill -TERM "$net5"
wait_for 20 says net5 '^stays TASK_KILLING'
kill_agent
run_agent || exit 1
check "nor by another agent" shown fails '.state == "TASK_STAGING"'
go stays
ended_with "then it is" "$net5" 143
check "as what it was" says net5 "^fails TASK_FAILED: $refused"
group net6 "$(task optional sidecar 'echo never' "\"may_end\":true,$nowhere")" "$(task lasts6 main "$hold")"
begin net6
net6=$pid
check "the group goes on without it, if it may" wait_for 20 says net6 '^lasts6 TASK_RUNNING'
kill_agent
run_agent || exit 1
go lasts6
ended_with "the others run on through the death of the agent" "$net6" 0
check "the next one has launched nothing again" wait_for 20 \
    ask "http://$agent_http/metrics/snapshot" '.["slave/tasks_launched"] == 0 and .["slave/tasks_finished"] == 1'
check "and tells that it was refused" says net6 "^optional TASK_FAILED: $refused"
check "and nothing is left" wait_for 20 is_clean

# --- limits ---------------------------------------------------------------------------------------------------

share=
group oom "$(task hog sidecar 'sleep 0.3; x=a; while :; do x=$x$x; done' '"may_end":true')" \
    "$(task quiet main "$hold")"
begin oom
check "a task that takes too much memory is ended for it" \
    wait_for 30 says oom '^hog TASK_FAILED: .*emory'
check "and the other has its own limit, and runs on" shown quiet '.state == "TASK_RUNNING"'
go quiet
ended_with "to its end" "$pid" 0

# --- the agent is killed --------------------------------------------------------------------------------------

share='"volumes":["data"],"network":"none"'
group life \
    "$(task i1 init "$hold; echo i1 >>data/log" "$data")" \
    "$(task i2 init "$hold; echo i2 >>data/log" "$data")" \
    "$(task s1 sidecar "exec $talker serve")" \
    "$(task m1 main "$hold; echo m1 >>data/log; $talker ask" "$data")"
begin life
life=$pid
wait_for 20 says life '^i1 TASK_RUNNING'
place=$(sandbox i1)
kill_agent
touch "$place/go"
log=$(echo "$(dirname "$place")"/life.*)/volumes/data/log
wait_for 10 grep -qx i1 "$log"
run_agent || exit 1
check "an init that ended while no agent was there is gone on from" wait_for 20 says life '^i2 TASK_RUNNING'
kill_agent
run_agent || exit 1
go i2
check "an init that ran through the agent's death is, too" wait_for 20 says life '^m1 TASK_RUNNING'
place=$(sandbox m1)
kill_agent
touch "$place/go"
check "the last main ends while no agent is there" wait_for 10 grep -q hello "$place/stdout"
run_agent || exit 1
ended_with "then the sidecar is ended by the next one, and the group is done" "$life" 0
check "all came in their order" test "$(tr '\n' ' ' <"$log")" = "i1 i2 m1 "
check "nothing is left of it" wait_for 20 is_clean

share=
group ends "$(task side sidecar "trap '' TERM; echo up; while :; do sleep 0.05; done" '"kill_grace":"2s"')" \
    "$(task m1 main "$hold; exit 7")" \
    "$(task m2 main "trap '' TERM; echo up; while :; do sleep 0.05; done" '"kill_grace":"2s"')"
begin ends
ends=$pid
wait_for 20 says ends '^m2 TASK_RUNNING'
wait_for 10 grep -q up "$(sandbox m2)/stdout"
go m1
wait_for 20 says ends '^m2 TASK_KILLING'
kill_agent
run_agent || exit 1
ended_with "an end that has begun is gone on with" "$ends" 7
check "for its reason" says ends '^side TASK_KILLED: ended with its group: task m1 is TASK_FAILED: exited with status 7'
check "and nothing is left" wait_for 20 is_clean

# At no chosen moment: all of a group, or nothing, and it comes to its end.
survived=0
for round in 1 2 3 4 5 6; do
    share='"volumes":["data"]'
    group "any$round" "$(task "i$round" init 'sleep 0.1' "$data")" "$(task "s$round" sidecar "$side")" \
        "$(task "a$round" main 'sleep 0.3')" "$(task "b$round" main 'sleep 0.2')"
    begin "any$round"
    any=$pid
    sleep "0.$((round * 13 % 90 + 10))"
    kill_agent
    run_agent || exit 1
    wait "$any" && survived=$((survived + 1))
done
check "a group outlives the death of its agent at any moment ($survived of 6)" test $survived = 6
check "and its end leaves nothing" wait_for 20 is_clean
