#!/usr/bin/env bash
# tests/system/optimistic.sh BUILD - three batches in an optimistic role want the same two agents: all jobs are done, none
# is lost to a conflict, and an exclusive role gets its share.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

counter() { # NAME : of the master
    curl -fsS "http://$http/metrics/snapshot" | jq ".\"master/$1\" | floor"
}

# jobs NAME ROLE COUNT : a batch of so many
jobs() {
    seq "$3" | sed 's/.*/{"cmd":"sleep 0.2","cpus":1,"mem":32}/' >"$work/$1.jobs"
    start "batch-$1" proffer-batch --role "$2" "$work/$1.jobs"
}

start_master --optimistic-offers-max 8 || exit 1
export PROFFER_MASTER=$master PROFFER_HTTP=$http
check "the role is made optimistic" proffer role set ads --offers optimistic
begins "an agent starts" start_agent a1 --resources 'cpus:2;mem:512;disk:1000'
begins "and another" start_agent a2 --resources 'cpus:2;mem:512;disk:1000'
check "both are there" wait_for 20 state '.activated_slaves == 2'

jobs one ads 12
jobs two ads/eu 12
jobs three ads 12
jobs alone web 6
for name in one two three; do
    check "batch $name is done, all of it" wait_for 60 grep -q '12 jobs: 12 succeeded' "$work/batch-$name.log"
done
check "and that of the exclusive role" wait_for 60 grep -q '6 jobs: 6 succeeded' "$work/batch-alone.log"
check "the same was shown to several" [ "$(counter optimistic/offers_made)" -gt 3 ]
check "some were first, others second" [ "$(($(counter optimistic/offers_reduced) + $(counter optimistic/offers_taken)))" -gt 0 ]
check "each job ran to its end once" [ "$(counter tasks_finished)" = 42 ]
check "what was launched is what ran" [ "$(counter tasks_launched)" = 42 ]
check "nothing is in use" wait_for 20 state '[.slaves[].used_resources.cpus] | add == 0'
check "the log has who made it so" grep -q 'audit: .* sets role ads: offers optimistic: 200 ' "$work/master.log"
