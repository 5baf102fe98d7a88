#!/usr/bin/env bash
# tests/system/docker.sh BUILD - tasks in containers of a real Docker Engine: a private dockerd in a network and mount
# namespace of its own, an image made of busybox, a registry beside it; their whole life, limits seen from inside, and
# whatever may be killed or stopped under them.
# run.sh: early
cd "$(dirname "$0")/../.." || exit 1
. tests/system/lib.sh
system_begin "$1"
. tests/system/engine.sh
engine_begin || { skip "docker" "$engine_lacks"; exit; }

# --- a registry ----------------------------------------------------------------------------------------------------
check "an image is made of busybox" call GET "/images/$image/json" -f -o /dev/null

htpasswd -Bbn user secret >"$work/htpasswd" 2>/dev/null
registry open 5000
registry closed 5001 "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
auth=$(printf '{"username":"user","password":"secret","serveraddress":"127.0.0.1:5001"}' | basenc --base64url -w0)
mkdir "$work/credentials"
printf '{"auths":{"127.0.0.1:5001":{"auth":"%s"}}}' "$(printf user:secret | base64 -w0)" >"$work/credentials/right"
printf '{"auths":{"127.0.0.1:5001":{"auth":"%s"}}}' "$(printf user:wrong | base64 -w0)" >"$work/credentials/wrong"
check "a registry takes it" put 127.0.0.1:5000/busybox:v1
check "one with passwords takes it" put 127.0.0.1:5001/busybox:v1 "$auth"

# --- a cluster -----------------------------------------------------------------------------------------------------
begins "a master" start_master
agent_flags=(--containerizers=native,docker --docker-socket "$engine" --docker-credentials "$work/credentials"
    --docker-host-paths "$work/shared" --docker-allow=named-volumes --resources 'cpus:4;mem:2048;ports:[31000-31009]'
    --attributes 'rack:a')
mkdir "$work/shared"
echo from-host >"$work/shared/file"
begins "an agent with its Engine" start_agent a "${agent_flags[@]}"
export PROFFER_MASTER=$master

run() { proffer run --wait 30s --image "$image" "$@"; }
check "the agent shows its Engine" ask "http://$agent_http/state" '.docker.up and (.docker.version | length > 0) and .docker.api_version == "1.41"'
check "and tells frameworks of it by an attribute" ask "http://$agent_http/state" '.attributes.docker and .attributes.rack == "a"'

# --- a life --------------------------------------------------------------------------------------------------------
run 'echo out; echo err >&2; exit 7' >"$work/out" 2>"$work/err"
check "exit code, stdout and stderr are the command's" [ "$?-$(cat "$work/out")-$(grep -c '^err$' "$work/err")" = 7-out-1 ]
check "a task without a command runs the image's" [ "$(run)" = "own command" ]
run /bin/nothing --here 2>"$work/err"
check "a program that is not there is 127, with the Engine's words" eval "[ $? = 127 ] || grep -q 'no such file' '$work/err'"
run 'sh -c "kill -9 \$\$"; exit $?'
check "a signal is 128 and its number" [ $? = 137 ]
check "the environment has the sandbox as it is seen inside" [ "$(run 'echo $MESOS_SANDBOX; touch $PROFFER_SANDBOX/x')" = /mnt/mesos/sandbox ]
run 'id; ls /proc/1/root >/dev/null; grep -E "NoNewPrivs|Seccomp:" /proc/self/status' >"$work/out"
check "no new privileges, a seccomp filter" eval "grep -q 'NoNewPrivs:.*1' '$work/out' && grep -q 'Seccomp:.*2' '$work/out'"
check "the user inside is the one asked for" [ "$(run --container-user 1000:1000 'id -u; touch $MESOS_SANDBOX/mine && echo wrote' | xargs)" = "1000 wrote" ]

# --- limits, from inside -------------------------------------------------------------------------------------------
group=/sys/fs/cgroup
run --cpus 0.5 --mem 64 'for f in memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu.max pids/pids.max pids.max; do
    [ -e /sys/fs/cgroup/$f ] && echo $f $(cat /sys/fs/cgroup/$f); done' >"$work/out"
check "memory is limited to what is granted" grep -qE '^memory.* 67108864$' "$work/out"
check "processors are limited to what is granted" grep -qE '^(cpu/cpu.cfs_quota_us 50000|cpu.max 50000 100000)$' "$work/out"
check "processes are limited" grep -qE '^pids.* 4096$' "$work/out"
run --mem 32 'dd if=/dev/zero of=/dev/null bs=200M count=1' 2>"$work/err"
check "more memory than granted ends it, and the reason is said" eval "[ $? = 137 ] && grep -q 'Memory limit exceeded: the limit is 32 MiB' '$work/err'"

# --- images --------------------------------------------------------------------------------------------------------
check "a missing image is pulled" [ "$(proffer run --wait 30s --image 127.0.0.1:5000/busybox:v1 'echo pulled')" = pulled ]
check "its progress is told" ask "http://$agent_http/state" '[.. | .statuses? // empty | .[] | select(.state == "TASK_STARTING" and (.message | test("127.0.0.1:5000/busybox:v1")))] | length > 0'
proffer run --wait 30s --image 127.0.0.1:5001/busybox:v1 true 2>"$work/err"
check "without credentials a registry's refusal is told" eval "[ $? = 125 ] && grep -q 'no basic auth credentials' '$work/err'"
proffer run --wait 30s --image 127.0.0.1:5001/busybox:v1 --credentials wrong true 2>"$work/err"
check "with wrong ones, too" eval "[ $? = 125 ] && grep -qi 'unauthorized\|authentication required' '$work/err'"
proffer run --wait 30s --image 127.0.0.1:5001/busybox:v1 --credentials nowhere true 2>"$work/err"
check "with ones that the agent has not, likewise" eval "[ $? = 125 ] && grep -q 'credentials nowhere' '$work/err'"
check "with the right ones it is pulled" [ "$(proffer run --wait 30s --image 127.0.0.1:5001/busybox:v1 --credentials right 'echo private')" = private ]
proffer run --wait 30s --image 127.0.0.1:5000/busybox:none true 2>"$work/err"
check "an image that does not exist fails with the registry's words" eval "[ $? = 125 ] && grep -q 'not found\|manifest unknown' '$work/err'"
proffer run --wait 30s --pull never --image 127.0.0.1:5000/busybox:none true 2>"$work/err"
check "one that must not be pulled is not" eval "[ $? = 125 ] && grep -q 'forbids to pull' '$work/err'"
check "one is pulled anew when the task says always" [ "$(proffer run --wait 30s --pull always --image 127.0.0.1:5000/busybox:v1 'echo again')" = again ]

# --- networks, volumes ---------------------------------------------------------------------------------------------
check "without a network there is only loopback" [ "$(run --network none 'ls /sys/class/net | xargs')" = lo ]
check "the host's network is the Engine's" eval "run --network host 'ls /sys/class/net' | grep -q docker0"
start web proffer run --wait 30s --image "$image" --network bridge --publish 8080 --name web \
    'cd /tmp; echo hello >index.html; exec httpd -f -p 8080'
web_pid=$pid
web_port() {
    call GET '/containers/json' | jq -er '.[] | .Ports[]? | select(.PrivatePort == 8080) | .PublicPort' | head -1
}
check "a port of the bridge is one that was granted" wait_for 20 eval '[ "$(web_port)" -ge 31000 ] && [ "$(web_port)" -le 31009 ]'
check "and answers there" wait_for 20 eval 'nsenter -t $hold -n curl -fs "http://127.0.0.1:$(web_port)/" | grep -q hello'
check "its address is in its status" state '[.frameworks[].tasks[].statuses[]?.container_status.network_infos[]?.ip_addresses[]?.ip_address] | any(startswith("172."))'
kill -INT "$web_pid"
wait "$web_pid"
call POST /networks/create -H 'Content-Type: application/json' -d '{"Name":"mine","Driver":"bridge"}' >/dev/null
check "a network that the Engine has can be used" [ "$(run --network mine 'ls /sys/class/net | grep -c eth0')" = 1 ]
run --network unknown true 2>"$work/err"
check "one that it has not is an error with its words" eval "[ $? = 125 ] && grep -q 'network unknown not found' '$work/err'"
check "a folder of the host that is allowed is seen" [ "$(run --volume "$work/shared:/data:ro" 'cat /data/file; touch /data/x 2>&1 | grep -c Read-only')" = "$(printf 'from-host\n1')" ]
run --volume /etc:/data true 2>"$work/err"
check "another one is refused" eval "[ $? = 125 ] && grep -q -- '--docker-host-paths' '$work/err'"
check "a folder of the sandbox is seen" [ "$(run --volume cache:/cache 'touch /cache/f; ls $MESOS_SANDBOX/cache')" = f ]
run --docker privileged=true true 2>"$work/err"
check "what is not known is refused" eval "[ $? = 125 ] && grep -q 'is not known' '$work/err'"
check "parameters of docker run are taken" [ "$(run --network none --docker hostname=web hostname)" = web ]

# --- health --------------------------------------------------------------------------------------------------------
run --health-command 'test ! -e /tmp/bad' --health-interval 300ms --health-failures 2 --health-grace 100ms \
    'sleep 1; touch /tmp/bad; sleep 100' >"$work/out" 2>"$work/err"
check "a check by command is run inside, and one that fails ends the task" eval "[ $? != 0 ] && grep -q 'exited with status 1' '$work/err'"
check "one that passes does not" [ "$(run --health-command true --health-interval 300ms 'sleep 2; echo well')" = well ]
run --isolation '{"inner_root":true}' true 2>"$work/err"
check "what an Engine has not is refused" eval "[ $? = 125 ] && grep -q 'inner_root cannot be had by a task for Docker' '$work/err'"

# --- output --------------------------------------------------------------------------------------------------------
# The Engine keeps two seconds of what comes after a container's end (StreamConfig.Wait in its daemon/monitor.go): so the
# end has to wait until the Engine has caught up.
start much proffer run --wait 30s --image "$image" --name much 'seq 1 200000; while [ ! -e $MESOS_SANDBOX/go ]; do sleep 0.05; done
    seq 200001 201000'
much_pid=$pid
check "much output comes" wait_for 120 grep -qx 200000 "$work/much.log"
touch "$(ask "http://$agent_http/state" '.frameworks[].executors[] | select(.tasks[].name == "much").directory')/go"
wait "$much_pid"
check "whole and in order, to the end" diff <(seq 201000) "$work/much.log"

# --- killed and stopped --------------------------------------------------------------------------------------------
# keep NAME COMMAND... : a task that goes on whatever happens to its agent.
keep() {
    local name=$1
    shift
    start "$name" proffer run --wait 60s --image "$image" --name "$name" "$@"
}
# box NAME : the Engine's container of the task of that name.
box() {
    local id
    for id in $(call GET '/containers/json?all=1' | jq -r '.[].Id'); do
        call GET "/containers/$id/json" | jq -e --arg mark "MARK=$1" '.Config.Env | index($mark)' >/dev/null && echo "$id"
    done
}
slow='trap "exit 4" TERM; i=0; while [ $i -lt 600 ]; do echo line $i; i=$((i + 1)); sleep 0.1; done'
keep kept --env MARK=kept "$slow"
kept_pid=$pid
check "a task runs" wait_for 20 grep -q 'line 2' "$work/kept.log"
check "its usage is told" ask "http://$agent_http/monitor/statistics" '.[] | select(.statistics.mem_limit_bytes == 134217728) | .statistics.mem_total_bytes > 0'
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
check "it outlives its agent" call GET "/containers/$(box kept)/json" -f -o /dev/null
begins "another agent takes it up" start_agent a "${agent_flags[@]}"
seen=$(grep -c line "$work/kept.log")
check "its output goes on" wait_for 30 eval "[ \$(grep -c line '$work/kept.log') -gt $((seen + 5)) ]"
in_order() { # NAME : lines from 0 on, each once; the last may not have come whole
    local lines
    lines=$(grep line "$work/$1.log" | head -n -1 | cut -d' ' -f2) && diff <(echo "$lines") <(seq 0 $(($(wc -l <<<"$lines") - 1)))
}
check "without a gap and without a line twice" in_order kept

helper=$(pgrep -P "$agent_pid" -f proffer-docker)
kill -KILL "$helper"
check "a proffer-docker that dies is followed by another" wait_for 20 eval \
    "helper=\$(pgrep -P $agent_pid -f proffer-docker) && [ \$helper != $helper ]"
seen=$(grep -c line "$work/kept.log")
check "and output goes on without a gap" wait_for 30 eval "[ \$(grep -c line '$work/kept.log') -gt $((seen + 5)) ] &&
    in_order kept"

call POST /containers/create?name=orphan -H 'Content-Type: application/json' -d "$(jq -n --arg image "$image" \
    --arg owner "$(call GET "/containers/$(box kept)/json" | jq -r '.Config.Labels["proffer.owner"]')" \
    '{Image:$image,Cmd:["sleep","100"],Labels:{"proffer.owner":$owner,"proffer.container":"nobodys"},HostConfig:{NetworkMode:"none"}}')" >/dev/null
call POST /containers/orphan/start
check "a container that nobody knows of is removed" wait_for 30 eval '! call GET /containers/orphan/json -f'

kill -KILL "$(cat "$work/engine.pid")"
wait "$engine_pid" 2>/dev/null
check "the agent says that its Engine is away" wait_for 20 ask "http://$agent_http/state" '.docker.up | not'
# Its containerd has died with it and is nobody's child now: a zombie is taken for one that lives.
rm -f "$work/engine.pid" "$work/exec/containerd/containerd.pid"
begins "the Engine comes again" engine_start
check "the agent says that it is back" wait_for 30 ask "http://$agent_http/state" '.docker.up'
seen=$(grep -c line "$work/kept.log")
check "the task has run on, and its output goes on" wait_for 30 eval "[ \$(grep -c line '$work/kept.log') -gt $((seen + 5)) ]"
check "nothing of it failed" eval "kill -0 $kept_pid"

keep waits --env MARK=waits "$slow"
waits_pid=$pid
check "another task runs" wait_for 20 grep -q 'line 2' "$work/waits.log"
kill -STOP "$(cat "$work/engine.pid")"
check "an Engine that hangs is seen to be away" wait_for 60 ask "http://$agent_http/state" '.docker.up | not'
kill -INT "$waits_pid"
check "tasks go on under it" eval "kill -0 $kept_pid"
kill -CONT "$(cat "$work/engine.pid")"
check "when it goes on, what was to be killed is killed" wait_for 60 eval "! kill -0 $waits_pid 2>/dev/null"
wait "$waits_pid"
kill -INT "$kept_pid"
check "and the other can be" wait_for 60 eval "! kill -0 $kept_pid 2>/dev/null"
wait "$kept_pid"
check "SIGTERM came first, and was obeyed" [ $? = 4 ]

# --- the end -------------------------------------------------------------------------------------------------------
check "no container is left of those that have ended" wait_for 30 eval "[ \"\$(call GET '/containers/json?all=1' | jq length)\" = 0 ]"
keep last --env MARK=last 'sleep 1000'
check "one more task runs" wait_for 20 eval '[ -n "$(box last)" ]'
stop "$agent_pid"
check "an agent that leaves leaves no container" [ "$(call GET '/containers/json?all=1' | jq length)" = 0 ]
check "and no cgroup" [ -z "$(groups_of "$work/a")" ]
begins "an agent whose Engine is not there starts all the same" start_agent b "${agent_flags[@]}" --docker-socket "$work/none.sock"
run true 2>"$work/err"
check "and its tasks fail at once with a text" eval "[ $? = 125 ] && grep -q 'there is no Docker Engine at $work/none.sock' '$work/err'"
check "while native ones run" [ "$(proffer run --wait 30s 'echo native')" = native ]
