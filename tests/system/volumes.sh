#!/usr/bin/env bash
# tests/system/volumes.sh BUILD - reservations and volumes with real daemons: what one task has written is there for
# the next, whatever becomes of the agent; only DESTROY takes it away.
set -u
. "$(dirname "$0")/lib.sh"
system_begin "$1"

keeper() { # STEP... : in role "ads"
    PROFFER_MASTER=$master timeout 60 "$build/tests/keeper" ads "$@"
}

# is_told TEXT ROLE STEP... : what does not fit is tried with each offer, for ever, and told each time.
is_told() {
    local text=$1 status
    shift
    PROFFER_MASTER=$master start keeper "$build/tests/keeper" "$@"
    wait_for 20 grep -qF -- "$text" "$work/keeper.log"
    status=$?
    kill -TERM "$pid"
    wait "$pid"
    return $status
}

# says TEXT COMMAND... : the command ends well or not, and has said that.
says() {
    local text=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qF -- "$text" <<<"$output" || { echo "$output"; return 1; }
}

slave() { # FILTER : of the one agent, with its resources spelled out
    ask "http://$http/slaves" ".slaves[0] | $1"
}

again() { # the agent is killed and started on the same folder
    kill -KILL "$agent_pid"
    wait "$agent_pid" 2>/dev/null
    start_agent a1 --resources "$resources" "$@" && wait_for 20 state '.slaves[0].active'
}

agent_id() {
    state '.slaves[0].id'
}

volume=$work/a1/volumes/ads/db
resources='cpus:2;mem:512;disk:1000;ports:[31000-31002]'
start_master || exit 1
start_agent a1 --hostname node1 --domain eu/a --resources "$resources" || exit 1
id=$(agent_id)

check "an agent tells where it stands" state '.slaves[0].domain.fault_domain.zone.name == "a"'
check "a bad domain is refused" says "--domain: \"eu\": expected REGION/ZONE" \
    proffer-agent --work-dir "$work/a2" --port 0 --domain eu
check "a dynamic reservation cannot be a setting" says "are made by frameworks and operators" \
    proffer-agent --work-dir "$work/a2" --port 0 --resources 'cpus(ads dynamic):1'

check "what is reserved, and a volume, is made in one go" keeper reserve='cpus:0.5;mem:64;disk:100' create=db:40
check "it is seen as Mesos shows it" slave '.reserved_resources_full.ads | any(.disk.persistence ==
    {"id": "db", "principal": "keeper"} and .scalar.value == 40 and .reservations[0].type == "DYNAMIC"
    and .reservations[0].principal == "keeper")'
check "the sums of it are told by role" slave '.reserved_resources.ads.disk == 100 and .reserved_resources.ads.cpus == 0.5
    and .unreserved_resources.disk == 900'
check "the agent shows the same" ask "http://$agent_http/state" \
    '.reserved_resources_full.ads | any(.disk.persistence.id == "db")'
check "a volume is a folder" test -d "$volume"

check "a task writes into its volume" keeper run='cpus:0.1;mem:32;disk(ads)[db]:1=>echo one >db/file; sync'
check "that lies in the volume" grep -qx one "$volume/file"
begins "the agent is killed and comes back" again
check "it is the same agent" test "$(agent_id)" = "$id"
check "its reservations and volumes are back" slave '.reserved_resources_full.ads | any(.disk.persistence.id == "db")'
check "the next task reads what the first has written, and adds to it" \
    keeper run='cpus:0.1;mem:32;disk(ads)[db]:1=>grep -qx one db/file && echo two >>db/file'

kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
begins "the master is killed and comes back" start_master --port "${master##*:}"
check "the agent brings its volumes to it" wait_for 20 slave '.active and (.reserved_resources_full.ads |
    any(.disk.persistence.id == "db"))'
check "a task finds both lines" keeper run='cpus:0.1;mem:32;disk(ads)[db]:1=>[ "$(tr "\n" " " <db/file)" = "one two " ]'

check "a volume grows and shrinks, and keeps what is in it" keeper resize=db:20 resize=db:-30 \
    run='cpus:0.1;mem:32;disk(ads)[db]:1=>grep -qx two db/file'
check "its new size is known" slave '.reserved_resources_full.ads | any(.disk.persistence.id == "db" and .scalar.value == 30)'
check "what is too much is refused, with the reason" is_told "some must be left" ads resize=db:-30
check "so is a volume where nothing is reserved" is_told "reserve it first" none create=x:10

# Two tasks at once on a shared volume: each waits for what the other writes.
check "a shared volume is made" keeper share=pool:20
for n in 1 2; do
    PROFFER_MASTER=$master start "pool$n" timeout 60 "$build/tests/keeper" ads \
        "run=cpus:0.1;mem:32;disk(ads)[pool]:1=>touch pool/$n; while [ ! -e pool/$((3 - n)) ]; do sleep 0.05; done; while [ ! -e pool/end ]; do sleep 0.05; done"
    eval "pool$n=$pid"
done
check "two tasks have it at once" wait_for 30 test -e "$work/a1/volumes/ads/pool/1" -a -e "$work/a1/volumes/ads/pool/2"
check "it is not destroyed while they do" says "tasks use volume pool" keeper destroy=pool
begins "the agent is killed while tasks use volumes" again
touch "$work/a1/volumes/ads/pool/end"
for task in "$pool1" "$pool2"; do
    begins "a task that outlived it ends well" wait "$task"
done
check "then it is destroyed" keeper destroy=pool
check "and its folder is gone" wait_for 20 test ! -e "$work/a1/volumes/ads/pool"

if [ "$(id -u)" = 0 ]; then
    check "a volume belongs to whom its task runs as" test "$(stat -c %U "$volume")" = root
    check "limits may be above what is granted" says "TASK_FINISHED" keeper "burst=cpus:0.5;mem:unlimited=>true"
else
    skip "a volume belongs to whom its task runs as" "needs root"
fi

stop "$agent_pid"
check "an agent whose settings have no room for its volumes says so" says "for which --resources has no room" \
    timeout 20 proffer-agent --master "$master" --port 0 --work-dir "$work/a1" --resources 'cpus:2;mem:512;disk:10'
begins "an agent that left the cluster keeps its volumes" start_agent a1 --resources "$resources"
check "a task still finds its data" keeper run='cpus:0.1;mem:32;disk(ads)[db]:1=>grep -qx one db/file'

# What is removed goes by a thread; a deep tree must not stop it.
check "a task leaves a deep tree" keeper run='cpus:0.1;mem:32;disk(ads)[db]:1=>cd db; i=0; while [ $i -lt 60 ]; do mkdir d && cd d && touch f; i=$((i+1)); done; chmod 0 .'
check "all is undone" keeper destroy=db unreserve='disk(ads):100;cpus(ads):0.5;mem(ads):64'
check "nothing is reserved" slave '.reserved_resources == {} and .unreserved_resources.disk == 1000'
check "the folder is gone" wait_for 20 eval '[ ! -e "$volume" ] && [ -z "$(ls "$work/a1/trash")" ]'
