#!/usr/bin/env bash
# tests/system/cli.sh BUILD - every command of `proffer`: its help, its formats, how ids may be given.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

# gives STATUS COMMAND... : that exit status, both outputs in $work/out.
gives() {
    local status=$1 got
    shift
    timeout 30 "$@" >"$work/out" 2>&1 </dev/null
    got=$?
    [ $got = "$status" ] || { echo "status $got"; cat "$work/out"; return 1; }
}

# fits COMMAND... : its help is for a screen, and says how it exits.
fits() {
    "$@" --help >"$work/help" 2>"$work/err" || return 1
    [ ! -s "$work/err" ] && head -1 "$work/help" | grep -q "^Usage: $*" && grep -q '^Exit' "$work/help" &&
        [ "$(wc -l <"$work/help")" -le 32 ] && ! grep -nE '.{81}' "$work/help" && ! grep -nE '\[-1[a-zA-Z]*\]|\[0[a-z]*\]' "$work/help"
}

# aligned : each column of $work/out begins or ends where its title does, in every line.
aligned() {
    awk 'NR == 1 { count = split($0, titles, /  +/); for (i = 1; i <= count; i++) { at[i] = index($0, titles[i]); end[i] = at[i] + length(titles[i]) } next }
         { for (i = 2; i <= count; i++)
               if (substr($0, at[i] - 1, 1) != " " && substr($0 " ", end[i], 1) != " ") bad = 1 }
         END { exit bad }' "$work/out"
}

commands=(status agents frameworks tasks offers run logs kill quota weight priority role why drain deactivate reactivate gone maintenance reservation volume local)

# --- help ------------------------------------------------------------------------------------------

for command in "${commands[@]}"; do
    check "help of $command fits a screen and tells its exit codes" fits proffer "$command"
done
check "help of proffer-batch, too" eval 'proffer-batch --help >"$work/help" && [ "$(wc -l <"$work/help")" -le 36 ] && ! grep -nE ".{93}" "$work/help" && grep -q "^Exit:" "$work/help"'
overview() {
    local command
    proffer --help >"$work/help" && [ "$(wc -l <"$work/help")" -le 30 ] && ! grep -nE '.{81}' "$work/help" || return 1
    for command in "${commands[@]}"; do grep -qE "^  $command +[a-z]" "$work/help" || return 1; done
}
check "the overview names every command on one screen" overview
check "proffer help is the same" eval 'diff <(proffer --help) <(proffer help)'
check "without a command it is a usage error" eval 'gives 2 proffer && grep -q ^Usage "$work/out"'
check "the version is one" eval 'gives 0 proffer --version && grep -qxE "proffer [0-9]+\.[0-9]+\.[0-9]+" "$work/out"'
check "every command is in the man page" eval 'for c in "${commands[@]}"; do grep -qE "(fB|^\.B |^\.BI )$c" docs/man/proffer.1 || exit 1; done'
suggests() {
    gives 2 proffer "$1" && grep -q "did you mean \"$2\"" "$work/out"
}
check "a mistyped command is guessed: statsu" suggests statsu status
check "tsks" suggests tsks tasks
check "agent" suggests agent agents
check "log" suggests log logs
check "a window of no length is refused in words" eval 'gives 2 proffer maintenance schedule w --for 0s && grep -q -- "--for: 0s is too little, at least 1ms is possible" "$work/out"'
check "what is like nothing is not" eval 'gives 2 proffer xyzzy && grep -q "try proffer --help" "$work/out" && ! grep -q "did you mean" "$work/out"'

# --- a cluster to look at -----------------------------------------------------------------------------

start_master --cluster seen || exit 1
start_agent a1 --hostname one --resources 'cpus:2;mem:512;disk:1000;ports:[31000-31009]' || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
check "a task ends" gives 0 proffer run -n done 'echo done'
check "another fails" gives 4 proffer run -n broken 'exit 4'
check "whom a container runs as is nothing without one" gives 2 proffer run --container-user 1000 true
start web proffer run -n web.1 -c 0.5 'echo up; exec sleep 5551'
check "a third one runs" wait_for 20 eval 'proffer tasks | grep -q RUNNING'

check "status is one screen" eval 'gives 0 proffer status && grep -q "^Cluster  *seen" "$work/out" && grep -q "0.5 of 2 used" "$work/out" &&
    grep -q "1 running, 1 finished, 1 failed" "$work/out" && [ "$(wc -l <"$work/out")" -le 24 ]'
check "status as JSON" eval 'proffer status -o json | jq -e ".cluster == \"seen\" and .metrics.\"master/tasks_running\" == 1"'
for command in agents frameworks tasks offers; do
    check "$command: a table" eval 'gives 0 proffer $command && head -1 "$work/out" | grep -q "^ID  " && aligned'
    check "$command: wide" eval 'gives 0 proffer $command -o wide && aligned'
    check "$command: without titles" eval 'gives 0 proffer $command --no-headers && ! grep -q "^ID  " "$work/out"'
    check "$command: JSON" eval 'proffer $command -o json | jq -e "type == \"array\""'
    check "$command: names" eval 'diff <(proffer $command -o name) <(proffer $command -o json | jq -r ".[].id")'
    check "$command: a wrong format" eval 'gives 2 proffer $command -o xml && grep -q "table, wide, json or name" "$work/out"'
    check "$command: a word too many" eval 'gives 2 proffer $command foo && grep -q "no \"foo\" (try proffer $command --help)" "$work/out"'
    check "$command: no master" eval 'gives 5 proffer $command --http 127.0.0.1:1 && grep -q "is it running" "$work/out"'
done
check "agents shows what is used" eval 'proffer agents | grep -qE "^S0 +one +127.0.0.1:[0-9]+ +active +0.5/2 "'
check "tasks shows what has not ended" eval '[ "$(proffer tasks --no-headers | wc -l)" = 1 ] && proffer tasks | grep -q web.1'
check "tasks --all shows what has" eval '[ "$(proffer tasks -a --no-headers | wc -l)" = 3 ] && proffer tasks -a | grep -qE "broken +FAILED"'
framework=$(proffer frameworks -o name)
check "tasks of one framework, by its last part" eval '[ "$(proffer tasks -a --no-headers -f "${framework##*-}" | wc -l)" = 1 ]'
check "and by its whole id" eval '[ "$(proffer tasks -a --no-headers -f "$framework" | wc -l)" = 1 ]'
check "of one that is not there: none" eval '[ "$(proffer tasks -a --no-headers -f nobody | wc -l)" = 0 ]'
check "completed frameworks are shown so" eval 'proffer frameworks --completed | grep -qE "^[0-9]+ +run +completed"'
check "why a framework is offered nothing is said" eval 'proffer why "$framework" | grep -q "^role \*: [0-9]* offers are out"'
check "of a framework that is not there nothing is said" gives 3 proffer why nobody
check "a framework at work is active" eval 'proffer frameworks | grep -qE " run +active"'

# --- ids and names ----------------------------------------------------------------------------------------

check "logs by name" eval '[ "$(proffer logs web.1)" = up ]'
check "logs of a task that has ended" eval '[ "$(proffer logs done)" = done ]'
for i in 1 2; do printf '{"cmd":"echo %s; exec sleep 5552","cpus":0.2,"mem":16}\n' $i $i; done | sed '1d;3d' >"$work/jobs"
start batch proffer-batch "$work/jobs"
check "a batch of two runs" wait_for 20 eval '[ "$(proffer tasks --no-headers | grep -c job-)" = 2 ]'
check "an id by its beginning" eval '[ "$(proffer logs 2.)" = 2 ]'
check "a beginning that several have is told" eval 'gives 1 proffer logs "" || gives 3 proffer logs ""'
check "of one framework only" eval 'gives 3 proffer logs --framework "$framework" 2.1'
check "several are killed at once, each is named" eval '[ "$(proffer kill 1.1 2.1 | sort | tr "\n" " ")" = "1.1 2.1 " ]'
check "one that is not there does not keep the others" eval 'gives 3 proffer kill nobody web.1 && grep -qx run "$work/out"'
check "output to a full disk is an error" eval 'proffer tasks -a >/dev/full; [ $? = 1 ]'
