#!/usr/bin/env bash
# tests/system/cluster.sh BUILD - the way of one task as a user sees it: run, look, kill, limits, and what
# becomes of it when a framework, an agent or the master goes.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

agent_get() { # PATH [CURL FLAG...]
    curl -fsS --max-time 20 "http://$agent_http$1" "${@:2}"
}

# ran STATUS STDOUT STDERR FLAG... : what `proffer run` answers; the outputs are patterns of the whole text.
ran() {
    local status=$1 out=$2 err=$3 got
    shift 3
    timeout 60 proffer run --wait 30s "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ $got = "$status" ] && [[ $(<"$work/out") =~ ^$out$ ]] && [[ $(<"$work/err") =~ ^$err$ ]] && return 0
    echo "status $got, stdout: $(<"$work/out"), stderr: $(<"$work/err")"
    return 1
}

task() { # NAME : the latest task of that name as the master shows it
    ask "http://$http/tasks?limit=100000&order=asc" "[.tasks[] | select(.name == \"$1\")] | last"
}

task_is() { # NAME FILTER
    local shown
    shown=$(task "$1") && jq -e "$2" <<<"$shown"
}

task_runs() { # NAME
    task_is "$1" '.state == "TASK_RUNNING"'
}

nothing_used() {
    state '[.slaves[].used_resources | .cpus, .mem] | add == 0'
}

nobody_runs() { # COMMAND LINE
    ! pgrep -f -x -- "$1"
}

free_again() {
    wait_for 20 nothing_used
}

# --- one command ------------------------------------------------------------------------------------

start_master --agent-timeout 3s --cluster test || exit 1
begins "a master and an agent start" start_agent a1 --hostname one --pids-max 60 \
    --resources 'cpus:4;mem:1024;disk:1000;ports:[31000-31099]'
a1_pid=$agent_pid a1_http=$agent_http
export PROFFER_MASTER=$master PROFFER_HTTP=$http

check "a command's output is shown, each stream on its own" ran 0 out err 'echo out; echo err >&2'
check "a command's exit code is ours" ran 3 '' '' 'exit 3'
check "a signal is 128 more" ran 143 '' '.*signal 15.*' 'kill -TERM $$'
check "a crash is told" ran 139 '' '.*signal 11.*' 'kill -SEGV $$'
check "a command that the shell does not find is 127" ran 127 '' '.*no-such-command.*not found.*' no-such-command
check "a program that is not there is told" ran 125 '' '.*/no/such: No such file.*' /no/such argument
check "several words are run as they are, without a shell" ran 0 '\$HOME \| ;' '' echo '$HOME' '|' ';'
check "what was not ended by a newline comes, too" ran 0 $'a\nb' '' "printf 'a\\nb'"
check "an unknown user is told" ran 125 '' ".*no user 'nobody-here'.*" -u nobody-here true
check "what fits nowhere is told, with what is short" ran 125 '' '.*lacks 95 cpus.*--wait.*' -w 1s -c 99 true
check "a time limit ends it" ran 143 '' '.*ran longer than.*' -t 500ms sleep 1000
check "the whole agent again and again: nothing lingers" eval 'for i in 1 2 3 4 5; do ran 0 $i "" -c 4 -M 1024 "echo $i" || exit 1; done'

binary() {
    proffer run 'head -c 3000000 /dev/urandom | tee copy; sha256sum <copy >&2' 2>"$work/sum" | sha256sum >"$work/got"
    cmp "$work/sum" "$work/got"
}
check "megabytes come as they were" binary

# --- what it finds around it --------------------------------------------------------------------------

check "its id, its folder and the user's variables are in its environment" ran 0 'run:/.*:b c' '' \
    -e 'A=b c' '[ "$PWD" = "$PROFFER_SANDBOX" ] && [ -w . ] && echo "$PROFFER_TASK_ID:$PWD:$A"'
check "nothing of the agent's environment is" ran 0 '0' '' 'env | grep -c SECRET_OF_THIS_TEST'\''='\'' || :'
check "its ports are numbers of the offer, each another one" ran 0 '31[0-9]{3} 31[0-9]{3} 31[0-9]{3}' '' -p 3 \
    '[ $PORT0 != $PORT1 ] && [ $PORT1 != $PORT2 ] && echo $PORT0 $PORT1 $PORT2'
check "its descriptors are 0, 1 and 2" ran 0 '012' '' 'for n in $(seq 0 100); do [ ! -e /proc/$$/fd/$n ] || printf $n; done'
check "its input is empty" ran 0 '' '' cat
if [ "$(id -u)" = 0 ]; then
    check "it runs as the user it names, without privileges" ran 0 'nobody 0000000000000000' '' -u nobody \
        'touch mine && echo "$(id -un) $(sed -n "s/^CapEff:.//p" /proc/self/status)"'
else
    skip "it runs as the user it names" "needs root"
fi

# --- what is shown --------------------------------------------------------------------------------------

start long proffer run -n long -c 1.5 -M 200 -p 2 'echo begun; echo problem >&2; exec sleep 3331'
check "a task is shown as running" wait_for 20 task_runs long
check "with its resources, command, agent and statuses" task_is long '.resources.cpus == 1.5 and .resources.mem == 200
    and (.resources.ports | test("^\\[31")) and .role == "*" and .framework_id and .slave_id
    and (.statuses[0].state == "TASK_RUNNING") and (.statuses[0].container_status.executor_pid > 0)
    and (.statuses[0].container_status.sandbox | startswith("/"))'
check "the master counts what is used" state '.slaves[0].used_resources.cpus == 1.5 and .activated_slaves == 1
    and .cluster == "test" and .slaves[0].hostname == "one" and (.frameworks | length) == 1
    and .frameworks[0].name == "run" and .frameworks[0].active and .frameworks[0].used_resources.mem == 200'
check "what is left is not offered to a framework that wants nothing" state '.frameworks[0].offers == []'
check "the agent shows the task, too" eval 'agent_get /state | jq -e "[.frameworks[].executors[].tasks[]][0]
    | .name == \"long\" and .state == \"TASK_RUNNING\" and .resources.cpus == 1.5"'
check "and what it uses" eval 'agent_get /monitor/statistics | jq -e ".[0].statistics | .cpus_limit == 1.5 and .processes >= 1
    and .mem_limit_bytes == 200 * 1048576"'
check "a wrong path is a 404" test "$(curl -s -o /dev/null -w '%{http_code}' "http://$http/nothing")" = 404

# --- logs and files ---------------------------------------------------------------------------------------

begun() {
    [ "$(proffer logs long)" = begun ] && [ "$(proffer logs --stderr long)" = problem ]
}
check "logs shows what it wrote so far" wait_for 20 begun
check "--tail shows the end" test "$(proffer logs --tail 4 long)" = gun
check "--tail beyond the whole shows it all" test "$(proffer logs --tail 1000 long)" = begun

files() { # STATUS PATH : of download, read and browse
    local endpoint got
    for endpoint in download read browse; do
        got=$(curl -s --path-as-is -o "$work/answer" -w '%{http_code}' --max-time 20 --get \
            "http://$agent_http/files/$endpoint" --data-urlencode "path=$2")
        case $got in $1) ;; *) echo "/files/$endpoint of $2 answers $got: $(head -c 300 "$work/answer")"; return 1 ;; esac
        ! grep -q 'root:' "$work/answer" || return 1
    done
}
sandbox=$(task long | jq -r '.statuses[0].container_status.sandbox')
nested=$(printf '../%.0s' {1..20})
ln -s /etc/passwd "$sandbox/link"
ln -s /etc "$sandbox/folder"
ln -s / "$(dirname "$sandbox")/up"
mkfifo "$sandbox/fifo"
check "a file of the sandbox is served" test "$(agent_get /files/download --get --data-urlencode "path=$sandbox/stdout")" = begun
check "its folder is listed" eval 'agent_get /files/browse --get --data-urlencode "path=$sandbox" | jq -e "map(.path) | any(endswith(\"/stdout\"))"'
for path in /etc/passwd "$sandbox/../../../../../../../../etc/passwd" "$sandbox/${nested}etc/passwd" "${nested}etc/passwd" \
    "$sandbox/link" "$sandbox/folder/passwd" "$sandbox/../up/etc/passwd" "/proc/self/environ" "$work/a1" "$sandbox/%2e%2e/stdout"; do
    check "${path/$work/WORK} is not" files '40[034]' "$path"
done
check "a pipe of the task stops nobody" files '40[034]' "$sandbox/fifo"
check "the agent goes on" agent_get /health

follow() { # logs -f ends with its task
    timeout 50 proffer logs -f counter >"$work/followed" || return 1
    diff <(seq 5) "$work/followed"
}
start counter proffer run -n counter "echo 1; while [ ! -e $work/followed_once ]; do sleep 0.05; done
    for i in 2 3 4 5; do echo \$i; sleep 0.2; done"
check "a task to follow runs" wait_for 20 task_runs counter
(wait_for 40 grep -q 1 "$work/followed"; touch "$work/followed_once") &
check "logs -f shows all to the end and ends with it" follow

# --- kill -------------------------------------------------------------------------------------------------

polite() {
    wait_for 20 grep -q ready "$work/polite.log" && [ "$(proffer kill polite)" = run ] &&
        wait_for 20 task_is polite '.state == "TASK_KILLED"' && wait_for 20 grep -q bye "$work/polite.log"
}
start polite proffer run -n polite 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done'
polite_pid=$pid
check "a killed task may say good bye" polite
wait "$polite_pid"
check "its exit code comes home" test $? = 5
stubborn() {
    wait_for 20 grep -q ready "$work/stubborn.log" && proffer kill --grace 300ms stubborn &&
        wait_for 20 task_is stubborn '.state == "TASK_KILLED"' && wait_for 20 nobody_runs 'sleep 3332'
}
start stubborn proffer run -n stubborn 'trap "" TERM; setsid sleep 3332 & echo ready; while :; do sleep 0.05; done'
stubborn_pid=$pid
check "one that ignores SIGTERM ends after its grace, with all it started" stubborn
wait "$stubborn_pid"
check "and was killed by signal 9" test $? = 137
check "a task that has ended cannot be killed" eval 'proffer kill stubborn 2>&1 | grep -q "has ended already"'
check "nor one that never was" eval 'proffer kill nobody; [ $? = 3 ]'
start interrupted proffer run -n interrupted 'sleep 3333'
interrupted_pid=$pid
check "a task runs at a terminal" wait_for 20 task_runs interrupted
kill -INT "$interrupted_pid"
wait "$interrupted_pid"
check "Ctrl-C ends it, as a signal would" test $? = 143
check "and nothing of it is left" wait_for 20 nobody_runs 'sleep 3333'
check "what long began is still there" task_runs long
proffer kill long >/dev/null
check "all is free again" free_again

# --- limits -------------------------------------------------------------------------------------------------

if [ "$(state '.slaves[0].isolation | index("cgroup/memory") != null')" = true ]; then
    eater='exec python3 -c "
data = []
while True: data.append(bytearray(1 << 20))"'
    command -v python3 >/dev/null || eater='exec tail /dev/zero'
    check "a task that eats memory is ended at its limit" ran 137 '' '.*[Mm]emory limit exceeded.*32MiB.*' -n eater -M 32 "$eater"
    check "and says why" task_is eater '.state == "TASK_FAILED" and (.statuses | last | .reason == "REASON_CONTAINER_LIMITATION_MEMORY"
        and .container_status.peak_mem_bytes > 20000000 and .container_status.peak_mem_bytes <= 33554432)'
else
    skip "a task that eats memory is ended at its limit" "no memory cgroup here"
fi
if [ "$(state '.slaves[0].isolation | index("cgroup/pids") != null')" = true ]; then
    start bomb proffer run -n bomb -t 5s '(f() { f & f & exec sleep 3339; }; f) & exec sleep 3339'
    bombs() {
        agent_get /monitor/statistics | jq -e 'any(.[]; .statistics.threads > 40)'
    }
    few() { agent_get /monitor/statistics | jq -e 'all(.[]; .statistics.threads <= 60)'; }
    check "a fork bomb goes off" wait_for 20 bombs
    check "and meets its limit" few
    check "others go on beside it" ran 0 fine '' 'echo fine'
    check "and it is ended" wait_for 30 task_is bomb '.state == "TASK_FAILED"'
else
    skip "a fork bomb meets its limit" "no pids cgroup here"
fi
if [ "$(state '.slaves[0].isolation | index("cgroup/cpu") != null')" = true ]; then
    # Two loops, three seconds: six of processor time without a limit, 1.5 with it; on a busy machine the seconds are
    # longer, and the loops get less.
    check "a task of half a processor is ended by its time limit" ran 143 '' '.*' -n hog -c 0.5 -t 3s \
        'while :; do :; done & while :; do :; done'
    check "and got no more than half a processor" task_is hog '(.statuses | last.timestamp - first.timestamp) as $seconds
        | .statuses | last | .container_status | .cpu_user_us + .cpu_system_us | . > 0 and . < ($seconds * 0.5 + 0.3) * 1000000'
else
    skip "a processor hog gets what it asked for" "no cpu cgroup here"
fi
check "all is free again" free_again

# --- fairness -------------------------------------------------------------------------------------------------

cpus_of() { # FRAMEWORK NAME
    state "[.frameworks[] | select(.name == \"$1\").used_resources.cpus] | add // 0"
}
cpus_are() { # LEFT RIGHT
    [ "$(cpus_of left)" = "$1" ] && [ "$(cpus_of right)" = "$2" ]
}
# Each task is one processor until it is told to go; the master gives what is free to whom has less.
until_told() { # NAME : five jobs
    seq 5 | sed "s|.*|while [ ! -e $work/go.$1.& ] \&\& [ ! -e $work/go.all ]; do sleep 0.05; done|"
}
start left proffer-batch --name left -c 1 -M 32 <(until_told left)
left_pid=$pid
check "the first framework takes all" wait_for 20 cpus_are 4 0
start right proffer-batch --name right -c 1 -M 32 <(until_told right)
right_pid=$pid
check "a second one waits for what comes free" wait_for 20 state '.frameworks | length == 2'
touch "$work/go.left.1"
check "and gets it, having less" wait_for 20 cpus_are 3 1
touch "$work/go.left.2"
check "until each has half" wait_for 20 cpus_are 2 2
touch "$work/go.left.3"
check "what one frees then is its own again" wait_for 20 eval 'cpus_are 2 2 && [ "$(state "[.frameworks[] | select(.name == \"left\").completed_tasks[]] | length")" = 3 ]'
touch "$work/go.all"
wait "$left_pid" && wait "$right_pid"
check "both end well" test $? = 0

# --- a framework goes ---------------------------------------------------------------------------------------------

start orphan proffer run -n orphan 'sleep 3334'
orphan_pid=$pid
check "a framework has a task" wait_for 20 task_runs orphan
kill -KILL "$orphan_pid"
wait "$orphan_pid" 2>/dev/null
check "when it is killed, its task ends" wait_for 20 nobody_runs 'sleep 3334'
check "and what it held is free" free_again
check "and it is no framework any more" state '.frameworks == []'

# --- the master goes and comes ---------------------------------------------------------------------------------

start survivor proffer run -n survivor 'echo first; while [ ! -e go ]; do sleep 0.05; done; echo last'
survivor_pid=$pid
check "a task runs while the master goes" wait_for 20 task_runs survivor
sandbox=$(task survivor | jq -r '.statuses[0].container_status.sandbox')
stop "$master_pid"
check "the master ends with status 0" test $? = 0
check "the framework says that it has no master" wait_for 20 grep -q 'no connection to the master' "$work/survivor.log"
begins "a new master serves in the old one's place" start_master --agent-timeout 3s --port "${master##*:}" --http-port "${http##*:}"
check "agent and framework come by themselves, with the task" wait_for 40 eval 'task_runs survivor && state ".activated_slaves == 1"'
check "what it uses is counted" state '.slaves[0].used_resources.cpus == 1'
touch "$sandbox/go"
wait "$survivor_pid"
check "the task ends as if nothing had been" test $? = 0
check "and its output is whole" eval 'diff <(printf "first\nlast\n") <(grep -v "^proffer:" "$work/survivor.log")'
check "all is free again" free_again

# --- an agent goes -------------------------------------------------------------------------------------------

begins "a second agent comes" start_agent a2 --hostname two --resources 'cpus:1;mem:256;disk:100;ports:[32000-32009]'
# Only the second one has room for both.
start first proffer run -n first -c 3.5 'sleep 3335'
check "the first agent is full" wait_for 20 task_runs first
start cut_off proffer run -n cut_off 'sleep 3336'
cut_off_pid=$pid
check "a task runs on the second" wait_for 20 task_runs cut_off
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
check "when an agent is killed, its task becomes unreachable" wait_for 20 task_is cut_off '.state == "TASK_UNREACHABLE"'
check "and the agent is counted so" state '.unreachable_slaves == 1 and .activated_slaves == 1'
check "tasks of others go on" task_runs first
check "and the master offers what is left" ran 0 fine '' -c 0.5 'echo fine'
kill -TERM "$cut_off_pid"
check "who waits for it may leave" wait_for 20 eval "! kill -0 $cut_off_pid"
check "the task of a killed agent runs on" eval "! nobody_runs 'sleep 3336'"
begins "another agent comes into its folder" start_agent a2 --hostname two --resources 'cpus:1;mem:256;disk:100;ports:[32000-32009]'
stop "$agent_pid"
check "and leaves nothing running when it goes" nobody_runs 'sleep 3336'

stop "$a1_pid"
check "an agent that is asked to end ends well" test $? = 0
check "its tasks are killed" nobody_runs 'sleep 3335'
check "and told so" task_is first '.state == "TASK_KILLED" or .state == "TASK_FAILED" or .state == "TASK_GONE"'
check "it is no agent any more" wait_for 20 state '.activated_slaves == 0 and (.slaves | length) == 0'

# --- an agent without root ----------------------------------------------------------------------------------------

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    skip "an agent without root runs tasks" "needs root and setpriv to become nobody"
elif ! setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$bin/proffer-agent"; then
    skip "an agent without root runs tasks" "the build folder is closed to others"
else
    mkdir "$work/plain" && chown 65534:65534 "$work/plain" && chmod 711 "$work"
    mkfifo "$work/plain.ready"
    exec 8<>"$work/plain.ready"
    start plain setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/proffer-agent" --master "$master" --port 0 \
        --work-dir "$work/plain/work" --ready-fd 8 --resources 'cpus:1;mem:256;disk:100;ports:[32000-32009]'
    word=
    read -r -t 20 word <&8
    exec 8>&-
    check "an agent without root registers" test "$word" = READY
    check "it says once what it cannot do" test "$(grep -c ' W .*root\| W .*cgroup' "$work/plain.log")" = 1
    check "it runs tasks" ran 4 'nobody' '' 'id -un; exit 4'
    check "it ends them with all they started" ran 143 '' '.*' -t 500ms 'sleep 3337 & sleep 3338'
    check "so that nothing is left" wait_for 20 eval "nobody_runs 'sleep 3337' && nobody_runs 'sleep 3338'"
fi
