#!/usr/bin/env bash
# tests/demo.sh BUILD - the main job, for real: a cluster of two agents on this machine compresses and
# checksums a few hundred files of this machine; every result is verified; nothing is left behind.
set -u

build=$(cd "${1:?usage: tests/demo.sh BUILD}" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
export PATH=$build/bin:$PATH
work=$build/demo
count=${DEMO_FILES:-300}

# What of ours is on this machine: processes, cgroups, mounts, files in /tmp.
traces() {
    pgrep -f "^($build/|proffer-)[^ ]*proffer" -a | grep -v demo.sh
    find /sys/fs/cgroup -type d -path '*/proffer*' 2>/dev/null
    grep -F proffer /proc/self/mounts
    ls -d /tmp/proffer-* 2>/dev/null
}

# The second half runs inside the cluster: proffer local gives it PROFFER_MASTER and PROFFER_HTTP.
inside() {
    proffer agents
    echo
    proffer-batch --name demo --cpus 0.5 --mem 64 --retries 2 --output "$work/out" --report "$work/report" \
        "$work/jobs" || return 1
    echo
    proffer status
    echo
    proffer frameworks --completed
    echo
    proffer tasks --all | head -5
}

if [ "${2:-}" = inside ]; then
    inside
    exit
fi

rm -rf "$work"
mkdir -p "$work"
before=$(traces)
find /usr/bin /usr/lib /usr/share/doc /usr/include -xdev -type f -size +2k -size -1024k \
    -regextype posix-extended -regex '[A-Za-z0-9_./+-]+' -readable 2>/dev/null | sort | awk 'NR % 17 == 0' |
    head -n "$count" >"$work/files"
files=$(wc -l <"$work/files")
[ "$files" -ge 100 ] || { echo "demo: only $files files found to work on" >&2; exit 1; }

# Each job writes the compressed file to its stdout and the original's checksum to its stderr; the last one
# comes after all others.
awk '{ printf "{\"name\":\"file-%d\",\"cmd\":\"sha256sum <%s >&2 && gzip -9 -c %s\"}\n", NR, $0, $0
       after = after (NR > 1 ? "," : "") "\"file-" NR "\"" }
     END { printf "{\"name\":\"last\",\"cmd\":\"echo all %d are done\",\"after\":[%s]}\n", NR, after }' \
    "$work/files" >"$work/jobs"

echo "demo: $files files of this machine, $(wc -l <"$work/jobs") jobs, two agents"
started=$SECONDS
proffer local --agents 2 -- "$top/tests/demo.sh" "$build" inside || {
    echo "demo: failed" >&2
    exit 1
}

echo
echo "demo: verifying every result"
wrong=0 n=0
while read -r file; do
    n=$((n + 1))
    want=$(sha256sum <"$file")
    told=$(cat "$work/out/file-$n.err")
    got=$(gunzip -c "$work/out/file-$n.out" | sha256sum)
    if [ "$want" != "$told" ] || [ "$want" != "$got" ]; then
        echo "demo: wrong: $file" >&2
        wrong=$((wrong + 1))
    fi
done <"$work/files"
[ "$(cat "$work/out/last.out")" = "all $files are done" ] || { echo "demo: the last job's output is wrong" >&2; wrong=$((wrong + 1)); }
[ "$(grep -c '"state":"succeeded"' "$work/report")" = $((files + 1)) ] || { echo "demo: the report is wrong" >&2; wrong=$((wrong + 1)); }

left=$(comm -13 <(sort <<<"$before") <(traces | sort))
if [ -n "$left" ]; then
    printf 'demo: left behind:\n%s\n' "$left" >&2
    wrong=$((wrong + 1))
fi
if [ $wrong != 0 ]; then
    echo "demo: $wrong wrong" >&2
    exit 1
fi
echo "demo: $n files compressed, checksummed and verified, nothing left behind, $((SECONDS - started)) s"
rm -rf "$work"
