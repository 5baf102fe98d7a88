#!/usr/bin/env bash
# tests/system/docker_v2.sh BUILD - limits of Docker's tasks where all cgroups are v2: an Engine without a bridge, in a root that is
# memory. In user-mode Linux, which has all but cpuset; with PROFFER_V2_MACHINE where we are: in the machine of qemu.sh, as a part of
# `make check-qemu`.
# run.sh: early
cd "$(dirname "$0")/../.." || exit 1
if [ -z "${PROFFER_V2_MACHINE:-}" ]; then
    if nm -u "$1/lib/libproffer.so" | grep -q __asan; then
        output="the address sanitizer's map does not fit into user-mode Linux" status=77
    else
        output=$(UML_MEM=1500M UML_SECONDS=${SYSTEM_LIMIT:-590} tests/system/uml.sh env PROFFER_V2_MACHINE=1 \
            "$PWD/tests/system/docker_v2.sh" "$(cd "$1" && pwd)")
        status=$?
    fi
    [ $status != 77 ] || { output="ok 1 - docker on v2 # SKIP $output"$'\n'1..1; status=0; }
    printf '%s\n' "$output"
    exit $status
fi
. tests/system/lib.sh
system_begin "$1"

engine=$work/docker.sock image=test/busybox:1
call() {
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 120 --unix-socket "$engine" -X "$method" "$@" "http://docker/v1.41$path"
}
for program in dockerd containerd containerd-shim-runc-v2 runc; do
    command -v $program >/dev/null || { skip "docker on v2" "there is no $program here"; exit; }
done
[ -e /sys/fs/cgroup/cgroup.controllers ] || { skip "docker on v2" "cgroup v1 here"; exit; }
# Memory cannot be left as a root by pivot_root. In a group of its own, as a service manager has it: an Engine in the root
# group finds no limit of swap there, and believes that there is none.
mkdir /sys/fs/cgroup/engine
DOCKER_RAMDISK=true start dockerd bash -c 'echo $$ >/sys/fs/cgroup/engine/cgroup.procs; exec "$@"' - dockerd --data-root "$work/engine" --exec-root "$work/exec" -H "unix://$engine" \
    --pidfile "$work/engine.pid" --storage-driver vfs --bridge=none --iptables=false --ip6tables=false
check "an Engine starts" wait_for 120 call GET /_ping -f
mkdir -p "$work"/root/{bin,etc,proc,sys,dev,tmp}
cp /bin/busybox "$work/root/bin/"
for applet in sh true sleep cat echo dd; do
    ln -s busybox "$work/root/bin/$applet"
done
/bin/busybox tar -C "$work/root" -cf "$work/root.tar" .
check "an image is made" eval "call POST '/images/create?fromSrc=-&repo=test/busybox&tag=1' -H 'Content-Type: application/x-tar' \
    --data-binary '@$work/root.tar' | grep -q sha256"

begins "a master" start_master
chmod 711 "$work" # who reads what lies there is nobody
mkdir "$work/files"
begins "an agent with its Engine" start_agent a --fetcher-files "$work/files" --containerizers=native,docker --docker-socket "$engine" \
    --isolation cgroup/cpu,cgroup/cpuset,cgroup/memory,cgroup/pids,cgroup/devices --resources 'cpus:4;mem:512'
export PROFFER_MASTER=$master
mkfifo "$work/commands"
exec 5<>"$work/commands"
PROFFER_TEST=$work "$build/tests/boxer" "$image" <"$work/commands" >"$work/told.log" 2>"$work/boxer.log" 5>&- &
pids+=($!)
say() { echo "$*" >&5; }
told() { grep -q -- "$1" "$work/told.log"; }
id_of() { call GET "/containers/json?all=1&filters=%7B%22label%22:%5B%22proffer.task=$1%22%5D%7D" | jq -er '.[0].Id'; }
in_group() { cat "$(find /sys/fs/cgroup -type d -path "*/docker/$(id_of "$1")")/$2"; }

say "box lim - exec sleep 1000"
check "a task runs" wait_for 180 told 'lim TASK_RUNNING'
check "memory is limited to what is granted" [ "$(in_group lim memory.max)" = 33554432 ]
check "there is no swap" [ "$(in_group lim memory.swap.max)" = 0 ]
check "processors are" [ "$(in_group lim cpu.max)" = "20000 100000" ]
check "processes are" [ "$(in_group lim pids.max)" = 4096 ]
say "limits lim cpus:0.7;mem:64 77"
check "limits of a live task change" wait_for 60 told 'lim limits ok'
check "the kernel has its new memory" [ "$(in_group lim memory.max)" = 67108864 ]
check "and processors" [ "$(in_group lim cpu.max)" = "70000 100000" ]
check "and processes" [ "$(in_group lim pids.max)" = 77 ]
if grep -q cpuset /sys/fs/cgroup/cgroup.controllers; then
    all=$(in_group lim cpuset.cpus)
    say "box own resources=cpus:1;mem:32,cores=exclusive exec sleep 1000"
    check "a task gets a core for itself" wait_for 180 told 'own TASK_RUNNING'
    check "the kernel holds it to that" eval '[ "$(in_group own cpuset.cpus.effective)" != "$all" ]'
    check "the other one is moved off it" wait_for 60 eval '[ "$(in_group lim cpuset.cpus)" != "$all" ]'
else
    skip "cores" "this kernel has no cpuset"
fi
check "its usage is told" wait_for 60 ask "http://$agent_http/monitor/statistics" '.[] | select(.statistics.mem_limit_bytes == 67108864) | .statistics.mem_total_bytes > 0'
say "box much - exec dd if=/dev/zero of=/dev/null bs=200M count=1"
check "more memory than granted ends it, and the reason is said" wait_for 180 told 'much TASK_FAILED .*Memory limit exceeded: the limit is 32 MiB'
# What it takes to unpack is the task's: here a dictionary of 128 MiB, once it is filled.
truncate -s 100M "$work/large"
/bin/busybox tar -C "$work" -cf - large | xz --lzma2=preset=0,dict=128MiB >"$work/files/large.tar.xz"
proffer run --wait 180s --cpus 0.2 --mem 32 --image "$image" --uri "$work/files/large.tar.xz,extract" true 2>"$work/err"
check "what is fetched for one is held by its memory, and the reason is said" eval \
    "[ $? = 125 ] && grep -q 'fetching its URIs: Memory limit exceeded: the limit is 32MiB' '$work/err'"
check "in a group that goes" wait_for 60 eval '[ -z "$(find /sys/fs/cgroup -type d -path "*/docker/fetch.*")" ]'
say "kill lim"
told 'own TASK_RUNNING' && say "kill own"
check "all end" wait_for 180 eval "told 'lim TASK_KILLED' && { ! told 'own TASK_RUNNING' || told 'own TASK_KILLED'; }"
stop "$agent_pid"
check "no cgroup is left" [ -z "$(groups_of "$work/a")" ]
