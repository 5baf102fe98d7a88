#!/usr/bin/env bash
# tests/system/qemu.sh BUILD COMMAND [ARGUMENT...] - run a command as root in a machine with two NUMA nodes of two
# processors each, whose kernel has cgroup v2 only, cpuset, hugetlb and PSI.
#
# The machine is qemu without KVM (-accel tcg), its kernel Debian's cloud kernel, fetched once by apt-get and unpacked
# beneath BUILD, not installed. Its files are copies of ours, packed into an initramfs: the build, the tests, the tools
# below and what they link. Output and exit status are the command's; 77: it cannot be run here, and why.
# QEMU_SECONDS (600) ends it.
set -u
build=$(cd "${1:?usage: tests/system/qemu.sh BUILD COMMAND...}" && pwd)
shift
tools="bash sh cat grep sed awk head tail ls mkfifo mktemp dd losetup truncate nproc sleep stat cut tr find xargs curl jq ss
shuf rm rmdir mkdir id seq date timeout ps env wc sort mount losetup tee touch nm setsid true false test dirname basename xz"

for tool in qemu-system-x86_64 busybox dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "no $tool: install qemu-system-x86, busybox-static"; exit 77; }
done

# The newest cloud kernel that the archive has.
fetch_kernel() {
    local package
    ls "$build"/qemu/root/boot/vmlinuz-* >/dev/null 2>&1 && return
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -1)
    [ -n "$package" ] || return 1
    mkdir -p "$build/qemu" && cd "$build/qemu" && apt-get download "$package" >/dev/null 2>&1 &&
        dpkg-deb -x linux-image-*.deb root
}
(fetch_kernel) || { echo "no kernel: apt-get download linux-image-cloud-amd64 fails"; exit 77; }
kernel=$(echo "$build"/qemu/root/boot/vmlinuz-*)

work=$(mktemp -d "${TMPDIR:-/tmp}/proffer-qemu-XXXXXX") || exit 77
trap 'rm -rf "$work"' EXIT
guest=$work/guest
mkdir -p "$guest"/{proc,sys,dev,tmp,run,root,etc,usr/bin,usr/sbin,usr/lib/modules,usr/lib64}
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$guest"

# A file, and what it is linked with, to where it is here. Links stay what they are, and so does what they lead to.
add() {
    local file=$1
    [ -e "$file" ] && ! [ -e "$guest$file" ] || return 0
    mkdir -p "$guest$(dirname "$file")"
    cp -L "$file" "$guest$file"
}
add_program() {
    local library
    add "$1"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do add "$library"; done
}
for tool in $tools; do
    add_program "$(command -v "$tool")"
done
add /etc/passwd
add /etc/group
add "$(command -v busybox)"
for program in "$build"/bin/* "$build"/libexec/proffer/* "$build"/lib/libproffer.so "$build"/tests/test_isolators_cgroup \
    "$build"/tests/test_isolators_devices "$build"/tests/limiter "$build"/tests/boxer; do
    add_program "$program"
done
# A Docker Engine, where there is one.
for tool in dockerd containerd containerd-shim-runc-v2 runc; do
    command -v "$tool" >/dev/null && add_program "$(command -v "$tool")"
done
for script in tests/system/lib.sh tests/system/cores.sh tests/system/docker_v2.sh; do
    add "$PWD/$script"
done
find "$build/qemu/root" -name loop.ko -exec cp {} "$guest/lib/modules/" \;

{
    echo '#!/bin/busybox sh'
    cat <<'INIT'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
/bin/busybox --install -s /bin 2>/dev/null
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox chmod 1777 /tmp
/bin/busybox mkdir -p /dev/shm /dev/pts
/bin/busybox mount -t tmpfs -o mode=1777 shm /dev/shm
/bin/busybox mount -t cgroup2 none /sys/fs/cgroup
for controller in $(/bin/busybox cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
/bin/busybox insmod /lib/modules/loop.ko 2>/dev/null
/bin/busybox ip link set lo up
INIT
    printf 'cd %q\n' "$PWD"
    printf '%q ' "$@"
    # shellcheck disable=SC2016 # for that machine's shell
    echo '</dev/null 2>&1; echo "GUEST_STATUS=$?"; /bin/busybox sync; exec /bin/busybox poweroff -f'
} >"$guest/init"
chmod 755 "$guest/init"
mkdir -p "$guest$PWD"
(cd "$guest" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"

timeout --kill-after=5 "${QEMU_SECONDS:-600}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -nographic -no-reboot \
    -nodefaults -serial stdio -m 2048 -smp 4,sockets=2,cores=2,threads=1 \
    -object memory-backend-ram,id=m0,size=1024M -object memory-backend-ram,id=m1,size=1024M \
    -numa node,nodeid=0,cpus=0-1,memdev=m0 -numa node,nodeid=1,cpus=2-3,memdev=m1 \
    -kernel "$kernel" -initrd "$work/initrd" \
    -append "console=ttyS0 quiet loglevel=3 psi=1 cgroup_no_v1=all panic=-1 rdinit=/init" </dev/null >"$work/output" 2>&1
tr -d '\r' <"$work/output" | grep -v '^GUEST_STATUS='
status=$(tr -d '\r' <"$work/output" | sed -n 's/.*GUEST_STATUS=\([0-9]*\).*/\1/p' | tail -1)
[ -n "$status" ] || { echo "the machine ended before the command did"; exit 124; }
exit "$status"
