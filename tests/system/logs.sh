#!/usr/bin/env bash
# tests/system/logs.sh BUILD - what tasks write, over its rotation: who follows gets all of it, though the agent was away meanwhile.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

begins "a master begins" start_master
flags=(--log-max 16KiB --log-files 40)
begins "an agent begins" start_agent agent1 "${flags[@]}"

# A task that writes 1 to 1000, and from there to 20000 when it is told to: 108 kilobytes, seven files. Told to write no
# more it ends.
script='seq 1000; until [ -e go ]; do sleep 0.02; done; seq 1001 20000; echo >written; until [ -e end ]; do sleep 0.02; done'
find_sandbox() { # NAME : in $sandbox
    sandbox=$(curl -sf "http://$agent_http/state" | jq -r ".frameworks[].executors[] | select(.tasks[].name == \"$1\").directory")
    [ -n "$sandbox" ] && [ -s "$sandbox/stdout" ]
}
task_id() { curl -sf "http://$http/tasks?limit=100" | jq -r ".tasks[] | select(.name == \"$1\").id"; }

start run proffer run --master "$master" --cpus 0.1 --mem 32 --name writer "$script"
run_pid=$pid
begins "a task writes" wait_for 20 find_sandbox writer
check "its first lines are shown" wait_for 20 grep -qx 1000 "$work/run.log"
framework=$(curl -sf "http://$http/tasks?limit=100" | jq -r '.tasks[] | select(.name == "writer").framework_id')
start follower proffer logs -f --http "$http" --framework "$framework" "$(task_id writer)"
follower_pid=$pid
check "somebody else follows it" wait_for 20 grep -qx 1000 "$work/follower.log"

kill -USR1 "$agent_pid"
wait "$agent_pid"
touch "$sandbox/go"
check "it goes on while the agent is away" wait_for 20 test -s "$sandbox/written"
check "and its output rotates" wait_for 20 test -s "$sandbox/stdout.5"
begins "another agent takes over" start_agent agent1 "${flags[@]}"
check "who follows has all of it" wait_for 20 grep -qx 20000 "$work/follower.log"
check "proffer logs shows all that is kept" eval 'proffer logs --http "$http" --framework "$framework" "$(task_id writer)" >"$work/whole" &&
    seq 20000 | cmp - "$work/whole"'
check "of the end, what was asked for" eval '[ "$(proffer logs --tail 6 --http "$http" --framework "$framework" "$(task_id writer)")" = 20000 ]'
touch "$sandbox/end"
begins "proffer run ends" wait "$run_pid"
check "and has shown every line once" eval 'grep -E "^[0-9]+$" "$work/run.log" | cmp - <(seq 20000)'
begins "so does who followed" wait "$follower_pid"
check "with the same" eval 'grep -E "^[0-9]+$" "$work/follower.log" | cmp - <(seq 20000)'

# Rotation goes on where it was under the next agent, whose settings are for new tasks; and with the agent there.
start again proffer run --master "$master" --cpus 0.1 --mem 32 --name again 'seq 20000; echo >written'
again_pid=$pid
begins "another one writes while its agent looks" wait "$again_pid"
check "nothing of it is lost" eval 'grep -E "^[0-9]+$" "$work/again.log" | cmp - <(seq 20000)'

kill -USR1 "$agent_pid"
wait "$agent_pid"
begins "an agent that keeps little begins" start_agent agent1 --log-max 16KiB --log-files 2
start little proffer run --master "$master" --cpus 0.1 --mem 32 --name little "$script"
little_pid=$pid
begins "its task writes" wait_for 20 find_sandbox little
check "and is seen" wait_for 20 grep -qx 1000 "$work/little.log"
kill -USR1 "$agent_pid"
wait "$agent_pid"
touch "$sandbox/go"
wait_for 20 test -s "$sandbox/written"
begins "it takes over what it was" start_agent agent1 --log-max 16KiB --log-files 2
check "what is left is shown" wait_for 20 grep -qx 20000 "$work/little.log"
touch "$sandbox/end"
begins "it ends" wait "$little_pid"
check "what is lost is told" eval 'grep -qE "stdout of the task: only [0-9]+ of 108894 bytes are shown; the agent has dropped the rest" "$work/little.log"'
check "two files were kept" eval '[ -s "$sandbox/stdout.1" ] && ! [ -e "$sandbox/stdout.2" ]'
