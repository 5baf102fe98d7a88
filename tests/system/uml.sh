#!/usr/bin/env bash
# tests/system/uml.sh COMMAND [ARGUMENT...] - run a command on a kernel with cgroup v2, as root, on any host.
#
# The kernel is user-mode Linux: an ordinary process that sees the host's files, read-only, and has cgroup2
# with all its controllers at /sys/fs/cgroup. /tmp, /run and /dev/shm are empty there, but for the folder we are
# in. Output and exit status
# are the command's; 77: it cannot be run here, and why. UML_SECONDS (300) ends it, UML_MEM (768M) is what it has.
set -u

[ $# -gt 0 ] || { echo "usage: tests/system/uml.sh COMMAND [ARGUMENT...]" >&2; exit 2; }
for tool in linux.uml busybox; do
    command -v "$tool" >/dev/null || { echo "no $tool: install user-mode-linux and busybox-static"; exit 77; }
done

out=$(mktemp -d "${TMPDIR:-/tmp}/proffer-uml-XXXXXX") || exit 77
trap 'rm -rf "$out"' EXIT

# The first process of that kernel. $out is the one place that both sides can write.
{
    echo '#!/bin/bash'
    printf 'out=%q\n' "$out"
    cat <<'INIT'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
mount -n -t proc proc /proc
mount -n -t sysfs sysfs /sys
mount -n -t tmpfs -o mode=1777 tmp /tmp
mount -n -t tmpfs run /run
mkdir -p /dev/shm /dev/pts "$out"
mount -n -t tmpfs -o mode=1777 shm /dev/shm
mount -n -t hostfs -o "$out" none "$out"
mount -n -t cgroup2 none /sys/fs/cgroup
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
ip link set lo up 2>/dev/null
for module in fs/overlayfs/overlay drivers/block/loop fs/quota/quota_tree fs/quota/quota_v2; do
    module=/usr/lib/uml/modules/$(uname -r)/kernel/$module.ko
    [ -e "$module" ] && /bin/busybox insmod "$module"
done
INIT
    # What is empty there may be where the tree is.
    case $PWD in
        /tmp/* | /run/*) printf 'mkdir -p %q; mount -n -t hostfs -o %q none %q\n' "$PWD" "$PWD" "$PWD" ;;
    esac
    printf 'cd %q\n' "$PWD"
    printf '%q ' "$@"
    # shellcheck disable=SC2016 # for that kernel's shell
    echo '</dev/null >"$out/output" 2>&1'
    # shellcheck disable=SC2016
    # Not the host'"'"'s poweroff, which writes into files of the system.
    echo 'echo $? >"$out/status"; sync; exec /bin/busybox poweroff -f'
} >"$out/init"
chmod 755 "$out" "$out/init"
: >"$out/output"

# On one processor: what runs there is traced by that kernel, and each of its calls goes over to it and back, which takes
# three times as long from one processor to another. Which one is by the lane of run.sh.
mapfile -t cpus < <(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status | tr , '\n' |
    while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
timeout --kill-after=5 "${UML_SECONDS:-300}" taskset -c "${cpus[${PROFFER_TEST_LANE:-0} % ${#cpus[@]}]}" linux.uml "mem=${UML_MEM:-768M}" root=/dev/root rootfstype=hostfs \
    rootflags=/ ro "init=$out/init" "uml_dir=$out" con=null con0=fd:0,fd:1 quiet </dev/null >"${UML_CONSOLE:-$out/console}" 2>&1
cat "$out/output"
if [ ! -s "$out/status" ]; then
    echo "the kernel ended before the command did:" && tail -n 20 "$out/console"
    exit 124
fi
exit "$(cat "$out/status")"
