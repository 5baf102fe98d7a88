#!/usr/bin/env bash
# tests/system/bad_input.sh BUILD - what is wrong is told to whoever sent it, and everybody else goes on: a long
# batch runs beside all of it. (The master's own command line is in master.sh, the agent's in agent.sh, what a
# framework can get wrong in tests/unit/test_hostile_framework.c.)
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# refused STATUS PATTERN COMMAND... : ends with that status and says one line that matches, nothing on stdout.
refused() {
    local status=$1 pattern=$2 got
    shift 2
    timeout 30 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ $got = "$status" ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -qE -- "$pattern" "$work/err" && return 0
    echo "status $got"
    cat "$work/out" "$work/err"
    return 1
}

# send PORT : standard input to the port, until the other side has enough.
send() {
    timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && cat >&3' "$1" 2>/dev/null
    return 0
}

# says PORT : what the port answers to standard input, as long as it is open
says() {
    timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && cat >&3 && timeout 2 cat <&3' "$1" 2>/dev/null | tr -d '\0'
}

# http STATUS ADDRESS PATH [CURL FLAG...] : with a JSON error that is one
http() {
    local status=$1 address=$2 path=$3 got
    shift 3
    got=$(curl -s --path-as-is -o "$work/answer" -w '%{http_code}' --max-time 20 "$@" "http://$address$path")
    [ "$got" = "$status" ] && jq -e ".code == $status and (.message | length > 5)" "$work/answer" >/dev/null && return 0
    echo "answers $got: $(head -c 300 "$work/answer")"
    return 1
}

healthy() {
    curl -fsS --max-time 20 -o /dev/null "http://$http/health" && curl -fsS --max-time 20 -o /dev/null "http://$agent_http/health"
}

# --- beside all of it, a batch ---------------------------------------------------------------------

start_master || exit 1
begins "a master and an agent start" start_agent a1 --resources 'cpus:2;mem:512;disk:1000;ports:[31000-31009]'
export PROFFER_MASTER=$master PROFFER_HTTP=$http
chmod 711 "$work"
# The first one stays to the end, however long it takes; the others come and go beside it.
{
    echo "while [ ! -e $work/stop ]; do sleep 0.1; done; echo 1"
    for i in $(seq 2 400); do echo "echo $i; test -e $work/stop || sleep 0.4"; done
} >"$work/jobs"
start batch proffer-batch -c 0.25 -M 32 --output "$work/results" --report "$work/report" "$work/jobs"
batch_pid=$pid
check "a batch is under way" wait_for 20 state '.frameworks[0].tasks | length > 0'
one_session=$(curl -fsS "http://$http/metrics/snapshot" | jq '."link/sessions"')

# --- command lines ------------------------------------------------------------------------------------

check "proffer: an unknown flag names the nearest" refused 2 'did you mean --cpus' proffer run --cqus 1 true
check "proffer: an unknown command names the nearest" refused 2 'did you mean "status"' proffer statsu
check "proffer run: nothing to run" refused 2 'what shall be run' proffer run
check "proffer run: bad resources" refused 125 'cpus' proffer run -R 'cpus:many' true
check "proffer run: a resource that is half" refused 125 'as in cpus:4' proffer run -R 'cpus:1;mem' true
check "proffer run: a variable without a value" refused 2 'NAME=VALUE' proffer run -e NAME true
check "proffer run: more ports than there are" refused 2 'ports' proffer run -p 70000 true
check "proffer run: a time that is none" refused 2 'timeout' proffer run -t soon true
check "proffer run: an address that is none" refused 125 'nonsense' proffer run -m nonsense true
long_name() {
    timeout 60 proffer run -n "$(head -c 100000 /dev/zero | tr '\0' n)" true 2>"$work/err"
    [ $? = 125 ] && grep -q 'name: 100000 bytes long, at most 1024' "$work/err"
}
check "proffer run: a name without end" long_name
check "proffer tasks: a format that is none" refused 2 'table, wide, json or name' proffer tasks -o yaml
check "proffer status: nobody there" refused 5 'is it running' proffer status --http 127.0.0.1:1
check "proffer status: not a master" refused 3 "$agent_http.*nothing at" proffer status --http "$agent_http"
check "proffer logs: no such task" refused 3 'no task "nothing"' proffer logs nothing
check "proffer kill: no task named" refused 2 'which task' proffer kill
check "proffer local: a number of agents that is none" refused 2 'agents' proffer local -a 0
check "proffer-agent: bad resources" refused 1 'cpus' proffer-agent --log-level error --master "$master" --port 0 --work-dir "$work/a2" --resources 'cpus:-1'
check "proffer-agent: the folder of another agent" refused 1 "$(basename "$work/a1")" proffer-agent --log-level error --master "$master" --port 0 --work-dir "$work/a1"
check "proffer-agent: a port in use" refused 1 'in use' proffer-agent --log-level error --master "$master" --port "${agent_http##*:}" --work-dir "$work/a3"
check "proffer-master: a port in use" refused 1 'in use' proffer-master --log-level error --port "${master##*:}" --http-port 0 --work-dir "$work/m2"

# --- sockets ------------------------------------------------------------------------------------------

garbage() { # PORT
    local i
    for i in 1 2 3; do head -c 200000 /dev/urandom | send "$1"; done
    head -c 2000000 /dev/zero | send "$1"
    # ZeroMQ's greeting cut anywhere, a whole one with nonsense behind it, a frame that claims 2^63 bytes
    printf '\377\0\0\0\0\0\0\0\001\177' | send "$1"
    printf '\377\0\0\0\0\0\0\0\001\177\003\000NULL' | send "$1"
    { printf '\377\0\0\0\0\0\0\0\001\177\003\000NULL'; head -c 48 /dev/zero; head -c 5000 /dev/urandom; } | send "$1"
    { printf '\377\0\0\0\0\0\0\0\001\177\003\000NULL'; head -c 48 /dev/zero; printf '\002\177\377\377\377\377\377\377\377'; head -c 5000 /dev/zero; } | send "$1"
    printf 'GET /state HTTP/1.1\r\nHost: x\r\n' | send "$1"
    printf 'POST /kill HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{' | send "$1"
    printf 'POST /kill HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}' | send "$1"
    printf 'GET /state HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n' | send "$1"
    { printf 'GET /state HTTP/1.1\r\n'; for i in $(seq 2000); do printf 'X-%s: y\r\n' "$i"; done; } | send "$1"
}
crowd() { # PORT : connections that say nothing
    local fds=() fd i
    for i in $(seq 100); do exec {fd}<>"/dev/tcp/127.0.0.1/$1" && fds+=("$fd"); done
    [ ${#fds[@]} = 100 ] && healthy
}
for port in "${master##*:}" "${http##*:}" "${agent_http##*:}"; do
    case $port in "${master##*:}") name="the master's link" ;; "${http##*:}") name="the master's HTTP" ;; *) name="the agent's HTTP" ;; esac
    check "garbage and halves come to $name" garbage "$port"
    check "and harm nobody" healthy
    check "a hundred silent connections neither" crowd "$port"
done
check "no stranger got a session" eval '[ "$(curl -fsS "http://$http/metrics/snapshot" | jq ".\"link/sessions\"")" = '"$one_session"' ]'
check "the link's port does not answer HTTP" eval '! printf "GET / HTTP/1.0\r\n\r\n" | says "${master##*:}" | grep -q HTTP'

# --- HTTP -----------------------------------------------------------------------------------------------

head -c 10000 /dev/zero | tr '\0' '[' >"$work/deep"
{ for i in $(seq 10000); do printf '{"a":'; done; } >"$work/deeper"
head -c 9000000 /dev/zero | tr '\0' ' ' >"$work/huge"
name=$(head -c 1000000 /dev/zero | tr '\0' n)
printf '{"task_id":"%s","framework_id":"x"}' "$name" >"$work/name"
framework=$(state '.frameworks[0].id')
for path in /kill /teardown; do
    check "POST $path: arrays ten thousand deep" http 400 "$http" $path --data-binary "@$work/deep"
    check "POST $path: objects ten thousand deep" http 400 "$http" $path --data-binary "@$work/deeper"
    check "POST $path: too large" http 413 "$http" $path --data-binary "@$work/huge"
    check "POST $path: no JSON" http 400 "$http" $path --data 'hello'
    check "POST $path: nothing" http 400 "$http" $path --data ''
    check "POST $path: no object" http 400 "$http" $path --data '[1]'
    check "POST $path: wrong kinds" http 400 "$http" $path --data '{"framework_id":{"a":1},"task_id":[]}'
    check "POST $path: a byte that is no text" http 400 "$http" $path --data-binary $'{"framework_id":"\377","task_id":"x"}'
    check "GET $path is not allowed" http 405 "$http" $path
done
check "POST /kill: a name of a megabyte" http 413 "$http" /kill --data-binary "@$work/name"
printf '{"task_id":"%s","framework_id":"x"}' "${name:0:50000}" >"$work/name"
check "POST /kill: a name that is too long" http 400 "$http" /kill --data-binary "@$work/name"
check "POST /kill: a task that is not there" http 404 "$http" /kill --data "{\"framework_id\":\"$framework\",\"task_id\":\"none\"}"
check "POST /teardown: a framework that is not there" http 404 "$http" /teardown --data '{"framework_id":"none"}'
check "POST /state is not allowed" http 405 "$http" /state --data '{}'
check "a number that is none" http 400 "$http" '/tasks?limit=many'
check "a path that is none" http 404 "$http" /nothing
check "a half of a character in a path" http 400 "$http" '/tasks?task_id=%zz'
check "the agent: nothing is posted there" http 405 "$agent_http" /state --data '{}'
check "the agent: no path" http 400 "$agent_http" /files/read
check "the agent: an offset that is none" http 400 "$agent_http" '/files/download?path=/x&offset=-7'
check "the agent: a length that is none" http 400 "$agent_http" '/files/read?path=/x&length=1e9'
check "all are well" healthy

# --- and the batch -----------------------------------------------------------------------------------------

touch "$work/stop"
wait "$batch_pid"
check "the batch ends as if nothing had been" test $? = 0
check "with all its results" eval 'diff <(seq 400) <(cat "$work"/results/*.out | sort -n)'
check "at the first attempt each" eval 'jq -es "length == 400 and all(.[]; .attempts == 1 and .state == \"succeeded\")" "$work/report"'
check "nobody was disconnected meanwhile" eval '! grep -q "no connection" "$work/batch.log"'
