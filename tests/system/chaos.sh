#!/usr/bin/env bash
# tests/system/chaos.sh BUILD - SIGKILL, SIGSTOP and SIGCONT of master, agents, launchers, shims and batches, at random
# points under load; each is started again as a supervisor would. In the end every job has its right result, the books
# of all agree, and nothing is left.
#
#     CHAOS_SECONDS   of faults (60)
#     CHAOS_SEED      of an earlier run: the same schedule
#     CHAOS_FAULTS    what they happen to ("master agent launcher shim batch")
#     CHAOS_KEEP      a folder for everything, to look at
# run.sh: early
. "$(dirname "$0")/lib.sh"
system_begin "$1"
guard

seconds=${CHAOS_SECONDS:-60}
seed=${CHAOS_SEED:-$((EPOCHSECONDS & 0x7fffffff))}
faults=${CHAOS_FAULTS:-master agent launcher shim batch}
agents="a1 a2 a3" lanes="b1 b2 b3"
echo "# seed $seed: again with CHAOS_SEED=$seed CHAOS_SECONDS=$seconds CHAOS_FAULTS='$faults'"

# --- the schedule -----------------------------------------------------------------------------------------

# draw N : 0 to N-1 in $drawn; a generator of our own, so that each shell draws the same.
random=$seed
draw() {
    random=$(((random * 1103515245 + 12345) & 0x7fffffff))
    drawn=$(((random >> 8) % $1))
}

# A line for each fault: when (ms), who, what, for how long (ms: until SIGCONT, or until it is started again).
schedule() {
    local at=1500 who what long targets=()
    for who in $faults; do
        case $who in
            master) targets+=(master master) ;;
            agent) targets+=(a1 a2 a3 a1 a2 a3 reader-a1 reader-a2 reader-a3) ;;
            launcher) targets+=(launcher-a1 launcher-a2 launcher-a3) ;;
            shim) targets+=(shim shim shim) ;;
            batch) targets+=(b1 b2 b3) ;;
        esac
    done
    while [ $at -lt $((seconds * 1000)) ]; do
        draw ${#targets[@]} && who=${targets[drawn]}
        draw 5 && what=$([ "$drawn" -lt 3 ] && echo KILL || echo STOP)
        draw 3000 && long=$((drawn + 50))
        # Mostly a short time, as supervisors have; sometimes seconds.
        draw 3 && [ "$drawn" != 0 ] && long=$((long / 10))
        case $who in shim) draw 1000 && who=shim-$drawn ;; esac
        echo $at "$who" $what $long
        draw 1600 && at=$((at + 200 + drawn))
    done
}
schedule >"$work/schedule"

# --- supervisors ---------------------------------------------------------------------------------------------

# once NAME COMMAND... : its process in $work/NAME.pid. Waits first while $work/NAME.down is there.
once() {
    local name=$1
    shift
    while [ -e "$work/$name.down" ]; do sleep 0.05; done
    PROFFER_TEST=$work "$@" >>"$work/$name.log" 2>&1 </dev/null &
    echo $! >"$work/$name.pid"
    wait $!
}

# A daemon is started again whenever it ends. By itself it may do so only when its launchers, or what reads the network, are killed again and again.
daemon() { # NAME COMMAND...
    local status
    while [ ! -e "$work/over" ]; do
        once "$@"
        status=$?
        echo "chaos: ended with status $status" >>"$work/$1.log"
        [ $status -ge 128 ] || [ -e "$work/over" ] || tail -n 2 "$work/$1.log" | grep -qE 'leaving: the launcher died|, again and again' ||
            echo "$1 ended with status $status" >>"$work/wrong"
        sleep 0.05
    done
}

# A batch only when it was killed.
batch() { # NAME COMMAND...
    local status=137
    while [ $status -ge 128 ] && [ ! -e "$work/over" ]; do
        once "$@"
        status=$?
    done
    return $status
}

begin_daemon() { # NAME COMMAND... : in the background
    daemon "$@" 2>>"$work/$1.log" & # where the shell tells of deaths
    pids+=($!)
}

# --- jobs ---------------------------------------------------------------------------------------------------

# What each job is: it writes down that it begins and how it ends.
cat >"$work/job.sh" <<'END'
kind=$1 log=$2
echo "begin $PROFFER_TASK_ID $PROFFER_CONTAINER_ID" >>"$log"
end() { echo "end $PROFFER_TASK_ID $PROFFER_CONTAINER_ID $1" >>"$log"; exit "$1"; }
case $kind in
    quick) ;;
    short) sleep "$3" ;;
    long) sleep "$3" ;;
    output) seq "$3" ;;
    flaky) [ "$(grep -c ^end "$log")" -ge 2 ] || end 5 ;;
    bad) end 7 ;;
    after) for before in $3; do grep -q '^end .* 0$' "${log%/*}/$before.log" || end 9; done ;;
esac
end 0
END

# jobs DIR : those of one batch
jobs() {
    local dir=$1 i
    job() { # NAME KIND EXTRA [ARGUMENT]
        printf '{"name":"%s","cmd":"sh %s %s %s/%s.log %s","cpus":0.4,"mem":16,"env":{"PROFFER_TEST":"%s"}%s}\n' \
            "$1" "$work/job.sh" "$2" "$dir" "$1" "${4:-}" "$work" "$3"
    }
    local again=',"retries":30'
    for i in {1..40}; do job quick-$i quick "$again"; done
    for i in {1..16}; do job short-$i short "$again" "0.$((i * 6 + 1))"; done
    for i in 1 2; do job long-$i long "$again" $((i * 4)); done
    for i in 1 2 3 4; do job output-$i output "$again" $((i * 1000)); done
    for i in 1 2 3; do job flaky-$i flaky "$again"; done
    job bad-1 bad ',"retries":4'
    job skipped-1 quick "$again,\"after\":\"bad-1\""
    for i in 1 2 3; do job after-$i after "$again,\"after\":[\"short-$i\",\"quick-$i\"]" "'short-$i quick-$i'"; done
    job after-4 after "$again,\"after\":[\"after-1\",\"after-2\"]" "'after-1 after-2'"
}

# lane NAME : batch after batch, until it is calm
lane() {
    local name=$1 number=0 dir
    until [ -e "$work/calm" ]; do
        number=$((number + 1)) dir=$work/jobs/$name.$number
        mkdir -p "$dir"
        jobs "$dir" >"$dir/jobs"
        batch "$name" proffer-batch --resume --name "$name" --connect-timeout 10m --output "$dir/out" \
            --report "$dir/report" "$dir/jobs"
        echo $? >"$dir/status"
    done
}

# --- the end, whatever happens ---------------------------------------------------------------------------------

chaos_end() {
    local status=$? attempt
    touch "$work/over"
    for attempt in {1..50}; do
        marked "$work" | xargs -r kill -KILL 2>/dev/null
        groups_of "$work"/a[123] 2>/dev/null | xargs -r rmdir 2>/dev/null && break
        sleep 0.1
    done
    [ -z "${CHAOS_KEEP:-}" ] || cp -a "$work" "$CHAOS_KEEP"
    (exit $status)
    system_end
}
trap chaos_end EXIT

# --- faults -------------------------------------------------------------------------------------------------

is_a() { # PID PROGRAM
    [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$2" ]
}

launcher_exe='/memfd:proffer-launcher (deleted)' # as it runs from memory

launcher_of() { # AGENT
    local pid
    for pid in $(pgrep -P "$(cat "$work/$1.pid")"); do is_a "$pid" "$launcher_exe" && echo "$pid"; done
}

# What a shim has forked looks like one until it is the task.
is_shim() { # PID
    local name parent
    read -r name <"/proc/$1/comm" && [ "$name" = proffer-shim ] && is_a "$1" "$launcher_exe" &&
        parent=$(awk '/^PPid/ {print $2}' "/proc/$1/status") && read -r name <"/proc/$parent/comm" &&
        [ "$name" != proffer-shim ]
} 2>/dev/null

shims() {
    local pid
    for pid in $(marked "$work"); do is_shim "$pid" && echo "$pid"; done
}

# Which container a shim holds, for what may be done twice when it is killed: it has its record open, also when the
# command has just ended.
note_shim() { # PID
    readlink "/proc/$1/fd/"* 2>/dev/null | sed -n 's|.*/records/\(.*\)\.run$|\1|p' >>"$work/shims-killed"
}

resume_later() { # PID MS
    sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
    kill -CONT "$1" 2>/dev/null
}

start_later() { # NAME MS
    sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
    rm -f "$work/$1.down"
}

fault() { # WHO WHAT MS
    local who=$1 what=$2 pid
    case $who in
        launcher-*) pid=$(launcher_of "${who#launcher-}" | head -1) ;;
        reader-*) pid=$(reader_of "$(cat "$work/${who#reader-}.pid")") ;;
        shim-*) pid=$(shims | awk -v n="${who#shim-}" '{p[NR] = $1} END {if (NR) print p[n % NR + 1]}') ;;
        *) pid=$(cat "$work/$who.pid" 2>/dev/null) && [ "$what" = STOP ] && pid=$(reader_of "$pid") ;;
    esac
    [ -n "$pid" ] && kill -STOP "$pid" 2>/dev/null || return 0
    case $who in # it may have become something else just now
        shim-*) is_shim "$pid" || { kill -CONT "$pid"; return; } ;;
    esac
    echo "$who $what" >>"$work/done"
    if [ "$what" = STOP ]; then
        resume_later "$pid" "$3" &
        return
    fi
    case $who in
        shim-*) note_shim "$pid" ;;
        launcher-* | reader-*) ;;
        *) touch "$work/$who.down" && start_later "$who" "$3" & ;;
    esac
    kill -KILL "$pid"
}

all_faults() {
    local at who what long wait began=${EPOCHREALTIME/./}
    while read -r at who what long; do
        wait=$((at * 1000 - ${EPOCHREALTIME/./} + began))
        [ $wait -gt 0 ] && sleep "$(printf '%d.%06d' $((wait / 1000000)) $((wait % 1000000)))"
        fault "$who" "$what" "$long"
    done <"$work/schedule"
}

# --- the run --------------------------------------------------------------------------------------------------

mkdir -p "$work/jobs" "$work/master"
touch "$work/shims-killed"
master=127.0.0.1:$(free_port) http=127.0.0.1:$(free_port)
export PROFFER_MASTER=$master PROFFER_HTTP=$http
begin_daemon master proffer-master --port "${master##*:}" --http-port "${http##*:}" $(proffer-master --help | grep -q -- --work-dir && echo --work-dir "$work/master") \
    --agent-timeout 20s
for name in $agents; do
    declare "http_$name=127.0.0.1:$(free_port)"
    port=http_$name
    begin_daemon $name proffer-agent --master "$master" --port "${!port##*:}" --work-dir "$work/$name" \
        --hostname $name --resources 'cpus:3;mem:512;disk:1000'
done
all_there() { state '.activated_slaves == 3'; }
check "a master and three agents start" wait_for 20 all_there
[ $test_failed = 0 ] || exit 1
lane_pids=()
for name in $lanes; do
    lane $name 2>>"$work/$name.log" &
    lane_pids+=($!)
    pids+=($!)
done
all_faults
sed 's/-[0-9]\+//' "$work/done" | sort | uniq -c | sed 's/^ */# /'
check "faults have happened" test -s "$work/done"

# --- calm ---------------------------------------------------------------------------------------------------

touch "$work/calm"
all_done() {
    local pid
    for pid in "${lane_pids[@]}"; do ! kill -0 "$pid" 2>/dev/null || return 1; done
}
check "all agents are back in time" wait_for 30 all_there
check "all batches end in time" wait_for 90 all_done

none() { # COMMAND... : it says nothing
    local said
    said=$("$@" 2>/dev/null)
    [ -z "$said" ] || { echo "$said"; return 1; }
}

# reported DIR : what the report says that is not as it should be
reported() {
    jq -rs '(map(.name) | group_by(.) | map(select(length > 1)[0]) | .[] | "\(.): reported twice"),
        (.[] | . as {$name, $state, $exit_code} | ($name | sub("-.*"; "")) as $kind |
            select(if $kind == "bad" then $state != "failed" or $exit_code != 7
                elif $kind == "skipped" then $state != "skipped"
                else $state != "succeeded" or $exit_code != 0 end) |
            "\($name): \(del(.cmd))")' "$1/report"
    diff <(jq -r .name "$1/jobs" | sort) <(jq -r .name "$1/report" | sort)
}

# did DIR : what its jobs did that they should not have. One that has ended well is not begun again, no task is begun
# twice; what a shim's death undid may be done again.
did() {
    awk 'FILENAME == ARGV[1] {undone[$1] = 1; next}
        FNR == 1 {name = FILENAME; sub(/.*\//, "", name); sub(/\.log/, "", name); kind = name; sub(/-.*/, "", kind)}
        $1 == "begin" && begun[name, $2]++ {print name ": " $0 ", a second time"}
        $1 == "begin" && well[name] {print name ": " $0 ", after " well[name] " had ended well"}
        $1 == "end" && $4 == 0 {good[name]++; if (!($3 in undone)) well[name] = $2}
        $1 == "end" && $4 == 9 {print name ": began before what it waits for had ended"}
        kind == "skipped" {print name ": was not skipped"}
        {seen[name] = kind}
        END {for (n in seen) if (!good[n] && seen[n] != "bad") print n ": never ended well"}' \
        "$work/shims-killed" "$1"/*.log
    local name
    for name in output-1 output-2 output-3 output-4; do
        seq $((${name#output-} * 1000)) | cmp - "$1/out/$name.out" 2>&1
    done
}

all_right() {
    local dir wrong bad=0
    for dir in "$work"/jobs/*; do
        [ "$(cat "$dir/status")" = 1 ] || { echo "${dir##*/}: ended with status $(cat "$dir/status")"; bad=1; }
        wrong=$(reported "$dir" 2>&1; did "$dir" 2>&1)
        [ -z "$wrong" ] && continue
        bad=1
        echo "${dir##*/}: $wrong"
        grep -aE "^($(sed -nE 's/^([a-z]+-[0-9]+): .*/\1/p' <<<"$wrong" | paste -sd'|')) " "$work/$(basename "${dir%.*}").log"
    done
    return $bad
}
check "$(ls "$work/jobs" | wc -l) batches: every job ran to its right result, and none that had one ran again" all_right
check "no daemon ended by itself" none cat "$work/wrong"

books() {
    local name address
    state '.frameworks == [] and ([.slaves[].used_resources | .cpus, .mem] | add == 0)' || return 1
    for name in $agents; do
        address=http_$name
        ask "http://${!address}/state" '[.frameworks[].executors[].tasks[]] == []' || return 1
    done
}
check "the books of all agree that nothing runs" wait_for 20 books
tasks_left() { # processes of tasks, and shims
    local pid
    shims
    for pid in $(marked "$work"); do
        tr '\0' '\n' <"/proc/$pid/environ" | grep -q ^PROFFER_TASK_ID= && echo "$pid"
    done
}
check "no task or shim is left" wait_for 10 none tasks_left
task_groups() { groups_of "$work"/a[123] | grep -v '/agent-[^/]*$'; }
check "nor a cgroup of one" none task_groups

end_all() {
    local name
    touch "$work/over"
    for name in $agents; do kill -TERM "$(cat "$work/$name.pid")"; done
    wait_for 20 state '.slaves == []' || return 1
    kill -TERM "$(cat "$work/master.pid")"
}
check "all end when asked" end_all
ours() {
    local pid
    for pid in $(marked "$work"); do readlink "/proc/$pid/exe"; done | grep -F -e "$build/" -e /memfd:proffer
}
check "no process is left" wait_for 20 none ours
check "no cgroup" none groups_of "$work"/a[123]
check "no mount" none grep -F "$work" /proc/self/mounts
left() { # what work folders hold that is not said to be there
    (cd "$work" && find a1 a2 a3 master -mindepth 1 -maxdepth 2) | grep -vE '^a[123]/(agent\.lock|records(/\.launcher)?|checkpoint(/agent\.db)?|sandboxes(/.*)?|sandboxes\.trash|agent\.port|executors(/agent\.sock)?|volumes|trash)$|^master/(master\.lock|registry\.sqlite)$'
}
check "no file that has no business there" none left
