#!/usr/bin/env bash
# tests/system/sandboxes.sh BUILD - what tasks have left goes by its age, over a restart of the agent, and no sooner.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

sandboxes=$work/agent1/sandboxes

# in_state [OPTION] FILTER : of /state of the agent
in_state() {
    curl -sf "http://$agent_http/state" | jq -e "$@"
}

# left : names of the sandboxes that are there
left() {
    find "$sandboxes" -mindepth 2 -maxdepth 2 -printf '%f\n' | sort
}

begins "a master begins" start_master
begins "an agent that keeps sandboxes for a day begins" start_agent agent1 --gc-delay 1d --gc-disk-headroom 0 \
    --disk-watch-interval 100ms

check "the agent has looked at its disk" wait_for 20 in_state '.sandboxes.max_age_secs > 0'
check "a task runs" proffer run --master "$master" --name first -- sh -c 'mkdir -p a/b/c; ln -s / a/root; echo x >a/b/c/f'
check "it counts what the task has left" wait_for 20 in_state '.sandboxes.kept == 1 and .sandboxes.removed == 0'
check "its sandbox is there" test "$(left | wc -l)" = 1

start long proffer run --master "$master" --name long -- sleep 1000
check "another one lives" wait_for 20 eval '[ "$(left | wc -l)" = 2 ]'

kill -USR1 "$agent_pid"
wait "$agent_pid"
begins "an agent that keeps them for a second goes on" start_agent agent1 --gc-delay 1s --gc-disk-headroom 0 \
    --disk-watch-interval 100ms
check "what had ended under the first goes" wait_for 20 eval '[ "$(left | wc -l)" = 1 ]'
check "what lives stays" eval 'test -e "$(in_state -r ".frameworks[].executors[].directory")/stdout"'
check "it is counted" wait_for 20 in_state '.sandboxes.removed == 1 and .sandboxes.removed_bytes > 0 and .sandboxes.failed == 0'
check "metrics count it too" eval \
    'curl -sf "http://$agent_http/metrics/snapshot" | jq -e ".\"gc/path_removals_succeeded\" == 1"'
check "the trash is empty" eval '[ -z "$(ls -A "$sandboxes.trash")" ]'
check "a link to / was not followed" test -e /etc/passwd
