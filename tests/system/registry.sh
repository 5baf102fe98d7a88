#!/usr/bin/env bash
# tests/system/registry.sh BUILD - a master that is killed and started again on its folder: who is known, what
# goes on, what becomes of those that do not come back; old copies of the registry, and a full disk.
. "$(dirname "$0")/lib.sh"
system_begin "$1"
trap 'status=$?; umount -l "$work/small" 2>/dev/null; (exit $status); system_end' EXIT

metric() { # NAME VALUE
    ask "http://$http/metrics/snapshot" ".[\"$1\"] == $2"
}

health() { # CODE
    [ "$(curl -s --max-time 20 -o "$work/health" -w '%{http_code}' "http://$http/health")" = "$1" ]
}

refused() { # STATUS PATTERN COMMAND...
    local wanted=$1 pattern=$2 status
    shift 2
    timeout 20 "$@" >"$work/said" 2>&1
    status=$?
    [ $status = "$wanted" ] && grep -qE -- "$pattern" "$work/said" && return 0
    echo "status $status:" && cat "$work/said"
    return 1
}

flags=(--agent-timeout 3s --agent-reregister-timeout 5s)

again() { # [FLAG...] : a master where the other one was
    start_master "${flags[@]}" --port "${master##*:}" --http-port "${http##*:}" "$@"
}

kill_master() {
    kill -KILL "$master_pid"
    wait "$master_pid" 2>/dev/null
    true
}

agent_ids() {
    state '[.slaves[].id] | sort | join(" ")'
}

# Jobs that each leave a line, so that one that ran twice is seen.
write_jobs() { # COUNT SECONDS [FILE] : the last one waits for that file
    local i last=
    for ((i = 0; i < $1; i++)); do
        [ $i != $(($1 - 1)) ] || [ -z "${3:-}" ] || last="while [ ! -e $3 ]; do sleep 0.05; done; "
        echo "{\"name\":\"j$i\",\"cmd\":\"${last}sleep $2; echo j$i >>$work/marks\",\"cpus\":0.5,\"mem\":32}"
    done >"$work/jobs"
    : >"$work/marks" && chmod 666 "$work/marks"
}

each_job_once() { # COUNT
    [ "$(wc -l <"$work/marks")" = "$1" ] && [ "$(sort -u "$work/marks" | wc -l)" = "$1" ]
}

chmod 755 "$work"
start_master "${flags[@]}" || exit 1
begins "a first agent comes" start_agent a1 --hostname one --resources 'cpus:1;mem:512;disk:100;ports:[31000-31009]'
begins "a second" start_agent a2 --hostname two --resources 'cpus:1;mem:512;disk:100;ports:[31010-31019]'
begins "and a third" start_agent a3 --hostname three --resources 'cpus:1;mem:512;disk:100;ports:[31020-31029]'
a3_pid=$agent_pid
export PROFFER_MASTER=$master PROFFER_HTTP=$http
check "all three are there" wait_for 20 state '.activated_slaves == 3'
ids=$(agent_ids)
check "a second master in its folder is told whose it is" refused 1 "in use by another master, pid $master_pid" \
    proffer-master --port 0 --http-port 0 --work-dir "$work/master"

# --- killed under load ----------------------------------------------------------------------------------

write_jobs 24 0.7 "$work/seen"
start batch proffer-batch "$work/jobs"
batch_pid=$pid
check "a batch is under way" wait_for 20 eval '[ "$(wc -l <"$work/marks")" -ge 4 ]'
framework=$(state '.frameworks[0].id')
kill_master
begins "a master is killed and started again" again
check "it is the second reign" grep -q 'epoch 2: ' "$work/master.log"
check "the same agents are back" wait_for 20 eval '[ "$(agent_ids)" = "$ids" ]'
check "so is the framework" wait_for 20 state ".frameworks[0].id == \"$framework\" and .frameworks[0].connected"
touch "$work/seen"
wait "$batch_pid"
check "the batch ends well" test $? = 0
check "each job has run once" each_job_once 24
check "the framework has left" wait_for 20 state '.frameworks == []'

# --- an agent with more than a message holds ------------------------------------------------------------------

long=$(printf '%100000s' '' | tr ' ' x)
for ((i = 0; i < 60; i++)); do
    echo "{\"name\":\"long$i\",\"cmd\":\": $long; exec sleep 6123\",\"cpus\":0.02,\"mem\":1}"
done >"$work/long.jobs"
start long proffer-batch "$work/long.jobs"
long_pid=$pid
long_run() { # COUNT
    state "[.frameworks[].tasks[] | select(.state == \"TASK_RUNNING\")] | length == $1"
}
check "sixty tasks with commands of 100 KB run" wait_for 60 long_run 60
kill_master
begins "the master is killed and started again" again
check "they are all there again" wait_for 60 long_run 60
check "some came before their agent had registered" ask "http://$http/metrics/snapshot" '.["master/messages_register_tasks"] > 0'
stop "$long_pid"
check "their framework leaves" wait_for 30 state '.frameworks == []'

# --- an agent dies meanwhile ----------------------------------------------------------------------------------

kill_master
kill -KILL "$a3_pid"
wait "$a3_pid" 2>/dev/null
begins "while the master is away, an agent dies" again
check "those that live are back" wait_for 20 state '.activated_slaves == 2'
check "the other one is known and awaited" state '(.recovered_slaves | length) == 1 and .unreachable_slaves == 0'
check "after its time it is unreachable" wait_for 20 state '(.recovered_slaves | length) == 0 and .unreachable_slaves == 1'
kill_master
begins "the next master" again
check "knows that" wait_for 20 state '.activated_slaves == 2 and .unreachable_slaves == 1'

# --- an old copy of the registry ------------------------------------------------------------------------------------

stop "$master_pid"
mkdir "$work/copy" && cp "$work"/master/registry.sqlite* "$work/copy"
for _ in 1 2 3; do
    again && wait_for 20 state '.activated_slaves == 2' && stop "$master_pid"
done
rm "$work"/master/registry.sqlite* && cp "$work"/copy/* "$work/master"
begins "a master starts on an old copy of its registry" again
check "nobody obeys it, and it says what is to be done" wait_for 30 \
    grep -qE 'is refused: it has obeyed a newer master, of epoch [0-9]+.*--epoch-at-least [0-9]+' "$work/master.log"
advice=$(sed -nE 's/.*registry is an old copy.*--epoch-at-least ([0-9]+).*/\1/p' "$work/master.log" | tail -1)
check "it has no agents" state '.activated_slaves == 0'
stop "$master_pid"
begins "started as advised" again --epoch-at-least "${advice:-0}"
check "it has them" wait_for 40 state '.activated_slaves == 2'

# --- a registry that is no registry -------------------------------------------------------------------------------------

mkdir "$work/broken"
yes 'no database' | head -c 20000 >"$work/broken/registry.sqlite"
check "a damaged registry is refused with advice" refused 1 'proffer-master\(8\)' \
    proffer-master --port 0 --http-port 0 --work-dir "$work/broken"
check "a folder that cannot be made is told" refused 1 '/proc/none' \
    proffer-master --port 0 --http-port 0 --work-dir /proc/none
check "a rate that is none is told" refused 2 'as 20/1m' proffer-master --agent-removal-rate often
check "a registry that there is not is told" refused 2 'sqlite or memory' proffer-master --registry paper

# --- a full disk ----------------------------------------------------------------------------------------------------------

new_agent() {
    start late proffer-agent --master "$master" --port 0 --work-dir "$work/late" --hostname late \
        --resources 'cpus:1;mem:128;disk:10;ports:[31030-31039]'
}

stop "$master_pid"
mkdir "$work/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=512k none "$work/small" 2>/dev/null; then
    # The reign goes on in another place.
    cp "$work"/master/registry.sqlite* "$work/small"
    begins "a master on a small disk" again --work-dir "$work/small"
    check "has its agents" wait_for 40 state '.activated_slaves == 2'
    write_jobs 12 0.7
    start batch proffer-batch "$work/jobs"
    batch_pid=$pid
    check "a batch is under way there" wait_for 20 eval '[ "$(wc -l <"$work/marks")" -ge 1 ]'
    dd if=/dev/zero of="$work/small/filler" bs=4k 2>/dev/null
    new_agent
    check "when the disk is full, a new agent is refused with the reason" wait_for 20 \
        grep -q 'refused: it cannot be let in now.*full' "$work/master.log"
    check "its health says so" wait_for 10 eval 'health 503 && grep -q "registry cannot be written" "$work/health"'
    check "and its metrics" metric 'registrar/ok' 0
    wait "$batch_pid"
    check "what runs goes on to its end" test $? = 0
    check "each job has run once" each_job_once 12
    rm "$work/small/filler"
    check "with room again, the new agent is let in" wait_for 40 state '.activated_slaves == 3'
    check "and all is well" eval 'health 200 && metric registrar/ok 1'
    kill_master
    begins "what was kept there is there" again --work-dir "$work/small"
    check "for all three" wait_for 40 state '.activated_slaves == 3'
    stop "$master_pid"
else
    skip "a full disk" "needs root and a tmpfs"
fi
