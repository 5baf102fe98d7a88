#!/usr/bin/env bash
# tests/system/fetcher.sh BUILD - what tasks have fetched, over real daemons: progress, errors, the cache, TLS, an agent that begins anew.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

mkdir -p "$work/www" "$work/files"
start server "$build/tests/server" "$work/www"
wait_for 10 test -s "$work/server.log"
read -r port <"$work/server.log"
url=http://127.0.0.1:$port

mkdir -p "$work/tree/bin"
printf '#!/bin/sh\necho from the archive\n' >"$work/tree/bin/app"
chmod +x "$work/tree/bin/app"
tar -C "$work/tree" -czf "$work/www/app.tar.gz" .
sum=$(sha256sum "$work/www/app.tar.gz" | cut -d' ' -f1)
echo data >"$work/www/data"
head -c 4000 /dev/zero | tr '\0' x >"$work/www/slow4k"
echo ours >"$work/files/ours"

run() { proffer run --master "$master" --cpus 0.1 --mem 32 "$@"; }
# says TEXT COMMAND... : it fails, and says that
says() {
    local text=$1
    shift
    "$@" >"$work/said" 2>&1 && return 1
    grep -qF -- "$text" "$work/said" || { cat "$work/said"; return 1; }
}
requests() { grep -cxF -- "$1" "$work/server.log"; }

begins "a master begins" start_master
begins "an agent that gives files begins" start_agent agent1 --fetcher-files "$work/files"

check "an archive is fetched, checked and unpacked" eval \
    'run --uri "$url/app.tar.gz,extract,cache,sha256=$sum" bin/app | grep -q "from the archive"'
check "another task has it from the cache" eval \
    'run --uri "$url/app.tar.gz,cache,extract,sha256=$sum" bin/app | grep -q "from the archive" && [ "$(requests /app.tar.gz)" = 1 ]'
check "a file of the host" eval 'run --uri "file://$work/files/ours,output=mine" "cat mine" | grep -q ours'
check "none of elsewhere" says "--fetcher-files" run --uri /etc/passwd true
check "a wrong sum is told with both" says "its sha256 is $(sha256sum "$work/www/data" | cut -d' ' -f1), expected $sum" \
    run --uri "$url/data,sha256=$sum" true
check "what is not there is told" says "cannot fetch $url/nothing: HTTP status 404" run --uri "$url/nothing" true
check "what cannot be a URI is refused before" says "want http://, https://" run --uri gopher://host/x true
check "jobs of a batch have theirs" eval 'printf "cat data\ncat data\n" | proffer-batch --master "$master" --quiet --cpus 0.1 --mem 32 \
    --uri "$url/data,cache" --output "$work/out" && [ "$(cat "$work"/out/*.out | grep -c data)" = 2 ] && [ "$(requests /data)" = 2 ]'
# What it takes to unpack is the task's: here a dictionary of 128 MiB, once it is filled.
truncate -s 100M "$work/large"
tar -C "$work" -c large | xz --lzma2=preset=0,dict=128MiB >"$work/www/large.tar.xz"
if ls /sys/fs/cgroup/memory >/dev/null 2>&1 || grep -qs memory /sys/fs/cgroup/cgroup.controllers; then
    check "one that takes more memory than its task has ends it, with that" says "Memory limit exceeded: the limit is 32MiB" \
        run --uri "$url/large.tar.xz,extract" true
    check "and the reason" eval 'curl -sf "http://$http/tasks?limit=100" | grep -q REASON_CONTAINER_LIMITATION_MEMORY'
else
    skip "one that takes more memory than its task has ends it, with that" "no cgroups here"
fi

# An agent that is started anew while it fetches: the fetch goes on, once.
start slow proffer run --master "$master" --cpus 0.1 --mem 32 --name slow --uri "$url/held/slow4k" 'test $(wc -c <slow4k) = 4000 && echo complete'
slow_pid=$pid
check "a task is starting while its URI is fetched" wait_for 20 eval \
    'curl -sf "http://$http/tasks?limit=100" | jq -e ".tasks[] | select(.name == \"slow\") | .state == \"TASK_STARTING\""'
check "its status says what" wait_for 20 eval 'curl -sf "http://$http/tasks?limit=100" | jq -r ".tasks[] | select(.name == \"slow\").statuses[-1].message" \
    | grep -q "fetching $url/held/slow4k (1 of 1)"'
kill -USR1 "$agent_pid"
wait "$agent_pid"
begins "another agent takes over" start_agent agent1 --fetcher-files "$work/files"
touch "$work/www/go"
begins "the task runs to its end" wait "$slow_pid"
check "with all of it, fetched once" eval 'grep -q complete "$work/slow.log" && [ "$(requests /held/slow4k)" = 1 ]'

start stuck proffer run --master "$master" --cpus 0.1 --mem 32 --name stuck --uri "$url/silent" true
stuck_pid=$pid
wait_for 20 grep -qx /silent "$work/server.log"
kill -INT "$stuck_pid"
check "a task that is killed stops its fetch" wait_for 20 eval '! kill -0 "$stuck_pid" 2>/dev/null && ! pgrep -P 1 -x proffer-fetcher >/dev/null'

if command -v openssl >/dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    tls=$(free_port)
    cd "$work/www" || exit 1
    start tls openssl s_server -accept "127.0.0.1:$tls" -cert "$work/cert.pem" -key "$work/key.pem" -HTTP
    cd - >/dev/null || exit 1
    wait_for 10 eval 'ss -Hltn "sport = :$tls" | grep -q .'
    printf 'HTTP/1.0 200 OK\r\n\r\nover TLS\n' >"$work/www/tls-data"
    check "a server whose CA nobody knows is not trusted" says "SSL" run --uri "https://127.0.0.1:$tls/tls-data" true
    kill -USR1 "$agent_pid"
    wait "$agent_pid"
    begins "an agent that knows the CA begins" start_agent agent1 --fetcher-ca-file "$work/cert.pem"
    check "which is trusted" eval 'run --uri "https://127.0.0.1:$tls/tls-data" "cat tls-data" | grep -q "over TLS"'
else
    skip "a server whose CA nobody knows is not trusted" "no openssl"
fi
check "the cache is its agent's alone" eval '[ "$(stat -c %a "$work/agent1/fetched")" = 700 ]'
