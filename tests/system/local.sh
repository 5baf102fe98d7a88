#!/usr/bin/env bash
# tests/system/local.sh BUILD - `proffer local`: a cluster for trying out, and nothing of it afterwards.
. "$(dirname "$0")/lib.sh"
system_begin "$1"
export TMPDIR=$work

# Daemons below a process that is ours; by their parents, so that others on this machine are left out.
daemons_of() { # PID
    pgrep -P "$1" -x 'proffer-(master|a.*)'
}
here() { # FILE PATTERN
    grep -qE -- "$2" "$1"
}
started() { # NAME
    wait_for 40 here "$work/$1.log" 'Ctrl-C ends everything'
}
folder_of() { # NAME
    sed -nE 's/.*sandboxes are in (\S+)\. .*/\1/p' "$work/$1.log"
}
all_gone() { # PID...
    local pid
    for pid in "$@"; do ! kill -0 "$pid" 2>/dev/null || return 1; done
}

# --- with a command --------------------------------------------------------------------------------

check "a command's code is passed on" eval 'timeout 60 proffer local -- sh -c "exit 7"; [ $? = 7 ]'
check "a signal's, too" eval 'timeout 60 proffer local -a 1 -- sh -c "kill -TERM \$\$"; [ $? = 143 ]'
check "a command that is not there" eval 'timeout 60 proffer local -a 1 -- no-such-command 2>"$work/err"; [ $? = 127 ] && grep -q "no-such-command" "$work/err"'
inside='proffer agents -o json >"$1/agents" && proffer run "echo from inside" && proffer-batch --version'
check "it finds the cluster and the programs" eval 'env -u PROFFER_MASTER -u PROFFER_HTTP PATH=/usr/bin:/bin "$bin/proffer" local -a 3 -- sh -c "$inside" sh "$work" >"$work/out" &&
    grep -qx "from inside" "$work/out"'
check "three agents share the machine" jq -e 'length == 3 and ([.[].hostname] | sort == ["agent1", "agent2", "agent3"])
    and ([.[].resources.ports] | unique | length == 3) and all(.[]; .active)' "$work/agents"
check "its memory and disk are given out once, and each has a processor" eval "jq -e --argjson mem $(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo) --argjson disk $(df -BM --output=size /tmp | tail -1 | tr -dc 0-9) \
    'all(.[]; .resources.cpus >= 1) and ([.[].resources.mem] | add) <= \$mem and ([.[].resources.disk] | add) <= \$disk' \"$work/agents\""
check "resources can be said" eval 'proffer local -a 1 -R "cpus:7;mem:100;disk:10" -- proffer agents -o json |
    jq -e ".[0].resources | [.cpus, .mem, .disk] == [7, 100, 10]"'
check "options of its agents, too" eval 'proffer local -a 1 -A --isolation=linux/nnp -A --hostname=other -- proffer agents -o json |
    jq -e ".[0].hostname == \"other\" and .[0].isolation == [\"linux/nnp\"]"'
check "wrong ones are told with the agent's log" eval 'proffer local -a 1 -R "cpus:x" -- true 2>"$work/err"; [ $? = 1 ] && grep -q "agent1 did not start" "$work/err" && grep -q "is not a number" "$work/err"'

# --- until Ctrl-C -------------------------------------------------------------------------------------

start until proffer local --agents 2 --keep -A --kill-grace=60s
local_pid=$pid
check "without a command it says how to use it" started until
folder=$(folder_of until)
eval "$(grep -E '^ *export PROFFER_MASTER=' "$work/until.log")"
mapfile -t children < <(daemons_of "$local_pid")
check "a master and two agents run" test "${#children[@]}" = 3
check "what it says works" eval '[ "$(proffer run "echo hello")" = hello ]'
check "limits of setrlimit can be said" eval '[ "$(proffer run --rlimit NOFILE=99:100 --rlimit RLMT_CORE=0 "ulimit -Sn; ulimit -Hn; ulimit -c" | xargs)" = "99 100 0" ]'
check "wrong ones are refused" eval 'proffer run --rlimit NOFILES=9 true 2>"$work/err"; [ $? = 125 ] && grep -q NOFILES "$work/err" && ! proffer run --rlimit NOFILE true'
started=${EPOCHREALTIME/./}
proffer run --timeout 300ms --kill-grace 0 'trap "" TERM; while :; do sleep 0.05; done' 2>/dev/null
check "no grace is none, and not the agent's minute" test $? = 137 -a $((${EPOCHREALTIME/./} - started)) -lt 40000000
check "a command may be long" eval '[ "$(proffer run "true $(seq -s " " 9000); echo well")" = well ]'
start task proffer run 'exec sleep 6671'
check "a task runs" wait_for 20 pgrep -f -x 'sleep 6671'
kill -INT "$local_pid"
wait "$local_pid"
check "Ctrl-C ends it with 0" test $? = 0
check "with all its daemons" wait_for 20 all_gone "${children[@]}"
check "and the tasks" eval '! pgrep -f -x "sleep 6671"'
check "--keep leaves the logs" test -s "$folder/master.log"
rm -rf "$folder"

start again proffer local -a 1
local_pid=$pid
check "a cluster runs" started again
folder=$(folder_of again)
mapfile -t children < <(daemons_of "$local_pid")
kill -KILL "$local_pid"
wait "$local_pid" 2>/dev/null
check "when it is killed, its daemons end, too" wait_for 20 all_gone "${children[@]}"
[ -n "$folder" ] && rm -rf "$folder"

start third proffer local -a 1
local_pid=$pid
check "one more" started third
folder=$(folder_of third)
kill -TERM "$local_pid"
wait "$local_pid"
check "SIGTERM ends it with 0" test $? = 0
check "and its folder is gone" test ! -e "$folder"

start fourth proffer local -a 1
local_pid=$pid
check "and one whose master is killed" started fourth
folder=$(folder_of fourth)
kill -KILL "$(pgrep -P "$local_pid" -x proffer-master)"
wait "$local_pid"
check "ends with 1" test $? = 1
check "and says so" here "$work/fourth.log" 'the master ended'
check "and its folder is gone" test ! -e "$folder"
check "a folder that cannot be made is told" eval 'proffer local --work-dir /proc/none 2>"$work/err"; [ $? = 1 ] && grep -q "/proc/none" "$work/err"'
