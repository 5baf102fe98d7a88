#!/usr/bin/env bash
# bench/scale.sh BUILD - launch overhead against the number of agents, as lines "scale_name_AGENTS value unit". What they
# mean: docs/benchmarks.md. No root needed. About five minutes.
#
# AGENTS: the points. FRAMEWORKS (200), TASK_MS (30000), SECONDS_A_POINT (30): of each. FLOOD_MS (1000): the tasks' length in
# the last run, which asks for more than can be had. CORE_AGENTS: the points for the core alone.
set -u -o pipefail

build=$(cd "${1:?usage: bench/scale.sh BUILD}" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
read -r -a points <<<"${AGENTS:-1000 2500 5000 10000}"
read -r -a core_points <<<"${CORE_AGENTS:-10000 50000}"
frameworks=${FRAMEWORKS:-200}
task_ms=${TASK_MS:-30000}
flood_ms=${FLOOD_MS:-1000}
seconds=${SECONDS_A_POINT:-30}
# shellcheck source=tests/system/lib.sh
. "$top/tests/system/lib.sh"
system_begin "$build" >/dev/null
trap 'system_end >/dev/null' EXIT
scale=$build/bench/scale

load() { # PREFIX AGENTS TASK_MS SECONDS
    local status
    start_master --log-level error || return 1
    PROFFER_MASTER=$master "$scale" load "$2" "$frameworks" "$3" "$4" "$master_pid" >"$work/lines"
    status=$?
    stop "$master_pid"
    rm -rf "$work/master"
    sed "s/^scale_/$1/" "$work/lines"
    return $status
}

echo "# $frameworks frameworks, tasks of $task_ms ms, $seconds s a point, $(nproc) processors (100 % is one of them)"
for agents in "${points[@]}"; do
    load scale_ "$agents" "$task_ms" "$seconds" || exit 1
    "$scale" link "$agents" 5 || exit 1
done
echo "# tasks of $flood_ms ms: more than can be had"
load scale_flood_ "${points[-1]}" "$flood_ms" 20 || exit 1
echo "# frameworks that say what they need: sized offers"
export SCALE_NEEDS=1
load scale_needs_ "${points[-1]}" "$task_ms" "$seconds" || exit 1
unset SCALE_NEEDS
echo "# the core alone, on virtual time"
for agents in "${core_points[@]}"; do
    "$scale" core "$agents" "$frameworks" "$task_ms" "$seconds" || exit 1
    SCALE_NEEDS=1 "$scale" core "$agents" "$frameworks" "$task_ms" "$seconds" | sed 's/^scale_/scale_needs_/' || exit 1
done
