#!/usr/bin/env bash
# tests/system/escape.sh BUILD - what a task must not be able to do, tried class by class by tasks that are root, that are
# not, that have a root of their own, that have a user namespace, and of an agent that is nobody: change the helpers, get at
# the host through what it left open, by links, by /proc and cgroups, by devices and system calls; see, trace or end
# others; take more than their share. What tries is attacker.c, which is seen to succeed where nothing holds it.
# run.sh: early
set -u
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" = 0 ] && [ -z "${ESCAPE_INSIDE:-}" ] && unshare -nm true 2>/dev/null; then
    ESCAPE_INSIDE=1 exec unshare -nm "$0" "$@"
fi
system_begin "$1"

all=cgroup/cpu,cgroup/memory,cgroup/pids,namespaces/mount,namespaces/pid,namespaces/ipc,namespaces/uts,namespaces/net
all=$all,filesystem/rootfs,volume/persistent,volume/host,volume/sandbox,linux/capabilities,linux/nnp
all=$all,linux/seccomp,posix/rlimits,disk/usage,network/ports,cgroup/devices

if [ -z "${ESCAPE_INSIDE:-}" ]; then
    skip "tasks cannot escape" "needs root and network namespaces"
    exit 0
fi
ip link set lo up || exit 1
mounts() { grep -h -e "$work" -e proffer /proc/self/mountinfo | sort; }
mounts >"$work/mounts" # of others, who are at work beside

# run WHO COMMAND [JSON] : a task's output; its own words for what failed are in it. WHO: root, nobody, tiny (root in an
# image), mapped (as root of a user namespace), mapped-tiny (both), anybody and anybody-root (of an agent that is not root).
# JSON: more about the job.
run() {
    local who=$1 user=root asks='{}'
    case $who in
        nobody) user=nobody ;;
        tiny) asks='{"rootfs":"tiny"}' ;;
        mapped) user=nobody asks='{"inner_root":true}' ;;
        mapped-tiny) user=nobody asks='{"inner_root":true,"rootfs":"tiny"}' ;;
        anybody) user= ;;
        anybody-root) user= asks='{"inner_root":true}' ;;
    esac
    rm -rf "$slot"
    jq -nc --arg cmd "$2" --argjson asks "$asks" --argjson more "${3:-null}" \
        '{cmd: $cmd, name: "try", isolation: $asks} + ($more // {})' |
        timeout 90 proffer-batch -m "$master" -q -c 0.1 -M 64 ${user:+-u "$user"} -o "$slot" 2>"$slot.told"
    local status=$?
    cat "$slot"/try.out "$slot"/try.err 2>/dev/null
    return $status
}
slot=$work/out # where; another one for what runs beside

# prints WHO COMMAND TEXT : that is all that it says, and it ends well.
prints() {
    local said
    said=$(run "$1" "$2") && [ "$said" = "$3" ] && return
    echo "said: $said"
    cat "$slot.told"
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

# attacks WHO : one task tries all lines of $work/lines, each a class and what the attacker is told. What came of it is in
# $work/told, and for `held`.
attacks() {
    local attacker=$work/attacker class line
    case $1 in *tiny) attacker=/bin/attacker ;; esac
    run "$1" "$(while read -r class line; do
        echo "echo class $class; $attacker $line 2>&1; echo ended \$?"
    done <"$work/lines")" >"$work/told"
}

# held CLASS : all of that class was tried, and nothing of it could be done.
held() {
    awk -v class="$1" '$1 == "class" { is_in = $2 == class; tries += is_in }
        is_in && $0 == "ended 1" { failures++ }
        is_in && /^could/ { print; successes++ }
        END { exit !(tries && failures == tries && !successes) }' "$work/told" && return
    awk -v class="$1" '$1 == "class" { is_in = $2 == class } is_in' "$work/told"
    cat "$slot.told"
    return 1
}

# ends WHO COMMAND TEXT [JSON] : it fails, and what is told of it has the text.
ends() {
    ! run "$1" "$2" "${4:-}" >"$slot.said" && grep -qF -- "$3" "$slot.told" && return
    cat "$slot.said" "$slot.told"
    return 1
}

# --- the site -----------------------------------------------------------------------------------------------

mkdir -p "$work/roots/tiny/bin" "$work/srv" "$work/secret" "$work/files"
chmod 755 "$work" "$work/roots" "$work/srv" "$work/files"
chmod 700 "$work/secret"
echo secret >"$work/secret/key"
mkdir "$work/elsewhere" # readable for all, but not seen in a root of one's own
echo secret >"$work/elsewhere/key"
cp "$build/tests/attacker" "$work/attacker" || exit 1
cp "$work/attacker" "$work/roots/tiny/bin/attacker"
cp /bin/busybox "$work/roots/tiny/bin" || exit 1
for tool in sh ls cat echo mkdir mount umount mknod rm ln kill readlink id dd chroot unshare head true grep sleep; do
    ln -s busybox "$work/roots/tiny/bin/$tool"
done
launcher=$build/libexec/proffer/proffer-launcher
before=$(sha256sum "$launcher")

# --- who is not held can -----------------------------------------------------------------------------------------

# can LINE : in mounts of its own, so that nothing of it stays.
can() {
    (cd "$work/srv" && unshare -m "$work/attacker" $1 9<"$work") && return
}
sleep 1000 &
sleeper=$!
pids+=("$sleeper")
for line in descriptors "climb ${work#/}/secret/key" "trace $sleeper" "signal $sleeper" "join $sleeper" "limit $sleeper" "device c 1 1" \
    calls users "overwrite $work/files/program" "listen 31007"; do
    cp /bin/true "$work/files/program"
    check "who is not held can: $line" can "$line"
done
rm "$work/files/program"

# --- the attacks -------------------------------------------------------------------------------------------------

# victim_of AGENT NAME WHO : a task of that agent, to be hurt; its process and others' in $others.
victim_of() {
    local launcher_of
    launcher_of=$(pgrep -P "$1" -f proffer-launcher)
    echo '{"cmd":"echo here >up; exec sleep 1000","name":"victim"}' >"$work/$2"
    start "$2" proffer-batch -m "$master" -q -c 0.1 -M 32 ${3:+-u "$3"} "$work/$2"
    neighbour=$pid
    victim() { pgrep -x sleep -P "$(pgrep -d, -P "$launcher_of")"; }
    check "a neighbour is at work" wait_for 20 victim
    victim=$(victim)
    others="$victim $1 $(reader_of "$1") $launcher_of $master_pid"
}

# Where each would write, were it let: for root in the host's own tree there are no secrets.
target_of() {
    case $1 in
        *tiny) echo etc/passwd ;;
        *) echo "${work#/}/secret/key" ;;
    esac
}

attack() { # WHO...
    local who one
    for who; do
        {
            printf 'init %s\n' 'overwrite /proc/1/exe' 'trace 1' 'join 1'
            [ "$init" = shim ] && echo init limit 1 # another one needs nothing
            echo open descriptors
            [ "$who" = root ] || echo way climb "$(target_of "$who")"
            printf 'kernel %s\n' calls users 'handle /'
            printf 'device %s\n' 'device c 1 1' 'device b 254 0' 'device c 10 229'
            for one in $others; do printf 'others %s\n' "trace $one" "signal $one" "join $one"; done
        } >"$work/lines"
        attacks "$who"
        check "its init cannot be written to, traced or joined ($who)" held init
        check "nothing is left open, and no folder ($who)" held open
        [ "$who" = root ] || check "there is no way up ($who)" held way
        check "what changes the kernel is refused ($who)" held kernel
        check "no device can be made ($who)" held device
        check "others cannot be traced, signalled or joined ($who)" held others
    done
    each "$@" -- "others cannot be seen or ended, the kernel's settings not be written, nor made writable" '
for p in '"$others"'; do
    try test -e /proc/$p
    try kill -9 $p
    try cat /proc/$p/environ /proc/$p/mem
done
for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/fs/suid_dumpable \
    /sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/*/cgroup.procs \
    /sys/fs/cgroup/*/*/tasks /sys/fs/cgroup/unified/cgroup.procs; do
    [ -e "$f" ] && try sh -c "echo 1 >>$f"
done
try mkdir /sys/fs/cgroup/memory/mine /sys/fs/cgroup/unified/mine
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
try unshare -p -f true
kill -9 -1 2>/dev/null'
    check "all of them are alive" eval 'for p in $others; do kill -0 $p || exit 1; done'
}

# beside TEXT COMMAND... : as check, with others at the same time; `judge` waits for all and says how they ended.
beside() {
    local slot=$work/slot-${#besides[@]}
    besides+=("$1")
    shift
    ("$@" >"$slot.output" 2>&1; echo $? >"$slot.status") &
    waits+=($!)
}
judge() {
    local number
    wait "${waits[@]}"
    for number in "${!besides[@]}"; do
        check "${besides[number]}" eval 'cat "$work/slot-$number.output"; [ "$(cat "$work/slot-$number.status")" = 0 ]'
    done
    besides=() waits=()
}
besides=() waits=()

forks_end() { # WHO ATTACKER
    local count
    count=$(run "$1" "$2 forks; exit 0" | head -1) && [ "$count" -gt 8 ] && [ "$count" -lt 64 ] && return
    echo "it has $count"
    return 1
}

# Too much: of processes, memory, disk and ports; where the agent is not root only the disk is looked at.
bomb() { # WHO...
    local who attacker port=31100
    for who; do
        attacker=$work/attacker port=$((port + 1))
        case $who in *tiny) attacker=/bin/attacker ;; esac
        beside "a disk bomb is ended ($who)" ends "$who" "$attacker disk" 'its sandbox uses' '{"disk":16}'
        case $who in anybody*) continue ;; esac
        beside "a fork bomb ends at its number ($who)" forks_end "$who" "$attacker"
        beside "a memory bomb ends at its limit ($who)" ends "$who" "$attacker memory" 'Memory limit exceeded'
        beside "a thief of ports is ended ($who)" ends "$who" "$attacker listen $port" "it listens on TCP $port"
    done
    judge
    check "others go on ($*)" eval 'kill -0 $victim && prints "$1" "echo alive" alive'
}

options="filesystem/rootfs.dir=$work/roots;volume/host.allow=$work/srv;disk/usage.interval=1;network/ports.interval=1;network/ports.udp=no"
start_master || exit 1
begin_a1() {
    start_agent a1 --isolation "$all" --pids-max 64 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' \
        --fetcher-files "$work/files" --isolator-options "$options"
}
begin_a1 || exit 1
lacking=$(grep -c 'is not used' "$work/a1.log")
if [ "$lacking" != 0 ]; then
    grep 'is not used' "$work/a1.log"
    skip "tasks cannot escape" "this host cannot contain them: see above"
    exit 0
fi
contained=$agent_pid
launcher_pid=$(pgrep -P "$contained" -f proffer-launcher)
agent_log=$work/a1.log
victim_of "$agent_pid" neighbour nobody
init=shim
check "its init is the shim" prints root 'cat /proc/1/comm' proffer-shim
attack root nobody tiny
bomb root nobody tiny

# --- the helpers ----------------------------------------------------------------------------------------------

# A command that looks whether a task is well joins it as a helper of the launcher: it is waited for.
hunt() {
    proffer run -m "$master" -R 'cpus:1;mem:64' -u root --isolation '{"rootfs":"tiny"}' --health-command 'true' \
        --health-interval 100ms -- /bin/attacker hunt 4 >"$work/said" 2>&1
    [ $? = 1 ] && grep -aq '^saw [1-9]' "$work/said" && ! grep could "$work/said" && return
    cat "$work/said"
    return 1
}
check "the helper of a check cannot be written to" hunt
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

# --- links ------------------------------------------------------------------------------------------------------------

check "a link in an allowed folder does not lead out of it" eval '
    ln -s "$work/secret" "$work/srv/link"
    asks="{\"mounts\":[{\"source_kind\":\"MOUNT_HOST\",\"source\":\"$work/srv/link\",\"container_path\":\"/mnt\"}]}"
    ! timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 32 --isolation "$asks" <<<"ls /mnt" 2>"$work/said"
    grep -q "symbolic links" "$work/said"'

# swapped WHO : a folder that becomes a link and a folder again, all the time; no task sees what the link leads to.
swapped() {
    local i asks seen
    rm -rf "$work/srv/place" "$work/srv/trap"
    mkdir "$work/srv/place"
    ln -s "$work/elsewhere" "$work/srv/trap"
    start swapper "$work/attacker" swap "$work/srv/place" "$work/srv/trap" 100
    asks="{\"rootfs\":\"tiny\",\"mounts\":[{\"source_kind\":\"MOUNT_HOST\",\"source\":\"$work/srv/place\",\"container_path\":\"/data\"}]}"
    for i in {1..40}; do echo '{"cmd":"ls /data; cat /data/key"}'; done >"$work/swaps"
    rm -rf "$work/out"
    timeout 120 proffer-batch -m "$master" -q -c 0.1 -M 32 -u "$1" --isolation "$asks" -o "$work/out" "$work/swaps" \
        >"$work/said" 2>&1
    kill "$pid"
    wait "$pid" 2>/dev/null
    ls "$work/out" | grep -q out && ! grep -r secret --include="*.out" "$work/out"
}
check "a link that is swapped in meanwhile does not either (root)" swapped root
check "a link that is swapped in meanwhile does not either (nobody)" swapped nobody

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

# As CVE-2024-21626: the folder to begin in is a link to one that somebody has left open.
folder_of_another() {
    local fd
    rm -rf "$work/roots/bad"
    mkdir -p "$work/roots/bad"
    cp -r "$work/roots/tiny/bin" "$work/roots/bad"
    for fd in 5 8 11; do
        rm -f "$work/roots/bad/sandbox"
        ln -s "/proc/self/fd/$fd" "$work/roots/bad/sandbox"
        rm -rf "$work/out"
        jq -nc --arg f "$work" '{cmd: "ls ../../../../..\($f)/secret; cat ../../../../..\($f)/secret/key", name: "try", isolation: {rootfs: "bad"}}' |
            timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 32 -o "$work/out" >/dev/null 2>&1
        ! grep -r secret "$work/out" || return 1
    done
}
check "an image whose sandbox is a link to an open folder does not either" folder_of_another

# What the agent serves of a sandbox while its task swaps a folder and a link.
served() {
    local sandbox i
    echo '{"cmd":"mkdir d; echo mine >d/key; ln -s '"$work"'/secret l; ln -s '"$work"'/secret/key leak; : >up; '"$work/attacker"' swap d l 20","name":"swap"}' >"$work/swap"
    start swapping proffer-batch -m "$master" -q -c 0.1 -M 32 -u nobody "$work/swap"
    swap_sandbox() { ask "http://$agent_http/state" '.frameworks[].executors[] | select(.tasks[].name == "swap").directory'; }
    wait_for 20 swap_sandbox || return 1
    sandbox=$(swap_sandbox)
    wait_for 20 test -e "$sandbox/up" || return 1
    for i in {1..150}; do
        curl -s --get "http://$agent_http/files/read" --data-urlencode "path=$sandbox/d/key" --data offset=0
        curl -s --get "http://$agent_http/files/download" --data-urlencode "path=$sandbox/leak"
        curl -s --get "http://$agent_http/files/browse" --data-urlencode "path=$sandbox/l"
    done >"$work/served" 2>&1
    stop "$pid"
    grep -q mine "$work/served" && ! grep -e secret -e '"uid":"root"' "$work/served"
}
check "what is served of a sandbox leads nowhere while links are swapped in" served

# An archive with a link, and a file behind it.
archive() {
    mkdir -p "$work/archive" "$work/archive2/x"
    ln -sfn "$work/srv" "$work/archive/x"
    echo bad >"$work/archive2/x/planted"
    tar -cf "$work/files/a.tar" -C "$work/archive" x
    tar -rf "$work/files/a.tar" -C "$work/archive2" x/planted
    ! timeout 60 proffer-batch -m "$master" -q -c 0.1 -M 32 -u "$1" --uri "file://$work/files/a.tar,extract" <<<"ls x" >"$work/said" 2>&1
    [ ! -e "$work/srv/planted" ]
}
check "nor does an archive (root)" archive root
check "nor does an archive (nobody)" archive nobody

# A folder of the sandbox that is a link by the time that it is mounted: another one of its user has put it there while it
# fetched, from a server that stands still until then. What the link names is looked for in the sandbox.
sandbox_mount() {
    local asks sandbox
    asks='{"rootfs":"tiny","mounts":[{"source_kind":"MOUNT_SANDBOX","source":"x","container_path":"/mnt"}]}'
    rm -rf "$work/out"
    kill -STOP "$server_pid"
    echo '{"cmd":"ls /mnt; cat /mnt/key","name":"mount-'"$1"'"}' >"$work/mount"
    start "mount-$1" proffer-batch -m "$master" -q -c 0.1 -M 32 -u "$1" --uri "http://127.0.0.1:$(head -1 "$work/server.log")/file" \
        --isolation "$asks" -o "$work/out" "$work/mount"
    sandbox=".frameworks[].executors[] | select(.tasks[].name == \"mount-$1\").directory"
    wait_for 20 ask "http://$agent_http/state" "$sandbox" && sandbox=$(ask "http://$agent_http/state" "$sandbox") &&
        wait_for 20 test -d "$sandbox" && setpriv --reuid "$1" --clear-groups ln -s "$work/elsewhere" "$sandbox/x"
    kill -CONT "$server_pid"
    wait "$pid"
    cat "$work/mount-$1.log"
    grep -q "x: No such file or directory" "$work/mount-$1.log" && ! grep -rs secret --include="*.out" "$work/out"
}
echo >"$work/files/file"
start server "$build/tests/server" "$work/files"
server_pid=$pid
wait_for 20 test -s "$work/server.log"
check "nor does a folder of its sandbox that is mounted (root)" sandbox_mount root
check "nor does a folder of its sandbox that is mounted (nobody)" sandbox_mount nobody


# --- /proc, devices, others -----------------------------------------------------------------------------------------------

trace='import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(0 if libc.ptrace(16, int(sys.argv[1]), None, None) == 0 else 1)'
each root nobody -- "its init, which has no filter, cannot be traced" '
try python3 -c "'"$trace"'" 1'
each root -- "nor can it go into the namespaces of others" '
try nsenter -t 1 -m true
try setpriv --inh-caps +sys_admin --ambient-caps +sys_admin true
try chroot /proc/1/root /bin/sh -c "ls '"$work"'/secret/key/x"'

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

each root nobody -- "others are not reached by System V or shared memory" '
try sh -c "ipcs -m | grep -q 0x"
try ls /dev/shm/*'

# --- what is left -----------------------------------------------------------------------------------------------------------------------

leftovers() {
    ! mounts | comm -23 - "$work/mounts" | grep .
}
check "no mount is left on the host" leftovers
check "the agent saw no error of its own" eval '! grep " E " "$agent_log"'

# The agent and its launcher are killed while a contained task is at work: the next one adopts it, and it can be ended.
again() {
    kill -KILL "$contained" "$launcher_pid"
    wait "$contained" 2>/dev/null
    begin_a1 && kill -0 "$victim"
}
begins "a contained task outlives agent and launcher" again
ended() { ! kill -0 "$victim" 2>/dev/null; }
kill -INT "$neighbour"
check "and is ended by the next one, with all that held it" eval 'wait_for 20 ended && leftovers'

# --- a task in the host's PID namespace: its helper is in reach ------------------------------------------------------

stop "$agent_pid"
start_agent a2 --isolation cgroup/cpu,cgroup/memory,cgroup/pids --log-max 4096 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' || exit 1
each root -- "a shim cannot be written to" '
try sh -c "echo x >>/proc/$PPID/exe"
try sh -c "echo x >/proc/$PPID/exe"
try chmod 0 /proc/$PPID/exe'
# Output that is begun again goes nowhere, however fast a link is put where it will be.
streams() {
    run "$1" "$work/attacker"' plant stdout '"$work"'/srv/victim 4 & while kill -0 $!; do head -c 8000 /dev/zero; done 2>/dev/null; wait' '{"cpus":1}' >/dev/null
    [ ! -e "$work/srv/victim" ]
}
check "output goes where no link leads (root)" streams root
check "output goes where no link leads (nobody)" streams nobody
check "a shim is no file of the host" prints root 'readlink /proc/$PPID/exe | cut -d: -f1' /memfd
reader=$(reader_of "$agent_pid")
each nobody -- "the agent can neither be ended nor read" '
for p in '"$agent_pid $reader $(pgrep -P "$agent_pid" -f proffer-launcher)"'; do
    try kill -9 $p
    try kill -STOP $p
    try cat /proc/$p/mem
    try ls /proc/$p/fd
    try '"$work"'/attacker join $p
    try cat /proc/$p/environ
done'
# Worse than a task can be: one of the very user that the agent is. (To have a handle is no more than to see it.)
as_agent() {
    setpriv --reuid "$1" --regid "$1" --clear-groups "$work/attacker" trace "$reader" 2>&1 | grep could | grep -v handle
}
if [ "$reader" != "$agent_pid" ]; then
    check "nor traced by one of its own user" eval '! as_agent "$(awk "/^Uid/ {print \$2}" "/proc/$reader/status")"'
fi
check "it is well" eval 'kill -0 $agent_pid && ask "http://$agent_http/state" .id'
check "the launcher's file is what it was" [ "$(sha256sum "$launcher")" = "$before" ]
stop "$agent_pid"

# --- an init that is not the shim: in a cgroup namespace ------------------------------------------------------------------

start_agent a5 --isolation "$all,namespaces/cgroup" --pids-max 64 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' \
    --isolator-options "$options" || exit 1
init=tiny
check "its init is not the shim" prints root 'cat /proc/1/comm' proffer-init
victim_of "$agent_pid" neighbour5 nobody
attack root
kill -INT "$neighbour"
stop "$agent_pid"

# --- a user namespace -----------------------------------------------------------------------------------------------------------------

start_agent a3 --isolation "namespaces/user,$all,namespaces/cgroup" --pids-max 64 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' \
    --isolator-options "$options" || exit 1
check "root of a user namespace is nobody outside" prints mapped 'id -u; touch made; cat /etc/shadow 2>/dev/null; true' 0
victim_of "$agent_pid" neighbour3 nobody
attack mapped mapped-tiny
bomb mapped mapped-tiny
each mapped -- "nor can it do what only the host's root can" '
try chown 1 made
try mount -t ext4 /dev/vda /mnt
try cat '"$work"'/secret/key'
kill -INT "$neighbour"
stop "$agent_pid"

# --- an agent that is not root ----------------------------------------------------------------------------------------------------------

if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$launcher"; then
    mkdir "$work/a4" && chown 65534:65534 "$work/a4"
    via="setpriv --reuid=65534 --regid=65534 --clear-groups" start_agent a4 --isolation \
        namespaces/user,namespaces/mount,namespaces/pid,namespaces/ipc,namespaces/uts,linux/capabilities,linux/seccomp,disk/usage \
        --isolator-options 'disk/usage.interval=1' --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31010]' || exit 1
    check "its tasks see themselves only" prints anybody 'echo $$; echo /proc/[0-9]*; id -u' '2
/proc/1 /proc/2
65534'
    victim_of "$agent_pid" neighbour4 ""
    attack anybody anybody-root
    bomb anybody anybody-root
    skip "processes, memory and ports of its tasks are held" "an agent that is not root has no cgroups, and sees no sockets"
else
    skip "an agent that is not root contains its tasks" "the build directory is closed to other users"
fi
