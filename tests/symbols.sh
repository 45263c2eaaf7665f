#!/usr/bin/env bash
# symbols.sh BUILD: BUILD/patch/libevergreen-patch.so exports what patch/hooks.def lists; all of it exists in libc; no
# second name of a hooked call is forgotten; every call that may wait has a case in tests/patch.
set -uo pipefail
cd "$(dirname "$0")/.."
library=$1/patch/libevergreen-patch.so
failed=0

fail() { echo "FAILED: $*"; failed=1; }
# row KIND FIELD: that field of all HOOK or UNHOOKED rows
row() { sed -nE "s/^$1\((.*)\).*/\1/p" patch/hooks.def | awk -F' *, *' -v field="$2" '{ print $field }' | sort -u; }

libc=$(g++ -print-file-name=libc.so.6)
hooked=$(row HOOK 1)
known=$(printf '%s\n' "$hooked" "$(row UNHOOKED 1)" | sort -u)
exported=$(nm --dynamic --defined-only "$library" | awk '$2 ~ /[TWi]/ { print $3 }' | sed 's/@.*//' | sort -u)
in_libc_or_private=$(nm --dynamic --defined-only --with-symbol-versions "$libc" | awk '{ print $3 }' | sort -u)
in_libc=$(grep -v GLIBC_PRIVATE <<<"$in_libc_or_private" | sed 's/@.*//' | sort -u)

[ "$(wc -w <<<"$hooked")" -gt 50 ] || fail 'patch/hooks.def lists hardly anything: is it read rightly?'
[ "$(wc -w <<<"$in_libc")" -gt 2000 ] || fail "$libc exports hardly anything: is it read rightly?"

difference=$(diff <(echo "$hooked") <(echo "$exported")) ||
  fail "hooks.def (<) and the exports (>) differ:"$'\n'"$difference"
for name in $(comm -23 <(echo "$known") <(echo "$in_libc")); do fail "$name is not in libc"; done
for name in $(comm -12 <(echo "$hooked") <(row UNHOOKED 1)); do fail "$name is both HOOK and UNHOOKED"; done

inside=$(sed -nE 's/^INSIDE\((\w+), "(\w+[^"]*)".*/\1@@\2/p' patch/hooks.def | sort -u)
[ "$(wc -w <<<"$inside")" = "$(row INSIDE 1 | wc -w)" ] || fail 'an INSIDE row names no version'
for name in $(comm -23 <(echo "$inside") <(echo "$in_libc_or_private")); do fail "$name is not in libc"; done

twins=$(for name in $hooked; do
  printf '%s\n' "__$name" "${name}64" "__${name}64" "__${name}_chk" "__${name}_nocancel" "__${name}_time64" \
    "__${name}64_time64"
done | sort -u)
for twin in $(comm -12 <(echo "$twins") <(echo "$in_libc") | comm -23 - <(echo "$known")); do
  fail "$twin is neither hooked nor UNHOOKED with a reason"
done

waiting=$(sed -nE 's/^(HOOK|INSIDE)\((\w+) *, *[^,]+, *(waits|parks|sleeps|spawns|offloads) *,.*/\2/p' patch/hooks.def | sort -u)
cases=$(grep -rhoE 'CASE\(\w+\)' tests/patch | sed -E 's/CASE\((\w+)\)/\1/' | sort -u)
for name in $(comm -23 <(echo "$waiting") <(echo "$cases")); do fail "$name has no CASE in tests/patch"; done

[ $failed = 0 ] && echo "$(wc -w <<<"$hooked") symbols hooked; $(wc -w <<<"$waiting") may wait and have a case"
exit $failed
