#!/usr/bin/env bash
# install.sh BUILD EXAMPLE: evergreen as its users have it. Installs what was built to a folder of its own, and builds,
# runs and examines EXAMPLE with nothing of the source tree in reach.
set -euo pipefail
build=$1 example=$2 here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
DESTDIR=$place/root meson install -C "$build" --no-rebuild --quiet
cp "$example" "$place/example.cpp"
cd "$place"

config=$(find root -name evergreen.pc)
export PKG_CONFIG_SYSROOT_DIR=$place/root PKG_CONFIG_LIBDIR=$place/${config%/*}
read -ra flags <<<"$(pkg-config --cflags evergreen)"
read -ra libraries <<<"$(pkg-config --libs evergreen)"
export LD_LIBRARY_PATH=$place/${config%/pkgconfig/*}
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# expect HOW: ./outside says what the example says in the build's own folder.
"$build/examples/$(basename "$example" .cpp)" >expected
expect() {
  timeout 60 ./outside | cmp - expected || fail "the example built $1 does not say the same"
  rm outside
}
for compiler in g++ clang++; do
  "$compiler" "${flags[@]}" -Wall -Wextra -Werror -pedantic example.cpp -o outside "${libraries[@]}"
  expect "by $compiler"
done
cmake -S "$here" -B cmake -DSOURCE="$place/example.cpp" >cmake.log && cmake --build cmake >>cmake.log ||
  { cat cmake.log; fail 'CMake does not find it'; }
cp cmake/outside .
expect 'by CMake'

cat >patched.cpp <<'END'
#include <evergreen/evergreen.h>
int main() { return evergreen::patch::is_patched("recv") ? 0 : 1; }
END
read -ra patch <<<"$(pkg-config --libs evergreen-patch)"
g++ "${flags[@]}" patched.cpp -o patched "${patch[@]}" && ./patched || fail 'the patch is not linked by pkg-config evergreen-patch'

read -r headers <<<"$(pkg-config --cflags-only-I evergreen)"
headers=${headers#-I}
includes=$(g++ "${flags[@]}" -M example.cpp | tr -d '\\' | tr -s ' ' '\n')
grep -E '(^|/)ev\+*\.h$|/boost/' <<<"$includes" && fail 'a public header includes libev or Boost'
grep -E '^/' <<<"$includes" | grep -vE "^(/usr/|$place/root)" && fail 'a public header needs more than is installed'
grep -rnE '^ *# *define' "$headers/evergreen" && fail 'a public header defines a macro'
find "$headers" -name '*.h' -printf '%P\n' | sort >names
while read -r header; do
  for compiler in g++ clang++; do
    "$compiler" -fsyntax-only -std=c++20 -Wall -Wextra -Werror -pedantic -I"$headers" -x c++ - <<<"#include <$header>" ||
      fail "$header does not compile alone with $compiler"
  done
  # TLS is a library of its own, and so asked for by name.
  [[ $header == *detail/* || $header == */evergreen.h || $header == */tls.h ]] || grep -qF "#include \"$header\"" "$headers/evergreen/evergreen.h" ||
    fail "evergreen.h does not include $header"
done <names
echo "$(wc -l <names) headers"
exit $failed
