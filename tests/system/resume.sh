#!/usr/bin/env bash
# tests/system/resume.sh BUILD - proffer-batch --resume: whatever ended a run, the next one goes on with it.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# batch STATUS FLAG... : what it says is in $work/said.
batch() {
    local status=$1 got
    shift
    timeout 90 proffer-batch "$@" >"$work/printed" 2>"$work/said" </dev/null
    got=$?
    [ $got = "$status" ] && [ ! -s "$work/printed" ] && return 0
    echo "status $got"
    tail -20 "$work/said" "$work/printed"
    return 1
}

said() { # PATTERN...
    local pattern
    for pattern in "$@"; do
        grep -qE -- "$pattern" "$work/said" || { echo "not said: $pattern"; tail -20 "$work/said"; return 1; }
    done
}

journal() { # DIR PATTERN COUNT : at least so many lines of that kind
    [ "$(grep -cE -- "$2" "$1/proffer-batch.journal")" -ge "$3" ]
}

# jobs DIR COUNT : each leaves a line in DIR/ran.N when it begins; every third one waits for DIR/go.
jobs() {
    local i wait
    mkdir -p "$1" && chmod 777 "$1"
    for i in $(seq "$2"); do
        wait="sleep 0.1"
        [ $((i % 3)) = 0 ] && wait="while [ ! -e $1/go ]; do sleep 0.05; done"
        echo "{\"name\":\"j$i\",\"cmd\":\"echo \$PROFFER_TASK_ID >>$1/ran.$i; $wait; echo out $i\",\"cpus\":0.5,\"mem\":16}"
    done >"$1/jobs"
}

# once DIR COUNT : each of the jobs ran, and no one twice, and its output is there.
once() {
    local i
    for i in $(seq "$2"); do
        [ "$(wc -l <"$1/ran.$i")" = 1 ] || { echo "job $i:"; cat "$1/ran.$i"; return 1; }
        [ "$(cat "$1/out/j$i.out")" = "out $i" ] || { echo "output of $i: $(cat "$1/out/j$i.out")"; return 1; }
    done
}

waiting() { # DIR COUNT : so many are at work and wait for DIR/go
    [ "$(grep -lE . "$1"/ran.* 2>/dev/null | grep -cE '\.[0-9]*[0369]$')" -ge "$2" ]
}

# interrupted SIGNAL DIR : begin, and be killed when some are through and some at work, and nothing is on its way: what is,
# may be lost, which is said, and it runs again. The agents have room for eight, and every third job waits.
interrupted() {
    start "${2##*/}" proffer-batch -o "$2/out" "$2/jobs"
    batch_pid=$pid
    local count at_work
    count=$(wc -l <"$2/jobs") at_work=$((count / 3))
    [ $at_work -le 8 ] || at_work=8 count=24
    wait_for 30 journal "$2/out" '"is":"succeeded"' $((count - at_work)) && wait_for 30 waiting "$2" $at_work &&
        wait_for 30 state "[.frameworks[].tasks[] | select(.state == \"TASK_RUNNING\")] | length == $at_work" || return 1
    kill "-$1" "$batch_pid"
    wait "$batch_pid" 2>/dev/null
    status=$?
    [ -e "$2/out/proffer-batch.journal" ]
}

chmod 711 "$work"
start_master --agent-timeout 20s || exit 1
begins "an agent starts" start_agent a1 --hostname one --resources 'cpus:2;mem:512;disk:1000'
begins "and another" start_agent a2 --hostname two --resources 'cpus:2;mem:512;disk:1000'
export PROFFER_MASTER=$master PROFFER_HTTP=$http

# --- SIGKILL of the batch -----------------------------------------------------------------------------

dir=$work/killed
jobs "$dir" 30
begins "a run is killed in the middle" interrupted KILL "$dir"
check "what runs goes on without it" eval 'wait_for 10 state ".frameworks[0].connected == false" && state "[.frameworks[0].tasks[] | select(.state == \"TASK_RUNNING\")] | length >= 2"'
cp "$dir/out/proffer-batch.journal" "$work/copy"
check "the folder is not begun anew" eval 'batch 2 -o "$dir/out" "$dir/jobs" && said "not finished .* of 30 jobs are done.*--resume"'
jobs "$work/other" 29
check "nor continued with other jobs" eval 'batch 2 --resume -o "$dir/out" "$work/other/jobs" && said "these 29 jobs are not the 30"'
check "and what is refused changes nothing" cmp "$work/copy" "$dir/out/proffer-batch.journal"
check "--resume needs to know where" eval 'batch 2 --resume "$dir/jobs" && said "needs --output"'
resumed() {
    start resumed proffer-batch --resume -o "$dir/out" --report "$work/report" "$dir/jobs"
    resumed_pid=$pid
    wait_for 20 grep -q 'resuming: ' "$work/resumed.log"
}
begins "the next one goes on" resumed
check "a third one is kept out while it does" eval 'batch 2 --resume -o "$dir/out" "$dir/jobs" && said "another proffer-batch \(process $resumed_pid\) is at work"'
touch "$dir/go"
wait "$resumed_pid"
check "all jobs succeed" test $? = 0
cp "$work/resumed.log" "$work/said"
check "which is said" said 'resuming: [0-9]+ of 30 jobs are done, [0-9]+ were running' '30 jobs: 30 succeeded'
check "each ran once, and its output is there" once "$dir" 30
check "nothing was lost" eval '! said "was lost"'
check "the report has all of them" eval 'jq -es "length == 30 and (map(.job) | sort == [range(1; 31)]) and all(.[]; .state == \"succeeded\" and .attempts == 1 and .ended >= .started and .exit_code == 0)" "$work/report"'
check "it went on as the same framework" state '[.completed_frameworks[].id, .frameworks[].id] | unique | length == 1'
check "a finished run is not run again" eval 'batch 0 --resume --master 127.0.0.1:1 -o "$dir/out" "$dir/jobs" && said "30 jobs: 30 succeeded" && once "$dir" 30'
check "but begun anew without --resume" eval 'batch 0 -o "$dir/out" "$dir/jobs" && [ "$(wc -l <"$dir/ran.1")" = 2 ]'

# --- ends that came while nobody listened -----------------------------------------------------------------

dir=$work/away
jobs "$dir" 12
begins "a run is killed, and its tasks end before the next" interrupted KILL "$dir"
touch "$dir/go"
check "they do" wait_for 20 state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING")] | length == 0'
check "their ends and their output are told to the next" batch 0 --resume -o "$dir/out" "$dir/jobs"
check "without running them again" once "$dir" 12

# --- Ctrl-C ---------------------------------------------------------------------------------------------

dir=$work/stopped
jobs "$dir" 12
begins "a run is interrupted" interrupted INT "$dir"
check "it ends as always" test "$status" = 130
check "and leaves nothing running" wait_for 20 state '[.frameworks[].tasks[]?] | length == 0'
touch "$dir/go"
ran=$(wc -l <"$dir/ran.1")
check "it can be resumed" batch 0 --resume -o "$dir/out" "$dir/jobs"
check "what was done is not done again" test "$ran" = "$(wc -l <"$dir/ran.1")"
check "what was stopped is" eval 'said "12 jobs: 12 succeeded" && [ "$(tail -n 1 "$dir/ran.3")" != 3.1 ]'

# --- the framework was removed meanwhile -------------------------------------------------------------------

dir=$work/removed
jobs "$dir" 12
begins "a run is killed" interrupted KILL "$dir"
id=$(jq -r 'select(.framework).framework' "$dir/out/proffer-batch.journal")
check "and its framework removed" curl -fsS --max-time 20 -d "frameworkId=$id" "http://$http/teardown"
touch "$dir/go"
check "the next one is another framework" eval 'batch 0 --resume -o "$dir/out" "$dir/jobs" && said "its framework was removed" "12 succeeded"'
check "all jobs are done" eval 'for i in $(seq 12); do [ "$(cat "$dir/out/j$i.out")" = "out $i" ] || exit 1; done'

# --- a journal that is not right ------------------------------------------------------------------------------

dir=$work/torn
jobs "$dir" 12
begins "another one is killed" interrupted KILL "$dir"
touch "$dir/go"
cp "$dir/out/proffer-batch.journal" "$work/copy"
sed '3s/.*/{"job":99,"is":"launched","attempt":1}/' "$work/copy" >"$dir/out/proffer-batch.journal"
check "a job that is none is told by its line" eval 'batch 2 --resume -o "$dir/out" "$dir/jobs" && said "proffer-batch.journal, line 3: .*from 1 to 12.*remove it"'
printf 'garbage\n' >"$dir/out/proffer-batch.journal"
check "garbage is refused, with and without --resume" eval 'batch 2 --resume -o "$dir/out" "$dir/jobs" && said "line 1: not an object" && batch 2 -o "$dir/out" "$dir/jobs" && said "line 1: not an object"'
{ cat "$work/copy"; printf '{"job":1,"is":"fai'; } >"$dir/out/proffer-batch.journal"
check "a line that was cut off is passed over" batch 0 --resume -o "$dir/out" "$dir/jobs"
check "and each job ran once" once "$dir" 12

mkdir "$work/full"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k proffer-test "$work/full" 2>/dev/null; then
    disk_full() {
        local got=0
        head -c 60000 /dev/zero >"$work/full/ballast"
        seq 400 | sed 's/.*/{"cmd":"true","cpus":0.1,"mem":1}/' >"$work/quick"
        batch 3 -o "$work/full/out" "$work/quick" && said 'proffer-batch.journal cannot be written: No space left.*--resume' || got=1
        rm "$work/full/ballast"
        mount -o remount,size=8m "$work/full"
        [ $got = 0 ] && batch 0 --resume -o "$work/full/out" "$work/quick" && said '400 jobs: 400 succeeded'
    }
    check "a full disk stops a run, and it is resumed when there is room" disk_full
    umount "$work/full"
else
    skip "a full disk stops a run, and it is resumed when there is room" "cannot mount a tmpfs here"
fi

# --- the master dies, too -----------------------------------------------------------------------------------

dir=$work/both
jobs "$dir" 18
begins "a run is killed ..." interrupted KILL "$dir"
kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
ok "... and so is the master"
check "there is no master to resume with" eval 'batch 3 --resume --connect-timeout 1s -o "$dir/out" "$dir/jobs" && said "no master answered"'
restart() {
    start master proffer-master --port "${master##*:}" --http-port "${http##*:}" --agent-timeout 20s --work-dir "$work/master"
    master_pid=$pid
}
restart
touch "$dir/go"
check "with the next master the next run goes on" batch 0 --resume -o "$dir/out" "$dir/jobs"
check "and each job ran once" once "$dir" 18
