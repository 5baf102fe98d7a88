#!/usr/bin/env bash
# tests/system/master.sh BUILD - the master's command line, its two ports, and what strangers send there.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# refused STATUS PATTERN COMMAND... : ends with that status and says one line that matches.
refused() {
    local status=$1 pattern=$2 output
    shift 2
    output=$(timeout 20 "$@" 2>&1)
    [ $? = "$status" ] && [ "$(wc -l <<<"$output")" = 1 ] && grep -qE -- "$pattern" <<<"$output"
}

health() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "http://$http/health")" = 200 ]
}

# send PORT : standard input to the port, until the other side or we have enough.
send() {
    timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && cat >&3' "$1" 2>/dev/null
    return 0
}

metric_is() { # NAME NUMBER
    ask "http://$http/metrics/snapshot" ".[\"$1\"] == $2"
}

# --- the command line -------------------------------------------------------------------------------

check "an unknown flag names the nearest one" refused 2 'did you mean --http-port' \
    proffer-master --http-prot 1
check "a port must be one" refused 2 'port' proffer-master --port 70000
check "a time must be one" refused 2 'offer-timeout' proffer-master --offer-timeout soon
check "operands are refused" refused 2 'options only' proffer-master start
check "an address must be numeric" refused 2 'numeric address' proffer-master --address localhost
check "a wildcard address needs one to tell others" refused 2 '--advertise-address' \
    proffer-master --address 0.0.0.0 --insecure
check "an unknown log level names those there are" refused 2 'error, warning, info or debug' \
    proffer-master --log-level loud
check "a variable is checked as its flag is" refused 2 'PROFFER_HTTP_PORT' \
    env PROFFER_HTTP_PORT=many proffer-master
check "without keys only loopback is served" refused 1 'keys' \
    proffer-master --address 0.0.0.0 --advertise-address 127.0.0.1 --port 0 --http-port 0 --work-dir "$work/m2"
check "a bad amount to offer at least is told" refused 1 'is not a number' \
    proffer-master --port 0 --http-port 0 --log-level error --min-allocatable cpus:x --work-dir "$work/m2"
check "keys that are not there are told" refused 1 '/nowhere' \
    proffer-master --port 0 --http-port 0 --keys /nowhere --work-dir "$work/m2"
check "--version prints a version" sh -c 'proffer-master --version | grep -qE "[0-9]+\.[0-9]+\.[0-9]+"'

# --- the ports --------------------------------------------------------------------------------------

starts() { # TEXT [FLAG...] : not in a subshell as `check` would have it, which would lose the process
    local text=$1
    shift
    if start_master "$@"; then ok "$text"; else not_ok "$text"; fi
}

ends_well() { # TEXT
    stop "$master_pid"
    if [ $? = 0 ]; then ok "$1"; else not_ok "$1"; fi
}

starts "a master starts and says where it serves" --cluster test
check "it is healthy" health
check "it shows its flags" state '.flags.cluster == "test" and .cluster == "test"'
check "its pid is where it answers" test "$(state .pid)" = "master@$http"
check "a second master on its link port is told so" refused 1 'in use' \
    proffer-master --port "${master##*:}" --http-port 0 --log-level error --work-dir "$work/m2"
check "a second master on its HTTP port is told so" refused 1 'in use' \
    proffer-master --port 0 --http-port "${http##*:}" --log-level error --work-dir "$work/m2"
check "the first one does not mind" health

# --- strangers --------------------------------------------------------------------------------------

strangers() { # PORT
    local i
    for i in 1 2 3 4 5; do
        head -c 100000 /dev/urandom | send "$1"
    done
    head -c 1000000 /dev/zero | send "$1"
    printf 'GET / HTTP/1.0\r\n\r\n' | send "$1"
    printf '\377\0\0\0\0\0\0\0\001\177\003\000NULL' | send "$1"
    printf 'GET /state HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n' | send "$1"
    printf 'POST /kill HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{' | send "$1"
}

check "garbage comes to the link" strangers "${master##*:}"
check "and harms nobody" health
check "garbage comes to the HTTP port" strangers "${http##*:}"
check "and harms nobody either" health
check "no session came of it" metric_is link/sessions 0

deep_kill() {
    head -c 10000 /dev/zero | tr '\0' '[' >"$work/deep"
    test "$(curl -s -o "$work/answer" -w '%{http_code}' --max-time 20 --data-binary @"$work/deep" \
        "http://$http/kill")" = 400 && jq -e '.code == 400' "$work/answer"
}
check "JSON ten thousand levels deep is a 400" deep_kill

long_target() {
    test "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 \
        "http://$http/$(head -c 9000 /dev/zero | tr '\0' a)")" = 414
}
check "a target that is too long is a 414" long_target

# --- the end ----------------------------------------------------------------------------------------

ends_well "SIGTERM ends it with status 0"
starts "its ports are free again" --port "${master##*:}" --http-port "${http##*:}"
