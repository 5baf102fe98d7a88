#!/usr/bin/env bash
# tests/deps.sh - see that what building and testing needs is installed; install what is missing.
#
# As root (or with sudo that asks nothing) it installs Debian packages; elsewhere it names them and fails.
# Answers at once when nothing is missing.
set -u

packages="gcc make pkg-config binutils
libzmq3-dev libczmq-dev libmsgpack-dev libjansson-dev libsodium-dev uthash-dev
libhwloc-dev libcgroup-dev libseccomp-dev libcap-ng-dev libsqlite3-dev libmicrohttpd-dev libcurl4-openssl-dev libarchive-dev libcmocka-dev
clang-14 clang-format-14 libclang-rt-14-dev lld cppcheck g++
bc curl jq xz-utils procps util-linux bsdutils iproute2 openssl libfaketime man-db user-mode-linux busybox-static
docker.io docker-registry apache2-utils iptables"

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "make deps: not a Debian system; install what these packages hold:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "make deps: missing packages; run: apt-get install$missing" >&2
        exit 1
    fi
fi
echo "make deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing
}
if ! { install_missing || { $as_root apt-get update && install_missing; }; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "make deps: could not install:$missing" >&2
    exit 1
fi
