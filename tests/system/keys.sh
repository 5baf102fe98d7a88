#!/usr/bin/env bash
# tests/system/keys.sh BUILD - a cluster whose links are encrypted: certificates as files, who is let in and who is not.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

check "pairs of keys are made" certificates_begin

certificate master clients list
master_key=$key
certificate other
other_key=$key
certificate agent server "$master_key"
printf '# who is let in\n%s agent\n' "$key" >"$work/list"
certificate tool server "$master_key"
printf '%s tool\n' "$key" >>"$work/list"
certificate stranger server "$master_key"
certificate misled server "$other_key"
certificate lost

if start_master --keys "$work/master.keys" \
    && start_agent a1 --keys "$work/agent.keys" --resources 'cpus:2;mem:512;disk:100'; then
    ok "a master with keys and an agent on its list start"
else
    not_ok "a master with keys and an agent on its list start"
fi

hello() { # CERTIFICATE
    PROFFER_SDK_LOG=info PROFFER_KEYS=$work/$1.keys PROFFER_MASTER=$master timeout "${2:-20}" \
        "$build/examples/hello" 2 >"$work/$1.out" 2>&1
}
says() { # CERTIFICATE TEXT
    grep -q "$2" "$work/$1.out" || { cat "$work/$1.out"; false; }
}
check "a framework on its list runs tasks" hello tool
check "and is told how they ended" test "$(grep -c TASK_FINISHED "$work/tool.out")" = 2
hello stranger
check "one that is not is told so, with its key" says stranger 'does not let this key in'
hello misled 2
check "one that expects another master is not connected" bash -c "! grep -q registered '$work/misled.out'"
hello lost
check "one that does not know the master's key is told where to write it" says lost 'server'
PROFFER_MASTER=$master timeout 2 "$build/examples/hello" 1 >"$work/none.out" 2>&1
check "one without keys is not connected" bash -c "! grep -q TASK_ '$work/none.out'"
check "and nobody else has come" state '.frameworks == [] and (.completed_frameworks | length == 1)'

printf 'nonsense\n' >"$work/list"
check "a list that cannot be read stops a master, with the line" \
    bash -c "proffer-master --port 0 --http-port 0 --work-dir '$work/m2' --keys '$work/master.keys' 2>&1 | grep -q 'line 1'"
