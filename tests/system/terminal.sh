#!/usr/bin/env bash
# tests/system/terminal.sh BUILD - what tasks, archives and other users call things does not act on the terminal of who
# looks at it, and makes up no line of a log.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

evil=$'evil\e]0;title\a\u009b31m'
shown='evil\\x1b\]0;title\\x07\\u009b31m'

# harmless FILE... : in which there is something, and no control character but the end of a line.
harmless() {
    local file
    for file; do
        [ -s "$file" ] || { echo "nothing in $file"; return 1; }
        ! LC_ALL=C grep -aqP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$file" || { cat -v "$file"; return 1; }
    done
}

# says PATTERN STATUS COMMAND... : that, both outputs, harmless.
says() {
    local pattern=$1 status=$2 got
    shift 2
    timeout 30 "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got = "$status" ] || { echo "status $got"; cat -v "$work/out"; return 1; }
    harmless "$work/out" && { grep -q -- "$pattern" "$work/out" || { cat "$work/out"; return 1; }; }
}

mkdir -p "$work/files" "$work/tree" && chmod 755 "$work" "$work/files"
ln -s /etc/passwd "$work/tree/$evil"
tar -C "$work/tree" -cf "$work/files/evil.tar" . && chmod 644 "$work/files/evil.tar"
uri=$work/files/evil.tar,extract

start_master || exit 1
start_agent a1 --resources 'cpus:2;mem:512;disk:1000' --fetcher-files "$work/files" || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http

check "an archive's entry, in a message to proffer run" says "$shown" 125 proffer run --uri "$uri" true
echo '{"id": "g", "tasks": [{"id": "t", "resources": "cpus:0.1;mem:32", "command": "true", "uris": ["'"$uri"'"]}]}' >"$work/group.json"
check "to proffer run of a group" says "$shown" 125 proffer run --group "$work/group.json"
echo '{"cmd": "true", "mem": 32}' >"$work/jobs"
check "to proffer-batch" says "$shown" 1 proffer-batch --uri "$uri" "$work/jobs"
check "in the list of tasks" says 'FAILED' 0 proffer tasks -a -o wide
check "and as JSON, whose values are as they were" eval 'says "\"id\"" 0 proffer tasks -a -o json && jq -e length "$work/out"'

check "a task may be called so" eval 'timeout 30 proffer run -n "$(printf "na\u009b31mme")" "printf \"\\033[1mbold\"" >"$work/raw"'
check "what it writes itself is as it writes it" eval '[ "$(cat "$work/raw")" = "$(printf "\033[1mbold")" ]'
check "its name is shown" says 'na\\u009b31mme' 0 proffer tasks -a
check "its name as JSON" eval 'says "na.u009b31mme" 0 proffer tasks -a -o json && jq -e ".[] | select(.name == \"na\u009b31mme\")" "$work/out"'
forged=$(printf 'x\n2026-01-01T00:00:00.000 E proffer-master: forged\033[31m\u009b31m')
check "a framework may be called so" eval 'timeout 30 proffer-batch --name "$forged" "$work/jobs"'
check "its name is on one line" says 'x\\n2026.*forged\\x1b\[31m' 0 proffer frameworks --completed
check "what the user has typed, in an error" says 'nobody\\x1b\[31m' 3 proffer kill $'nobody\e[31m'
check "what the master answers about it" says 'nobody\\x1b\[31m' 3 proffer why $'nobody\e[31m'

check "the logs of the daemons" harmless "$work/master.log" "$work/a1.log"
check "the master's tells of the framework" grep -q 'x\\n2026.*forged' "$work/master.log"
check "there is no line that it made up" eval '! grep -q "^2026-01-01" "$work/master.log"'
