#!/usr/bin/env bash
# tests/system/escape.sh BUILD - what a task must not be able to do, tried by tasks that are root, that are not, that have
# a root of their own and that have a user namespace: change the helpers, get at the host through what it left open, by
# links, by /proc and cgroups, by devices; see, trace or end others; take more than their share.
set -u
. "$(dirname "$0")/lib.sh"
system_begin "$1"

all=cgroup/cpu,cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,namespaces/ipc,namespaces/uts,namespaces/net
all=$all,namespaces/cgroup,filesystem/rootfs,volume/persistent,volume/host,volume/sandbox,linux/capabilities,linux/nnp
all=$all,linux/seccomp,posix/rlimits

if [ "$(id -u)" != 0 ]; then
    skip "tasks cannot escape" "not root: nothing to escape to"
    exit 0
fi

# run WHO COMMAND : a task's output; its own words for what failed are in it. WHO: root, nobody, tiny (root in an image),
# mapped (as root of a user namespace).
run() {
    local who=$1 user=root asks='{}'
    case $who in
        nobody) user=nobody ;;
        tiny) asks='{"rootfs":"tiny"}' ;;
        mapped) user=nobody asks='{"inner_root":true}' ;;
        unprivileged) user= ;;
    esac
    rm -rf "$work/out"
    jq -nc --arg cmd "$2" --argjson asks "$asks" '{cmd: $cmd, name: "try", isolation: $asks}' |
        timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 64 ${user:+-u "$user"} -o "$work/out" 2>"$work/batch.log"
    local status=$?
    cat "$work"/out/try.out "$work"/out/try.err 2>/dev/null
    return $status
}

# prints WHO COMMAND TEXT : that is all that it says, and it ends well.
prints() {
    local said
    said=$(run "$1" "$2") && [ "$said" = "$3" ] && return
    echo "said: $said"
    cat "$work/batch.log"
    return 1
}

# each WHO... -- TEXT COMMAND : nothing of it succeeds. The command is a list of tries: for each that succeeds it says so.
each() {
    local who=()
    while [ "$1" != -- ]; do who+=("$1"); shift; done
    for one in "${who[@]}"; do
        check "$2 ($one)" prints "$one" 'try() { ( "$@" ) >/dev/null 2>&1 && echo "possible: $*"; }
'"$3"'
echo done' done
    done
}

# --- the site -----------------------------------------------------------------------------------------------

mkdir -p "$work/roots/tiny/bin" "$work/srv" "$work/secret"
chmod 755 "$work" "$work/roots" "$work/srv"
chmod 700 "$work/secret"
echo secret >"$work/secret/key"
cp /bin/busybox "$work/roots/tiny/bin" || exit 1
for tool in sh ls cat echo mkdir mount umount mknod rm ln kill readlink id dd chroot unshare head true grep; do
    ln -s busybox "$work/roots/tiny/bin/$tool"
done
launcher=$build/libexec/proffer/proffer-launcher
before=$(sha256sum "$launcher")

start_master || exit 1
start_agent a1 --isolation "$all" --pids-max 64 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' \
    --isolator-options "filesystem/rootfs.dir=$work/roots;volume/host.allow=$work/srv" || exit 1
lacking=$(grep -c 'is not used' "$work/a1.log")
if [ "$lacking" != 0 ]; then
    grep 'is not used' "$work/a1.log"
    skip "tasks cannot escape" "this host cannot contain them: see above"
    exit 0
fi
contained=$agent_pid
launcher_pid=$(pgrep -P "$contained" -f proffer-launcher)
agent_log=$work/a1.log

# A neighbour, to be hurt.
echo '{"cmd":"echo here >up; exec sleep 1000","name":"victim"}' >"$work/victim"
start neighbour proffer-batch -m "$master" -q -c 0.1 -M 32 -u nobody "$work/victim"
neighbour=$pid
victim() { pgrep -x sleep -P "$(pgrep -d, -P "$launcher_pid")"; }
check "a neighbour is at work" wait_for 20 victim
victim=$(victim)

# --- the helpers ----------------------------------------------------------------------------------------------

each root nobody tiny -- "the init of a task cannot be written to" '
try sh -c "echo x >>/proc/1/exe"
try sh -c "echo x >/proc/1/exe"
try dd if=/dev/zero of=/proc/1/exe bs=1 count=1 conv=notrunc
try sh -c "cat /proc/1/mem"
try readlink /proc/1/root
try cat /proc/1/environ'

# --- descriptors and folders ---------------------------------------------------------------------------------------

check "a task has its streams and no other descriptor" prints tiny 'ls /proc/self/fd | grep -v 3; true' '0
1
2'
check "its folder is inside of its root" prints tiny 'cd ../../../..; pwd; ls' '/
bin
dev
etc
proc
sandbox
sys'
each root tiny -- "the folders of processes lead nowhere" '
for p in /proc/[0-9]*; do
    try ls $p/cwd/secret
    try ls $p/root'"$work"'/secret/../nothing
    for f in $p/fd/*; do try ls $f/..; done
done'

# --- links ------------------------------------------------------------------------------------------------------------

check "a link in an allowed folder does not lead out of it" eval '
    ln -s "$work/secret" "$work/srv/link"
    asks="{\"mounts\":[{\"source_kind\":\"MOUNT_HOST\",\"source\":\"$work/srv/link\",\"container_path\":\"/mnt\"}]}"
    ! timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 32 --isolation "$asks" <<<"ls /mnt" 2>"$work/said"
    grep -q "symbolic links" "$work/said"'

# swapped : a folder that becomes a link and a folder again, all the time; no task sees what the link leads to.
swapped() {
    local i asks seen
    mkdir "$work/srv/place" "$work/srv/other"
    ln -s "$work/secret" "$work/srv/trap"
    start swapper python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = os.open(sys.argv[1], os.O_RDONLY)
while os.getppid() != 1:
    libc.renameat2(folder, b"place", folder, b"trap", 2)' "$work/srv"
    asks="{\"rootfs\":\"tiny\",\"mounts\":[{\"source_kind\":\"MOUNT_HOST\",\"source\":\"$work/srv/place\",\"container_path\":\"/data\"}]}"
    for i in {1..40}; do echo '{"cmd":"ls /data; cat /data/key"}'; done >"$work/swaps"
    rm -rf "$work/out"
    timeout 120 proffer-batch -m "$master" -q -c 0.1 -M 32 --isolation "$asks" -o "$work/out" "$work/swaps" \
        >"$work/said" 2>&1
    kill "$pid"
    wait "$pid" 2>/dev/null
    ls "$work/out" | grep -q out && ! grep -r secret "$work/out"
}
check "a link that is swapped in meanwhile does not either" swapped

hostile() { # an image whose folders are links to the host
    mkdir -p "$work/roots/bad"
    cp -r "$work/roots/tiny/bin" "$work/roots/bad"
    ln -s "$work/srv" "$work/roots/bad/dev"
    ln -s "$work/srv" "$work/roots/bad/data"
    asks="{\"rootfs\":\"bad\",\"mounts\":[{\"source_kind\":\"MOUNT_TMPFS\",\"container_path\":\"/data/x\"}]}"
    timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 32 --isolation "$asks" <<<"true" >/dev/null 2>&1
    [ ! -e "$work/srv/null" ] && [ ! -e "$work/srv/x" ]
}
check "an image of links to the host makes nothing there" hostile

# --- /proc, /sys, cgroups ------------------------------------------------------------------------------------------------

each root nobody tiny -- "the kernel's settings cannot be written" '
for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/fs/suid_dumpable \
    /sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/*/cgroup.procs \
    /sys/fs/cgroup/*/*/tasks /sys/fs/cgroup/unified/cgroup.procs; do
    [ -e "$f" ] && try sh -c "echo 1 >>$f"
done
try mkdir /sys/fs/cgroup/memory/mine /sys/fs/cgroup/unified/mine'
each root nobody tiny -- "nor made writable" '
try mount -o remount,rw /sys
try mount -o remount,rw,bind /proc/sys
try mount -t proc none /mnt
try mount -t cgroup none /mnt
try mount -t tmpfs none /mnt
try umount /proc/sys
try umount -l /proc/sysrq-trigger
try umount -l /proc
try unshare -m true
try unshare -r true
try unshare -U true
try unshare -p -f true'
trace='import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(0 if libc.ptrace(16, int(sys.argv[1]), None, None) == 0 else 1)'
each root nobody -- "its init, which has no filter, cannot be traced" '
try python3 -c "'"$trace"'" 1'
each root -- "nor can it go into the namespaces of others" '
try nsenter -t 1 -m true
try setpriv --inh-caps +sys_admin --ambient-caps +sys_admin true
try chroot /proc/1/root /bin/sh -c "ls '"$work"'/secret/key/x"'

# --- devices ------------------------------------------------------------------------------------------------------------------

each root nobody tiny -- "no device can be made" '
try mknod disk b 254 0
try mknod memory c 1 1
try mknod /dev/memory c 1 1'
check "and only harmless ones are there" prints tiny 'cd /dev; ls' 'fd
full
null
ptmx
pts
random
shm
stderr
stdin
stdout
tty
urandom
zero'

# --- others -----------------------------------------------------------------------------------------------------------------------

each root nobody tiny -- "others cannot be seen, traced or ended" '
for p in '"$victim $contained $launcher_pid $master_pid"'; do
    try test -e /proc/$p
    try kill -9 $p
    try cat /proc/$p/environ /proc/$p/mem
done
kill -9 -1 2>/dev/null'
check "they are all alive" eval 'kill -0 $victim && kill -0 $contained && kill -0 $launcher_pid && kill -0 $master_pid'
each root nobody -- "nor by System V or shared memory" '
try sh -c "ipcs -m | grep -q 0x"
try ls /dev/shm/*'

# --- too much ----------------------------------------------------------------------------------------------------------------------

check "a fork bomb ends at its number" eval 'run nobody "f() { f | f & }; f 2>/dev/null; sleep 1; exit 0" >/dev/null; prints root "echo alive" alive'
check "a memory bomb ends at its limit" eval '! run nobody "tail /dev/zero" >/dev/null; grep -q "Memory limit exceeded" "$work/batch.log" && kill -0 $victim'

# --- what is left -----------------------------------------------------------------------------------------------------------------------

leftovers() {
    ! grep -h -e "$work" -e proffer /proc/self/mountinfo
}
check "no mount is left on the host" leftovers
check "the agent saw no error of its own" eval '! grep " E " "$agent_log"'

# The agent and its launcher are killed while a contained task is at work: the next one adopts it, and it can be ended.
again() {
    kill -KILL "$contained" "$launcher_pid"
    wait "$contained" 2>/dev/null
    start_agent a1 --isolation "$all" --pids-max 64 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' \
        --isolator-options "filesystem/rootfs.dir=$work/roots;volume/host.allow=$work/srv" &&
        kill -0 "$victim"
}
begins "a contained task outlives agent and launcher" again
ended() { ! kill -0 "$victim" 2>/dev/null; }
kill -INT "$neighbour"
check "and is ended by the next one, with all that held it" eval 'wait_for 20 ended && leftovers'

# --- a task in the host's PID namespace: its helper is in reach ------------------------------------------------------

stop "$agent_pid"
start_agent a2 --isolation cgroup/cpu,cgroup/memory,cgroup/pids --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' || exit 1
each root -- "a shim cannot be written to" '
try sh -c "echo x >>/proc/$PPID/exe"
try sh -c "echo x >/proc/$PPID/exe"
try chmod 0 /proc/$PPID/exe'
check "and is no file of the host" prints root 'readlink /proc/$PPID/exe | cut -d: -f1' /memfd
check "the launcher's file is what it was" [ "$(sha256sum "$launcher")" = "$before" ]
stop "$agent_pid"

# --- a user namespace -----------------------------------------------------------------------------------------------------------------

start_agent a3 --isolation "namespaces/user,$all" --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' || exit 1
check "root of a user namespace is nobody outside" prints mapped 'id -u; touch made; cat /etc/shadow 2>/dev/null; true' 0
each mapped -- "nor can it do what only the host's root can" '
try sh -c "echo 1 >>/proc/sys/kernel/core_pattern"
try sh -c "echo x >>/proc/1/exe"
try chown 1 made
try mknod disk b 254 0
try mount -t ext4 /dev/vda /mnt
try umount -l /proc/sys
try kill -9 '"$master_pid"'
try cat '"$work"'/secret/key'
check "the master is alive" kill -0 "$master_pid"
stop "$agent_pid"

# --- an agent that is not root ----------------------------------------------------------------------------------------------------------

if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$launcher"; then
    mkdir "$work/a4" && chown 65534:65534 "$work/a4"
    via="setpriv --reuid=65534 --regid=65534 --clear-groups" start_agent a4 \
        --isolation namespaces/user,namespaces/mount,namespaces/pid,namespaces/ipc,linux/capabilities,linux/seccomp \
        --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' || exit 1
    check "its tasks see themselves only" prints unprivileged 'echo $$; echo /proc/[0-9]*; id -u' '2
/proc/1 /proc/2
65534'
    each unprivileged -- "and can do no more than others" '
try sh -c "echo 1 >>/proc/sys/kernel/core_pattern"
try sh -c "echo x >>/proc/1/exe"
try mount -t tmpfs none /mnt
try umount -l /proc/sys
try unshare -U true
try kill -9 '"$master_pid $agent_pid"'
try cat '"$work"'/secret/key'
else
    skip "an agent that is not root contains its tasks" "the build directory is closed to other users"
fi
