#!/usr/bin/env bash
# tests/fuzz.sh FUZZER... - run fuzzers (fuzz_scan, ...) for FUZZ_SECONDS (60) each, under ASan and UBSan.
#
# Each starts from its corpus in tests/fuzz/corpus, copied to build/fuzz/corpus-<fuzzer>, where what it finds
# is added: copy from there what is worth keeping. A crash leaves its input in build/fuzz/crash-<fuzzer>-*
# and fails the run. Without arguments all fuzzers run.
set -u
cd "$(dirname "$0")/.." || exit 1

seconds=${FUZZ_SECONDS:-60}
out=build/fuzz
cc=${FUZZ_CC:-clang}
cflags='-std=gnu17 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=undefined -D_GNU_SOURCE -I. -Iframework-sdk/include'
libs='-lczmq -lzmq -lmsgpackc -ljansson -lsodium -lmicrohttpd -lpthread'

fuzzers=("$@")
if [ ${#fuzzers[@]} = 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        fuzzers+=("$(basename "$source" .c)")
    done
fi
mkdir -p "$out/obj"

# The rooms that parse what others send, compiled once for all fuzzers.
compile() { # source
    mkdir -p "$out/obj/$(dirname "$1")"
    $cc -fsanitize=fuzzer-no-link,address,undefined $cflags -c "$1" -o "$out/obj/${1%.c}.o"
}
export -f compile
export out cc cflags
rooms=(base/*.c proto/*.c agent/docker/{answers,demux,credentials,core/image_name}.c)
if ! printf '%s\n' "${rooms[@]}" | xargs -P 2 -I '{}' bash -c 'compile {}'; then
    echo "fuzz: the rooms do not compile" >&2
    exit 1
fi
objects=()
for source in "${rooms[@]}"; do
    objects+=("$out/obj/${source%.c}.o")
done

failed=()
for fuzzer in "${fuzzers[@]}"; do
    corpus=$out/corpus-$fuzzer
    mkdir -p "$corpus"
    if ! cp tests/fuzz/corpus/"$fuzzer"/* "$corpus"/; then
        echo "fuzz: tests/fuzz/corpus/$fuzzer has no inputs to start from" >&2
        failed+=("$fuzzer")
        continue
    fi
    options=()
    dictionary=tests/fuzz/$fuzzer.dict
    [ -f "$dictionary" ] && options+=("-dict=$dictionary")
    more=() # what no other links
    case $fuzzer in
    fuzz_answer) more=(agent/launcher/check_answer.c) ;;
    fuzz_archive) more=(agent/fetcher/unpack.c agent/fetcher/place.c -larchive) ;;
    fuzz_group) more=(cli/group_file.c framework-sdk/*.c framework-sdk/core/*.c -lcurl) ;;
    fuzz_jobs) more=(examples/batch/{job,job_read,memory,units}.c) ;;
    fuzz_outcome) more=(agent/launcher/check_outcome.c) ;;
    fuzz_seccomp) more=(isolators/seccomp_{profile,shrink}.c isolators/capability_names.c -lseccomp -lcap-ng) ;;
    esac
    echo "== $fuzzer, $seconds s"
    if ! $cc -fsanitize=fuzzer,address,undefined $cflags "tests/fuzz/$fuzzer.c" "${more[@]}" "${objects[@]}" $libs \
        -o "$out/$fuzzer"; then
        failed+=("$fuzzer")
        continue
    fi
    if "$out/$fuzzer" "-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 "-artifact_prefix=$out/crash-$fuzzer-" "${options[@]}" "$corpus" \
        >"$out/$fuzzer.log" 2>&1; then
        grep -E 'executed_units|new_units' "$out/$fuzzer.log"
    else
        tail -n 60 "$out/$fuzzer.log"
        failed+=("$fuzzer")
    fi
done

if [ ${#failed[@]} != 0 ]; then
    echo "fuzz: failed: ${failed[*]}"
    exit 1
fi
echo "fuzz: ${#fuzzers[@]} fuzzers, $seconds s each, no crash"
