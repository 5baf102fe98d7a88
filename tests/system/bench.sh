#!/usr/bin/env bash
# tests/system/bench.sh BUILD - the programs behind `make bench-allocator` go through to their end, at a small size: a
# number that nobody gets is none.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

bench=$build/bench/allocator

# tells SIZE NAME... : a number for each of these.
tells() {
    local size=$1 name
    shift
    for name in "$@"; do
        grep -qE "^$name$size [0-9.]+ [A-Za-z]+$" "$work/out" || { echo "no $name$size"; cat "$work/out"; return 1; }
    done
}

for size in "40 1" "60 7"; do
    at=_${size/ /x}
    check "the allocator is measured with $size agents and frameworks" eval "timeout 60 $bench $size >$work/out"
    check "each step of it is told" tells "$at" alloc_bare_ms alloc_round_ms alloc_decline_us alloc_again_ms \
        alloc_accept_us alloc_freed_us alloc_join_us alloc_limit_us alloc_join_idle_ms
done
check "and what it takes of memory" tells "" bytes_per_agent bytes_per_framework bytes_per_filter bytes_per_task
