#!/bin/sh
# What `make lint` does: floors and opening comments, format, shell scripts (if shellcheck is there), clang-tidy, cppcheck.
# All of them run even when one finds something; status 1 if any did. lint.sh floors|format|tidy|cppcheck runs one.
# SINCE=commit: clang-tidy and cppcheck look only at sources that differ from that commit, or include a header that does. Without
# it that commit is origin/main's, if there are changes; SINCE= (empty) is everything.
# shellcheck disable=SC2086,SC2016  # lists of folders are split on purpose
set -u

only=${1:-}
status=0
jobs=$(nproc 2>/dev/null || echo 1)
rooms=''
for room in boot arch mm kernel lib tests/kernel tests/bench/page_*.c tests/bench/kmem_*.c; do [ -e $room ] && rooms="$rooms $room"; done
python=/usr/bin/python3
[ -x $python ] || python=python3

if [ -z "${SINCE+x}" ] && git rev-parse -q --verify origin/main >/dev/null 2>&1 && ! git diff --quiet origin/main --; then
	SINCE=origin/main
fi
SINCE=${SINCE:-}
[ -z "$SINCE" ] || echo "lint: clang-tidy and cppcheck: what changed since $SINCE (SINCE= for everything)"

# Of the sources on stdin those that SINCE leaves.
changed() {
	[ -n "$SINCE" ] || { cat; return; }
	{ git diff --name-only "$SINCE" --; git ls-files --others --exclude-standard; } | grep '\.[ch]$' >"$list" || :
	while read -r file; do
		if grep -qxF "$file" "$list" || sed -n 's/^#include "\(.*\)"$/\1/p' "$file" | grep -qxFf "$list"; then echo "$file"; fi
	done
}
list=$(mktemp) && trap 'rm -f "$list"' EXIT

step() {
	[ -z "$only" ] || [ "$only" = "$1" ] || return 1
	echo "lint: $1"
}

# Every step ends with: || status=1
step floors && { $python tools/floors.py || status=1; }

if step format; then
	find $rooms user tests -name '*.[ch]' 2>/dev/null | sort -u | xargs -r clang-format --dry-run -Werror || status=1
fi

if [ -z "$only" ] && command -v shellcheck >/dev/null 2>&1; then
	step shell
	shellcheck tools/*.sh .ci/run || status=1
fi

# The flags of the Makefile that change the meaning of the code; clang-tidy brings its own -nostdinc headers.
include=$(clang -print-file-name=include)
# usage: tidy 'more flags' <list of files
tidy() {
	sort | changed | xargs -r -P "$jobs" -n 8 sh -c '
		inc=$1 more=$2; shift 2
		out=$(clang-tidy --quiet "$@" -- --target=x86_64-linux-gnu -std=gnu11 -I. -D__KERNEL__ -nostdinc -isystem "$inc" \
			-ffreestanding -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -Wno-unused-parameter $more 2>/dev/null) && exit 0
		printf "%s\n" "$out"
		exit 1' tidy "$include" "$1"
}
if step tidy; then
	find $rooms -name '*.c' ! -name 'kasan*.c' ! -name 'ubsan.c' | tidy '' || status=1
	find $rooms -name 'kasan*.c' -o -name 'ubsan.c' | tidy '-DCONFIG_KASAN=1 -DCONFIG_UBSAN=1' || status=1
fi

if step cppcheck; then
	find $rooms -name '*.c' | sort | changed | xargs -r \
		cppcheck -q -j "$jobs" --error-exitcode=1 --std=c11 --platform=unix64 -I. -D__KERNEL__ -D__x86_64__ -D__GNUC__=12 \
		--enable=warning,portability --inline-suppr --suppressions-list=.cppcheck || status=1
fi
exit $status
