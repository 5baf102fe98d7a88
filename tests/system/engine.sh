#!/usr/bin/env bash
# tests/system/engine.sh - a private dockerd, for scripts that have sourced lib.sh and begun.
#
#     engine_begin || { skip "docker" "$engine_lacks"; exit; }
#
# It has a network and a mount namespace of its own: nothing of the host's network is touched, and what it mounts goes with
# it. A script that has such a network already sets engine_network to nothing. Its socket is $engine, its image $image. Everything ends with the script.
# shellcheck shell=bash

engine=$work/docker.sock
api=http://docker/v1.41

# call METHOD PATH [CURL OPTION...] : of the Engine.
call() {
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 60 --unix-socket "$engine" -X "$method" "$@" "$api$path"
}

# engine_start : in the namespaces that $hold keeps; sets $engine_pid.
engine_start() {
    PROFFER_TEST=$work nsenter -t "$hold" -n -m env PATH="$work/iptables:$PATH" dockerd --data-root "$work/engine" \
        --exec-root "$work/exec" -H "unix://$engine" --pidfile "$work/engine.pid" --storage-driver "$driver" \
        --live-restore >>"$work/engine.log" 2>&1 </dev/null &
    engine_pid=$!
    wait_for 30 call GET /_ping -f
}

# Its containers' shims outlive it; containerd is its child.
engine_end() {
    local id pid
    for id in $(call GET '/containers/json?all=1' 2>/dev/null | jq -r '.[].Id' 2>/dev/null); do
        call DELETE "/containers/$id?force=1" >/dev/null
    done
    [ -s "$work/engine.pid" ] && kill -TERM "$(cat "$work/engine.pid")" 2>/dev/null
    wait_for 20 eval "! kill -0 ${engine_pid:-0} 2>/dev/null"
    for pid in $(marked "$work"); do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in dockerd | containerd* | docker-proxy | runc) kill -KILL "$pid" ;; esac
    done
    kill -KILL "$hold" 2>/dev/null
    wait "$hold" 2>/dev/null
}

# Agents first: they need it for their end.
engine_system_end() {
    local status=$? pid
    for pid in "${pids[@]}"; do
        kill -CONT "$pid" 2>/dev/null
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        wait_for 20 eval "! kill -0 $pid 2>/dev/null"
    done
    engine_end
    (exit "$status")
    system_end
}

# An image that is busybox and a few links to it.
engine_image() {
    local applet
    mkdir -p "$work"/root/{bin,etc,proc,sys,dev,tmp}
    cp "$(command -v busybox)" "$work/root/bin/"
    for applet in sh true sleep cat echo ls id yes dd head seq grep env nc wget httpd kill touch mount hostname stat mkdir df; do
        ln -s busybox "$work/root/bin/$applet"
    done
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$work/root/etc/passwd"
    tar -C "$work/root" -cf "$work/root.tar" .
    call POST '/images/create?fromSrc=-&repo=test/busybox&tag=1&changes=CMD%20%5B%22sh%22,%22-c%22,%22echo%20own%20command%22%5D' \
        -H 'Content-Type: application/x-tar' --data-binary "@$work/root.tar" | grep -q sha256
}

# registry NAME PORT [AUTH] : in the Engine's network namespace.
registry() {
    cat >"$work/$1.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $work/$1.data}}
http: {addr: 127.0.0.1:$2}
log: {level: error}
${3:-}
END
    start "$1" nsenter -t "$hold" -n docker-registry serve "$work/$1.yml"
    wait_for 20 nsenter -t "$hold" -n curl -s -o /dev/null "http://127.0.0.1:$2/v2/"
}

# put IMAGE [AUTH] : into its registry, and away from the Engine.
put() {
    call POST "/images/test/busybox:1/tag?repo=${1%:*}&tag=${1##*:}"
    call POST "/images/${1%:*}/push?tag=${1##*:}" -H "X-Registry-Auth: ${2:-e30=}" | grep -q Digest
    call DELETE "/images/$1" >/dev/null
}

# False: none can be had here, and $engine_lacks says why.
engine_begin() {
    local command
    image=test/busybox:1
    for command in dockerd docker-registry htpasswd iptables-legacy busybox; do
        command -v "$command" >/dev/null || { engine_lacks="there is no $command here"; return 1; }
    done
    [ "$(id -u)" = 0 ] || { engine_lacks="only root can start a dockerd"; return 1; }
    # The namespaces live as long as this one.
    unshare ${engine_network--n} -m --propagation private sleep infinity &
    hold=$!
    trap engine_system_end EXIT
    mkdir "$work/iptables"
    ln -s "$(command -v iptables-legacy)" "$work/iptables/iptables"
    ln -s "$(command -v ip6tables-legacy)" "$work/iptables/ip6tables"
    wait_for 20 nsenter -t "$hold" -n ip link set lo up
    for driver in overlay2 vfs; do
        engine_start && break
        wait "$engine_pid" 2>/dev/null
    done
    if ! call GET /_ping -f >/dev/null 2>&1; then
        engine_lacks="no dockerd can be started: $(tail -1 "$work/engine.log" | cut -c1-160)"
        return 1
    fi
    guard "kill -KILL $hold"
    engine_image || { engine_lacks="no image can be made"; return 1; }
}
