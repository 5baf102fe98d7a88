#!/usr/bin/env bash
# tests/lint.sh - is the tree as we want to find it? Every check that fails is said; exit 1 if any did.
#
#     LINT_BUILD   where the compiler is asked for warnings (build/lint): a folder in which all was made with WERROR=1
set -u
cd "$(dirname "$0")/.." || exit 1

failed=0
problem() {
    echo "lint: $*"
    failed=1
}

mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' '*.h')
mapfile -t scripts < <(git ls-files -co --exclude-standard '*.sh' .ci/run)

# --- what takes long, at the same time: each prints what is wrong, and says so by its status -----------------
cores=$(nproc)

in_format() {
    printf '%s\0' "${sources[@]}" | xargs -0 -n 100 -P "$cores" clang-format-14 --dry-run -Werror
}

is_compiled() { # with warnings as errors
    make -s -j"$cores" BUILD="${LINT_BUILD:-build/lint}" WERROR=1 OPTIMIZE='-O2 -D_FORTIFY_SOURCE=2' all tests benches >/dev/null
}

# Every header alone, and the SDK's as C++.
alone() { # HEADER...
    local header l languages standard status=0
    for header in "$@"; do
        case $header in framework-sdk/include/*) languages="c c++" ;; *) languages=c ;; esac
        for l in $languages; do
            standard=$([ "$l" = c ] && echo gnu17 || echo c++11)
            echo "#include \"$header\"" | gcc -std="$standard" -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE \
                -I. -Iframework-sdk/include -x "$l" - || { echo "$header does not stand alone as $l"; status=1; }
        done
    done
    return $status
}
headers_stand_alone() {
    export -f alone
    # shellcheck disable=SC2016 # for the shell inside
    printf '%s\0' "${sources[@]}" | grep -z '\.h$' | xargs -0 -n 20 -P "$cores" bash -c 'alone "$@"' -
}

# C without compiling. The list macros, without the rest of the system's headers.
is_checked() {
    local checked found
    mkdir -p build/lint/include
    cp /usr/include/uthash.h /usr/include/utlist.h build/lint/include
    mapfile -t checked < <(printf '%s\n' "${sources[@]}" | grep '\.c$' | grep -v '^tests/')
    found=$(cppcheck --quiet --std=c11 --language=c -j"$cores" --error-exitcode=1 --inline-suppr \
        --enable=warning,portability,performance --suppressions-list=tests/cppcheck.txt \
        -I. -Iframework-sdk/include -Ibuild/lint/include -D_GNU_SOURCE --library=posix,gnu --max-configs=1 \
        "${checked[@]}" 2>&1)
    [ -z "$found" ] || { echo "$found"; return 1; }
}

said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
declare -A looks=([in_format]="run: clang-format-14 -i on the files above" [is_compiled]="warnings (see above)"
    [headers_stand_alone]="headers (see above)" [is_checked]="cppcheck")
for look in "${!looks[@]}"; do
    { "$look" >"$said/$look" 2>&1; echo $? >"$said/$look.status"; } &
done

# --- the SDK's headers ---------------------------------------------------------------------------------------
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

# --- scripts -------------------------------------------------------------------------------------------------------
for script in "${scripts[@]}"; do
    bash -n "$script" || problem "$script: syntax"
    [ -x "$script" ] || [ "${script##*/}" = lib.sh ] || problem "$script is not executable"
done
# Scripts run at the same time: a `sleep N` that one looks for among all processes is its own.
while read -r nap; do
    [ "$(grep -lE "$nap([^0-9]|$)" tests/system/*.sh | wc -l)" = 1 ] || problem "tests/system: more than one script has a task '$nap'"
done < <(grep -hE '(pgrep|nobody_runs|nothing_runs) .*sleep [0-9]' tests/system/*.sh | grep -oE "sleep [0-9]+['\"]" | tr -d "'\"" | sort -u)

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

# --- what takes long, and has ended ------------------------------------------------------------------------------------
wait
for look in "${!looks[@]}"; do
    cat "$said/$look"
    [ "$(cat "$said/$look.status")" = 0 ] || problem "${looks[$look]}"
done

[ $failed = 0 ] && echo "lint: clean (${#sources[@]} C files, ${#scripts[@]} scripts)"
exit $failed
