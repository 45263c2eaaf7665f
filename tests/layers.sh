#!/usr/bin/env bash
# The arrows between the folders point down only (greenlet < hub < patch, tools, examples), what is special is in one
# file, and each header compiles alone.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

# forbid PATTERN WHY FILES...: no line of FILES matches.
forbid() {
  local pattern=$1 why=$2
  shift 2
  if grep -rnE --include='*.cpp' --include='*.c' --include='*.h' "$pattern" "$@"; then
    echo "FAILED: $why"
    failed=1
  fi
}

project='^ *# *include +"'
forbid "$project(hub|patch|tools|tests|examples)/" 'greenlet/ includes only greenlet/' greenlet
forbid "$project(patch|tools|tests|examples)/" 'hub/ includes only greenlet/ and hub/' hub
forbid "$project(tools|tests|examples)/" 'patch/ includes only greenlet/, hub/ and patch/' patch
forbid "$project(patch|tests)/" 'tools/ and examples/ know nothing of patch/' tools examples
forbid "$project([^/]*\.h\"|\.)" 'a header is named from the root of the repository' greenlet hub patch tools examples
mapfile -t not_loop < <(find greenlet hub patch tools/evergreen examples -name '*.[ch]*' ! -path 'hub/core/loop.*')
forbid '^ *# *include +<ev(\+\+)?\.h>' 'only hub/core/loop.* includes <ev.h>' "${not_loop[@]}"
mapfile -t not_arch < <(find greenlet hub patch tools examples -name '*.[ch]*' ! -name arch_x86_64.h)
forbid '(^|[;{}]) *(asm|__asm|__asm__)\b' 'only greenlet/arch_x86_64.h has assembly' "${not_arch[@]}"

for header in $(find greenlet hub patch -name '*.h'); do
  g++ -fsyntax-only -std=c++20 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Ihub -x c++ - <<<"#include \"$header\"" ||
    { echo "FAILED: $header does not compile alone"; failed=1; }
done
exit $failed
