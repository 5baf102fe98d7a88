#!/usr/bin/env bash
# tests/system/quota.sh BUILD - what operators set for roles: guarantees, limits, weights; through a master's sudden death.
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

# posts METHOD PATH BODY STATUS
posts() {
    [ "$(curl -s -o "$work/out" -w '%{http_code}' -X "$1" -d "$3" "http://$http$2")" = "$4" ] || { cat "$work/out"; return 1; }
}

uses() { # ROLE CPUS : so many cpus are used in that role
    ask "http://$http/roles" "[.roles[] | select(.name == \"$1\").allocated.cpus] | add == $2"
}

free_cpus() { # CPUS : nobody has so many
    state "([.slaves[].resources.cpus] | add) - ([.slaves[].used_resources.cpus] | add) == $1"
}

jobs_of() { # ROLE COUNT
    seq "$2" | sed 's/.*/{"cmd":"sleep 6673","cpus":1,"mem":32}/' >"$work/$1.jobs"
    start "batch-$1" proffer-batch --role "$1" "$work/$1.jobs"
}

start_master --agent-timeout 20s --port "$(free_port)" --http-port "$(free_port)" || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
begins "an agent starts" start_agent a1 --resources 'cpus:3;mem:512;disk:1000'
begins "and another" start_agent a2 --resources 'cpus:3;mem:512;disk:1000'
check "both are there" wait_for 20 free_cpus 6

# --- set, seen, refused -------------------------------------------------------------------------------------

check "without quotas none is shown" eval 'gives 0 proffer quota --no-headers && [ ! -s "$work/out" ]'
check "a role is limited" gives 0 proffer quota set ads --limit 'cpus:2'
check "another is guaranteed something" gives 0 proffer quota set web --guarantee 'cpus:3;mem:96'
check "both are shown" eval 'gives 0 proffer quota --no-headers && grep -qx "ads  *-  *cpus:2  *cpus:0" "$work/out" && grep -qx "web  *cpus:3;mem:96  *-  *cpus:0;mem:0" "$work/out"'
check "as JSON too" eval 'gives 0 proffer quota -o json && jq -e ".[0].quota.limit.cpus == 2" "$work/out" >/dev/null'
check "Mesos has it so" ask "http://$http/quota" '[.configs[] | select(.role == "web")] == [{"role":"web","guarantees":{"cpus":{"value":3},"mem":{"value":96}},"limits":{}}]'
check "and the state" state '.roles[] | select(.name == "ads").quota.limit == {"cpus":2}'
check "more than there is is refused" eval 'gives 1 proffer quota set much -g cpus:4 && grep -q "7 cpus would be guaranteed in all, and the agents have 6" "$work/out"'
check "but for force" eval 'gives 0 proffer quota set much -g cpus:4 --force && gives 0 proffer quota remove much'
check "it is gone" eval 'gives 0 proffer quota -o name && [ "$(cat "$work/out")" = "$(printf "ads\nweb")" ]'
check "what is no number is refused" gives 1 proffer quota set ads -l 'ports:[1-2]'
check "nothing is not a quota" gives 2 proffer quota set ads
check "an old form of Mesos is understood" posts POST /quota '{"role":"old","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}],"force":true}' 200
check "and its removal" posts DELETE '/quota?role=old' '' 200
check "what cannot be read is refused" posts POST /quota '{"role":"old","limits":{"cpus":"many"}}' 400
check "a weight is set" gives 0 proffer weight set ads 2.5
check "which is shown" eval 'gives 0 proffer weight --no-headers && grep -qx "ads  *2.5  *0" "$work/out"'
check "Mesos sets one so" eval 'posts PUT /weights "[{\"role\":\"web\",\"weight\":3}]" 200 && ask "http://$http/weights" "[.[].weight] | sort == [2.5, 3]"'
check "and ours is removed" eval 'gives 0 proffer weight remove web && ask "http://$http/weights" "[.[].role] == [\"ads\"]"'
check "several weights are set in one call" eval 'gives 0 proffer weight set w1 2 w2 3 && ask "http://$http/weights" "[.[].role] | sort == [\"ads\", \"w1\", \"w2\"]"'
check "or none of them" eval 'posts PUT /weights "[{\"role\":\"w1\",\"weight\":5},{\"role\":\"a//b\",\"weight\":2}]" 400 && ask "http://$http/weights" "map(select(.role == \"w1\"))[0].weight == 2"'
check "that is not two at once" gives 2 proffer weight set w1 2 w2
check "their removal" eval 'gives 0 proffer weight remove w1 && gives 0 proffer weight remove w2'
echo '[{"role":"t1","guarantees":{"cpus":0.5},"limits":"cpus:1"},{"role":"t2","limits":{"cpus":2}}]' >"$work/two.json"
check "several quotas too" eval 'gives 0 proffer quota apply "$work/two.json" && ask "http://$http/quota" "[.configs[].role] | sort == [\"ads\", \"t1\", \"t2\", \"web\"]"'
echo '[{"role":"t1"},{"role":"t2","guarantees":{"cpus":3},"limits":{"cpus":2}}]' >"$work/bad.json"
check "or none" eval 'gives 1 proffer quota apply "$work/bad.json" && grep -q "t2 and those in it would be guaranteed more" "$work/out" && ask "http://$http/quota" ".configs | map(select(.role == \"t1\")) | length == 1"'
check "an empty one is none" eval 'echo "[{\"role\":\"t1\"},{\"role\":\"t2\"}]" | timeout 30 proffer quota apply - && ask "http://$http/quota" "[.configs[].role] | sort == [\"ads\", \"web\"]"'
check "a quota of nothing is a mistake" eval 'gives 2 proffer quota set ads --limit "" && grep -q "proffer quota remove ads" "$work/out" && ask "http://$http/quota" "[.configs[].role] | sort == [\"ads\", \"web\"]"'
check "a number that is too large is told so" eval 'posts POST /quota "{\"role\":\"ads\",\"limits\":{\"cpus\":1e30}}" 400 && grep -q "cpus: 1e+30 is too large, at most 2305843009213693 is possible" "$work/out"'
check "no weight is negative" gives 2 proffer weight set ads -- -1
check "a role is made optimistic" gives 0 proffer role set ads --offers optimistic
check "which is shown" eval 'gives 0 proffer role --no-headers && grep -qx "ads  *optimistic  *0" "$work/out" && grep -qx "web  *exclusive  *0" "$work/out"'
check "by a program too" posts PUT /roles/offers '{"role":"web","offers":"optimistic"}' 200
check "and undone" eval 'gives 0 proffer role remove web && ask "http://$http/roles" "[.roles[] | select(.offers == \"optimistic\").name] == [\"ads\"]"'
check "there are two kinds" eval 'gives 2 proffer role set ads --offers shared && posts POST /roles/offers "{\"role\":\"ads\",\"offers\":\"shared\"}" 400'
check "the log says who asked, and what became of it" eval 'grep -q "audit: 127.0.0.1:[0-9]* sets role ads: guarantee none, limit cpus:2: 200 " "$work/master.log" && grep -q "audit: 127.0.0.1:[0-9]* sets role much: .*: 409 " "$work/master.log" && grep -q "audit: 127.0.0.1:[0-9]* sets role ads: offers optimistic: 200 " "$work/master.log"'

# --- enforced -------------------------------------------------------------------------------------------------

jobs_of ads 6
check "the limited role comes up to its limit" wait_for 20 uses ads 2
jobs_of other 6
check "a third role gets what is not held back" wait_for 20 uses other 1
check "what is guaranteed stays free" eval 'free_cpus 3 && uses ads 2 && uses other 1'

# --- a sudden death ---------------------------------------------------------------------------------------------

kill -KILL "$master_pid"
wait "$master_pid" 2>/dev/null
start_master --agent-timeout 20s --port "${master##*:}" --http-port "${http##*:}" || exit 1
check "after a sudden death all is as it was set" eval 'gives 0 proffer quota -o name && [ "$(cat "$work/out")" = "$(printf "ads\nweb")" ] && ask "http://$http/weights" ".[0].weight == 2.5" && ask "http://$http/roles" ".roles[] | select(.name == \"ads\").offers == \"optimistic\""'
check "the agents come back with their tasks" wait_for 30 free_cpus 3
check "and no role has more than before" eval 'uses ads 2 && uses other 1'
jobs_of web 3
check "the guarantee is met" wait_for 30 uses web 3
check "and the limit still holds" eval 'uses ads 2 && uses other 1'
check "without a limit the role gets more" eval 'gives 0 proffer quota remove web && gives 0 proffer quota remove ads'
