#!/usr/bin/env bash
# tests/system/sdk.sh BUILD - libproffer as somebody else's program meets it: symbols, C++, and the example.
. "$(dirname "$0")/lib.sh"
system_begin "$1"

include=$PWD/framework-sdk/include
lib=$build/lib
if is_sanitized; then
    skip "other people's programs link with libproffer" "this build is a sanitizer's"
    exit
fi
libraries=(-lczmq -lzmq -lmsgpackc -ljansson -lsodium -lcurl -lpthread)

# --- symbols ------------------------------------------------------------------------------------------

declared() {
    cat "$include"/proffer/*.h | tr '\n' ' ' | grep -oE 'PROFFER_API [^;]*;' | grep -oE 'proffer_[a-z_]+\(' \
        | tr -d '(' | sort -u
}
exported() { # FILE NM_FLAG
    nm "$2" --defined-only "$1" | awk 'NF == 3 && $2 ~ /[A-Z]/ {print $3}' | sort -u
}
same() { # FILE NM_FLAG
    [ "$(declared | wc -l)" -gt 30 ] && diff <(declared) <(exported "$1" "$2")
}
check "libproffer.so exports what the headers declare and nothing else" same "$lib/libproffer.so" -D
check "libproffer.a has no other global symbol" same "$lib/libproffer.a" -g
check "libproffer.so says its version" bash -c "readelf -d '$lib/libproffer.so' | grep -q 'SONAME.*libproffer.so.0'"

# --- programs -----------------------------------------------------------------------------------------

cat >"$work/program.cc" <<'END'
#include <proffer/proffer.h>
#include <cerrno>
#include <cstdio>
#include <cstring>

int main()
{
    struct proffer_scheduler_options options = {};
    struct proffer_scheduler *scheduler = nullptr;
    struct proffer_fetcher *fetcher = nullptr;
    struct proffer_err err;

    if (proffer_scheduler_new(&options, nullptr, nullptr, &scheduler, &err) != -EINVAL)
        return 1;
    options.name = "program";
    options.master = "127.0.0.1:1";
    if (proffer_scheduler_new(&options, nullptr, nullptr, &scheduler, &err) < 0 ||
        proffer_fetcher_new(0, &fetcher, &err) < 0)
        return 2;
    proffer_scheduler_stop(scheduler, true);
    if (proffer_scheduler_run(scheduler) != 0)
        return 3;
    proffer_scheduler_destroy(&scheduler);
    proffer_fetcher_destroy(&fetcher);
    std::puts(proffer_version());
    return std::strcmp(proffer_task_state_name(PROFFER_TASK_GONE), "TASK_GONE") != 0;
}
END

# Names that libproffer has inside, in a program of another author.
cat >"$work/clash.c" <<'END'
#include <proffer/proffer.h>
#include <stdio.h>

int err_set(void);
int arena_new(void);
int err_set(void) { return 1; }
int arena_new(void) { return 2; }

int main(void)
{
    struct proffer_scheduler *scheduler;
    struct proffer_err err = {""};

    return proffer_scheduler_new(&(struct proffer_scheduler_options){.name = ""}, NULL, NULL, &scheduler,
                                 &err) >= 0 || !err.text[0] || err_set() + arena_new() != 3;
}
END

plus() { # OUTPUT LINK...
    g++ -std=c++11 -Wall -Wextra -Werror -I"$include" -o "$work/$1" "$work/program.cc" "${@:2}"
}
check "a C++ program links with libproffer.so" plus dynamic -L"$lib" -lproffer -Wl,-rpath,"$lib"
check "and runs" "$work/dynamic"
check "a C++ program links with libproffer.a" plus static "$lib/libproffer.a" "${libraries[@]}"
check "and runs" "$work/static"
check "a program may have an err_set() of its own" \
    gcc -Wall -Werror -I"$include" -o "$work/clash" "$work/clash.c" "$lib/libproffer.a" "${libraries[@]}"
check "and both work" "$work/clash"

# --- the example --------------------------------------------------------------------------------------

own_headers_only() {
    ! grep -E '^#include' examples/hello/main.c | grep -vE '<(proffer/proffer|stdio|stdlib|string)\.h>'
}
check "hello includes the SDK and the C library only" own_headers_only
if start_master && start_agent a1 --resources 'cpus:2;mem:1024;disk:1000;ports:[31000-31009]'; then
    ok "a master and an agent start"
else
    not_ok "a master and an agent start"
fi
hello() {
    PROFFER_MASTER=$master timeout 60 "$build/examples/hello" 7 >"$work/hello.out" || { cat "$work/hello.out"; false; }
}
check "hello runs its tasks" hello
check "and tells of each that it finished" test "$(grep -c ' TASK_FINISHED' "$work/hello.out")" = 7
gone() {
    state '[.frameworks[] | select(.name == "hello")] | length == 0'
}
check "and is gone then" wait_for 20 gone
check "hello with a wrong argument shows its usage" bash -c "timeout 20 '$build/examples/hello' nonsense; [ \$? = 2 ]"
