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
    "$@" >>"$work/$name.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}

# stop PID : SIGTERM and wait for its end; its exit status.
stop() {
    kill -TERM "$1" 2>/dev/null
    wait "$1"
}

# start_master [FLAG...] : on free ports, with a folder of its own; sets $master (link), $http, $master_pid.
start_master() {
    rm -f "$work/master.ready"
    mkfifo "$work/master.ready"
    exec 7<>"$work/master.ready"
    start master proffer-master --port 0 --http-port 0 --work-dir "$work/master" --ready-fd 7 "$@"
    master_pid=$pid
    local word
    read -r -t 20 word <&7 && [ "$word" = READY ] && read -r master <&7 && read -r http <&7
    local status=$?
    exec 7>&-
    [ $status = 0 ] || { sed 's/^/# /' "$work/master.log"; return 1; }
}

# start_agent NAME [FLAG...] : registered with $master; sets $agent_pid, $agent_http.
start_agent() {
    local name=$1 word
    shift
    rm -f "$work/$name.ready"
    mkfifo "$work/$name.ready"
    exec 7<>"$work/$name.ready"
    start "$name" proffer-agent --master "$master" --port 0 --work-dir "$work/$name" --ready-fd 7 "$@"
    agent_pid=$pid
    read -r -t 20 word <&7 && [ "$word" = READY ] && read -r agent_http <&7
    local status=$?
    exec 7>&-
    [ $status = 0 ] || { sed 's/^/# /' "$work/$name.log"; return 1; }
}

# state FILTER : of the master's /state, by jq.
state() {
    curl -fsS --max-time 20 "http://$http/state" | jq -er "$1"
}
