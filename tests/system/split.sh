#!/bin/bash
# An agent that is started as root: what reads the network is a process without rights, and all goes on as before.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
system_begin "$1"

if [ "$(id -u)" != 0 ]; then
    skip "what reads the network has no rights" "not root here"
    exit 0
fi
if ! grep -q ' 4294967295$' /proc/self/uid_map; then
    skip "what reads the network has no rights" "a user namespace"
    exit 0
fi

field() { # PID NAME
    awk -v name="$2:" '$1 == name {$1 = ""; sub(/^ /, ""); print; exit}' "/proc/$1/status"
}

# become USER COMMAND... : as that user, without rights
become() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
}

run() { # USER COMMAND... : what it prints
    local user=$1
    shift
    proffer run --user "$user" -c 0.1 -M 32 "$@" 2>"$work/run.log"
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

files() { # TARGET : the status; the body is in $work/body
    curl -sS -o "$work/body" -w '%{http_code}' --max-time 20 "http://$agent_http/files/$1"
}

served() { # STATUS TARGET
    local status
    status=$(files "$2")
    [ "$status" = "$1" ] && return 0
    echo "$2: status $status: $(<"$work/body")"
    return 1
}

sandbox_of() { # TASK
    state "[.frameworks[], .completed_frameworks[] | .tasks[]?, .completed_tasks[]? | select(.name == \"$1\")][0].statuses[0].container_status.sandbox" | tr -d '"'
}

start_master || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
resources='cpus:4;mem:1024;disk:1000'
chmod 711 "$work"
start_agent a1 --hostname one --resources "$resources" || exit 1
http_of_a1=$agent_http
launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)
reader=$(reader_of "$agent_pid")
expected=$(id -u proffer 2>/dev/null || echo 61000)

# --- who is who ---------------------------------------------------------------------------------------------

check "the agent is two processes" test "$reader" != "$agent_pid"
check "the one that was started is root" test "$(field "$agent_pid" Uid | cut -d' ' -f1)" = 0
check "it has no socket" eval '! readlink /proc/$agent_pid/fd/* | grep -q socket:'
if is_sanitized; then
    skip "and little memory of its own" "this build is a sanitizer's, which takes some for itself"
else
    check "and little memory of its own" eval '[ "$(awk "/^Private/ {sum += \$2} END {print sum}" /proc/$agent_pid/smaps_rollup)" -lt 2048 ]'
fi
check "what reads the network is another user" test "$(field "$reader" Uid)" = "$expected $expected $expected $expected"
check "of its own group" eval '! field $reader Gid | grep -qw 0'
check "and no other" test -z "$(field "$reader" Groups | tr -d ' ')"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    check "without rights ($set)" test "$(field "$reader" $set)" = 0000000000000000
done
check "nor will it have any" test "$(field "$reader" NoNewPrivs)" = 1
if is_sanitized; then
    skip "its system calls are filtered" "a sanitizer calls others"
else
    check "its system calls are filtered" test "$(field "$reader" Seccomp)" = 2
fi
check "it has the sockets" eval 'ss -Htlnp | grep -F "$http_of_a1" | grep -q "pid=$reader,"'
check "that tasks may be root is said, once" test "$(grep -c ' W .*tasks may be root (--task-users' "$work/a1.log")" = 1
check "the launcher is root" test "$(field "$launcher" Uid | cut -d' ' -f1)" = 0
check "and listens nowhere" eval '! ss -Htunlp | grep -q "pid=$launcher,"'

# --- who may do what to it -------------------------------------------------------------------------------------

if is_sanitized; then
    skip "nobody of its user sees into it" "a sanitizer sees into itself"
else
    check "nobody of its user sees its memory" eval '! become $expected cat /proc/$reader/mem 2>/dev/null'
    check "nor its environment" eval '! become $expected cat /proc/$reader/environ >/dev/null 2>&1'
    check "nor what it has open" eval '! become $expected ls /proc/$reader/fd >/dev/null 2>&1'
fi
check "no task runs as its user" eval '! run $expected true && grep -qE "no task may run as|there is no user" "$work/run.log"'
check "it is well" eval '! gone $reader'
check "the checkpoint is its own" test "$(stat -c %u:%a "$work/a1/checkpoint") $(stat -c %u "$work/a1/checkpoint/agent.db")" = "$expected:700 $expected"
check "records are not" test "$(stat -c %u:%a "$work/a1/records")" = 0:700
check "nor can it write to what is above" eval '! become $expected touch "$work/a1/x" "$work/a1/sandboxes/x" "$work/a1/volumes/x" 2>/dev/null'

# --- tasks, and what they leave ---------------------------------------------------------------------------------

check "tasks run as root" test "$(run root 'id -u')" = 0
check "and as others" test "$(run nobody 'id -u')" = "$(id -u nobody)"
proffer run --user nobody -n secrets -c 0.1 -M 32 'umask 077; echo own >own; echo out; mkdir shut; echo x >shut/x; chmod 0 shut
    ln -s /etc/passwd link; mkfifo fifo' >/dev/null
sandbox=$(sandbox_of secrets)
echo others >"$sandbox/others" && chmod 600 "$sandbox/others"
check "output is served" eval 'served 200 "read?path=$sandbox/stdout&offset=0" && jq -e ".data == \"out\n\"" "$work/body"'
check "a folder, too" eval 'served 200 "browse?path=$sandbox" && jq -e "map(.path | split(\"/\") | last) == [\"fifo\", \"link\", \"others\", \"own\", \"shut\", \"stderr\", \"stdout\"]" "$work/body"'
check "with whose each file is" jq -e '.[3].uid == "nobody" and .[3].mode == "-rw-------" and .[2].uid == "root"' "$work/body"
check "what is the task's alone" eval 'served 200 "download?path=$sandbox/own" && [ "$(<"$work/body")" = own ]'
check "what is another's is not" served 403 "download?path=$sandbox/others"
check "nor by another way" served 403 "read?path=$sandbox/others&offset=0"
check "nor what is behind a folder that is shut" served 403 "read?path=$sandbox/shut/x&offset=0"
check "no link is followed" served 403 "read?path=$sandbox/link&offset=0"
check "no fifo is opened" served 403 "read?path=$sandbox/fifo&offset=0"
check "nothing leads out" eval 'served 403 "read?path=$sandbox/../../../records&offset=0" && served 403 "read?path=/etc/passwd&offset=0"'
check "what is not there is not" served 404 "read?path=$sandbox/none&offset=0"
check "proffer logs shows it" test "$(proffer logs secrets)" = out

start counted proffer run --user nobody -n counted -c 0.1 -M 32 'for i in $(seq 1000); do echo $i; [ -e stop ] && exit; sleep 0.02; done'
wait_for 20 eval '[ -e "$(sandbox_of counted)/stdout" ]'
proffer logs -f counted >"$work/followed" 2>/dev/null &
pids+=("$!")
check "output is followed" wait_for 20 grep -qx 20 "$work/followed"
touch "$(sandbox_of counted)/stop"
wait "$pid"

# --- volumes -------------------------------------------------------------------------------------------------

check "a volume is made" eval 'proffer reservation add one ads "disk:64" >/dev/null && proffer volume create one ads data 32 >/dev/null'
check "it is root's as yet" test "$(stat -c %u "$work/a1/volumes/ads/data")" = 0
touch "$work/a1/volumes/ads/data/kept"
check "and destroyed" proffer volume destroy one ads data
check "with all that was in it" wait_for 20 eval '[ ! -e "$work/a1/volumes/ads/data" ] && [ -z "$(ls -A "$work/a1/trash")" ]'

# --- one of them is killed --------------------------------------------------------------------------------------

begins "a task is at work" start lives proffer run --user nobody -n lives -c 0.1 -M 32 'echo here; exec sleep 4711'
lives=$pid
wait_for 20 pgrep -f -x 'sleep 4711'
task=$(pgrep -f -x 'sleep 4711')

runs_again() { # after the log has that many registrations
    [ "$(grep -c ' registered as ' "$work/a1.log")" -gt "$1" ] && state '.activated_slaves == 1' &&
        state '[.frameworks[].tasks[]? | select(.name == "lives").state] == ["TASK_RUNNING"]'
}
registered() { grep -c ' registered as ' "$work/a1.log"; }

count=$(registered)
kill -KILL "$reader"
check "what reads the network is killed: another one does it" wait_for 20 runs_again "$count"
check "under the same keeper" eval '! gone $agent_pid && [ "$(reader_of $agent_pid)" != $reader ]'
check "with another launcher" eval 'wait_for 20 gone $launcher && pgrep -P $agent_pid -f proffer-launcher'
check "the task lives" eval '! gone $task'

count=$(registered)
launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)
reader=$(reader_of "$agent_pid")
kill -KILL "$launcher"
check "the launcher is killed: all begins anew" wait_for 20 runs_again "$count"
check "under the same keeper, too" eval '! gone $agent_pid && wait_for 20 gone $reader'
check "and the task lives" eval '! gone $task'

launcher=$(pgrep -P "$agent_pid" -f proffer-launcher)
reader=$(reader_of "$agent_pid")
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
begins "the keeper is killed: the next agent comes at once" start_agent a1 --hostname one --resources "$resources" --port "${http_of_a1##*:}"
check "the others have gone with it" eval 'wait_for 20 gone $reader && wait_for 20 gone $launcher'
check "the task lives on" eval '! gone $task && wait_for 20 runs_again 0'
check "its output is served" test "$(proffer logs lives)" = here

# --- another user ------------------------------------------------------------------------------------------------

kill -USR1 "$agent_pid"
wait "$agent_pid"
check "SIGUSR1 ends it with 0" test $? = 0
check "and leaves the task" eval '! gone $task'
begins "an agent as another user takes the folder over" start_agent a1 --hostname one --resources "$resources" --agent-user daemon
check "it is that user" test "$(field "$(reader_of "$agent_pid")" Uid | cut -d' ' -f1)" = "$(id -u daemon)"
check "and has the checkpoint" test "$(stat -c %u "$work/a1/checkpoint/agent.db")" = "$(id -u daemon)"
check "with the task" wait_for 20 runs_again 0
check "no task is that user now" eval '! run daemon true && grep -q "who is the agent itself" "$work/run.log"'
kill -USR1 "$agent_pid"
wait "$agent_pid"
begins "and one that stays root" start_agent a1 --hostname one --resources "$resources" --agent-user root
check "is one process" test "$(reader_of "$agent_pid")" = "$agent_pid"
check "says what that means" grep -q 'W proffer-agent: --agent-user root' "$work/a1.log"
check "has the checkpoint, too" test "$(stat -c %u "$work/a1/checkpoint/agent.db")" = 0
check "and the task" wait_for 20 runs_again 0
kill -INT "$lives"
check "which can be ended" wait_for 20 gone "$task"
stop "$agent_pid"
check "SIGTERM ends it with 0" test $? = 0
before_said=$(($(wc -l <"$work/a1.log") + 1))
begins "back again" start_agent a1 --hostname one --resources "$resources" --task-users nobody
check "the checkpoint is given back" test "$(stat -c %u "$work/a1/checkpoint/agent.db")" = "$expected"
check "whom tasks may be can be said" eval '! run root true && grep -q "see --task-users" "$work/run.log"'
check "then it is not said that they may be root" eval '! tail -n +"$before_said" "$work/a1.log" | grep -q "tasks may be root"'
check "and holds for no others" test "$(run nobody 'id -un')" = nobody
stop "$agent_pid"
check "SIGTERM ends it, too" test $? = 0
check "with all of its processes" eval '! pgrep -P "$agent_pid"'

# --- what cannot be ------------------------------------------------------------------------------------------------

refused() { # PATTERN FLAG...
    local pattern=$1
    shift
    timeout 20 proffer-agent --master "$master" --port 0 --work-dir "$work/a9" "$@" >"$work/refused" 2>&1
    [ $? = 1 ] && grep -q "$pattern" "$work/refused" && return 0
    cat "$work/refused"
    return 1
}
check "a user that is not there is refused" refused 'no such user' --agent-user none-such
check "for tasks, too" refused "user: there is no user 'none-such'" --default-user none-such
check "among others" refused "users: there is no user 'none-such'" --task-users root,none-such
check "a default that no task may be is refused" refused 'see --task-users' --default-user daemon --task-users nobody
check "who is not root cannot be another" eval 'become 65534 "$bin/proffer-agent" --version >/dev/null 2>&1 || exit 0
    install -d -o nobody "$work/plain"
    become 65534 timeout 20 "$bin/proffer-agent" --master "$master" --work-dir "$work/plain" --agent-user daemon 2>&1 | grep -q "only root"'
check "nor can its tasks" eval 'become 65534 "$bin/proffer-agent" --version >/dev/null 2>&1 || exit 0
    become 65534 timeout 20 "$bin/proffer-agent" --master "$master" --work-dir "$work/plain" --default-user daemon 2>&1 | grep -q "only root"'

# Not the whole of a folder's path needs to be open to it, nor the file of its keys.
mkdir -m 700 "$work/closed"
begins "a folder behind closed ones will do" start_agent closed/a2 --resources "$resources"
check "tasks of root run there" test "$(run root 'echo there')" = there
stop "$agent_pid"
