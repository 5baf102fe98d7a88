#!/usr/bin/env bash
# tests/system/checks.sh BUILD - health checks: of a real server by HTTP, HTTPS and TCP, by commands; what is not well ends.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

mkdir "$work/www"
start server "$build/tests/server" "$work/www"
wait_for 10 test -s "$work/server.log"
read -r port <"$work/server.log"

# health NAME : what the master's JSON says of that task: true, false or null
health() {
    curl -sf "http://$http/tasks?limit=1000" | jq -c "[.tasks[] | select(.name == \"$1\")][0].statuses[-1].healthy"
}
is_healthy() { [ "$(health "$1")" = true ]; }

# watched NAME OPTION... : a task in the background whose health is looked at every 100 ms; its id in $pid
watched() {
    local name=$1
    shift
    start "$name" proffer run --master "$master" --cpus 0.1 --mem 32 --name "$name" --health-interval 100ms \
        --health-grace 1ms --health-failures 2 "$@" 'echo $$ >alive; exec sleep 1000'
    wait_for 20 is_healthy "$name"
}

# has_failed NAME TEXT : proffer run has ended, and says why
has_failed() {
    wait_for 20 grep -q "$2" "$work/$1.log"
}

begins "a master begins" start_master
begins "an agent begins" start_agent agent1

echo 200 >"$work/www/status"
begins "a task whose server answers is healthy" watched web --health-http "$port/status"
check "the agent says so too" eval 'curl -sf "http://$agent_http/state" | jq -e "
    .frameworks[].executors[].tasks[].statuses[-1].healthy == true"'
check "proffer tasks shows it" eval 'proffer tasks --http "$http" | grep -q "RUNNING (healthy)"'
check "its server is really asked" wait_for 10 eval '[ "$(grep -c /status "$work/server.log")" -ge 3 ]'

# The agent begins anew: looking goes on.
kill -USR1 "$agent_pid"
wait "$agent_pid"
begins "another agent takes over" start_agent agent1
before=$(grep -c /status "$work/server.log")
check "which goes on asking" wait_for 20 eval '[ "$(grep -c /status "$work/server.log")" -gt $((before + 2)) ]'
check "the task is still healthy" is_healthy web

echo 503 >"$work/www/status"
check "a task whose server fails is ended, and told why" has_failed web \
    'TASK_FAILED: its health check failed 2 times in a row: HTTP status 503'

begins "a task whose port is open is healthy" watched tcp --health-tcp "$port"
begins "a task whose command succeeds is healthy" watched command --health-command 'test -s alive && test -d "$PROFFER_SANDBOX"'
sandbox=$(curl -sf "http://$agent_http/state" | jq -r '.frameworks[].executors[] | select(.tasks[].name == "command").directory')
rm "$sandbox/alive"
check "a task whose command fails is ended" has_failed command 'its command exited with status 1'

if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    tls=$(free_port)
    start tls openssl s_server -accept "127.0.0.1:$tls" -cert "$work/cert.pem" -key "$work/key.pem" -www
    tls_server=$pid
    wait_for 10 eval 'ss -Hltn "sport = :$tls" | grep -q .'
    begins "a task whose server answers by TLS is healthy" watched tls-task --health-https "$tls/"
    kill "$tls_server"
    check "and is ended when that does not answer any more" has_failed tls-task 'its health check failed 2 times in a row'
    # One that never comes to its answer, and never ends.
    endless=$(free_port)
    start endless bash -c 'exec openssl s_server -quiet -accept "$@" < <(yes "$(printf "HTTP/1.1 103 Early Hints\r\n\r")")' tls \
        "127.0.0.1:$endless" -cert "$work/cert.pem" -key "$work/key.pem"
    wait_for 10 eval 'ss -Hltn "sport = :$endless" | grep -q .'
    start endless-task proffer run --master "$master" --cpus 0.1 --mem 32 --name endless-task --health-interval 100ms --health-grace 1ms \
        --health-timeout 1h --health-failures 1 --health-https "$endless/" 'exec sleep 1000'
    check "an answer without end is cut at its status" has_failed endless-task 'HTTP status 103'
else
    skip "a task whose server answers by TLS is healthy" "no openssl"
fi

server_pid=${pids[0]}
kill "$server_pid"
check "a task whose port is closed is ended" has_failed tcp 'Connection refused'
check "a health check that cannot be is refused" eval \
    '! proffer run --master "$master" --health-http here true 2>"$work/refused" && grep -q "must be /PATH or PORT/PATH" "$work/refused"'
# By their ports: others may be at work beside this script.
check "no check is left running" eval '! pgrep -f "[p]roffer-check .*:(${tls:-none}|${endless:-none})/" >/dev/null'
