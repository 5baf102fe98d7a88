#!/usr/bin/env bash
# tests/system/install.sh BUILD - what `make install` puts down is whole: programs, library, headers, man pages.
. "$(dirname "$0")/lib.sh"
system_begin "$1"
root=$work/root
here=$root/opt/proffer

installs() {
    make -s BUILD="$build" PREFIX=/opt/proffer DESTDIR="$root" install
}
check "make install puts it below DESTDIR" installs
whole() {
    local file
    for file in bin/proffer bin/proffer-master bin/proffer-agent bin/proffer-batch libexec/proffer/proffer-launcher libexec/proffer/proffer-docker; do
        [ -x "$here/$file" ] || { echo "no $file"; return 1; }
    done
    for file in lib/libproffer.a lib/libproffer.so.0 lib/pkgconfig/proffer.pc include/proffer/proffer.h \
        share/man/man1/proffer.1 share/man/man1/proffer-batch.1 share/man/man8/proffer-master.8 share/man/man8/proffer-agent.8; do
        [ -s "$here/$file" ] || { echo "no $file"; return 1; }
    done
    [ "$(readlink "$here/lib/libproffer.so")" = libproffer.so.0 ]
}
check "with all that belongs to it" whole
check "and nothing beside it" eval '[ "$(ls "$root")" = opt ] && [ "$(ls "$root/opt")" = proffer ]'
check "the same headers as here" diff -r framework-sdk/include/proffer "$here/include/proffer"
check "an isolator is built with the installed headers alone" gcc -shared -fPIC -Wall -Werror -D_GNU_SOURCE \
    -I"$here/include/proffer-isolator" -o "$work/oom_score.so" examples/isolator/oom_score.c
check "nothing of it knows where it was built" eval '! grep -rlF "$build" "$here/bin" "$here/libexec" "$here/lib/pkgconfig"'

# --- man pages ------------------------------------------------------------------------------------------

renders() { # PAGE
    local said
    said=$(MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "$said"; return 1; }
    MANWIDTH=80 man -l "$1" | grep -q '^EXIT STATUS'
}
# Every option of --help is in the page.
documents() { # PROGRAM PAGE
    local option missing=0
    for option in $("$here/bin/$1" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
        case $option in --help | --version) continue ;; esac
        grep -qF -- "${option//-/\\-}" "$2" || { echo "$option is not in $2"; missing=1; }
    done
    return $missing
}
for page in "$here"/share/man/man[18]/*; do
    if command -v man >/dev/null; then
        check "${page##*/} renders without a warning" renders "$page"
    else
        skip "${page##*/} renders without a warning" "no man here"
    fi
done
for program in proffer-master proffer-agent; do
    check "$program's page has all its options" documents $program "$here/share/man/man8/$program.8"
done
check "proffer-batch's page has all its options" documents proffer-batch "$here/share/man/man1/proffer-batch.1"

# --- a program built from what is installed -------------------------------------------------------------

# In a shell of its own: the flags are words.
builds() { # NAME FLAG...
    local name=$1 flags
    shift
    flags=$(PKG_CONFIG_PATH=$here/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config --cflags --libs "$@" proffer) || return 1
    # shellcheck disable=SC2086
    (cd "$work" && cc -Wall -Werror -o "$name" hello.c $flags)
}
cp examples/hello/main.c "$work/hello.c"
if command -v pkg-config >/dev/null; then
    check "hello is built with the flags of pkg-config" builds hello
    check "it uses the installed library" eval 'LD_LIBRARY_PATH=$here/lib ldd "$work/hello" | grep -q "$here/lib/libproffer.so.0"'
    check "the version is the program's" eval '[ "$(PKG_CONFIG_PATH=$here/lib/pkgconfig pkg-config --modversion proffer)" = "$("$here/bin/proffer" --version | cut -d" " -f2)" ]'
else
    skip "hello is built with the flags of pkg-config" "no pkg-config here"
fi

PATH=$here/bin:$PATH
hash -r
if start_master && start_agent a1 --resources 'cpus:2;mem:512;disk:1000;ports:[31000-31009]'; then
    ok "the installed master and agent start, with the installed launcher"
else
    not_ok "the installed master and agent start, with the installed launcher"
fi
export PROFFER_MASTER=$master PROFFER_HTTP=$http
if is_sanitized; then
    skip "hello runs its tasks" "this build is a sanitizer's"
elif [ -x "$work/hello" ]; then
    check "hello runs its tasks" eval 'LD_LIBRARY_PATH=$here/lib timeout 60 "$work/hello" 4 >"$work/hello.out" && [ "$(grep -c TASK_FINISHED "$work/hello.out")" = 4 ]'
fi
check "the installed batch runs jobs" eval 'printf "true\ntrue\n" | timeout 60 "$here/bin/proffer-batch" -q'
check "the installed proffer local finds its programs" eval '[ "$(cd / && timeout 60 "$here/bin/proffer" local -a 1 -- proffer run "echo hello")" = hello ]'

uninstalls() {
    make -s BUILD="$build" PREFIX=/opt/proffer DESTDIR="$root" uninstall
    [ -z "$(find "$here" -type f -o -type l)" ] || { find "$here" -type f; return 1; }
}
stop "$agent_pid"
stop "$master_pid"
check "make uninstall takes every file away" uninstalls
