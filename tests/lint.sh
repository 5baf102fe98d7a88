#!/usr/bin/env bash
# tests/lint.sh - is the tree as we want to find it? Every check that fails is said; exit 1 if any did.
set -u
cd "$(dirname "$0")/.." || exit 1

failed=0
problem() {
    echo "lint: $*"
    failed=1
}

mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' '*.h')
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)

# --- format -------------------------------------------------------------------------------------------
clang-format-14 --dry-run -Werror "${sources[@]}" || problem "run: clang-format-14 -i on the files above"

# --- the compiler, warnings as errors --------------------------------------------------------------------
make -s -j"$(nproc)" BUILD=build/lint WERROR=1 OPTIMIZE='-O2 -D_FORTIFY_SOURCE=2' all tests benches >/dev/null \
    || problem "warnings (see above)"

# --- every header alone, and the SDK's as C++ ---------------------------------------------------------------
for header in $(printf '%s\n' "${sources[@]}" | grep '\.h$'); do
    case $header in framework-sdk/include/*) language="c c++" ;; *) language=c ;; esac
    for l in $language; do
        standard=$([ "$l" = c ] && echo gnu17 || echo c++11)
        echo "#include \"$header\"" | gcc -std=$standard -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE \
            -I. -Iframework-sdk/include -x "$l" - || problem "$header does not stand alone as $l"
    done
done
grep -nE 'czmq|zmq\.h|msgpack|jansson' framework-sdk/include/proffer/*.h && problem "a library shows in the SDK's headers"

# --- arrows point down -----------------------------------------------------------------------------------------
# room: what it may include of ours
allow() {
    local room=$1 allowed=$2 line
    while read -r line; do
        problem "layering: $line ($room may include only: $allowed)"
    done < <(grep -rnE '^#include "' --include='*.[ch]' "$room" | grep -vE "#include \"($allowed)/")
}
allow base 'base'
allow proto 'base|proto'
allow isolators 'base|proto|isolators'
allow master 'base|proto|master'
allow agent 'base|proto|isolators|agent'
allow framework-sdk 'base|proto|framework-sdk|proffer'
allow cli 'base|proto|framework-sdk|proffer|cli'
allow examples 'examples'
for core in master/core agent/core agent/docker/core framework-sdk/core; do
    grep -rnE '#include "(proto/link|proto/channel|base/http|base/options|base/log\.c|master/(view|store|shell)|agent/(view|shell|launcher|store))|<(zmq|czmq|msgpack|jansson|curl|microhttpd|sqlite3|pthread|sys/socket|poll)' \
        "$core" && problem "$core is a pure core: no shell, socket or library there"
    grep -rnE '\b(clock_gettime|gettimeofday|time\(NULL\)|clock_now\(|rand\(|random\(|open\(|socket\(|fork\()' "$core" \
        && problem "$core is a pure core: no clock, chance, file or process there"
done
grep -rlE '<(zmq|czmq)\.h>' base isolators master/core master/view/replica* agent/core agent/launcher agent/shim agent/docker \
    framework-sdk cli examples 2>/dev/null | grep . && problem "zmq outside proto/link* and the shells' loops"
grep -rlE '#include <(zmq|czmq)\.h>' proto | grep -v '^proto/link' && problem "zmq in proto outside proto/link*"
grep -rnE '#include <msgpack' --include='*.[ch]' . | grep -vE '^\./(proto|tests)/' && problem "msgpack outside proto"
grep -rnE '#include "(\.\./|[a-z_]+\.h")' "${sources[@]}" | grep -v '#include "proffer' \
    && problem "includes name the path from the top"

# --- banned ------------------------------------------------------------------------------------------------------
banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|system|popen|rand|srand|alloca|tmpnam|mktemp|asctime|ctime'
grep -nE "(^|[^A-Za-z0-9_>.])($banned)\(" "${sources[@]}" | grep -vE '^tests/' && problem "banned functions"
grep -nE '\b(sleep|usleep|nanosleep|zclock_sleep)\(' "${sources[@]}" | grep -vE '^(tests|bench)/' \
    && problem "waiting by time: wait for an event"
grep -nE '\b(TODO|FIXME|XXX)\b' "${sources[@]}" "${scripts[@]}" Makefile docs/*.md README.md CONTRIBUTING.md | grep -v '^tests/lint.sh:' \
    && problem "unfinished business"
grep -nE '[[:space:]]+$' "${sources[@]}" "${scripts[@]}" Makefile && problem "trailing white space"

# --- scripts, C without compiling -------------------------------------------------------------------------------
for script in "${scripts[@]}"; do
    bash -n "$script" || problem "$script: syntax"
    [ -x "$script" ] || [ "${script##*/}" = lib.sh ] || problem "$script is not executable"
done
# The list macros, without the rest of the system's headers.
mkdir -p build/lint/include
cp /usr/include/uthash.h /usr/include/utlist.h build/lint/include
mapfile -t checked < <(printf '%s\n' "${sources[@]}" | grep '\.c$' | grep -v '^tests/')
cppcheck --quiet --std=c11 --language=c -j"$(nproc)" --error-exitcode=1 --inline-suppr \
    --enable=warning,portability,performance --suppressions-list=tests/cppcheck.txt \
    -I. -Iframework-sdk/include -Ibuild/lint/include -D_GNU_SOURCE --library=posix,gnu --max-configs=1 \
    "${checked[@]}" 2>&1 | grep . && problem "cppcheck"

# --- documents ------------------------------------------------------------------------------------------------------
for page in docs/man/*.[18]; do
    text=$(MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$text" ] || problem "$page: $text"
done
# Tests that a document names, as `file: test`, exist.
while IFS= read -r reference; do
    file=${reference%%: *} test=${reference#*: }
    case $file in
        *.c) grep -qwE "void $test" "$file" 2>/dev/null ;;
        *) grep -qF -- "$test" "$file" 2>/dev/null ;;
    esac || problem "docs: there is no test '$test' in $file"
done < <(grep -ohE '`tests/[^`:]+: [^`]+`' docs/*.md | tr -d '`' | sort -u)
# Each isolator and each setting of one can be read of.
while IFS=: read -r file name; do
    grep -qF "\`$name\`" docs/isolators.md || problem "docs/isolators.md: nothing of $name"
    grep -qF "B $name" docs/man/proffer-agent.8 || problem "docs/man/proffer-agent.8: nothing of $name"
    while read -r key; do
        grep -qF "$name.$key" docs/isolators.md || problem "docs/isolators.md: nothing of $name.$key"
    done < <(sed -n '/isolator_option .*_options\[\] = {/,/^};/s/^    {"\([a-z_]*\)".*/\1/p' "$file")
done < <(grep -oE '\.name = "[a-z]+/[a-z]+"' isolators/*.c | sed 's/\.name = "//; s/"//')
for binary in proffer proffer-master proffer-agent proffer-batch; do
    ls docs/man/$binary.[18] >/dev/null 2>&1 || problem "no man page for $binary"
done
long=$(wc -l "${sources[@]}" | awk '$1 > 800 && $2 != "total" {print $2 " (" $1 ")"}')
[ -z "$long" ] || problem "over 800 lines, two things in one file? $long"

[ $failed = 0 ] && echo "lint: clean (${#sources[@]} C files, ${#scripts[@]} scripts)"
exit $failed
