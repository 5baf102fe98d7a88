#!/usr/bin/env bash
# tests/system/batch.sh BUILD - proffer-batch on a real cluster: what it reads, runs, retries, collects and tells.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# batch STATUS FLAG... : jobs from standard input; what it says is in $work/said.
batch() {
    local status=$1 got
    shift
    timeout 90 proffer-batch "$@" >"$work/printed" 2>"$work/said"
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

# reported NUMBER FILTER : the report is that many objects, and the filter holds for their array.
reported() {
    jq -es "length == $1 and ($2)" "$work/report" >"$work/jq.out" || { tail -20 "$work/report"; return 1; }
}

nobody_runs() { # COMMAND LINE
    ! pgrep -f -x -- "$1"
}

succeeded() { # COUNT
    [ "$(grep -c '"state":"succeeded"' "$work/report")" -ge "$1" ]
}

start_master --agent-timeout 3s || exit 1
begins "an agent starts" start_agent a1 --hostname one --resources 'cpus:4;mem:1024;disk:1000;ports:[31000-31099]'
a1_pid=$agent_pid
export PROFFER_MASTER=$master PROFFER_HTTP=$http

# --- what it reads -------------------------------------------------------------------------------------

# wrong PATTERN TEXT : these jobs are refused with exit 2 before anything runs, in one line.
wrong() {
    printf '%b' "$2" >"$work/jobs"
    batch 2 "$work/jobs" && said "$1" && [ "$(wc -l <"$work/said")" = 1 ]
}
check "what is not JSON is told by line and column" wrong 'jobs:2: not JSON.*column' 'true\n{"cmd":"true"\n'
check "so is an unknown field, with those there are" wrong 'jobs:1: unknown field "cpu".*cpus' '{"cmd":"true","cpu":1}\n'
check "a missing command" wrong 'jobs:3: "cmd" is missing' '# nothing\n\n{"name":"x"}\n'
check "a number that is none" wrong 'jobs:1: "cpus" must be a number' '{"cmd":"true","cpus":"many"}\n'
check "a negative one" wrong 'jobs:1: "retries" must be' '{"cmd":"true","retries":-1}\n'
check "a time that is none" wrong 'jobs:1: "timeout" is not a duration: "soon"' '{"cmd":"true","timeout":"soon"}\n'
check "an environment that is none" wrong 'jobs:1: "env": "A" must be a text' '{"cmd":"true","env":{"A":1}}\n'
check "a name that would leave the folder" wrong 'jobs:1: "name" must be' '{"cmd":"true","name":"../x"}\n'
check "two jobs of one name" wrong 'jobs 1 and 3 are both named "a"' '{"cmd":"true","name":"a"}\ntrue\n{"cmd":"true","name":"a"}\n'
check "a job after one that is not there" wrong '"a" comes after "b", which is no job here' '{"cmd":"true","name":"a","after":"b"}\n'
check "a job after itself" wrong '"a" waits for itself' '{"cmd":"true","name":"a","after":"a"}\n'
check "a circle" wrong 'waits for itself' '{"cmd":"true","name":"a","after":"b"}\n{"cmd":"true","name":"b","after":"a"}\n'
check "bytes that are no text" wrong 'jobs:1: the command is not valid UTF-8' 'echo \0377\n'
head -c 100000 /dev/zero | tr '\0' '[' >"$work/deep"
check "JSON without end" eval '{ printf "{\"cmd\":"; cat "$work/deep"; } >"$work/jobs"; batch 2 "$work/jobs" && said "jobs:1: not JSON"'
check "a file that is not there" eval 'batch 2 "$work/none" && said "none: No such file"'
check "a flag that is not there" eval 'batch 2 --job 3 --unknown </dev/null && said "unknown"'
check "a number of jobs that is none" eval 'batch 2 --jobs many </dev/null && said "whole number.*many"'
check "two files" eval 'batch 2 a b && said "one file"'
check "a folder that cannot be made" eval 'echo true | batch 2 --output /proc/none/x && said "output"'
check "resources that are none" eval 'echo true | batch 1 --resources cpus:x && said "cpus"'
check "no jobs are no failure" eval 'printf "\n# nothing\n" | batch 0'

# --- what it runs ---------------------------------------------------------------------------------------

cat >"$work/jobs" <<'JOBS'
echo a line; echo its error >&2
# a comment

{"cmd":"printf \"$A-$PROFFER_TASK_ID\"","name":"with env","env":{"A":"x y"},"cpus":0.5,"mem":32}
{"cmd":"printf '\\000\\001\\377\\n'","name":"binary"}
{"cmd":"true","name":"empty","retries":null}
{"cmd":"head -c 2000000 /dev/zero","name":"large"}
{"cmd":"exit 9","name":"nine"}
{"cmd":"kill -9 $$","name":"slain"}
{"cmd":"[ $PORT0 -ge 31000 ] && [ $PORT1 -le 31099 ]","name":"ports","ports":2}
JOBS
check "jobs of all kinds run; two fail" batch 1 --output "$work/out" --report "$work/report" "$work/jobs"
check "which is said, with the reasons" said 'nine failed: exited with status 9' 'slain failed: .*signal 9' '8 jobs: 6 succeeded, 2 failed'
check "a line's output is there, and its errors" eval \
    'diff <(echo a line) "$work/out/job-1.out" && diff <(echo its error) "$work/out/job-1.err"'
check "a job finds its environment" eval 'grep -qxF "x y-2.1" "$work/out/with env.out"'
check "binary output is exact" eval 'printf "\000\001\377\n" | cmp - "$work/out/binary.out"'
check "no output is an empty file and no errors none" eval '[ -e "$work/out/empty.out" ] && [ ! -s "$work/out/empty.out" ] && [ ! -e "$work/out/empty.err" ]'
check "large output is whole" eval 'head -c 2000000 /dev/zero | cmp - "$work/out/large.out"'
check "the report has a line for each" reported 8 'map(.job) | sort == [range(1; 9)]'
check "with what became of it" reported 8 '(map(select(.state == "succeeded")) | length) == 6
    and all(.[]; .attempts == 1 and .seconds >= 0 and .ended >= .started and .agent and .cmd)
    and (.[] | select(.name == "nine") | .state == "failed" and .exit_code == 9)
    and (.[] | select(.name == "slain") | .state == "failed" and .signal == 9)'
check "standard input is read, the last line without its end, too" eval 'printf "echo one\necho two" | batch 0 -o "$work/in" -q && [ "$(cat "$work"/in/*.out)" = $'\''one\ntwo'\'' ]'
check "quiet says nothing when all is well" test ! -s "$work/said"

gone() {
    echo 'seq 10000000' | batch 0 -o "$work/gone" && said 'job-1: only the last [0-9]+ of 78888897 bytes of its stdout' &&
        [ "$(tail -n 1 "$work/gone/job-1.out")" = 10000000 ] && seq 10000000 | tail -c "$(wc -c <"$work/gone/job-1.out")" | cmp - "$work/gone/job-1.out"
}
full() {
    [ -c /dev/full ] && ln -sf /dev/full "$work/out/job-1.out"
    echo 'echo much' | batch 1 -o "$work/out" --report "$work/report" && reported 1 '.[0].attempts == 1 and (.[0].message | test("job-1.out"))'
}
too_large() {
    echo 'seq 5000000; seq 3000000 >&2' | batch 0 -o "$work/rotated" && seq 5000000 | cmp - "$work/rotated/job-1.out" &&
        seq 3000000 | cmp - "$work/rotated/job-1.err"
}
own_stdout() {
    echo 'echo a; seq 100 >stdout' | batch 1 -o "$work/own" --report "$work/report" &&
        reported 1 '.[0].attempts == 1 and (.[0].message | test("has written to the file stdout of its sandbox"))'
}
no_stdout() {
    echo 'echo a; rm stdout' | batch 1 -o "$work/none" --report "$work/report" &&
        reported 1 '.[0].message | test("^lost [0-9]+ times, at last: its output: .*no such file")'
}
check "output that the agent has put aside in pieces is whole" too_large
check "a job that overwrites what keeps its output is told so" own_stdout
check "one that removes it fails in the end, and says why" no_stdout
check "what is not on the agent any more is told" gone
check "a file that cannot be written fails its job at once" full

# --- again, in time, in order -----------------------------------------------------------------------------

cat >"$work/third" <<'SH'
#!/bin/sh
echo x >>"$1"
[ "$(wc -l <"$1")" -ge 3 ]
SH
mkdir "$work/tries" && chmod 777 "$work/tries" && chmod 711 "$work" && chmod 755 "$work/third"
check "a job that fails twice succeeds the third time" eval 'echo "sh $work/third $work/tries/a" |
    batch 0 --retries 2 --report "$work/report" && reported 1 ".[0].attempts == 3"'
check "and is given up when it may fail only once" eval 'echo "sh $work/third $work/tries/b" |
    batch 1 --retries 1 --report "$work/report" && reported 1 ".[0].attempts == 2 and .[0].state == \"failed\""'
check "a time limit ends a job and what it started" eval 'echo "sleep 4441 & sleep 4441" | batch 1 --timeout 500ms &&
    said "ran longer" && wait_for 20 nobody_runs "sleep 4441"'

cat >"$work/jobs" <<JOBS
{"name":"last","cmd":"echo last >>$work/tries/order","after":["first","second"]}
{"name":"second","cmd":"echo second >>$work/tries/order","after":"first"}
{"name":"first","cmd":"sleep 0.2; echo first >>$work/tries/order"}
{"name":"broken","cmd":"false"}
{"name":"skipped","cmd":"echo skipped >>$work/tries/order","after":"broken"}
{"name":"too","cmd":"echo skipped >>$work/tries/order","after":"skipped"}
JOBS
check "jobs wait for those before them" eval 'batch 1 --report "$work/report" "$work/jobs"; diff <(printf "first\nsecond\nlast\n") "$work/tries/order"'
check "those behind a failed one are skipped" reported 6 'map(select(.state == "skipped").name) | sort == ["skipped", "too"]'
check "and that is said" said 'skipped skipped: "broken" did not succeed' 'too skipped' '6 jobs: 3 succeeded, 1 failed, 2 skipped'

check "no more at a time than --jobs" eval 'for i in 1 2 3 4 5 6; do echo "mkdir $work/tries/one && sleep 0.1 && rmdir $work/tries/one"; done | batch 0 --jobs 1 -c 0.1 -M 32'
check "without it several are at work" eval 'for i in 1 2; do echo "touch $work/tries/here$i; while [ ! -e $work/tries/here1 ] || [ ! -e $work/tries/here2 ]; do sleep 0.05; done"; done | batch 0 -t 30s'
fails_fast() {
    printf 'sleep 4442\nfalse\n' >"$work/jobs"
    seq 20 | sed 's/.*/sleep 4442/' >>"$work/jobs"
    batch 1 --fail-fast --report "$work/report" "$work/jobs" && reported 22 'map(select(.state == "stopped")) | length == 21'
}
check "--fail-fast stops at the first failure" fails_fast
check "and leaves nothing running" wait_for 20 nobody_runs 'sleep 4442'

many() {
    seq 500 | sed 's/.*/echo & \&\& [ & -gt 0 ]/' | batch 0 -c 0.2 -M 16 --output "$work/many" --report "$work/report" &&
        reported 500 'all(.[]; .state == "succeeded")' && diff <(seq 500) <(cat "$work"/many/*.out | sort -n)
}
check "five hundred quick jobs" many
waits_in_vain() {
    proffer-batch <<<'{"cmd":"true","cpus":64}' 2>"$work/said" &
    wait_for 30 said 'no offer fits job-1.*cpus' || said 'no offer fits job-1.*cpus'
    kill -INT $!
    wait $!
    [ $? = 130 ]
}
check "what fits no agent is told, with what is short" waits_in_vain

# --- Ctrl-C -------------------------------------------------------------------------------------------------

interrupted() {
    local status
    seq 10 | sed 's/.*/echo begun; sleep 4443/' >"$work/jobs"
    proffer-batch --report "$work/report" "$work/jobs" 2>"$work/said" &
    wait_for 20 pgrep -f -x 'sleep 4443' && kill -INT $!
    wait $!
    status=$?
    [ $status = 130 ] || { echo "status $status"; return 1; }
}
check "Ctrl-C ends it with 130" interrupted
check "kills what ran" wait_for 20 nobody_runs 'sleep 4443'
check "says what was left" said 'interrupted: killing 4 running' '10 jobs: 0 succeeded, 10 stopped'
check "and reports it" reported 10 'all(.[]; .state == "stopped")'

# --- on a terminal ------------------------------------------------------------------------------------------

on_terminal() {
    seq 12 | sed 's/.*/sleep 0.3/' >"$work/jobs"
    timeout 60 script -qefc "stty cols 100; proffer-batch $work/jobs" "$work/typescript" </dev/null >/dev/null || return 1
    tr '\r' '\n' <"$work/typescript" | grep -E '[0-9]+/12 done, [0-9] running, [0-9.]+/s, [0-9]+:[0-9]+ left' && grep -q '12 jobs: 12 succeeded' "$work/typescript"
}
if command -v script >/dev/null; then
    check "a terminal shows progress, rate and estimate" on_terminal
else
    skip "a terminal shows progress, rate and estimate" "no script(1) here"
fi

# --- losses -------------------------------------------------------------------------------------------------

begins "a second agent comes" start_agent a2 --hostname two --resources 'cpus:4;mem:1024;disk:1000;ports:[32000-32099]'
both_agents() {
    state '[.frameworks[].tasks[] | select(.state == "TASK_RUNNING").slave_id] | unique | length == 2'
}
# All but the first stay until one of their agents is dead.
seq 40 | sed "s|.*|while [ & -gt 4 ] \&\& [ ! -e $work/dead ]; do sleep 0.1; done; echo &|" >"$work/jobs"
rm -f "$work/report"
start survivor proffer-batch --output "$work/lost" --report "$work/report" "$work/jobs"
survivor_pid=$pid
check "some jobs are through" wait_for 20 succeeded 4
check "both agents are at work" wait_for 20 both_agents
kill -KILL "$agent_pid"
wait "$agent_pid" 2>/dev/null
touch "$work/dead"
wait "$survivor_pid"
check "though one agent is killed, all jobs succeed" test $? = 0
cp "$work/survivor.log" "$work/said"
check "what was lost ran again" said 'was lost .*runs again' '40 jobs: 40 succeeded'
check "nothing counts as a failed attempt" reported 40 'all(.[]; .state == "succeeded")'
begins "another agent comes into its folder, and clears up" start_agent a2 --hostname two --resources 'cpus:4;mem:1024;disk:1000;ports:[32000-32099]'
stop "$agent_pid"
check "and all output is there" eval 'diff <(seq 40) <(cat "$work"/lost/*.out | sort -n)'

check "no master is given up after a while" eval 'echo true | batch 3 --master 127.0.0.1:1 --connect-timeout 1s && said "no master answered" "PROFFER_MASTER"'

stop "$a1_pid"
waits() {
    echo 'echo came' >"$work/jobs"
    proffer-batch -o "$work/waited" "$work/jobs" 2>"$work/said" &
    wait_for 20 state '.frameworks | length == 1' && touch "$work/waits" && wait $!
}
waits >"$work/waits.log" 2>&1 &
waits_pid=$!
check "without an agent it waits" wait_for 20 test -e "$work/waits"
begins "for one to come" start_agent a3 --hostname three --resources 'cpus:1;mem:256;disk:100;ports:[32000-32009]'
wait "$waits_pid"
check "and goes on" test "$(cat "$work/waited/job-1.out")" = came
