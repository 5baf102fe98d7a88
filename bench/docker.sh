#!/usr/bin/env bash
# bench/docker.sh BUILD - containers a second through an agent, beside what the same Engine does by its bare API in the same
# run: lines "name value unit", medians of RUNS (5) runs, one container at a time and four. Without an Engine it says so.
set -u -o pipefail

build=$(cd "${1:?usage: bench/docker.sh BUILD}" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
runs=${RUNS:-5}
tasks=${DOCKER_TASKS:-40}
cd "$top" || exit 1
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
system_begin "$build" >/dev/null
# shellcheck source=tests/system/engine.sh
. tests/system/engine.sh
engine_begin >/dev/null || { echo "# docker: skipped: $engine_lacks"; exit 0; }
trap 'engine_system_end >/dev/null' EXIT
median() { sort -g | awk '{v[NR] = $1} END {print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2)}'; }

start_master || exit 1
export PROFFER_MASTER=$master
for lanes in 1 4; do
    start_agent "lanes$lanes" --containerizers=native,docker --docker-socket "$engine" \
        --resources "cpus:$lanes;mem:1024" || exit 1
    "$build/bench/launch" rate 4 'cpus:1;mem:32' true "$image" >/dev/null || exit 1
    for ((i = 0; i < runs; i++)); do
        "$build/bench/docker" "$engine" "$tasks" "$lanes" "$image" /bench-docker >"$work/limit.now" || exit 1
        "$build/bench/launch" rate "$tasks" 'cpus:1;mem:32' true "$image" >"$work/rate.now" || exit 1
        limit=$(awk '{print $1; exit}' "$work/limit.now") rate=$(awk '{print $1; exit}' "$work/rate.now")
        echo "$limit" >>"$work/limit.$lanes"
        echo "$rate" >>"$work/rate.$lanes"
        echo "scale=4; $rate / $limit" | bc >>"$work/ratio.$lanes"
    done
    stop "$agent_pid"
    suffix=$([ $lanes = 1 ] || echo "_$lanes")
    echo "docker_rate$suffix $(median <"$work/rate.$lanes") containers/s"
    echo "docker_limit$suffix $(median <"$work/limit.$lanes") containers/s"
    echo "docker_ratio$suffix $(median <"$work/ratio.$lanes") ratio"
done
rmdir /sys/fs/cgroup/*/bench-docker /sys/fs/cgroup/bench-docker 2>/dev/null
exit 0
