#!/usr/bin/env bash
# tests/system/docker_more.sh BUILD - what a container of a real Docker Engine can be asked for, as it is seen from inside and in
# the kernel: limits and cores of one that runs, capabilities, devices, volumes, files, isolation, checks, kills, images that
# go. All of it, master and agent as well, in a network of its own, so that checks reach containers.
# run.sh: early
cd "$(dirname "$0")/../.." || exit 1
if [ -z "${PROFFER_DOCKER_NETWORK:-}" ] && [ "$(id -u)" = 0 ]; then
    exec env PROFFER_DOCKER_NETWORK=own unshare -n "$0" "$@"
fi
. tests/system/lib.sh
system_begin "$1"
. tests/system/engine.sh
engine_network='' # that of the script
engine_begin || { skip "docker" "$engine_lacks"; exit; }

# --- a cluster -----------------------------------------------------------------------------------------------------
isolation=cgroup/cpu,cgroup/cpuset,cgroup/memory,cgroup/pids,gpu/devices,cgroup/devices,volume/persistent,posix/rlimits
chmod 711 "$work" # who reads what lies there is nobody
mkdir "$work/shared" "$work/profiles" "$work/files"
echo from-host >"$work/shared/file"
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' \
    >"$work/profiles/no-folders.json"
begins "a master" start_master
agent_flags=(--containerizers=native,docker --docker-socket "$engine" --isolation "$isolation"
    --docker-host-paths "$work/shared" --docker-allow=named-volumes,devices,capabilities
    --isolator-options "linux/seccomp.dir=$work/profiles" --gpus gpu0=/dev/loop-control --fetcher-files "$work/files"
    --docker-gc-high 1 --docker-gc-low 0 --docker-gc-min-age 0s
    --resources 'cpus:2;mem:2048;disk:1000;gpus:1;ports:[31000-31009]')
begins "an agent with its Engine" start_agent a "${agent_flags[@]}"
export PROFFER_MASTER=$master
run() { proffer run --wait 30s --cpus 0.2 --mem 32 --image "$image" "$@"; }

mkfifo "$work/commands"
exec 5<>"$work/commands"
PROFFER_TEST=$work "$build/tests/boxer" "$image" <"$work/commands" >"$work/told.log" 2>"$work/boxer.log" 5>&- &
pids+=($!)
say() { echo "$*" >&5; }
told() { grep -q -- "$1" "$work/told.log"; }
# id_of TASK : the Engine's container of that task; group CONTROLLER ID : its cgroup.
id_of() { call GET "/containers/json?all=1&filters=%7B%22label%22:%5B%22proffer.task=$1%22%5D%7D" | jq -er '.[0].Id'; }
group() { find /sys/fs/cgroup/"$1" /sys/fs/cgroup/unified /sys/fs/cgroup -maxdepth 6 -type d -path "*/docker/$2" 2>/dev/null | head -1; }
# in_group TASK CONTROLLER FILE : of v1; else what the same is called in v2.
in_group() {
    local folder
    folder=$(group "$2" "$(id_of "$1")")
    cat "$folder/$3" 2>/dev/null || cat "$folder/$4"
}
inside() { call GET "/containers/$(id_of "$1")/json" | jq -er "$2"; }

# --- limits of one that runs ---------------------------------------------------------------------------------------
say "box lim - exec sleep 1000"
check "a task runs" wait_for 30 told 'lim TASK_RUNNING'
check "its group is below the agent's, as a native task's is" eval 'group memory "$(id_of lim)" | grep -q "/proffer/agent-.*/docker/"'
used() { cat "$1/memory.usage_in_bytes" 2>/dev/null || cat "$1/memory.current"; }
check "and is counted there" eval 'folder=$(group memory "$(id_of lim)"); [ "$(used "${folder%/docker/*}")" -ge "$(used "$folder")" ]'
check "its labels say what it is" [ "$(inside lim '.Config.Labels["proffer.task"]')" = lim ]
say "limits lim cpus:0.7;mem:64 77"
check "limits of a live task change" wait_for 20 told 'lim limits ok'
check "the kernel has its new memory" [ "$(in_group lim memory memory.limit_in_bytes memory.max)" = 67108864 ]
check "and processors" eval '[ "$(in_group lim cpu cpu.cfs_quota_us cpu.max | cut -d" " -f1)" = 70000 ]'
check "and processes" [ "$(in_group lim pids pids.max pids.max)" = 77 ]
say "limits lim mem:unlimited 0"
check "what an Engine cannot do is refused" wait_for 20 told 'lim limits .*cannot take away a limit of memory'
check "and all is as it was" [ "$(in_group lim memory memory.limit_in_bytes memory.max)" = 67108864 ]

# --- cores ---------------------------------------------------------------------------------------------------------
if [ "$(nproc)" -lt 2 ] || grep -q 'cgroup/cpuset is not used' "$work/a.log"; then
    skip "cores" "no cpuset here, or one processor alone"
else
    lim_cpus() { in_group lim cpuset cpuset.cpus cpuset.cpus; }
    all=$(lim_cpus)
    say "box own resources=cpus:1;mem:32,cores=exclusive exec sleep 1000"
    check "a task gets a core for itself" wait_for 30 told 'own TASK_RUNNING'
    own=$(in_group own cpuset cpuset.cpus cpuset.cpus)
    check "the kernel holds it to that" eval '[ -n "$own" ] && [ "$own" != "$all" ]'
    check "the other one is moved off it" wait_for 20 eval '[ "$(lim_cpus)" != "$all" ] && [ "$(lim_cpus)" != "$own" ]'
    say "kill own"
    check "and comes back when it is free" wait_for 20 eval '[ "$(lim_cpus)" = "$all" ]'
    kill -STOP "$(cat "$work/engine.pid")"
    check "an Engine that hangs is seen to be away" wait_for 40 ask "http://$agent_http/state" '.docker.up | not'
    say "box native native,resources=cpus:1;mem:32,cores=exclusive exec sleep 1000"
    check "meanwhile a native task gets a core for itself" wait_for 30 told 'native TASK_RUNNING'
    kill -CONT "$(cat "$work/engine.pid")"
    check "when the Engine is back, the container is moved off it" wait_for 40 eval '[ "$(lim_cpus)" != "$all" ]'
    say "kill native"
    check "and comes back" wait_for 20 eval '[ "$(lim_cpus)" = "$all" ]'
fi

# --- privileges ----------------------------------------------------------------------------------------------------
caps='sed -n "s/^CapEff:[[:space:]]*//p" /proc/self/status'
check "all capabilities can be dropped" [ "$(run --isolation '{"capabilities_drop":["ALL"]}' "$caps")" = 0000000000000000 ]
check "and one added, by isolation" [ "$(run --isolation '{"capabilities_drop":["ALL"],"capabilities_add":["NET_ADMIN"]}' "$caps")" = 0000000000001000 ]
say "box capadd cap_add=SYS_TIME,cap_drop=ALL $caps | grep -qx 0000000002000000"
check "and by docker's own words" wait_for 30 told 'capadd TASK_FINISHED'
say "box priv privileged true"
check "what the operator does not allow is refused" wait_for 30 told 'priv TASK_[A-Z]* .*--docker-allow=privileged'
check "setuid programs are of no use" [ "$(run 'grep -c "NoNewPrivs:.1" /proc/self/status')" = 1 ]
check "unless a task asks for that" [ "$(run --isolation '{"new_privileges":true}' 'grep -c "NoNewPrivs:.0" /proc/self/status')" = 1 ]
run --isolation '{"seccomp_profile":"no-folders"}' 'mkdir /tmp/x' 2>"$work/err"
check "a seccomp profile by name is in force" eval "[ $? != 0 ] && grep -q 'not permitted' '$work/err'"
run --isolation '{"seccomp_profile":"unconfined"}' true 2>"$work/err"
check "none at all is for the operator to allow" eval "[ $? = 125 ] && grep -q -- '--docker-allow=unsafe-parameters' '$work/err'"
run --docker ulimit=rtprio=99 true 2>"$work/err"
check "so are priorities above others" eval "[ $? = 125 ] && grep -q -- '--docker-allow=unsafe-parameters' '$work/err'"
run --isolation '{"rootfs":"debian12"}' true 2>"$work/err"
check "a root beside the image is a TASK_ERROR" eval "[ $? = 125 ] && grep -q 'rootfs, as its image is its root' '$work/err'"

# --- devices -------------------------------------------------------------------------------------------------------
if [ -c /dev/loop-control ]; then
    check "a device that was not asked for is not there" run '[ ! -e /dev/loop-control ]'
    say "box dev device=/dev/loop-control : <>/dev/loop-control"
    check "one that was can be opened" wait_for 30 told 'dev TASK_FINISHED'
    check "a GPU is its devices, and its name is told" [ "$(proffer run --wait 30s --image "$image" --resources 'cpus:0.2;mem:32;gpus:1' ': <>/dev/loop-control && echo $PROFFER_GPUS')" = gpu0 ]
else
    skip "devices" "no /dev/loop-control here"
fi

# --- what else of isolation an Engine has --------------------------------------------------------------------------
mounts='[{"source_kind":"MOUNT_HOST","source":"'$work/shared'","container_path":"/shared","read_only":true},
    {"source_kind":"MOUNT_SANDBOX","source":"cache","container_path":"/cache"},
    {"source_kind":"MOUNT_TMPFS","container_path":"/scratch","size_bytes":1048576}]'
check "mounts of the host, the sandbox and memory" [ "$(run --isolation "{\"mounts\":$mounts}" 'cat /shared/file; touch /shared/x 2>&1 | grep -c Read-only
    touch /cache/x && ls $MESOS_SANDBOX/cache; df -k /scratch | tail -1 | grep -c 1024' | xargs)" = "from-host 1 x 1" ]
run --isolation '{"mounts":[{"source_kind":"MOUNT_HOST","source":"/etc","container_path":"/x"}]}' true 2>"$work/err"
check "of the host only what is allowed" eval "[ $? = 125 ] && grep -q -- '--docker-host-paths' '$work/err'"
check "a host name, shared memory and no network" [ "$(run --isolation '{"hostname":"web","shm_bytes":2097152,"network":"none"}' 'hostname; df -k /dev/shm | tail -1 | grep -c 2048; ls /sys/class/net' | xargs)" = "web 1 lo" ]

# --- volumes -------------------------------------------------------------------------------------------------------
say "box first volume=data:/data echo kept >/data/file"
check "a task writes into a volume of the Engine's" wait_for 30 told 'first TASK_FINISHED'
say "box second volume=data:/data grep -qx kept /data/file"
check "the next one finds it" wait_for 30 told 'second TASK_FINISHED'
agent_id=$(state '.slaves[0].id')
check "a volume is made" eval "proffer reservation --http '$http' add '$agent_id' ads 'disk:100;cpus:0.2;mem:64' && proffer volume --http '$http' create '$agent_id' ads db 50"
volume_run() { proffer run --wait 30s --role ads --image "$image" --resources 'cpus:0.1;mem:32;disk(ads)[db]:1' "$@"; }
check "a task writes into it" volume_run 'echo one >$MESOS_SANDBOX/db/file'
check "and another finds it, as its user" [ "$(volume_run --container-user 1000 'cat $MESOS_SANDBOX/db/file; touch $MESOS_SANDBOX/db/mine && echo mine' | xargs)" = "one mine" ]

# --- files ---------------------------------------------------------------------------------------------------------
mkdir "$work/pack"
echo packed >"$work/pack/inner"
echo plain >"$work/files/plain"
tar -C "$work/pack" -cf "$work/files/pack.tar" inner
mkfifo "$work/server.port"
"$build/tests/server" "$work/files" >"$work/server.port" 2>/dev/null &
pids+=($!)
exec 8<>"$work/server.port"
read -r -t 10 port <&8
check "URIs are in the sandbox before the container starts" [ "$(run --uri "$work/files/plain" --uri "http://127.0.0.1:$port/pack.tar,extract" 'cd $MESOS_SANDBOX; cat plain inner' | xargs)" = "plain packed" ]
check "they are nobody's where the user is the image's" [ "$(run --uri "$work/files/plain" 'stat -c %u $MESOS_SANDBOX/plain; touch $MESOS_SANDBOX/x && stat -c %u $MESOS_SANDBOX' | xargs)" = "65534 0" ]
check "they are its user's" [ "$(run --container-user 1000:1001 --uri "http://127.0.0.1:$port/plain,executable,output=x" 'stat -c %u:%g:%a $MESOS_SANDBOX/x')" = 1000:1001:755 ]
start apart proffer run --wait 30s --cpus 0.1 --mem 32 --image "$image" --name apart --container-user 65534:65534 'echo mine >$MESOS_SANDBOX/own; exec sleep 1000'
check "a container writes into its sandbox" wait_for 30 eval '[ -s "$work"/a/sandboxes/*.docker/*/own ]'
apart=$(echo "$work"/a/sandboxes/*.docker/*/own)
check "which is its user's" [ "$(stat -c %u:%a "${apart%/own}" "${apart%/*/own}" | xargs)" = "65534:700 0:700" ]
check "a native task of that user does not come near it" eval \
    'proffer run --wait 30s --cpus 0.1 --mem 32 --user nobody "cat $apart || ls ${apart%/own} || ln -s / ${apart%/own}/link || echo shut" 2>/dev/null | grep -qx shut && [ ! -e "${apart%/own}/link" ]'
check "it is served" eval 'curl -fs --get "http://$agent_http/files/download" --data-urlencode "path=$apart" | grep -qx mine'
kill -INT "$pid"
run --uri "http://127.0.0.1:$port/nothing" true 2>"$work/err"
check "one that cannot be had ends the task, with its reason" eval "[ $? = 125 ] && grep -q 'cannot fetch.*404' '$work/err'"
# limit_of PID : of its memory; the group must be one of ours for that.
limit_of() {
    local group
    if group=$(grep -oP '^\d+:memory:\K.*/docker/fetch\..*' "/proc/$1/cgroup"); then
        cat "/sys/fs/cgroup/memory$group/memory.limit_in_bytes"
    else
        group=$(grep -oP '^0::\K.*/docker/fetch\..*' "/proc/$1/cgroup") && cat "/sys/fs/cgroup$group/memory.max"
    fi
}
fetch_groups() { find /sys/fs/cgroup -type d -path "*-$(stat -c %i "$work/a" | xargs printf %x)/docker/fetch.*"; }
start silent proffer run --wait 30s --mem 48 --image "$image" --name silent --uri "http://127.0.0.1:$port/silent" true
check "how far it is is told" wait_for 30 state '[.. | .statuses? // empty | .[] | select(.state == "TASK_STARTING" and (.message | test("fetching.*/silent")))] | length > 0'
fetcher=$(pgrep -f proffer-fetcher -P "$(pgrep -P "$agent_pid" -f proffer-docker)")
if [ -d /sys/fs/cgroup/memory ] || [ -e /sys/fs/cgroup/memory.pressure ] || grep -qs memory /sys/fs/cgroup/cgroup.controllers; then
    check "it is held to the memory of its task" [ "$(limit_of "$fetcher")" = $((48 * 1048576)) ]
    check "with all its processes" eval '[ "$(for p in $(pgrep -P $fetcher); do limit_of $p; done | sort -u)" = $((48 * 1048576)) ]'
    check "in a group that is found" eval '[ -n "$(fetch_groups)" ]'
fi
kill -INT "$pid"
check "a kill ends the fetching" wait_for 20 eval "! kill -0 $pid 2>/dev/null"
check "and nothing of it is left" wait_for 10 eval "! pgrep -f 'proffer-fetcher.*' -P \$(pgrep -P $agent_pid -f proffer-docker)"
check "no group either" wait_for 10 eval '[ -z "$(fetch_groups)" ]'
# What it takes to unpack is the task's: here a dictionary of 128 MiB, once it is filled.
if [ -d /sys/fs/cgroup/memory ] || grep -qs memory /sys/fs/cgroup/cgroup.controllers; then
    truncate -s 100M "$work/large"
    tar -C "$work" -c large | xz --lzma2=preset=0,dict=128MiB >"$work/files/large.tar.xz"
    run --name large --uri "$work/files/large.tar.xz,extract" true 2>"$work/err"
    check "one that takes more memory than its task has ends it, with that" eval \
        "[ $? = 125 ] && grep -q 'fetching its URIs: Memory limit exceeded: the limit is 32MiB' '$work/err'"
    check "which is the reason, too" state '[.. | objects | select(.name? == "large") | .statuses[-1]? | select(.reason == "REASON_CONTAINER_LIMITATION_MEMORY")] | length > 0'
    check "and leaves no group" wait_for 10 eval '[ -z "$(fetch_groups)" ]'
fi

# --- checks --------------------------------------------------------------------------------------------------------
web='mkdir /tmp/w; cd /tmp/w; echo hi >ok; httpd -f -p 8080'
health=(--health-interval 200ms --health-failures 2 --health-grace 200ms --health-timeout 2s)
start well proffer run --wait 30s --image "$image" --name well --network bridge "${health[@]}" --health-http 8080/ok "$web"
healthy() { state "[.frameworks[].tasks[] | select(.name == \"$1\") | .statuses[] | select(.healthy)] | length > 0"; }
check "a check by HTTP reaches a container of the bridge" wait_for 30 healthy well
kill -INT "$pid"
proffer run --wait 30s --image "$image" --network bridge "${health[@]}" --health-http 8080/missing "$web" 2>"$work/err"
check "one that fails ends it, with the status" eval "[ $? != 0 ] && grep -q 404 '$work/err'"
start tcp proffer run --wait 30s --image "$image" --name tcp --network host "${health[@]}" --health-tcp 8081 'exec httpd -f -p 8081 -h /tmp'
check "a check by TCP reaches one of the host's network" wait_for 30 healthy tcp
kill -INT "$pid"
proffer run --wait 30s --image "$image" --network bridge "${health[@]}" --health-tcp 8081 'exec sleep 100' 2>"$work/err"
check "where nobody listens it is ended" eval "[ $? != 0 ] && grep -qi 'refused\|connect' '$work/err'"
start stream proffer run --wait 30s --image "$image" --name stream --network bridge "${health[@]}" --health-http 8080/ \
    'while :; do (printf "HTTP/1.1 200 OK\r\n\r\n"; yes) | nc -l -p 8080 >/dev/null; done'
check "an answer without end is as good as any" wait_for 30 healthy stream
kill -INT "$pid"
say 'box slow health=echo+x+>>$MESOS_SANDBOX/looks;+sleep+888+&+sleep+888,timeout=300,failures=1000 exec sleep 1000'
looks() { cat "$work"/a/sandboxes/*/*/looks | wc -l; }
sleeping() { call GET "/containers/$(id_of slow)/top?ps_args=-eo%20pid,args" | jq '[.Processes[] | select(.[1] == "sleep 888")] | length'; }
check "a check takes too long, again and again" wait_for 40 eval '[ "$(looks)" -ge 5 ]'
check "what it has started is gone: only the last one's is there, if at all" eval '[ "$(sleeping)" -le 2 ]'
say "kill slow"

# --- kills ---------------------------------------------------------------------------------------------------------
ready='touch $MESOS_SANDBOX/ready; while :; do sleep 0.05; done' # what comes earlier, the first process of a container ignores
say "box polite grace=20000 trap 'echo asked; exit 3' TERM; $ready"
say "box stubborn grace=1000 trap '' TERM; $ready"
say "box usr signal=SIGUSR1,grace=20000 trap 'exit 5' USR1; $ready"
check "tasks run" wait_for 30 eval '[ "$(ls "$work"/a/sandboxes/*/*/ready | wc -l)" = 3 ] &&
    told "polite TASK_RUNNING" && told "stubborn TASK_RUNNING" && told "usr TASK_RUNNING"'
say "kill polite"
say "kill usr"
began=${EPOCHREALTIME/./}
say "kill stubborn"
check "SIGTERM comes first" wait_for 15 told 'polite TASK_KILLED .*status 3'
check "or the signal that the task wants" wait_for 15 told 'usr TASK_KILLED .*status 5'
check "SIGKILL comes after the grace" wait_for 15 told 'stubborn TASK_KILLED .*signal 9'
check "and not before" [ $((${EPOCHREALTIME/./} - began)) -ge 1000000 ]

# --- images --------------------------------------------------------------------------------------------------------
registry open 5000
# push NAME : an image of its own, and not only another name.
push() {
    call POST "/images/create?fromSrc=-&repo=127.0.0.1:5000/$1&tag=1&changes=LABEL%20name=$1" -H 'Content-Type: application/x-tar' \
        --data-binary "@$work/root.tar" | grep -q sha256 &&
        call POST "/images/127.0.0.1:5000/$1/push?tag=1" -H 'X-Registry-Auth: e30=' | grep -q Digest &&
        call DELETE "/images/127.0.0.1:5000/$1:1" >/dev/null
}
check "a registry takes images" eval 'push one && push two'
digest=$(curl -sSI -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' http://127.0.0.1:5000/v2/two/manifests/1 | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //ip')
check "one is pulled by its tag" proffer run --wait 30s --image 127.0.0.1:5000/one:1 true
check "and one by its digest" proffer run --wait 30s --image "127.0.0.1:5000/two@$digest" true
have() { call GET /images/json | jq -e --arg name "$1" '[.[] | (.RepoTags // [])[], (.RepoDigests // [])[] | select(startswith($name))] | length > 0'; }
check "with a disk that is too full both go" wait_for 30 eval '! have 127.0.0.1:5000/one && ! have 127.0.0.1:5000/two'
check "what was not pulled through the agent stays" have test/busybox:1

# --- the end -------------------------------------------------------------------------------------------------------
say "kill lim"
check "all have ended" wait_for 30 eval "[ \"\$(call GET '/containers/json?all=1' | jq length)\" = 0 ]"
stop "$agent_pid"
check "no cgroup is left" [ -z "$(groups_of "$work/a")" ]
