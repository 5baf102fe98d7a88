# tests/system/lib.sh - what the system scripts share: TAP lines, daemons on free ports, waiting for events.
#
#     . tests/system/lib.sh; system_begin "$1"
#
# Everything a script starts is ended by its id at exit, whatever happens; files live in $work, which goes too.
# shellcheck shell=bash

system_begin() { # BUILD
    build=${1:?usage: $0 BUILD}
    build=$(cd "$build" && pwd)
    bin=$build/bin
    work=$(mktemp -d "${TMPDIR:-/tmp}/proffer-test.XXXXXX")
    test_count=0 test_failed=0 pids=()
    export PATH=$bin:$PATH
    trap system_end EXIT
    trap 'exit 130' INT TERM
}

system_end() {
    local status=$? pid
    trap - EXIT
    for pid in "${pids[@]}"; do
        kill -CONT "$pid" 2>/dev/null
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        wait_for 15 eval "! kill -0 $pid 2>/dev/null" || kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    if [ $test_failed != 0 ]; then
        status=1
        tail -n 8 "$work"/*.log 2>/dev/null | cat -v | cut -c1-300 | sed 's/^/# /'
    fi
    rm -rf "$work"
    echo "1..$test_count"
    exit $status
}

# marked WORK : the processes that have that folder in their environment as PROFFER_TEST: what `start` has started and
# what came of it; tasks have it only if their framework says so.
marked() {
    grep -lzsxF "PROFFER_TEST=$1" /proc/[0-9]*/environ | cut -d/ -f3
}

# groups_of FOLDER... : cgroups of the agents with these work folders: the folder's inode is in the name.
groups_of() {
    local folder
    for folder in "$@"; do
        find /sys/fs/cgroup -depth -type d -path "*/agent-*-$(stat -c %i "$folder" | xargs printf %x)*"
    done
}

# guard [COMMAND] : should this script be killed, so that it cannot do it itself, its processes are ended and its
# cgroups and files removed, all the same. COMMAND, for the shell, comes first.
guard() {
    export -f marked groups_of
    setsid bash -c 'tail --pid="$1" -f /dev/null
        [ -d "$2" ] || exit
        eval "$3"
        for attempt in {1..50}; do
            kill -KILL $(marked "$2")
            groups_of "$2"/*/ | xargs -r rmdir && break
            sleep 0.1
        done
        rm -rf "$2"' - $$ "$work" "${1:-}" >/dev/null 2>&1 </dev/null &
}

ok() { # TEXT
    test_count=$((test_count + 1))
    echo "ok $test_count - $1"
}

not_ok() { # TEXT
    test_count=$((test_count + 1)) test_failed=1
    echo "not ok $test_count - $1"
}

skip() { # TEXT REASON
    test_count=$((test_count + 1))
    echo "ok $test_count - $1 # SKIP $2"
}

# check TEXT COMMAND... : the command's status decides; its output is shown when it fails.
check() {
    local text=$1 output
    shift
    if output=$("$@" 2>&1); then
        ok "$text"
    else
        not_ok "$text"
        printf '%s\n' "# $*" "$output" | sed 's/^/# /' | tail -30
    fi
}

# begins TEXT COMMAND... : not in a subshell as `check` would have it, which would lose the process.
begins() {
    local text=$1
    shift
    if "$@"; then ok "$text"; else not_ok "$text"; fi
}

# Are the programs of this build a sanitizer's?
is_sanitized() {
    nm -u "$build/lib/libproffer.so" | grep -q '__asan\|__tsan'
}

# wait_for SECONDS COMMAND... : until it succeeds; looks every 20 ms.
wait_for() {
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# start NAME COMMAND... : in the background, output to $work/NAME.log; its id in $pid and the list to be ended.
start() {
    local name=$1
    shift
    PROFFER_TEST=$work "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}

# stop PID : SIGTERM and wait for its end; its exit status.
stop() {
    kill -TERM "$1" 2>/dev/null
    wait "$1"
}

# start_master [FLAG...] : on free ports, with a folder of its own; sets $master (link), $http, $master_pid. $via, if set,
# is a command in front of the daemon's own, as one that enters a network namespace.
start_master() {
    rm -f "$work/master.ready"
    mkfifo "$work/master.ready"
    exec 7<>"$work/master.ready"
    start master ${via:-} proffer-master --port 0 --http-port 0 --work-dir "$work/master" --ready-fd 7 "$@"
    master_pid=$pid
    local word
    read -r -t 20 word <&7 && [ "$word" = READY ] && read -r master <&7 && read -r http <&7
    local status=$?
    exec 7>&-
    [ $status = 0 ] || { sed 's/^/# /' "$work/master.log"; return 1; }
}

# start_agent NAME [FLAG...] : registered with $master; sets $agent_pid, $agent_http. $via as above.
start_agent() {
    local name=$1 word
    shift
    rm -f "$work/$name.ready"
    mkfifo "$work/$name.ready"
    exec 7<>"$work/$name.ready"
    start "$name" ${via:-} proffer-agent --master "$master" --port 0 --work-dir "$work/$name" --ready-fd 7 "$@"
    agent_pid=$pid
    read -r -t 20 word <&7 && [ "$word" = READY ] && read -r agent_http <&7
    local status=$?
    exec 7>&-
    [ $status = 0 ] || { sed 's/^/# /' "$work/$name.log"; return 1; }
}

# reader_of PID : the process of an agent that reads the network: its child without rights, if it was started as root,
# else the agent itself.
reader_of() {
    pgrep -P "$1" -x proffer-agent || echo "$1"
}

# free_port : one that nobody has and the kernel gives nobody, for a daemon that is started again on it. Scripts that run
# at the same time draw from ports of their own: what is free there is not somebody's who is just away.
free_port() {
    local port first=10000 last=29999
    [ -z "${PROFFER_TEST_LANE:-}" ] || first=$((10000 + PROFFER_TEST_LANE % 10 * 2000)) last=$((first + 1999))
    for port in $(shuf -i "$first-$last" -n 50); do
        [ -z "$(ss -Hltn "sport = :$port")" ] && echo "$port" && return
    done
}

# ask URL FILTER : its JSON, by jq. (Which calls no input at all a success.)
ask() {
    local answer
    answer=$(curl -fsS --max-time 20 "$1") && [ -n "$answer" ] && jq -er "$2" <<<"$answer"
}

# state FILTER : of the master's /state, by jq.
state() {
    ask "http://$http/state" "$1"
}

# certificates_begin : what `certificate` needs.
certificates_begin() {
    cat >"$work/pair.c" <<'END'
#include <stdio.h>
#include <zmq.h>

int main(void)
{
    char public_key[41], secret_key[41];

    if (zmq_curve_keypair(public_key, secret_key))
        return 1;
    printf("%s %s\n", public_key, secret_key);
    return 0;
}
END
    gcc -o "$work/pair" "$work/pair.c" -lzmq
}

# certificate NAME [META VALUE] : $work/NAME.keys, as czmq writes it; its public key in $key.
certificate() {
    local secret
    read -r key secret < <("$work/pair")
    {
        printf 'metadata\n'
        [ -z "${2:-}" ] || printf '    %s = "%s"\n' "$2" "$3"
        printf 'curve\n    public-key = "%s"\n    secret-key = "%s"\n' "$key" "$secret"
    } >"$work/$1.keys"
    chmod 600 "$work/$1.keys"
}
