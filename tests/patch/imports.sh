#!/usr/bin/env bash
# imports.sh PROGRAM SYMBOL...: does PROGRAM import each SYMBOL, so that its cases test what they are named for?
set -euo pipefail
program=$1
shift
imported=$(nm --dynamic --undefined-only "$program")
for symbol in "$@"; do
  grep -qw "$symbol" <<<"$imported" || { echo "$program does not import $symbol"; exit 1; }
done
